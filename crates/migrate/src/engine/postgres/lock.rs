//! One applier at a time: an advisory lock of the session, which goes with its connection.
//!
//! A service that runs `sqlx::migrate!` as it starts takes a lock of its own; for sqlx's layout that one is taken as
//! well, so that neither meets the other half way. Other tools meet ours in the transaction of each migration.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::Postgres;
use crate::{DatabaseError, Layout, LockError, digest, engine::LockedOut};

/// How often a waiting applier looks whether the lock is free.
const INTERVAL: Duration = Duration::from_millis(50);

/// Ours, in every database: "towpath" in ASCII.
const OURS: i64 = 0x74_6f77_7061_7468;

/// sqlx's, in a database of this name (`sqlx-postgres/src/migrate.rs`).
fn of_sqlx(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(digest::crc32([database.as_bytes()]))
}

impl Postgres {
    /// A connection that holds the locks.
    pub(in crate::engine) async fn lock(
        &self,
        key: &str,
        layout: Layout,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<PgConnection, LockedOut> {
        let key: String = key.chars().filter(|c| !c.is_control()).collect();
        let mut named = self.clone();
        // The server keeps 63 bytes of it. As an option of the connection, it is what a reset leads back to.
        named.options = named.options.application_name(&format!("towpath {key}"));
        let mut connection = named.writer().await?;
        let failed = |error: sqlx::Error| LockedOut::from(self.error(&error));
        let mut locks = vec![OURS];
        if layout == Layout::Sqlx {
            locks.push(of_sqlx(self.name()));
        }
        let mut on_wait = Some(on_wait);
        let deadline = Instant::now() + self.patience;
        for lock in locks {
            while !take(&mut connection, lock).await.map_err(failed)? {
                let late = Instant::now() >= deadline;
                if late || on_wait.is_some() {
                    let holder = holder(&mut connection, lock).await.map_err(failed)?;
                    if late {
                        let place = self.title();
                        connection.close().await.map_err(failed)?;
                        return Err(LockedOut::Lock(LockError::Held {
                            place,
                            waited: self.patience,
                            holder,
                        }));
                    }
                    if let Some(on_wait) = on_wait.take() {
                        on_wait(holder);
                    }
                }
                tokio::time::sleep(INTERVAL).await;
            }
        }
        Ok(connection)
    }

    /// The database itself, by its catalogue: `Absent` where there is none.
    pub(super) async fn refuse_absent(&self) -> Result<(), DatabaseError> {
        let connection = self.connect().await?;
        connection.close().await.map_err(|error| self.error(&error))
    }
}

async fn take(connection: &mut PgConnection, lock: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(lock)
        .fetch_one(connection)
        .await
}

async fn holder(connection: &mut PgConnection, lock: i64) -> Result<String, sqlx::Error> {
    // A lock's number is kept in two halves.
    let found: Option<String> = sqlx::query_scalar(
        "SELECT format('%s (process %s of the server, from %s)', coalesce(nullif(application_name, ''), usename),
                       activity.pid, coalesce(host(client_addr), 'a socket'))
         FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
         WHERE locktype = 'advisory' AND granted AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND (classid::bigint << 32) | objid::bigint = $1
         LIMIT 1",
    )
    .bind(lock)
    .fetch_optional(connection)
    .await?;
    Ok(found.unwrap_or_else(|| "somebody else".into()))
}
