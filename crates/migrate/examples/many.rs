//! Many small migrations on a PostgreSQL server that waits for the disk, applied by sqlx-cli, by dbmate and by us:
//! `TOWPATH_BIN=PROGRAM many [--rounds N] [--migrations N]`. What it needs, `cargo xtask bench migrate` makes and installs. Every
//! application is a process of its own, as a person starts it: ours is `towpath db migrate` in a project.

#![expect(clippy::unwrap_used, reason = "a comparison that cannot go on stops")]

#[expect(dead_code, reason = "some of it is for the other comparison")]
#[path = "../../probe/tests/stand-ins/histories.rs"]
mod histories;
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
    time::Duration,
};

use histories::MIGRATORS;
use place::NODE;
use postgres::{Postgres, Setup};
use rig::timed;
use server::{output, packages};
use towpath_migrate::Layout;

/// How often each is run when nothing is left to do, in every round.
const IDLE: usize = 5;

/// What the project is, in every layout.
const MANIFEST: &str = r#"
[project]
name = "harbour"

[groups.development]

[roles.developer]
members = ["dana@acme.test"]

[config.DATABASE_URL]
secret = true

[environments.local]
group = "development"
used_by = ["developer"]
allow = { deploy = ["developer"] }

[databases.main]
engine = "postgres"
migrations = "migrations"
layout = "LAYOUT"
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().unwrap();
    match args.as_slice() {
        [] => compare(7, 500).await,
        ["--rounds", rounds] => compare(number(rounds), 500).await,
        ["--rounds", rounds, "--migrations", many] => compare(number(rounds), number(many)).await,
        _ => panic!("usage: many [--rounds N [--migrations N]]"),
    }
}

/// Who applies, and in whose layout.
#[derive(Clone, Copy)]
struct Contender {
    name: &'static str,
    layout: Layout,
    is_tool: bool,
}

const CONTENDERS: [Contender; 4] = [
    Contender {
        name: "Towpath, in sqlx's layout",
        layout: Layout::Sqlx,
        is_tool: false,
    },
    Contender {
        name: "sqlx-cli 0.9.0",
        layout: Layout::Sqlx,
        is_tool: true,
    },
    Contender {
        name: "Towpath, in dbmate's layout",
        layout: Layout::Dbmate,
        is_tool: false,
    },
    Contender {
        name: "dbmate 2.36.0",
        layout: Layout::Dbmate,
        is_tool: true,
    },
];

/// Lets all take turns, and prints a row for each.
async fn compare(rounds: usize, many: usize) {
    let (Some(migrators), Some(node)) = (packages(&MIGRATORS), packages(&NODE)) else {
        panic!("`cargo xtask bench migrate` installs what is needed");
    };
    let scratch = tempfile::tempdir().unwrap();
    for layout in [Layout::Sqlx, Layout::Dbmate] {
        lay(&scratch.path().join(layout.as_str()), layout, many);
    }
    let setup = Setup {
        durable: true,
        ..Setup::default()
    };
    let server = Postgres::start_with(setup).await;
    let field = Field {
        server: server.expect("a PostgreSQL that was installed"),
        scratch: scratch.path(),
        towpath: env::var_os("TOWPATH_BIN")
            .expect("`cargo xtask bench migrate` names the program")
            .into(),
        sqlx: migrators.join("bin/sqlx"),
        dbmate: node.join("node_modules/@dbmate/linux-x64/bin/dbmate"),
    };
    let mut spans = CONTENDERS.map(|_| (Vec::new(), Vec::new()));
    for round in 0..rounds {
        for turn in 0..CONTENDERS.len() {
            // Nobody is always the first.
            let which = (turn + round) % CONTENDERS.len();
            let (contender, (all, idle)) = (CONTENDERS[which], &mut spans[which]);
            let database = format!("round_{round}_{which}");
            field.server.create(&database);
            field.point(contender, &database);
            all.push(timed(|| field.run(contender, &database)).1);
            field.prove(&database, many);
            for _ in 0..IDLE {
                idle.push(timed(|| field.run(contender, &database)).1);
            }
            field
                .server
                .sql("postgres", &format!("DROP DATABASE {database}"));
        }
    }
    println!(
        "{rounds} rounds in turns, each into a new database; medians, with the fastest and the slowest"
    );
    println!("| | {many} migrations | nothing left to do |");
    println!("|---|---|---|");
    for (contender, (mut all, mut idle)) in CONTENDERS.into_iter().zip(spans) {
        println!(
            "| {} | {} | {} |",
            contender.name,
            told(&mut all, 0),
            told(&mut idle, 1)
        );
    }
}

/// Makes a project with the same migrations in a layout: a table, a column, an index and a row in turns.
fn lay(project: &Path, layout: Layout, many: usize) {
    let folder = project.join("migrations");
    fs::create_dir_all(&folder).unwrap();
    let manifest = MANIFEST.replace("LAYOUT", layout.as_str());
    fs::write(project.join("towpath.toml"), manifest).unwrap();
    let git = |args: &[&str]| output(Command::new("git").args(args).current_dir(project));
    git(&["init", "--quiet"]);
    git(&["config", "user.email", "dana@acme.test"]);
    for number in 0..many {
        let table = format!("boats_{}", number / 4);
        let sql = match number % 4 {
            0 => format!("CREATE TABLE {table} (id bigint PRIMARY KEY, name text NOT NULL);"),
            1 => format!("ALTER TABLE {table} ADD COLUMN length int;"),
            2 => format!("CREATE INDEX {table}_by_name ON {table} (name);"),
            _ => format!("INSERT INTO {table} (id, name) VALUES ({number}, 'Aurora');"),
        };
        let text = match layout {
            Layout::Dbmate => format!("-- migrate:up\n{sql}\n\n-- migrate:down\n"),
            _ => format!("{sql}\n"),
        };
        let name = format!("{:014}_step.sql", 20_260_101_000_000_u64 + number as u64);
        fs::write(folder.join(name), text).unwrap();
    }
}

/// Where all of them run.
struct Field<'a> {
    server: Postgres,
    scratch: &'a Path,
    towpath: PathBuf,
    sqlx: PathBuf,
    dbmate: PathBuf,
}

impl Field<'_> {
    fn project(&self, contender: Contender) -> PathBuf {
        self.scratch.join(contender.layout.as_str())
    }

    /// Says in the project where its database is, as a developer would.
    fn point(&self, contender: Contender, database: &str) {
        let line = format!("DATABASE_URL={}\n", self.server.url(database));
        fs::write(self.project(contender).join(".env.local"), line).unwrap();
    }

    fn run(&self, contender: Contender, database: &str) {
        let url = self.server.url(database);
        let project = self.project(contender);
        let folder = project.join("migrations");
        let mut command = match (contender.is_tool, contender.layout) {
            (false, _) => {
                let mut command = Command::new(&self.towpath);
                command
                    .args(["db", "migrate", "local", "--data"])
                    .arg(self.scratch.join("data"));
                command
            }
            (true, Layout::Dbmate) => {
                let mut command = Command::new(&self.dbmate);
                let url = format!("{url}?sslmode=disable");
                command.args(["--url", &url, "--no-dump-schema", "--migrations-dir"]);
                command.arg(folder).arg("migrate");
                command
            }
            (true, _) => {
                let mut command = Command::new(&self.sqlx);
                command.args([
                    "migrate",
                    "run",
                    "--no-dotenv",
                    "--database-url",
                    &url,
                    "--source",
                ]);
                command.arg(folder);
                command
            }
        };
        output(command.current_dir(project));
    }

    /// Makes sure that all of it was applied.
    fn prove(&self, database: &str, many: usize) {
        let found = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'boats%'";
        let found = self.server.sql(database, found);
        assert_eq!(found.trim(), many.div_ceil(4).to_string());
    }
}

fn told(spans: &mut [Duration], digits: usize) -> String {
    spans.sort();
    let told = |span: Duration| format!("{:.digits$}", span.as_secs_f64() * 1000.0);
    format!(
        "{} ms ({} to {})",
        told(spans[spans.len() / 2]),
        told(spans[0]),
        told(spans[spans.len() - 1])
    )
}
