//! The way out when a database and its records disagree: a person says which is right.

use crate::{DatabaseError, LockError};

/// What a person found when comparing the schema with a migration's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// All of it is in the schema.
    Applied,
    /// Nothing of it is in the schema.
    NotApplied,
}

/// Why a version could not be settled. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The database could not be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody is applying migrations.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// No record of it is in doubt.
    #[error("settle migration {migration}: nothing about it is in doubt")]
    NotInDoubt {
        /// Its version and name.
        migration: String,
    },
    /// It cannot be recorded as applied without its file.
    #[error("settle migration {migration} as applied: the migration set has no such version")]
    NotInSet {
        /// Its version and name.
        migration: String,
    },
}

impl SettleError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            SettleError::Database(error) => error.remedy(),
            SettleError::Lock(error) => error.remedy(),
            SettleError::NotInDoubt { .. } => {
                "settle only a version that planning says was begun and not ended, or lacks its row"
                    .into()
            }
            SettleError::NotInSet { .. } => "use a release that has this migration".into(),
        }
    }
}
