//! Writing down what a person found where the schema and its records disagree.

use sqlx::SqliteConnection;

use super::{Sqlite, execute, lock::Lock, native, records};
use crate::{History, Migration, MigrationSet, ReceiptState, SettleError, Settlement};

impl Sqlite {
    pub(in crate::engine) async fn settle(
        &self,
        set: &MigrationSet,
        version: i64,
        settlement: Settlement,
        key: &str,
        now_ms: i64,
    ) -> Result<(), SettleError> {
        self.prepare_folder()?;
        let _lock = Lock::take(&self.path, key, self.patience, |_| {}).await?;
        if !in_doubt(&self.history(Some(set)).await?, version) {
            return Err(SettleError::NotInDoubt { version });
        }
        let applied = match settlement {
            Settlement::NotApplied => None,
            Settlement::Applied => Some(set.get(version).ok_or(SettleError::NotInSet { version })?),
        };
        let mut connection = self.writer().await?;
        let written = write(&mut connection, set, version, applied, key, now_ms).await;
        let written = written.map_err(|error| self.error(&error));
        self.close(connection).await?;
        Ok(written?)
    }
}

fn in_doubt(history: &History, version: i64) -> bool {
    let receipt = history.receipts.get(&version);
    let native = history.native.get(&version);
    receipt.is_some_and(|receipt| receipt.state == ReceiptState::Started || native.is_none())
        || native.is_some_and(|row| !row.success)
}

async fn write(
    connection: &mut SqliteConnection,
    set: &MigrationSet,
    version: i64,
    applied: Option<&Migration>,
    key: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    execute(connection, "BEGIN IMMEDIATE").await?;
    records::create(connection, set.layout()).await?;
    // Forgotten first, so that the checksums are those of the file that the person compared.
    records::forget(connection, set, version).await?;
    if let Some(migration) = applied {
        let receipt = records::receipt_for(migration, key, now_ms);
        records::put_receipt(connection, &receipt).await?;
        native::put(connection, set.layout(), migration, true, 0).await?;
    }
    execute(connection, "COMMIT").await
}
