//! `towpath db lint`: what migrations do to code that is already running, as their SQL tells, beside what they declare.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use towpath_core::names::DatabaseName;
use towpath_migrate::{
    Batches, Contract, ContractKind, Layout, Migration, Version,
    classify::{Classification, ClassifiedStatement, Dialect, Effect, classify, uncut},
    layout,
};

use super::{
    Project,
    look::{Look, Refused},
    reach::Reached,
};
use crate::{
    cli::{Global, check::plural, context, error::CliError, exit::Exit, style},
    engine::releases,
};

/// Read migrations, and tell what each statement does to code that is already running
///
/// Looks at the work tree's migrations that some environment has not applied yet, or at the files and directories that are named; those need
/// no project. A migration is well when it declares a contract in the comments that open it, and its statements do nothing worse, or a reason
/// stands beside the declaration. Ends with status 1 when one is not.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db lint\n  towpath db lint --all\n  towpath db lint migrations/0007_mood.sql\n  \
                  towpath db lint db/migrate --dialect postgres --json"
)]
pub struct Lint {
    /// Files, or directories of them.
    paths: Vec<PathBuf>,
    /// The database whose SQL it is; unless said, that of the project, or SQLite's.
    #[arg(long)]
    dialect: Option<Engine>,
    /// The tool by whose rules they lie in the directories that are named, for tools that have both directions in one file.
    #[arg(long, requires = "paths")]
    layout: Option<Tool>,
    /// Look at migrations too that every environment has applied.
    #[arg(long, conflicts_with = "paths")]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    Postgres,
    Sqlite,
    Mysql,
}

impl From<Engine> for Dialect {
    fn from(engine: Engine) -> Dialect {
        match engine {
            Engine::Postgres => Dialect::Postgres,
            Engine::Sqlite => Dialect::Sqlite,
            Engine::Mysql => Dialect::Mysql,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    Sqlx,
    GolangMigrate,
    Dbmate,
    Goose,
    Flyway,
    Refinery,
    Diesel,
}

impl From<Tool> for Layout {
    fn from(tool: Tool) -> Layout {
        match tool {
            Tool::Sqlx => Layout::Sqlx,
            Tool::GolangMigrate => Layout::GolangMigrate,
            Tool::Dbmate => Layout::Dbmate,
            Tool::Goose => Layout::Goose,
            Tool::Flyway => Layout::Flyway,
            Tool::Refinery => Layout::Refinery,
            Tool::Diesel => Layout::Diesel,
        }
    }
}

/// A migration that was read.
struct Read {
    /// What people know it by.
    title: String,
    declared: Contract,
    found: Classification,
    /// Whether it says that it is to be run in batches.
    is_batched: bool,
    /// Why it cannot be run in batches.
    uncut: Option<&'static str>,
    /// Why it is declared after a version that it cannot be after, and the way out.
    misplaced: Option<(String, String)>,
    /// How a comment begins in its language, where that is not SQL: then nothing is read but the declaration.
    comment: Option<&'static str>,
}

/// What is wrong with what a migration declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// It declares nothing, and what is read of it breaks older releases.
    Undeclared,
    /// It does worse than it declares, and does not say why that is no harm.
    Weaker,
    /// It is to be run in batches, and cannot be.
    Uncut(&'static str),
    /// It is declared after a version that no earlier migration has.
    Misplaced,
}

impl Lint {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let (reads, what) = match self.paths.is_empty() {
            true => (self.of_project(global).await?, "new migration"),
            false => (self.of_paths(global)?, "migration"),
        };
        let is_good = reads.iter().all(|read| read.wrong().is_none());
        if global.json {
            let shown: Vec<Value> = reads.iter().map(Read::shown).collect();
            println!(
                "{}",
                json!({"version": 1, "ok": is_good, "migrations": shown})
            );
        } else {
            reads.iter().for_each(print);
            let wrong = reads.iter().filter(|read| read.wrong().is_some()).count();
            let what = if self.all { "migration" } else { what };
            match (reads.len(), wrong) {
                (0, _) => println!("there is no {what} to look at"),
                (count, 0) => println!("{} looked at, and nothing to mend", plural(count, what)),
                (count, wrong) => println!("{} looked at, {wrong} to mend", plural(count, what)),
            }
        }
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }

    /// The migrations of the work tree.
    async fn of_project(&self, global: &Global) -> Result<Vec<Read>, CliError> {
        let project = Project::open(global).await?;
        let wanted = match self.all {
            true => all(&project)?,
            false => lacked(&project).await?,
        };
        let mut reads = Vec::new();
        for (name, declared) in &project.place.manifest.databases {
            let (Some(wanted), Some(Ok(set))) = (wanted.get(name), project.sets.get(name)) else {
                continue;
            };
            let dialect = match self.dialect {
                Some(said) => said.into(),
                None => releases::dialect_of(declared.engine),
            };
            let directory = match (&declared.tool, &declared.migrations) {
                (None, Some(directory)) => directory.as_str(),
                // Their paths are from the work tree's root.
                (Some(_), _) | (None, None) => "",
            };
            let all = set.migrations();
            let wanted = all.iter().filter(|one| wanted.contains(&one.version));
            let read = wanted.map(|one| Read::of(Path::new(directory), one.clone(), all, dialect));
            reads.extend(read.map(|read| read.run_by_us(declared.tool.is_none())));
        }
        Ok(reads)
    }

    /// The migrations in files and directories: those of the project's databases, where there is one and these agree.
    fn of_paths(&self, global: &Global) -> Result<Vec<Read>, CliError> {
        let manifest = context::manifest(global).ok();
        let databases: Vec<_> = manifest
            .iter()
            .flat_map(|found| found.databases.values())
            .map(|one| (releases::dialect_of(one.engine), one.tool.is_none()))
            .collect();
        let agreed = databases.first().map(|(dialect, _)| *dialect);
        let agreed = agreed.filter(|first| databases.iter().all(|(dialect, _)| dialect == first));
        let said = self.dialect.map(Dialect::from);
        let dialect = said.or(agreed).unwrap_or(Dialect::Sqlite);
        let mut theirs = databases
            .iter()
            .filter(|(one, _)| *one == dialect)
            .peekable();
        let is_ours = theirs.peek().is_some() && theirs.all(|(_, is_ours)| *is_ours);
        let reads = self.read_paths(dialect)?.into_iter();
        Ok(reads.map(|read| read.run_by_us(is_ours)).collect())
    }

    fn read_paths(&self, dialect: Dialect) -> Result<Vec<Read>, CliError> {
        let Some(tool) = self.layout else {
            return of_files(&self.paths, dialect);
        };
        let mut reads = Vec::new();
        for path in &self.paths {
            let set = layout::load(tool.into(), path).map_err(|error| {
                let message = format!("could not {error}");
                CliError::new(Exit::Refused, "db::unreadable", message, error.remedy())
            })?;
            let migrations = set.migrations().iter().cloned();
            reads.extend(migrations.map(|one| Read::of(path, one, set.migrations(), dialect)));
        }
        Ok(reads)
    }
}

/// The migrations of each database.
type Wanted = BTreeMap<DatabaseName, BTreeSet<Version>>;

/// All that the work tree has.
fn all(project: &Project) -> Result<Wanted, CliError> {
    let sets = project.sets.iter();
    let all = sets.map(|(name, set)| {
        let set = set.as_ref().map_err(Refused::clone)?;
        let versions = set.migrations().iter().map(|one| one.version);
        Ok((name.clone(), versions.collect()))
    });
    all.collect()
}

/// Those that some environment lacks.
async fn lacked(project: &Project) -> Result<Wanted, CliError> {
    let look = async |environment: &_| Look::at(project, environment, "lint").await;
    let reached = match Reached::of(&project.asked(&[])?, look).await {
        Ok(reached) => reached,
        Err(error) => {
            let (why, _) = error.into_words();
            let why = style::plain(&why);
            eprintln!("what is applied somewhere is not known, and all are looked at: {why}");
            return all(project);
        }
    };
    reached.tell();
    let (mut wanted, mut refused) = (Wanted::new(), Vec::new());
    for look in reached.found {
        match look.pending {
            None => {}
            Some(Ok(pending)) => {
                let versions = pending.into_iter().map(|one| one.migration.version);
                wanted.entry(look.database).or_default().extend(versions);
            }
            Some(Err(why)) => refused.push((look.environment, look.database, why)),
        }
    }
    // Where one database can be planned for, the files can be applied; another may have something else than they say.
    for (environment, database, why) in refused {
        if !wanted.contains_key(&database) {
            return Err(why.into());
        }
        eprintln!(
            "{environment} is left out: {}\n  help: {}",
            style::plain(&why.why),
            why.help
        );
    }
    Ok(wanted)
}

/// Files by themselves, each from its first line to its last.
fn of_files(paths: &[PathBuf], dialect: Dialect) -> Result<Vec<Read>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |error: io::Error| {
            let message = format!("could not read {}: {error}", path.display());
            CliError::new(
                Exit::Disorder,
                "db::unreadable",
                message,
                "name files and directories that you may read",
            )
        };
        match path.is_dir() {
            true => gather(path, &mut files).map_err(unreadable)?,
            false => files.push(path.clone()),
        }
    }
    let read = |path: &PathBuf| {
        let failed = |why: String, help: String| {
            let message = format!("could not read {}: {why}", path.display());
            CliError::new(Exit::Refused, "db::unreadable", message, help)
        };
        let sql = fs::read_to_string(path)
            .map_err(|error| failed(error.to_string(), "name a file of SQL, as UTF-8".into()))?;
        let declared =
            Contract::declared_in(&sql).map_err(|bad| failed(bad.to_string(), bad.remedy()))?;
        let batches =
            Batches::declared_in(&sql).map_err(|bad| failed(bad.to_string(), bad.remedy()))?;
        Ok(Read {
            title: path.display().to_string(),
            declared,
            found: classify(&sql, dialect),
            is_batched: batches.is_some(),
            uncut: uncut(&sql, dialect),
            // Which others there are is not known.
            misplaced: None,
            comment: None,
        })
    };
    files.iter().map(read).collect()
}

/// The files that apply migrations below a directory, in the order of their names.
fn gather(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(directory)? {
        inside.push(entry?.path());
    }
    inside.sort();
    for path in inside {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let undoes = name == "down.sql" || name.ends_with(".down.sql");
        if fs::symlink_metadata(&path)?.is_dir() {
            gather(&path, files)?;
        } else if name.ends_with(".sql") && !undoes {
            files.push(path);
        }
    }
    Ok(())
}

/// How much worse a contract is for older releases, and for going back. What cannot be read may break them.
fn rank(kind: ContractKind) -> u8 {
    match kind {
        ContractKind::Expand | ContractKind::Data => 0,
        ContractKind::Contract | ContractKind::Unknown => 1,
        ContractKind::Irreversible => 2,
    }
}

/// How a comment begins in the language of a file that is not SQL.
fn comment_in(file: &str) -> Option<&'static str> {
    match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "sql" => None,
        "py" | "rb" | "ex" | "exs" | "sh" | "pl" => Some("#"),
        _ => Some("//"),
    }
}

impl Read {
    /// Towpath itself limits how long the statements that it runs wait and take.
    fn run_by_us(mut self, is_ours: bool) -> Read {
        let is_limit =
            |rule: &str| matches!(rule, "require-lock-timeout" | "require-statement-timeout");
        let lints = &mut self.found.lints;
        lints.retain(|lint| !is_ours || !is_limit(lint.rule));
        self
    }

    fn of(directory: &Path, migration: Migration, set: &[Migration], dialect: Dialect) -> Read {
        let misplaced = migration.check_after(set).err();
        let comment = comment_in(&migration.file);
        let sql = if comment.is_some() { "" } else { &migration.up };
        Read {
            misplaced: misplaced.map(|error| (format!("could not {error}"), error.remedy())),
            title: directory.join(&migration.file).display().to_string(),
            found: classify(sql, dialect),
            is_batched: migration.batches.is_some(),
            uncut: uncut(sql, dialect),
            declared: migration.contract,
            comment,
        }
    }

    fn wrong(&self) -> Option<Wrong> {
        let found = self.found.kind();
        match (self.declared.kind, &self.declared.because) {
            _ if self.misplaced.is_some() => Some(Wrong::Misplaced),
            _ if self.is_batched && self.uncut.is_some() => self.uncut.map(Wrong::Uncut),
            // What nothing is read of may do anything.
            (ContractKind::Unknown, _) if self.comment.is_some() || rank(found) > 0 => {
                Some(Wrong::Undeclared)
            }
            (ContractKind::Unknown, _) => None,
            (declared, None) if rank(declared) < rank(found) => Some(Wrong::Weaker),
            _ => None,
        }
    }

    /// The line that would mend it.
    fn proposal(&self) -> String {
        if let Some(comment) = self.comment {
            return format!("{comment} towpath: … because …");
        }
        let proposal = self.found.proposal();
        match (self.wrong(), proposal.kind) {
            (Some(Wrong::Weaker), _) => format!("-- towpath: {} because …", self.declared.kind),
            (Some(Wrong::Uncut(_)), _) => format!("-- towpath: {}", self.declared.kind),
            (_, ContractKind::Unknown) => "-- towpath: … because …".into(),
            (_, kind) => format!("-- towpath: {kind}"),
        }
    }

    fn shown(&self) -> Value {
        json!({
            "migration": self.title,
            "ok": self.wrong().is_none(),
            "declared": self.declared.kind,
            "because": self.declared.because,
            "after": self.declared.after,
            "misplaced": self.misplaced.as_ref().map(|(why, _)| why),
            "read": self.comment.is_none().then(|| self.found.kind()),
            "blocking": self.found.is_blocking(),
            "proposal": self.wrong().filter(|wrong| *wrong != Wrong::Misplaced).map(|_| self.proposal()),
            "statements": self.found.statements,
            "lints": self.found.lints,
        })
    }
}

fn print(read: &Read) {
    let paint = style::of_stdout();
    let told: Vec<&ClassifiedStatement> = read
        .found
        .statements
        .iter()
        .filter(|statement| statement.findings.iter().any(|one| is_told(one.effect)))
        .collect();
    if read.wrong().is_none() && told.is_empty() && read.found.lints.is_empty() {
        return;
    }
    let title = style::plain(&read.title);
    let declared = match (read.declared.kind, &read.declared.because) {
        (ContractKind::Unknown, _) => "declares nothing".into(),
        (kind, None) => format!("declares {kind}"),
        (kind, Some(because)) => format!("declares {kind}, because {}", style::plain(because)),
    };
    println!("{}: {declared}", paint.strong(&title));
    for statement in told {
        println!(
            "  line {}  {}",
            statement.line,
            paint.dim(&style::plain(&statement.beginning))
        );
        for finding in statement.findings.iter().filter(|one| is_told(one.effect)) {
            let effect = match finding.effect {
                Effect::Data | Effect::Blocking => paint.waits(finding.effect.as_str()),
                effect => paint.bad(effect.as_str()),
            };
            println!("    {effect}: {}", style::plain(&finding.reason));
            if let Some(remedy) = &finding.remedy {
                println!("      {}", style::plain(remedy));
            }
        }
    }
    for lint in &read.found.lints {
        println!("  line {}  {}: {}", lint.line, lint.rule, lint.message);
        println!("      {}", lint.remedy);
    }
    let wrong = match (read.wrong(), &read.misplaced) {
        (Some(Wrong::Misplaced), Some((why, help))) => {
            let (why, help) = (style::plain(why), style::plain(help));
            println!("  {} {why}; {help}", paint.bad("✗"));
            None
        }
        (wrong, _) => wrong,
    };
    if let Some(wrong) = wrong {
        let why = match wrong {
            Wrong::Undeclared | Wrong::Misplaced => "begin it with".into(),
            Wrong::Uncut(why) => format!("it cannot be run in batches: {why}; declare"),
            Wrong::Weaker => {
                "that is worse than declared; say why it does no harm, or declare it:".into()
            }
        };
        println!("  {} {why} `{}`", paint.bad("✗"), read.proposal());
        let is_data = matches!(
            read.found.kind(),
            ContractKind::Data | ContractKind::Irreversible
        );
        if wrong == Wrong::Undeclared && is_data && read.uncut.is_none() {
            println!(
                "    on a large table, in batches: `{}, batch = 1000`",
                read.proposal()
            );
        }
    }
    println!();
}

/// Whether people are told of it: that something only adds is nothing to tell.
fn is_told(effect: Effect) -> bool {
    !matches!(effect, Effect::Expand | Effect::Data)
}
