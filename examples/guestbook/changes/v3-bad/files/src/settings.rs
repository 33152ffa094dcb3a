//! What the environment's variables tell the service. Nothing else reads them.

use std::{env, fmt, path::PathBuf, time::Duration};

/// The greeting of an environment that has none of its own.
const WELCOME: &str = "Moored for the night, or only passing through? Leave a line.";

/// The service's settings.
#[derive(Debug, Default)]
pub struct Settings {
    /// The port to listen on, `PORT`; 0 takes a free one.
    pub port: u16,
    /// The database's file, from `DATABASE_URL`.
    pub database: PathBuf,
    /// What visitors are greeted with, `WELCOME`.
    pub welcome: String,
    /// How long a rendered feed is served again, `FEED_CACHE_SECONDS`; not at all unless said.
    pub keep_feed: Duration,
    /// What is running, for people to see.
    pub release: Release,
}

/// What is running and where, as Towpath tells every service.
#[derive(Debug, Default)]
pub struct Release {
    /// The release's name such as `v42`, `TOWPATH_RELEASE`.
    pub name: Option<String>,
    /// The commit that it was built from, `TOWPATH_COMMIT`.
    pub commit: Option<String>,
    /// The environment's name, `TOWPATH_ENVIRONMENT`.
    pub environment: Option<String>,
}

impl Settings {
    /// Reads the settings of this process.
    pub fn from_environment() -> Result<Self, String> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads the settings from any source of variables. An empty variable counts as none.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let port = variable("PORT").unwrap_or_else(|| "8080".into());
        let keep_feed = variable("FEED_CACHE_SECONDS").unwrap_or_else(|| "0".into());
        let url = variable("DATABASE_URL")
            .ok_or("DATABASE_URL is missing; it looks like sqlite:///var/lib/guestbook.sqlite")?;
        Ok(Settings {
            port: port
                .parse()
                .map_err(|_| format!("PORT is not a port: `{port}`"))?,
            database: sqlite_file(&url)?,
            welcome: variable("WELCOME").unwrap_or_else(|| WELCOME.into()),
            keep_feed: keep_feed
                .parse()
                .map(Duration::from_secs)
                .map_err(|_| format!("FEED_CACHE_SECONDS is not a number: `{keep_feed}`"))?,
            release: Release {
                name: variable("TOWPATH_RELEASE"),
                commit: variable("TOWPATH_COMMIT"),
                environment: variable("TOWPATH_ENVIRONMENT"),
            },
        })
    }
}

/// The file that a database's URL names: `sqlite:///absolute/path`, `sqlite://relative/path` or `sqlite:path`.
fn sqlite_file(url: &str) -> Result<PathBuf, String> {
    let path = url.strip_prefix("sqlite:").ok_or(
        "DATABASE_URL is not a SQLite URL; it looks like sqlite:///var/lib/guestbook.sqlite",
    )?;
    let path = path.strip_prefix("//").unwrap_or(path);
    // Parameters such as `?mode=rwc` are for other programs that read the same variable.
    match path.split('?').next() {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err("DATABASE_URL names no file".into()),
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("unreleased"))?;
        if let Some(commit) = &self.commit {
            write!(f, " ({})", commit.get(..7).unwrap_or(commit))?;
        }
        if let Some(environment) = &self.environment {
            write!(f, " in {environment}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_database_is_enough() {
        let settings = read(&[("DATABASE_URL", "sqlite:///data/book.sqlite")]).unwrap();
        assert_eq!(settings.port, 8080);
        assert_eq!(settings.database, PathBuf::from("/data/book.sqlite"));
        assert_eq!(settings.release.to_string(), "unreleased");
        assert_eq!(settings.keep_feed, Duration::ZERO);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read(&[]).unwrap_err().contains("DATABASE_URL is missing"));
        let url = ("DATABASE_URL", "sqlite:book");
        assert!(
            read(&[url, ("PORT", "http")])
                .unwrap_err()
                .contains("`http`")
        );
        let keep = ("FEED_CACHE_SECONDS", "soon");
        assert!(read(&[url, keep]).unwrap_err().contains("`soon`"));
        for wrong in ["postgres://x", "sqlite:", "sqlite://", "sqlite://?mode=rwc"] {
            assert!(read(&[("DATABASE_URL", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_release_is_told_in_full() {
        let release = read(&[
            ("DATABASE_URL", "sqlite:book?mode=rwc"),
            ("TOWPATH_RELEASE", "v42"),
            ("TOWPATH_COMMIT", "0123456789abcdef"),
            ("TOWPATH_ENVIRONMENT", "staging"),
        ])
        .unwrap()
        .release;
        assert_eq!(release.to_string(), "v42 (0123456) in staging");
    }
}
