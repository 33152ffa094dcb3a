//! Flyway's versions in parts and its repeatable migrations, on all three engines, with what its table then says.

use towpath_migrate::{Database, Layout, MigrationSet, UndoError, Version, layout};

use crate::{
    kit::{Place, apply, clock, execute, texts},
    mariadb::MariaDb,
    postgres::Postgres,
};

const BASE: (&str, &str) = ("V1__base.sql", "CREATE TABLE trips (name varchar(20));");
const TIDE: (&str, &str) = (
    "V1_2__tide.sql",
    "-- towpath: contract after 1\nALTER TABLE trips ADD COLUMN tide int;",
);
const LOCK: (&str, &str) = (
    "V1.10__lock.sql",
    "ALTER TABLE trips ADD COLUMN lock_no int;",
);
const NO_LOCK: (&str, &str) = ("U1.10__lock.sql", "ALTER TABLE trips DROP COLUMN lock_no;");
// The second needs the first, whose name comes before its own.
const NAMES: (&str, &str) = (
    "views/R__all_names.sql",
    "DROP VIEW IF EXISTS all_names; CREATE VIEW all_names AS SELECT name FROM trips;",
);
const SHORT: (&str, &str) = (
    "R__short_names.sql",
    "DROP VIEW IF EXISTS short_names; CREATE VIEW short_names AS SELECT name FROM all_names WHERE length(name) < 5;",
);
const SHORTER: (&str, &str) = (
    "R__short_names.sql",
    "DROP VIEW IF EXISTS short_names; CREATE VIEW short_names AS SELECT name FROM all_names WHERE length(name) < 3;",
);

const ROWS: &str = "SELECT concat(installed_rank, ' ', coalesce(version, '-'), ' ', description) FROM flyway_schema_history ORDER BY installed_rank";

fn set(files: &[(&str, &str)]) -> MigrationSet {
    layout::flyway::parse(files.iter().copied()).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

async fn pending(database: &Database, set: &MigrationSet) -> Vec<String> {
    let plan = database.plan(set).await.unwrap();
    plan.pending.iter().map(|m| m.version.to_string()).collect()
}

/// Whatever the engine, with a way to run SQL and one to read a column.
async fn story<R: Future<Output = Vec<String>>, W: Future<Output = ()>>(
    database: Database,
    rows: impl Fn(&'static str) -> R,
    write: impl Fn(&'static str) -> W,
) {
    // Receipts of an earlier version have no place for such versions.
    apply(&database, &set(&[BASE])).await.unwrap();
    write("ALTER TABLE _towpath_receipts DROP COLUMN written").await;
    write("ALTER TABLE _towpath_receipts DROP COLUMN contract_after").await;
    let history = database.history_for(&set(&[BASE])).await.unwrap();
    assert_eq!(history.receipts.len(), 1);

    let first = [BASE, TIDE, NAMES, SHORT];
    apply(&database, &set(&first)).await.unwrap();
    let expected = ["1 1 base", "2 1.2 tide", "3 - all names", "4 - short names"];
    assert_eq!(rows(ROWS).await, expected);
    let plan = database.plan(&set(&first)).await.unwrap();
    assert!(plan.is_empty());
    let tide = &plan.history.receipts[&version("1.2")];
    assert_eq!(tide.contract.after, Some(1.into()));

    let second = set(&[BASE, TIDE, LOCK, NO_LOCK, NAMES, SHORTER]);
    assert_eq!(
        pending(&database, &second).await,
        ["1.10", "R__short_names"]
    );
    let receipts = apply(&database, &second).await.unwrap();
    assert_eq!(receipts.len(), 2);
    assert_eq!(rows(ROWS).await[4..], ["5 1.10 lock", "6 - short names"]);
    let history = database.history_for(&second).await.unwrap();
    let short = version("R__short_names");
    assert_eq!(history.receipts[&short].checksum, receipts[1].checksum);
    assert_eq!(history.latest(), Some(version("1.10")));
    assert!(database.plan(&second).await.unwrap().is_empty());

    // A release before it has another text, which is there again once it is applied.
    let back = set(&[BASE, TIDE, LOCK, NO_LOCK, NAMES, SHORT]);
    apply(&database, &back).await.unwrap();
    assert_eq!(rows(ROWS).await[6..], ["7 - short names"]);
    assert!(database.plan(&back).await.unwrap().is_empty());

    // What another has applied since, that is what is there.
    write(
        "INSERT INTO flyway_schema_history
         (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
         VALUES (8, NULL, 'short names', 'SQL', 'R__short_names.sql', 7, 'dana', 1, true)",
    )
    .await;
    assert_eq!(pending(&database, &back).await, ["R__short_names"]);
    apply(&database, &back).await.unwrap();
    assert_eq!(rows(ROWS).await[8..], ["9 - short names"]);

    // A version is undone from under them; they themselves are not.
    let undo = async |version: Version| {
        let versions = [version];
        let undone = database.undo(Layout::Flyway, &versions, "key", clock(), |_| {});
        undone.await.map(|receipts| receipts.len())
    };
    assert_eq!(undo(version("1.10")).await.unwrap(), 1);
    let refused = undo(short).await.unwrap_err();
    assert!(matches!(refused, UndoError::NoDown { version, .. } if version == short));
    assert_eq!(pending(&database, &back).await, ["1.10"]);

    // Without our own records, what its table says is taken over.
    write("DROP TABLE _towpath_receipts").await;
    let plan = database
        .plan(&set(&[BASE, TIDE, NAMES, SHORTER]))
        .await
        .unwrap();
    let adopted: Vec<_> = plan.adopted.iter().map(Version::to_string).collect();
    assert_eq!(adopted, ["1", "1.2", "R__all_names"]);
    assert_eq!(plan.pending.len(), 1);
    let plan = database.plan(&set(&first)).await.unwrap();
    assert_eq!((plan.adopted.len(), plan.pending.len()), (4, 0));
    database.apply(&plan, "key", clock(), |_| {}).await.unwrap();
    let history = database.history_for(&set(&first)).await.unwrap();
    assert_eq!(history.receipts.len(), 4);
    assert_eq!(history.receipts[&version("1.2")].name, "tide");
}

#[tokio::test]
async fn sqlite_has_them_in_their_order_and_again() {
    let place = Place::new();
    let file = place.file();
    story(
        place.database(),
        |sql| texts(&file, sql),
        |sql| execute(&file, sql),
    )
    .await;
}

#[tokio::test]
async fn postgresql_has_them_in_their_order_and_again() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = Database::open(&server.create("app")).unwrap();
    let lines = |sql| server.sql("app", sql).lines().map(str::to_owned).collect();
    story(
        database,
        async |sql| lines(sql),
        async |sql| drop(server.sql("app", sql)),
    )
    .await;
}

#[tokio::test]
async fn mariadb_has_them_in_their_order_and_again() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = Database::open(&server.create("app"))
        .unwrap()
        .create_if_missing();
    let lines = |sql| server.sql("app", sql).lines().map(str::to_owned).collect();
    story(
        database,
        async |sql| lines(sql),
        async |sql| drop(server.sql("app", sql)),
    )
    .await;
}

#[tokio::test]
async fn what_is_corrected_half_way_has_the_checksum_of_its_last_text() {
    const BOATS: (&str, &str) = (
        "V1__boats.sql",
        "CREATE TABLE boats (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 5));
         INSERT INTO boats VALUES (1, 0), (2, 0), (3, 4);",
    );
    for file in ["V2__add.sql", "R__add.sql"] {
        let place = Place::new();
        let database = place.database();
        let first = "-- towpath: data, batch = 1\nUPDATE boats SET n = n + 1;";
        let last = "-- towpath: data, batch = 1\nUPDATE boats SET n = n + 1 WHERE n < 4;";
        let failed = apply(&database, &set(&[BOATS, (file, first)])).await;
        assert!(failed.is_err(), "{file}");
        let corrected = set(&[BOATS, (file, last)]);
        apply(&database, &corrected).await.unwrap();
        let boats = "SELECT group_concat(n) FROM boats";
        assert_eq!(texts(&place.file(), boats).await, ["1,1,4"], "{file}");
        assert_eq!(pending(&database, &corrected).await, [""; 0], "{file}");
        assert_eq!(texts(&place.file(), ROWS).await.len(), 2, "{file}");
    }
}
