//! Appliers on servers that are cut short: killed at any moment and between any two statements, cut off, their
//! connections ended by the server. Whatever it was, another goes on, and in the end every statement was run exactly once.

mod batches;
mod detach;
mod middle;
mod mysql;
mod postgres;
mod server_dies;
mod undo;

use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use towpath_migrate::{Database, MigrationSet, ReceiptState, layout};

use crate::{
    child::{Applier, Orders},
    crash::scatter,
    kit::{Place, apply},
    relay::{Protocol, Relay, Stop},
};

/// A server, whichever it is.
trait Server {
    const PROTOCOL: Protocol;
    /// What the rows of every table look like, and whatever else must come out the same.
    const CONTENT: &str;

    fn port(&self) -> u16;
    fn create(&self, database: &str) -> String;
    fn drop_database(&self, database: &str);
    fn sql(&self, database: &str, sql: &str) -> String;
    /// Ends every connection to a database, as an administrator does.
    fn disconnect(&self, database: &str);
    /// Is killed.
    fn crash(&mut self);
    /// Starts again, where it was.
    async fn restart(&mut self);
}

/// How an applier is cut short.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Killed after some time.
    Killed(Duration),
    /// Killed at a request.
    KilledAt(Stop),
    /// Its connection is gone at a request, and it lives.
    Disconnected(Stop),
    /// Killed at a request, and the server gives up what it was asked for.
    GivenUp(Stop),
}

/// What was found after appliers were cut short.
#[derive(Debug, Default)]
struct Found {
    nothing_begun: usize,
    between_or_in_a_transaction: usize,
    between_steps: usize,
    in_a_statement_alone: usize,
    all_done: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} before the first migration, {} in a transaction or between two migrations, {} between the steps of one, \
             {} in a statement that no transaction can hold, {} after the last",
            self.nothing_begun,
            self.between_or_in_a_transaction,
            self.between_steps,
            self.in_a_statement_alone,
            self.all_done
        )
    }
}

/// How often an applier is cut short; another number with TOWPATH_TEST_ROUNDS.
fn rounds() -> usize {
    std::env::var("TOWPATH_TEST_ROUNDS").map_or(24, |rounds| rounds.parse().unwrap())
}

fn open(url: &str) -> Database {
    Database::open(url)
        .unwrap()
        .patience(Duration::from_secs(30))
}

fn orders(database: String, migrations: &Path) -> Orders<'_> {
    Orders {
        database,
        migrations,
        key: "cut short",
        patience: Duration::from_secs(30),
        pause_at: None,
    }
}

/// What is the same however often it was begun.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    schema: String,
    content: String,
}

async fn outcome<S: Server>(server: &S, name: &str, url: &str) -> Outcome {
    Outcome {
        schema: open(url).schema_fingerprint().await.unwrap(),
        content: server.sql(name, S::CONTENT),
    }
}

/// An undisturbed run: what comes of it, how long it takes, and how much it asks for.
async fn usual<S: Server>(server: &S, folder: &Path) -> (Outcome, Duration, usize) {
    let url = server.create("usual");
    let relay = Relay::start(S::PROTOCOL, server.port(), Stop::Never).await;
    let mut applier = orders(relay.url(&url), folder).start();
    applier.wait_for("planned");
    let begin = Instant::now();
    applier.wait_for("done");
    let took = begin.elapsed();
    (outcome(server, "usual", &url).await, took, relay.asked())
}

/// Cuts appliers short in every manner, spread over all that they do, and lets others go on.
async fn cut_short_at_any_point<S: Server>(server: &S, files: &[(&str, &str)]) {
    let place = Place::new();
    let folder = place.migrations(files);
    let set = layout::sqlx::load(&folder).unwrap();
    assert_eq!(set.migrations().len(), 10);
    let (expected, took, asked) = usual(server, &folder).await;
    let (rounds, mut found) = (rounds(), Found::default());
    for round in 0..rounds {
        let at = round * asked / rounds;
        let moment = scatter(round as u64, u64::try_from(took.as_micros()).unwrap());
        let cut = match round % 8 {
            0 => Cut::KilledAt(Stop::Before(at)),
            1 | 2 => Cut::GivenUp(Stop::After(at)),
            3 => Cut::Disconnected(Stop::Before(at)),
            4 => Cut::KilledAt(Stop::After(at)),
            5 => Cut::Disconnected(Stop::After(at)),
            6 => Cut::GivenUp(Stop::Before(at)),
            _ => Cut::Killed(Duration::from_micros(moment)),
        };
        let name = format!("round_{round}");
        let url = server.create(&name);
        cut_short(server, &name, &url, &folder, cut).await;
        look(&open(&url), &set, &mut found, &format!("{round}, {cut:?}")).await;
        let applied = apply(&open(&url), &set).await;
        if let Err(error) = applied {
            panic!("round {round}, {cut:?}: {error}");
        }
        assert_eq!(
            outcome(server, &name, &url).await,
            expected,
            "round {round}, {cut:?}"
        );
        prove_records(&open(&url), &set, &format!("round {round}, {cut:?}")).await;
        server.drop_database(&name);
    }
    println!("{rounds} appliers cut short at {asked} requests in {took:?}: {found}");
    assert!(
        found.between_steps > 0 && found.in_a_statement_alone > 0,
        "{found}"
    );
}

async fn cut_short<S: Server>(server: &S, name: &str, url: &str, folder: &Path, cut: Cut) {
    let stop = match cut {
        Cut::Killed(delay) => {
            let mut applier = orders(url.to_owned(), folder).start();
            applier.wait_for("planned");
            // The moment is the input of the test, and waiting for it its only use.
            std::thread::sleep(delay);
            return applier.kill();
        }
        Cut::KilledAt(stop) | Cut::Disconnected(stop) | Cut::GivenUp(stop) => stop,
    };
    let relay = Relay::start(S::PROTOCOL, server.port(), stop).await;
    let applier = orders(relay.url(url), folder).start();
    relay.stopped().await;
    match cut {
        Cut::Disconnected(_) => {
            drop(relay);
            complains(applier);
        }
        Cut::GivenUp(_) => {
            server.disconnect(name);
            applier.kill();
        }
        _ => applier.kill(),
    }
}

/// One that lost its connection says that, and what to do.
fn complains(applier: Applier) {
    let said = applier.end();
    let is_told = said.starts_with("failed ") && said.contains("reach the database");
    assert!(
        is_told && said.contains("make sure that its server runs"),
        "{said}"
    );
}

/// What an applier has left.
async fn look(database: &Database, set: &MigrationSet, found: &mut Found, round: &str) {
    let plan = database.plan(set).await;
    let plan = plan.unwrap_or_else(|error| panic!("round {round}: {error}"));
    assert!(
        plan.adopted.is_empty(),
        "round {round}: a row without its receipt"
    );
    let receipts = &plan.history.receipts;
    assert!(
        receipts.keys().eq(plan.history.native.keys()),
        "round {round}"
    );
    let begun = receipts.values().find(|receipt| receipt.is_begun());
    let progress = begun.and_then(|receipt| receipt.progress.as_ref());
    *match progress {
        Some(progress) if progress.before.is_some() => &mut found.in_a_statement_alone,
        Some(_) => &mut found.between_steps,
        None if receipts.is_empty() => &mut found.nothing_begun,
        None if plan.pending.is_empty() => &mut found.all_done,
        None => &mut found.between_or_in_a_transaction,
    } += 1;
}

/// Every receipt is one of a migration that ended, and the tool's rows are those that it writes.
async fn prove_records(database: &Database, set: &MigrationSet, round: &str) {
    let history = database.history_for(set).await.unwrap();
    assert_eq!(history.receipts.len(), set.migrations().len(), "{round}");
    for migration in set.migrations() {
        let receipt = &history.receipts[&migration.version];
        assert_eq!(receipt.state, ReceiptState::Applied, "{round}");
        assert_eq!(receipt.progress, None, "{round}");
        assert_eq!(receipt.checksum, migration.checksum, "{round}");
        let row = &history.native[&migration.version];
        assert!(row.success, "{round}");
        assert_eq!(row.description, migration.name, "{round}");
    }
    assert!(database.plan(set).await.unwrap().is_empty(), "{round}");
}
