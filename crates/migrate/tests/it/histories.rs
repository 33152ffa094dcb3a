//! The tables in which tools remember what they have applied: ours to read, to keep in step, and to refuse.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use towpath_migrate::{ADOPTED, Layout, PlanError, ReceiptState, Settlement, layout};

use crate::{
    kit::{Place, apply, execute, tables, texts},
    layouts::set,
};

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
        Layout::Flyway => {
            "SELECT installed_rank || ' ' || version || ' ' || description || ' ' || type || ' ' || script || ' ' ||
                    typeof(checksum) || installed_by || '-' || success || ' ' || length(installed_on)
             FROM flyway_schema_history ORDER BY installed_rank"
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
        (
            Layout::Flyway,
            Some("flyway_schema_history"),
            &[
                "1 1 users SQL V1__users.sql integer-1 23",
                "2 2 vacuum SQL more/V2__vacuum.sql integer-1 23",
            ],
        ),
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
        let adopted = &history.receipts[&1.into()];
        assert_eq!(adopted.applied_by, ADOPTED);
        assert_eq!(adopted.name, set.migrations()[0].name);
        let native = place.database().history_for(&set).await.unwrap().native;
        assert_eq!(native.into_keys().collect::<Vec<_>>(), [1, 2], "{layout}");
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
        assert_eq!(history.receipts[&1.into()].applied_by, ADOPTED);
        assert_eq!(history.receipts[&1.into()].applied_at_ms, 1_767_268_800_000);
        assert!(place.database().plan(&set).await.unwrap().is_empty());
    }
}

/// The checksum of the first migration: CRC-32 of its one line.
const USERS: i32 = -557_348_090;

/// Flyway's table with rows of rank, version, type, checksum and success.
fn flyway(rows: &[(i32, &str, &str, i32, bool)]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|(rank, version, kind, checksum, success)| {
            format!("({rank}, {version}, 'users', '{kind}', 'a.sql', {checksum}, '', 5, {success})")
        })
        .collect();
    format!(
        r#"CREATE TABLE "main"."flyway_schema_history" (
    "installed_rank" INT NOT NULL PRIMARY KEY,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INT,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    "execution_time" INT NOT NULL,
    "success" BOOLEAN NOT NULL
);
CREATE INDEX "main"."flyway_schema_history_s_idx" ON "flyway_schema_history" ("success");
INSERT INTO flyway_schema_history
(installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES {}"#,
        rows.join(", ")
    )
}

#[tokio::test]
async fn what_flyway_has_applied_is_adopted_and_what_it_has_undone_is_not() {
    let (place, set) = (Place::new(), set(Layout::Flyway));
    let rows = flyway(&[
        (0, "NULL", "SCHEMA", 0, true),
        (1, "'1.0'", "SQL", USERS, true),
        (2, "'2'", "SQL", 9, true),
        (3, "'2'", "UNDO_SQL", 9, true),
    ]);
    execute(&place.file(), &rows).await;
    execute(&place.file(), "CREATE TABLE users (id)").await;
    let plan = place.database().plan(&set).await.unwrap();
    assert_eq!(
        (plan.adopted.as_slice(), plan.pending.len()),
        (&[1.into()][..], 1)
    );
    apply(&place.database(), &set).await.unwrap();
    let history = place.database().history().await.unwrap();
    assert_eq!(history.receipts[&1.into()].took_ms, 5);
    assert!(place.database().plan(&set).await.unwrap().is_empty());
    assert_eq!(kept(Layout::Flyway, &place).await.len(), 5);
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
            Layout::Flyway,
            "DELETE FROM flyway_schema_history WHERE version = '2'",
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
            matches!(error, PlanError::Unrecorded { version, .. } if version == 2),
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
    let nothing = before(Layout::Dbmate).replace("'01'", "NULL");
    assert_eq!(
        refused(Layout::Dbmate, &nothing).await,
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
    assert_eq!(
        refused(Layout::Flyway, &flyway(&[(1, "'1'", "SQL", 7, true)])).await,
        "plan past migration 1 (users): its file was edited after it was applied (checksum 7 then, -557348090 now)"
    );
    for (version, title) in [("'1.5'", "1.5 (users)"), ("NULL", "R__users")] {
        let row = (1, version, "SQL", 0, true);
        assert_eq!(
            refused(Layout::Flyway, &flyway(&[row])).await,
            format!(
                "plan past migration {title}: the database has it and the migration set has not"
            )
        );
    }
    assert_eq!(
        refused(Layout::Flyway, &flyway(&[(1, "'1'", "SQL", USERS, false)])).await,
        "plan past migration 1 (users): flyway_schema_history recorded that it was begun, and nobody that it ended"
    );
    for row in [
        (1, "'1'", "BASELINE", 0, true),
        (1, "'1.2.3.4.5.6.7.8'", "SQL", 0, true),
        (1, "NULL", "JDBC", 0, true),
        (1, "'1'", "JDBC", 0, true),
    ] {
        assert_eq!(
            refused(Layout::Flyway, &flyway(&[row])).await,
            not_taken("flyway", "flyway_schema_history")
        );
    }
}

#[tokio::test]
async fn a_table_that_only_has_the_name_of_a_tools_is_nobodys_business() {
    let place = Place::new();
    for layout in Layout::ALL {
        if layout != Layout::Sqlx {
            let table = match layout {
                Layout::GolangMigrate | Layout::Dbmate => "schema_migrations",
                Layout::Goose => "goose_db_version",
                Layout::Flyway => "flyway_schema_history",
                Layout::Refinery => "refinery_schema_history",
                _ => "__diesel_schema_migrations",
            };
            let sql =
                format!("CREATE TABLE IF NOT EXISTS {table} (a); INSERT INTO {table} VALUES (1)");
            execute(&place.file(), &sql).await;
        }
    }
    let sqlx = crate::kit::set(&[("1_a.sql", "CREATE TABLE a (x)")]);
    apply(&place.database(), &sqlx).await.unwrap();
    let error = place
        .database()
        .plan(&set(Layout::Goose))
        .await
        .unwrap_err();
    assert!(matches!(error, PlanError::OtherHistory { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_comes_between_is_not_taken_for_one_that_golang_migrate_has_applied() {
    let place = Place::new();
    let with = |names: &[&'static str]| {
        let files = names.iter().map(|name| (*name, "SELECT 1;"));
        layout::parse(Layout::GolangMigrate, files).unwrap()
    };
    apply(&place.database(), &with(&["1_a.up.sql", "3_c.up.sql"]))
        .await
        .unwrap();
    let between = with(&["1_a.up.sql", "2_b.up.sql", "3_c.up.sql"]);
    let error = place.database().plan(&between).await.unwrap_err();
    assert!(
        matches!(error, PlanError::OutOfOrder { version, .. } if version == 2),
        "{error}"
    );
    execute(&place.file(), "UPDATE schema_migrations SET version = 5").await;
    let later = with(&["1_a.up.sql", "3_c.up.sql", "4_d.up.sql", "5_e.up.sql"]);
    assert_eq!(place.database().plan(&later).await.unwrap().adopted, [4, 5]);
}
