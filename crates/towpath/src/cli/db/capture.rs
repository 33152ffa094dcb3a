//! `towpath db capture`: what somebody changed in a database by hand becomes the next migration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};
use towpath_core::path::SchemaWork;
use towpath_migrate::{
    Compared, ContractKind, Migration, MigrationSet,
    classify::classify,
    layout::{self, Draft, NextMigration},
    schema::{self, Captured},
};

use super::{
    Project, files,
    hand::{Hand, failed},
    open::Opened,
    tool::not_with_a_tool,
};
use crate::{
    cli::{error::CliError, exit::Exit, style},
    clock::now,
};

/// Make the next migration of what somebody has changed in a database by hand
///
/// The database is compared with what its migrations make on a scratch database. The SQL that leads from the one to the other, and back, is shown with
/// the contract that it amounts to, and written beside the other migrations, as the project's tool has its files. The new migration is run on
/// a scratch database first: where it does not make exactly what is there, nothing is written. In the database itself it counts as applied from
/// then on, because what it makes is there.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db capture \"add a tide to trips\" --dry-run\n  towpath db capture \"add a tide to trips\"\n  \
                  towpath db capture mood --environment dev --database main"
)]
pub struct Capture {
    /// What the migration does, in a few words; its files are named so.
    name: String,
    /// The environment, by name or alias; unless said, `local`, or the only one that nothing is deployed to.
    #[arg(long, short)]
    environment: Option<String>,
    /// The database, where there are several.
    #[arg(long, short = 'd')]
    database: Option<String>,
    /// Why it is done by hand; it is kept in the journal.
    #[arg(long)]
    reason: Option<String>,
    /// Only show what would be written.
    #[arg(long)]
    dry_run: bool,
}

/// A migration that is to be written.
struct New {
    captured: Captured,
    next: NextMigration,
    /// All migrations, with it.
    set: MigrationSet,
    migration: Migration,
}

impl Capture {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let environment = project.own_environment(self.environment.as_deref())?;
        let hand = Hand {
            environment: environment.name.to_string(),
            database: self.database.clone(),
            reason: self.reason.clone(),
        };
        let opened = hand.one(project, "capture").await?;
        let title = format!("{} of {}", opened.name, opened.home);
        if opened.tool.is_some() {
            return Err(not_with_a_tool(
                &format!("capture what was changed in {title}"),
                "make the migration with the tool, such as with `python manage.py makemigrations` or \
                 `alembic revision --autogenerate`",
            ));
        }
        let (set, directory) = migrations_of(&opened)?;
        let folder = project.root.join(&directory);
        let compared = complete(&opened, &set, &title).await?;
        let difference = compared.drift();
        if difference.is_empty() {
            match project.json {
                true => println!(
                    "{}",
                    json!({"version": 1, "dry_run": self.dry_run, "captured": Value::Null})
                ),
                false => {
                    println!("{title} is what its migrations make: there is nothing to capture")
                }
            }
            return Ok(Exit::Done);
        }
        let new = self.draft(&compared, &set, &folder)?;
        if !project.json {
            new.print(&directory);
        }
        new.try_out(&opened, &compared).await?;
        if self.dry_run {
            eprintln!("nothing was written");
        } else {
            new.keep(&hand, project, opened, &directory).await?;
        }
        if project.json {
            println!(
                "{}",
                json!({"version": 1, "dry_run": self.dry_run, "captured": new.shown(&directory)})
            );
        }
        Ok(Exit::Done)
    }

    /// Makes the migration, and writes nothing.
    fn draft(
        &self,
        compared: &Compared,
        set: &MigrationSet,
        folder: &Path,
    ) -> Result<New, CliError> {
        let captured = schema::capture(&compared.expected, &compared.found);
        let heading = heading(&captured, compared);
        let draft = Draft {
            name: &self.name,
            heading: &heading,
            up: &captured.up,
            down: &captured.down,
        };
        let mut there = files::read(folder, set.layout())?;
        let names: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
        let unwritten = |error: layout::LayoutError| {
            let remedy = error.remedy();
            failed(&format!("write the migration: {error}"), remedy)
        };
        let next = layout::next(set.layout(), names, draft, now().0).map_err(unwritten)?;
        let written = next.files.iter();
        there.extend(written.map(|(name, text)| (name.clone(), text.clone().into_bytes())));
        let set = layout::parse(set.layout(), there).map_err(unwritten)?;
        let migration = set.get(next.version).cloned().ok_or_else(|| {
            failed(
                "write the migration: the differences that were found have no SQL",
                "compare the two with `towpath db drift`, and write the migration by hand".into(),
            )
        })?;
        Ok(New {
            captured,
            next,
            set,
            migration,
        })
    }
}

/// The migrations of the work tree, and the directory that they lie in, from the work tree's root.
fn migrations_of(opened: &Opened) -> Result<(MigrationSet, PathBuf), CliError> {
    match (&opened.set, &opened.directory) {
        (Some(Ok(set)), Some(directory)) => Ok((set.clone(), directory.into())),
        (Some(Err(refused)), _) => Err(refused.clone().into()),
        (_, _) => Err(failed(
            "capture a migration: the manifest names no migrations",
            format!("write `migrations` into [databases.{}]", opened.name),
        )),
    }
}

/// Compares it, where nothing is left to apply: what is pending is missing, and nobody has removed it.
async fn complete(opened: &Opened, set: &MigrationSet, title: &str) -> Result<Compared, CliError> {
    let plan = opened
        .database
        .plan(set)
        .await
        .map_err(|error| opened.refused(error))?;
    if let Some(first) = plan.pending.first() {
        let name = style::plain(&towpath_migrate::title(first.version, &first.name));
        return Err(failed(
            &format!("capture what was changed in {title}: migration {name} is not applied there"),
            format!("`towpath db migrate {}` first", opened.home),
        ));
    }
    Ok(opened.compare(set).await?)
}

/// What stands above the SQL: the contract that it amounts to, and what its reader must know.
fn heading(captured: &Captured, compared: &Compared) -> Vec<String> {
    let sql: String = captured.up.iter().map(|one| format!("{one};\n")).collect();
    let contract = classify(&sql, compared.found.dialect).proposal();
    let declared = match (contract.kind, &contract.because) {
        (ContractKind::Unknown, _) => None,
        (kind, None) => Some(format!("towpath: {kind}")),
        (kind, Some(because)) => Some(format!("towpath: {kind} because {}", on_a_line(because))),
    };
    let notes = captured.notes.iter();
    let notes = notes.map(|note| on_a_line(&note.to_string()));
    declared.into_iter().chain(notes).collect()
}

fn on_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl New {
    /// Runs it on a scratch database, after all the others.
    async fn try_out(&self, opened: &Opened, compared: &Compared) -> Result<(), CliError> {
        let made = opened.database.schema_of(&self.set, || now().0).await;
        let made = made.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        let left = schema::diff(&made, &compared.found);
        match left.is_empty() {
            true => Ok(()),
            false => Err(CliError::new(
                Exit::Failed,
                "db::not-captured",
                format!(
                    "could not capture all of it; what the migration makes (-) is not what is there (+):\n{}",
                    style::plain(&left.to_string())
                ),
                "write that part as a migration by hand, and take it back in the database before you apply it",
            )),
        }
    }

    /// Writes its files, and records it where it came from.
    async fn keep(
        &self,
        hand: &Hand,
        project: &Project,
        opened: Opened,
        directory: &Path,
    ) -> Result<(), CliError> {
        let mut taken = hand.take(project, opened, SchemaWork::Settle).await?;
        let paths = files::write(&project.root.join(directory), &self.next.files)?;
        let version = self.migration.version;
        let database = &taken.opened.database;
        let recorded = database
            .record(&self.set, version, &taken.key, || now().0)
            .await;
        if let Err(error) = recorded {
            // As if it had not been tried; what cannot be removed is named by the next try.
            for path in &paths {
                let _ = fs::remove_file(path);
            }
            return Err(failed(&error.to_string(), error.remedy()));
        }
        taken.opened.set = Some(Ok(self.set.clone()));
        taken.done().await?;
        for (name, _) in &self.next.files {
            eprintln!("wrote {}", directory.join(name).display());
        }
        let title = format!("{} of {}", taken.opened.name, taken.opened.home);
        let name = style::plain(&format!("{version} ({})", self.migration.name));
        eprintln!("{title} has it already: {name} counts as applied there");
        if !self.next.undoable && !self.captured.down.is_empty() {
            let layout = self.set.layout();
            eprintln!("what undoes it was not written: here {layout} has no place for it");
        }
        Ok(())
    }

    fn print(&self, directory: &Path) {
        let paint = style::of_stdout();
        for (name, text) in &self.next.files {
            println!(
                "{}",
                paint.strong(&directory.join(name).display().to_string())
            );
            for line in text.lines() {
                println!("{}", format!("  {}", style::plain(line)).trim_end());
            }
        }
        let contract = &self.migration.contract;
        match (contract.kind, &contract.because) {
            (ContractKind::Unknown, _) => println!(
                "{}",
                paint.waits("its contract cannot be read from its SQL: declare it")
            ),
            (kind, None) => println!("contract: {kind}"),
            (kind, Some(because)) => {
                println!("contract: {kind}, because {}", style::plain(because))
            }
        }
        for note in &self.captured.notes {
            println!("{}", paint.waits(&style::plain(&format!("note: {note}"))));
        }
    }

    /// For scripts.
    fn shown(&self, directory: &Path) -> Value {
        let files = self.next.files.iter();
        let files: Vec<Value> = files
            .map(|(name, text)| json!({"path": directory.join(name), "text": text}))
            .collect();
        json!({
            "version": self.migration.version,
            "name": self.migration.name,
            "contract": self.migration.contract,
            "up": self.captured.up,
            "down": self.captured.down,
            "notes": self.captured.notes,
            "files": files,
        })
    }
}
