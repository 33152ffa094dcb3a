//! Sets of other layouts than sqlx's on a real database: receipts alone, and no table of any tool.

use std::fs;

use towpath_migrate::{Layout, MigrationSet, ReceiptState, Settlement, layout};

use crate::kit::{Place, apply, execute, tables};

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
            ("1_users/up.sql", "CREATE TABLE users (id);"),
            ("1_users/down.sql", "DROP TABLE users;"),
            ("2_vacuum/up.sql", "VACUUM;"),
            ("2_vacuum/metadata.toml", "run_in_transaction = false"),
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

#[tokio::test]
async fn any_layout_is_applied_once_and_leaves_no_table_of_a_tool() {
    for layout in Layout::ALL {
        if layout == Layout::Sqlx {
            continue;
        }
        let (place, set) = (Place::new(), set(layout));
        assert_eq!(set.migrations().len(), 2, "{layout}");
        let receipts = apply(&place.database(), &set).await.unwrap();
        assert!(receipts.iter().all(|r| r.state == ReceiptState::Applied));
        assert!(place.database().plan(&set).await.unwrap().is_empty());
        let mut left = tables(&place.file()).await;
        left.retain(|table| table != "users" && table != "more");
        assert_eq!(left, ["_towpath_receipts"], "{layout}");
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
    execute(&place.file(), "DROP TABLE a").await;
    for settlement in [Settlement::NotApplied, Settlement::Applied] {
        place
            .database()
            .settle(&set, 1, settlement, "a person", || 5)
            .await
            .unwrap();
        if settlement == Settlement::NotApplied {
            apply(&place.database(), &set).await.unwrap_err();
        }
    }
    assert!(place.database().plan(&set).await.unwrap().is_empty());
    assert_eq!(tables(&place.file()).await, ["_towpath_receipts", "a"]);
}

#[tokio::test]
async fn what_a_tool_has_applied_before_is_refused() {
    let place = Place::new();
    let goose = set(Layout::Goose);
    execute(
        &place.file(),
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER);
         INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)",
    )
    .await;
    assert_eq!(
        place.database().plan(&goose).await.unwrap().pending.len(),
        2
    );
    execute(
        &place.file(),
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1)",
    )
    .await;
    let error = place.database().plan(&goose).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "plan migrations laid out for goose: the database has rows in goose_db_version, of which there are no receipts"
    );
    assert!(error.remedy().contains("let goose migrate this database"));
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
