//! Migrations on a server that ends a transaction at every change of the schema: MariaDB.

use std::time::Duration;

use sqlx::{Connection as _, MySqlConnection};
use towpath_migrate::{
    ApplyError, Database, Event, Layout, LockError, MigrationSet, Receipt, ReceiptState,
};

use crate::{
    kit::{clock, set},
    mariadb::MariaDb,
};

const PAST: &[(&str, &str)] = &[
    (
        "1_guests.up.sql",
        "CREATE TABLE guests (id bigint AUTO_INCREMENT PRIMARY KEY, name text NOT NULL);\nINSERT INTO guests (name) VALUES ('Ada');",
    ),
    ("1_guests.down.sql", "DROP TABLE guests;"),
    (
        "2_mail.up.sql",
        "ALTER TABLE guests ADD COLUMN mail varchar(200);\nCREATE UNIQUE INDEX guests_mail ON guests (mail);",
    ),
    (
        "2_mail.down.sql",
        "DROP INDEX guests_mail ON guests;\nALTER TABLE guests DROP COLUMN mail;",
    ),
];

fn open(url: &str) -> Database {
    Database::open(url)
        .unwrap()
        .create_if_missing()
        .patience(Duration::from_secs(20))
}

async fn apply(database: &Database, set: &MigrationSet) -> Result<Vec<Receipt>, ApplyError> {
    let plan = database.plan(set).await?;
    database.apply(&plan, "deployment/7", clock(), |_| {}).await
}

#[tokio::test]
async fn a_database_is_made_migrated_and_taken_back() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let set = set(PAST);
    assert!(database.history().await.unwrap().is_empty());
    let empty = database.schema_fingerprint().await.unwrap();
    let receipts = apply(&database, &set).await.unwrap();
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[0].progress, None);
    assert_eq!(
        server.sql("app", "SELECT name, mail FROM guests"),
        "Ada\tNULL\n"
    );
    assert_eq!(
        server.sql(
            "app",
            "SELECT version, description, success, length(checksum) FROM _sqlx_migrations"
        ),
        "1\tguests\t1\t48\n2\tmail\t1\t48\n"
    );
    assert_eq!(
        database.history_for(&set).await.unwrap().receipts[&2.into()],
        receipts[1]
    );
    assert!(database.plan(&set).await.unwrap().is_empty());
    let full = database.schema_fingerprint().await.unwrap();
    assert_ne!(full, empty);

    let undone = database
        .undo(Layout::Sqlx, &[2.into(), 1.into()], "key", clock(), |_| {})
        .await
        .unwrap();
    assert_eq!(undone[0], receipts[1]);
    assert_eq!(database.schema_fingerprint().await.unwrap(), empty);
    assert!(database.history_for(&set).await.unwrap().is_empty());
    apply(&database, &set).await.unwrap();
    assert_eq!(database.schema_fingerprint().await.unwrap(), full);
}

#[tokio::test]
async fn what_failed_in_the_middle_goes_on_there() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let wrong = "SET @n = 7;\nCREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (@n);\nALTER TABLE b ADD y int;\nCREATE TABLE c (x int);";
    let error = apply(&database, &set(&[("1_half.sql", wrong)]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with(
            "apply migration 1 (half): statement 5 (line 5), `ALTER TABLE b ADD y int`: Table"
        ),
        "{error}"
    );
    assert!(
        error.remedy().contains("it goes on with this statement"),
        "{}",
        error.remedy()
    );
    let receipt = &database.history().await.unwrap().receipts[&1.into()];
    assert_eq!(receipt.state, ReceiptState::Started);
    assert_eq!(receipt.progress.as_ref().unwrap().done, 4);
    assert_eq!(
        server.sql("app", "SELECT success FROM _sqlx_migrations"),
        "0\n"
    );

    let right = wrong.replace("ALTER TABLE b ADD y int;", "INSERT INTO a VALUES (@n + 1);");
    assert_eq!(
        apply(&database, &set(&[("1_half.sql", &right)]))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        server.sql("app", "SELECT group_concat(x ORDER BY x) FROM a"),
        "1,7,8\n"
    );
    assert_eq!(
        server.sql("app", "SELECT success FROM _sqlx_migrations"),
        "1\n"
    );
}

#[tokio::test]
async fn what_somebody_does_after_a_failure_is_not_taken_for_the_statement() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let set = set(&[(
        "1_later.sql",
        "CREATE TABLE a (x int);\nALTER TABLE b ADD y int;\nINSERT INTO a VALUES (1);",
    )]);
    apply(&database, &set).await.unwrap_err();
    server.sql("app", "CREATE TABLE b (x int)");
    apply(&database, &set).await.unwrap();
    assert_eq!(server.sql("app", "SELECT count(y) FROM b"), "0\n");
    assert_eq!(server.sql("app", "SELECT x FROM a"), "1\n");
}

#[tokio::test]
async fn rows_are_changed_in_one_transaction() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    server.sql("app", "CREATE TABLE a (x int PRIMARY KEY)");
    let error = apply(
        &database,
        &set(&[(
            "1_rows.sql",
            "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);",
        )]),
    )
    .await
    .unwrap_err();
    assert!(
        error
            .remedy()
            .ends_with("nothing of this migration was kept"),
        "{}",
        error.remedy()
    );
    assert_eq!(server.sql("app", "SELECT count(*) FROM a"), "0\n");
    assert!(database.history().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_applies_and_the_others_wait() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.create("app");
    let set = set(&[("1_slow.sql", "DO sleep(0.5);\nCREATE TABLE a (x int);")]);
    let one = async || {
        let mut waited = 0;
        let database = open(&url);
        let plan = database.plan(&set).await.unwrap();
        let receipts = database
            .apply(&plan, "key", clock(), |event| {
                waited += i32::from(matches!(event, Event::Waiting { .. }))
            })
            .await
            .unwrap();
        (receipts, waited)
    };
    let (first, second) = tokio::join!(one(), one());
    assert_eq!(first.0, second.0);
    assert_eq!(first.1 + second.1, 1);
}

#[tokio::test]
async fn a_lock_that_is_not_had_is_tried_for_again() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.create("app");
    server.sql("app", "CREATE TABLE a (x int)");
    let mut other = MySqlConnection::connect(&url).await.unwrap();
    let set = set(&[(
        "1_add.sql",
        "CREATE TABLE b (x int);\nALTER TABLE a ADD COLUMN y int;",
    )]);
    sqlx::raw_sql("START TRANSACTION; SELECT * FROM a")
        .execute(&mut other)
        .await
        .unwrap();
    let second = Duration::from_secs(1);
    let impatient = open(&url).timeouts(second, None).patience(second);
    let error = apply(&impatient, &set).await.unwrap_err();
    assert!(
        error.to_string().contains("Lock wait timeout exceeded"),
        "{error}"
    );

    let patient = open(&url).timeouts(second, None);
    let (applied, ()) = tokio::join!(apply(&patient, &set), async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    });
    assert_eq!(applied.unwrap().len(), 1);

    let held: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(get_lock(concat('towpath-', left(sha2('app', 256), 40)), 10) AS SIGNED)",
    )
    .fetch_one(&mut other)
    .await
    .unwrap();
    assert_eq!(held, Some(1));
    let more = crate::kit::set(&[
        (
            "1_add.sql",
            "CREATE TABLE b (x int);\nALTER TABLE a ADD COLUMN y int;",
        ),
        ("2_c.sql", "CREATE TABLE c (x int);"),
    ]);
    let database = open(&url).patience(Duration::from_millis(200));
    let error = apply(&database, &more).await.unwrap_err();
    assert!(
        matches!(error, ApplyError::Lock(LockError::Held { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_snapshot_is_taken_and_put_back() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    apply(&database, &set(PAST)).await.unwrap();
    server.sql("app", "CREATE VIEW names AS SELECT name FROM guests");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.sql");
    assert!(database.snapshot(&file).await.unwrap().bytes > 1000);
    let before = database.schema_fingerprint().await.unwrap();
    let history = database.history().await.unwrap();

    server.sql("app", "DROP VIEW names; DROP TABLE guests; CREATE TABLE later (x int); DELETE FROM _sqlx_migrations");
    database.restore(&file, "key").await.unwrap();
    assert_eq!(database.schema_fingerprint().await.unwrap(), before);
    assert_eq!(database.history().await.unwrap(), history);
    assert_eq!(server.sql("app", "SELECT name FROM names"), "Ada\n");

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(folder.path().join("cut.sql"), &whole[..whole.len() - 400]).unwrap();
    let error = database
        .restore(folder.path().join("cut.sql"), "key")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("it does not end with"),
        "{error}"
    );
    assert_eq!(server.sql("app", "SELECT name FROM names"), "Ada\n");

    database.clear("key").await.unwrap();
    assert!(database.history().await.unwrap().is_empty());
    let schema = database.schema().await.unwrap();
    assert!(schema.tables.is_empty() && schema.objects.is_empty());
    apply(&database, &set(PAST)).await.unwrap();
    assert_eq!(server.sql("app", "SELECT name FROM guests"), "Ada\n");
}

#[tokio::test]
async fn every_layout_is_recorded_as_its_tool_does() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    for layout in Layout::ALL {
        let name = layout.as_str();
        let [first, both] = crate::kit::two_of(layout);
        let database = open(&server.create(name));
        apply(&database, &first).await.unwrap();
        // Without our own records, what the tool remembers is taken over.
        server.sql(name, "DROP TABLE _towpath_receipts");
        let plan = database.plan(&both).await.unwrap();
        assert_eq!(
            (plan.adopted.as_slice(), plan.pending.len()),
            ([1.into()].as_slice(), 1),
            "{name}"
        );
        apply(&database, &both).await.unwrap();
        assert!(database.plan(&both).await.unwrap().is_empty(), "{name}");
        let receipts = database.history_for(&both).await.unwrap().receipts;
        assert_eq!(
            receipts[&1.into()].applied_by,
            towpath_migrate::ADOPTED,
            "{name}"
        );
        if receipts[&2.into()].down.is_some() {
            database
                .undo(layout, &[2.into()], "key", clock(), |_| {})
                .await
                .unwrap();
            assert_eq!(
                database.plan(&both).await.unwrap().pending.len(),
                1,
                "{name}"
            );
        }
    }
    assert_eq!(
        server.sql(
            "goose",
            "SELECT version_id, is_applied FROM goose_db_version ORDER BY id"
        ),
        "0\t1\n1\t1\n2\t1\n"
    );
    assert_eq!(
        server.sql(
            "flyway",
            "SELECT installed_rank, version, script, success FROM flyway_schema_history ORDER BY 1"
        ),
        "1\t1\tV1__a.sql\t1\n2\t2\tV2__b.sql\t1\n"
    );
}

#[tokio::test]
async fn rows_that_no_transaction_holds_are_not_written() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let made = "CREATE TABLE old (x int) ENGINE = MyISAM;\n";
    let wrong = format!("{made}INSERT INTO old VALUES (1);");
    let error = apply(&database, &set(&[("1_old.sql", &wrong)]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "apply migration 1 (old): it writes to old, whose storage engine MyISAM has no transactions"
    );
    assert!(error.remedy().contains("ALTER TABLE old ENGINE = InnoDB"));
    assert_eq!(server.sql("app", "SELECT count(*) FROM old"), "0\n");
    // What is not done of it can be put right.
    let right = format!("{made}ALTER TABLE old ENGINE = InnoDB;\nINSERT INTO old VALUES (1);");
    apply(&database, &set(&[("1_old.sql", &right)]))
        .await
        .unwrap();
    assert_eq!(server.sql("app", "SELECT count(*) FROM old"), "1\n");
}

#[tokio::test]
async fn a_temporary_table_lives_in_one_transaction() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let set = set(&[
        (
            "1_a.sql",
            "CREATE TABLE a (x int); INSERT INTO a VALUES (1), (2);",
        ),
        (
            "2_work.sql",
            "CREATE TEMPORARY TABLE work AS SELECT x + 10 AS x FROM a; INSERT INTO a SELECT x FROM work;",
        ),
        // The table of the one before is not there any more.
        (
            "3_work.sql",
            "CREATE TEMPORARY TABLE work (x int); INSERT INTO work VALUES (7); INSERT INTO a SELECT x FROM work; DROP TEMPORARY TABLE work;",
        ),
    ]);
    apply(&database, &set).await.unwrap();
    let rows = server.sql("app", "SELECT group_concat(x ORDER BY x) FROM a");
    assert_eq!(rows, "1,2,7,11,12\n");
}
