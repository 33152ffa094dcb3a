//! Looking at several environments, of which some may be out of reach: a server that does not answer, a key that somebody
//! does not have. The others are looked at all the same.

use serde_json::{Value, json};
use towpath_core::{manifest::Environment, names::EnvironmentName};

use super::{Project, look::Refused};
use crate::cli::{error::CliError, style};

/// What was found where it could be looked for.
pub struct Reached<T> {
    pub found: Vec<T>,
    /// The environments that could not be looked at.
    pub unreached: Vec<(EnvironmentName, Refused)>,
}

impl Project {
    /// The environments that are named, by name or alias; all, where none is.
    pub fn asked(&self, named: &[String]) -> Result<Vec<&Environment>, CliError> {
        if named.is_empty() {
            return Ok(self.place.manifest.environments.iter().collect());
        }
        let named = named.iter();
        let found = named.map(|one| Ok(self.place.environment(one)?));
        found.collect()
    }
}

impl<T> Reached<T> {
    /// Looks at each; where none can be looked at, the first one's error is the answer.
    pub async fn of(
        environments: &[&Environment],
        mut look: impl AsyncFnMut(&Environment) -> Result<Vec<T>, CliError>,
    ) -> Result<Reached<T>, CliError> {
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for environment in environments {
            match look(environment).await {
                Ok(all) => found.extend(all),
                Err(error) => failed.push((environment.name.clone(), error)),
            }
        }
        if failed.len() == environments.len() && !failed.is_empty() {
            return Err(failed.swap_remove(0).1);
        }
        let unreached = failed.into_iter();
        Ok(Reached {
            found,
            unreached: unreached
                .map(|(name, error)| (name, Refused::from(error)))
                .collect(),
        })
    }

    /// Tells people what is missing.
    pub fn tell(&self) {
        for (environment, refused) in &self.unreached {
            let why = style::plain(&refused.why);
            eprintln!("{environment} is left out: {why}\n  help: {}", refused.help);
        }
    }

    /// For scripts.
    pub fn shown(&self) -> Value {
        let unreached = self.unreached.iter().map(|(environment, refused)| {
            json!({"environment": environment, "message": refused.why, "help": refused.help})
        });
        unreached.collect()
    }
}
