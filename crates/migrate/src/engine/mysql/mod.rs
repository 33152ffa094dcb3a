//! MySQL and MariaDB: how they are connected to. What is done with them is in the files beside this one.
//!
//! They end a transaction at every statement that changes the schema, so a migration is always run statement by
//! statement. Before such a statement it is kept what the schema is like; where nobody came to note that it was done,
//! the schema tells: as only the lock's holder changes it, either it is as before, or the statement was done, which for
//! one statement the engines promise to be all or nothing (<https://dev.mysql.com/doc/refman/8.4/en/atomic-ddl.html>;
//! MariaDB for each table of several only: <https://mariadb.com/kb/en/atomic-ddl/>). Once a statement has failed, somebody
//! may put right what was in its way, and the schema tells nothing any more.

mod dumped;
mod lock;
mod schema;
mod session;
mod snapshot;
mod statements;
mod storage;

use std::{collections::BTreeMap, fmt, io, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
};
use url::Url;

pub(super) use schema::fingerprint;
pub(super) use session::{again, drop_temporary, variables};
pub(super) use statements::{completed, script};
pub(super) use storage::without_transactions;

use super::{noticed, shortened};
use crate::{DatabaseError, LOCK_TIMEOUT, database::PATIENCE};

/// A database of MySQL or MariaDB.
#[derive(Clone)]
pub(crate) struct Mysql {
    options: MySqlConnectOptions,
    /// What its own programs are told, besides the database.
    client: Client,
    may_create: bool,
    patience: Duration,
    lock_timeout: Duration,
}

/// How its own programs reach it.
#[derive(Clone)]
struct Client {
    arguments: BTreeMap<&'static str, String>,
    password: Option<String>,
}

/// Without the password.
impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mysql").field(&self.title()).finish()
    }
}

impl Mysql {
    pub(super) fn open(url: &str) -> Result<Mysql, DatabaseError> {
        let bad = |problem: String| DatabaseError::Url { problem };
        let options = MySqlConnectOptions::from_str(url).map_err(|error| bad(error.to_string()))?;
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(bad("it names no database".into()));
        }
        Ok(Mysql {
            client: Client::of(&options, &parsed),
            // A migration's statements may hold personal data, and are no business of the log.
            options: options.disable_statement_logging(),
            may_create: false,
            patience: PATIENCE,
            lock_timeout: LOCK_TIMEOUT,
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

    /// The two servers have no common way to end a statement that changes the schema after a while.
    pub(super) fn set_lock_timeout(&mut self, lock: Duration) {
        self.lock_timeout = lock;
    }

    /// Another database of the same server.
    pub(super) fn beside(&self, name: &str) -> Mysql {
        let mut other = self.clone();
        other.options = other.options.database(name);
        other
    }

    pub(super) fn name(&self) -> &str {
        self.options.get_database().unwrap_or_default()
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
    pub(super) async fn reader(&self) -> Result<Option<MySqlConnection>, DatabaseError> {
        match self.connect().await {
            Ok(connection) => Ok(Some(connection)),
            Err(DatabaseError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A connection, to a database made for it where that is allowed.
    async fn writer(&self) -> Result<MySqlConnection, DatabaseError> {
        match self.connect().await {
            Err(DatabaseError::Absent { .. }) if self.may_create => {
                self.create().await?;
                self.connect().await
            }
            connected => connected,
        }
    }

    pub(super) async fn connect(&self) -> Result<MySqlConnection, DatabaseError> {
        let connected = noticed(self.options.connect(), self.patience).await;
        connected.map_err(|error| self.error(&error))
    }

    async fn create(&self) -> Result<(), DatabaseError> {
        let failed = |error: sqlx::Error| self.error(&error);
        let options = self.options.clone().database("information_schema");
        let mut connection = noticed(options.connect(), self.patience)
            .await
            .map_err(failed)?;
        let sql = format!("CREATE DATABASE IF NOT EXISTS {}", quoted(self.name()));
        let made = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await.map_err(failed)?;
        made.map(drop).map_err(failed)
    }

    /// Sets up a session, and begins a migration's first transaction. There is no way back to what a session had at its
    /// beginning but a new one, so what is known to matter is set.
    pub(super) fn begin_anew(&self) -> String {
        // In seconds, of which less than one is none at all.
        let lock = self.lock_timeout.as_secs().max(1);
        format!(
            "ROLLBACK; SET SESSION lock_wait_timeout = {lock}, SESSION innodb_lock_wait_timeout = {lock}, \
             foreign_key_checks = DEFAULT, unique_checks = DEFAULT, sql_safe_updates = DEFAULT, \
             sql_mode = DEFAULT, time_zone = DEFAULT, autocommit = 1; USE {}; START TRANSACTION",
            quoted(self.name())
        )
    }

    /// Sorts its errors (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>) by what a person
    /// would do about them.
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
                let message = source.to_string();
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
        let number = refusal
            .try_downcast_ref::<MySqlDatabaseError>()
            .map_or(0, MySqlDatabaseError::number);
        match number {
            1049 => DatabaseError::Absent { database },
            1044 | 1045 | 1142 | 1143 | 1227 | 1698 => DatabaseError::Denied { database, message },
            1290 | 1792 | 1836 => DatabaseError::ReadOnly { database, message },
            // What was begun to be read was changed by somebody else.
            1040 | 1205 | 1213 | 1412 => DatabaseError::Busy { database, message },
            1969 | 3024 => DatabaseError::Timeout { database, message },
            1021 | 1114 => DatabaseError::Full { database, message },
            1053 | 1927 => DatabaseError::Unreachable { database, message },
            _ => DatabaseError::Refused { message },
        }
    }
}

impl Client {
    fn of(options: &MySqlConnectOptions, url: &Url) -> Client {
        let mut arguments = BTreeMap::from([("user", options.get_username().to_owned())]);
        match options.get_socket() {
            Some(socket) => {
                arguments.insert("socket", socket.display().to_string());
            }
            None => {
                arguments.insert("host", options.get_host().to_owned());
                arguments.insert("port", options.get_port().to_string());
                arguments.insert("protocol", "tcp".into());
            }
        }
        for (key, value) in url.query_pairs() {
            let argument = match key.as_ref() {
                "ssl-ca" => "ssl-ca",
                "ssl-cert" => "ssl-cert",
                "ssl-key" => "ssl-key",
                _ => continue,
            };
            arguments.insert(argument, value.into_owned());
        }
        let password = url.password().map(percent_decode_str);
        Client {
            arguments,
            password: password.map(|password| password.decode_utf8_lossy().into_owned()),
        }
    }
}

/// A name in quotes.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
