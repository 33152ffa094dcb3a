//! What a place where services run must offer: the trait that every target's driver implements.

use std::{
    collections::BTreeMap, future::Future, net::SocketAddr, path::PathBuf, pin::Pin, time::Duration,
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    Digest,
    manifest::HealthCheck,
    names::{EnvironmentName, ReleaseNumber, ServiceName},
};

/// A boxed future, so that the trait can be an object without this crate knowing a runtime.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names one running copy of a service; starting the same key twice starts one instance.
///
/// Safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceKey(String);

impl InstanceKey {
    /// The key of copy `ordinal` of `service`, started for `release` by the deployment that `origin` names.
    pub fn new(
        environment: &EnvironmentName,
        service: &ServiceName,
        release: ReleaseNumber,
        origin: &str,
        ordinal: u16,
    ) -> Self {
        Self(format!(
            "{environment}.{service}.{release}.{origin}.{ordinal}"
        ))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Everything needed to start one instance. Never stored: it holds secrets.
#[derive(Debug, Clone)]
pub struct InstanceSpec {
    /// Which instance.
    pub key: InstanceKey,
    /// The service, for labels and routes.
    pub service: ServiceName,
    /// The environment, for labels and routes.
    pub environment: EnvironmentName,
    /// What the artifact's bytes must hash to.
    pub artifact: Option<Artifact>,
    /// The command line, run by `sh -c` in a directory that holds the artifact.
    pub command: String,
    /// The environment's variables; the driver adds `PORT`.
    pub variables: BTreeMap<String, String>,
    /// Further variables that nobody but the instance gets to see: the driver stores them nowhere, and takes their
    /// values out of its output. Of two variables of the same name, this is the one that counts.
    pub secrets: BTreeMap<String, SecretString>,
    /// The contents of credential files, by the name of the variable that holds each one's path. The driver lays them
    /// in a directory, named by `CREDENTIALS_DIRECTORY`, that is there only while the instance runs.
    pub credentials: BTreeMap<String, SecretString>,
    /// How long a stop waits for the instance to end by itself.
    pub stop_within: Duration,
}

/// A built file in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What its bytes hash to; a driver refuses other bytes.
    pub digest: Digest,
    /// Where the store keeps it.
    pub stored_at: PathBuf,
    /// The name it gets beside the service.
    pub file_name: String,
    /// Whether the stored file is an archive (tar) of a directory.
    pub is_directory: bool,
}

/// What a target says about an instance when asked; never what a database remembers.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It was never started, or is gone without a trace.
    Absent,
    /// It runs (healthy or not).
    Running {
        /// Where it listens once it does.
        address: SocketAddr,
        /// How often it was restarted after it ended by itself.
        restarts: u32,
    },
    /// It ended and will not be restarted.
    Exited {
        /// How it ended, for people: `exit status 1`, `killed by signal 9`.
        status: String,
        /// The end of its output.
        tail: String,
    },
}

/// The answer of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It answered as it should.
    Healthy,
    /// It did not (yet), and why.
    Unhealthy(String),
}

/// Where the traffic of one service in one environment goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The service.
    pub service: ServiceName,
    /// The address that users reach; chosen by the driver where the manifest is silent.
    pub listen: Option<SocketAddr>,
    /// The release behind it, for people.
    pub release: ReleaseNumber,
    /// The instances that share the traffic; none means that there is no service any more.
    pub instances: Vec<InstanceKey>,
}

/// A service's traffic as the target reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// The service.
    pub service: ServiceName,
    /// The address that users reach.
    pub listen: SocketAddr,
    /// The release that new requests go to.
    pub release: ReleaseNumber,
    /// The instances that new requests go to.
    pub instances: Vec<InstanceKey>,
    /// Requests answered since the target started counting.
    pub requests: u64,
    /// Of these, answered with a status of 500 or more, or not answered by the instance at all.
    pub errors: u64,
    /// Requests that instances no longer routed to are still answering.
    pub draining: u64,
}

/// Why a target could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The thing asked for cannot work: trying again does not help (a missing file, a bad address).
    #[error("{0}")]
    Invalid(String),
    /// A newer owner has acted since; this caller's lease is over.
    #[error("a newer deployment has taken over (its token is {current}, ours {ours})")]
    Fenced {
        /// The token that the target saw last.
        current: u64,
        /// The token of this call.
        ours: u64,
    },
    /// It may work when tried again.
    #[error("{0}")]
    Unavailable(String),
}

/// A place where services run. Every method may be called again after a crash and then finds its own earlier work.
pub trait Target: Send + Sync {
    /// Starts an instance unless its key was started before.
    fn start<'a>(&'a self, spec: &'a InstanceSpec) -> BoxFuture<'a, Result<(), TargetError>>;

    /// Asks the place itself, not a record of it.
    fn observe<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<Observed, TargetError>>;

    /// Checks an instance's health once.
    fn check<'a>(
        &'a self,
        key: &'a InstanceKey,
        health: &'a HealthCheck,
    ) -> BoxFuture<'a, Result<Health, TargetError>>;

    /// Moves the traffic of an environment's services, all at once. `fence` never goes back: a lower one is refused.
    fn route<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        routes: &'a [Route],
        fence: u64,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>>;

    /// Where the traffic of an environment goes now.
    fn traffic<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>>;

    /// Stops an instance and everything it started, and returns when it is verified gone. Absent ones are gone already.
    fn stop<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<(), TargetError>>;

    /// Every instance of an environment that the place still knows.
    fn instances<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<InstanceKey>, TargetError>>;

    /// The file that holds an instance's output, where there is one.
    fn output(&self, key: &InstanceKey) -> Option<PathBuf>;
}
