//! Everything that can happen. An event is a fact: it is never refused, and never changed.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Actor, Backfill, BuiltArtifact, ClonedDatabase, Commit, Crossed, Evidence, GateReport, Look,
    Migration, Plan, Rehearsal, SchemaWork, Source,
};
use crate::{
    Digest, Time,
    journal::{Draft, Record, Stream},
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
    target::InstanceKey,
    time::as_millis,
};

/// Something that happened; what it is about is said by its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "kebab-case")]
pub enum Event {
    /// A branch was seen at a commit.
    BranchMoved {
        /// The branch.
        branch: String,
        /// Its tip; `None` when it is gone.
        commit: Option<Commit>,
    },
    /// A release was numbered.
    ReleaseCut {
        /// What it is made from.
        source: Box<Source>,
    },
    /// Its artifacts were made.
    ReleaseBuilt {
        /// By service.
        artifacts: BTreeMap<ServiceName, BuiltArtifact>,
    },
    /// Its artifacts could not be made.
    ReleaseBuildFailed {
        /// Why.
        cause: String,
    },
    /// It must never be deployed again.
    ReleaseVetoed {
        /// Why.
        reason: String,
    },
    /// A rehearsal went from it to the release before, and back to it, and found nothing.
    RollbackProven {
        /// How.
        rehearsal: Rehearsal,
    },
    /// A rehearsal of the way back from it found something.
    RehearsalFailed {
        /// What, and how far it came.
        rehearsal: Rehearsal,
    },
    /// Someone reserved the environment.
    Locked {
        /// Why.
        reason: String,
        /// Until when.
        until: Time,
    },
    /// The reservation was given up.
    Unlocked,
    /// Nothing is deployed automatically any more.
    Held {
        /// Why.
        reason: String,
    },
    /// Automatic deployments may go on.
    HoldReleased,
    /// A step that did not pass, or somebody by hand, left other migrations applied than were known.
    SchemaSeen {
        /// The database that the environment keeps.
        database: DatabaseName,
        /// All that are applied, in order.
        applied: Vec<Migration>,
    },
    /// Somebody has looked at the schema of a database that the environment keeps.
    SchemaLookedAt {
        /// The database.
        database: DatabaseName,
        /// What was seen.
        look: Look,
    },
    /// Somebody is about to change a database that the environment keeps, by hand.
    SchemaWork {
        /// The database.
        database: DatabaseName,
        /// What is done.
        work: SchemaWork,
        /// Why.
        reason: String,
    },
    /// Somebody is about to read secrets of the environment. Never the values.
    SecretsRead {
        /// By which command, such as `run`.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Somebody is about to write secrets of the environment, or to say whose keys open them. Never the values.
    SecretsWritten {
        /// By which command, such as `set` or `rekey`.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// A clone of an environment is about to be made, for a rehearsal. Durable before there is anything of it.
    EnvironmentCloned {
        /// The release that is rehearsed.
        release: ReleaseNumber,
        /// Its databases.
        databases: BTreeMap<DatabaseName, ClonedDatabase>,
        /// How long it may stand about between two deployments.
        #[serde(with = "as_millis")]
        idle: Duration,
    },
    /// Nothing is left of the clone.
    CloneRemoved,
    /// A deployment was asked for.
    Requested {
        /// What it will do.
        plan: Box<Plan>,
        /// What asked for it.
        trigger: Trigger,
    },
    /// The gates let it in.
    Admitted {
        /// What each said.
        gates: Vec<GateReport>,
    },
    /// A gate said no.
    Refused {
        /// What each said.
        gates: Vec<GateReport>,
    },
    /// A step is about to be tried. Durable before any effect.
    AttemptStarted {
        /// The step.
        step: String,
        /// Which try it is, from 1.
        attempt: u32,
        /// Names the try for good.
        key: String,
        /// When it must be over.
        deadline: Time,
    },
    /// The try is over.
    AttemptEnded {
        /// Which.
        key: String,
        /// How.
        outcome: Outcome,
        /// When it is tried again, if it is.
        retry_at: Option<Time>,
    },
    /// A watch's probe failed, or passed again after it had failed.
    ProbeAnswered {
        /// The attempt of the watch.
        key: String,
        /// Which probe, from 0.
        probe: u32,
        /// How many times in a row it has failed; 0 when it passed again.
        failures: u32,
        /// What it found.
        finding: String,
    },
    /// A migration that is run in batches has come further, or rests.
    BackfillAdvanced {
        /// The attempt.
        key: String,
        /// How far.
        backfill: Backfill,
    },
    /// A signature is waited for.
    SignOffRequested {
        /// Its name.
        name: String,
        /// What is signed.
        evidence: Evidence,
        /// How long it is waited for.
        until: Time,
    },
    /// A person signed.
    Signed {
        /// Its name.
        name: String,
        /// What was signed.
        evidence: Digest,
        /// What the person said.
        comment: Option<String>,
    },
    /// A person refused to sign.
    Rejected {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A signature counts no more.
    SignOffVoided {
        /// Its name.
        name: String,
        /// Parts of the evidence that changed.
        changed: Vec<String>,
    },
    /// Somebody accepted that it cannot be taken back.
    NoReturnAccepted {
        /// Why.
        reason: String,
        /// The migrations that cannot be undone.
        migrations: Vec<Crossed>,
    },
    /// It is to stop.
    CancelRequested {
        /// Why.
        reason: String,
        /// A rollback that takes the traffic from here; nothing else is to touch it.
        in_favour_of: Option<DeploymentNumber>,
    },
    /// What it did is taken back.
    Undoing {
        /// Why.
        because: String,
        /// How.
        how: Undo,
    },
    /// It goes on from a step that had not passed.
    Retried {
        /// The step.
        from: String,
    },
    /// It is over.
    Ended {
        /// How.
        end: End,
        /// Why, in a line for people.
        why: String,
    },
}

impl Event {
    /// Places the event in a stream.
    pub fn draft(self, stream: Stream, actor: &Actor, at: Time) -> Draft {
        let value = serde_json::to_value(&self).expect("events have text keys and finite numbers");
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        let body = value
            .get("body")
            .cloned()
            .unwrap_or(serde_json::Value::Null);
        Draft {
            stream,
            at,
            actor: actor.to_string(),
            kind,
            body,
        }
    }

    /// Reads the event that a record holds.
    pub fn of(record: &Record) -> Result<Event, UnreadableEvent> {
        let value = match &record.body {
            serde_json::Value::Null => serde_json::json!({ "kind": record.kind }),
            body => serde_json::json!({ "kind": record.kind, "body": body }),
        };
        serde_json::from_value(value).map_err(|error| UnreadableEvent {
            seq: record.seq,
            kind: record.kind.clone(),
            why: error.to_string(),
        })
    }
}

/// A record whose event this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} holds a {kind:?} that this version cannot read: {why}")]
pub struct UnreadableEvent {
    /// Its position.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// What is wrong with it.
    pub why: String,
}

/// What asked for a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A person's command.
    Person,
    /// A branch that moved.
    Push {
        /// The branch.
        branch: String,
    },
    /// A person's promotion of what is verified elsewhere.
    Promotion {
        /// Where it is verified.
        from: EnvironmentName,
    },
    /// The failure of another deployment.
    Undo {
        /// Which.
        of: DeploymentNumber,
    },
    /// A person's rehearsal of the way back from a release.
    Rehearsal {
        /// From which release.
        of: ReleaseNumber,
        /// The deployment that it follows on; nothing in between.
        after: Option<DeploymentNumber>,
    },
}

impl Trigger {
    /// Whether no person asked for it just now.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Trigger::Push { .. } | Trigger::Undo { .. })
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::Person => f.write_str("asked for"),
            Trigger::Push { branch } => write!(f, "push to {branch}"),
            Trigger::Promotion { from } => write!(f, "promotion from {from}"),
            Trigger::Undo { of } => write!(f, "undoing {of}"),
            Trigger::Rehearsal { of, .. } => write!(f, "rehearsal of {of}"),
        }
    }
}

/// The answer of a check: it said yes, it said no, it could not say, or what it said decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Passed,
    /// No.
    Failed,
    /// It could not say.
    Errored,
    /// It said something that decides nothing.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Errored => "errored",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should.
    Passed {
        /// What, in a line for people.
        detail: String,
        /// What later steps and the evidence need of it.
        receipt: Receipt,
    },
    /// It said no. Not tried again by itself.
    Failed {
        /// What it found.
        finding: String,
    },
    /// It could not say.
    Errored {
        /// The last real cause.
        cause: String,
        /// Whether trying again may help.
        transient: bool,
    },
    /// What it said decides nothing.
    Inconclusive {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// The verdict alone.
    pub fn verdict(&self) -> Verdict {
        match self {
            Outcome::Passed { .. } => Verdict::Passed,
            Outcome::Failed { .. } => Verdict::Failed,
            Outcome::Errored { .. } => Verdict::Errored,
            Outcome::Inconclusive { .. } => Verdict::Inconclusive,
        }
    }

    /// What it says, in a line for people.
    pub fn text(&self) -> &str {
        match self {
            Outcome::Passed { detail, .. } => detail,
            Outcome::Failed { finding } => finding,
            Outcome::Errored { cause, .. } => cause,
            Outcome::Inconclusive { why } => why,
        }
    }
}

/// What a passed step leaves behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Receipt {
    /// Nothing that anyone needs.
    Nothing,
    /// A build.
    Built {
        /// By service.
        artifacts: BTreeMap<ServiceName, BuiltArtifact>,
    },
    /// A migration.
    Migrated {
        /// The database.
        database: DatabaseName,
        /// The environment that keeps it.
        home: EnvironmentName,
        /// All that are applied now, in order.
        applied: Vec<Migration>,
        /// How many this attempt applied.
        fresh: u32,
        /// Of the schema that they made.
        schema: String,
    },
    /// A configuration.
    Configured {
        /// Its keyed digest: the same values give the same one, and it reveals none.
        config: Digest,
    },
    /// Running instances.
    Started {
        /// The service.
        service: ServiceName,
        /// Its instances.
        instances: Vec<InstanceKey>,
    },
    /// Moved traffic.
    Switched {
        /// Where users reach each service.
        addresses: BTreeMap<ServiceName, std::net::SocketAddr>,
    },
    /// A test or a check.
    Tested {
        /// Of what it printed.
        output: Digest,
    },
}

/// How what a deployment did is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Its instances go; no user ever reached them.
    Discard,
    /// Another deployment returns the environment to an earlier release.
    Rollback {
        /// Which.
        deployment: DeploymentNumber,
        /// To what.
        to: ReleaseNumber,
    },
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Every phase passed; the release is verified here.
    Settled,
    /// It failed, and the environment is back on an earlier release.
    RolledBack,
    /// Something said no.
    Failed,
    /// Something could not say.
    Errored,
    /// Someone stopped it.
    Cancelled,
    /// A newer release took its place in the queue.
    Superseded,
    /// A gate said no.
    Refused,
    /// It failed, and so did taking it back: a person is needed.
    UndoFailed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            End::Settled => "settled",
            End::RolledBack => "rolled-back",
            End::Failed => "failed",
            End::Errored => "errored",
            End::Cancelled => "cancelled",
            End::Superseded => "superseded",
            End::Refused => "refused",
            End::UndoFailed => "undo-failed",
        })
    }
}
