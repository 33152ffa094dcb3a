//! Where an environment can return to: the last verified release that its schema still allows.

use super::{Obstacle, Standing, State, stands_on};
use crate::names::{EnvironmentName, ReleaseNumber};

/// Why there is nothing to return to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReturn {
    /// Nothing was verified there before.
    #[error("{environment} has no verified release from before to return to")]
    NothingBefore {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The schema has moved on.
    #[error("{0}")]
    Schema(Obstacle),
}

impl NoReturn {
    /// What to do instead.
    pub fn way_out(&self) -> String {
        match self {
            NoReturn::NothingBefore { environment } => {
                format!("deploy a fixed release: `towpath deploy {environment} vN`")
            }
            NoReturn::Schema(obstacle) => obstacle.way_out(),
        }
    }
}

/// The standing that an environment returns to when `leaving` is taken back.
pub fn return_target<'a>(
    state: &'a State,
    environment: &EnvironmentName,
    leaving: Option<ReleaseNumber>,
) -> Result<&'a Standing, NoReturn> {
    let nothing = || NoReturn::NothingBefore {
        environment: environment.clone(),
    };
    let verified = &state
        .environments
        .get(environment)
        .ok_or_else(nothing)?
        .verified;
    // The last of them is what was there before, also when it is newer than the release that is left: a rollback forgets
    // what it passes over, so that everything here lies behind.
    let candidates = verified
        .iter()
        .rev()
        .filter(|standing| Some(standing.release) != leaving)
        .filter_map(|standing| Some((standing, state.releases.get(&standing.release)?)))
        .filter(|(_, release)| release.vetoed.is_none());
    let mut obstacle = None;
    for (standing, release) in candidates {
        match stands_on(state, release, &standing.launch) {
            Ok(()) => return Ok(standing),
            Err(found) => obstacle = obstacle.or(Some(found)),
        }
    }
    Err(obstacle.map_or_else(nothing, NoReturn::Schema))
}
