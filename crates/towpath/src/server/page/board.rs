//! The board's values: a lane for each environment, and the deployments that were.

use serde::Serialize;
use towpath_core::{
    Time,
    names::{DeploymentNumber, EnvironmentName},
};

use super::{
    stations::{Station, passed, stations, waits},
    words::{When, ago, first_line, left, short, took},
};
use crate::engine::{DeploymentView, EnvironmentView, LiveView, StatusView};

/// Where everything is.
#[derive(Debug, Serialize)]
pub(super) struct Board {
    pub(super) project: String,
    lanes: Vec<Lane>,
    /// What is out of the ordinary, in a sentence: for who does not see the board.
    said: String,
}

/// An environment.
#[derive(Debug, Serialize)]
struct Lane {
    name: String,
    group: Option<String>,
    branch: Option<String>,
    /// How it is, as a class of the style and in words.
    tone: &'static str,
    mood: String,
    live: Option<Live>,
    back: Option<Back>,
    notices: Vec<Notice>,
    active: Option<Active>,
    queue: Vec<Queued>,
    last: Option<Row>,
}

/// What serves its users.
#[derive(Debug, Serialize)]
struct Live {
    release: String,
    commit: String,
    subject: String,
    deployment: String,
    since: When,
    verified: bool,
    vetoed: Option<String>,
    rehearsed: Option<Rehearsed>,
    addresses: Vec<(String, String)>,
}

/// What the last rehearsal of its way back found.
#[derive(Debug, Serialize)]
struct Rehearsed {
    proven: bool,
    told: String,
    when: Option<When>,
}

/// Where it could return to.
#[derive(Debug, Serialize)]
struct Back {
    release: String,
    /// Until when that release still runs.
    warm: Option<When>,
    /// What is undone for it.
    undoes: Vec<String>,
    /// The oldest release that needs nothing undone.
    safe: Option<String>,
}

/// Why not everything is deployed to it.
#[derive(Debug, Serialize)]
struct Notice {
    what: &'static str,
    by: Option<String>,
    reason: Option<String>,
    until: Option<When>,
}

/// The deployment that has it.
#[derive(Debug, Serialize)]
struct Active {
    number: String,
    kind: String,
    release: String,
    by: String,
    trigger: String,
    since: When,
    stations: Vec<Station>,
    passed: usize,
    undone_by: Option<String>,
    why: Option<String>,
}

/// One that waits for it.
#[derive(Debug, Serialize)]
struct Queued {
    number: String,
    kind: String,
    release: String,
    by: String,
    waits: Option<String>,
}

/// A deployment in a line.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    number: String,
    kind: String,
    environment: String,
    release: String,
    commit: String,
    status: String,
    tone: &'static str,
    by: String,
    trigger: String,
    when: When,
    took: Option<String>,
    why: String,
}

/// The deployments that were, newest first.
#[derive(Debug, Serialize)]
pub(super) struct History {
    rows: Vec<Row>,
    environment: Option<String>,
    /// Whether this is not the newest part of it.
    is_later: bool,
    /// Where the older ones begin.
    older: Option<String>,
}

impl Board {
    pub(super) fn of(status: &StatusView, now: Time) -> Board {
        let lanes: Vec<Lane> = status
            .environments
            .iter()
            .map(|view| Lane::of(view, now))
            .collect();
        let said = lanes
            .iter()
            .filter(|lane| lane.tone != "calm" && lane.tone != "empty")
            .map(|lane| format!("{}: {}.", lane.name, lane.mood))
            .collect::<Vec<_>>()
            .join(" ");
        Board {
            project: status.project.clone(),
            lanes,
            said,
        }
    }

    pub(super) fn title(&self) -> String {
        let busy: Vec<&str> = self
            .lanes
            .iter()
            .filter(|lane| lane.active.is_some())
            .map(|lane| lane.name.as_str())
            .collect();
        match busy.as_slice() {
            [] => self.project.clone(),
            busy => format!("{} · {}", busy.join(", "), self.project),
        }
    }
}

impl Lane {
    fn of(view: &EnvironmentView, now: Time) -> Lane {
        let last = view.last.as_ref().filter(|last| is_told(last, view));
        let (tone, mood) = mood(view, last);
        Lane {
            name: view.name.to_string(),
            group: view.group.as_ref().map(ToString::to_string),
            branch: view.branch.clone(),
            tone,
            mood,
            live: view.live.as_ref().map(|live| Live::of(live, now)),
            back: view.returns_to.map(|release| Back {
                release: release.to_string(),
                warm: view
                    .warm
                    .filter(|(warm, _)| *warm == release)
                    .map(|(_, until)| left(until, now)),
                undoes: view.returns_by.clone(),
                safe: view.safe_back_to.map(|safe| safe.to_string()),
            }),
            notices: notices(view, now),
            active: view.active.as_ref().map(|active| Active::of(active, now)),
            queue: view
                .queue
                .iter()
                .map(|queued| Queued::of(queued, now))
                .collect(),
            last: last.map(|last| Row::of(last, now)),
        }
    }
}

/// Whether the last deployment is worth a word: it is over, and did not end as everybody hoped.
fn is_told(last: &DeploymentView, view: &EnvironmentView) -> bool {
    view.active.is_none()
        && last.ended_at.is_some()
        && !matches!(last.status.as_str(), "settled" | "superseded")
}

/// How an environment is: what matters most of it.
fn mood(view: &EnvironmentView, last: Option<&DeploymentView>) -> (&'static str, String) {
    if let Some(active) = &view.active {
        let number = active.deployment;
        return match &active.waiting {
            Some(waiting) if waiting.who.is_some() => {
                ("waits", format!("{number} waits for {}", waiting.reason))
            }
            _ if active.status == "undoing" => ("bad", format!("{number} is being taken back")),
            _ => ("busy", format!("{number} is under way")),
        };
    }
    if let Some(last) = last.filter(|last| tone(&last.status) == "bad") {
        let (number, status) = (last.deployment, &last.status);
        return ("bad", format!("{number} {}", status.replace('-', " ")));
    }
    if view.lock.is_some() {
        ("shut", "locked".into())
    } else if view.hold.is_some() {
        ("shut", "held".into())
    } else if view.frozen_until.is_some() {
        ("shut", "frozen".into())
    } else if view.live.is_none() {
        ("empty", "nothing here yet".into())
    } else {
        ("calm", "at rest".into())
    }
}

fn notices(view: &EnvironmentView, now: Time) -> Vec<Notice> {
    let lock = view.lock.as_ref().map(|lock| Notice {
        what: "Locked",
        by: Some(lock.owner.clone()),
        reason: Some(lock.reason.clone()),
        until: Some(left(lock.until, now)),
    });
    let hold = view.hold.as_ref().map(|hold| Notice {
        what: "Held",
        by: Some(hold.by.clone()),
        reason: Some(hold.reason.clone()),
        until: None,
    });
    let freeze = view.frozen_until.map(|until| Notice {
        what: "Frozen",
        by: None,
        reason: None,
        until: Some(left(until, now)),
    });
    lock.into_iter().chain(hold).chain(freeze).collect()
}

impl Live {
    fn of(live: &LiveView, now: Time) -> Live {
        Live {
            release: live.release.to_string(),
            commit: short(&live.commit).to_owned(),
            subject: live.subject.clone(),
            deployment: live.deployment.to_string(),
            since: ago(live.since, now),
            verified: live.verified,
            vetoed: live.vetoed.clone(),
            rehearsed: live.rehearsal.as_ref().map(|rehearsal| Rehearsed {
                proven: rehearsal.proves(),
                told: rehearsal.to_string(),
                when: rehearsal.at.map(|at| ago(at, now)),
            }),
            addresses: live
                .addresses
                .iter()
                .map(|(service, url)| (service.to_string(), url.clone()))
                .collect(),
        }
    }
}

impl Active {
    fn of(view: &DeploymentView, now: Time) -> Active {
        let stations = stations(view, now);
        Active {
            number: view.deployment.to_string(),
            kind: view.kind.to_string(),
            release: view.release.to_string(),
            by: view.requested_by.clone(),
            trigger: view.trigger.clone(),
            since: ago(view.requested_at, now),
            passed: passed(&stations),
            stations,
            undone_by: view.undone_by.map(|number| number.to_string()),
            why: view.why.as_deref().map(first_line),
        }
    }
}

impl Queued {
    fn of(view: &DeploymentView, now: Time) -> Queued {
        Queued {
            number: view.deployment.to_string(),
            kind: view.kind.to_string(),
            release: view.release.to_string(),
            by: view.requested_by.clone(),
            waits: view.waiting.as_ref().map(|waiting| waits(waiting, now)),
        }
    }
}

impl Row {
    fn of(view: &DeploymentView, now: Time) -> Row {
        let span = view.ended_at.map(|ended| ended.since(view.requested_at));
        Row {
            number: view.deployment.to_string(),
            kind: view.kind.to_string(),
            environment: view.environment.to_string(),
            release: view.release.to_string(),
            commit: short(&view.commit).to_owned(),
            status: view.status.clone(),
            tone: tone(&view.status),
            by: view.requested_by.clone(),
            trigger: view.trigger.clone(),
            when: ago(view.requested_at, now),
            took: span.map(|span| took(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))),
            // What went as it should needs no words.
            why: match (&view.why, view.status.as_str()) {
                (Some(why), status) if status != "settled" => first_line(why),
                _ => String::new(),
            },
        }
    }
}

/// How a status looks.
pub(super) fn tone(status: &str) -> &'static str {
    match status {
        "settled" => "good",
        "queued" | "running" | "undoing" => "now",
        "cancelled" | "superseded" => "dim",
        _ => "bad",
    }
}

impl History {
    /// At most `most` of the views; one more says that there are older ones.
    pub(super) fn of(
        views: Vec<DeploymentView>,
        most: u32,
        environment: Option<&EnvironmentName>,
        before: Option<DeploymentNumber>,
        now: Time,
    ) -> History {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let has_more = views.len() > most;
        let rows: Vec<Row> = views
            .iter()
            .take(most)
            .map(|view| Row::of(view, now))
            .collect();
        History {
            older: rows
                .last()
                .filter(|_| has_more)
                .map(|row| row.number.clone()),
            rows,
            environment: environment.map(ToString::to_string),
            is_later: before.is_some(),
        }
    }
}
