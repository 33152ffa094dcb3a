//! The switch: turns updates into routes. Checks, binds, keeps on disk, then replaces the table in one store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use super::{
    control::{
        ControlError, ServiceRoute, ServiceStatus, Status, Update, Upstream, UpstreamStatus,
    },
    counters::Counters,
    listen,
    state::{Directory, ServiceState, State},
    table::{Instance, Route, Service, Table},
    worker::{Handle, Shared},
};

/// Environment and service.
type Name = (String, String);

/// What the proxy knows, and the workers that do it.
#[derive(Debug)]
pub(super) struct Switch {
    directory: Directory,
    state: State,
    shared: Shared,
    workers: Vec<Handle>,
    services: BTreeMap<Name, Live>,
    /// Slot by slot, the address and who has or last had it. Slots are never given up: connections outlive listeners.
    slots: Vec<(SocketAddr, Name)>,
    sockets: HashMap<SocketAddr, TcpListener>,
    unbound: HashMap<SocketAddr, String>,
}

/// A service with its traffic.
#[derive(Debug)]
struct Live {
    service: Arc<Service>,
    routed: Vec<Arc<Instance>>,
    draining: Vec<Arc<Instance>>,
}

impl Switch {
    /// Routes as the directory says. An address that cannot be had now is tried again by [`Switch::rebind`].
    pub(super) fn new(
        directory: Directory,
        state: State,
        shared: Shared,
        workers: Vec<Handle>,
    ) -> Self {
        let mut switch = Self {
            directory,
            state,
            shared,
            workers,
            services: BTreeMap::new(),
            slots: Vec::new(),
            sockets: HashMap::new(),
            unbound: HashMap::new(),
        };
        switch.follow_state();
        switch.rebind();
        switch
    }

    /// Does what an update asks, all of it or nothing.
    pub(super) async fn apply(&mut self, update: &Update) -> Result<Status, ControlError> {
        self.check(update)?;
        let mut bound = HashMap::new();
        let mut state = self.state.clone();
        let environment = state
            .environments
            .entry(update.environment.clone())
            .or_default();
        environment.fence = update.fence;
        for route in &update.services {
            let before = environment
                .services
                .get(&route.service)
                .map(|service| service.listen);
            let listen = self.obtain(&update.environment, route, before, &mut bound)?;
            environment.services.insert(
                route.service.clone(),
                ServiceState {
                    listen,
                    release: route.release.clone(),
                    fence: update.fence,
                    upstreams: route.upstreams.clone(),
                },
            );
        }
        check_addresses(&state)?;
        self.directory.save(&state).map_err(|error| {
            ControlError::Failed(format!("the routes could not be kept: {error}"))
        })?;

        self.state = state;
        self.follow_state();
        for worker in &self.workers {
            worker.refresh().await;
        }
        for (address, listener) in bound {
            self.open(address, listener);
        }
        self.close_unused().await;
        Ok(self.status())
    }

    /// What is routed where, and how it goes.
    pub(super) fn status(&mut self) -> Status {
        self.forget_drained();
        let mut services = Vec::new();
        for (environment, state) in &self.state.environments {
            for (service, state) in &state.services {
                let name = (environment.clone(), service.clone());
                let Some(live) = self.services.get(&name) else {
                    continue;
                };
                services.push(ServiceStatus {
                    environment: name.0,
                    service: name.1,
                    listen: state.listen,
                    unbound: self.unbound.get(&state.listen).cloned(),
                    release: state.release.clone(),
                    fence: state.fence,
                    requests: live.service.counters.requests(),
                    errors: live.service.counters.errors(),
                    upstreams: live.upstreams(),
                });
            }
        }
        Status {
            pid: std::process::id(),
            services,
        }
    }

    /// Whether an instance gets requests, or still answers some.
    pub(super) fn is_busy(&self, key: &str) -> bool {
        self.services.values().any(|live| {
            live.routed.iter().any(|instance| instance.key == key)
                || live
                    .draining
                    .iter()
                    .any(|instance| instance.key == key && instance.counters.active() > 0)
        })
    }

    /// Tries the addresses again that another program had.
    pub(super) fn rebind(&mut self) {
        let wanted: BTreeSet<SocketAddr> = self.wanted().collect();
        self.unbound.retain(|address, _| wanted.contains(address));
        for address in wanted {
            if self.sockets.contains_key(&address) {
                continue;
            }
            match listen::bind(address) {
                Ok(listener) => self.open(address, listener),
                Err(error) => {
                    let reason = reason(&error);
                    if self.unbound.insert(address, reason.clone()).is_none() {
                        tracing::error!(%address, reason, "could not listen, and will try again");
                    }
                }
            }
        }
    }

    /// Ends: the workers finish what they have.
    pub(super) fn into_workers(self) -> (Directory, Vec<Handle>) {
        (self.directory, self.workers)
    }

    fn check(&self, update: &Update) -> Result<(), ControlError> {
        if let Some(current) = self
            .state
            .environments
            .get(&update.environment)
            .map(|environment| environment.fence)
            && update.fence < current
        {
            return Err(ControlError::Fenced {
                current,
                ours: update.fence,
            });
        }
        let mut services = BTreeSet::new();
        for route in &update.services {
            if !services.insert(&route.service) {
                return Err(ControlError::Invalid(format!(
                    "the update names service {} twice",
                    route.service
                )));
            }
            let mut keys = BTreeSet::new();
            for upstream in &route.upstreams {
                if !keys.insert(&upstream.key) {
                    return Err(ControlError::Invalid(format!(
                        "the update names instance {} twice",
                        upstream.key
                    )));
                }
                if upstream.address.port() == 0 {
                    return Err(ControlError::Invalid(format!(
                        "instance {} has no port",
                        upstream.key
                    )));
                }
            }
        }
        Ok(())
    }

    /// The address that a service is to have; its socket is opened unless the proxy has it already.
    fn obtain(
        &self,
        environment: &str,
        route: &ServiceRoute,
        before: Option<SocketAddr>,
        bound: &mut HashMap<SocketAddr, TcpListener>,
    ) -> Result<SocketAddr, ControlError> {
        let wanted = route.listen.or(before);
        if let Some(address) = wanted
            && (self.sockets.contains_key(&address) || bound.contains_key(&address))
        {
            return Ok(address);
        }
        let listener = match wanted {
            Some(address) => listen::bind(address),
            None => listen::bind_free(&format!("{environment}/{}", route.service)),
        };
        let opened = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        match (opened, wanted) {
            (Ok((address, listener)), _) => {
                bound.insert(address, listener);
                Ok(address)
            }
            (Err(error), Some(address)) => Err(ControlError::Taken {
                address,
                reason: reason(&error),
            }),
            (Err(error), None) => Err(ControlError::Failed(format!(
                "no free port was found: {error}"
            ))),
        }
    }

    /// Brings services and table in line with the state. Instances that stay keep their counters and connections.
    fn follow_state(&mut self) {
        for (environment, state) in &self.state.environments {
            for (service, state) in &state.services {
                let name = (environment.clone(), service.clone());
                let workers = self.workers.len();
                self.services
                    .entry(name.clone())
                    .or_insert_with(|| Live::new(workers))
                    .route_to(&state.upstreams, workers);
                match self.slots.iter_mut().find(|slot| slot.0 == state.listen) {
                    Some(slot) => slot.1 = name,
                    None => self.slots.push((state.listen, name)),
                }
            }
        }
        let routes: BTreeMap<&Name, Arc<Route>> = self
            .services
            .iter()
            .map(|(name, live)| {
                let route = Route {
                    service: live.service.clone(),
                    instances: live.routed.clone(),
                };
                (name, Arc::new(route))
            })
            .collect();
        let routes = self.slots.iter().map(|(_, name)| routes[name].clone());
        self.shared.table.store(Arc::new(Table {
            routes: routes.collect(),
        }));
    }

    fn wanted(&self) -> impl Iterator<Item = SocketAddr> {
        self.state
            .environments
            .values()
            .flat_map(|environment| environment.services.values())
            .map(|service| service.listen)
    }

    fn open(&mut self, address: SocketAddr, listener: TcpListener) {
        let Some(slot) = self.slots.iter().position(|slot| slot.0 == address) else {
            return;
        };
        for worker in &self.workers {
            match listener.try_clone() {
                Ok(listener) => worker.listen(slot, listener),
                Err(error) => tracing::error!(%error, "a worker got no socket to listen on"),
            }
        }
        self.unbound.remove(&address);
        self.sockets.insert(address, listener);
    }

    async fn close_unused(&mut self) {
        let wanted: BTreeSet<SocketAddr> = self.wanted().collect();
        let unused: Vec<SocketAddr> = self
            .sockets
            .keys()
            .filter(|address| !wanted.contains(address))
            .copied()
            .collect();
        for address in unused {
            if let Some(slot) = self.slots.iter().position(|slot| slot.0 == address) {
                for worker in &self.workers {
                    worker.unlisten(slot).await;
                }
            }
            self.sockets.remove(&address);
        }
        self.unbound.retain(|address, _| wanted.contains(address));
    }

    fn forget_drained(&mut self) {
        for live in self.services.values_mut() {
            live.draining
                .retain(|instance| instance.counters.active() > 0);
        }
    }
}

impl Live {
    fn new(workers: usize) -> Self {
        Self {
            service: Arc::new(Service {
                counters: Counters::new(workers),
            }),
            routed: Vec::new(),
            draining: Vec::new(),
        }
    }

    fn route_to(&mut self, upstreams: &[Upstream], workers: usize) {
        let mut known = std::mem::take(&mut self.routed);
        known.append(&mut self.draining);
        for upstream in upstreams {
            let instance = match known.iter().position(|instance| instance.is(upstream)) {
                Some(position) => known.swap_remove(position),
                None => Arc::new(Instance {
                    key: upstream.key.clone(),
                    address: upstream.address,
                    counters: Counters::new(workers),
                }),
            };
            self.routed.push(instance);
        }
        self.draining = known;
    }

    fn upstreams(&self) -> Vec<UpstreamStatus> {
        let status = |instance: &Arc<Instance>, routed| UpstreamStatus {
            key: instance.key.clone(),
            address: instance.address,
            routed,
            active: instance.counters.active(),
            requests: instance.counters.requests(),
            errors: instance.counters.errors(),
        };
        let routed = self.routed.iter().map(|instance| status(instance, true));
        let draining = self.draining.iter().map(|instance| status(instance, false));
        routed.chain(draining).collect()
    }
}

/// No address for two services, and no service that sends its requests back to the proxy.
fn check_addresses(state: &State) -> Result<(), ControlError> {
    let mut owners = BTreeMap::new();
    for (environment, routes) in &state.environments {
        for (service, route) in &routes.services {
            let name = format!("{service} of {environment}");
            if let Some(owner) = owners.insert(route.listen, name.clone()) {
                return Err(ControlError::Invalid(format!(
                    "{} is the address of service {owner}, so service {name} cannot have it",
                    route.listen
                )));
            }
        }
    }
    for (environment, routes) in &state.environments {
        for route in routes.services.values() {
            for upstream in &route.upstreams {
                if let Some(owner) = owners.get(&upstream.address) {
                    return Err(ControlError::Invalid(format!(
                        "instance {} in {environment} has the address {}, where the proxy itself listens for service {owner}",
                        upstream.key, upstream.address
                    )));
                }
            }
        }
    }
    Ok(())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
        _ => error.to_string(),
    }
}
