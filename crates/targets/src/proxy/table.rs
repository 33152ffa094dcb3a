//! The routing table: what every worker reads at every request, replaced as a whole at every switch.

use std::{net::SocketAddr, sync::Arc};

use super::{control::Upstream, counters::Counters};

/// Where the requests of every listener go. Never changed, only replaced.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// One route per listener slot.
    pub(super) routes: Vec<Arc<Route>>,
}

/// Where a service's requests go.
#[derive(Debug)]
pub(super) struct Route {
    /// The service.
    pub(super) service: Arc<Service>,
    /// Who answers, in turn.
    pub(super) instances: Vec<Arc<Instance>>,
}

/// A service, as long as the proxy runs.
#[derive(Debug)]
pub(super) struct Service {
    /// What its users get.
    pub(super) counters: Counters,
}

/// An upstream, from the update that brings it until it has drained after the one that takes it away.
#[derive(Debug)]
pub(super) struct Instance {
    /// The instance's key.
    pub(super) key: String,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// What it answers.
    pub(super) counters: Counters,
}

impl Instance {
    /// Whether this is the instance that the upstream names.
    pub(super) fn is(&self, upstream: &Upstream) -> bool {
        self.key == upstream.key && self.address == upstream.address
    }
}
