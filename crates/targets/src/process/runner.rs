//! Commands that run once and outlive us: the `Runner` on this machine.

use std::{collections::BTreeMap, io, path::PathBuf};

use towpath_core::{
    runner::{JobSpec, JobState, Runner},
    target::{BoxFuture, TargetError},
};

use super::{environment, not_launched, safe, unavailable};
use crate::shim::{
    Condition, Confidential, Launcher, Run, blocking,
    files::{Ended, Exit, Program, Spec, Stopped},
};

/// Runs jobs in run directories below a root.
#[derive(Debug, Clone)]
pub struct ProcessRunner {
    jobs: PathBuf,
    launcher: Launcher,
    base: BTreeMap<String, String>,
}

impl ProcessRunner {
    /// Runs jobs in `root/jobs/KEY`, on what [`environment::of_commands`] leaves of our own variables.
    pub fn new(root: impl Into<PathBuf>, launcher: Launcher) -> ProcessRunner {
        ProcessRunner {
            jobs: root.into().join("jobs"),
            launcher,
            base: environment::of_commands(),
        }
    }

    /// Removes what is kept of a job that is over: its result and its output.
    async fn remove(&self, key: &str) -> Result<(), TargetError> {
        let run = self.job(key)?;
        let what = format!("could not remove what is left of job {key}");
        blocking(move || match run.put_aside()? {
            Some(aside) => Run::remove_put_aside(&aside),
            None => Err(io::Error::other("it still runs")),
        })
        .await
        .map_err(unavailable(what))
    }

    fn job(&self, key: &str) -> Result<Run, TargetError> {
        safe(key)?;
        Ok(Run::new(self.jobs.join(key)))
    }

    async fn begin(&self, job: &JobSpec) -> Result<(), TargetError> {
        let run = self.job(&job.key)?;
        let look = || run.condition().map_err(unavailable(trouble(&job.key)));
        if !matches!(look()?, Condition::Absent | Condition::Prepared) {
            return Ok(());
        }
        if !job.directory.is_dir() {
            return Err(TargetError::Invalid(format!(
                "there is no directory {} to run a command in",
                job.directory.display()
            )));
        }
        let (place, program) = (run.clone(), Program::Shell(job.command.clone()));
        let directory = job.directory.clone();
        blocking(move || place.prepare(&Spec::job(program, std::path::absolute(directory)?)))
            .await
            .map_err(unavailable(format!("could not prepare job {}", job.key)))?;
        let mut variables = self.base.clone();
        variables.extend(job.variables.clone());
        let confidential = Confidential {
            secrets: job.secrets.clone(),
            credentials: job.credentials.clone(),
        };
        self.launcher
            .launch_with(&run, &variables, confidential)
            .await
            .map(|_| ())
            .map_err(not_launched(format!("job {}", job.key)))
    }

    async fn look(&self, key: &str) -> Result<JobState, TargetError> {
        let run = self.job(key)?;
        loop {
            let seen = run.condition().map_err(unavailable(trouble(key)))?;
            return Ok(match seen {
                Condition::Absent | Condition::Prepared => JobState::Absent,
                Condition::Running(_) => JobState::Running,
                Condition::Ended(exit) => ended(exit, run.tail()),
                Condition::Lost => {
                    // Before anybody tries again, what is left of it must be gone.
                    let lost = run.clone();
                    let settled = blocking(move || lost.settle(None)).await;
                    match settled.map_err(unavailable(trouble(key)))? {
                        Some(exit) => ended(exit, run.tail()),
                        None => continue,
                    }
                }
            });
        }
    }

    async fn wait(&self, key: &str) -> Result<JobState, TargetError> {
        let run = self.job(key)?;
        loop {
            run.ended().await.map_err(unavailable(trouble(key)))?;
            match self.look(key).await? {
                JobState::Running => {}
                over => return Ok(over),
            }
        }
    }

    async fn end(&self, key: &str) -> Result<(), TargetError> {
        match self.job(key)?.stop().await {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(unavailable(format!("could not cancel job {key}"))(cause))
            }
            _ => Ok(()),
        }
    }
}

fn ended(exit: Exit, tail: String) -> JobState {
    match exit.ended {
        Ended::Lost => JobState::Lost { tail },
        // The machine went down in good order: the command did not get to say anything.
        _ if exit.stopped == Some(Stopped::Signalled) => JobState::Lost { tail },
        Ended::Code(code) => JobState::Exited {
            code: Some(code),
            status: exit.to_string(),
            tail,
        },
        Ended::Signal(_) | Ended::NotStarted(_) => JobState::Exited {
            code: None,
            status: exit.to_string(),
            tail,
        },
    }
}

fn trouble(key: &str) -> String {
    format!("could not look at job {key}")
}

impl Runner for ProcessRunner {
    fn start<'a>(&'a self, spec: &'a JobSpec) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.begin(spec))
    }

    fn observe<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>> {
        Box::pin(self.look(key))
    }

    fn ended<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>> {
        Box::pin(self.wait(key))
    }

    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.end(key))
    }

    fn forget<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>> {
        Box::pin(self.remove(key))
    }

    fn output(&self, key: &str) -> PathBuf {
        Run::new(self.jobs.join(key)).output()
    }
}
