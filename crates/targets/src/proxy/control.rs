//! How others talk to the proxy: the messages on its Unix socket.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The file names inside the proxy's directory.
pub const SOCKET: &str = "proxy.sock";

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
