//! A deployment's own page: what it was asked for, what each step did and said, who signed.

use serde::Serialize;
use towpath_core::{Time, path::Release};

use super::{
    board::tone,
    stations::{Stand, Station, stand, stations, waits},
    words::{When, ago, first_line, short, took},
};
use crate::engine::DeploymentView;

/// A deployment.
#[derive(Debug, Serialize)]
pub(super) struct Voyage {
    number: String,
    kind: String,
    environment: String,
    release: String,
    commit: String,
    subject: Option<String>,
    author: Option<String>,
    status: String,
    tone: &'static str,
    trigger: String,
    by: String,
    when: When,
    ended: Option<When>,
    why: Option<String>,
    waits: Option<String>,
    undone_by: Option<String>,
    evidence: Option<String>,
    stations: Vec<Station>,
    steps: Vec<Step>,
    signatures: Vec<Signature>,
    /// For who does not see it.
    said: String,
}

#[derive(Debug, Serialize)]
struct Step {
    id: String,
    phase: &'static str,
    what: String,
    stand: Stand,
    verdict: Option<String>,
    /// What it said in a line, or at length.
    said: Option<String>,
    told: Option<String>,
    tries: u32,
    took: Option<String>,
}

#[derive(Debug, Serialize)]
struct Signature {
    name: String,
    by: String,
    when: When,
    comment: Option<String>,
}

impl Voyage {
    pub(super) fn of(view: &DeploymentView, release: Option<&Release>, now: Time) -> Voyage {
        let source = release.map(|release| &release.source);
        let waits = view.waiting.as_ref().map(|waiting| waits(waiting, now));
        Voyage {
            number: view.deployment.to_string(),
            kind: view.kind.to_string(),
            environment: view.environment.to_string(),
            release: view.release.to_string(),
            commit: short(&view.commit).to_owned(),
            subject: source.map(|source| source.subject.clone()),
            author: source.map(|source| source.author.clone()),
            status: view.status.clone(),
            tone: tone(&view.status),
            trigger: view.trigger.clone(),
            by: view.requested_by.clone(),
            when: ago(view.requested_at, now),
            ended: view.ended_at.map(|at| ago(at, now)),
            why: view.why.as_deref().map(first_line),
            undone_by: view.undone_by.map(|number| number.to_string()),
            evidence: view.evidence.map(|evidence| evidence.to_string()),
            stations: stations(view, now),
            steps: steps(view),
            signatures: view
                .signatures
                .iter()
                .map(|signature| Signature {
                    name: signature.name.clone(),
                    by: signature.by.clone(),
                    when: ago(signature.at, now),
                    comment: signature.comment.clone(),
                })
                .collect(),
            said: match &waits {
                Some(waits) => format!("{} {waits}.", view.deployment),
                None => format!("{} {}.", view.deployment, view.status.replace('-', " ")),
            },
            waits,
        }
    }

    pub(super) fn title(&self) -> String {
        format!(
            "{} {} of {} · {}",
            self.number, self.kind, self.release, self.environment
        )
    }
}

fn steps(view: &DeploymentView) -> Vec<Step> {
    view.steps
        .iter()
        .map(|step| Step {
            id: step.id.clone(),
            phase: step.phase.name(),
            what: step.what.clone(),
            stand: stand(view, step),
            verdict: step.verdict.map(|verdict| verdict.to_string()),
            said: step.said.as_deref().map(first_line),
            told: step.said.clone().filter(|said| said.trim().contains('\n')),
            tries: step.tries,
            took: step.ms.map(took),
        })
        .collect()
}
