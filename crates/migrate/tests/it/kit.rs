//! What every test needs: a folder with a database that is to be, sets from text, a clock, a look into the file.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;
use towpath_migrate::{ApplyError, Database, Layout, MigrationSet, Receipt, layout};

/// A folder of its own with room for a database.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self) -> PathBuf {
        self.path("app.db")
    }

    pub fn database(&self) -> Database {
        database_at(&self.file())
    }

    /// Names in the folder, sorted.
    pub fn listing(&self) -> Vec<String> {
        listing(self.folder.path())
    }

    /// Writes a set's files to a folder and names it.
    pub fn migrations(&self, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.path("migrations");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, sql) in files {
            std::fs::write(folder.join(name), sql).unwrap();
        }
        folder
    }
}

pub fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

pub fn database_at(file: &Path) -> Database {
    Database::open(&url(file))
        .unwrap()
        .create_if_missing()
        .patience(Duration::from_secs(20))
}

pub fn set(files: &[(&str, &str)]) -> MigrationSet {
    layout::sqlx::parse(files.iter().copied()).unwrap()
}

/// A clock that goes on by a second whenever it is asked.
pub fn clock() -> impl Fn() -> i64 + Send + Sync {
    let now = AtomicI64::new(1_790_000_000_000);
    move || now.fetch_add(1000, Ordering::Relaxed)
}

/// Plans and applies.
pub async fn apply(database: &Database, set: &MigrationSet) -> Result<Vec<Receipt>, ApplyError> {
    let plan = database.plan(set).await?;
    database.apply(&plan, "key", clock(), |_| {}).await
}

/// A connection as a service has one.
pub async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .unwrap()
}

/// Runs SQL as a service would, creating the file if need be.
pub async fn execute(file: &Path, sql: &str) {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// The first column of a query's rows, as text.
pub async fn texts(file: &Path, sql: &str) -> Vec<String> {
    let mut connection = connect(file).await;
    let rows = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows
}

/// The tables of the user's schema, sorted.
pub async fn tables(file: &Path) -> Vec<String> {
    texts(
        file,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
    )
    .await
}

/// Two migrations in a layout: a set with the first, and one with both. All but refinery's can be undone, of Flyway's the
/// first.
pub fn two_of(layout: Layout) -> [MigrationSet; 2] {
    let (up, down, more) = (
        "CREATE TABLE a (x int);",
        "DROP TABLE a;",
        "CREATE TABLE b (x int);",
    );
    let files: Vec<(&str, String)> = match layout {
        Layout::Sqlx | Layout::GolangMigrate => vec![
            ("1_a.up.sql", up.into()),
            ("1_a.down.sql", down.into()),
            ("2_b.up.sql", more.into()),
            ("2_b.down.sql", "DROP TABLE b;".into()),
        ],
        Layout::Dbmate => vec![
            (
                "01_a.sql",
                format!("-- migrate:up\n{up}\n-- migrate:down\n{down}\n"),
            ),
            (
                "02_b.sql",
                format!("-- migrate:up\n{more}\n-- migrate:down\n"),
            ),
        ],
        Layout::Goose => vec![
            (
                "1_a.sql",
                format!("-- +goose Up\n{up}\n-- +goose Down\n{down}\n"),
            ),
            ("2_b.sql", format!("-- +goose Up\n{more}\n")),
        ],
        Layout::Flyway => vec![
            ("V1__a.sql", up.into()),
            ("U1__a.sql", down.into()),
            ("V2__b.sql", more.into()),
        ],
        Layout::Refinery => vec![("V1__a.sql", up.into()), ("V2__b.sql", more.into())],
        Layout::Diesel => vec![
            ("01_a/up.sql", up.into()),
            ("01_a/down.sql", down.into()),
            ("02_b/up.sql", more.into()),
            ("02_b/down.sql", "DROP TABLE b;".into()),
        ],
        other => panic!("no files for {other}"),
    };
    let first = files
        .iter()
        .filter(|(name, _)| name.contains("1_"))
        .cloned();
    let first = layout::parse(layout, first.collect::<Vec<_>>()).unwrap();
    [first, layout::parse(layout, files).unwrap()]
}
