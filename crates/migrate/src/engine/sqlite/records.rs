//! The two tables in which a database remembers its migrations, and every statement on them.
//!
//! For a set of another layout than sqlx's, there is only ours: the tables of other tools are neither read nor written.
//!
//! `_sqlx_migrations` is sqlx's own (0.9, `sqlx-sqlite/src/migrate.rs`), written as sqlx writes it and always together
//! with our receipt, so that a service that runs `sqlx::migrate!` and the sqlx CLI find nothing left to do.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::execute;
use crate::{
    ADOPTED, Contract, ContractKind, History, Layout, Migration, NativeRow, Receipt, ReceiptState,
    digest,
};

/// Names that are no part of a user's schema.
pub(super) const TABLES: [&str; 2] = ["_towpath_receipts", "_sqlx_migrations"];

const RECEIPTS: &str = "
CREATE TABLE IF NOT EXISTS _towpath_receipts (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    contract TEXT NOT NULL,
    because TEXT,
    state TEXT NOT NULL CHECK (state IN ('started', 'applied')),
    applied_at_ms BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    applied_by TEXT NOT NULL,
    down_sql TEXT
);
";

const NATIVE: &str = "
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
";

/// Makes our table where it is missing, and sqlx's when the set is laid out for sqlx.
pub(super) async fn create(
    connection: &mut SqliteConnection,
    layout: Layout,
) -> Result<(), sqlx::Error> {
    execute(connection, RECEIPTS).await?;
    match layout {
        Layout::Sqlx => execute(connection, NATIVE).await,
        _ => Ok(()),
    }
}

/// What is remembered of all versions, or of one.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    version: Option<i64>,
) -> Result<History, sqlx::Error> {
    let mut history = History::default();
    if has(connection, "_towpath_receipts").await? {
        let rows = sqlx::query(
            "SELECT version, name, checksum, contract, because, state, applied_at_ms, took_ms, applied_by, down_sql
             FROM _towpath_receipts WHERE ?1 IS NULL OR version = ?1",
        );
        for row in rows.bind(version).fetch_all(&mut *connection).await? {
            let receipt = receipt(&row)?;
            history.receipts.insert(receipt.version, receipt);
        }
    }
    if has(connection, "_sqlx_migrations").await? {
        let rows = sqlx::query(
            "SELECT version, description, CAST(success AS INTEGER) AS success, lower(hex(checksum)) AS checksum,
                    CAST(coalesce(strftime('%s', installed_on), 0) AS INTEGER) * 1000 AS installed_at_ms,
                    max(execution_time, 0) / 1000000 AS took_ms
             FROM _sqlx_migrations WHERE ?1 IS NULL OR version = ?1",
        );
        for row in rows.bind(version).fetch_all(&mut *connection).await? {
            let native = native(&row)?;
            history.native.insert(native.version, native);
        }
    }
    for layout in Layout::ALL {
        let table = layout.history_table();
        if layout != Layout::Sqlx
            && has(connection, table).await?
            && filled(connection, table).await?
        {
            history.unread.insert(table);
        }
    }
    Ok(history)
}

async fn filled(
    connection: &mut SqliteConnection,
    table: &'static str,
) -> Result<bool, sqlx::Error> {
    // Goose puts a row for version 0 into a table that it has just made.
    let rows = match table {
        "goose_db_version" => "goose_db_version WHERE version_id > 0",
        table => table,
    };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {rows})");
    // Nothing in it comes from outside.
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
}

async fn has(connection: &mut SqliteConnection, table: &str) -> Result<bool, sqlx::Error> {
    let found: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1")
            .bind(table)
            .fetch_one(connection)
            .await?;
    Ok(found > 0)
}

fn receipt(row: &SqliteRow) -> Result<Receipt, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let contract: String = row.try_get("contract")?;
    Ok(Receipt {
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        checksum: row.try_get("checksum")?,
        contract: Contract {
            kind: ContractKind::recorded(&contract),
            because: row.try_get("because")?,
        },
        state: match state.as_str() {
            "applied" => ReceiptState::Applied,
            _ => ReceiptState::Started,
        },
        applied_at_ms: row.try_get("applied_at_ms")?,
        took_ms: row.try_get("took_ms")?,
        applied_by: row.try_get("applied_by")?,
        down: row.try_get("down_sql")?,
    })
}

fn native(row: &SqliteRow) -> Result<NativeRow, sqlx::Error> {
    Ok(NativeRow {
        version: row.try_get("version")?,
        description: row.try_get("description")?,
        success: row.try_get::<i64, _>("success")? != 0,
        checksum: row.try_get("checksum")?,
        installed_at_ms: row.try_get("installed_at_ms")?,
        took_ms: row.try_get("took_ms")?,
    })
}

/// The receipt for a migration that is being applied.
pub(super) fn receipt_for(migration: &Migration, key: &str, applied_at_ms: i64) -> Receipt {
    Receipt {
        version: migration.version,
        name: migration.name.clone(),
        checksum: migration.checksum.clone(),
        contract: migration.contract.clone(),
        state: ReceiptState::Applied,
        applied_at_ms,
        took_ms: 0,
        applied_by: key.to_owned(),
        down: migration.down.clone(),
    }
}

/// The receipt for a migration that sqlx has applied.
pub(super) fn adopted(migration: &Migration, row: &NativeRow) -> Receipt {
    Receipt {
        took_ms: row.took_ms,
        ..receipt_for(migration, ADOPTED, row.installed_at_ms)
    }
}

/// Writes a receipt, in place of the one there may be.
pub(super) async fn put_receipt(
    connection: &mut SqliteConnection,
    receipt: &Receipt,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO _towpath_receipts
         (version, name, checksum, contract, because, state, applied_at_ms, took_ms, applied_by, down_sql)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(receipt.version)
    .bind(&receipt.name)
    .bind(&receipt.checksum)
    .bind(receipt.contract.kind.as_str())
    .bind(&receipt.contract.because)
    .bind(receipt.state.as_str())
    .bind(receipt.applied_at_ms)
    .bind(receipt.took_ms)
    .bind(&receipt.applied_by)
    .bind(&receipt.down)
    .execute(connection)
    .await
    .map(drop)
}

/// Writes the row of the tool that the set is laid out for: only sqlx's is kept. Updates the one there
/// may be, which keeps its `installed_on`.
pub(super) async fn put_native(
    connection: &mut SqliteConnection,
    layout: Layout,
    migration: &Migration,
    success: bool,
    took_ms: i64,
) -> Result<(), sqlx::Error> {
    if layout != Layout::Sqlx {
        return Ok(());
    }
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

/// Forgets a version in the tables that are kept for the layout.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    layout: Layout,
    version: i64,
) -> Result<(), sqlx::Error> {
    const OURS: &str = "DELETE FROM _towpath_receipts WHERE version = ?1";
    const SQLX: &str = "DELETE FROM _sqlx_migrations WHERE version = ?1";
    let kept: &[&'static str] = match layout {
        Layout::Sqlx => &[OURS, SQLX],
        _ => &[OURS],
    };
    for sql in kept.iter().copied() {
        sqlx::query(sql)
            .bind(version)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
