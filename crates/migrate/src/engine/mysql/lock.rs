//! One applier at a time: a lock with a name, which goes with its connection.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, MySqlConnection};

use super::Mysql;
use crate::{LockError, digest, engine::LockedOut};

/// How often a waiting applier looks whether the lock is free.
const INTERVAL: Duration = Duration::from_millis(50);

impl Mysql {
    /// The lock's name: its database's, which a server may have many of, in no more than 64 characters.
    fn lock_name(&self) -> String {
        let digest = digest::sha256(self.name().as_bytes());
        format!("towpath-{}", &digest[..40])
    }

    /// A connection that holds the lock.
    pub(in crate::engine) async fn lock(
        &self,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<MySqlConnection, LockedOut> {
        let mut connection = self.writer().await?;
        let failed = |error: sqlx::Error| LockedOut::from(self.error(&error));
        let name = self.lock_name();
        let mut on_wait = Some(on_wait);
        let deadline = Instant::now() + self.patience;
        while !take(&mut connection, &name).await.map_err(failed)? {
            let late = Instant::now() >= deadline;
            if late || on_wait.is_some() {
                let holder = holder(&mut connection, &name).await.map_err(failed)?;
                if late {
                    connection.close().await.map_err(failed)?;
                    return Err(LockedOut::Lock(LockError::Held {
                        place: self.title(),
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
        Ok(connection)
    }
}

async fn take(connection: &mut MySqlConnection, name: &str) -> Result<bool, sqlx::Error> {
    let taken: Option<i64> = sqlx::query_scalar("SELECT CAST(get_lock(?, 0) AS SIGNED)")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(taken == Some(1))
}

async fn holder(connection: &mut MySqlConnection, name: &str) -> Result<String, sqlx::Error> {
    let holder: Option<i64> = sqlx::query_scalar("SELECT CAST(is_used_lock(?) AS SIGNED)")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(match holder {
        Some(connection) => format!("connection {connection} of the server"),
        None => "somebody else".into(),
    })
}
