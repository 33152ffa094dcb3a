//! Folders in each tool's layout, and the errors that speak of them.

use std::fs;

use towpath_migrate::{Layout, MigrationSet, layout};

use crate::kit::Place;

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

/// The set of those files.
pub fn set(layout: Layout) -> MigrationSet {
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
