//! A migration that is in the schema before anybody has applied it: somebody made by hand what it makes.

use crate::{
    Database, DatabaseError, LockError, MigrationSet, PlanError, ScratchError, Version,
    schema::{self, Difference},
};

/// Why a migration was not recorded as applied. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The database could not be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody is applying migrations.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The set does not fit what is applied.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What the set makes could not be seen.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    /// Others are to be applied too, or it is applied already.
    #[error("record migration {version}: it is not the only one of the set that is not applied")]
    NotNext {
        /// The version.
        version: Version,
    },
    /// The set makes something else than there is.
    #[error("record migration {version}: the migrations do not make what is there:\n{difference}")]
    Differs {
        /// The version.
        version: Version,
        /// What they make, and what is there.
        difference: Difference,
    },
}

impl RecordError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            RecordError::Database(error) => error.remedy(),
            RecordError::Lock(error) => error.remedy(),
            RecordError::Plan(error) => error.remedy(),
            RecordError::Scratch(error) => error.remedy(),
            RecordError::NotNext { .. } => "apply the others first".into(),
            RecordError::Differs { .. } => {
                "change the migration, or the schema by hand, until the two agree".into()
            }
        }
    }
}

impl Database {
    /// Records a migration as applied, and runs nothing: what it makes is there already.
    ///
    /// Refused unless it is the only migration of the set that is not applied, and the set makes on a scratch database
    /// exactly what is there. `key` is kept as [`Receipt::applied_by`](crate::Receipt::applied_by); `now` is a clock in
    /// milliseconds since 1970.
    pub async fn record(
        &self,
        set: &MigrationSet,
        version: impl Into<Version>,
        key: &str,
        now: impl Fn() -> i64 + Send + Sync,
    ) -> Result<(), RecordError> {
        let version = version.into();
        let expected = self.schema_of(set, &now).await?;
        let compare = |found: &_| {
            let difference = schema::diff(&expected, found);
            match difference.is_empty() {
                true => Ok(()),
                false => Err(RecordError::Differs {
                    version,
                    difference,
                }),
            }
        };
        self.engine()
            .record(set, version, key, now(), compare)
            .await
    }
}
