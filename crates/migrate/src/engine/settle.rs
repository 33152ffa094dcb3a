//! Writing down what a person found where the schema and its records disagree, or what is in the schema already.

use super::{Connection, Engine, records};
use crate::{
    DatabaseError, History, Layout, Migration, MigrationSet, Receipt, ReceiptState, RecordError,
    SettleError, Settlement, Version, engine::Session, plan, schema::Schema, title,
};

impl Engine {
    pub(crate) async fn settle(
        &self,
        set: &MigrationSet,
        version: Version,
        settlement: Settlement,
        key: &str,
        now_ms: i64,
    ) -> Result<(), SettleError> {
        let mut session = Session::open(self, key, set, |_| {}).await?;
        let settled = settle(&mut session, set, version, settlement, key, now_ms).await;
        let closed = session.close().await;
        settled?;
        Ok(closed?)
    }

    /// Records what is there already: `compare` says whether it is, under the lock.
    pub(crate) async fn record(
        &self,
        set: &MigrationSet,
        version: Version,
        key: &str,
        now_ms: i64,
        compare: impl Fn(&Schema) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut session = Session::open(self, key, set, |_| {}).await?;
        let recorded = async {
            let plan = plan::decide(set, session.history().await?)?;
            let [migration] = plan.pending.as_slice() else {
                return Err(RecordError::NotNext { version });
            };
            if migration.version != version || plan.history.begun(version).is_some() {
                return Err(RecordError::NotNext { version });
            }
            compare(&self.schema().await?)?;
            let before = plan.history.before(version);
            let written = session.write(async |connection| {
                write(
                    connection,
                    set,
                    version,
                    before,
                    Some(migration),
                    key,
                    now_ms,
                )
                .await
            });
            Ok(written.await?)
        };
        let recorded = recorded.await;
        let closed = session.close().await;
        recorded?;
        Ok(closed?)
    }
}

impl Session {
    /// Keeps receipts, in place of those there may be, and forgets others.
    pub(crate) async fn keep(
        &mut self,
        set: &MigrationSet,
        receipts: &[Receipt],
        gone: &[Version],
    ) -> Result<(), DatabaseError> {
        self.write(async |connection| {
            records::create(connection, set.layout()).await?;
            for version in gone {
                records::forget(connection, set.layout(), *version, None).await?;
            }
            for receipt in receipts {
                records::put_receipt(connection, receipt).await?;
            }
            Ok(())
        })
        .await
    }
}

async fn settle(
    session: &mut Session,
    set: &MigrationSet,
    version: Version,
    settlement: Settlement,
    key: &str,
    now_ms: i64,
) -> Result<(), SettleError> {
    let history = session.history().await?;
    let called = || {
        let receipt = history.receipts.get(&version).map(|one| &one.name);
        let name = set.get(version).map(|one| &one.name).or(receipt);
        title(version, name.map_or("", String::as_str))
    };
    if !in_doubt(&history, version, set.layout(), settlement) {
        let migration = called();
        return Err(SettleError::NotInDoubt { migration });
    }
    let applied = match settlement {
        Settlement::NotApplied => None,
        Settlement::Applied => {
            let found = set.get(version);
            let migration = || SettleError::NotInSet {
                migration: called(),
            };
            Some(found.ok_or_else(migration)?)
        }
    };
    let before = history.before(version);
    session
        .write(async |connection| {
            write(connection, set, version, before, applied, key, now_ms).await
        })
        .await?;
    Ok(())
}

/// Of the project's own tool, which is asked elsewhere, a person says what it has taken back, and nothing else: what it has
/// applied it tells by itself.
fn in_doubt(history: &History, version: Version, layout: Layout, settlement: Settlement) -> bool {
    let receipt = history.receipts.get(&version);
    if layout == Layout::Command {
        return receipt.is_some() && settlement == Settlement::NotApplied;
    }
    let native = history.native.get(&version);
    receipt.is_some_and(|receipt| receipt.state != ReceiptState::Applied || native.is_none())
        || native.is_some_and(|row| !row.success)
}

async fn write(
    connection: &mut Connection,
    set: &MigrationSet,
    version: Version,
    before: Option<Version>,
    applied: Option<&Migration>,
    key: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    records::create(connection, set.layout()).await?;
    // Forgotten first, so that the checksums are those of the file that the person compared.
    records::forget(connection, set.layout(), version, before).await?;
    if let Some(migration) = applied {
        let receipt = records::receipt_for(migration, key, now_ms);
        records::put_with_receipt(connection, set.layout(), migration, &receipt).await?;
    }
    Ok(())
}
