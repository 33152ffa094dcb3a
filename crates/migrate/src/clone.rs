//! A copy of a database for somebody to try things on, beside it on its server, until it is dropped.
//!
//! Only what has such a name is ever dropped: a name cannot be that of a user's database by chance, and who made it
//! knows it before it is there.

use std::{path::Path, process};

use url::Url;

use crate::{Database, DatabaseError, SnapshotError, engine::Engine};

/// What such a database's name begins with.
const PREFIX: &str = "towpath_clone_";

/// The name of a clone: what it is, when it was made, in milliseconds since 1970, and by which process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneName(String);

impl CloneName {
    /// A name for one that is made now; `number` tells those apart that a process makes at one time.
    pub fn new(now_ms: i64, number: usize) -> CloneName {
        CloneName(format!("{PREFIX}{now_ms}_{}_{number}", process::id()))
    }

    /// A name that was written down; nothing where no clone is called so.
    pub fn parse(text: &str) -> Option<CloneName> {
        let numbers = text.strip_prefix(PREFIX)?.split('_');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let count = numbers.clone().count();
        (count == 3 && numbers.clone().all(is_number)).then(|| CloneName(text.to_owned()))
    }

    /// The name as text, safe in SQL as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a database was not cloned, or its clone not dropped. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloneError {
    /// It is a file: a snapshot of it is its clone.
    #[error("clone a database that is a file beside itself")]
    File,
    /// There is no database to copy into.
    #[error("make a database for a clone: {}", .0.detail())]
    Make(DatabaseError),
    /// It cannot be copied.
    #[error("clone a database: could not {0}")]
    Copy(SnapshotError),
    /// The clone is still there.
    #[error("drop the clone {name}: {}", error.detail())]
    Drop {
        /// What it is called.
        name: String,
        /// What the server said.
        error: DatabaseError,
    },
}

impl CloneError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            CloneError::Make(DatabaseError::Denied { .. }) => {
                "allow the user of the URL to create databases: `ALTER ROLE … CREATEDB` in PostgreSQL, \
                 `GRANT ALL ON `towpath\\_clone\\_%`.* TO …` in MySQL"
                    .into()
            }
            CloneError::File => "take a snapshot of it".into(),
            CloneError::Make(error) => error.remedy(),
            CloneError::Copy(error) => error.remedy(),
            CloneError::Drop { .. } => "drop it by hand, or leave it to the next try".into(),
        }
    }
}

impl Database {
    /// The database of this name on the same server. A file has none beside it, and answers for itself.
    pub fn on_clone(&self, name: &CloneName) -> Database {
        Database::of(self.engine().beside(name.as_str()))
    }

    /// The URL that leads to the clone, made of one that leads to a database of this name, on whichever server and for
    /// whichever user: a replica or a pool has other hosts. Nothing for what is the URL of something else.
    pub fn url_on_clone(&self, url: &str, name: &CloneName) -> Option<String> {
        let theirs = Engine::open(Path::new(""), url).ok()?;
        if theirs.name().is_none() || theirs.name() != self.engine().name() {
            return None;
        }
        let mut url = Url::parse(url).ok()?;
        url.set_path(name.as_str());
        // It says the database once more, and would count.
        if url.query_pairs().any(|(key, _)| key == "dbname") {
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let others = pairs.iter().filter(|(key, _)| key != "dbname");
            url.query_pairs_mut().clear().extend_pairs(others);
        }
        Some(url.into())
    }

    /// Copies a database on a server to a new one beside it, while it is in use; one of that name is dropped first. The
    /// dump that passes between the two lies in `folder` meanwhile, and is removed.
    ///
    /// In PostgreSQL the server copies it where it is smaller than 64 MB, nobody is connected to it, and the user may have
    /// that done; who connects meanwhile waits. The user of the URL must be allowed to create databases.
    pub async fn make_clone(
        &self,
        name: &CloneName,
        folder: impl AsRef<Path>,
        key: &str,
    ) -> Result<Database, CloneError> {
        let engine = self.engine();
        if engine.name().is_none() {
            return Err(CloneError::File);
        }
        self.drop_clone(name).await?;
        let dump = folder.as_ref().join(name.as_str());
        // What a process left there that was killed is of an earlier moment.
        let _ = std::fs::remove_file(&dump);
        let is_whole = engine.make_beside(name.as_str()).await;
        let clone = self.on_clone(name);
        if is_whole.map_err(CloneError::Make)? {
            return Ok(clone);
        }
        let copied = copy(engine, clone.engine(), &dump, key).await;
        // It holds everything that the database does. One that cannot be removed lies in the caller's folder.
        let _ = std::fs::remove_file(&dump);
        copied.map_err(CloneError::Copy)?;
        Ok(clone)
    }

    /// Drops a clone that lies beside this database, with whoever is connected to it. Nothing where there is none.
    pub async fn drop_clone(&self, name: &CloneName) -> Result<(), CloneError> {
        let dropped = self.engine().drop_beside(name.as_str()).await;
        dropped.map_err(|error| CloneError::Drop {
            name: name.as_str().to_owned(),
            error,
        })
    }
}

async fn copy(from: &Engine, to: &Engine, dump: &Path, key: &str) -> Result<(), SnapshotError> {
    from.snapshot(dump).await?;
    to.restore(dump, key).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_the_clone_wherever_it_led_to_the_database() {
        let name = CloneName::parse("towpath_clone_1_2_3").unwrap();
        let database = Database::open("postgres://ann:a%2Fb@db:5432/app?sslmode=require").unwrap();
        for (url, led) in [
            (
                "postgres://ann:a%2Fb@db:5432/app?sslmode=require",
                "postgres://ann:a%2Fb@db:5432/towpath_clone_1_2_3?sslmode=require",
            ),
            (
                "postgresql://reader@replica/app",
                "postgresql://reader@replica/towpath_clone_1_2_3",
            ),
            (
                "postgres://db/other?dbname=app&sslmode=require",
                "postgres://db/towpath_clone_1_2_3?sslmode=require",
            ),
        ] {
            assert_eq!(database.url_on_clone(url, &name).as_deref(), Some(led));
        }
        for url in [
            "postgres://ann@db/billing",
            "mysql://ann@db/app",
            "https://db/app",
            "app",
        ] {
            assert_eq!(database.url_on_clone(url, &name), None, "{url}");
        }
    }

    #[test]
    fn only_what_is_named_as_a_clone_is_one() {
        let name = CloneName::new(1_790_000_000_123, 2);
        assert_eq!(CloneName::parse(name.as_str()), Some(name));
        for other in [
            "app",
            "towpath_clone_",
            "towpath_clone_1_2",
            "towpath_clone_1_2_x",
            "towpath_clone_1_2_3_4",
            "towpath_clone_1_2_3; DROP",
            "towpath_scratch_1_2_3",
        ] {
            assert_eq!(CloneName::parse(other), None, "{other}");
        }
    }
}
