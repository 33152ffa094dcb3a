//! A release: an immutable candidate, built once.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Rehearsal;
use crate::{
    Digest, MigrationVersion, Time,
    catalogue::SecretKeys,
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
};

/// A commit's full identifier, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commit(pub String);

impl Commit {
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a release is made from; the same source is the same release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The commit.
    pub commit: Commit,
    /// The commit's tree: two commits with one tree hold the same files.
    pub tree: String,
    /// Who wrote it.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// Its parents.
    pub parents: Vec<Commit>,
    /// Of `towpath.toml`'s bytes at that commit.
    pub manifest: Digest,
    /// Each database's migrations at that commit, in order.
    pub migrations: BTreeMap<DatabaseName, Vec<Migration>>,
    /// The names of the secrets in each environment's file at that commit.
    #[serde(default, skip_serializing_if = "SecretKeys::is_empty")]
    pub secrets: SecretKeys,
    /// The services that have something to build, and whether it is there already is said by `artifacts`.
    pub built_services: Vec<ServiceName>,
}

/// One migration of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its place in the order.
    pub version: MigrationVersion,
    /// Its name.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub checksum: String,
    /// What it does to older releases.
    pub contract: Contract,
    /// Where it breaks older releases: those that know this earlier migration no longer need what it takes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MigrationVersion>,
    /// The name of that one, where its version says nothing to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_name: Option<String>,
    /// Whose word the contract is.
    #[serde(default, skip_serializing_if = "ContractSource::is_declared")]
    pub source: ContractSource,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Whether its down-migration is there: beside it in a release, stored with its receipt where it is applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reversible: bool,
    /// Whether it is run in batches, which takes as long as it takes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batched: bool,
}

impl Migration {
    /// Version and name, for people.
    pub fn title(&self) -> String {
        title(&self.version, &self.name)
    }

    /// What people call the earlier migration that it comes after.
    pub fn after_title(&self) -> Option<String> {
        let after = self.after.as_ref()?;
        Some(match &self.after_name {
            Some(name) => name.clone(),
            None if after.is_of_name() => "an earlier one".into(),
            None => after.to_string(),
        })
    }

    /// Version and name in a list of several.
    pub fn line(&self) -> String {
        line(&self.version, &self.name)
    }

    /// Whether code that knows these migrations, and not this one, keeps running after it.
    pub fn spares(&self, known: &[Migration]) -> bool {
        let no_longer_needs =
            |after: &MigrationVersion| known.iter().any(|known| known.version == *after);
        self.contract.keeps_older_releases() || self.after.as_ref().is_some_and(no_longer_needs)
    }
}

/// A migration's version and name, for people.
pub(super) fn title(version: &MigrationVersion, name: &str) -> String {
    match name {
        _ if version.is_repeatable() => version.to_string(),
        "" => version.to_string(),
        name if version.is_of_name() => name.to_owned(),
        name => format!("{version} ({name})"),
    }
}

/// A migration's version and name in a list of several.
pub(crate) fn line(version: &MigrationVersion, name: &str) -> String {
    match version.is_of_name() {
        true => name.to_owned(),
        false => format!("{version} {name}"),
    }
}

/// Whose word a contract is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContractSource {
    /// The migration's author's.
    #[default]
    Declared,
    /// Its statements', as they were read when the release was cut.
    Derived,
}

impl ContractSource {
    fn is_declared(&self) -> bool {
        *self == ContractSource::Declared
    }
}

/// What a migration does to the releases before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// They keep working.
    Expand,
    /// They break.
    Contract,
    /// They keep working on changed data.
    Data,
    /// Information is lost.
    Irreversible,
    /// Nobody said, and its statements do not tell; treated as breaking.
    Unknown,
}

impl Contract {
    /// Whether every release that does not know the migration still runs after it.
    pub fn keeps_older_releases(self) -> bool {
        matches!(self, Contract::Expand | Contract::Data)
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Contract::Expand => "expand",
            Contract::Contract => "contract",
            Contract::Data => "data",
            Contract::Irreversible => "irreversible",
            Contract::Unknown => "unknown",
        })
    }
}

/// A built artifact in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltArtifact {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// The name it has beside the service.
    pub file_name: String,
    /// Whether it is an archive (tar) of a directory.
    pub directory: bool,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A release as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its number.
    pub number: ReleaseNumber,
    /// What it is made from.
    pub source: Source,
    /// When it was cut.
    pub cut_at: Time,
    /// By whom.
    pub cut_by: String,
    /// What its build made; `None` until it is built.
    pub artifacts: Option<BTreeMap<ServiceName, BuiltArtifact>>,
    /// Why it must never be deployed again.
    pub vetoed: Option<Veto>,
    /// The environments in which its latest deployment passed every phase.
    pub verified: BTreeMap<EnvironmentName, DeploymentNumber>,
    /// What the last rehearsal of its way back found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
}

/// A decision that a release is never deployed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Veto {
    /// By whom.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: String,
}

impl Release {
    /// The digest over commit, manifest, artifacts and migrations; `None` until it is built.
    pub fn digest(&self) -> Option<Digest> {
        #[derive(Serialize)]
        struct Contents<'a> {
            commit: &'a Commit,
            manifest: Digest,
            artifacts: &'a BTreeMap<ServiceName, BuiltArtifact>,
            migrations: &'a BTreeMap<DatabaseName, Vec<Migration>>,
        }
        self.artifacts.as_ref().map(|artifacts| {
            Digest::of_value(&Contents {
                commit: &self.source.commit,
                manifest: self.source.manifest,
                artifacts,
                migrations: &self.source.migrations,
            })
        })
    }
}
