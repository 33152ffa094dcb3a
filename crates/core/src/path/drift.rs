//! Drift: whether databases hold what their applied migrations make, as far as somebody has looked; and the gate that asks for it.
//!
//! A look is an event like any other, so that what a gate says can be told from the journal. It counts for those who asked
//! before it, for as long as [`FRESH`]: people change databases without telling anybody.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Answer, Candidate, Deployment, EnvironmentState, Gate, GateReport, State, Status, Trigger,
    advance::ahead, ask_gates, parity,
};
use crate::{
    Time,
    names::{DatabaseName, EnvironmentName},
};

/// How long a look counts at a gate.
pub const FRESH: Duration = Duration::from_mins(1);

/// What was seen of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The fingerprint of its schema; `None` where it could not be read.
    pub schema: Option<String>,
    /// The schema, beside what its applied migrations make; `None` where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

/// A database, beside what its applied migrations make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Drift {
    /// It is that.
    Same,
    /// It is something else.
    Differs {
        /// The first lines of the difference.
        lines: Vec<String>,
        /// How many lines follow them.
        more: u32,
    },
    /// A migration is half done: what is there is between two schemas, and applying goes on.
    Unfinished {
        /// The migration.
        migration: String,
    },
    /// It could not be told.
    Unknown {
        /// Why.
        why: String,
        /// What to do about it.
        help: String,
    },
}

/// A look, and when it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// When.
    pub at: Time,
    /// What was seen.
    pub look: Look,
}

/// A database that has to be looked at before a gate can answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// Its name.
    pub database: DatabaseName,
    /// Whether it is to be compared with what its migrations make.
    pub drift: bool,
}

/// The databases whose drift counts: those that the candidate's services use, and that have migrations.
fn of_candidate(candidate: &Candidate<'_>) -> impl Iterator<Item = Sought> {
    let migrations = &candidate.release.source.migrations;
    let databases = candidate.plan.launch.databases.iter();
    databases
        .filter(|(database, _)| migrations.contains_key(*database))
        .map(|(database, home)| Sought {
            home: home.clone(),
            database: database.clone(),
            drift: true,
        })
}

/// The last look at a database, if it still counts for the candidate.
fn fresh<'a>(
    state: &'a State,
    candidate: &Candidate<'_>,
    place: &Sought,
    now: Time,
) -> Option<&'a Look> {
    let environment = state.environments.get(&place.home)?;
    let looked = environment.looks.get(&place.database)?;
    // Where the clock was put back since, no look would ever be younger than the request.
    let is_younger = looked.at >= candidate.requested_at || candidate.requested_at > now;
    let counts = is_younger && now.since(looked.at) <= FRESH;
    let is_enough = looked.look.drift.is_some() || !place.drift;
    (counts && is_enough).then_some(&looked.look)
}

/// Those of the places at which nobody has looked that counts.
pub(super) fn unseen(
    state: &State,
    candidate: &Candidate<'_>,
    places: impl Iterator<Item = Sought>,
    now: Time,
) -> Vec<Sought> {
    places
        .filter(|place| fresh(state, candidate, place, now).is_none())
        .collect()
}

/// What the gates want looked at before they answer.
pub fn to_look_at(state: &State, candidate: &Candidate<'_>, now: Time) -> Vec<Sought> {
    let environment = state.environment(&candidate.plan.environment);
    let mut places = Vec::new();
    if is_asked_for(&environment, candidate) {
        places.extend(unseen(state, candidate, of_candidate(candidate), now));
    }
    if parity::is_asked_for(&environment, candidate) {
        let compared = parity::compared(state, &environment, candidate).into_iter();
        places.extend(unseen(state, candidate, compared, now));
    }
    // One that is wanted for both is compared.
    places.sort_by(|a, b| (&a.home, &a.database, !a.drift).cmp(&(&b.home, &b.database, !b.drift)));
    places.dedup_by(|b, a| (&a.home, &a.database) == (&b.home, &b.database));
    places
}

/// Whether the gates wait for nothing but a look.
pub(super) fn waits_for_a_look(gates: &[GateReport]) -> bool {
    let waits = |report: &&GateReport| matches!(report.answer, Answer::Wait { .. });
    let is_look = |report: &GateReport| matches!(report.gate, Gate::NoDrift | Gate::Parity);
    let is_refused = |report: &GateReport| matches!(report.answer, Answer::Refuse { .. });
    let mut waiting = gates.iter().filter(waits).peekable();
    waiting.peek().is_some() && waiting.all(is_look) && !gates.iter().any(is_refused)
}

/// What has to be looked at for a deployment to go on, when its gates are about to be asked and wait for nothing else.
pub(super) fn to_look_at_for(state: &State, deployment: &Deployment, now: Time) -> Vec<Sought> {
    let Some(release) = state.releases.get(&deployment.plan.release) else {
        return Vec::new();
    };
    let is_asked = match deployment.status {
        Status::Queued => ahead(state, deployment, now).is_none(),
        Status::Running => deployment.current().is_some_and(|(step, run)| {
            step.action.is_effect() && run.last().is_none() && !deployment.has_effects()
        }),
        Status::Undoing | Status::Ended => false,
    };
    let candidate = Candidate::of(deployment, release);
    match is_asked && waits_for_a_look(&ask_gates(state, &candidate, now)) {
        true => to_look_at(state, &candidate, now),
        false => Vec::new(),
    }
}

/// What a gate says that needs a look first.
pub(super) fn wait_for_a_look(places: &[Sought]) -> Answer {
    let names: Vec<String> = places
        .iter()
        .map(|place| format!("{} of {}", place.database, place.home))
        .collect();
    Answer::Wait {
        reason: format!("a look at {}", names.join(", ")),
        who: "whoever carries the deployment out looks by itself".into(),
        until: None,
    }
}

/// Whether the environment wants its databases to be what their migrations make, for a candidate that has any.
pub(super) fn is_asked_for(environment: &EnvironmentState, candidate: &Candidate<'_>) -> bool {
    // What a rehearsal has left behind is what going forward again is to show.
    let shows = matches!(candidate.trigger, Trigger::Rehearsal { after: Some(_), .. });
    let in_force = environment.in_force.iter();
    let mut rules = in_force.chain([&candidate.plan.policy]);
    !shows && rules.any(|policy| policy.no_drift) && of_candidate(candidate).next().is_some()
}

/// What the gate says.
pub(super) fn ask(state: &State, candidate: &Candidate<'_>, now: Time) -> Answer {
    let missing = unseen(state, candidate, of_candidate(candidate), now);
    if !missing.is_empty() {
        return wait_for_a_look(&missing);
    }
    let mut notes = Vec::new();
    for place in of_candidate(candidate) {
        let look = fresh(state, candidate, &place, now);
        let Sought { home, database, .. } = &place;
        match look.and_then(|look| look.drift.as_ref()) {
            Some(Drift::Same) | None => {
                notes.push(format!("{database} is what its migrations make"));
            }
            Some(Drift::Unfinished { migration }) => notes.push(format!(
                "migration {migration} of {database} is half done, and goes on"
            )),
            Some(Drift::Differs { lines, more }) => {
                return Answer::Refuse {
                    reason: format!(
                        "{database} of {home} is not what its applied migrations make: {}",
                        told(lines, *more)
                    ),
                    way_out: format!(
                        "`towpath db drift {home}` shows all of it: take it back there and deploy again, or make it a migration with `towpath db capture NAME --environment {home}` and deploy the release that has it"
                    ),
                };
            }
            Some(Drift::Unknown { why, help }) => {
                return Answer::Refuse {
                    reason: format!(
                        "it cannot be told whether {database} of {home} is what its applied migrations make: {why}"
                    ),
                    way_out: help.clone(),
                };
            }
        }
    }
    Answer::Pass {
        note: notes.join("; "),
    }
}

/// `table guests: different; + column note: text; and 2 lines more`.
pub(super) fn told(lines: &[String], more: u32) -> String {
    let lines = lines.join("; ");
    match more {
        0 => lines,
        1 => format!("{lines}; and 1 line more"),
        more => format!("{lines}; and {more} lines more"),
    }
}
