//! What people ask of the path, in their words: environments by alias, releases or revisions; and what they are answered. The
//! same for the command line and for the server's clients.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use towpath_core::{
    Digest,
    manifest::{Environment, Manifest},
    names::{DatabaseName, DeploymentNumber, ReleaseNumber},
    path::{Command, GateReport, Migration, Plan, Policy, Refusal, Release, SchemaWork},
};

use super::EngineError;
use crate::{git::GitError, store::StoreError};

/// Something that a person asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Number a commit's release, and build it.
    Release {
        /// A revision that git understands.
        revision: String,
    },
    /// Put a release into an environment.
    Deploy {
        /// Its name or alias.
        environment: String,
        /// A release (`v42`) or a revision; the tip of the environment's branch when not said.
        what: Option<String>,
    },
    /// Move what is verified in an environment on to those that come after it.
    Promote {
        /// Its name or alias.
        from: String,
        /// The release; the last verified one when not said.
        release: Option<ReleaseNumber>,
        /// Where to; the one environment that comes after it when not said.
        to: Option<String>,
    },
    /// Take a release back.
    Rollback {
        /// The environment's name or alias.
        environment: String,
        /// To which release; the last verified one when not said.
        to: Option<ReleaseNumber>,
    },
    /// Go on with the rehearsal of the way back from a release, or begin it.
    Rehearse {
        /// The environment's name or alias.
        environment: String,
        /// A release (`v42`) or a revision; the tip of the environment's branch when not said.
        what: Option<String>,
        /// The rehearsal's deployment that was followed to its end; none when it begins, or is taken up again.
        followed: Option<DeploymentNumber>,
        /// Whether on a throw-away clone of the environment.
        #[serde(default)]
        on_clone: bool,
    },
    /// Sign what an environment's deployment waits for.
    SignOff {
        /// Its name or alias, or the deployment (`d7`).
        deployment: String,
        /// Which signature.
        name: Option<String>,
        /// What was seen.
        evidence: Option<Digest>,
        /// What to say.
        comment: Option<String>,
    },
    /// Refuse to sign.
    Reject {
        /// The environment's name or alias, or the deployment (`d7`).
        deployment: String,
        /// Which signature.
        name: Option<String>,
        /// Why.
        reason: String,
    },
    /// Accept that a deployment cannot be taken back.
    Accept {
        /// The environment's name or alias, or the deployment (`d7`).
        deployment: String,
        /// Why.
        reason: String,
    },
    /// Stop a deployment.
    Cancel {
        /// The environment's name or alias, or the deployment (`d7`).
        deployment: String,
        /// Why.
        reason: String,
    },
    /// Go on with a deployment that failed.
    Retry {
        /// The environment's name or alias, or the deployment (`d7`).
        deployment: String,
        /// From which step.
        from: Option<String>,
    },
    /// Reserve an environment.
    Lock {
        /// Its name or alias.
        environment: String,
        /// Why.
        reason: String,
        /// For how long, in milliseconds.
        #[serde(with = "towpath_core::time::as_millis")]
        lasting: Duration,
    },
    /// Give a reservation up.
    Unlock {
        /// The environment's name or alias.
        environment: String,
    },
    /// Stop everything automatic.
    Hold {
        /// The environment's name or alias.
        environment: String,
        /// Why.
        reason: String,
    },
    /// Let it go on.
    ReleaseHold {
        /// The environment's name or alias.
        environment: String,
    },
    /// Change a database by hand; it is recorded before it is done, and what is applied then after it.
    WorkOnSchema {
        /// The name or alias of the environment that keeps it.
        environment: String,
        /// The database.
        database: DatabaseName,
        /// What is done.
        work: SchemaWork,
        /// Why.
        reason: String,
        /// All that are applied, in order, once it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        applied: Option<Vec<Migration>>,
    },
    /// See which secrets an environment has.
    ListSecrets {
        /// The environment's name or alias.
        environment: String,
    },
    /// Read secrets of an environment; it is recorded before they are read.
    ReadSecrets {
        /// The environment's name or alias.
        environment: String,
        /// By which command, such as `run`.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Write secrets of an environment, or say whose keys open them; it is recorded before they are written.
    WriteSecrets {
        /// The environment's name or alias.
        environment: String,
        /// By which command, such as `set`.
        by: String,
        /// Which.
        keys: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Never deploy a release again.
    Veto {
        /// The release.
        release: ReleaseNumber,
        /// Why.
        reason: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    /// A release, built, or rehearsed.
    Release {
        /// The release.
        release: Box<Release>,
    },
    /// A deployment that was requested, or that goes on.
    Deployment {
        /// Its number.
        deployment: DeploymentNumber,
        /// What git did, for a promotion.
        branch: Option<String>,
    },
    /// It is done.
    Done {
        /// What, in a line for people.
        said: String,
    },
}

/// What would be done, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The plan.
    pub plan: Plan,
    /// The release.
    pub release: Release,
    /// What each gate says now.
    pub gates: Vec<GateReport>,
    /// Migrations that the environment's databases do not have yet, as `database: version name`.
    pub pending: Vec<String>,
    /// Who else uses the databases that it changes, in a line each for people.
    #[serde(default)]
    pub shared: Vec<String>,
    /// Where one can return to once it is there.
    pub returns_to: Option<ReleaseNumber>,
    /// What is undone for that, database by database; nothing where code alone is enough.
    #[serde(default)]
    pub returns_by: Vec<String>,
    /// The oldest verified release that one can then return to without touching a schema.
    #[serde(default)]
    pub safe_back_to: Option<ReleaseNumber>,
    /// The points of no return that it passes.
    #[serde(default)]
    pub points_of_no_return: Vec<String>,
    /// Why there is no way back across the schema.
    #[serde(default)]
    pub no_return_because: Option<String>,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no such environment.
    #[error("there is no environment {typed:?}")]
    NoSuchEnvironment {
        /// What was typed.
        typed: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What was asked for makes no sense as it stands.
    #[error("{what}")]
    Unclear {
        /// Why.
        what: String,
        /// What to do.
        help: String,
    },
    /// The build did not pass.
    #[error("the build of {release} {verdict}: {why}")]
    Build {
        /// The release.
        release: ReleaseNumber,
        /// `failed` or `errored`.
        verdict: String,
        /// Why.
        why: String,
    },
}

impl From<StoreError> for RequestError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => RequestError::Refused(refusal),
            error => RequestError::Engine(error.into()),
        }
    }
}

impl From<GitError> for RequestError {
    fn from(error: GitError) -> Self {
        RequestError::Engine(error.into())
    }
}

impl RequestError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            RequestError::Refused(refusal) => refusal.help(),
            RequestError::Engine(error) => error.help(),
            RequestError::NoSuchEnvironment { known, .. } => {
                format!("there are {}", known.join(", "))
            }
            RequestError::Unclear { help, .. } => help.clone(),
            RequestError::Build { verdict, .. } if verdict == "errored" => {
                "it could not be built, so nobody knows whether it can be; put that right, and run the command again".into()
            }
            RequestError::Build { .. } => "mend the build, commit, and release that".into(),
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            RequestError::Refused(refusal) => refusal.code(),
            RequestError::Engine(EngineError::Store(error)) => error.code(),
            RequestError::Engine(EngineError::Home(_)) => "home::unusable",
            RequestError::Engine(EngineError::Git(GitError::NoSuchRevision { .. })) => {
                "git::no-such-revision"
            }
            RequestError::Engine(EngineError::Git(_)) => "git::failed",
            RequestError::Engine(EngineError::Manifest(_)) => "manifest::invalid",
            RequestError::NoSuchEnvironment { .. } => "ask::no-such-environment",
            RequestError::Unclear { .. } => "ask::unclear",
            RequestError::Build { verdict, .. } if verdict == "errored" => "build::errored",
            RequestError::Build { .. } => "build::failed",
        }
    }
}

/// Where a request comes from: the project as it is there.
#[derive(Debug, Clone)]
pub struct Place {
    /// The manifest that gives environments their names.
    pub manifest: Manifest,
    /// The work tree in which revisions are looked up first.
    pub work_tree: Option<PathBuf>,
}

impl Place {
    /// An environment by name or alias.
    pub fn environment(&self, typed: &str) -> Result<&Environment, RequestError> {
        self.manifest
            .environment(typed)
            .ok_or_else(|| RequestError::NoSuchEnvironment {
                typed: typed.to_owned(),
                known: self
                    .manifest
                    .environments
                    .iter()
                    .map(|e| e.name.to_string())
                    .collect(),
            })
    }

    /// The command of an ask that is only recorded; `None` for others.
    pub fn recorded_command(&self, ask: &Ask) -> Result<Option<Command>, RequestError> {
        Ok(Some(match ask {
            Ask::WorkOnSchema {
                environment,
                database,
                work,
                reason,
                applied,
            } => Command::WorkOnSchema {
                policy: self.policy(environment)?,
                database: database.clone(),
                work: *work,
                reason: reason.clone(),
                applied: applied.clone(),
            },
            Ask::ListSecrets { environment } => Command::ListSecrets {
                policy: self.policy(environment)?,
            },
            Ask::ReadSecrets {
                environment,
                by,
                keys,
                reason,
            } => Command::ReadSecrets {
                policy: self.policy(environment)?,
                by: by.clone(),
                keys: keys.clone(),
                reason: reason.clone(),
            },
            Ask::WriteSecrets {
                environment,
                by,
                keys,
                reason,
            } => Command::WriteSecrets {
                policy: self.policy(environment)?,
                by: by.clone(),
                keys: keys.clone(),
                reason: reason.clone(),
            },
            _ => return Ok(None),
        }))
    }

    pub(super) fn policy(&self, typed: &str) -> Result<Box<Policy>, RequestError> {
        Ok(Box::new(Policy::of(
            &self.manifest,
            self.environment(typed)?,
        )))
    }
}
