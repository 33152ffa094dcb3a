//! A database that several environments use: while a deployment in one of them changes it, the others wait.

use super::{Action, Answer, Candidate, Deployment, Plan, State};
use crate::names::{DatabaseName, EnvironmentName};

/// The database whose schema a step of a plan changes, and the environment that keeps it.
pub fn changed_by(action: &Action) -> Option<(&DatabaseName, &EnvironmentName)> {
    match action {
        Action::Migrate { database, home } => Some((database, home)),
        Action::Undo(reversal) => Some((&reversal.database, &reversal.home)),
        _ => None,
    }
}

/// Whether a plan's services use a database.
fn uses(plan: &Plan, (database, home): (&DatabaseName, &EnvironmentName)) -> bool {
    plan.launch.databases.get(database) == Some(home)
}

/// Whether it copies a database.
fn copies(plan: &Plan, place: (&DatabaseName, &EnvironmentName)) -> bool {
    let mut actions = plan.steps.iter().map(|step| &step.action);
    actions.any(
        |action| matches!(action, Action::Clone { database, home } if (database, home) == place),
    )
}

/// What the databases say that the candidate shares with other environments: `None` where it shares none that is being
/// changed just now. A step begins, and is asked about, in one transaction each, so that of two only one can be first.
pub(super) fn ask(state: &State, candidate: &Candidate<'_>) -> Option<Answer> {
    let others = state
        .open()
        .filter(|other| other.plan.environment != candidate.plan.environment);
    let changing = |other: &Deployment| {
        let (step, _) = other.current()?;
        other.attempt()?;
        let place = changed_by(&step.action)?;
        let concerns = uses(candidate.plan, place) || copies(candidate.plan, place);
        concerns.then(|| (place.0.clone(), other.number))
    };
    let (database, by) = others.filter_map(changing).next()?;
    Some(Answer::Wait {
        reason: format!("{by} changes the database {database}, which both use"),
        who: "it ends by itself".into(),
        until: None,
    })
}
