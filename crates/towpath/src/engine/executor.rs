//! The executor: performs one deployment's attempts while it holds the lease, and journals how each ended.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::sleep,
};
use towpath_core::{
    Time,
    journal::{Record, Stream},
    names::DeploymentNumber,
    path::{Actor, Command, Deployment, Next, Outcome, Release, State, Step, Waiting, next},
    time::human,
};

use super::{
    Engine, EngineError, failpoint,
    steps::{self, Attempt, Cause},
};
use crate::{
    clock::now,
    home::Worker,
    store::{Lease, StoreError, Written},
};

/// How often a running attempt's deadline and lease are looked at.
const TICK: Duration = Duration::from_millis(500);

/// Where a deployment stands when there is nothing to do for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Rest {
    /// It is over.
    Ended,
    /// It waits.
    Waits(Waiting),
    /// Another worker has it.
    Elsewhere,
}

impl Engine {
    /// Writes to the journal; tests end the process on either side of this.
    pub(super) async fn write(
        &self,
        actor: &Actor,
        commands: &[Command],
        lease: Option<&Lease>,
    ) -> Result<Written, StoreError> {
        failpoint::pass(format_args!("before {}", Names(commands)));
        let written = self.store.transact(actor, commands, lease, now()).await;
        failpoint::pass(format_args!("after {}", Names(commands)));
        written
    }

    /// Takes a deployment's lease; none where another worker has it.
    pub(super) async fn lease(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<Lease>, StoreError> {
        let is_gone = |name: &str| Worker::is_gone(&self.home, name);
        let (name, lasting) = (self.worker.name(), failpoint::lease());
        self.store
            .lease(number, name, now(), lasting, is_gone)
            .await
    }

    /// Takes a deployment's lease and does everything there is to do for it just now.
    pub(super) async fn drive(
        self: &Arc<Engine>,
        number: DeploymentNumber,
    ) -> Result<Rest, EngineError> {
        let Some(lease) = self.lease(number).await? else {
            return Ok(Rest::Elsewhere);
        };
        failpoint::pass(format_args!("with the lease of {number}"));
        let rest = self.drive_leased(&lease).await;
        self.store.release_lease(&lease).await?;
        match rest {
            Err(EngineError::Store(StoreError::Fenced(_))) => Ok(Rest::Elsewhere),
            rest => rest,
        }
    }

    async fn drive_leased(self: &Arc<Engine>, lease: &Lease) -> Result<Rest, EngineError> {
        let number = lease.deployment;
        // Before the first look: nothing is written unnoticed.
        let mut records = self.store.subscribe();
        let mut state = self.store.state().await?;
        loop {
            let commands = match next(&state, number, now()) {
                Next::Done => return Ok(Rest::Ended),
                Next::Wait(waiting) => return Ok(Rest::Waits(waiting)),
                Next::Advance => vec![Command::Advance { deployment: number }],
                Next::Look { places } => {
                    let Some((_, release)) = with_release(&state, number) else {
                        return Ok(Rest::Ended);
                    };
                    let looks = self.look_at(&state, release, &places);
                    let mut commands = self.keeping(lease, looks).await?;
                    commands.push(Command::Advance { deployment: number });
                    commands
                }
                Next::Perform {
                    step,
                    key,
                    deadline,
                } => {
                    let Some((deployment, release)) = with_release(&state, number) else {
                        return Ok(Rest::Ended);
                    };
                    let step = step.and_then(|step| deployment.plan.steps.get(step));
                    let task = Task {
                        lease,
                        deployment,
                        release,
                        step,
                        key: &key,
                        deadline,
                        seen: state.seq,
                    };
                    let outcome = self.perform(&task, &mut records).await?;
                    let seen = steps::seen(self, release, step, &outcome).await;
                    end(number, key, outcome, seen)
                }
                Next::Abort { step, key, why } => {
                    let Some((deployment, release)) = with_release(&state, number) else {
                        return Ok(Rest::Ended);
                    };
                    let step = step.and_then(|step| deployment.plan.steps.get(step));
                    let outcome = match steps::abort(self, deployment, step, &key).await {
                        Ok(()) => Outcome::Inconclusive { why },
                        Err(error) => Outcome::Errored {
                            cause: format!("{why}; could not end it: {error}"),
                            transient: false,
                        },
                    };
                    let seen = steps::seen(self, release, step, &outcome).await;
                    end(number, key, outcome, seen)
                }
            };
            state = match self.write(&Actor::Towpath, &commands, Some(lease)).await {
                Ok(written) => written.state,
                // Somebody else's word about this attempt came first; look again.
                Err(StoreError::Refused(towpath_core::path::Refusal::Stale { .. })) => {
                    self.store.state().await?
                }
                Err(error) => return Err(error.into()),
            };
        }
    }

    /// Does something that takes a while, and keeps the lease meanwhile.
    async fn keeping<T>(
        &self,
        lease: &Lease,
        work: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = sleep(failpoint::lease() / 4) => {
                    if !self.store.renew(lease, now(), failpoint::lease()).await? {
                        return Err(StoreError::Fenced(lease.deployment).into());
                    }
                }
            }
        }
    }

    /// Performs an attempt, until it has ended, its deadline has passed, or someone wants it to stop.
    async fn perform(
        self: &Arc<Engine>,
        task: &Task<'_>,
        records: &mut Receiver<Arc<Record>>,
    ) -> Result<Outcome, EngineError> {
        let Task {
            lease,
            deployment,
            release,
            step,
            key,
            deadline,
            ..
        } = *task;
        let cause = Cause::default();
        let started_at = deployment
            .attempt()
            .map_or_else(now, |attempt| attempt.started_at);
        let attempt = Attempt {
            engine: self,
            lease,
            deployment,
            release,
            key,
            started_at,
            cause: &cause,
        };
        let why = tokio::select! {
            outcome = steps::perform(&attempt, step) => return Ok(outcome),
            why = self.interruption(task, records) => why?,
        };
        if let Err(error) = steps::abort(self, deployment, step, key).await {
            let cause = format!("could not end it: {error}");
            return Ok(Outcome::Errored {
                cause,
                transient: false,
            });
        }
        Ok(match why {
            Interruption::Cancelled(why) => Outcome::Inconclusive { why },
            Interruption::Deadline => {
                let within = human(deadline.since(started_at));
                let last = cause
                    .last()
                    .map_or(String::new(), |last| format!("; last: {last}"));
                Outcome::Errored {
                    cause: format!("not done within {within}{last}"),
                    transient: false,
                }
            }
        })
    }

    /// Returns when a running attempt should be ended from outside.
    async fn interruption(
        &self,
        task: &Task<'_>,
        records: &mut Receiver<Arc<Record>>,
    ) -> Result<Interruption, EngineError> {
        let Task {
            lease, deadline, ..
        } = *task;
        let stream = Stream::Deployment(lease.deployment);
        let mut renewed = now();
        let mut cancel = task.deployment.cancel.clone();
        loop {
            if now() >= deadline {
                return Ok(Interruption::Deadline);
            }
            // The removal of instances is not cancelled.
            if let Some(cancel) = cancel.filter(|_| task.step.is_some()) {
                let why = format!("cancelled by {}: {}", cancel.by, cancel.reason);
                return Ok(Interruption::Cancelled(why));
            }
            if now().since(renewed) > failpoint::lease() / 4 {
                renewed = now();
                if !self.store.renew(lease, renewed, failpoint::lease()).await? {
                    return Err(StoreError::Fenced(lease.deployment).into());
                }
            }
            tokio::select! {
                () = sleep(TICK.min(deadline.since(now())).max(Duration::from_millis(1))) => {}
                () = until_about(records, &stream, task.seen) => {}
            }
            let state = self.store.state().await?;
            let deployment = state.deployments.get(&lease.deployment);
            cancel = deployment.and_then(|deployment| deployment.cancel.clone());
        }
    }
}

/// An attempt, as the executor has it before it.
struct Task<'a> {
    lease: &'a Lease,
    deployment: &'a Deployment,
    release: &'a Release,
    /// None for the removal of the deployment's instances.
    step: Option<&'a Step>,
    key: &'a str,
    deadline: Time,
    /// The last record that all of this knows.
    seen: u64,
}

enum Interruption {
    Cancelled(String),
    Deadline,
}

fn end(
    deployment: DeploymentNumber,
    key: String,
    outcome: Outcome,
    seen: Option<Command>,
) -> Vec<Command> {
    // One durable commit for the end of a step and the beginning of the next.
    let end = Command::EndAttempt {
        deployment,
        key,
        outcome,
    };
    let more = [end, Command::Advance { deployment }];
    seen.into_iter().chain(more).collect()
}

/// What is written, for the list of points.
struct Names<'a>(&'a [Command]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, command) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { " and " } else { "" })?;
            match command {
                Command::EndAttempt { key, .. } => write!(f, "the end of {key}")?,
                Command::RecordProbe { key, .. } => write!(f, "a probe of {key}")?,
                Command::RecordBackfill { key, .. } => write!(f, "how far {key} is")?,
                Command::Advance { deployment } => write!(f, "what follows for {deployment}")?,
                other => {
                    let shown = format!("{other:?}");
                    f.write_str(shown.split(' ').next().unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}

fn with_release(state: &State, number: DeploymentNumber) -> Option<(&Deployment, &Release)> {
    let deployment = state.deployments.get(&number)?;
    Some((deployment, state.releases.get(&deployment.plan.release)?))
}

/// Returns when something was written about a stream after record `seen`, or may have been.
async fn until_about(records: &mut Receiver<Arc<Record>>, stream: &Stream, seen: u64) {
    loop {
        match records.recv().await {
            Ok(record) if record.stream == *stream && record.seq > seen => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
