//! What a database remembers of its migrations: our receipts, with every statement on their table, and beside them the
//! rows of the user's own tool (in `native`).

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{execute, native};
use crate::{
    ADOPTED, Contract, ContractKind, History, Layout, Migration, MigrationSet, NativeRow, Receipt,
    ReceiptState,
};

const TABLE: &str = "_towpath_receipts";

/// Whether a table is no part of a user's schema.
pub(super) fn is_record(table: &str) -> bool {
    table == TABLE
        || Layout::ALL
            .into_iter()
            .any(|layout| layout.history_table() == table)
}

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

/// Makes our table, and that of the tool that the set is laid out for, where they are missing.
pub(super) async fn create(
    connection: &mut SqliteConnection,
    layout: Layout,
) -> Result<(), sqlx::Error> {
    execute(connection, RECEIPTS).await?;
    native::create(connection, layout).await
}

/// Everything that is remembered, with the rows of the tool that the set is laid out for; of sqlx's without a set.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    set: Option<&MigrationSet>,
) -> Result<History, sqlx::Error> {
    let mut history = History::default();
    if has(connection, TABLE).await? {
        let rows = sqlx::query(
            "SELECT version, name, checksum, contract, because, state, applied_at_ms, took_ms, applied_by, down_sql
             FROM _towpath_receipts",
        );
        for row in rows.fetch_all(&mut *connection).await? {
            let receipt = receipt(&row)?;
            history.receipts.insert(receipt.version, receipt);
        }
    }
    let own = set.map_or(Layout::Sqlx, MigrationSet::layout);
    if has(connection, own.history_table()).await? {
        let mut strange = !native::is_its_own(connection, own).await?;
        if !strange {
            let recorded = native::read(connection, own, set, &history.receipts).await?;
            strange = recorded.unread;
            history.native = recorded.rows;
        }
        if strange {
            history.unread.insert(own.history_table());
        }
    }
    for layout in Layout::ALL {
        if layout.history_table() != own.history_table() {
            unread(connection, layout, &mut history).await?;
        }
    }
    Ok(history)
}

async fn unread(
    connection: &mut SqliteConnection,
    layout: Layout,
    history: &mut History,
) -> Result<(), sqlx::Error> {
    let table = layout.history_table();
    // A user may have a table of that name for something else.
    if has(connection, table).await?
        && native::is_its_own(connection, layout).await?
        && native::filled(connection, table).await?
    {
        history.unread.insert(table);
    }
    Ok(())
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

/// The receipt for a migration that the user's own tool has applied.
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

/// Forgets a version in our table and in that of the tool that the set is laid out for.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    set: &MigrationSet,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM _towpath_receipts WHERE version = ?1")
        .bind(version)
        .execute(&mut *connection)
        .await?;
    let before = set.migrations().iter().map(|m| m.version);
    let before = before.filter(|before| *before < version).max();
    native::forget(connection, set.layout(), version, before).await
}
