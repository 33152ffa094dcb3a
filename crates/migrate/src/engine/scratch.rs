//! A database of nobody's, to run migrations on and look at what they make: a file in a folder for what passes, or a
//! database beside the user's on the same server.
//!
//! On a server its name says what it is and when it was made, in milliseconds since 1970. A process that is killed
//! leaves one behind; whoever makes the next drops those of more than [`OLD_MS`] that nobody uses any more: in PostgreSQL
//! a connection to it says that somebody does, in MySQL a lock of its name.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::Error;
use tempfile::TempDir;

use super::{
    Connection, Engine,
    beside::{drop_it, make},
};
use crate::DatabaseError;

/// What such a database's name begins with.
const PREFIX: &str = "towpath_scratch_";

/// How old one must be to be taken for left behind: longer than it takes from its making to its first use.
const OLD_MS: i64 = 10 * 60 * 1000;

/// A database to be dropped again.
pub(crate) struct Scratch {
    engine: Engine,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server {
        name: String,
        /// To the user's database: what drops the other.
        maker: Connection,
        /// Says that it is in use.
        guard: Option<Connection>,
    },
}

impl Engine {
    /// Makes an empty database like this one.
    pub(crate) async fn scratch(&self, now_ms: i64) -> Result<Scratch, DatabaseError> {
        let refused = |error: Error| self.error(&error);
        let Some(mut maker) = self.maker().await? else {
            return in_a_folder();
        };
        sweep(&mut maker, now_ms).await.map_err(refused)?;
        let name = name(now_ms);
        make_locked(&mut maker, &name).await.map_err(refused)?;
        let engine = self.beside(&name);
        // While one is connected, PostgreSQL drops it for nobody; MySQL's lock is the maker's.
        let guard = match self {
            Engine::Postgres(_) => engine.reader().await,
            _ => Ok(None),
        };
        let mut place = Place::Server {
            name,
            maker,
            guard: None,
        };
        match (guard, &mut place) {
            (Ok(connection), Place::Server { guard, .. }) => *guard = connection,
            (Err(error), _) => {
                // The first failure is what is told.
                let _ = Scratch { engine, place }.remove().await;
                return Err(error);
            }
            (Ok(_), Place::Folder(_)) => {}
        }
        Ok(Scratch { engine, place })
    }
}

fn in_a_folder() -> Result<Scratch, DatabaseError> {
    let folder = tempfile::Builder::new()
        .prefix("towpath-scratch-")
        .tempdir();
    let folder = folder.map_err(|error| DatabaseError::Open {
        database: "of a scratch file".into(),
        message: error.to_string(),
    })?;
    let mut engine = Engine::open(folder.path(), "sqlite://scratch.db")?;
    engine.create_if_missing();
    let place = Place::Folder(folder);
    Ok(Scratch { engine, place })
}

/// A name that no other process uses, nor this one again.
fn name(now_ms: i64) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{now_ms}_{}_{count}", process::id())
}

/// When a database of this name was made, if it is one of these.
fn made_at(name: &str) -> Option<i64> {
    let mut numbers = name.strip_prefix(PREFIX)?.split('_').map(str::parse::<i64>);
    let made = numbers.next()?.ok()?;
    (numbers.by_ref().take(2).filter(Result::is_ok).count() == 2 && numbers.next().is_none())
        .then_some(made)
}

async fn make_locked(maker: &mut Connection, name: &str) -> Result<(), Error> {
    if let Connection::Mysql(_) = maker {
        maker
            .rows(&format!("SELECT GET_LOCK('{name}', 0) AS got"), &[])
            .await?;
    }
    make(maker, name).await
}

/// Drops what processes left behind that were killed.
async fn sweep(maker: &mut Connection, now_ms: i64) -> Result<(), Error> {
    let all = match maker {
        Connection::Mysql(_) => {
            "SELECT CAST(schema_name AS CHAR) AS name FROM information_schema.schemata"
        }
        Connection::Sqlite(_) | Connection::Postgres(_) => {
            "SELECT datname::text AS name FROM pg_database"
        }
    };
    for row in maker.rows(all, &[]).await? {
        let name = row.text("name")?;
        if made_at(&name).is_none_or(|made| now_ms.saturating_sub(made) < OLD_MS) {
            continue;
        }
        let used = match maker {
            Connection::Mysql(_) => format!("SELECT 1 - IS_FREE_LOCK('{name}') AS used"),
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                format!("SELECT count(*) AS used FROM pg_stat_activity WHERE datname = '{name}'")
            }
        };
        let used = maker.rows(&used, &[]).await?;
        if used.first().ok_or(Error::RowNotFound)?.integer("used")? == 0 {
            // Another may be faster, or own it: it is not ours to complain.
            let _ = maker
                .execute(&format!("DROP DATABASE IF EXISTS {name}"))
                .await;
        }
    }
    Ok(())
}

impl Scratch {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Drops it.
    pub(crate) async fn remove(self) -> Result<(), DatabaseError> {
        let (name, mut maker, guard) = match self.place {
            Place::Folder(folder) => {
                return folder.close().map_err(|error| DatabaseError::Open {
                    database: "of a scratch file".into(),
                    message: error.to_string(),
                });
            }
            Place::Server { name, maker, guard } => (name, maker, guard),
        };
        if let Some(guard) = guard {
            // Closed or not, it does not have to be there any longer.
            let _ = guard.close().await;
        }
        let dropped = drop_it(&mut maker, &name).await;
        let closed = maker.close().await;
        dropped
            .and(closed)
            .map_err(|error| self.engine.error(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_name_says_when_it_was_made() {
        assert_eq!(made_at(&name(1_790_000_000_123)), Some(1_790_000_000_123));
        assert_ne!(name(1), name(1));
        for other in [
            "towpath_scratch_1",
            "towpath_scratch_1_2_x",
            "towpath_scratch_1_2_3_4",
            "app",
            "towpath_scratch_",
        ] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }
}
