//! Taking a snapshot of a database and putting one back.

use std::{
    fs, io,
    path::{Path, absolute},
    time::Duration,
};

use sqlx::SqliteConnection;

use super::{Access, Sqlite, copy::copy, lock::Lock};
use crate::{DatabaseError, Snapshot, SnapshotError, engine::partial::Partial};

impl Sqlite {
    pub(in crate::engine) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        if !self.exists()? {
            return Err(self.absent().into());
        }
        let to = absolute(to).map_err(|source| file(to, source))?;
        let (from, patience) = (self.path.clone(), self.patience);
        blocking(&self.path, move || take(&from, &to, patience)).await
    }

    pub(in crate::engine) async fn restore(
        &self,
        from: &Path,
        key: &str,
    ) -> Result<(), SnapshotError> {
        let source = Sqlite {
            path: absolute(from).map_err(|source| file(from, source))?,
            access: Access::Read,
            patience: self.patience,
        };
        let page_size = self.refuse_unfit(&source).await?;
        self.prepare_folder()?;
        let lock = Lock::take(&self.path, key, self.patience, |_| {}).await?;
        self.create(page_size).await?;
        self.refuse_other_pages(&source, page_size).await?;
        let (from, to, patience) = (source.path, self.path.clone(), self.patience);
        blocking(&self.path, move || {
            // Held to the copy's end, even when nobody waits for that any more.
            let _lock = lock;
            Ok(copy(&from, &to, patience)?)
        })
        .await
    }

    /// Puts an empty database in its place, as if that were a snapshot: others who have it open see it change.
    pub(in crate::engine) async fn clear(&self, key: &str) -> Result<(), SnapshotError> {
        let Some(mut connection) = self.reader().await? else {
            return Ok(());
        };
        let found = look(&mut connection, "PRAGMA journal_mode")
            .await
            .map_err(|error| self.error(&error));
        self.close(connection).await?;
        let (_, page_size) = found?;
        let folder = tempfile::Builder::new().prefix("towpath-empty-").tempdir();
        let folder = folder.map_err(|error| self.unopenable(&error))?;
        let empty = Sqlite {
            path: folder.path().join("empty.db"),
            access: Access::Create,
            patience: self.patience,
        };
        empty.create(page_size).await?;
        self.restore(&empty.path, key).await
    }

    /// Looks at a snapshot before anything is touched; answers with the size of its pages.
    async fn refuse_unfit(&self, source: &Sqlite) -> Result<u32, SnapshotError> {
        let unreadable = |error: io::Error| source.unopenable(&error);
        let Some(mut connection) = source.reader().await? else {
            return Err(source.absent().into());
        };
        let found = look(&mut connection, "PRAGMA quick_check(1)")
            .await
            .map_err(|error| source.error(&error));
        source.close(connection).await?;
        let (finding, page_size) = found?;
        let path = fs::canonicalize(&source.path).map_err(unreadable)?;
        if fs::canonicalize(&self.path).is_ok_and(|own| own == path) {
            return Err(SnapshotError::Same { path });
        }
        let finding = match fs::metadata(&path).map_err(unreadable)?.len() {
            // To SQLite an empty file is an empty database; here it is far more likely a copy that went wrong.
            0 => "the file is empty".to_owned(),
            _ => finding,
        };
        match finding.as_str() {
            "ok" => Ok(page_size),
            _ => Err(SnapshotError::Damaged { path, finding }),
        }
    }

    /// A write-ahead log holds pages of one size, so a database that has one cannot change it.
    async fn refuse_other_pages(&self, source: &Sqlite, theirs: u32) -> Result<(), SnapshotError> {
        let mut connection = self.writer().await?;
        let found = look(&mut connection, "PRAGMA journal_mode")
            .await
            .map_err(|error| self.error(&error));
        self.close(connection).await?;
        match found? {
            (mode, ours) if mode == "wal" && ours != theirs => Err(SnapshotError::PageSize {
                path: source.path.clone(),
                theirs,
                ours,
            }),
            _ => Ok(()),
        }
    }
}

/// The answer to a pragma, and the size of the database's pages.
async fn look(
    connection: &mut SqliteConnection,
    pragma: &'static str,
) -> Result<(String, u32), sqlx::Error> {
    let answer = sqlx::query_scalar(pragma)
        .fetch_one(&mut *connection)
        .await?;
    let page_size = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(connection)
        .await?;
    Ok((answer, page_size))
}

/// Copies to a file beside the snapshot's place, and gives it its name only when it is whole and on disk.
fn take(from: &Path, to: &Path, patience: Duration) -> Result<Snapshot, SnapshotError> {
    let partial = Partial::create(to)?;
    copy(from, partial.path(), patience).map_err(|error| match error {
        // Reading does not fill a disk.
        DatabaseError::Full { message, .. } => {
            file(to, io::Error::new(io::ErrorKind::StorageFull, message))
        }
        error => error.into(),
    })?;
    partial.publish(to)
}

fn file(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File {
        path: path.to_owned(),
        source,
    }
}

/// Runs work that blocks. It goes on to its end when nobody waits for it any more, so it cleans up after itself.
async fn blocking<T: Send + 'static>(
    database: &Path,
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|stopped| {
            Err(SnapshotError::Database(DatabaseError::Open {
                database: database.display().to_string(),
                message: stopped.to_string(),
            }))
        })
}
