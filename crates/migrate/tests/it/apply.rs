//! Applying: receipts, order, what a failure keeps and what it takes back, foreign keys.

use towpath_migrate::{ApplyError, ContractKind, Database, DatabaseError, Event, ReceiptState};

use crate::kit::{Place, apply, clock, connect, execute, set, tables, texts};

const TWO: &[(&str, &str)] = &[
    (
        "1_create_users.up.sql",
        "-- towpath: expand because nothing reads it yet\nCREATE TABLE users (id INTEGER PRIMARY KEY);",
    ),
    ("1_create_users.down.sql", "DROP TABLE users;"),
    ("2_add_name.sql", "ALTER TABLE users ADD COLUMN name TEXT;"),
];

#[tokio::test]
async fn a_receipt_tells_what_was_applied() {
    let place = Place::new();
    let set = set(TWO);
    let plan = place.database().plan(&set).await.unwrap();
    let mut events = Vec::new();
    let receipts = place
        .database()
        .apply(&plan, "deployment/7", clock(), |event| events.push(event))
        .await
        .unwrap();

    let first = &receipts[0];
    assert_eq!(
        (first.version, first.name.as_str()),
        (1.into(), "create users")
    );
    assert_eq!(first.checksum, set.migrations()[0].checksum);
    assert_eq!(first.contract.kind, ContractKind::Expand);
    assert_eq!(
        first.contract.because.as_deref(),
        Some("nothing reads it yet")
    );
    assert_eq!(first.state, ReceiptState::Applied);
    assert_eq!(
        (first.applied_at_ms, first.took_ms),
        (1_790_000_000_000, 1000)
    );
    assert_eq!(first.applied_by, "deployment/7");
    assert_eq!(first.down.as_deref(), Some("DROP TABLE users;"));
    assert_eq!(receipts[1].contract.kind, ContractKind::Unknown);

    let history = place.database().history().await.unwrap();
    assert_eq!(history.receipts.into_values().collect::<Vec<_>>(), receipts);
    assert_eq!(history.native.len(), 2);
    let started = |version, name: &str| Event::Started {
        version,
        name: name.into(),
    };
    let applied = |receipt: usize| Event::Applied {
        receipt: receipts[receipt].clone(),
    };
    assert_eq!(
        events,
        [
            started(1.into(), "create users"),
            applied(0),
            started(2.into(), "add name"),
            applied(1)
        ]
    );
    assert!(place.database().plan(&set).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_plan_touches_nothing() {
    let place = Place::new();
    assert_eq!(
        place
            .database()
            .plan(&set(TWO))
            .await
            .unwrap()
            .pending
            .len(),
        2
    );
    assert!(place.database().history().await.unwrap().is_empty());
    place.database().schema_fingerprint().await.unwrap();
    assert_eq!(place.listing(), Vec::<String>::new());

    execute(
        &place.file(),
        "PRAGMA journal_mode = WAL; CREATE TABLE own (x)",
    )
    .await;
    let before = std::fs::read(place.file()).unwrap();
    assert_eq!(
        place
            .database()
            .plan(&set(TWO))
            .await
            .unwrap()
            .pending
            .len(),
        2
    );
    assert_eq!(place.listing(), ["app.db"]);
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn the_file_is_made_only_when_asked() {
    let place = Place::new();
    let file = place.path("deep/er/app.db");
    let url = format!("sqlite://{}", file.display());
    let error = apply(&Database::open(&url).unwrap(), &set(TWO))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ApplyError::Database(DatabaseError::Absent { .. })),
        "{error}"
    );
    assert_eq!(place.listing(), Vec::<String>::new());

    let asked = Database::open(&format!("{url}?mode=rwc")).unwrap();
    assert_eq!(apply(&asked, &set(TWO)).await.unwrap().len(), 2);
    assert_eq!(texts(&file, "PRAGMA journal_mode").await, ["wal"]);
    let read_only = Database::open(&format!("{url}?mode=ro")).unwrap();
    assert!(apply(&read_only, &set(TWO)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_existing_file_keeps_its_journal_mode() {
    let place = Place::new();
    execute(&place.file(), "CREATE TABLE own (x)").await;
    apply(&place.database(), &set(TWO)).await.unwrap();
    assert_eq!(
        texts(&place.file(), "PRAGMA journal_mode").await,
        ["delete"]
    );
}

#[tokio::test]
async fn a_relative_path_is_one_from_the_folder_given() {
    let place = Place::new();
    let database =
        Database::open_in(place.path("service"), "sqlite://data/app.db?mode=rwc").unwrap();
    apply(&database, &set(TWO)).await.unwrap();
    assert!(place.path("service/data/app.db").exists());
}

#[tokio::test]
async fn a_failing_statement_takes_back_its_migration_and_no_other() {
    let place = Place::new();
    let broken = set(&[
        ("1_good.sql", "CREATE TABLE good (x);"),
        (
            "2_bad.sql",
            "-- three statements\nCREATE TABLE half (x);\nINSERT INTO half VALUES (1);\n\n-- the third\nINSERT INTO missing\nVALUES (2);\nSELECT 4;",
        ),
        ("3_never.sql", "CREATE TABLE never (x);"),
    ]);
    let error = apply(&place.database(), &broken).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "apply migration 2 (bad): statement 3 (line 6), `INSERT INTO missing VALUES (2);`: no such table: missing"
    );
    assert_eq!(
        error.remedy(),
        "correct the statement and apply again; nothing of this migration was kept"
    );
    assert_eq!(
        tables(&place.file()).await,
        ["_sqlx_migrations", "_towpath_receipts", "good"]
    );
    assert_eq!(
        place.database().history().await.unwrap().latest(),
        Some(1.into())
    );
    let fixed = set(&[
        ("1_good.sql", "CREATE TABLE good (x);"),
        ("2_bad.sql", "CREATE TABLE half (x);"),
        ("3_never.sql", "CREATE TABLE never (x);"),
    ]);
    let receipts = apply(&place.database(), &fixed).await.unwrap();
    assert_eq!(
        receipts
            .iter()
            .map(|receipt| receipt.version)
            .collect::<Vec<_>>(),
        [2, 3]
    );
}

#[tokio::test]
async fn a_first_migration_that_fails_leaves_the_schema_empty() {
    let place = Place::new();
    let statement = "SELECT raise_an_error_here";
    apply(&place.database(), &set(&[("1_bad.sql", statement)]))
        .await
        .unwrap_err();
    assert_eq!(tables(&place.file()).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_error_that_rolls_back_by_itself_is_told_as_any_other() {
    let place = Place::new();
    let set = set(&[(
        "1_bad.sql",
        "CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1); INSERT OR ROLLBACK INTO t VALUES (1); CREATE TABLE u (x);",
    )]);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert!(error.to_string().contains("statement 3"), "{error}");
    assert_eq!(tables(&place.file()).await, Vec::<String>::new());
}

const PARENT_AND_CHILD: &str = "
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (1), (2), (2);
";

#[tokio::test]
async fn rebuilding_a_table_keeps_the_rows_that_refer_to_it() {
    let place = Place::new();
    let rebuild = "PRAGMA foreign_keys = OFF;
        CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '');
        INSERT INTO new_parent (id) SELECT id FROM parent;
        DROP TABLE parent;
        ALTER TABLE new_parent RENAME TO parent;
        PRAGMA foreign_keys = ON;";
    let set = set(&[("1_make.sql", PARENT_AND_CHILD), ("2_rebuild.sql", rebuild)]);
    apply(&place.database(), &set).await.unwrap();
    assert_eq!(
        texts(&place.file(), "SELECT CAST(count(*) AS TEXT) FROM child").await,
        ["3"]
    );
}

#[tokio::test]
async fn rows_that_refer_to_nothing_are_refused_before_the_commit() {
    let place = Place::new();
    let set = set(&[
        ("1_make.sql", PARENT_AND_CHILD),
        ("2_orphans.sql", "DELETE FROM parent WHERE id = 2;"),
    ]);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "commit migration 2 (orphans): 2 rows of \"child\" refer to rows that \"parent\" does not have"
    );
    assert_eq!(
        texts(&place.file(), "SELECT CAST(count(*) AS TEXT) FROM parent").await,
        ["2"]
    );
}

#[tokio::test]
async fn what_was_wrong_before_does_not_stop_a_migration() {
    let place = Place::new();
    let broken =
        format!("PRAGMA foreign_keys = OFF; {PARENT_AND_CHILD} DELETE FROM parent WHERE id = 2;");
    execute(&place.file(), &broken).await;
    apply(&place.database(), &set(TWO)).await.unwrap();
    let worse = [TWO, &[("3_worse.sql", "DELETE FROM parent WHERE id = 1;")]].concat();
    let error = apply(&place.database(), &set(&worse)).await.unwrap_err();
    assert!(
        matches!(error, ApplyError::ForeignKeys { version, .. } if version == 3),
        "{error}"
    );
}

#[tokio::test]
async fn services_read_on_and_write_between_while_migrations_run() {
    let place = Place::new();
    apply(&place.database(), &set(&TWO[..2])).await.unwrap();
    let mut service = connect(&place.file()).await;
    sqlx::raw_sql("BEGIN; SELECT * FROM users;")
        .execute(&mut service)
        .await
        .unwrap();
    apply(&place.database(), &set(TWO)).await.unwrap();
    sqlx::raw_sql("COMMIT; INSERT INTO users (name) VALUES ('x');")
        .execute(&mut service)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_writer_that_does_not_end_is_named_as_the_reason() {
    let place = Place::new();
    execute(&place.file(), "CREATE TABLE own (x)").await;
    let mut service = connect(&place.file()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut service)
        .await
        .unwrap();
    let database = place
        .database()
        .patience(std::time::Duration::from_millis(10));
    let error = apply(&database, &set(TWO)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "record migration 1 (create users): database is locked"
    );
    assert_eq!(
        error.remedy(),
        "end what is in the way for so long, then try again"
    );
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut service)
        .await
        .unwrap();
    apply(&database, &set(TWO)).await.unwrap();
}

#[tokio::test]
async fn a_migration_does_not_inherit_from_the_one_before() {
    let place = Place::new();
    let set = set(&[
        (
            "1_temp.sql",
            "CREATE TEMP TABLE scratch (x); PRAGMA ignore_check_constraints = ON;",
        ),
        (
            "2_uses.sql",
            "CREATE TABLE t (x CHECK (x > 0)); INSERT INTO t SELECT 1 FROM scratch;",
        ),
    ]);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert!(
        error.to_string().ends_with("no such table: scratch"),
        "{error}"
    );
}

#[tokio::test]
async fn applying_can_be_spawned() {
    let place = Place::new();
    let database = place.database();
    let set = set(TWO);
    let task = tokio::spawn(async move {
        let plan = database.plan(&set).await.unwrap();
        database.apply(&plan, "key", clock(), |_| {}).await.unwrap()
    });
    assert_eq!(task.await.unwrap().len(), 2);
}
