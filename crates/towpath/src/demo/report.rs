//! The demo's report: what happened, in a table for people and an object for scripts.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use towpath_core::{
    journal::Stream,
    path::{Event, Outcome, Phase, Verdict},
    time::human,
};

use super::{DemoError, story::Story};
use crate::{cli::style::Paint, engine::DeploymentView, store::Page};

/// What happened.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u32,
    /// Whether everything went as told.
    pub ok: bool,
    seconds: f64,
    releases: Vec<Row>,
    requests: Requests,
    rollback: Option<Rollback>,
    /// Why it did not go as told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    release: String,
    environment: String,
    outcome: String,
    phases: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Requests {
    sent: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
}

/// How the bad release was taken back.
#[derive(Debug, Serialize)]
struct Rollback {
    release: String,
    to: String,
    triggered_by: String,
    /// From the verdict of the step that failed until all traffic was on the earlier release, by the journal.
    ms: u64,
}

impl Report {
    pub(super) async fn make(
        story: &Story<'_>,
        took: Duration,
        told: Result<(), DemoError>,
    ) -> Result<Report, DemoError> {
        let views = story.views().await?;
        let mut rollback = None;
        for view in views.values() {
            if view.undone_by.is_some() {
                rollback = rolled_back(story, view).await?;
            }
        }
        let (sent, failed) = story.traffic().counts();
        let error = told.err().map(|error| format!("{error}; {}", error.help()));
        Ok(Report {
            version: 1,
            ok: error.is_none() && failed == 0 && sent > 0 && rollback.is_some(),
            seconds: took.as_secs_f64(),
            releases: views.values().map(row).collect(),
            requests: Requests {
                sent,
                failed,
                causes: story.traffic().causes(),
            },
            rollback,
            error,
        })
    }

    /// For people.
    pub(super) fn table(&self, paint: Paint) -> Vec<String> {
        let mut lines = vec![paint.dim(&format!(
            "{:<8} {:<12} {:<12} {}",
            "RELEASE", "ENVIRONMENT", "OUTCOME", "TIME PER PHASE"
        ))];
        for row in &self.releases {
            let phases: Vec<String> = Phase::ALL
                .iter()
                .filter_map(|phase| row.phases.get(phase.name()).map(|ms| (phase, ms)))
                .map(|(phase, ms)| format!("{phase} {}", human(Duration::from_millis(*ms))))
                .collect();
            let outcome = paint.status(&row.outcome);
            let pad = " ".repeat(12_usize.saturating_sub(row.outcome.len()));
            lines.push(format!(
                "{:<8} {:<12} {outcome}{pad} {}",
                row.release,
                row.environment,
                phases.join(" · ")
            ));
        }
        lines.push(String::new());
        let Requests {
            sent,
            failed,
            causes,
        } = &self.requests;
        let failed_text = format!("{failed} failed");
        let failed_text = if *failed == 0 {
            paint.good(&failed_text)
        } else {
            paint.bad(&failed_text)
        };
        lines.push(format!("requests of users: {sent} sent, {failed_text}"));
        lines.extend(causes.iter().map(|cause| format!("  {cause}")));
        if let Some(rollback) = &self.rollback {
            lines.push(format!(
                "{} was taken back to {} by its {}: {} from the verdict to all traffic on {}",
                rollback.release,
                rollback.to,
                rollback.triggered_by,
                human(Duration::from_millis(rollback.ms)),
                rollback.to
            ));
        }
        if let Some(error) = &self.error {
            lines.push(format!("{} {error}", paint.bad("not as told:")));
        }
        lines.push(format!("all of it took {:.1} s", self.seconds));
        lines
    }
}

fn row(view: &DeploymentView) -> Row {
    Row {
        release: view.release.to_string(),
        environment: view.environment.to_string(),
        outcome: view.status.clone(),
        phases: view.phases.clone(),
    }
}

/// What the journal says of a deployment that was taken back.
async fn rolled_back(
    story: &Story<'_>,
    view: &DeploymentView,
) -> Result<Option<Rollback>, DemoError> {
    let engine = story.engine();
    let Some(number) = view.undone_by else {
        return Ok(None);
    };
    let mistake = |error: &dyn std::fmt::Display| {
        DemoError::new(error.to_string(), "this is a mistake of ours")
    };
    let to = engine
        .deployment_view(number)
        .await
        .map_err(|e| mistake(&e))?;
    let Some(to) = to else { return Ok(None) };
    let ends = async |stream: Stream| -> Result<Vec<(i64, String, Outcome)>, DemoError> {
        let page = Page {
            after: 0,
            stream: Some(stream),
            limit: 1000,
        };
        let records = engine.store.records(&page).await.map_err(|e| mistake(&e))?;
        Ok(records
            .iter()
            .filter_map(|record| match Event::of(record) {
                Ok(Event::AttemptEnded { key, outcome, .. }) => Some((record.at.0, key, outcome)),
                _ => None,
            })
            .collect())
    };
    let verdict = ends(Stream::Deployment(view.deployment))
        .await?
        .into_iter()
        .find(|(_, _, outcome)| outcome.verdict() != Verdict::Passed);
    let switch = ends(Stream::Deployment(number))
        .await?
        .into_iter()
        .find(|(_, key, _)| key.contains(".switch."));
    Ok(verdict
        .zip(switch)
        .map(|((failed_at, key, _), (switched_at, _, _))| Rollback {
            release: view.release.to_string(),
            to: to.release.to_string(),
            triggered_by: key.split('.').nth(1).unwrap_or_default().to_owned(),
            ms: u64::try_from(switched_at - failed_at).unwrap_or(0),
        }))
}
