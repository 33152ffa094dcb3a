//! How others talk to the proxy: the messages on its Unix socket, one line of JSON each.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use super::client::Client;

/// The file names inside the proxy's directory.
pub const SOCKET: &str = "proxy.sock";
/// How long a message may be, in bytes.
pub(super) const MOST_LINE: u64 = 4 << 20;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Change routes.
    Apply(Update),
    /// Report.
    Status,
    /// Wait until an instance has nothing to do.
    Drained {
        /// The instance's key.
        key: String,
        /// For how long at most, in milliseconds.
        within_ms: u64,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// How things are, after an update too.
    Status(Status),
    /// Whether the instance had nothing to do in time.
    Drained(bool),
    /// Nothing was done.
    Refused(ControlError),
}

/// Why the proxy did not do what it was asked. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ControlError {
    /// A newer owner has acted since.
    #[error("a newer update is in force (its fence is {current}, ours {ours})")]
    Fenced {
        /// The fence in force.
        current: u64,
        /// The fence of this update.
        ours: u64,
    },
    /// A service cannot have the address that it wants.
    #[error("cannot listen on {address}: {reason}")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// Why not.
        reason: String,
    },
    /// The update can never work.
    #[error("{0}")]
    Invalid(String),
    /// It may work another time.
    #[error("{0}")]
    Failed(String),
    /// There is no proxy, or it does not answer. (Only here it is unknown whether anything changed.)
    #[error("no proxy answers on {}: {reason}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// New routes for services of one environment; all take effect at once, or none does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The environment.
    pub environment: String,
    /// Never goes back within an environment: an update with a lower one is refused.
    pub fence: u64,
    /// The services whose routes change; others stay as they are.
    pub services: Vec<ServiceRoute>,
}

/// Where a service's requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRoute {
    /// The service.
    pub service: String,
    /// Where users reach it. `None` keeps the address it has, or takes a free loopback port, which then stays its own.
    pub listen: Option<SocketAddr>,
    /// The release behind it, for people.
    pub release: String,
    /// Who answers. Empty: the listener stays and answers 503.
    pub upstreams: Vec<Upstream>,
}

/// An instance that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Upstream {
    /// The instance's key.
    pub key: String,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What the proxy says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its process.
    pub pid: u32,
    /// Every service that it has a listener for.
    pub services: Vec<ServiceStatus>,
}

/// A service's traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The environment.
    pub environment: String,
    /// The service.
    pub service: String,
    /// Where users reach it.
    pub listen: SocketAddr,
    /// Why users do not reach it there at present: after a restart another program had the address. Tried again all
    /// the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unbound: Option<String>,
    /// The release that new requests go to.
    pub release: String,
    /// The fence of the update that set this.
    pub fence: u64,
    /// Requests answered since the proxy started.
    pub requests: u64,
    /// Of these, those answered with 500 or more, by the instance or by the proxy for it.
    pub errors: u64,
    /// Those that requests go to now, then those that still answer earlier ones.
    pub upstreams: Vec<UpstreamStatus>,
}

/// An instance's traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpstreamStatus {
    /// The instance's key.
    pub key: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether new requests go to it.
    pub routed: bool,
    /// Requests and upgraded connections in flight.
    pub active: u64,
    /// Requests answered.
    pub requests: u64,
    /// Of these, those answered with 500 or more.
    pub errors: u64,
}
