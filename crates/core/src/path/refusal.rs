//! Why a command is refused, and the way out.

use super::NoReturn;
use crate::{
    Time,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
};

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not this person.
    #[error("{who} may not {what}")]
    NotAllowed {
        /// Who asked.
        who: String,
        /// For what.
        what: String,
        /// Who may.
        help: String,
    },
    /// There is no such release.
    #[error("there is no release {0}")]
    NoSuchRelease(ReleaseNumber),
    /// There is no such deployment.
    #[error("there is no deployment {0}")]
    NoSuchDeployment(DeploymentNumber),
    /// It was vetoed.
    #[error("{release} was vetoed by {by}: {reason}")]
    Vetoed {
        /// The release.
        release: ReleaseNumber,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// It is there, or on its way.
    #[error("{release} is {how} in {environment}")]
    AlreadyThere {
        /// The release.
        release: ReleaseNumber,
        /// The environment.
        environment: EnvironmentName,
        /// `live`, or with which deployment it is on its way.
        how: String,
    },
    /// The deployment is not at the point that the command is for.
    #[error("{deployment} {what}")]
    NotNow {
        /// The deployment.
        deployment: DeploymentNumber,
        /// What it is doing instead.
        what: String,
        /// What to do.
        help: String,
    },
    /// One person signs once.
    #[error("{who} has already signed {earlier:?} for {deployment}")]
    SamePerson {
        /// Who.
        who: String,
        /// The signature given.
        earlier: String,
        /// The deployment.
        deployment: DeploymentNumber,
    },
    /// What was looked at is not what is there now.
    #[error("the evidence is {now}, not {seen}")]
    EvidenceChanged {
        /// What is there.
        now: String,
        /// What the signer saw.
        seen: String,
    },
    /// A text that says nothing.
    #[error("a reason is needed")]
    NoReason,
    /// A length of time that makes no sense.
    #[error("a lock lasts from a second to 30 days")]
    BadLock,
    /// Someone else's lock.
    #[error("{environment} is locked by {owner} until {until}: {reason}")]
    Locked {
        /// The environment.
        environment: EnvironmentName,
        /// Whose.
        owner: String,
        /// Until when.
        until: Time,
        /// Why.
        reason: String,
    },
    /// Nothing to give up.
    #[error("{environment} is not {what}")]
    NothingToRelease {
        /// The environment.
        environment: EnvironmentName,
        /// `locked` or `held`.
        what: &'static str,
    },
    /// Somewhere the release cannot run.
    #[error("{reason}")]
    CannotReturn {
        /// Why.
        reason: String,
        /// What to do instead.
        way_out: String,
    },
    /// The attempt has ended; somebody else's word came first.
    #[error("attempt {key} of {deployment} is not running")]
    Stale {
        /// The deployment.
        deployment: DeploymentNumber,
        /// The attempt.
        key: String,
    },
}

impl From<NoReturn> for Refusal {
    fn from(no_return: NoReturn) -> Refusal {
        Refusal::CannotReturn {
            reason: no_return.to_string(),
            way_out: no_return.way_out(),
        }
    }
}

impl Refusal {
    /// A stable code, for scripts and for the documentation.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotAllowed { .. } => "path::not-allowed",
            Refusal::NoSuchRelease(_) => "path::no-such-release",
            Refusal::NoSuchDeployment(_) => "path::no-such-deployment",
            Refusal::Vetoed { .. } => "path::vetoed",
            Refusal::AlreadyThere { .. } => "path::already-there",
            Refusal::NotNow { .. } => "path::not-now",
            Refusal::SamePerson { .. } => "path::same-person",
            Refusal::EvidenceChanged { .. } => "path::evidence-changed",
            Refusal::NoReason => "path::no-reason",
            Refusal::BadLock => "path::bad-lock",
            Refusal::Locked { .. } => "path::locked",
            Refusal::NothingToRelease { .. } => "path::nothing-to-release",
            Refusal::CannotReturn { .. } => "path::cannot-return",
            Refusal::Stale { .. } => "path::stale",
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Refusal::NotAllowed { help, .. } | Refusal::NotNow { help, .. } => help.clone(),
            Refusal::NoSuchRelease(_) => "`towpath releases` lists what there is".into(),
            Refusal::NoSuchDeployment(_) => "`towpath history` lists what there is".into(),
            Refusal::Vetoed { .. } => "deploy another release; a veto is for good".into(),
            Refusal::AlreadyThere { environment, .. } => {
                format!("`towpath status {environment}` shows where it is")
            }
            Refusal::SamePerson { .. } => {
                "each signature is a different person's; ask someone else".into()
            }
            Refusal::EvidenceChanged { .. } => {
                "look again at what is deployed now, then sign that".into()
            }
            Refusal::NoReason => "say why, for those who read it later".into(),
            Refusal::BadLock => "give it a duration such as `--for 2h`".into(),
            Refusal::Locked { owner, .. } => {
                format!("ask {owner} to `towpath unlock`, or wait until it expires")
            }
            Refusal::NothingToRelease { .. } => "there is nothing to do".into(),
            Refusal::CannotReturn { way_out, .. } => way_out.clone(),
            Refusal::Stale { .. } => {
                "another worker has taken the deployment over; nothing to do".into()
            }
        }
    }
}
