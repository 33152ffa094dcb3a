//! What came of it: for scripts as it is, for people as a table elsewhere.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use towpath_core::{
    Time,
    journal::{Record, Stream},
    path::{Event, Kind, Verdict},
};

use super::{DemoError, story::Story, visitors::Tally};
use crate::{
    engine::{DeploymentView, VERSION},
    store::Page,
};

/// What came of the demo. Its JSON is a stable format.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The format's version.
    pub version: u32,
    /// Whether everything went as told, the bad release's rollback and every single request included.
    pub ok: bool,
    /// How long it took.
    pub seconds: f64,
    /// What was deployed, in its order.
    pub releases: Vec<Row>,
    /// What visitors asked of production.
    pub requests: Requests,
    /// How the bad release was taken back.
    pub rollback: Option<Rollback>,
    /// Records in the journal, whose hashes were all checked.
    pub records: u64,
    /// What did not go as told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Trouble>,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The release.
    pub release: String,
    /// Where it was put.
    pub environment: String,
    /// `deploy` or `rollback`.
    pub kind: String,
    /// How it ended.
    pub outcome: String,
    /// Milliseconds by phase.
    pub phases: BTreeMap<String, u64>,
    /// Milliseconds from the request to the end.
    pub ms: u64,
}

/// What visitors asked of production.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requests {
    /// How many requests they sent.
    pub sent: u64,
    /// How many of these were answered wrongly, too late or not at all.
    pub failed: u64,
    /// Why the first few failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// How the bad release was taken back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollback {
    /// The bad release.
    pub release: String,
    /// The release that serves instead.
    pub to: String,
    /// The phase that said no.
    pub triggered_by: String,
    /// Milliseconds by the journal: from the end of the attempt that failed to the end of the rollback's switch, after
    /// which every new request goes to the earlier release.
    pub ms: u64,
    /// Milliseconds by the visitors: from the same instant to the last page that was still the bad release's; 0 when
    /// there was none.
    pub last_seen_ms: u64,
}

/// What did not go as told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// A stable code.
    pub code: &'static str,
    /// What.
    pub message: String,
    /// The way out.
    pub help: String,
}

/// Makes the report of a story that has ended in some way.
pub(super) async fn make(
    story: &Story,
    ended: Result<(), DemoError>,
    tally: Tally,
    took: Duration,
) -> Result<Report, DemoError> {
    let engine = story.engine();
    let mut views = Vec::new();
    for number in story.deployments() {
        views.extend(engine.deployment_view(*number).await?);
    }
    let rollback = match views.iter().find(|view| view.kind == Kind::Rollback) {
        Some(back) => taken_back(story, &views, back, &tally).await?,
        None => None,
    };
    let verified = engine.store.verify().await;
    let verified = verified.map_err(crate::engine::EngineError::from)?;
    let error = ended.err().map(|error| Trouble {
        code: error.code(),
        message: error.to_string(),
        help: error.help().to_owned(),
    });
    Ok(Report {
        version: VERSION,
        ok: error.is_none() && tally.failed == 0 && tally.sent > 0 && rollback.is_some(),
        seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        releases: views.iter().map(row).collect(),
        requests: Requests {
            sent: tally.sent,
            failed: tally.failed,
            causes: tally.causes,
        },
        rollback,
        records: verified.records,
        error,
    })
}

fn row(view: &DeploymentView) -> Row {
    let ended = view.ended_at.unwrap_or_else(crate::clock::now);
    Row {
        release: view.release.to_string(),
        environment: view.environment.to_string(),
        kind: view.kind.to_string(),
        outcome: view.status.clone(),
        phases: view.phases.clone(),
        ms: between(view.requested_at, ended),
    }
}

fn between(from: Time, until: Time) -> u64 {
    u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// What the journal and the visitors say of a rollback.
async fn taken_back(
    story: &Story,
    views: &[DeploymentView],
    back: &DeploymentView,
    tally: &Tally,
) -> Result<Option<Rollback>, DemoError> {
    let failed = views
        .iter()
        .find(|view| view.undone_by == Some(back.deployment));
    let Some(failed) = failed else {
        return Ok(None);
    };
    let ends = async |number| -> Result<Vec<End>, DemoError> {
        let page = Page {
            after: 0,
            stream: Some(Stream::Deployment(number)),
            limit: 10_000,
        };
        let records = story.engine().store.records(&page).await;
        let records = records.map_err(crate::engine::EngineError::from)?;
        Ok(records.iter().filter_map(End::of).collect())
    };
    let verdict = ends(failed.deployment)
        .await?
        .into_iter()
        .rfind(|end| end.verdict != Verdict::Passed);
    let switch = ends(back.deployment)
        .await?
        .into_iter()
        .rfind(|end| end.verdict == Verdict::Passed && end.step == "switch");
    let release = failed.release.to_string();
    Ok(verdict.zip(switch).map(|(verdict, switch)| Rollback {
        to: back.release.to_string(),
        triggered_by: phase_of(failed, &verdict.step),
        ms: between(verdict.at, switch.at),
        last_seen_ms: tally
            .last_seen
            .get(&release)
            .map_or(0, |seen| between(verdict.at, *seen)),
        release,
    }))
}

/// The end of a step's attempt.
struct End {
    at: Time,
    step: String,
    verdict: Verdict,
}

impl End {
    fn of(record: &Record) -> Option<End> {
        match Event::of(record) {
            Ok(Event::AttemptEnded { key, outcome, .. }) => Some(End {
                at: record.at,
                // `d7.STEP.1`; a step's own name may hold dots.
                step: key
                    .split_once('.')
                    .and_then(|(_, rest)| rest.rsplit_once('.'))
                    .map_or_else(String::new, |(step, _)| step.to_owned()),
                verdict: outcome.verdict(),
            }),
            _ => None,
        }
    }
}

fn phase_of(view: &DeploymentView, step: &str) -> String {
    view.steps
        .iter()
        .find(|known| known.id == step)
        .map_or_else(|| step.to_owned(), |known| known.phase.to_string())
}
