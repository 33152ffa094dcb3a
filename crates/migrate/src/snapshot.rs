//! What a snapshot is, and why one was not taken or not restored. Copying is the engine's.

use std::{io, path::PathBuf};

use serde::Serialize;

use crate::{DatabaseError, LockError};

/// A consistent copy of a database, durable on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Why a snapshot was not taken, or not restored. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The database, or the snapshot as one, could not be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody is applying migrations.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is something at its place.
    #[error("write the snapshot {}: it exists already", path.display())]
    Exists {
        /// The snapshot's place.
        path: PathBuf,
    },
    /// The system refused the file.
    #[error("write the snapshot {}: {source}", path.display())]
    File {
        /// The snapshot's place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that it takes is not there.
    #[error("run {name}, which snapshots of servers need: it is not installed here")]
    Program {
        /// Its name.
        name: String,
    },
    /// The snapshot is the database itself.
    #[error("restore {}: it is the database itself", path.display())]
    Same {
        /// The file that was given.
        path: PathBuf,
    },
    /// The snapshot is damaged.
    #[error("restore {}: its integrity check says: {finding}", path.display())]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// The check's first finding.
        finding: String,
    },
    /// The snapshot's pages have another size, which a database with a write-ahead log cannot take on.
    #[error("restore {}: its pages have {theirs} bytes, and those of the database {ours}", path.display())]
    PageSize {
        /// The snapshot.
        path: PathBuf,
        /// The size of its pages, in bytes.
        theirs: u32,
        /// The size of the database's, in bytes.
        ours: u32,
    },
}

impl SnapshotError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            SnapshotError::Database(error) => error.remedy(),
            SnapshotError::Lock(error) => error.remedy(),
            SnapshotError::Exists { .. } => {
                "choose another name: a snapshot is never overwritten".into()
            }
            SnapshotError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free space on its disk, then try again; nothing was left behind".into()
            }
            SnapshotError::File { .. } => {
                "make sure that its folder exists and that this user may write there".into()
            }
            SnapshotError::Program { .. } => {
                "install the client programs of the database's server, in its version or a later one".into()
            }
            SnapshotError::Same { .. } => "name a snapshot".into(),
            SnapshotError::PageSize { theirs, .. } => format!(
                "run `PRAGMA journal_mode = DELETE; PRAGMA page_size = {theirs}; VACUUM;` on the database, or restore \
                 to another file"
            ),
            SnapshotError::Damaged { .. } => {
                "restore another snapshot; the database was not touched".into()
            }
        }
    }
}
