//! Databases that the project's own tool migrates: asked, and run, in the work tree, with what the environment has.

use towpath_core::{config::Scope, manifest::MigrationTool, names::EnvironmentName};
use towpath_migrate::{
    ApplyError, Event, MigrationSet, Reading, Status, ToldPlan, Turned, Version, title,
};

use super::{
    Project,
    applying::Applying,
    hand::{InHand, failed},
    look::Refused,
    open::Opened,
};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        exit::Exit,
        run::{self, Heard},
        secret::Recorder,
        style,
    },
    clock::now,
    config::{Gathered, identities},
    engine::databases::file_urls,
};

/// How many of the last lines of an output are shown with a failure.
const LINES: usize = 20;

/// Whether what a command prints is shown while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

/// A refusal of what Towpath cannot do where a tool of the project's own migrates.
pub fn not_with_a_tool(what: &str, help: &str) -> CliError {
    CliError::new(
        Exit::Refused,
        "db::of-tool",
        format!("could not {what}: its migrations are applied by the project's own tool"),
        help,
    )
}

impl Project {
    /// Plans what a tool would apply, by what its status tells. Nothing is changed.
    pub async fn plan_told(
        &self,
        opened: &Opened,
        tool: &MigrationTool,
        set: &MigrationSet,
        verb: &str,
    ) -> Result<(Status, ToldPlan), CliError> {
        // Tools make a file that is not there, and nothing is made only to look.
        let status = match opened.database.is_absent() {
            true => Status::of_nothing(),
            false => self.status(&opened.home, tool, verb).await?,
        };
        let told = opened.database.plan_told(set, &status).await;
        Ok((status, told.map_err(Refused::from)?))
    }

    /// What a tool tells of the database that an environment keeps.
    async fn status(
        &self,
        home: &EnvironmentName,
        tool: &MigrationTool,
        verb: &str,
    ) -> Result<Status, CliError> {
        let reading = Reading::of(tool.applied.as_deref(), tool.pending.as_deref());
        let reading = reading.map_err(|error| {
            let help = "correct `applied` or `pending` in towpath.toml".into();
            failed(&error.to_string(), help)
        })?;
        let heard = self.hear(home, &tool.status, verb, Shown::No).await?;
        let status = reading.read(&heard.text);
        match status.counts(heard.status == 0) && heard.is_whole {
            true => Ok(status),
            false => Err(CliError::new(
                Exit::Failed,
                "db::no-status",
                format!(
                    "could not tell what is applied in {home}: `{}` {}{}",
                    tool.status,
                    match heard.is_whole {
                        true => format!("ended with status {}", heard.status),
                        false => "tells more than anybody reads".to_owned(),
                    },
                    end_of(&heard)
                ),
                "see what it says; it runs in the work tree, with what the environment has",
            )),
        }
    }

    /// Runs a command of the manifest as `towpath run` would.
    async fn hear(
        &self,
        home: &EnvironmentName,
        command: &str,
        verb: &str,
        shown: Shown,
    ) -> Result<Heard, CliError> {
        let manifest = &self.place.manifest;
        let environment = self.place.environment(home.as_str())?;
        let scope = Scope {
            manifest,
            environment,
            service: None,
        };
        let gathered = Gathered::in_tree(scope, &self.root)?;
        gathered.check()?;
        let secrets = gathered.secrets();
        if !secrets.is_empty() {
            let recorder = Recorder::open(&Context::open(&self.global).await?).await?;
            let reason = format!("runs the tool that migrates for `towpath db {verb}`");
            recorder.read(home.as_str(), "db", secrets, &reason).await?;
        }
        let databases = file_urls(self.home().await?, manifest, environment);
        let filled = gathered.fill(identities, databases, &self.root).await?;
        let words = ["sh", "-c", command].map(Into::into).to_vec();
        let prepared = run::prepare(words, home.as_str(), filled, run::is_of_vault(&gathered))?;
        let heard = prepared.hear(&self.root, shown == Shown::Yes).await;
        heard.map_err(|error| {
            CliError::new(
                Exit::Disorder,
                "db::not-started",
                format!("could not run `{command}`: {error}"),
                "check that the work tree can be entered, and that there is a shell",
            )
        })
    }
}

fn end_of(heard: &Heard) -> String {
    let lines: Vec<&str> = heard.text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let shown = last
        .iter()
        .map(|line| format!("\n    {}", style::plain(line)));
    shown.collect()
}

impl InHand {
    /// Has the tool apply what is pending, under the database's lock.
    pub async fn migrate_by(
        &self,
        project: &Project,
        tool: &MigrationTool,
        set: &MigrationSet,
        status: &Status,
    ) -> Result<(), CliError> {
        let home = &self.opened.home;
        let database = self.opened.database.clone().create_if_missing();
        let mut progress = Applying::new();
        let waiting = |holder| progress.tell(&Event::Waiting { holder });
        let overseen = database.oversee(set, &self.key, waiting).await;
        let mut oversight = overseen.map_err(|error| refused(&error))?;
        let run = async {
            let begun = oversight.begin(status, || now().0).await;
            begun.map_err(|error| refused(&error))?;
            let heard = project
                .hear(home, &tool.migrate, "migrate", Shown::Yes)
                .await?;
            let status = project.status(home, tool, "migrate").await?;
            let turned = oversight.end(&status, || now().0).await;
            Ok((heard, turned.map_err(|error| refused(&error))?))
        };
        let run: Result<(Heard, Turned), CliError> = run.await;
        let closed = oversight.close().await;
        let (heard, turned) = run?;
        closed.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        for receipt in &turned.receipts {
            let receipt = receipt.clone();
            progress.tell(&Event::Applied { receipt });
        }
        let left = turned.left.iter();
        let left: Vec<String> = left.map(|one| title(one.version, &one.name)).collect();
        match (heard.status, left.is_empty()) {
            (0, true) => Ok(()),
            (status, _) => Err(failed(
                &format!(
                    "have `{}` apply all: it ended with status {status}, and `{}` tells as not applied: {}",
                    tool.migrate,
                    tool.status,
                    match left.is_empty() {
                        true => "nothing".to_owned(),
                        false => style::plain(&left.join(", ")),
                    }
                ),
                "correct what it says, then `towpath db migrate` again: it goes on with what is not applied".into(),
            )),
        }
    }

    /// Gives receipts to what the tool has applied; answers with the versions.
    pub async fn adopt_by(
        &self,
        set: &MigrationSet,
        status: &Status,
    ) -> Result<Vec<Version>, CliError> {
        let database = self.opened.database.clone().create_if_missing();
        let overseen = database.oversee(set, &self.key, |_| {}).await;
        let mut oversight = overseen.map_err(|error| refused(&error))?;
        let adopted = oversight.adopt(status, || now().0).await;
        let closed = oversight.close().await;
        let told = adopted.map_err(|error| refused(&error))?;
        closed.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        Ok(told.ended.into_iter().chain(told.plan.adopted).collect())
    }
}

fn refused(error: &ApplyError) -> CliError {
    failed(&error.to_string(), error.remedy())
}
