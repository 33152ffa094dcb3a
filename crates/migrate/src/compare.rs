//! What a database holds, beside what the migrations make that are applied to it.

use crate::{
    Database, DatabaseError, MigrationSet, PlanError, ScratchError, Version,
    migration::title,
    schema::{self, Difference, Schema},
};

/// Two schemas of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What the applied migrations make, by the set that was given.
    pub expected: Schema,
    /// What is there.
    pub found: Schema,
}

impl Compared {
    /// How what is there differs from what the applied migrations make.
    pub fn drift(&self) -> Difference {
        schema::diff(&self.expected, &self.found)
    }
}

/// Why the two could not be compared. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The database could not be read.
    #[error("read what the database holds: {}", .0.detail())]
    Database(#[from] DatabaseError),
    /// What is applied is not known from the set.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A repeatable migration was applied as it was before.
    #[error("tell: migration {} is applied there as another than the set has", title(*version, name))]
    Changed {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// A migration is half done.
    #[error("tell: migration {} has begun there and has not ended", title(*version, name))]
    Begun {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// It could not be seen what the migrations make.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
}

impl CompareError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            CompareError::Database(error) => error.remedy(),
            CompareError::Plan(error) => error.remedy(),
            CompareError::Changed { .. } => "apply it, or use the set that was applied".into(),
            CompareError::Begun { .. } => "apply again: it goes on where it stopped".into(),
            CompareError::Scratch(error) => error.remedy(),
        }
    }
}

impl Database {
    /// Reads what is there, and runs the set's migrations that are applied on a [scratch database](Database::schema_of).
    /// What is pending, and whether it could be applied, is no matter. `now` is a clock in milliseconds since 1970.
    pub async fn compare(
        &self,
        set: &MigrationSet,
        now: impl Fn() -> i64 + Send + Sync,
    ) -> Result<Compared, CompareError> {
        let applied = self.applied(set).await?;
        let found = self.schema().await?;
        // Beside a database that is not there yet no other can be made.
        let is_new = applied.migrations().is_empty() && found == Schema::empty(self.dialect());
        let expected = match is_new {
            true => found.clone(),
            false => self.schema_of(&applied, now).await?,
        };
        Ok(Compared { expected, found })
    }

    /// The migrations of a set that are applied, as they were applied.
    async fn applied(&self, set: &MigrationSet) -> Result<MigrationSet, CompareError> {
        match self.plan(set).await {
            Ok(plan) => {
                let mut again = plan.pending.iter();
                let is_there =
                    |version| plan.history.knows(version) && plan.history.begun(version).is_none();
                if let Some(other) = again.find(|migration| is_there(migration.version)) {
                    return Err(CompareError::Changed {
                        version: other.version,
                        name: other.name.clone(),
                    });
                }
            }
            // Nothing that is applied is in doubt; what is pending has a fault.
            Err(PlanError::OutOfOrder { .. } | PlanError::Script(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let history = self.history_for(set).await?;
        if let Some(begun) = history.receipts.values().find(|receipt| receipt.is_begun()) {
            return Err(CompareError::Begun {
                version: begun.version,
                name: begun.name.clone(),
            });
        }
        Ok(set.only(|migration| history.knows(migration.version)))
    }
}
