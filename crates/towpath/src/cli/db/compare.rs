//! What a database holds, beside what its applied migrations make, as the work tree has them.

use towpath_migrate::{
    CompareError, Compared, MigrationSet, PlanError, ScratchError, Version, title,
};

use super::{look::Refused, open::Opened};
use crate::{cli::style, clock::now};

impl Opened {
    /// Looks at the database, and runs its applied migrations on a scratch database.
    pub async fn compare(&self, set: &MigrationSet) -> Result<Compared, Refused> {
        if self.tool.is_some() {
            let error = ScratchError::OfTool;
            return Err(Refused {
                why: format!("could not {error}"),
                help: error.remedy(),
            });
        }
        let compared = self.database.compare(set, || now().0).await;
        compared.map_err(refused)
    }
}

/// In the words of somebody who has a work tree.
fn refused(error: CompareError) -> Refused {
    let elsewhere = |version: Version, name: &str, how: &str| {
        let title = style::plain(&title(version, name));
        Refused {
            why: format!("could not tell: migration {title} is applied there and {how}"),
            help: "check out the commit that is deployed".into(),
        }
    };
    match error {
        CompareError::Plan(PlanError::Missing { version, name }) => {
            elsewhere(version, &name, "is not in the work tree")
        }
        CompareError::Plan(PlanError::Edited {
            version,
            name,
            line_endings: false,
            ..
        })
        | CompareError::Changed { version, name } => {
            elsewhere(version, &name, "is otherwise in the work tree")
        }
        error => Refused {
            why: style::plain(&format!("could not {error}")),
            help: match error {
                CompareError::Begun { .. } => {
                    "deploy again, or `towpath db migrate`: it goes on where it stopped".into()
                }
                error => error.remedy(),
            },
        },
    }
}
