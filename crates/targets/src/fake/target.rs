//! The target in memory.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use towpath_core::{
    manifest::HealthCheck,
    names::{EnvironmentName, ServiceName},
    target::{
        BoxFuture, Health, InstanceKey, InstanceSpec, Observed, Route, Target, TargetError, Traffic,
    },
};

use super::faults::{Call, Faults, Gate};

/// A target in memory.
#[derive(Debug, Default)]
pub struct FakeTarget {
    faults: Faults,
    world: Mutex<World>,
}

#[derive(Debug, Default)]
struct World {
    instances: BTreeMap<InstanceKey, Instance>,
    environments: BTreeMap<EnvironmentName, Environment>,
    sick: Vec<(String, Sickness)>,
    calls: Vec<String>,
    ports: u16,
}

#[derive(Debug)]
struct Instance {
    spec: InstanceSpec,
    address: SocketAddr,
    restarts: u32,
    checks: u32,
    exited: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct Environment {
    fence: u64,
    services: BTreeMap<ServiceName, Traffic>,
}

/// How instances are unwell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sickness {
    /// Never healthy, for this reason.
    Unhealthy(String),
    /// Healthy only after so many checks.
    Slow(u32),
    /// It ends by itself as soon as it has started.
    Exits {
        /// How it ends, such as `exit status 1`.
        status: String,
        /// What it says.
        tail: String,
    },
}

impl FakeTarget {
    /// An empty place where everything works.
    pub fn new() -> FakeTarget {
        FakeTarget::default()
    }

    /// The `nth` call from now (1 is the next one) fails without any effect.
    pub fn fail(&self, call: Call, nth: usize, error: TargetError) {
        self.faults.fail(call, nth, error);
    }

    /// The `nth` call from now has its effect, and still fails: the answer got lost.
    pub fn fail_after_effect(&self, call: Call, nth: usize, error: TargetError) {
        self.faults.fail_after_effect(call, nth, error);
    }

    /// Calls take so long from now on.
    pub fn delay(&self, call: Call, delay: Duration) {
        self.faults.delay(call, delay);
    }

    /// Makes calls wait until the test lets them go on.
    pub fn gate(&self, call: Call) -> Gate {
        self.faults.gate(call)
    }

    /// Instances whose key or command contains `part` are unwell from now on; the latest sickness counts.
    pub fn sicken(&self, part: &str, how: Sickness) {
        self.world().sick.push((part.to_owned(), how));
    }

    /// Instances whose key or command contains `part` are well again.
    pub fn heal(&self, part: &str) {
        self.world().sick.retain(|(sick, _)| sick != part);
    }

    /// An instance ends by itself and is restarted.
    pub fn crash(&self, key: &InstanceKey) {
        if let Some(instance) = self.world().instances.get_mut(key) {
            instance.restarts += 1;
            instance.checks = 0;
        }
    }

    /// An instance ends and is not restarted.
    pub fn exit(&self, key: &InstanceKey, status: &str, tail: &str) {
        if let Some(instance) = self.world().instances.get_mut(key) {
            instance.exited = Some((status.to_owned(), tail.to_owned()));
        }
    }

    /// An instance is gone without a trace.
    pub fn lose(&self, key: &InstanceKey) {
        self.world().instances.remove(key);
    }

    /// Requests arrive for a service, and some of them fail.
    pub fn serve(
        &self,
        environment: &EnvironmentName,
        service: &ServiceName,
        requests: u64,
        errors: u64,
    ) {
        self.with_traffic(environment, service, |traffic| {
            traffic.requests += requests;
            traffic.errors += errors;
        });
    }

    /// So many requests of a service are still answered by instances that are not routed to any more.
    pub fn drain(&self, environment: &EnvironmentName, service: &ServiceName, draining: u64) {
        self.with_traffic(environment, service, |traffic| traffic.draining = draining);
    }

    fn with_traffic(
        &self,
        environment: &EnvironmentName,
        service: &ServiceName,
        change: impl FnOnce(&mut Traffic),
    ) {
        let mut world = self.world();
        let traffic = world
            .environments
            .get_mut(environment)
            .and_then(|environment| environment.services.get_mut(service));
        if let Some(traffic) = traffic {
            change(traffic);
        }
    }

    /// Every call so far, such as `start staging.web.v1.d1.0` or `route staging 7`.
    pub fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// What an instance was started with.
    pub fn spec(&self, key: &InstanceKey) -> Option<InstanceSpec> {
        self.world()
            .instances
            .get(key)
            .map(|instance| instance.spec.clone())
    }

    /// The instances that new requests at an address go to.
    pub fn behind(&self, address: SocketAddr) -> Vec<InstanceKey> {
        let world = self.world();
        let direct = world
            .instances
            .iter()
            .filter(|(_, instance)| instance.address == address)
            .map(|(key, _)| key.clone());
        let routed = world
            .environments
            .values()
            .flat_map(|environment| environment.services.values())
            .filter(|traffic| traffic.listen == address)
            .flat_map(|traffic| traffic.instances.clone());
        direct.chain(routed).collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs a call around its planned faults.
    async fn perform<T>(
        &self,
        call: Call,
        said: String,
        act: impl FnOnce(&mut World) -> Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        self.world().calls.push(said);
        let lost_answer = self.faults.meet(call).await?;
        let done = act(&mut self.world());
        match lost_answer {
            Some(error) => Err(error),
            None => done,
        }
    }
}

impl World {
    fn sickness(&self, key: &InstanceKey) -> Option<&Sickness> {
        let command = self.instances.get(key).map(|i| i.spec.command.as_str());
        let concerns = |part: &str| {
            key.as_str().contains(part) || command.is_some_and(|command| command.contains(part))
        };
        self.sick
            .iter()
            .rev()
            .find(|(part, _)| concerns(part))
            .map(|(_, how)| how)
    }

    fn free_address(&mut self) -> SocketAddr {
        self.ports += 1;
        (Ipv4Addr::LOCALHOST, 20_000 + self.ports).into()
    }

    fn start(&mut self, spec: &InstanceSpec) {
        if self.instances.contains_key(&spec.key) {
            return;
        }
        let address = self.free_address();
        let instance = Instance {
            spec: spec.clone(),
            address,
            restarts: 0,
            checks: 0,
            exited: None,
        };
        self.instances.insert(spec.key.clone(), instance);
        if let Some(Sickness::Exits { status, tail }) = self.sickness(&spec.key).cloned()
            && let Some(instance) = self.instances.get_mut(&spec.key)
        {
            instance.exited = Some((status, tail));
        }
    }

    fn observe(&self, key: &InstanceKey) -> Observed {
        match self.instances.get(key) {
            None => Observed::Absent,
            Some(Instance {
                exited: Some((status, tail)),
                ..
            }) => Observed::Exited {
                status: status.clone(),
                tail: tail.clone(),
            },
            Some(instance) => Observed::Running {
                address: instance.address,
                restarts: instance.restarts,
            },
        }
    }

    fn check(&mut self, key: &InstanceKey) -> Health {
        let sickness = self.sickness(key).cloned();
        let Some(instance) = self.instances.get_mut(key) else {
            return Health::Unhealthy("it was not started".into());
        };
        if let Some((status, _)) = &instance.exited {
            return Health::Unhealthy(format!("it ended: {status}"));
        }
        instance.checks += 1;
        match sickness {
            Some(Sickness::Unhealthy(why)) => Health::Unhealthy(why),
            Some(Sickness::Slow(checks)) if instance.checks <= checks => {
                Health::Unhealthy("connection refused".into())
            }
            _ => Health::Healthy,
        }
    }

    fn route(
        &mut self,
        name: &EnvironmentName,
        routes: &[Route],
        fence: u64,
    ) -> Result<Vec<Traffic>, TargetError> {
        let current = self.environments.get(name).map_or(0, |known| known.fence);
        if fence < current {
            return Err(TargetError::Fenced {
                current,
                ours: fence,
            });
        }
        let unknown = routes
            .iter()
            .flat_map(|route| &route.instances)
            .find(|key| !self.instances.contains_key(key));
        if let Some(key) = unknown {
            return Err(TargetError::Invalid(format!(
                "there is no instance {key} to send requests to"
            )));
        }
        for route in routes {
            let before = self
                .environments
                .get(name)
                .and_then(|known| known.services.get(&route.service))
                .cloned();
            let listen = route
                .listen
                .or(before.as_ref().map(|traffic| traffic.listen));
            let traffic = Traffic {
                service: route.service.clone(),
                listen: listen.unwrap_or_else(|| self.free_address()),
                release: route.release,
                instances: route.instances.clone(),
                requests: before.as_ref().map_or(0, |traffic| traffic.requests),
                errors: before.as_ref().map_or(0, |traffic| traffic.errors),
                draining: before.as_ref().map_or(0, |traffic| traffic.draining),
            };
            let environment = self.environments.entry(name.clone()).or_default();
            environment.services.insert(route.service.clone(), traffic);
        }
        self.environments.entry(name.clone()).or_default().fence = fence;
        Ok(self.traffic(name))
    }

    fn traffic(&self, name: &EnvironmentName) -> Vec<Traffic> {
        self.environments
            .get(name)
            .map(|environment| environment.services.values().cloned().collect())
            .unwrap_or_default()
    }

    fn instances(&self, environment: &EnvironmentName) -> Vec<InstanceKey> {
        self.instances
            .iter()
            .filter(|(_, instance)| instance.spec.environment == *environment)
            .map(|(key, _)| key.clone())
            .collect()
    }
}

impl Target for FakeTarget {
    fn start<'a>(&'a self, spec: &'a InstanceSpec) -> BoxFuture<'a, Result<(), TargetError>> {
        let said = format!("start {}", spec.key);
        Box::pin(self.perform(Call::Start, said, |world| {
            world.start(spec);
            Ok(())
        }))
    }

    fn observe<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<Observed, TargetError>> {
        let said = format!("observe {key}");
        Box::pin(self.perform(Call::Observe, said, |world| Ok(world.observe(key))))
    }

    fn check<'a>(
        &'a self,
        key: &'a InstanceKey,
        _health: &'a HealthCheck,
    ) -> BoxFuture<'a, Result<Health, TargetError>> {
        let said = format!("check {key}");
        Box::pin(self.perform(Call::Check, said, |world| Ok(world.check(key))))
    }

    fn route<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        routes: &'a [Route],
        fence: u64,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>> {
        let said = format!("route {environment} {fence}");
        Box::pin(self.perform(Call::Route, said, move |world| {
            world.route(environment, routes, fence)
        }))
    }

    fn traffic<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>> {
        let said = format!("traffic {environment}");
        Box::pin(self.perform(Call::Traffic, said, |world| Ok(world.traffic(environment))))
    }

    fn stop<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<(), TargetError>> {
        let said = format!("stop {key}");
        Box::pin(self.perform(Call::Stop, said, |world| {
            world.instances.remove(key);
            Ok(())
        }))
    }

    fn instances<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<InstanceKey>, TargetError>> {
        let said = format!("instances {environment}");
        Box::pin(self.perform(Call::Instances, said, |world| {
            Ok(world.instances(environment))
        }))
    }

    fn output(&self, _key: &InstanceKey) -> Option<PathBuf> {
        None
    }
}
