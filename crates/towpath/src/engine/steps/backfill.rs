//! Applying a plan while the journal is told how far a backfill is. One rests while somebody holds the environment.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};
use towpath_core::{
    Time,
    names::DatabaseName,
    path::{Actor, Backfill, Command, Outcome},
};
use towpath_migrate::{ApplyError, Batched, Database, Event, MigrationSet, Pause, Plan, title};

use super::{Attempt, errored, failed};
use crate::clock::now;

/// How often it is looked whether there is something to tell, and whether somebody holds the environment.
const LOOK: Duration = Duration::from_millis(250);

/// The journal is told no more often than this, and only of another percent…
const SOONEST: Duration = Duration::from_secs(2);

/// …or of anything at all after this.
const LATEST: Duration = Duration::from_secs(60);

/// A batch was done.
#[derive(Debug, Clone)]
struct Advance {
    migration: String,
    batched: Batched,
}

/// Applies a plan to its end.
pub(super) async fn apply(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    database: &Database,
    set: &MigrationSet,
    mut plan: Plan,
) -> Result<(), Outcome> {
    loop {
        let pause = Pause::default();
        let pausing = database.clone().pausing(&pause);
        let (sender, advances) = watch::channel(None);
        let mut teller = Teller::new(attempt, name, advances);
        let applying = pausing.apply(
            &plan,
            attempt.key,
            || now().0,
            |event| {
                if let Event::Advanced {
                    version,
                    name,
                    batched,
                } = event
                {
                    let migration = title(version, &name);
                    sender.send_replace(Some(Advance { migration, batched }));
                }
            },
        );
        let applied = tokio::select! {
            applied = applying => applied,
            // Whoever may not write any more may not change rows either.
            outcome = teller.run(&pause) => return Err(outcome),
        };
        match applied {
            Ok(_) => return teller.tell(None).await,
            Err(ApplyError::Paused { .. }) => {
                let held = teller.held().await?;
                teller.tell(held).await?;
            }
            Err(error) => {
                // How far it came is worth telling too, and less than why it ended.
                let _ = teller.tell(None).await;
                return Err(failed(format!("could not {error}; {}", error.remedy())));
            }
        }
        while teller.held().await?.is_some() {
            sleep(LOOK).await;
        }
        // The lock was let go meanwhile: what is there now counts.
        let again = database.plan(set).await;
        plan = again.map_err(|error| failed(format!("could not {error}; {}", error.remedy())))?;
    }
}

/// Tells the journal.
struct Teller<'a> {
    attempt: &'a Attempt<'a>,
    name: &'a DatabaseName,
    advances: watch::Receiver<Option<Advance>>,
    /// The first advance of each migration, and when it was: how fast it is since then.
    first: Option<(Advance, Time)>,
    told: Option<(Backfill, Time)>,
}

impl<'a> Teller<'a> {
    fn new(
        attempt: &'a Attempt<'a>,
        name: &'a DatabaseName,
        advances: watch::Receiver<Option<Advance>>,
    ) -> Teller<'a> {
        Teller {
            attempt,
            name,
            advances,
            first: None,
            told: None,
        }
    }

    /// Tells of what advances, and has it pause once somebody holds the environment. Ends when it cannot tell.
    async fn run(&mut self, pause: &Pause) -> Outcome {
        loop {
            if let Err(outcome) = self.look(pause).await {
                return outcome;
            }
            sleep(LOOK).await;
        }
    }

    async fn look(&mut self, pause: &Pause) -> Result<(), Outcome> {
        let Some(now_at) = self.backfill(None) else {
            return Ok(());
        };
        if self.held().await?.is_some() {
            pause.ask();
        }
        let is_due = match &self.told {
            Some((told, at)) if told.migration == now_at.migration => {
                let since = now().since(*at);
                since >= LATEST || since >= SOONEST && told.percent() != now_at.percent()
            }
            _ => true,
        };
        match is_due {
            true => self.tell(None).await,
            false => Ok(()),
        }
    }

    /// How far it is.
    fn backfill(&mut self, paused: Option<String>) -> Option<Backfill> {
        let Advance { migration, batched } = self.advances.borrow().clone()?;
        let is_same = |(first, _): &&(Advance, Time)| first.migration == migration;
        let left_ms = match self.first.as_ref().filter(is_same) {
            Some((first, at)) => {
                let done = batched.rows.saturating_sub(first.batched.rows);
                let took = u64::try_from(now().since(*at).as_millis()).unwrap_or(u64::MAX);
                let left = batched.total.saturating_sub(batched.rows);
                (done > 0).then(|| (u128::from(took) * u128::from(left) / u128::from(done)) as u64)
            }
            None => {
                let migration = migration.clone();
                let batched = batched.clone();
                self.first = Some((Advance { migration, batched }, now()));
                None
            }
        };
        Some(Backfill {
            database: self.name.clone(),
            migration,
            rows: batched.rows,
            total: batched.total,
            changed: batched.changed,
            left_ms: left_ms.filter(|_| paused.is_none()),
            paused,
        })
    }

    /// Tells where it is now, unless that is known.
    async fn tell(&mut self, paused: Option<String>) -> Result<(), Outcome> {
        let Some(backfill) = self.backfill(paused) else {
            return Ok(());
        };
        if let Some((told, _)) = &self.told
            && (told.rows, &told.migration, &told.paused)
                == (backfill.rows, &backfill.migration, &backfill.paused)
        {
            return Ok(());
        }
        self.attempt.cause.set(backfill.to_string());
        let commands = [Command::RecordBackfill {
            deployment: self.attempt.deployment.number,
            key: self.attempt.key.to_owned(),
            backfill: backfill.clone(),
        }];
        let engine = self.attempt.engine;
        let written = engine.write(&Actor::Towpath, &commands, Some(self.attempt.lease));
        written.await.map_err(errored)?;
        self.told = Some((backfill, now()));
        Ok(())
    }

    /// Who holds the environment, and how it is let go.
    async fn held(&self) -> Result<Option<String>, Outcome> {
        let environment = &self.attempt.deployment.plan.environment;
        let state = self.attempt.engine.store.state().await.map_err(errored)?;
        let found = state.environments.get(environment);
        let hold = found.and_then(|environment| environment.hold.as_ref());
        Ok(hold.map(|hold| {
            format!(
                "{} holds {environment}: {}; `towpath hold {environment} --release` lets it go on",
                hold.by, hold.reason
            )
        }))
    }
}
