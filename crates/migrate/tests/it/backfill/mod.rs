//! Migrations that are run over ranges of a key: whatever comes in between, every row that was there when one began is
//! met exactly once. The same on every engine.

mod mysql;
mod postgres;
mod refusals;
mod sqlite;

use std::sync::atomic::{AtomicBool, Ordering};

use towpath_migrate::{
    ApplyError, Batched, Database, Event, MigrationSet, Pause, Receipt, ReceiptState,
};

use crate::kit::{apply, clock, set};

/// A database of some engine, and a way to it besides ours.
trait Store: Clone + Send + 'static {
    fn database(&self) -> Database;
    /// Runs SQL as a service would; answers with the first column's rows, one after another.
    fn sql(&self, sql: &str) -> Vec<String>;

    fn one(&self, sql: &str) -> i64 {
        self.sql(sql)[0].parse().unwrap()
    }
}

const TABLE: &str =
    "CREATE TABLE boats (id bigint NOT NULL PRIMARY KEY, n bigint NOT NULL CHECK (n < 5));";
const ADD_ONE: &str = "-- towpath: data, batch = 10, pause = 0ms\nUPDATE boats SET n = n + 1;\n";

/// Boats with these numbers.
fn fill(store: &impl Store, numbers: impl Iterator<Item = i64>) {
    let rows: Vec<String> = numbers.map(|number| format!("({number}, 0)")).collect();
    store.sql(&format!("INSERT INTO boats VALUES {}", rows.join(", ")));
}

/// A set that makes the table, applied, and one more migration.
async fn with(store: &impl Store, table: &str, name: &str, sql: &str) -> MigrationSet {
    apply(&store.database(), &set(&[("1_boats.sql", table)]))
        .await
        .unwrap();
    set(&[("1_boats.sql", table), (name, sql)])
}

/// Applies what is pending; answers with how far it said it was.
async fn told(
    database: &Database,
    set: &MigrationSet,
    on_advance: impl Fn(&Batched) + Send + Sync,
) -> (Result<Vec<Receipt>, ApplyError>, Vec<Batched>) {
    let plan = database.plan(set).await.unwrap();
    let mut told = Vec::new();
    let applied = database.apply(&plan, "key", clock(), |event| {
        if let Event::Advanced { batched, .. } = event {
            on_advance(&batched);
            told.push(batched);
        }
    });
    let applied = applied.await;
    (applied, told)
}

/// That nothing is left to do, and nothing in the records says otherwise.
async fn prove_ended(database: &Database, set: &MigrationSet) {
    let plan = database.plan(set).await.unwrap();
    assert!(plan.is_empty());
    let receipt = &plan.history.receipts[&2.into()];
    assert_eq!(receipt.state, ReceiptState::Applied);
    assert_eq!(receipt.progress, None);
    assert!(plan.history.native[&2.into()].success);
}

async fn every_row_is_met_once(store: &impl Store) {
    let set = with(store, TABLE, "2_add.sql", ADD_ONE).await;
    fill(store, (1..=95).map(|number| number * 3 - 100));
    let database = store.database();
    let (applied, told) = told(&database, &set, |_| {}).await;
    assert_eq!(applied.unwrap()[0].version, 2);
    let rows: Vec<u64> = told.iter().map(|batched| batched.rows).collect();
    assert_eq!(rows, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95]);
    assert!(told.iter().all(|batched| batched.total == 95));
    assert_eq!(told.last().unwrap().changed, 95);
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 95);
    prove_ended(&database, &set).await;
}

async fn an_empty_table_is_done_at_once(store: &impl Store) {
    let set = with(store, TABLE, "2_add.sql", ADD_ONE).await;
    let (applied, told) = told(&store.database(), &set, |_| {}).await;
    assert_eq!(applied.unwrap()[0].version, 2);
    assert_eq!(told, []);
    prove_ended(&store.database(), &set).await;
}

/// Paused after some rows, and gone on with once others came and went.
async fn what_is_paused_goes_on_where_it_was(store: &impl Store) {
    let set = with(store, TABLE, "2_add.sql", ADD_ONE).await;
    fill(store, (1..=60).map(|number| number * 2));
    let pause = Pause::default();
    let database = store.database().pausing(&pause);
    let (applied, _) = told(&database, &set, |batched| {
        if batched.rows == 30 {
            pause.ask();
        }
    })
    .await;
    let error = applied.unwrap_err();
    assert_eq!(
        error.to_string(),
        "end migration 2 (add): it was paused after 30 of 60 rows"
    );
    let plan = database.plan(&set).await.unwrap();
    assert_eq!(plan.pending.len(), 1);
    let begun = plan.history.begun(2).unwrap().progress.clone().unwrap();
    let batched = begun.batched.unwrap();
    assert_eq!((batched.rows, batched.total, batched.changed), (30, 60, 30));
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 30);

    // Behind it, before it, and beyond its end; and one that it has not met is gone.
    fill(store, [1, 61, 121, 200].into_iter());
    store.sql("DELETE FROM boats WHERE id = 100");
    let database = store.database();
    let (applied, told) = told(&database, &set, |_| {}).await;
    assert_eq!(applied.unwrap()[0].version, 2);
    assert_eq!(told[0], batched);
    let other = "SELECT id FROM boats WHERE n <> 1 ORDER BY id";
    assert_eq!(store.sql(other), ["1", "121", "200"]);
    prove_ended(&database, &set).await;
}

async fn a_batch_that_fails_keeps_those_before_it(store: &impl Store) {
    let set = with(store, TABLE, "2_add.sql", ADD_ONE).await;
    fill(store, 1..=80);
    store.sql("UPDATE boats SET n = 4 WHERE id = 55");
    let database = store.database();
    let (applied, _) = told(&database, &set, |_| {}).await;
    let error = applied.unwrap_err();
    let ApplyError::Batch { batched, line, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((batched.rows, *line), (50, 2));
    let said = error.to_string();
    let begins =
        "apply migration 2 (add): `UPDATE boats SET n = n + 1` (line 2), after 50 of 80 rows: ";
    assert!(said.starts_with(begins), "{said}");
    assert!(error.remedy().contains("goes on from there"));
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 50);

    // The statement may be corrected for the rows that are left; the table is not another one.
    let corrected = self::set(&[
        ("1_boats.sql", TABLE),
        (
            "2_add.sql",
            "-- towpath: data, batch = 7\nUPDATE boats SET n = n + 1 WHERE n < 4;",
        ),
    ]);
    let other = self::set(&[
        ("1_boats.sql", TABLE),
        (
            "2_add.sql",
            "-- towpath: data, batch = 7\nDELETE FROM _towpath_receipts;",
        ),
    ]);
    let whole = self::set(&[
        ("1_boats.sql", TABLE),
        ("2_add.sql", "-- towpath: data\nUPDATE boats SET n = n + 1;"),
    ]);
    let refused = apply(&database, &other).await.unwrap_err().to_string();
    assert!(
        refused.contains("of another table, or by another key"),
        "{refused}"
    );
    let refused = apply(&database, &whole).await.unwrap_err().to_string();
    assert!(refused.contains("says no `batch` any more"), "{refused}");
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 50);
    apply(&database, &corrected).await.unwrap();
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 79);
    prove_ended(&database, &corrected).await;
}

/// Keys of text, with whatever a string can hold.
async fn text_is_a_key_as_well(store: &impl Store, kind: &str) {
    let table =
        &format!("CREATE TABLE words (word {kind} NOT NULL PRIMARY KEY, n bigint NOT NULL);");
    let sql = "-- towpath: data, batch = 3, pause = 0ms\nUPDATE words SET n = n + 1;";
    let set = with(store, table, "2_add.sql", sql).await;
    let words = [
        "''",
        "a''b",
        "a?b",
        "$1",
        "\\\\",
        "a\\\\'' OR 1 = 1 --",
        "é",
        "日本",
        "🚣",
        " ",
        "Zebra",
        "zeal",
        "%",
        "a;b",
        "a\nb",
    ];
    for word in words {
        // MySQL reads a backslash, the others do not: either is a word.
        store.sql(&format!("INSERT INTO words VALUES ('{word}', 0)"));
    }
    let (applied, told) = told(&store.database(), &set, |_| {}).await;
    applied.unwrap();
    assert_eq!(told.last().unwrap().rows, words.len() as u64);
    assert_eq!(store.sql("SELECT word FROM words WHERE n <> 1"), [""; 0]);
}

async fn rows_are_copied_and_deleted(store: &impl Store) {
    let table = format!("{TABLE}\nCREATE TABLE copies (id bigint, doubled bigint);");
    let copy = "-- towpath: data, batch = 9, pause = 0ms
INSERT INTO copies (id, doubled) SELECT boats.id, id * 2 FROM boats WHERE id % 2 = 0 OR id = 5 -- odd\n;";
    let set = with(store, &table, "2_copy.sql", copy).await;
    fill(store, 1..=100);
    let database = store.database();
    let (applied, told) = told(&database, &set, |_| {}).await;
    applied.unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.rows, last.changed), (100, 51));
    assert_eq!(store.one("SELECT count(*) FROM copies"), 51);
    assert_eq!(
        store.one("SELECT count(DISTINCT id) FROM copies WHERE doubled = 2 * id"),
        51
    );

    let delete = "-- towpath: irreversible, batch = 9, pause = 0ms because they are copied
DELETE FROM boats WHERE id IN (SELECT id FROM copies);";
    let both = self::set(&[
        ("1_boats.sql", &table),
        ("2_copy.sql", copy),
        ("3_delete.sql", delete),
    ]);
    apply(&database, &both).await.unwrap();
    assert_eq!(store.one("SELECT count(*) FROM boats"), 49);
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE id % 2 = 0"), 0);
}

/// A service writes on meanwhile, before it, behind it and beyond its end.
async fn services_write_on(store: &impl Store) {
    let sql = ADD_ONE.replace("0ms", "5ms");
    let set = with(store, TABLE, "2_add.sql", &sql).await;
    fill(store, (1..=300).map(|number| number * 10));
    static IS_BEGUN: AtomicBool = AtomicBool::new(false);
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut written = 0;
            while !IS_BEGUN.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            while !IS_DONE.load(Ordering::Relaxed) {
                let number = written % 300 * 10 + written / 300 + 1;
                store.sql(&format!(
                    "INSERT INTO boats VALUES ({number}, 0), ({}, 0)",
                    3001 + written
                ));
                written += 1;
            }
            written
        })
    };
    let begun = |_: &Batched| IS_BEGUN.store(true, Ordering::Relaxed);
    let (applied, _) = told(&store.database(), &set, begun).await;
    IS_DONE.store(true, Ordering::Relaxed);
    let written = writer.join().unwrap();
    applied.unwrap();
    assert!(written > 3, "nothing was written meanwhile");
    assert_eq!(
        store.one("SELECT count(*) FROM boats WHERE id % 10 = 0 AND id <= 3000 AND n = 1"),
        300
    );
    assert_eq!(
        store.one("SELECT count(*) FROM boats WHERE id <= 3000 AND n NOT IN (0, 1)"),
        0
    );
    assert_eq!(
        store.one("SELECT count(*) FROM boats WHERE id > 3000 AND n <> 0"),
        0
    );
}
