//! Published migration histories, applied by their own tools and by us: `histories [--rounds N]`. What it needs,
//! `cargo xtask bench histories` installs. Everything is done by a process of its own, also ours: `histories apply LAYOUT FOLDER URL`,
//! `histories undo LAYOUT FOLDER URL`.

#![expect(clippy::unwrap_used, reason = "a comparison that cannot go on stops")]

#[path = "../../probe/tests/stand-ins/histories.rs"]
mod packages;
#[expect(dead_code, reason = "some of it is for tests")]
#[path = "../../probe/tests/stand-ins/place.rs"]
mod place;
#[expect(dead_code, reason = "some of it is for tests")]
#[path = "../../probe/tests/stand-ins/postgres.rs"]
mod postgres;
mod rig;
#[expect(dead_code, reason = "some of it is for tests")]
#[path = "../../probe/tests/stand-ins/server.rs"]
mod server;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use packages::{HISTORIES, MIGRATORS};
use postgres::{Postgres, Setup};
use rig::timed;
use server::output;
use towpath_migrate::{
    Database, Layout, Version,
    classify::{Dialect, Effect, classify},
    layout,
};

/// A project's history.
struct History {
    project: &'static str,
    layout: Layout,
    /// Its package, as it lies among the fetched ones.
    package: &'static str,
    /// Whether it needs the extension `vector`.
    vector: bool,
}

const PROJECTS: &[History] = &[
    History {
        project: "Lemmy 0.19.21",
        layout: Layout::Diesel,
        package: "lemmy_db_schema-0.19.21",
        vector: false,
    },
    History {
        project: "ZKsync 29.13.0",
        layout: Layout::Sqlx,
        package: "zksync_dal-29.13.0-non-semver-compat",
        vector: false,
    },
    History {
        project: "IronClaw 0.24.0",
        layout: Layout::Refinery,
        package: "ironclaw-0.24.0",
        vector: true,
    },
    History {
        project: "Atuin 18.20.1",
        layout: Layout::Sqlx,
        package: "atuin-server-postgres-18.20.1",
        vector: false,
    },
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["apply", layout, folder, url] => apply(layout.parse().unwrap(), folder, url).await,
        ["undo", layout, folder, url] => undo(layout.parse().unwrap(), folder, url).await,
        [] => compare(5).await,
        ["--rounds", rounds] => compare(rounds.parse().unwrap()).await,
        _ => panic!("usage: histories [--rounds N], or: histories apply|undo LAYOUT FOLDER URL"),
    }
}

/// Applies what is pending, and says how many migrations that were.
async fn apply(layout: Layout, folder: &str, url: &str) {
    let set = layout::load(layout, folder).unwrap();
    let database = Database::open(url).unwrap();
    let plan = database
        .plan(&set)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let receipts = database.apply(&plan, "compared", now, |_| {}).await;
    println!(
        "{}",
        receipts.unwrap_or_else(|error| panic!("{error}")).len()
    );
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Undoes all of them, the latest first, until one cannot be undone.
async fn undo(layout: Layout, folder: &str, url: &str) {
    let set = layout::load(layout, folder).unwrap();
    let migrations = set.migrations().iter().rev();
    let versions: Vec<Version> = migrations.map(|migration| migration.version).collect();
    let database = Database::open(url).unwrap();
    let undone = database.undo(layout, &versions, "histories", now, |_| {});
    println!(
        "{}",
        undone.await.unwrap_or_else(|error| panic!("{error}")).len()
    );
}

/// Compares every project, and prints a row for each.
async fn compare(rounds: usize) {
    let (Some(histories), Some(tools)) =
        (server::packages(&HISTORIES), server::packages(&MIGRATORS))
    else {
        panic!("`cargo xtask bench histories` installs what is needed");
    };
    // The server may run as somebody who may not look into the cache.
    let scratch = tempfile::tempdir().unwrap();
    output(Command::new("chmod").arg("a+rx").arg(scratch.path()));
    output(
        Command::new("cp")
            .arg("-a")
            .arg(histories.join("pgserver"))
            .arg(histories.join("pgserver.libs"))
            .arg(scratch.path()),
    );
    let own = start(None).await;
    let vector = start(Some(scratch.path().join("pgserver/pginstall/bin"))).await;
    println!("medians of {rounds} rounds in turns, each into a new database");
    println!(
        "| project | layout | migrations | statements | not read | lines of schema | its own tool | Towpath | schemas | once more | taken back |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for history in PROJECTS {
        let comparison = Comparison {
            history,
            folder: histories.join(history.package).join("migrations"),
            tools: tools.join("bin"),
            server: if history.vector { &vector } else { &own },
            scratch: scratch.path(),
        };
        println!("{}", comparison.row(rounds));
    }
}

async fn start(programs: Option<PathBuf>) -> Postgres {
    let setup = Setup {
        programs,
        durable: true,
        ..Setup::default()
    };
    let server = Postgres::start_with(setup).await;
    server.expect("a PostgreSQL that was installed")
}

/// One project's history on a server.
struct Comparison<'a> {
    history: &'a History,
    folder: PathBuf,
    tools: PathBuf,
    server: &'a Postgres,
    scratch: &'a Path,
}

impl Comparison<'_> {
    fn row(&self, rounds: usize) -> String {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let [their, our] =
                ["their", "our"].map(|whose| format!("{whose}_{}_{round}", self.name()));
            self.server.create(&their);
            self.server.create(&our);
            theirs.push(timed(|| self.tool(&their)).1);
            let (applied, took) = timed(|| self.towpath(&our));
            ours.push(took);
            assert_eq!(applied, self.set().migrations().len());
        }
        let (their, our) = (
            format!("their_{}_0", self.name()),
            format!("our_{}_0", self.name()),
        );
        let schemas = [&their, &our].map(|database| self.server.schema(database, &["_towpath_*"]));
        let once_more = self.once_more(&their, &our);
        let back = self.back(&their, &our);
        let (statements, unread) = self.statements();
        format!(
            "| {} | {} | {} | {statements} | {unread} | {} | {} | {} | {} | {once_more} | {back} |",
            self.history.project,
            self.history.layout,
            self.set().migrations().len(),
            schemas[0].lines().count(),
            median(&mut theirs),
            median(&mut ours),
            self.equal(&schemas),
        )
    }

    fn name(&self) -> String {
        self.history.package.split('-').next().unwrap().to_owned()
    }

    fn set(&self) -> towpath_migrate::MigrationSet {
        layout::load(self.history.layout, &self.folder).unwrap()
    }

    /// The tool's table is compared as well, and only ours is left out.
    fn equal(&self, schemas: &[String; 2]) -> &'static str {
        if schemas[0] == schemas[1] {
            return "equal";
        }
        for (name, schema) in ["their", "our"].iter().zip(schemas) {
            fs::write(format!("{name}-{}.sql", self.name()), schema).unwrap();
        }
        "DIFFERENT"
    }

    /// Each applies where the other has: nothing must be left to do.
    fn once_more(&self, their: &str, our: &str) -> &'static str {
        let rows = |database| {
            self.server
                .sql(database, &format!("TABLE {}", self.table()))
        };
        let before = rows(our);
        self.tool(our);
        let idle = rows(our) == before && self.towpath(their) == 0;
        if idle { "nothing" } else { "SOMETHING" }
    }

    /// Each takes back what it can, the latest first: how many stay because one cannot be undone, and whether that is the same.
    fn back(&self, their: &str, our: &str) -> String {
        if self.history.layout == Layout::Refinery {
            return "it cannot".into();
        }
        let _ = self.tool_back(their).output().unwrap();
        let _ = self.own("undo", our).output().unwrap();
        let left = |database| {
            self.server
                .sql(database, &format!("TABLE {}", self.table()))
        };
        let schema = |database: &str| self.server.schema(database, &["_towpath_*"]);
        let left = [left(their), left(our)].map(|rows| rows.lines().count());
        if left[0] == left[1] && schema(their) == schema(our) {
            format!("equal, {} stay", left[0])
        } else {
            format!("DIFFERENT: {} and {} stay", left[0], left[1])
        }
    }

    fn tool_back(&self, database: &str) -> Command {
        let url = self.server.url(database);
        let (name, args): (_, &[&str]) = match self.history.layout {
            Layout::Diesel => (
                "diesel",
                &[
                    "migration",
                    "revert",
                    "--all",
                    "--locked-schema",
                    "--migration-dir",
                ],
            ),
            _ => (
                "sqlx",
                &[
                    "migrate",
                    "revert",
                    "--no-dotenv",
                    "--target-version",
                    "0",
                    "--source",
                ],
            ),
        };
        let mut command = Command::new(self.tools.join(name));
        command.args(args).arg(&self.folder);
        command
            .args(["--database-url", &url])
            .current_dir(self.scratch);
        command
    }

    fn table(&self) -> &'static str {
        match self.history.layout {
            Layout::Diesel => "__diesel_schema_migrations ORDER BY version",
            Layout::Refinery => "refinery_schema_history ORDER BY version",
            _ => "_sqlx_migrations ORDER BY version",
        }
    }

    /// How many statements apply it, and how many of them cannot be read at all.
    fn statements(&self) -> (usize, usize) {
        let (mut all, mut unread) = (0, 0);
        for migration in self.set().migrations() {
            for statement in classify(&migration.up, Dialect::Postgres).statements {
                all += 1;
                let mut findings = statement.findings.iter();
                let cannot = |reason: &str| reason.starts_with("it cannot be read");
                unread += usize::from(
                    findings.any(|one| one.effect == Effect::Unknown && cannot(&one.reason)),
                );
            }
        }
        (all, unread)
    }

    fn tool(&self, database: &str) {
        let url = self.server.url(database);
        let command = |name: &str, args: &[&str]| {
            let mut command = Command::new(self.tools.join(name));
            command.args(args).current_dir(self.scratch);
            command
        };
        output(&mut match self.history.layout {
            Layout::Diesel => {
                let mut command = command(
                    "diesel",
                    &[
                        "migration",
                        "run",
                        "--locked-schema",
                        "--database-url",
                        &url,
                    ],
                );
                command.arg("--migration-dir").arg(&self.folder);
                command
            }
            Layout::Refinery => {
                let mut command = command("refinery", &["migrate", "-e", "HISTORY_URL", "-p"]);
                command.arg(&self.folder).env("HISTORY_URL", url);
                command
            }
            _ => {
                let mut command = command(
                    "sqlx",
                    &[
                        "migrate",
                        "run",
                        "--no-dotenv",
                        "--database-url",
                        &url,
                        "--source",
                    ],
                );
                command.arg(&self.folder);
                command
            }
        });
    }

    fn towpath(&self, database: &str) -> usize {
        output(&mut self.own("apply", database))
            .trim()
            .parse()
            .unwrap()
    }

    fn own(&self, verb: &str, database: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([verb, self.history.layout.as_str()])
            .arg(&self.folder)
            .arg(self.server.url(database));
        command
    }
}

fn median(spans: &mut [Duration]) -> String {
    spans.sort();
    format!("{:.0} ms", spans[spans.len() / 2].as_secs_f64() * 1000.0)
}
