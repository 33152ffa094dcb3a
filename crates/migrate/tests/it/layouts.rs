//! Sets of other layouts than sqlx's on a real database, and the tables that their tools keep.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher as _},
};

use towpath_migrate::{ADOPTED, Layout, MigrationSet, PlanError, ReceiptState, Settlement, layout};

use crate::kit::{Place, apply, execute, tables, texts};

/// The same two migrations, the second outside a transaction, as each tool would have them.
fn files(layout: Layout) -> Vec<(&'static str, &'static str)> {
    match layout {
        Layout::Dbmate => vec![
            (
                "01_users.sql",
                "-- migrate:up\nCREATE TABLE users (id);\n-- migrate:down\nDROP TABLE users;\n",
            ),
            (
                "02_vacuum.sql",
                "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\n",
            ),
        ],
        Layout::Goose => vec![
            (
                "1_users.sql",
                "-- +goose Up\nCREATE TABLE users (id);\n-- +goose StatementBegin\n\
                 CREATE TRIGGER t AFTER INSERT ON users BEGIN\n  SELECT 1;\nEND\n-- +goose StatementEnd\n\
                 CREATE INDEX i ON users (id);\n-- +goose Down\nDROP TABLE users;\n",
            ),
            (
                "2_vacuum.sql",
                "-- +goose NO TRANSACTION\n-- +goose Up\nVACUUM;\n",
            ),
        ],
        Layout::Flyway => vec![
            ("V1__users.sql", "CREATE TABLE users (id);"),
            ("U1__users.sql", "DROP TABLE users;"),
            ("more/V2__vacuum.sql", "VACUUM;"),
            ("more/V2__vacuum.sql.conf", "executeInTransaction=false"),
        ],
        Layout::Refinery => vec![
            ("V1__users.sql", "CREATE TABLE users (id);"),
            (
                "more/U2__vacuum.sql",
                "-- refinery:noTransaction\nVACUUM;\n",
            ),
        ],
        Layout::Diesel => vec![
            ("01_users/up.sql", "CREATE TABLE users (id);"),
            ("01_users/down.sql", "DROP TABLE users;"),
            ("02_vacuum/up.sql", "VACUUM;"),
            ("02_vacuum/metadata.toml", "run_in_transaction = false"),
        ],
        _ => vec![
            ("1_users.up.sql", "CREATE TABLE users (id);"),
            ("1_users.down.sql", "DROP TABLE users;"),
            ("2_more.up.sql", "CREATE TABLE more (id);"),
        ],
    }
}

fn set(layout: Layout) -> MigrationSet {
    layout::parse(layout, files(layout)).unwrap()
}

#[test]
fn a_folder_is_read_as_its_files_are() {
    for layout in Layout::ALL {
        let place = Place::new();
        let folder = place.path("migrations");
        for (name, sql) in files(layout) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, sql).unwrap();
        }
        fs::write(folder.join("README.md"), b"not \xff a migration").unwrap();
        fs::create_dir(folder.join(".hidden")).unwrap();
        assert_eq!(layout::load(layout, &folder).unwrap(), set(layout));
        let names = files(layout).into_iter().map(|(name, _)| name);
        assert!(layout::detect(names).contains(&layout), "{layout}");
    }
}

/// Everything that a tool keeps but the times.
async fn kept(layout: Layout, place: &Place) -> Vec<String> {
    let sql = match layout {
        Layout::GolangMigrate => {
            "SELECT version || ' ' || dirty || typeof(version) || typeof(dirty) FROM schema_migrations"
        }
        Layout::Dbmate => "SELECT version || typeof(version) FROM schema_migrations ORDER BY 1",
        Layout::Goose => {
            "SELECT version_id || ' ' || is_applied || ' ' || length(tstamp) FROM goose_db_version ORDER BY id"
        }
        Layout::Diesel => {
            "SELECT version || typeof(version) || ' ' || length(run_on) FROM __diesel_schema_migrations ORDER BY 1"
        }
        Layout::Refinery => {
            "SELECT version || ' ' || name || ' ' || length(applied_on) || ' ' || typeof(checksum)
             FROM refinery_schema_history ORDER BY 1"
        }
        _ => return Vec::new(),
    };
    texts(&place.file(), sql).await
}

#[tokio::test]
async fn any_layout_is_applied_once_with_the_rows_of_its_tool_and_no_others() {
    let expected: &[(Layout, Option<&str>, &[&str])] = &[
        (
            Layout::GolangMigrate,
            Some("schema_migrations"),
            &["2 0integerinteger"],
        ),
        (
            Layout::Dbmate,
            Some("schema_migrations"),
            &["01text", "02text"],
        ),
        (
            Layout::Goose,
            Some("goose_db_version"),
            &["0 1 19", "1 1 19", "2 1 19"],
        ),
        (Layout::Flyway, None, &[]),
        (
            Layout::Refinery,
            Some("refinery_schema_history"),
            &["1 users 24 text", "2 vacuum 24 text"],
        ),
        (
            Layout::Diesel,
            Some("__diesel_schema_migrations"),
            &["01text 19", "02text 19"],
        ),
    ];
    for (layout, table, rows) in expected {
        let (place, set) = (Place::new(), set(*layout));
        assert_eq!(set.migrations().len(), 2, "{layout}");
        let receipts = apply(&place.database(), &set).await.unwrap();
        assert!(receipts.iter().all(|r| r.state == ReceiptState::Applied));
        assert!(place.database().plan(&set).await.unwrap().is_empty());
        let mut left = tables(&place.file()).await;
        left.retain(|table| !["users", "more", "_towpath_receipts"].contains(&table.as_str()));
        assert_eq!(left.first().map(String::as_str), *table, "{layout}");
        assert_eq!(kept(*layout, &place).await, *rows, "{layout}");
    }
}

/// A database in which a tool has applied the first migration.
const BEFORE: &[(Layout, &str)] = &[
    (
        Layout::GolangMigrate,
        "CREATE TABLE IF NOT EXISTS schema_migrations (version uint64,dirty bool);
         CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version);
         INSERT INTO schema_migrations (version, dirty) VALUES (1, false)",
    ),
    (
        Layout::Dbmate,
        "CREATE TABLE schema_migrations (version varchar(128) primary key);
         INSERT INTO schema_migrations (version) VALUES ('01')",
    ),
    (
        Layout::Goose,
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,
             is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
         INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (2, 0)",
    ),
    (
        Layout::Diesel,
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO __diesel_schema_migrations (version) VALUES ('01')",
    ),
];

#[tokio::test]
async fn what_a_tool_has_applied_is_adopted_and_its_table_goes_on() {
    for (layout, before) in BEFORE {
        let (place, set) = (Place::new(), set(*layout));
        execute(&place.file(), before).await;
        execute(&place.file(), "CREATE TABLE users (id)").await;
        let plan = place.database().plan(&set).await.unwrap();
        assert_eq!(plan.adopted, [1], "{layout}");
        assert_eq!(plan.pending.len(), 1, "{layout}");
        assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 1);
        let history = place.database().history().await.unwrap();
        let adopted = &history.receipts[&1];
        assert_eq!(adopted.applied_by, ADOPTED);
        assert_eq!(adopted.name, set.migrations()[0].name);
        assert!(place.database().plan(&set).await.unwrap().is_empty());
        let last = kept(*layout, &place).await.pop().unwrap();
        assert!(last.contains('2'), "{layout}: {last}");
    }
}

const REFINERY: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history(
             version INT4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));
INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
VALUES (1, 'users', '2026-01-01T12:00:00.123456789Z', '7')";

/// What refinery computes for the first migration, with a version of 32 or 64 bits.
fn checksum(version: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    "users".hash(&mut hasher);
    version.hash(&mut hasher);
    "CREATE TABLE users (id);".hash(&mut hasher);
    hasher.finish()
}

#[tokio::test]
async fn what_refinery_has_applied_is_adopted_by_its_checksum() {
    for checksum in [checksum(1i32), checksum(1i64)] {
        let (place, set) = (Place::new(), set(Layout::Refinery));
        execute(
            &place.file(),
            &REFINERY.replace("'7'", &format!("'{checksum}'")),
        )
        .await;
        execute(&place.file(), "CREATE TABLE users (id)").await;
        apply(&place.database(), &set).await.unwrap();
        let history = place.database().history().await.unwrap();
        assert_eq!(history.receipts[&1].applied_by, ADOPTED);
        assert_eq!(history.receipts[&1].applied_at_ms, 1_767_268_800_000);
        assert!(place.database().plan(&set).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_a_tool_has_undone_is_noticed_and_settled() {
    for (layout, undo) in [
        (
            Layout::GolangMigrate,
            "UPDATE schema_migrations SET version = 1",
        ),
        (
            Layout::Dbmate,
            "DELETE FROM schema_migrations WHERE version = '02'",
        ),
        (
            Layout::Goose,
            "DELETE FROM goose_db_version WHERE version_id = 2",
        ),
        (
            Layout::Refinery,
            "DELETE FROM refinery_schema_history WHERE version = 2",
        ),
        (
            Layout::Diesel,
            "DELETE FROM __diesel_schema_migrations WHERE version = '02'",
        ),
    ] {
        let (place, set) = (Place::new(), set(layout));
        apply(&place.database(), &set).await.unwrap();
        let rows = kept(layout, &place).await;
        execute(&place.file(), undo).await;
        execute(&place.file(), "DROP TABLE IF EXISTS more").await;
        let error = place.database().plan(&set).await.unwrap_err();
        assert!(
            matches!(error, PlanError::Unrecorded { version: 2, .. }),
            "{layout}: {error}"
        );
        let settle = async |settlement| {
            place
                .database()
                .settle(&set, 2, settlement, "a person", || 5)
                .await
                .unwrap();
        };
        settle(Settlement::Applied).await;
        assert_eq!(kept(layout, &place).await, rows, "{layout}");
        execute(&place.file(), undo).await;
        settle(Settlement::NotApplied).await;
        assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 1);
        assert_eq!(kept(layout, &place).await, rows, "{layout}");
    }
}

#[tokio::test]
async fn a_half_done_migration_is_settled_without_sqlx() {
    let place = Place::new();
    let file = (
        "1_half.sql",
        "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (x);\nCREATE TABLE a (x);\n",
    );
    let set = layout::parse(Layout::Goose, [file]).unwrap();
    apply(&place.database(), &set).await.unwrap_err();
    assert_eq!(kept(Layout::Goose, &place).await, ["0 1 19"]);
    place
        .database()
        .settle(&set, 1, Settlement::Applied, "a person", || 5)
        .await
        .unwrap();
    assert!(place.database().plan(&set).await.unwrap().is_empty());
    assert_eq!(kept(Layout::Goose, &place).await, ["0 1 19", "1 1 19"]);
}

async fn refused(layout: Layout, before: &str) -> String {
    let place = Place::new();
    execute(&place.file(), before).await;
    let error = place.database().plan(&set(layout)).await.unwrap_err();
    assert!(!error.remedy().is_empty());
    error.to_string()
}

#[tokio::test]
async fn a_history_that_disagrees_or_is_not_understood_is_refused() {
    let before = |layout| BEFORE.iter().find(|(l, _)| *l == layout).unwrap().1;
    let golang = before(Layout::GolangMigrate);
    let not_taken = |layout, table| {
        format!(
            "plan migrations laid out for {layout}: what {table} says in the database cannot be taken over"
        )
    };
    assert_eq!(
        refused(Layout::GolangMigrate, &golang.replace("false", "true")).await,
        "plan past migration 1 (users): schema_migrations recorded that it was begun, and nobody that it ended"
    );
    assert_eq!(
        refused(Layout::GolangMigrate, &golang.replace("1, f", "7, f")).await,
        "plan past migration 7: the database has it and the migration set has not"
    );
    assert_eq!(
        refused(
            Layout::Goose,
            &before(Layout::Goose).replace("(2, 0)", "(9, 1)")
        )
        .await,
        "plan past migration 9: the database has it and the migration set has not"
    );
    assert_eq!(
        refused(Layout::Dbmate, golang).await,
        not_taken("dbmate", "schema_migrations")
    );
    for text in ["'1'", "'setup'"] {
        assert_eq!(
            refused(
                Layout::Diesel,
                &before(Layout::Diesel).replace("'01'", text)
            )
            .await,
            not_taken("diesel", "__diesel_schema_migrations")
        );
    }
    assert_eq!(
        refused(Layout::Refinery, REFINERY).await,
        format!(
            "plan past migration 1 (users): its file was edited after it was applied (checksum 7 then, {} now)",
            checksum(1i32)
        )
    );
    let flyway = "CREATE TABLE flyway_schema_history (version); INSERT INTO flyway_schema_history VALUES ('1')";
    assert_eq!(
        refused(Layout::Flyway, flyway).await,
        not_taken("flyway", "flyway_schema_history")
    );
}

#[tokio::test]
async fn errors_name_the_line_of_the_file_and_the_way_of_its_tool() {
    let place = Place::new();
    let dbmate = |sql| layout::parse(Layout::Dbmate, [("1_a.sql", sql)]).unwrap();
    let vacuum = dbmate("-- why\n\n-- migrate:up\nVACUUM;\n-- migrate:down\n");
    let error = place.database().plan(&vacuum).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "run migration 1 (a): line 4, `VACUUM;`: this cannot run in a transaction"
    );
    assert_eq!(
        error.remedy(),
        "move it to a migration of its own that begins with `-- migrate:up transaction:false`"
    );
}
