//! What a database holds, beside what its applied migrations make.

use towpath_migrate::{MigrationSet, PlanError, Version, schema::Schema, title};

use super::{look::Refused, open::Opened};
use crate::{cli::style, clock::now};

/// Two schemas of one engine.
pub struct Compared {
    /// What the migrations make that are applied there, by their files in the work tree.
    pub expected: Schema,
    /// What is there.
    pub found: Schema,
}

impl Opened {
    /// Looks at the database, and runs its applied migrations on a scratch database.
    pub async fn compare(&self, set: &MigrationSet) -> Result<Compared, Refused> {
        let applied = self.applied(set).await?;
        let expected = self.database.schema_of(&applied, || now().0).await;
        let expected = expected.map_err(|error| Refused {
            why: format!("could not {error}"),
            help: error.remedy(),
        })?;
        let found = self.database.schema().await.map_err(PlanError::Database)?;
        Ok(Compared { expected, found })
    }

    /// The migrations that are applied, as they were applied.
    async fn applied(&self, set: &MigrationSet) -> Result<MigrationSet, Refused> {
        let elsewhere = |version: Version, name: &str, how: &str| {
            let title = style::plain(&title(version, name));
            Refused {
                why: format!("could not tell: migration {title} is applied there and {how}"),
                help: "check out the commit that is deployed".into(),
            }
        };
        match self.database.plan(set).await {
            // Nothing that is applied is in doubt; what is pending has a fault.
            Ok(plan) => {
                let mut again = plan.pending.iter();
                let there =
                    |version| plan.history.knows(version) && plan.history.begun(version).is_none();
                if let Some(other) = again.find(|migration| there(migration.version)) {
                    return Err(elsewhere(
                        other.version,
                        &other.name,
                        "is otherwise in the work tree",
                    ));
                }
            }
            Err(PlanError::OutOfOrder { .. } | PlanError::Script(_)) => {}
            Err(PlanError::Missing { version, name }) => {
                return Err(elsewhere(version, &name, "is not in the work tree"));
            }
            Err(PlanError::Edited {
                version,
                name,
                line_endings: false,
                ..
            }) => {
                return Err(elsewhere(version, &name, "is otherwise in the work tree"));
            }
            Err(error) => return Err(error.into()),
        }
        let history = self.database.history_for(set).await;
        let history = history.map_err(PlanError::Database)?;
        if let Some(begun) = history.receipts.values().find(|receipt| receipt.is_begun()) {
            let title = style::plain(&title(begun.version, &begun.name));
            return Err(Refused {
                why: format!("could not tell: migration {title} has begun there and has not ended"),
                help: "deploy again, or `towpath db migrate`: it goes on where it stopped".into(),
            });
        }
        Ok(set.only(|migration| history.knows(migration.version)))
    }
}
