//! What somebody wants of the path, and what has to be known to decide it.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Backfill, BuiltArtifact, ClonedDatabase, Commit, Look, Migration, Outcome, Plan, Policy,
    SchemaWork, Source, Trigger,
};
use crate::{
    Digest,
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
};

/// Something that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A branch was seen at a commit.
    MoveBranch {
        /// The branch.
        branch: String,
        /// Its tip; `None` when it is gone.
        commit: Option<Commit>,
    },
    /// Number a release, unless the same source has a number.
    Cut {
        /// What it is made from.
        source: Box<Source>,
    },
    /// Its artifacts were made.
    RecordBuild {
        /// The release.
        release: ReleaseNumber,
        /// Its artifacts, or why there are none.
        made: Result<BTreeMap<ServiceName, BuiltArtifact>, String>,
    },
    /// Never deploy it again.
    Veto {
        /// The release.
        release: ReleaseNumber,
        /// Why.
        reason: String,
        /// The rules of every environment; who may roll back any of them may veto.
        policies: Vec<Policy>,
    },
    /// Reserve an environment.
    Lock {
        /// Its rules.
        policy: Box<Policy>,
        /// Why.
        reason: String,
        /// For how long.
        lasting: Duration,
    },
    /// Give a reservation up.
    Unlock {
        /// The environment's rules.
        policy: Box<Policy>,
    },
    /// Stop everything automatic in an environment.
    Hold {
        /// Its rules.
        policy: Box<Policy>,
        /// Why.
        reason: String,
    },
    /// Let it go on.
    ReleaseHold {
        /// The environment's rules.
        policy: Box<Policy>,
    },
    /// See which secrets an environment has. Nothing is recorded: no value is looked at.
    ListSecrets {
        /// The environment's rules.
        policy: Box<Policy>,
    },
    /// Change a database by hand. It is recorded before it is done, and what is applied then is said after it.
    WorkOnSchema {
        /// The rules of the environment that keeps it.
        policy: Box<Policy>,
        /// The database.
        database: DatabaseName,
        /// What is done.
        work: SchemaWork,
        /// Why.
        reason: String,
        /// All that are applied, in order, once it is done.
        applied: Option<Vec<Migration>>,
    },
    /// Read secrets of an environment. It is recorded before they are read.
    ReadSecrets {
        /// The environment's rules.
        policy: Box<Policy>,
        /// By which command.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Write secrets of an environment, or say whose keys open them. It is recorded before they are written.
    WriteSecrets {
        /// The environment's rules.
        policy: Box<Policy>,
        /// By which command.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Put a release into an environment.
    Request {
        /// How.
        plan: Box<Plan>,
        /// What asks for it.
        trigger: Trigger,
    },
    /// Make a clone of an environment, for the deployment that is requested with this.
    Clone {
        /// That deployment's plan.
        plan: Box<Plan>,
        /// The clone's databases.
        databases: BTreeMap<DatabaseName, ClonedDatabase>,
        /// How long it may stand about between two deployments: whoever rehearses asks for the next one at once.
        idle: Duration,
    },
    /// Say that nothing is left of a clone.
    RemoveClone {
        /// The clone.
        clone: EnvironmentName,
    },
    /// Say that a release can be taken back, because its rehearsal has shown it. What the journal holds decides.
    ProveRollback {
        /// The deployment that brought the release.
        first: DeploymentNumber,
        /// The one that returned from it.
        back: DeploymentNumber,
        /// The one that brought it again.
        again: DeploymentNumber,
    },
    /// Say what stopped a rehearsal.
    FailRehearsal {
        /// The release that is rehearsed.
        release: ReleaseNumber,
        /// Its last deployment.
        deployment: DeploymentNumber,
        /// What it found.
        finding: String,
    },
    /// Sign what is asked for.
    Sign {
        /// The deployment.
        deployment: DeploymentNumber,
        /// Which signature; the one that is waited for, when not said.
        name: Option<String>,
        /// What the signer saw; checked when said.
        evidence: Option<Digest>,
        /// What the signer says.
        comment: Option<String>,
    },
    /// Refuse to sign.
    Reject {
        /// The deployment.
        deployment: DeploymentNumber,
        /// Which signature.
        name: Option<String>,
        /// Why.
        reason: String,
    },
    /// Accept that a deployment passes a point of no return.
    AcceptNoReturn {
        /// The deployment.
        deployment: DeploymentNumber,
        /// Why.
        reason: String,
    },
    /// Stop a deployment.
    Cancel {
        /// The deployment.
        deployment: DeploymentNumber,
        /// Why.
        reason: String,
    },
    /// Go on with a deployment that failed.
    Retry {
        /// The deployment.
        deployment: DeploymentNumber,
        /// From which step; the one that did not pass, when not said.
        from: Option<String>,
    },
    /// An attempt is over. Only the holder of the deployment's lease says so.
    EndAttempt {
        /// The deployment.
        deployment: DeploymentNumber,
        /// The attempt.
        key: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// Say what is applied to a database after a step that did not pass.
    RecordSchema {
        /// The environment that keeps it.
        home: EnvironmentName,
        /// The database.
        database: DatabaseName,
        /// All that are applied, in order.
        applied: Vec<Migration>,
    },
    /// Say what was seen of a database.
    RecordLook {
        /// The environment that keeps it.
        home: EnvironmentName,
        /// The database.
        database: DatabaseName,
        /// What was seen.
        look: Look,
    },
    /// A watch's probe failed, or passed again.
    RecordProbe {
        /// The deployment.
        deployment: DeploymentNumber,
        /// The attempt.
        key: String,
        /// Which probe.
        probe: u32,
        /// How many times in a row it failed.
        failures: u32,
        /// What it found.
        finding: String,
    },
    /// A migration that is run in batches has come further, or rests.
    RecordBackfill {
        /// The deployment.
        deployment: DeploymentNumber,
        /// The attempt.
        key: String,
        /// How far.
        backfill: Backfill,
    },
    /// Do what needs nobody's command. Only the holder of the deployment's lease says so.
    Advance {
        /// The deployment.
        deployment: DeploymentNumber,
    },
}

/// What a command needs to be in the state before it is decided; the store brings it in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Releases.
    pub releases: Vec<ReleaseNumber>,
    /// Deployments, each with its release.
    pub deployments: Vec<DeploymentNumber>,
    /// The releases of a commit.
    pub commit: Option<Commit>,
    /// The environment, where a command looks at nothing else.
    pub environment: Option<EnvironmentName>,
}

impl Command {
    /// What the decision looks at.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Command::Cut { source } => needs.commit = Some(source.commit.clone()),
            Command::RecordBuild { release, .. } | Command::Veto { release, .. } => {
                needs.releases.push(*release);
            }
            Command::Request { plan, .. } | Command::Clone { plan, .. } => {
                needs.releases.push(plan.release);
            }
            Command::ProveRollback { first, back, again } => {
                needs.deployments.extend([*first, *back, *again]);
            }
            Command::FailRehearsal {
                release,
                deployment,
                ..
            } => {
                needs.releases.push(*release);
                needs.deployments.push(*deployment);
            }
            Command::Sign { deployment, .. }
            | Command::Reject { deployment, .. }
            | Command::AcceptNoReturn { deployment, .. }
            | Command::Cancel { deployment, .. }
            | Command::Retry { deployment, .. }
            | Command::EndAttempt { deployment, .. }
            | Command::RecordProbe { deployment, .. }
            | Command::RecordBackfill { deployment, .. }
            | Command::Advance { deployment } => needs.deployments.push(*deployment),
            Command::ListSecrets { policy }
            | Command::ReadSecrets { policy, .. }
            | Command::WriteSecrets { policy, .. }
            | Command::WorkOnSchema { policy, .. } => {
                needs.environment = Some(policy.environment.clone());
            }
            _ => {}
        }
        needs
    }
}
