//! PostgreSQL: how it is connected to. What is done with it is in the files beside this one.
//!
//! What a session of ours does that others do not:
//!
//! * *One connection* holds the lock and runs the migrations: who loses the one has lost the other.
//! * *A migration begins anew*: settings, roles and temporary tables that one leaves do not reach the next, whether they
//!   are applied together or weeks apart. A dump that empties `search_path` is the usual one.
//! * *Nobody waits long for a lock*, because everybody else then waits behind it: a statement that does not get its locks
//!   is given up with its transaction, which is tried again while there is patience.
//!
//! A pool that hands out another connection for each transaction cannot hold a lock of a session: migrations need a URL
//! that leads to the server itself.

mod dumped;
mod lock;
mod snapshot;
mod statements;

use std::{collections::BTreeMap, fmt, io, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use url::Url;

pub(super) use statements::{
    failed, finalized, indexes, is_done, is_setting, left, own_names, remains, script, without,
};

use super::{LONGEST_WAY_IN, noticed, shortened, steps::Statement};
use crate::{DatabaseError, LOCK_TIMEOUT, STATEMENT_TIMEOUT, database::PATIENCE};

/// A PostgreSQL database.
#[derive(Clone)]
pub(crate) struct Postgres {
    options: PgConnectOptions,
    /// What PostgreSQL's own programs read in their environment.
    variables: BTreeMap<&'static str, String>,
    may_create: bool,
    patience: Duration,
    lock_timeout: Duration,
    statement_timeout: Option<Duration>,
}

/// Without the password.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.title()).finish()
    }
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Postgres, DatabaseError> {
        let bad = |problem: String| DatabaseError::Url { problem };
        let options = PgConnectOptions::from_str(url).map_err(|error| bad(error.to_string()))?;
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        Ok(Postgres {
            variables: variables(&options, &parsed),
            // A migration's statements may hold personal data, and are no business of the log.
            options: options.disable_statement_logging(),
            may_create: false,
            patience: PATIENCE,
            lock_timeout: LOCK_TIMEOUT,
            statement_timeout: Some(STATEMENT_TIMEOUT),
        })
    }

    pub(super) fn create_if_missing(&mut self) {
        self.may_create = true;
    }

    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn set_timeouts(&mut self, lock: Duration, statement: Option<Duration>) {
        self.lock_timeout = lock;
        self.statement_timeout = statement;
    }

    /// Another database of the same server.
    pub(super) fn beside(&self, name: &str) -> Postgres {
        let mut other = self.clone();
        other.options = other.options.database(name);
        other.variables.insert("PGDATABASE", name.to_owned());
        other
    }

    /// Its name: that of the user where the URL has none, as every client has it.
    pub(super) fn name(&self) -> &str {
        let user = self.options.get_username();
        self.options.get_database().unwrap_or(user)
    }

    /// What it is called in messages.
    fn title(&self) -> String {
        let host = match self.options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => self.options.get_host().to_owned(),
        };
        format!("{} at {host}:{}", self.name(), self.options.get_port())
    }

    /// A connection; none when there is no such database.
    pub(super) async fn reader(&self) -> Result<Option<PgConnection>, DatabaseError> {
        match self.connect().await {
            Ok(connection) => Ok(Some(connection)),
            Err(DatabaseError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A connection, to a database made for it where that is allowed.
    async fn writer(&self) -> Result<PgConnection, DatabaseError> {
        match self.connect().await {
            Err(DatabaseError::Absent { .. }) if self.may_create => {
                self.create().await?;
                self.connect().await
            }
            connected => connected,
        }
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, DatabaseError> {
        let connected = noticed(self.options.connect(), self.patience).await;
        connected.map_err(|error| self.error(&error))
    }

    async fn create(&self) -> Result<(), DatabaseError> {
        let failed = |error: sqlx::Error| self.error(&error);
        let options = self.options.clone().database("postgres");
        let mut connection = noticed(options.connect(), self.patience)
            .await
            .map_err(failed)?;
        let sql = format!("CREATE DATABASE {}", quoted(self.name()));
        let made = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await.map_err(failed)?;
        match made {
            // Somebody else was faster: the one is called a duplicate, the other meets it in the catalogue.
            Err(sqlx::Error::Database(refusal))
                if matches!(refusal.code().as_deref(), Some("42P04" | "23505")) =>
            {
                Ok(())
            }
            made => made.map(drop).map_err(failed),
        }
    }

    /// Begins a migration's first transaction.
    pub(super) fn begin_anew(&self) -> String {
        let statement = self.statement_timeout.unwrap_or_default();
        format!(
            "RESET SESSION AUTHORIZATION; RESET ALL; DISCARD TEMP; SET lock_timeout = {}; SET statement_timeout = {}; BEGIN",
            self.lock_timeout.as_millis(),
            statement.as_millis()
        )
    }

    /// What stands around a statement that nobody has to wait behind: it may wait for the others' transactions as long as
    /// a statement may take, for one that is given up leaves an index that is not valid. Not where the script says itself
    /// how long.
    pub(super) fn patiently(
        &self,
        statement: &str,
        script: &[Statement<'_>],
    ) -> Option<[String; 2]> {
        let says = |statement: &Statement<'_>| {
            let text = statement.text.to_ascii_lowercase();
            text.contains("lock_timeout")
        };
        let is_patient = statements::is_concurrent(statement) && !script.iter().any(says);
        is_patient.then(|| {
            [Duration::ZERO, self.lock_timeout]
                .map(|timeout| format!("SET lock_timeout = {}", timeout.as_millis()))
        })
    }

    /// Sorts its errors (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) by what a person would do.
    pub(super) fn error(&self, error: &sqlx::Error) -> DatabaseError {
        let database = self.title();
        let refusal = match error {
            sqlx::Error::Database(refusal) => refusal,
            // What a certificate is refused for comes as an error of reading from the server.
            sqlx::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
                let message = source.to_string();
                return DatabaseError::Untrusted { database, message };
            }
            sqlx::Error::Io(source) => {
                let message = match source.kind() {
                    io::ErrorKind::UnexpectedEof => "it closed the connection".into(),
                    _ => source.to_string(),
                };
                return DatabaseError::Unreachable { database, message };
            }
            sqlx::Error::Tls(source) => {
                let message = source.to_string();
                return DatabaseError::Untrusted { database, message };
            }
            other => {
                return DatabaseError::Refused {
                    message: shortened(&other.to_string()),
                };
            }
        };
        let message = shortened(refusal.message());
        let code = refusal.code().unwrap_or_default();
        match code.as_ref() {
            "3D000" => DatabaseError::Absent { database },
            "28000" | "28P01" | "42501" => DatabaseError::Denied { database, message },
            "25006" => DatabaseError::ReadOnly { database, message },
            "55P03" | "40P01" | "40001" | "53300" => DatabaseError::Busy { database, message },
            "57014" => DatabaseError::Timeout { database, message },
            "53100" | "58030" => DatabaseError::Full { database, message },
            code if code.starts_with("57P") || code.starts_with("08") => {
                DatabaseError::Unreachable { database, message }
            }
            _ => DatabaseError::Refused { message },
        }
    }
}

/// A connection's options as the environment of PostgreSQL's own programs has them.
fn variables(options: &PgConnectOptions, url: &Url) -> BTreeMap<&'static str, String> {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let user = options.get_username();
    let mut variables = BTreeMap::from([
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", user.to_owned()),
        (
            "PGDATABASE",
            options.get_database().unwrap_or(user).to_owned(),
        ),
        ("PGCONNECT_TIMEOUT", LONGEST_WAY_IN.as_secs().to_string()),
    ]);
    if let Some(password) = url.password() {
        let password = percent_decode_str(password).decode_utf8_lossy();
        variables.insert("PGPASSWORD", password.into_owned());
    }
    for (key, value) in url.query_pairs() {
        let variable = match key.as_ref() {
            "password" => "PGPASSWORD",
            "sslmode" | "ssl-mode" => "PGSSLMODE",
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            "options" => "PGOPTIONS",
            _ => continue,
        };
        variables.insert(variable, value.into_owned());
    }
    variables
}

/// A name in quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
