//! The tables in which the users' own tools remember what they have applied, and every statement on them.
//!
//! Each is made and written as its tool does it, always together with our receipt, so that the tool finds nothing left
//! to do; and each is read, so that what the tool has applied is not applied again:
//!
//! * sqlx (0.9, `sqlx-sqlite/src/migrate.rs`): a row for each version, with a checksum and whether it ended.
//! * golang-migrate (4, `database/sqlite3`): one row with the latest version and whether it is `dirty`. That it is there
//!   means that every version before it is applied.
//! * dbmate (2, `pkg/driver/sqlite`) and Diesel (2, `setup_migration_table.sql`): a row for each version, as text.
//! * goose (3, `internal/dialects/sqlite3.go`): rows in the order of what was done; the last of a version counts. Version
//!   0 is there from the beginning.
//! * refinery (0.8, `refinery_core/src/traits`): a row for each version, with a checksum.
//! * Flyway: see `flyway`.
//!
//! Where a tool keeps no checksum, the file is believed to be what was applied.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{execute, flyway};
use crate::{Layout, Migration, MigrationSet, NativeRow, Receipt, digest};

const SQLX: &str = "
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
";

const GOLANG_MIGRATE: &str = "
CREATE TABLE IF NOT EXISTS schema_migrations (version uint64,dirty bool);
CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version);
";

const DBMATE: &str =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) primary key)";

const GOOSE: &str = "
CREATE TABLE IF NOT EXISTS goose_db_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL,
    is_applied INTEGER NOT NULL,
    tstamp TIMESTAMP DEFAULT (datetime('now'))
);
INSERT INTO goose_db_version (version_id, is_applied)
SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM goose_db_version);
";

const DIESEL: &str = "
CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
";

const REFINERY: &str = "
CREATE TABLE IF NOT EXISTS refinery_schema_history(
             version INT4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));
";

/// Makes the table of a layout's tool where it is missing.
pub(super) async fn create(
    connection: &mut SqliteConnection,
    layout: Layout,
) -> Result<(), sqlx::Error> {
    match layout {
        Layout::Sqlx => execute(connection, SQLX).await,
        Layout::GolangMigrate => execute(connection, GOLANG_MIGRATE).await,
        Layout::Dbmate => execute(connection, DBMATE).await,
        Layout::Goose => execute(connection, GOOSE).await,
        Layout::Diesel => execute(connection, DIESEL).await,
        Layout::Refinery => execute(connection, REFINERY).await,
        Layout::Flyway => flyway::create(connection).await,
    }
}

/// Whether a layout's table, which is there, is the one that its tool makes. Golang-migrate and dbmate have tables of the
/// same name, and others may have one as well.
pub(super) async fn is_its_own(
    connection: &mut SqliteConnection,
    layout: Layout,
) -> Result<bool, sqlx::Error> {
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
        .bind(layout.history_table())
        .fetch_all(connection)
        .await?;
    let has = |column: &str| columns.iter().any(|name| name == column);
    Ok(match layout {
        Layout::Sqlx => true,
        Layout::Flyway => ["installed_rank", "version", "type", "checksum", "success"]
            .into_iter()
            .all(has),
        Layout::GolangMigrate => has("version") && has("dirty"),
        Layout::Dbmate => has("version") && !has("dirty"),
        Layout::Goose => has("id") && has("version_id") && has("is_applied") && has("tstamp"),
        Layout::Diesel => has("version") && has("run_on"),
        Layout::Refinery => ["version", "name", "applied_on", "checksum"]
            .into_iter()
            .all(has),
    })
}

/// What a tool has recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) rows: BTreeMap<i64, NativeRow>,
    /// Whether there are rows that cannot be read.
    pub(super) unread: bool,
}

/// Reads the table of a layout's tool. Versions that a row stands for without naming them are those of `set`, as far as
/// the receipts do not say otherwise.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    layout: Layout,
    set: Option<&MigrationSet>,
    receipts: &BTreeMap<i64, Receipt>,
) -> Result<Recorded, sqlx::Error> {
    let sql = match layout {
        Layout::Sqlx => {
            "SELECT CAST(version AS TEXT) AS version, description, CAST(success AS INTEGER) AS success,
                    lower(hex(checksum)) AS checksum,
                    CAST(coalesce(strftime('%s', installed_on), 0) AS INTEGER) * 1000 AS installed_at_ms,
                    max(execution_time, 0) / 1000000 AS took_ms
             FROM _sqlx_migrations"
        }
        Layout::GolangMigrate => {
            "SELECT coalesce(CAST(version AS TEXT), '') AS version, '' AS description,
                    coalesce(dirty, 0) NOT IN (1, 'true') AS success,
                    NULL AS checksum, 0 AS installed_at_ms, 0 AS took_ms
             FROM schema_migrations WHERE coalesce(version, 0) >= 0 OR dirty IN (1, 'true')"
        }
        Layout::Dbmate => {
            "SELECT coalesce(CAST(version AS TEXT), '') AS version, '' AS description, 1 AS success,
                    NULL AS checksum, 0 AS installed_at_ms, 0 AS took_ms
             FROM schema_migrations"
        }
        Layout::Goose => {
            "SELECT CAST(version_id AS TEXT) AS version, '' AS description, 1 AS success, NULL AS checksum,
                    CAST(coalesce(strftime('%s', tstamp), 0) AS INTEGER) * 1000 AS installed_at_ms, 0 AS took_ms
             FROM goose_db_version AS row
             WHERE version_id > 0 AND is_applied
                   AND id = (SELECT max(id) FROM goose_db_version WHERE version_id = row.version_id)"
        }
        Layout::Diesel => {
            "SELECT coalesce(CAST(version AS TEXT), '') AS version, '' AS description, 1 AS success, NULL AS checksum,
                    CAST(coalesce(strftime('%s', run_on), 0) AS INTEGER) * 1000 AS installed_at_ms, 0 AS took_ms
             FROM __diesel_schema_migrations"
        }
        Layout::Refinery => {
            "SELECT coalesce(CAST(version AS TEXT), '') AS version, coalesce(name, '') AS description,
                    1 AS success, checksum,
                    CAST(coalesce(strftime('%s', applied_on), 0) AS INTEGER) * 1000 AS installed_at_ms, 0 AS took_ms
             FROM refinery_schema_history"
        }
        Layout::Flyway => return flyway::read(connection).await,
    };
    let mut recorded = Recorded::default();
    for row in sqlx::query(sql).fetch_all(connection).await? {
        match native(&row)? {
            Some(native) => {
                recorded.unread |= differs(layout, set, native.version, &row.try_get("version")?);
                recorded.rows.insert(native.version, native);
            }
            None => recorded.unread = true,
        }
    }
    if let Some(set) = set {
        complete(&mut recorded.rows, layout, set, receipts);
    }
    Ok(recorded)
}

/// Whether a tool that compares text would not take the row for that of the file.
fn differs(layout: Layout, set: Option<&MigrationSet>, version: i64, text: &String) -> bool {
    let text_counts = matches!(layout, Layout::Dbmate | Layout::Diesel);
    let migration = set.and_then(|set| set.get(version));
    text_counts && migration.is_some_and(|migration| migration.written != *text)
}

/// `None` when the version is no number of ours.
fn native(row: &SqliteRow) -> Result<Option<NativeRow>, sqlx::Error> {
    let version: String = row.try_get("version")?;
    let Ok(version) = version.parse() else {
        return Ok(None);
    };
    Ok(Some(NativeRow {
        version,
        description: row.try_get("description")?,
        success: row.try_get::<i64, _>("success")? != 0,
        checksum: row.try_get("checksum")?,
        installed_at_ms: row.try_get("installed_at_ms")?,
        took_ms: row.try_get("took_ms")?,
    }))
}

/// Adds what tools leave to their files: names, and with golang-migrate the versions before the one it records.
fn complete(
    rows: &mut BTreeMap<i64, NativeRow>,
    layout: Layout,
    set: &MigrationSet,
    receipts: &BTreeMap<i64, Receipt>,
) {
    if layout == Layout::GolangMigrate
        && let Some(latest) = rows.keys().next_back().copied()
    {
        // A file that came between those with receipts was never applied: golang-migrate only goes forward.
        let receipted = receipts.keys().next_back().copied();
        let stood_for = |m: &&Migration| {
            m.version < latest
                && (receipts.contains_key(&m.version) || receipted.is_none_or(|r| m.version > r))
        };
        for migration in set.migrations().iter().filter(stood_for) {
            rows.entry(migration.version).or_insert_with(|| NativeRow {
                version: migration.version,
                description: String::new(),
                success: true,
                checksum: None,
                installed_at_ms: 0,
                took_ms: 0,
            });
        }
    }
    for row in rows.values_mut().filter(|row| row.checksum.is_none()) {
        if let Some(migration) = set.get(row.version) {
            row.description.clone_from(&migration.name);
        }
    }
}

/// Whether another tool's table has rows.
pub(super) async fn filled(
    connection: &mut SqliteConnection,
    table: &'static str,
) -> Result<bool, sqlx::Error> {
    let rows = match table {
        "goose_db_version" => "goose_db_version WHERE version_id > 0",
        table => table,
    };
    // Nothing in it comes from outside.
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {rows})");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
}

/// Records a migration as its tool does: before it, when it runs outside a transaction and the tool can say so, and
/// after it.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    layout: Layout,
    migration: &Migration,
    success: bool,
    took_ms: i64,
) -> Result<(), sqlx::Error> {
    match layout {
        Layout::Sqlx => put_sqlx(connection, migration, success, took_ms).await,
        Layout::GolangMigrate => put_golang_migrate(connection, migration.version, !success).await,
        Layout::Flyway => flyway::put(connection, migration, success, took_ms).await,
        _ if success => put_success(connection, layout, migration).await,
        _ => Ok(()),
    }
}

/// Writes sqlx's row, or updates the one there may be, which keeps its `installed_on`.
async fn put_sqlx(
    connection: &mut SqliteConnection,
    migration: &Migration,
    success: bool,
    took_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (version) DO UPDATE SET success = excluded.success, execution_time = excluded.execution_time",
    )
    .bind(migration.version)
    .bind(&migration.name)
    .bind(success)
    .bind(digest::sha384(migration.up.as_bytes()))
    // Nanoseconds, as sqlx has it; our clock has milliseconds.
    .bind(took_ms.saturating_mul(1_000_000))
    .execute(connection)
    .await
    .map(drop)
}

/// Moves golang-migrate's one row forward, never back.
async fn put_golang_migrate(
    connection: &mut SqliteConnection,
    version: i64,
    dirty: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM schema_migrations WHERE version <= ?1")
        .bind(version)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO schema_migrations (version, dirty)
         SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM schema_migrations)",
    )
    .bind(version)
    .bind(dirty)
    .execute(connection)
    .await
    .map(drop)
}

async fn put_success(
    connection: &mut SqliteConnection,
    layout: Layout,
    migration: &Migration,
) -> Result<(), sqlx::Error> {
    let query = match layout {
        Layout::Goose => {
            sqlx::query("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?1, 1)")
                .bind(migration.version)
        }
        Layout::Diesel => {
            sqlx::query("INSERT OR IGNORE INTO __diesel_schema_migrations (version) VALUES (?1)")
                .bind(&migration.written)
        }
        Layout::Refinery => {
            let checksums = layout.checksums(migration, &migration.up);
            sqlx::query(
                "INSERT OR IGNORE INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?3)",
            )
            .bind(migration.version)
            .bind(&migration.name)
            .bind(checksums.into_iter().next())
        }
        _ => sqlx::query("INSERT OR IGNORE INTO schema_migrations (version) VALUES (?1)")
            .bind(&migration.written),
    };
    query.execute(connection).await.map(drop)
}

/// Forgets a version. `before` is the one that comes before it in its set.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    layout: Layout,
    version: i64,
    before: Option<i64>,
) -> Result<(), sqlx::Error> {
    let sql = match layout {
        Layout::Sqlx => "DELETE FROM _sqlx_migrations WHERE version = ?1",
        Layout::GolangMigrate => "DELETE FROM schema_migrations WHERE version = ?1",
        Layout::Dbmate => "DELETE FROM schema_migrations WHERE CAST(version AS INTEGER) = ?1",
        Layout::Goose => "DELETE FROM goose_db_version WHERE version_id = ?1",
        Layout::Diesel => {
            "DELETE FROM __diesel_schema_migrations WHERE CAST(version AS INTEGER) = ?1"
        }
        Layout::Refinery => "DELETE FROM refinery_schema_history WHERE version = ?1",
        Layout::Flyway => return flyway::forget(connection, version).await,
    };
    let done = sqlx::query(sql).bind(version).execute(&mut *connection);
    let forgotten = done.await?.rows_affected() > 0;
    match before {
        Some(before) if layout == Layout::GolangMigrate && forgotten => {
            put_golang_migrate(connection, before, false).await
        }
        _ => Ok(()),
    }
}
