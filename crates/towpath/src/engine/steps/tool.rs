//! Migrate, where the project's own tool applies the migrations: its command runs as tests do, under the database's lock, and its
//! status before and after tells what it has done.

use std::fs;

use towpath_core::{
    manifest::{Manifest, MigrationTool},
    path::Outcome,
    runner::{JobSpec, JobState},
};
use towpath_migrate::{
    ApplyError, Database, Migration, MigrationSet, Oversight, PlanError, Reading, Receipt, Status,
    Turned,
};

use super::{
    Attempt, errored, failed, from_config, from_target, hopeless,
    migrate::{ahead, is_ahead},
    schema::{self, Place},
    test,
};
use crate::{
    clock::now,
    engine::{
        builder::{indented, lost},
        failpoint,
        variables::Handover,
    },
};

/// The longest status that is read, in bytes.
const LONGEST: u64 = 8 << 20;

/// The keys of an attempt's jobs: the status, and what applies.
pub fn jobs(key: &str) -> [String; 2] {
    [format!("{key}.status"), format!("{key}.migrate")]
}

/// A tool that is about to be run.
struct Running<'a> {
    attempt: &'a Attempt<'a>,
    place: &'a Place<'a>,
    tool: &'a MigrationTool,
    reading: Reading,
    database: &'a Database,
    set: &'a MigrationSet,
    handover: Handover,
}

pub(super) async fn migrate(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    manifest: &Manifest,
    tool: &MigrationTool,
    (database, set): (&Database, &MigrationSet),
) -> Result<Outcome, Outcome> {
    let reading =
        Reading::of(tool.applied.as_deref(), tool.pending.as_deref()).map_err(hopeless)?;
    let running = Running {
        attempt,
        place,
        tool,
        reading,
        database,
        set,
        handover: handover(attempt, place, manifest).await?,
    };
    let mut oversight = database
        .oversee(set, attempt.key, |holder| {
            attempt.cause.set(format!("waits for {holder}"));
        })
        .await
        .map_err(|error| refused(&error))?;
    let done = running.perform(&mut oversight).await;
    // The lock is let go when this is over, whatever came of it.
    let closed = oversight.close().await;
    let done = done?;
    closed.map_err(|error| schema::with_help(&error, error.remedy()))?;
    Ok(done)
}

/// What the tool finds: all that the environment has, and the URL of the database as the environment has it that keeps it.
async fn handover(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    manifest: &Manifest,
) -> Result<Handover, Outcome> {
    let engine = attempt.engine;
    let of = |name: &_| {
        let environment = manifest.environment(name);
        environment.ok_or_else(|| hopeless(format!("the release's manifest has no {name}")))
    };
    let environment = of(attempt.deployment.plan.environment.as_str())?;
    let found = engine.handover_of_now(attempt.release, manifest, environment);
    let mut handover = found.await.map_err(from_config)?;
    let declared = manifest.databases.get(place.name);
    let server = declared.filter(|declared| declared.engine.is_server());
    if let Some(declared) = server
        && *place.home != environment.name
    {
        let keeper = of(place.home.as_str())?;
        let found = engine.handover_of_now(attempt.release, manifest, keeper);
        let mut keeper = found.await.map_err(from_config)?;
        let url = &declared.url;
        if let Some(value) = keeper.secrets.remove(url) {
            handover.variables.remove(url);
            handover.secrets.insert(url.clone(), value);
        } else if let Some(value) = keeper.variables.remove(url) {
            handover.secrets.remove(url);
            handover.variables.insert(url.clone(), value);
        }
    }
    Ok(handover)
}

impl Running<'_> {
    async fn perform(&self, oversight: &mut Oversight) -> Result<Outcome, Outcome> {
        let runner = &self.attempt.engine.runner;
        let [_, job] = jobs(self.attempt.key);
        let mut snapshot = String::new();
        if runner.observe(&job).await.map_err(from_target)? == JobState::Absent {
            let status = self.status().await?;
            let told = match self.database.plan_told(self.set, &status).await {
                Ok(told) => told,
                Err(PlanError::Missing { .. }) if is_ahead(self.attempt, self.place).await? => {
                    return ahead(self.attempt, self.place, self.database).await;
                }
                Err(error) => {
                    return Err(failed(format!("could not {error}; {}", error.remedy())));
                }
            };
            let is_needed = !told.plan.pending.is_empty() && !told.plan.history.is_empty();
            if is_needed {
                snapshot = schema::snapshot(self.attempt, self.place, self.database).await?;
            }
            failpoint::pass(format_args!("about to migrate for {}", self.attempt.key));
            let begun = oversight.begin(&status, || now().0).await;
            begun.map_err(|error| refused(&error))?;
            failpoint::pass("what is to be applied has its receipts");
            self.start(&job, &self.tool.migrate).await?;
            failpoint::pass("the tool migrates");
        }
        let ended = runner.ended(&job).await.map_err(from_target)?;
        failpoint::pass("the tool has migrated");
        let status = self
            .status()
            .await
            .map_err(|unsure| self.unsure(unsure, &ended))?;
        let turned = oversight.end(&status, || now().0).await;
        let turned = turned.map_err(|error| self.unsure(refused(&error), &ended))?;
        failpoint::pass("what was applied has its receipts");
        self.outcome(&ended, &turned, &snapshot).await
    }

    async fn start(&self, job: &str, command: &str) -> Result<(), Outcome> {
        let attempt = self.attempt;
        let variables = self.handover.variables.clone();
        let secrets = &self.handover.secrets;
        let spec = JobSpec {
            key: job.to_owned(),
            command: command.to_owned(),
            directory: test::tree(attempt).await?,
            variables,
            secrets: secrets.clone(),
            credentials: self.handover.credentials.clone(),
        };
        attempt
            .engine
            .runner
            .start(&spec)
            .await
            .map_err(from_target)
    }

    /// Asks the tool what is applied, each time anew.
    async fn status(&self) -> Result<Status, Outcome> {
        let runner = &self.attempt.engine.runner;
        let [job, _] = jobs(self.attempt.key);
        if runner.observe(&job).await.map_err(from_target)? != JobState::Absent {
            runner.cancel(&job).await.map_err(from_target)?;
            runner.forget(&job).await.map_err(from_target)?;
        }
        let command = &self.tool.status;
        self.start(&job, command).await?;
        let (code, how, tail) = match runner.ended(&job).await.map_err(from_target)? {
            JobState::Exited { code, status, tail } => (code, status, tail),
            other => {
                return Err(errored(format!("`{command}` was lost: {}", lost(&other))));
            }
        };
        let said = || format!("`{command}` ended with {how}{}", indented(&tail));
        match code {
            Some(126 | 127) => {
                return Err(hopeless(format!(
                    "`{command}` could not be run{}",
                    indented(&tail)
                )));
            }
            None => return Err(errored(said())),
            Some(_) => {}
        }
        let file = runner.output(&job);
        if fs::metadata(&file).map_err(errored)?.len() > LONGEST {
            let why = format!("`{command}` tells more than {} MiB", LONGEST >> 20);
            return Err(hopeless(
                why + "; have it tell the migrations and nothing else",
            ));
        }
        let output = fs::read(&file).map_err(errored)?;
        let status = self.reading.read(&String::from_utf8_lossy(&output));
        match status.counts(code == Some(0)) {
            true => Ok(status),
            false => Err(errored(format!(
                "could not tell what is applied: {}",
                said()
            ))),
        }
    }

    /// What is said when nobody can tell what the tool has done.
    fn unsure(&self, unsure: Outcome, ended: &JobState) -> Outcome {
        let how = match ended {
            JobState::Exited { status, tail, .. } => {
                format!("ended with {status}{}", indented(tail))
            }
            other => format!("was lost: {}", lost(other)),
        };
        let migrate = &self.tool.migrate;
        let told = |why: String| format!("`{migrate}` {how}\n{why}");
        match unsure {
            Outcome::Errored { cause, transient } => Outcome::Errored {
                cause: told(cause),
                transient,
            },
            Outcome::Failed { finding } => Outcome::Failed {
                finding: told(finding),
            },
            other => other,
        }
    }

    async fn outcome(
        &self,
        ended: &JobState,
        turned: &Turned,
        snapshot: &str,
    ) -> Result<Outcome, Outcome> {
        let command = &self.tool.migrate;
        let told = || told(&turned.receipts, &turned.left);
        match ended {
            JobState::Exited { code: Some(0), .. } if turned.left.is_empty() => {}
            JobState::Exited { code: Some(0), .. } => {
                return Err(failed(format!(
                    "`{command}` passed, and `{}` does not tell as applied what it was to apply; {}. See that both mean \
                     the same migrations as `migrations`, and that what `status` tells is found",
                    self.tool.status,
                    told()
                )));
            }
            JobState::Exited {
                code: Some(126 | 127),
                tail,
                ..
            } => {
                return Err(hopeless(format!(
                    "`{command}` could not be run{}",
                    indented(tail)
                )));
            }
            JobState::Exited { status, tail, .. } => {
                return Err(failed(format!(
                    "`{command}` ended with {status}; {}{}",
                    told(),
                    indented(tail)
                )));
            }
            other => {
                let lost = lost(other);
                return Err(errored(format!("`{command}` was lost; {}: {lost}", told())));
            }
        }
        let applied = schema::applied(self.attempt, self.place, self.database).await?;
        let detail = match turned.receipts.as_slice() {
            [] => format!("nothing to apply; {} applied before", applied.len()),
            [one] => format!("applied {}{snapshot}", one.name),
            many => format!("applied {} migrations{snapshot}", many.len()),
        };
        let fresh = turned.receipts.len();
        schema::receipt(self.place, self.database, applied, fresh, detail).await
    }
}

/// What was applied, and what was not.
fn told(receipts: &[Receipt], left: &[Migration]) -> String {
    let names = |names: Vec<&str>| match names.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    format!(
        "applied: {}; not applied: {}",
        names(receipts.iter().map(|one| one.name.as_str()).collect()),
        names(left.iter().map(|one| one.name.as_str()).collect())
    )
}

fn refused(error: &ApplyError) -> Outcome {
    failed(format!("could not {error}; {}", error.remedy()))
}
