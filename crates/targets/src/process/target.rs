//! Services as processes on this machine: the `Target` of `process`.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use tokio::sync::MutexGuard;
use towpath_core::{
    manifest::HealthCheck,
    names::EnvironmentName,
    target::{
        BoxFuture, Health, InstanceKey, InstanceSpec, Observed, Route, Target, TargetError, Traffic,
    },
};

use super::{
    environment, health, history,
    instance::{Instance, Places},
    instance_key, not_launched,
    ports::Listener,
    safe,
    traffic::{self, Proxy},
    unavailable,
};
use crate::{
    proxy::control::{ServiceRoute, Update, Upstream},
    shim::{Condition, Confidential, Launcher, blocking},
};

/// Runs services as processes below a root directory.
#[derive(Debug)]
pub struct ProcessTarget {
    places: Places,
    launcher: Launcher,
    base: BTreeMap<String, String>,
    proxy: Proxy,
    turns: [tokio::sync::Mutex<()>; 32],
    /// Children that were seen to listen on their port themselves; looked up once each.
    recognised: Mutex<HashMap<InstanceKey, i32>>,
}

impl ProcessTarget {
    /// Runs services below `root`, on what [`environment::of_services`] leaves of our own variables. The executable of
    /// `launcher` has to know `proxy --dir DIRECTORY` too.
    pub fn new(root: impl Into<PathBuf>, launcher: Launcher) -> ProcessTarget {
        let root = root.into();
        ProcessTarget {
            proxy: Proxy::new(root.join("proxy"), launcher.clone()),
            places: Places::below(&root),
            launcher,
            base: environment::of_services(),
            turns: Default::default(),
            recognised: Mutex::default(),
        }
    }

    /// Ends the proxy; the next `route` or `traffic` starts one that knows the same routes.
    pub async fn stop_proxy(&self) -> Result<(), TargetError> {
        self.proxy.stop().await
    }

    /// One start or stop at a time per key.
    async fn turn(&self, key: &InstanceKey) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % self.turns.len() as u64).unwrap_or_default();
        self.turns[slot].lock().await
    }

    fn instance(&self, key: &InstanceKey) -> Result<Instance, TargetError> {
        safe(key.as_str())?;
        Ok(self.places.instance(key))
    }

    async fn begin(&self, spec: &InstanceSpec) -> Result<(), TargetError> {
        let instance = self.instance(&spec.key)?;
        let _turn = self.turn(&spec.key).await;
        let looked = instance.clone();
        let condition = in_thread(move || {
            let condition = looked.run.condition().map_err(looked.trouble())?;
            Ok((looked.is_shut_out(&condition), condition))
        });
        let port = match condition.await? {
            // It never got to listen, and somebody else has its port: another port, and once more.
            (true, _) => {
                let stopped = instance.run.stop().await;
                stopped.map_err(instance.trouble())?;
                let again = (instance.clone(), spec.clone());
                in_thread(move || {
                    let (instance, spec) = again;
                    instance.choose_another_port()?;
                    instance.renew(&spec)
                })
                .await?
            }
            (false, Condition::Running(_)) => return Ok(()),
            (false, Condition::Absent | Condition::Prepared) => {
                let (instance, spec) = (instance.clone(), spec.clone());
                in_thread(move || instance.prepare(&spec)).await?
            }
            // Nobody stopped it: the machine went down, or its shim was killed.
            (false, Condition::Ended(_) | Condition::Lost) => {
                let (instance, spec) = (instance.clone(), spec.clone());
                in_thread(move || instance.renew(&spec)).await?
            }
        };
        let mut variables = self.base.clone();
        variables.extend(spec.variables.clone());
        variables.insert("PORT".into(), port.to_string());
        let confidential = Confidential {
            secrets: spec.secrets.clone(),
            credentials: spec.credentials.clone(),
        };
        self.launcher
            .launch_with(&instance.run, &variables, confidential)
            .await
            .map(|_| ())
            .map_err(not_launched(format!("instance {}", spec.key)))
    }

    fn look(&self, key: &InstanceKey) -> Result<Observed, TargetError> {
        let instance = self.instance(key)?;
        let exited = |status: String| Observed::Exited {
            status,
            tail: instance.run.tail(),
        };
        Ok(
            match instance.run.condition().map_err(instance.trouble())? {
                Condition::Absent | Condition::Prepared => Observed::Absent,
                Condition::Running(state) => match instance.port()? {
                    Some(port) => Observed::Running {
                        address: at(port),
                        restarts: state.map_or(0, |state| state.restarts),
                    },
                    None => Observed::Absent,
                },
                Condition::Ended(exit) => exited(exit.to_string()),
                Condition::Lost => exited(crate::shim::files::Ended::Lost.to_string()),
            },
        )
    }

    async fn ask_health(
        &self,
        key: &InstanceKey,
        check: &HealthCheck,
    ) -> Result<Health, TargetError> {
        let instance = self.instance(key)?;
        let unhealthy = |why: String| Ok(Health::Unhealthy(why));
        let state = match instance.run.condition().map_err(instance.trouble())? {
            Condition::Running(Some(state)) => state,
            Condition::Running(None) => return unhealthy("it is being started".into()),
            Condition::Absent | Condition::Prepared => {
                return unhealthy("it was not started".into());
            }
            Condition::Ended(exit) => return unhealthy(format!("it ended: {exit}")),
            Condition::Lost => return unhealthy("its shim was killed".into()),
        };
        let Some(port) = instance.port()? else {
            return unhealthy("it has no port".into());
        };
        let Some(child) = state.group else {
            let last = state
                .last
                .map_or(String::new(), |last| format!(" ({last})"));
            let taken = match self.listener(port, state.shim).await? {
                Listener::Other(pid, name) => format!("; {}", held_by(port, pid, &name)),
                _ => String::new(),
            };
            return unhealthy(format!("it ended{last} and is started again{taken}"));
        };
        let known = self.recognised().get(key) == Some(&child);
        let health = health::ask(at(port), check.path.as_deref()).await?;
        if known && health == Health::Healthy {
            return Ok(health);
        }
        // Asked after the answer, so that whoever gave it is still there: another may have been quicker than the
        // instance, or have taken its port when it ended this very moment.
        if let Listener::Other(pid, name) = self.listener(port, state.shim).await? {
            return unhealthy(held_by(port, pid, &name));
        }
        if health == Health::Healthy {
            instance.has_answered()?;
            self.recognised().insert(key.clone(), child);
        }
        Ok(health)
    }

    async fn listener(&self, port: u16, shim: i32) -> Result<Listener, TargetError> {
        in_thread(move || Ok(super::ports::listener(port, shim))).await
    }

    fn recognised(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceKey, i32>> {
        self.recognised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn direct(
        &self,
        environment: &EnvironmentName,
        routes: &[Route],
        fence: u64,
    ) -> Result<Vec<Traffic>, TargetError> {
        let services = routes.iter().map(|route| self.service_route(route));
        let update = Update {
            environment: environment.to_string(),
            fence,
            services: services.collect::<Result<_, _>>()?,
        };
        let status = self.proxy.apply(&update).await?;
        traffic::of_environment(status, environment)
    }

    fn service_route(&self, route: &Route) -> Result<ServiceRoute, TargetError> {
        let upstream = |key: &InstanceKey| match self.instance(key)?.port()? {
            Some(port) => Ok(Upstream {
                key: key.to_string(),
                address: at(port),
            }),
            None => Err(TargetError::Invalid(format!(
                "there is no instance {key} to send requests to"
            ))),
        };
        Ok(ServiceRoute {
            service: route.service.to_string(),
            listen: route.listen,
            release: route.release.to_string(),
            upstreams: route
                .instances
                .iter()
                .map(upstream)
                .collect::<Result<_, _>>()?,
        })
    }

    async fn report(&self, environment: &EnvironmentName) -> Result<Vec<Traffic>, TargetError> {
        match self.proxy.status().await? {
            Some(status) => traffic::of_environment(status, environment),
            None => Ok(Vec::new()),
        }
    }

    async fn end(&self, key: &InstanceKey) -> Result<(), TargetError> {
        let instance = self.instance(key)?;
        let _turn = self.turn(key).await;
        loop {
            match instance.run.stop().await {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(unavailable(format!("could not stop instance {key}"))(cause));
                }
                _ => {}
            }
            let gone = instance.clone();
            if in_thread(move || gone.clear_away()).await? {
                self.recognised().remove(key);
                return Ok(());
            }
        }
    }

    fn list(&self, environment: &EnvironmentName) -> Result<Vec<InstanceKey>, TargetError> {
        let prefix = format!("{environment}.");
        let entries = match fs::read_dir(&self.places.instances) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(unavailable("could not list the instances")(cause)),
        };
        let mut keys: Vec<InstanceKey> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix))
            .filter_map(|name| instance_key(&name))
            .collect();
        keys.sort();
        Ok(keys)
    }
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn held_by(port: u16, pid: i32, name: &str) -> String {
    format!("its port {port} is held by another process, {name} (pid {pid})")
}

/// Runs what waits for the disk or for processes on a thread of its own.
async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TargetError> + Send + 'static,
) -> Result<T, TargetError> {
    blocking(move || Ok(work()))
        .await
        .map_err(unavailable("a thread ended early"))?
}

impl Target for ProcessTarget {
    fn start<'a>(&'a self, spec: &'a InstanceSpec) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.begin(spec))
    }

    fn observe<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<Observed, TargetError>> {
        Box::pin(async move { self.look(key) })
    }

    fn check<'a>(
        &'a self,
        key: &'a InstanceKey,
        health: &'a HealthCheck,
    ) -> BoxFuture<'a, Result<Health, TargetError>> {
        Box::pin(self.ask_health(key, health))
    }

    fn route<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        routes: &'a [Route],
        fence: u64,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>> {
        Box::pin(self.direct(environment, routes, fence))
    }

    fn traffic<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<Traffic>, TargetError>> {
        Box::pin(self.report(environment))
    }

    fn stop<'a>(&'a self, key: &'a InstanceKey) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.end(key))
    }

    fn instances<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<Vec<InstanceKey>, TargetError>> {
        Box::pin(async move { self.list(environment) })
    }

    fn output(&self, key: &InstanceKey) -> Option<PathBuf> {
        let instance = self.instance(key).ok()?;
        let old = history::path(&self.places.old, key.as_str());
        [instance.run.output(), old]
            .into_iter()
            .find(|path| path.exists())
    }
}
