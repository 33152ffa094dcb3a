//! A SQLite database: whether its file is there, and is one.

use std::{path::Path, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{Finding, Subject, call::Call};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let path = path(call.subject)?;
    let path = path.as_str();
    if !Path::new(path).is_file() {
        return Err(Finding::red(format!("there is no file {path}")));
    }
    let query = async {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            // Without a log nobody writes, and reading needs no files beside it, which would be left behind.
            .immutable(!Path::new(&format!("{path}-wal")).exists())
            .create_if_missing(false)
            // SQLite counts the milliseconds in 32 bits.
            .busy_timeout(call.left().min(Duration::from_secs(3600)))
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options).await?;
        // Reading what tables there are reads the file; the version alone would not.
        let query = "select count(*), sqlite_version() from sqlite_schema where type = 'table'";
        let row: (i64, String) = sqlx::query_as(query).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(row)
    };
    match call.within(path, query).await? {
        Ok((tables, version)) => {
            let finding = match tables {
                0 => Finding::amber(format!("{path} is a SQLite database without a table")),
                1 => Finding::green(format!("{path} is a SQLite database with 1 table")),
                count => Finding::green(format!("{path} is a SQLite database with {count} tables")),
            };
            Ok(finding
                .fact("engine", "SQLite")
                .fact("version", version)
                .fact("tables", tables))
        }
        Err(sqlx::Error::Database(told)) => Err(Finding::red(format!(
            "{path} cannot be read as a SQLite database: {}",
            told.message()
        ))),
        Err(error) => Err(Finding::red(format!("{path} cannot be read: {error}"))),
    }
}

/// The file: of a credential with a URL, or of the endpoint.
fn path(subject: &Subject) -> Result<String, Finding> {
    let mut urls = subject.naming(&["DATABASE_URL", "URL", "DSN"]);
    let url = urls.find(|url| url.starts_with("sqlite:"));
    let written = url.or_else(|| subject.endpoint()).unwrap_or_default();
    let path = match written.strip_prefix("sqlite:") {
        // As sqlx reads such a URL.
        Some(rest) => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = path.split('?').next().unwrap_or(path);
            percent_decode_str(path).decode_utf8_lossy().into_owned()
        }
        None => written.to_owned(),
    };
    match path.as_str() {
        ":memory:" => Err(Finding::unknown(
            "a database in memory has no file to look at",
        )),
        "" => Err(Finding::unknown(
            "its file is not known; write it as endpoint, or set a sqlite: URL in a key whose name contains URL or DSN",
        )),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_in_several_ways() {
        for written in [
            "/var/my app.db",
            "sqlite:/var/my app.db",
            "sqlite:///var/my%20app.db?mode=rwc",
        ] {
            let subject = Subject {
                endpoint: Some(written.into()),
                ..Subject::default()
            };
            assert_eq!(path(&subject).as_deref(), Ok("/var/my app.db"));
        }
        let mut subject = Subject::default();
        assert!(path(&subject).is_err());
        subject.endpoint = Some("sqlite::memory:".into());
        assert!(path(&subject).is_err());
    }
}
