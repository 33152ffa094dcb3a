//! Migrations on a PostgreSQL server: applied, undone, waited for, cut short, gone on with.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use towpath_migrate::{
    ApplyError, Database, Event, Layout, LockError, MigrationSet, PlanError, Receipt, UndoError,
    Version,
};

use crate::{
    kit::{clock, set},
    postgres::Postgres,
};

pub const PAST: &[(&str, &str)] = &[
    (
        "1_guests.up.sql",
        "CREATE TABLE guests (id bigserial PRIMARY KEY, name text NOT NULL);\nINSERT INTO guests (name) VALUES ('Ada');",
    ),
    ("1_guests.down.sql", "DROP TABLE guests;"),
    (
        "2_mail.up.sql",
        "ALTER TABLE guests ADD COLUMN mail text;\nCREATE UNIQUE INDEX guests_mail ON guests (mail);",
    ),
    ("2_mail.down.sql", "ALTER TABLE guests DROP COLUMN mail;"),
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
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.url("app"));
    let set = set(PAST);
    assert!(database.history().await.unwrap().is_empty());
    let other = open(&server.create("other"));
    let empty = other.schema_fingerprint().await.unwrap();

    let receipts = apply(&database, &set).await.unwrap();
    assert_eq!(receipts.len(), 2);
    assert_eq!(server.sql("app", "SELECT name, mail FROM guests"), "Ada|\n");
    assert_eq!(
        server.sql(
            "app",
            "SELECT version, description, success, length(checksum) FROM _sqlx_migrations ORDER BY 1"
        ),
        "1|guests|t|48\n2|mail|t|48\n"
    );
    let history = database.history_for(&set).await.unwrap();
    assert_eq!(history.receipts[&2.into()], receipts[1]);
    assert!(database.plan(&set).await.unwrap().is_empty());
    let full = database.schema_fingerprint().await.unwrap();
    assert_ne!(full, empty);

    let undone = database
        .undo(Layout::Sqlx, &[2.into(), 1.into()], "key", clock(), |_| {})
        .await
        .unwrap();
    assert_eq!(undone.len(), 2);
    assert_eq!(undone[0], receipts[1]);
    assert_eq!(database.schema_fingerprint().await.unwrap(), empty);
    assert_eq!(server.sql("app", "SELECT * FROM _sqlx_migrations"), "");
    assert!(database.history_for(&set).await.unwrap().is_empty());

    apply(&database, &set).await.unwrap();
    assert_eq!(database.schema_fingerprint().await.unwrap(), full);
}

#[tokio::test]
async fn what_fails_leaves_nothing_of_its_migration() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.url("app"));
    let set = set(&[
        ("1_a.sql", "CREATE TABLE a (x int);"),
        (
            "2_b.sql",
            "CREATE TABLE b (x int);\n\nINSERT INTO c VALUES (1);",
        ),
    ]);
    let error = apply(&database, &set).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "apply migration 2 (b): statement 2 (line 3), `INSERT INTO c VALUES (1)`: relation \"c\" does not exist"
    );
    assert_eq!(database.history().await.unwrap().latest(), Some(1.into()));
    assert_eq!(server.sql("app", "SELECT to_regclass('b') IS NULL"), "t\n");
}

#[tokio::test]
async fn what_one_migration_sets_does_not_reach_the_next() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.url("app"));
    server.create("app");
    server.sql("postgres", "CREATE ROLE other");
    let set = set(&[
        (
            "1_dump.sql",
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (x int);\nCREATE TEMP TABLE t (x int);",
        ),
        (
            "2_role.sql",
            "CREATE TABLE b (x int);\nCREATE TEMP TABLE t (x int);\nSET ROLE other;",
        ),
        ("3_after.sql", "CREATE TABLE c (x int);"),
    ]);
    assert_eq!(apply(&database, &set).await.unwrap().len(), 3);
    assert!(database.plan(&set).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_applies_and_the_others_wait() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    let set = set(&[(
        "1_slow.sql",
        "SELECT pg_sleep(0.5);\nCREATE TABLE a (x int);",
    )]);
    let one = async || {
        let mut waited = 0;
        let database = open(&url);
        let plan = database.plan(&set).await.unwrap();
        let receipts = database
            .apply(&plan, "deployment/7", clock(), |event| {
                if let Event::Waiting { holder } = event {
                    assert!(
                        holder.starts_with("towpath deployment/7 (process"),
                        "{holder}"
                    );
                    waited += 1;
                }
            })
            .await
            .unwrap();
        (receipts, waited)
    };
    let (first, second) = tokio::join!(one(), one());
    assert_eq!(first.0, second.0);
    assert_eq!(first.1 + second.1, 1);

    let mut other: PgConnection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(32773656075662440)")
        .execute(&mut other)
        .await
        .unwrap();
    let database = open(&url).patience(Duration::from_millis(300));
    let later = crate::kit::set(&[
        (
            "1_slow.sql",
            "SELECT pg_sleep(0.5);\nCREATE TABLE a (x int);",
        ),
        ("2_b.sql", "CREATE TABLE b (x int);"),
    ]);
    let error = apply(&database, &later).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Lock(LockError::Held { .. })),
        "{error}"
    );
    assert!(error.to_string().starts_with("lock app at 127.0.0.1:"));
}

#[tokio::test]
async fn a_lock_that_is_not_had_is_tried_for_again() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    server.sql("app", "CREATE TABLE a (x int)");
    let mut other: PgConnection = PgConnection::connect(&url).await.unwrap();
    let set = set(&[("1_add.sql", "ALTER TABLE a ADD COLUMN y int;")]);
    sqlx::raw_sql("BEGIN; SELECT * FROM a")
        .execute(&mut other)
        .await
        .unwrap();
    let short = Duration::from_millis(100);
    let impatient = open(&url).timeouts(short, None).patience(short * 4);
    let error = apply(&impatient, &set).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("canceling statement due to lock timeout"),
        "{error}"
    );

    let patient = open(&url).timeouts(short, None);
    let (applied, ()) = tokio::join!(apply(&patient, &set), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    });
    assert_eq!(applied.unwrap().len(), 1);

    let slow = crate::kit::set(&[
        ("1_add.sql", "ALTER TABLE a ADD COLUMN y int;"),
        ("2_slow.sql", "SELECT pg_sleep(60);"),
    ]);
    let hurried = open(&url).timeouts(short, Some(short));
    let error = apply(&hurried, &slow).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("canceling statement due to statement timeout"),
        "{error}"
    );
    assert!(
        error.remedy().contains("allow it more time"),
        "{}",
        error.remedy()
    );
}

/// Statements of which each leaves a trace, and some cannot be in a transaction.
const STEPS: &str = "-- no-transaction
CREATE TABLE trace (n int);
INSERT INTO trace VALUES (1);
CREATE INDEX CONCURRENTLY trace_n ON trace (n);
BEGIN;
INSERT INTO trace VALUES (2);
INSERT INTO trace VALUES (3);
COMMIT;
DROP INDEX CONCURRENTLY trace_n;
CREATE UNIQUE INDEX CONCURRENTLY ON trace (n);
INSERT INTO trace VALUES (4);";

#[tokio::test]
async fn what_failed_in_the_middle_goes_on_there() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    server.sql(
        "app",
        "CREATE TABLE t (x int); INSERT INTO t VALUES (1), (1)",
    );
    let wrong = "-- no-transaction\nINSERT INTO t VALUES (2);\nCREATE UNIQUE INDEX CONCURRENTLY t_x ON t (x);";
    let first = set(&[("1_unique.sql", wrong)]);
    let error = apply(&database, &first).await.unwrap_err();
    assert!(
        error.to_string().contains("could not create unique index"),
        "{error}"
    );
    assert!(
        error.remedy().contains("it goes on with this statement"),
        "{}",
        error.remedy()
    );
    assert_eq!(
        server.sql(
            "app",
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_x'::regclass"
        ),
        "f\n"
    );
    assert_eq!(
        server.sql("app", "SELECT version, success FROM _sqlx_migrations"),
        "1|f\n"
    );

    // What is not done may be corrected; what is done may not.
    let edited = set(&[("1_unique.sql", &wrong.replace("(2)", "(3)"))]);
    let error = apply(&database, &edited).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "record migration 1 (unique): it was begun, and the statements of it that are done were edited since"
    );
    let right = wrong.replace("CREATE UNIQUE", "DELETE FROM t WHERE x = 1;\nCREATE UNIQUE");
    let second = set(&[("1_unique.sql", &right)]);
    assert_eq!(apply(&database, &second).await.unwrap().len(), 1);
    assert_eq!(server.sql("app", "SELECT x FROM t"), "2\n");
    assert_eq!(
        server.sql(
            "app",
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_x'::regclass"
        ),
        "t\n"
    );
    assert!(database.plan(&second).await.unwrap().is_empty());
    assert!(matches!(
        database.plan(&first).await.unwrap_err(),
        PlanError::Edited { .. }
    ));
}

#[tokio::test]
async fn one_in_steps_is_applied_and_undone() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let set = set(&[
        ("1_steps.up.sql", STEPS),
        (
            "1_steps.down.sql",
            "-- no-transaction\nDROP INDEX CONCURRENTLY trace_n_idx;\nDROP TABLE trace;",
        ),
    ]);
    let receipts = apply(&database, &set).await.unwrap();
    assert_eq!(receipts[0].progress, None);
    assert_eq!(
        server.sql(
            "app",
            "SELECT string_agg(n::text, ' ' ORDER BY n) FROM trace"
        ),
        "1 2 3 4\n"
    );
    let undone = database
        .undo(Layout::Sqlx, &[1.into()], "key", clock(), |_| {})
        .await
        .unwrap();
    assert_eq!(undone.len(), 1);
    assert!(database.history().await.unwrap().is_empty());
    assert_eq!(
        server.sql("app", "SELECT to_regclass('trace') IS NULL"),
        "t\n"
    );
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    let set = set(&[
        ("1_a.up.sql", "CREATE TABLE a (x int);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.sql", "CREATE TABLE b (x int);"),
    ]);
    apply(&database, &set).await.unwrap();
    let undo = async |versions: &[i64]| {
        let versions: Vec<Version> = versions.iter().map(|version| (*version).into()).collect();
        database
            .undo(Layout::Sqlx, &versions, "key", clock(), |_| {})
            .await
            .unwrap_err()
    };
    assert!(matches!(
        undo(&[1]).await,
        UndoError::NotLatest { latest, .. } if latest == 2
    ));
    assert_eq!(
        undo(&[2, 1]).await.to_string(),
        "undo migration 2 (b): nothing that undoes it was kept when it was applied"
    );
}

#[tokio::test]
async fn a_snapshot_is_taken_and_put_back() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let database = open(&server.create("app"));
    apply(&database, &set(PAST)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.dump");
    let snapshot = database.snapshot(&file).await.unwrap();
    assert!(snapshot.bytes > 1000);
    assert_eq!(crate::kit::listing(folder.path()), ["before.dump"]);
    let before = database.schema_fingerprint().await.unwrap();
    let history = database.history().await.unwrap();

    server.sql(
        "app",
        "DROP TABLE guests; CREATE TABLE later (x int); CREATE SCHEMA more CREATE TABLE m (x int)",
    );
    server.sql("app", "DELETE FROM _sqlx_migrations");
    database.restore(&file, "key").await.unwrap();
    assert_eq!(database.schema_fingerprint().await.unwrap(), before);
    assert_eq!(database.history().await.unwrap(), history);
    assert_eq!(server.sql("app", "SELECT name FROM guests"), "Ada\n");

    std::fs::write(folder.path().join("bad.dump"), "no dump").unwrap();
    let error = database
        .restore(folder.path().join("bad.dump"), "key")
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not appear to be a valid archive"),
        "{error}"
    );
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(folder.path().join("cut.dump"), &whole[..whole.len() - 400]).unwrap();
    database
        .restore(folder.path().join("cut.dump"), "key")
        .await
        .unwrap_err();
    assert_eq!(database.schema_fingerprint().await.unwrap(), before);
    assert_eq!(server.sql("app", "SELECT name FROM guests"), "Ada\n");

    database.clear("key").await.unwrap();
    assert!(database.history().await.unwrap().is_empty());
    apply(&database, &set(PAST)).await.unwrap();
    assert_eq!(database.schema_fingerprint().await.unwrap(), before);
}

#[tokio::test]
async fn every_layout_is_recorded_as_its_tool_does() {
    let Some(server) = Postgres::start().await else {
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
        assert_eq!(plan.adopted, [1], "{name}");
        assert_eq!(plan.pending.len(), 1, "{name}");
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
                .undo(first.layout(), &[2.into()], "key", clock(), |_| {})
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
            "golang-migrate",
            "SELECT version, dirty FROM schema_migrations"
        ),
        "1|f\n"
    );
    assert_eq!(
        server.sql("dbmate", "SELECT version FROM schema_migrations ORDER BY 1"),
        "01\n02\n"
    );
    assert_eq!(
        server.sql(
            "goose",
            "SELECT version_id, is_applied FROM goose_db_version ORDER BY id"
        ),
        "0|t\n1|t\n2|t\n"
    );
    assert_eq!(
        server.sql("flyway", "SELECT installed_rank, version, script, success, installed_by FROM flyway_schema_history ORDER BY 1"),
        "1|1|V1__a.sql|t|postgres\n2|2|V2__b.sql|t|postgres\n"
    );
    assert_eq!(
        server.sql(
            "refinery",
            "SELECT version, name FROM refinery_schema_history ORDER BY 1"
        ),
        "1|a\n2|b\n"
    );
    assert_eq!(
        server.sql(
            "diesel",
            "SELECT version FROM __diesel_schema_migrations ORDER BY 1"
        ),
        "01\n"
    );
}

#[tokio::test]
async fn a_rule_on_a_tools_table_is_obeyed() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    // PostgreSQL refuses `ON CONFLICT` on a table with rules, which all the other tools' rows are written with.
    for layout in [Layout::Goose, Layout::GolangMigrate] {
        let name = layout.as_str();
        let [first, both] = crate::kit::two_of(layout);
        let database = open(&server.create(name));
        apply(&database, &first).await.unwrap();
        let (table, column) = match layout {
            Layout::Goose => ("goose_db_version", "version_id"),
            _ => ("schema_migrations", "version"),
        };
        server.sql(
            name,
            &format!(
                "CREATE TABLE log (version bigint);
                 CREATE RULE told AS ON INSERT TO {table} DO ALSO INSERT INTO log VALUES (NEW.{column});"
            ),
        );
        apply(&database, &both).await.unwrap();
        assert_eq!(server.sql(name, "SELECT version FROM log"), "2\n", "{name}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_notice_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for engine in ["postgres", "mysql"] {
        let url = format!("{engine}://harbour@127.0.0.1:{port}/app");
        let database = open(&url).patience(Duration::from_millis(100));
        let told = database.plan(&set(PAST)).await.unwrap_err().to_string();
        assert!(told.contains("it did not answer within 0.1s"), "{told}");
    }
}
