//! Traffic on this machine: keeping the proxy alive and telling it where requests go.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};

use towpath_core::{
    names::{EnvironmentName, ReleaseNumber},
    target::{InstanceKey, TargetError, Traffic},
};

use super::{environment, instance_key, not_launched, unavailable};
use crate::{
    proxy::control::{Client, ControlError, SOCKET, ServiceStatus, Status, Update},
    shim::{
        Condition, Launcher, Run, blocking,
        files::{Program, Spec},
        make_directory,
    },
};

/// How long a proxy may take until it answers.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a proxy that is stopped may finish what is in flight; longer than it takes by itself.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// The proxy of a root, which runs under a shim of its own.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    directory: PathBuf,
    launcher: Launcher,
    base: BTreeMap<String, String>,
    client: Client,
}

impl Proxy {
    pub(super) fn new(directory: PathBuf, launcher: Launcher) -> Proxy {
        Proxy {
            client: Client::new(directory.join(SOCKET)),
            directory,
            launcher,
            base: environment::of_services(),
        }
    }

    fn shim(&self) -> Run {
        Run::new(self.directory.join("run"))
    }

    /// Puts routes into force, with a proxy that is started for it if need be.
    pub(super) async fn apply(&self, update: &Update) -> Result<Status, TargetError> {
        self.ask(|| self.client.apply(update)).await
    }

    /// Asks the proxy, which is started again if it should run; `None` when there has never been one.
    pub(super) async fn status(&self) -> Result<Option<Status>, TargetError> {
        match self.shim().condition().map_err(unavailable("the proxy"))? {
            Condition::Absent => Ok(None),
            _ => self.ask(|| self.client.status()).await.map(Some),
        }
    }

    /// Ends the proxy; its routes stay on disk for the next one.
    pub(super) async fn stop(&self) -> Result<(), TargetError> {
        match self.shim().stop().await {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
            stopped => stopped
                .map(|_| ())
                .map_err(unavailable("could not stop the proxy")),
        }
    }

    /// Asks until a proxy answers: it may be starting, or on its way back after it was killed.
    async fn ask<T, F>(&self, question: impl Fn() -> F) -> Result<T, TargetError>
    where
        F: Future<Output = Result<T, ControlError>>,
    {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(2);
        loop {
            self.ensure().await?;
            let silent = match question().await {
                Ok(answer) => return Ok(answer),
                Err(silent @ ControlError::Unreachable { .. }) => silent,
                Err(cause) => return Err(refusal(cause)),
            };
            if Instant::now() >= deadline {
                let said = self.shim().tail();
                return Err(TargetError::Unavailable(match said.trim() {
                    "" => silent.to_string(),
                    said => format!("{silent}; the end of its output: {said}"),
                }));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Starts the proxy unless a shim looks after it.
    async fn ensure(&self) -> Result<(), TargetError> {
        let run = self.shim();
        let failed = || unavailable("could not start the proxy");
        let condition = run.condition().map_err(failed())?;
        if matches!(condition, Condition::Running(_)) {
            return Ok(());
        }
        let place = self.clone();
        blocking(move || {
            make_directory(&place.directory)?;
            let directory = place.directory.canonicalize()?;
            let program = vec![
                "proxy".to_owned(),
                "--dir".to_owned(),
                // A path that cannot be written as text is where it runs anyway.
                directory.to_str().unwrap_or(".").to_owned(),
            ];
            let spec = Spec::service(Program::Own(program), directory, STOP_WITHIN);
            match condition {
                Condition::Absent => place.shim().prepare(&spec),
                _ => place.shim().renew(&spec),
            }
        })
        .await
        .map_err(failed())?;
        self.launcher
            .launch(&run, &self.base)
            .await
            .map(|_| ())
            .map_err(not_launched("could not start the proxy"))
    }
}

fn refusal(cause: ControlError) -> TargetError {
    match cause {
        ControlError::Fenced { current, ours } => TargetError::Fenced { current, ours },
        ControlError::Taken { .. } | ControlError::Invalid(_) => {
            TargetError::Invalid(cause.to_string())
        }
        ControlError::Failed(_) | ControlError::Unreachable { .. } => {
            TargetError::Unavailable(cause.to_string())
        }
    }
}

/// The part of a status that is about one environment.
pub(super) fn of_environment(
    status: Status,
    environment: &EnvironmentName,
) -> Result<Vec<Traffic>, TargetError> {
    status
        .services
        .into_iter()
        .filter(|service| service.environment == environment.as_str())
        .map(traffic)
        .collect()
}

fn traffic(status: ServiceStatus) -> Result<Traffic, TargetError> {
    let strange = |what: String| TargetError::Unavailable(format!("the proxy's status: {what}"));
    let (routed, leaving): (Vec<_>, Vec<_>) = status
        .upstreams
        .into_iter()
        .partition(|upstream| upstream.routed);
    Ok(Traffic {
        service: status
            .service
            .parse()
            .map_err(|bad: towpath_core::names::BadName| strange(bad.to_string()))?,
        listen: status.listen,
        release: status
            .release
            .parse::<ReleaseNumber>()
            .map_err(|bad| strange(bad.to_string()))?,
        instances: routed
            .iter()
            .map(|upstream| instance_key(&upstream.key))
            .collect::<Option<Vec<InstanceKey>>>()
            .ok_or_else(|| strange("an upstream without a key".into()))?,
        requests: status.requests,
        errors: status.errors,
        draining: leaving.iter().map(|upstream| upstream.active).sum(),
    })
}
