//! What the verbs share that change a database by hand: who may, what the journal is told before and after, and copies.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{
    manifest::Environment,
    path::{Migration, SchemaWork},
};
use towpath_migrate::{
    BadVersion, DatabaseError, History, Layout, MigrationSet, Version, classify::Dialect,
};

use super::{
    Project,
    look::Refused,
    open::{Opened, is_own},
};
use crate::{
    cli::{
        context::Context,
        error::CliError,
        exit::Exit,
        secret::{Recorder, why},
    },
    clock::now,
    engine::{releases, snapshots},
};

/// Which databases are meant, and why.
#[derive(Args)]
pub struct Hand {
    /// The environment, by name or alias.
    pub(super) environment: String,
    /// The database, where there are several.
    #[arg(long, short = 'd')]
    pub(super) database: Option<String>,
    /// Why it is done by hand; it is kept in the journal.
    #[arg(long)]
    pub(super) reason: Option<String>,
}

/// A database that is changed by hand.
pub struct InHand {
    pub opened: Opened,
    recorder: Recorder,
    work: SchemaWork,
    reason: String,
    /// Who does it, as receipts keep it.
    pub key: String,
    snapshots: PathBuf,
    keep_snapshots: u16,
    dialect: Dialect,
}

impl Project {
    /// The environment that is meant; unless said, `local`, or the only one that nothing is deployed to.
    pub fn own_environment(&self, typed: Option<&str>) -> Result<&Environment, CliError> {
        if let Some(typed) = typed {
            return Ok(self.place.environment(typed)?);
        }
        if let Some(local) = self.place.manifest.environment("local") {
            return Ok(local);
        }
        let mut own = self.place.manifest.environments.iter();
        match (own.find(|one| is_own(one)), own.any(is_own)) {
            (Some(own), false) => Ok(own),
            (_, several) => Err(CliError::new(
                Exit::Usage,
                "db::which-environment",
                match several {
                    true => {
                        "there is no environment local, and several that nothing is deployed to"
                    }
                    false => "there is no environment local, and none that nothing is deployed to",
                },
                "name the environment that is meant",
            )),
        }
    }
}

impl Hand {
    /// The databases that are meant: all of the environment's, unless one is named.
    pub async fn all(&self, project: &Project, verb: &str) -> Result<Vec<Opened>, CliError> {
        let environment = project.place.environment(&self.environment)?;
        let mut opened = project.open_all(environment, verb).await?;
        if let Some(name) = &self.database {
            opened.retain(|opened| opened.name.as_str() == name);
            if opened.is_empty() {
                let known: Vec<&str> = project
                    .place
                    .manifest
                    .databases
                    .keys()
                    .map(|name| name.as_str())
                    .collect();
                return Err(CliError::new(
                    Exit::Refused,
                    "db::no-such-database",
                    format!("there is no database {name:?}"),
                    format!("there are {}", known.join(", ")),
                ));
            }
        }
        Ok(opened)
    }

    /// The one database that is meant.
    pub async fn one(&self, project: &Project, verb: &str) -> Result<Opened, CliError> {
        let mut opened = self.all(project, verb).await?;
        match (opened.pop(), opened.is_empty()) {
            (Some(opened), true) => Ok(opened),
            (None, _) => Err(CliError::new(
                Exit::Refused,
                "db::no-such-database",
                "no databases are declared",
                "`[databases.NAME]` in towpath.toml declares one",
            )),
            (Some(_), false) => Err(CliError::new(
                Exit::Usage,
                "db::which-database",
                format!("{} has several databases", self.environment),
                "say which with --database NAME",
            )),
        }
    }

    /// Takes one in hand: the journal is told what is about to be done, which is refused to whoever may not.
    pub async fn take(
        &self,
        project: &Project,
        opened: Opened,
        work: SchemaWork,
    ) -> Result<InHand, CliError> {
        self.refuse_unexplained(project, &opened)?;
        let context = Context::open(&project.global).await?;
        let recorder = Recorder::open(&context).await?;
        let reason = why(self.reason.as_deref(), "by hand");
        recorder
            .schema(&opened.home, &opened.name, work, &reason, None)
            .await?;
        let declared = project.place.manifest.databases.get(&opened.name);
        let dialect = declared.map_or(Dialect::Sqlite, |declared| {
            releases::dialect_of(declared.engine)
        });
        Ok(InHand {
            snapshots: context.home.snapshots().join(opened.home.as_str()),
            keep_snapshots: declared.map_or(u16::MAX, |declared| declared.keep_snapshots),
            key: context.actor.to_string(),
            opened,
            recorder,
            work,
            reason,
            dialect,
        })
    }
}

impl Hand {
    /// Where releases come only after they were verified elsewhere, nobody goes around that without saying why.
    fn refuse_unexplained(&self, project: &Project, opened: &Opened) -> Result<(), CliError> {
        let environment = project.place.environment(opened.home.as_str())?;
        if environment.after.is_empty() || self.reason.is_some() {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Refused,
            "db::no-reason",
            format!(
                "{} of {} is changed by deployments, which come through {}",
                opened.name,
                opened.home,
                environment
                    .after
                    .iter()
                    .map(|name| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "say with --reason why it has to be done by hand",
        ))
    }
}

impl InHand {
    /// Where a copy of it lies that was taken now.
    pub fn snapshot_place(&self) -> Result<PathBuf, CliError> {
        std::fs::create_dir_all(&self.snapshots).map_err(|error| {
            CliError::new(
                Exit::Disorder,
                "db::failed",
                format!("could not make {}: {error}", self.snapshots.display()),
                "make its folder writable",
            )
        })?;
        let kind = match self.dialect {
            Dialect::Sqlite => "db",
            Dialect::Postgres => "dump",
            Dialect::Mysql => "sql",
        };
        let now = now();
        let at = now.to_string().replace([':', 'Z'], "");
        let name = format!("{}-{at}.{:03}.{kind}", self.opened.name, now.0 % 1000);
        Ok(self.snapshots.join(name))
    }

    /// Copies it, before it is changed, and removes the oldest snapshots.
    pub async fn copy(&self) -> Result<PathBuf, CliError> {
        let path = self.copy_beside().await?;
        self.remove_old();
        Ok(path)
    }

    /// Copies it beside all other snapshots: one of them may be about to be restored.
    pub async fn copy_beside(&self) -> Result<PathBuf, CliError> {
        let place = self.snapshot_place()?;
        let taken = self.opened.database.snapshot(&place).await;
        let taken = taken.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        eprintln!(
            "copied {} of {} to {}",
            self.opened.name,
            self.opened.home,
            taken.path.display()
        );
        Ok(taken.path)
    }

    /// Removes the oldest snapshots, and says which. No deployment has the environment while it is in hand.
    pub fn remove_old(&self) {
        let gone = snapshots::prune(
            &self.snapshots,
            &self.opened.name,
            self.keep_snapshots,
            |_| false,
        );
        match gone {
            Ok(gone) => gone
                .iter()
                .for_each(|old| eprintln!("removed the old snapshot {}", old.path.display())),
            Err(error) => eprintln!("could not remove old snapshots: {error}"),
        }
    }

    /// Tells the journal what is applied now.
    pub async fn done(&self) -> Result<(), CliError> {
        let history = self.opened.history().await.map_err(database_failed)?;
        self.recorder
            .schema(
                &self.opened.home,
                &self.opened.name,
                self.work,
                &self.reason,
                Some(self.known(&history)),
            )
            .await
    }

    /// What is applied, by what the work tree says of each migration that it has.
    fn known(&self, history: &History) -> Vec<Migration> {
        let receipts = history.in_order();
        let set = self.opened.set.as_ref().and_then(|set| set.as_ref().ok());
        let same = |receipt: &&towpath_migrate::Receipt| {
            let found = set?.get(receipt.version)?;
            (found.checksum == receipt.checksum).then_some(found)
        };
        let same: Vec<_> = receipts.iter().map(same).collect();
        let references = set.map(|set| {
            let all = same.iter().copied().flatten();
            releases::references(all, set, self.dialect)
        });
        let mut references = references.into_iter().flatten();
        let known = receipts.into_iter().zip(same).map(|(receipt, same)| {
            let recorded = releases::recorded(receipt);
            match same.and_then(|_| references.next()) {
                Some(reference) => Migration {
                    reversible: recorded.reversible,
                    ..reference
                },
                None => recorded,
            }
        });
        known.collect()
    }
}

impl Opened {
    /// What the database remembers.
    pub async fn history(&self) -> Result<History, DatabaseError> {
        match &self.set {
            Some(Ok(set)) => self.database.history_for(set).await,
            _ => self.database.history().await,
        }
    }
}

/// The version of a migration, as somebody gives it.
pub fn version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|error: BadVersion| error.remedy())
}

/// What tells a migration from others, for scripts: its version; its name, where the project's own tool applies it.
pub fn shown(set: &MigrationSet, version: Version) -> Value {
    match set.get(version) {
        Some(migration) if set.layout() == Layout::Command => json!(migration.name),
        _ => json!(version),
    }
}

/// An error of a database, as the command line has it.
pub fn failed(why: &str, help: String) -> CliError {
    CliError::new(Exit::Failed, "db::failed", format!("could not {why}"), help)
}

pub fn database_failed(error: DatabaseError) -> CliError {
    failed(&error.to_string(), error.remedy())
}

impl From<Refused> for CliError {
    fn from(refused: Refused) -> CliError {
        CliError::new(Exit::Failed, "db::cannot-plan", refused.why, refused.help)
    }
}
