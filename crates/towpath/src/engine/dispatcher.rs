//! The dispatcher: finds what is to be done, hands it to executors, and looks again when something happens, and anyway.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{
        Mutex,
        broadcast::error::{RecvError, TryRecvError},
    },
    task::JoinSet,
};
use towpath_core::{
    Time,
    names::DeploymentNumber,
    path::{Deployment, Next, State, Waiting, next},
};

use super::{Engine, EngineError, executor::Rest, housekeeping::Housekeeper};
use crate::clock::now;

/// How often it looks without being woken: an event lost is never a deployment stuck.
const SCAN: Duration = Duration::from_secs(1);

/// How often it tidies up.
const TIDY: Duration = Duration::from_secs(1);

/// How a deployment stands when its driver lets go of it.
#[derive(Debug, Clone)]
pub enum Outlook {
    /// It is over.
    Ended(Box<Deployment>),
    /// It waits for someone, or for a time.
    Waits(Box<Deployment>, Waiting),
}

/// Finds work and has it done.
pub struct Dispatcher {
    engine: Arc<Engine>,
    tasks: JoinSet<(DeploymentNumber, Result<Rest, EngineError>)>,
    busy: BTreeSet<DeploymentNumber>,
    housekeeper: Arc<Mutex<Housekeeper>>,
    tidied: Option<Time>,
}

impl Dispatcher {
    /// A dispatcher for an engine.
    pub fn new(engine: Arc<Engine>) -> Dispatcher {
        Dispatcher {
            engine,
            tasks: JoinSet::new(),
            busy: BTreeSet::new(),
            housekeeper: Arc::default(),
            tidied: None,
        }
    }

    /// Works until the future is dropped. What is under way then goes on when somebody works again.
    pub async fn run(&mut self) -> Result<(), EngineError> {
        self.work(None).await.map(|_| ())
    }

    /// Works until a deployment has ended, or waits for someone.
    pub async fn settle(&mut self, number: DeploymentNumber) -> Result<Outlook, EngineError> {
        loop {
            if let Some(outlook) = self.work(Some(number)).await? {
                return Ok(outlook);
            }
        }
    }

    async fn work(
        &mut self,
        wanted: Option<DeploymentNumber>,
    ) -> Result<Option<Outlook>, EngineError> {
        let mut records = self.engine.store.subscribe();
        loop {
            let state = self.engine.store.state().await?;
            let wake = self.dispatch(&state);
            if let Some(number) = wanted
                && let Some(outlook) = self.outlook(&state, number).await?
            {
                return Ok(Some(outlook));
            }
            self.tidy();
            let pause = wake
                .map_or(SCAN, |at| at.since(now()).min(SCAN))
                .max(Duration::from_millis(1));
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.note(ended)?,
                received = records.recv() => match received {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(None),
                },
                () = tokio::time::sleep(pause) => {}
            }
            // What was written at once is looked at once.
            while let Ok(_) | Err(TryRecvError::Lagged(_)) = records.try_recv() {}
        }
    }

    /// Starts an executor for everything that has something to do; says when to look again.
    fn dispatch(&mut self, state: &State) -> Option<Time> {
        let now = now();
        let mut wake = None;
        for deployment in state.open() {
            let number = deployment.number;
            if self.busy.contains(&number) {
                continue;
            }
            match next(state, number, now) {
                Next::Done => {}
                Next::Wait(waiting) => wake = earliest(wake, waiting.until),
                Next::Advance | Next::Look { .. } | Next::Perform { .. } | Next::Abort { .. } => {
                    self.busy.insert(number);
                    let engine = self.engine.clone();
                    self.tasks
                        .spawn(async move { (number, engine.drive(number).await) });
                }
            }
        }
        wake
    }

    fn note(
        &mut self,
        ended: Result<(DeploymentNumber, Result<Rest, EngineError>), tokio::task::JoinError>,
    ) -> Result<(), EngineError> {
        match ended {
            Ok((number, Ok(_))) => {
                self.busy.remove(&number);
                Ok(())
            }
            // A journal that cannot be written to ends the work; nothing is guessed.
            Ok((_, Err(error))) => Err(error),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Ok(()),
        }
    }

    /// How a deployment stands, when nothing can be done about it by working on.
    async fn outlook(
        &self,
        state: &State,
        number: DeploymentNumber,
    ) -> Result<Option<Outlook>, EngineError> {
        let open = state
            .deployments
            .get(&number)
            .filter(|d| d.ended.is_none())
            .cloned();
        let Some(deployment) = open else {
            let ended = self.engine.store.deployment(number).await?;
            return Ok(ended.map(|deployment| Outlook::Ended(Box::new(deployment))));
        };
        match next(state, number, now()) {
            // Waiting for a person, or behind something that does.
            Next::Wait(waiting)
                if self.busy.is_empty() && (waiting.who.is_some() || waiting.until.is_none()) =>
            {
                Ok(Some(Outlook::Waits(Box::new(deployment), waiting)))
            }
            _ => Ok(None),
        }
    }

    /// Tidies up in the background: stopping an instance takes as long as the instance takes.
    fn tidy(&mut self) {
        if self.tidied.is_some_and(|at| now().since(at) < TIDY) {
            return;
        }
        self.tidied = Some(now());
        let (engine, housekeeper) = (self.engine.clone(), self.housekeeper.clone());
        tokio::spawn(async move {
            // One at a time; whoever is at it sees what this one would have seen.
            if let Ok(mut housekeeper) = housekeeper.try_lock()
                && let Err(error) = housekeeper.tidy(&engine).await
            {
                tracing::warn!(%error, "could not tidy up");
            }
        });
    }

    /// Stops what is superfluous and has drained, before a process that worked for a while ends.
    pub async fn finish(&mut self) -> Result<(), EngineError> {
        let mut housekeeper = self.housekeeper.lock().await;
        housekeeper.tidy(&self.engine).await?;
        Ok(())
    }
}

fn earliest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
