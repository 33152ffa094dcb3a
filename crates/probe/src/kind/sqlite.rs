//! A SQLite database: whether its file is there, and is one.

use std::path::Path;

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{Finding, Subject, call::Call};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let path = path(call.subject)?;
    if !Path::new(path).is_file() {
        return Err(Finding::red(format!("there is no file {path}")));
    }
    let query = async {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(call.left())
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

/// The file: of the endpoint, or of a credential with a URL.
fn path(subject: &Subject) -> Result<&str, Finding> {
    let mut urls = subject.naming(&["DATABASE_URL", "URL", "DSN"]);
    let of_url = |url: &'_ str| url.starts_with("sqlite:");
    let written = urls.find(|url| of_url(url)).or_else(|| subject.endpoint());
    let path = written.map(|written| {
        let path = written.strip_prefix("sqlite:").unwrap_or(written);
        let path = path.strip_prefix("//").unwrap_or(path);
        path.split('?').next().unwrap_or(path)
    });
    match path.filter(|path| !path.is_empty()) {
        Some(":memory:") => Err(Finding::unknown(
            "a database in memory has no file to look at",
        )),
        Some(path) => Ok(path),
        None => Err(Finding::unknown(
            "its file is not known; write it as endpoint, or set a sqlite: URL in a key whose name contains URL or DSN",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_in_several_ways() {
        for written in [
            "/var/app.db",
            "sqlite:/var/app.db",
            "sqlite:///var/app.db?mode=rwc",
        ] {
            let subject = Subject {
                endpoint: Some(written.into()),
                ..Subject::default()
            };
            assert_eq!(path(&subject), Ok("/var/app.db"));
        }
        let mut subject = Subject::default();
        assert!(path(&subject).is_err());
        subject.endpoint = Some("sqlite::memory:".into());
        assert!(path(&subject).is_err());
    }
}
