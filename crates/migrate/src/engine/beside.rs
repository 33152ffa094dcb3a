//! Another database on the server of the user's: made, as a copy where the server can copy, and dropped again.

use sqlx::Error;

use super::{Connection, Engine};
use crate::{DatabaseError, classify::Dialect};

impl Engine {
    /// What its server calls it, and whose it is; a file has no such name.
    pub(crate) fn name(&self) -> Option<(Dialect, &str)> {
        let name = match self {
            Engine::Sqlite(_) => return None,
            Engine::Postgres(postgres) => postgres.name(),
            Engine::Mysql(mysql) => mysql.name(),
        };
        Some((self.dialect(), name))
    }

    /// Another database of the same server; a file has none beside it.
    pub(crate) fn beside(&self, name: &str) -> Engine {
        match self {
            Engine::Sqlite(sqlite) => Engine::Sqlite(sqlite.clone()),
            Engine::Postgres(postgres) => Engine::Postgres(Box::new(postgres.beside(name))),
            Engine::Mysql(mysql) => Engine::Mysql(Box::new(mysql.beside(name))),
        }
    }

    /// A connection to the user's own database, to make another with.
    pub(super) async fn maker(&self) -> Result<Option<Connection>, DatabaseError> {
        Ok(match self {
            Engine::Sqlite(_) => None,
            Engine::Postgres(postgres) => Some(Connection::Postgres(postgres.connect().await?)),
            Engine::Mysql(mysql) => Some(Connection::Mysql(mysql.connect().await?)),
        })
    }

    /// Makes a database of this name, which must be safe in SQL as it is. Answers whether it holds everything that the
    /// user's does; otherwise it is empty.
    pub(crate) async fn make_beside(&self, name: &str) -> Result<bool, DatabaseError> {
        let Some(mut maker) = self.maker().await? else {
            return Ok(false);
        };
        let made = async {
            if copy(&mut maker, name).await? {
                return Ok(true);
            }
            make(&mut maker, name).await?;
            Ok(false)
        };
        let made = made.await;
        let closed = maker.close().await;
        let is_whole = made.map_err(|error| self.error(&error))?;
        closed.map_err(|error| self.error(&error))?;
        Ok(is_whole)
    }

    /// Drops a database of this name, if there is one, whoever is connected to it.
    pub(crate) async fn drop_beside(&self, name: &str) -> Result<(), DatabaseError> {
        let Some(mut maker) = self.maker().await? else {
            return Ok(());
        };
        let dropped = drop_it(&mut maker, name).await;
        let closed = maker.close().await;
        dropped.and(closed).map_err(|error| self.error(&error))
    }
}

/// Makes an empty database; in MySQL its texts are compared as those of the user's are.
pub(super) async fn make(maker: &mut Connection, name: &str) -> Result<(), Error> {
    match maker {
        Connection::Mysql(_) => {
            let like =
                "SELECT @@character_set_database AS charset, @@collation_database AS collation";
            let like = maker.rows(like, &[]).await?;
            let like = like.first().ok_or(Error::RowNotFound)?;
            let (charset, collation) = (like.text("charset")?, like.text("collation")?);
            maker
                .execute(&format!(
                    "CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}"
                ))
                .await
        }
        Connection::Sqlite(_) | Connection::Postgres(_) => {
            maker.execute(&format!("CREATE DATABASE {name}")).await
        }
    }
}

/// How large a database may be that the server copies, in bytes: that takes a second or two.
const LARGEST_COPY: i64 = 64 << 20;

/// Has the server copy the maker's database, where it can.
///
/// PostgreSQL lets nobody in meanwhile, and waits for those who are connected before it gives up: it is not tried where
/// there is one, nor with what takes long.
async fn copy(maker: &mut Connection, name: &str) -> Result<bool, Error> {
    let Connection::Postgres(_) = maker else {
        return Ok(false);
    };
    let here = "SELECT quote_ident(current_database()) AS here, \
                (SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()) AS others, \
                pg_database_size(current_database()) AS bytes";
    let here = maker.rows(here, &[]).await?;
    let here = here.first().ok_or(Error::RowNotFound)?;
    if here.integer("others")? > 0 || here.integer("bytes")? >= LARGEST_COPY {
        return Ok(false);
    }
    let template: String = here.text("here")?;
    let copied = maker
        .execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await;
    match copied {
        // Somebody was faster, or only its owner may.
        Err(error) if matches!(code(&error).as_deref(), Some("55006" | "42501")) => Ok(false),
        copied => copied.map(|()| true),
    }
}

/// Drops a database, if there is one.
pub(super) async fn drop_it(maker: &mut Connection, name: &str) -> Result<(), Error> {
    let drop = format!("DROP DATABASE IF EXISTS {name}");
    match maker {
        // A connection to it may not have ended yet. Before version 13 it has to be waited for.
        Connection::Postgres(_) => match maker.execute(&format!("{drop} WITH (FORCE)")).await {
            Err(error) if code(&error).as_deref() == Some("42601") => maker.execute(&drop).await,
            dropped => dropped,
        },
        Connection::Sqlite(_) | Connection::Mysql(_) => maker.execute(&drop).await,
    }
}

fn code(error: &Error) -> Option<String> {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(|code| code.into_owned())
}
