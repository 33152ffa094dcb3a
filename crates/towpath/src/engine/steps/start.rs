//! Start: brings up a service's instances and waits until each is healthy; takes warm ones as they are.

use std::time::Duration;

use towpath_core::{
    names::ServiceName,
    path::{Outcome, Receipt, ServiceLaunch},
    target::{Health, InstanceKey, Observed},
    time::human,
};

use super::{Attempt, failed, from_handover, from_target, hopeless};
use crate::{
    clock::now,
    engine::{builder::indented, failpoint},
};

/// Between looks at an instance that is not healthy yet, at first and at most.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

pub(super) async fn perform(
    attempt: &Attempt<'_>,
    service: &ServiceName,
    reuse: &[InstanceKey],
) -> Outcome {
    match start(attempt, service, reuse).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn start(
    attempt: &Attempt<'_>,
    service: &ServiceName,
    reuse: &[InstanceKey],
) -> Result<Outcome, Outcome> {
    let launch = attempt
        .deployment
        .plan
        .launch
        .services
        .get(service)
        .ok_or_else(|| hopeless(format!("the plan has no service {service}")))?;
    let config = attempt.config()?;
    let plan = &attempt.deployment.plan;
    let is_reusable = reuse.len() == usize::from(launch.instances)
        && all_healthy(attempt, launch, reuse).await?
        // One that was started before a secret was replaced would come back with the revoked one.
        && attempt
            .engine
            .is_up_to_date(&config, attempt.release, &plan.environment, service)
            .await;
    if is_reusable {
        let detail = format!("{service} still runs");
        return Ok(started(service, reuse.to_vec(), detail));
    }
    let origin = attempt.deployment.number.to_string();
    let keys: Vec<InstanceKey> = (0..launch.instances)
        .map(|i| InstanceKey::new(&plan.environment, service, plan.release, &origin, i))
        .collect();
    for key in &keys {
        let spec = attempt
            .engine
            .instance_spec(
                key,
                &plan.environment,
                service,
                launch,
                attempt.release,
                &config,
            )
            .await
            .map_err(from_handover)?;
        attempt
            .engine
            .target
            .start(&spec)
            .await
            .map_err(from_target)?;
        failpoint::pass(format_args!("{key} is started"));
    }
    let until = attempt.started_at + launch.health.within;
    for key in &keys {
        await_healthy(attempt, launch, key, until).await?;
    }
    let took = human(now().since(attempt.started_at));
    let copies = if keys.len() == 1 {
        String::new()
    } else {
        format!(" × {}", keys.len())
    };
    Ok(started(
        service,
        keys,
        format!("{service}{copies} healthy after {took}"),
    ))
}

fn started(service: &ServiceName, instances: Vec<InstanceKey>, detail: String) -> Outcome {
    let receipt = Receipt::Started {
        service: service.clone(),
        instances,
    };
    Outcome::Passed { detail, receipt }
}

async fn all_healthy(
    attempt: &Attempt<'_>,
    launch: &ServiceLaunch,
    keys: &[InstanceKey],
) -> Result<bool, Outcome> {
    let target = &attempt.engine.target;
    for key in keys {
        match target.observe(key).await.map_err(from_target)? {
            Observed::Running { .. } => {}
            Observed::Absent | Observed::Exited { .. } => return Ok(false),
        }
        if target
            .check(key, &launch.health)
            .await
            .map_err(from_target)?
            != Health::Healthy
        {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn await_healthy(
    attempt: &Attempt<'_>,
    launch: &ServiceLaunch,
    key: &InstanceKey,
    until: towpath_core::Time,
) -> Result<(), Outcome> {
    let target = &attempt.engine.target;
    let mut pause = FIRST_LOOK;
    loop {
        let why = match target
            .check(key, &launch.health)
            .await
            .map_err(from_target)?
        {
            Health::Healthy => return Ok(()),
            Health::Unhealthy(why) => why,
        };
        if let Observed::Exited { status, tail } = target.observe(key).await.map_err(from_target)? {
            return Err(failed(format!(
                "{key} ended with {status}{}",
                indented(&tail)
            )));
        }
        attempt.cause.set(format!("{key}: {why}"));
        if now() >= until {
            let within = human(launch.health.within);
            let tail = target
                .output(key)
                .map(|path| tail(&path))
                .unwrap_or_default();
            return Err(failed(format!(
                "{key} was not healthy within {within}: {why}{}",
                indented(&tail)
            )));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

fn tail(path: &std::path::Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(2048)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    // An output that cannot be read only makes the message shorter.
    read().unwrap_or_default()
}
