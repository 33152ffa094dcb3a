//! The seed of a developer's own database: a command of the project, run as its tests are, after the database was made anew.

use std::time::Duration;

use tokio::time::timeout;
use towpath_core::{
    config::Scope,
    manifest::Handed,
    runner::{JobSpec, JobState, Runner},
    time::human,
};
use towpath_targets::{process::ProcessRunner, shim::Launcher};

use super::{Project, open::Opened};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        exit::Exit,
        secret::{Recorder, why},
        style,
    },
    clock::now,
    config::{Gathered, identities},
    engine::databases::file_urls,
};

/// A seed with all that it needs.
pub struct Seed {
    title: String,
    within: Duration,
    job: JobSpec,
    runner: ProcessRunner,
}

impl Seed {
    /// Gathers the environment's configuration and secrets, before anything is lost; `None` where the manifest names no seed.
    pub async fn ready(
        project: &Project,
        opened: &Opened,
        reason: Option<&str>,
    ) -> Result<Option<Seed>, CliError> {
        let manifest = &project.place.manifest;
        let declared = manifest.databases.get(&opened.name);
        let Some((command, within)) =
            declared.and_then(|declared| Some((declared.seed.clone()?, declared.seed_within)))
        else {
            return Ok(None);
        };
        let environment = project.place.environment(opened.home.as_str())?;
        let scope = Scope {
            manifest,
            environment,
            service: None,
        };
        let gathered = Gathered::in_tree(scope, &project.root)?;
        gathered.check()?;
        let secrets = gathered.secrets();
        if !secrets.is_empty() {
            let recorder = Recorder::open(&Context::open(&project.global).await?).await?;
            let reason = why(reason, &format!("seeds {}", opened.name));
            let name = environment.name.as_str();
            recorder.read(name, "db", secrets, &reason).await?;
        }
        let files = file_urls(project.home().await?, manifest, environment);
        let filled = gathered.fill(identities, files, &project.root).await?;
        let mut job = JobSpec {
            key: format!("seed-{}-{}", opened.name, now().0),
            command,
            directory: project.root.clone(),
            variables: [("TOWPATH_ENVIRONMENT".to_owned(), opened.home.to_string())].into(),
            secrets: [].into(),
            credentials: [].into(),
        };
        for (name, filled) in filled {
            use secrecy::ExposeSecret;
            match filled.handed {
                Handed::File => drop(job.credentials.insert(name, filled.value)),
                Handed::Variable if filled.secret => drop(job.secrets.insert(name, filled.value)),
                Handed::Variable => {
                    let value = filled.value.expose_secret().to_owned();
                    job.variables.insert(name, value);
                }
            }
        }
        Ok(Some(Seed {
            title: format!("{} of {}", opened.name, opened.home),
            within,
            job,
            runner: ProcessRunner::new(project.home().await?.target(), Launcher::this()),
        }))
    }

    /// The command, for people.
    pub fn command(&self) -> &str {
        &self.job.command
    }

    /// Runs it to its end.
    pub async fn run(&self) -> Result<(), CliError> {
        let key = &self.job.key;
        eprintln!("seeds {} by `{}`", self.title, style::plain(self.command()));
        let started = self.runner.start(&self.job).await;
        started.map_err(|error| self.failed(&error.to_string()))?;
        let ended = tokio::select! {
            ended = timeout(self.within, self.runner.ended(key)) => match ended {
                Ok(ended) => ended.map_err(|error| error.to_string()),
                Err(_) => Err(format!("it was not done within {}", human(self.within))),
            },
            _ = tokio::signal::ctrl_c() => Err("it was interrupted".to_owned()),
        };
        // What goes on after its time would write into whatever comes next.
        let gone = self.runner.cancel(key).await;
        let verdict = match ended {
            Err(why) => Err(why),
            Ok(JobState::Exited {
                code: Some(0),
                tail,
                ..
            }) => {
                eprint_indented(&tail);
                Ok(())
            }
            Ok(JobState::Exited { status, tail, .. }) => {
                eprint_indented(&tail);
                Err(format!("it ended with {status}"))
            }
            Ok(JobState::Lost { tail }) => {
                eprint_indented(&tail);
                Err("nobody knows how it ended".to_owned())
            }
            Ok(JobState::Absent | JobState::Running) => Err("it did not end".to_owned()),
        };
        let forgotten = self.runner.forget(key).await;
        let left = gone.and(forgotten);
        verdict.map_err(|why| self.failed(&why))?;
        left.map_err(|error| self.failed(&error.to_string()))
    }

    fn failed(&self, why: &str) -> CliError {
        CliError::new(
            Exit::Failed,
            "db::seed-failed",
            format!(
                "{} is made anew, and could not be seeded by `{}`: {}",
                self.title,
                style::plain(self.command()),
                style::plain(why)
            ),
            "mend it, then `towpath db reset` again; `--no-seed` leaves it out",
        )
    }
}

/// The end of what it printed.
fn eprint_indented(tail: &str) {
    for line in tail.lines() {
        eprintln!("  {}", style::plain(line));
    }
}
