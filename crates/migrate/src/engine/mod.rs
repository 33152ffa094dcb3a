//! The databases that migrations can be applied to: a file or folder per engine, joined by one enum.
//!
//! To add one: its module, a variant here, and an arm in each method; the compiler names the places.

mod sqlite;

use std::{path::Path, time::Duration};

use crate::{
    ApplyError, DatabaseError, History, Layout, Migration, MigrationSet, Plan, Receipt,
    ScriptError, SettleError, Settlement, Snapshot, SnapshotError,
};

/// A database of some engine.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    Sqlite(sqlite::Sqlite),
}

impl Engine {
    pub(crate) fn open(folder: &Path, url: &str) -> Result<Engine, DatabaseError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => sqlite::Sqlite::open(folder, url).map(Engine::Sqlite),
            Some((scheme, _))
                if scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+') =>
            {
                Err(DatabaseError::Engine {
                    scheme: scheme.to_owned(),
                })
            }
            _ => Err(DatabaseError::Url {
                problem: "it names no engine".into(),
            }),
        }
    }

    pub(crate) fn create_if_missing(&mut self) {
        let Engine::Sqlite(sqlite) = self;
        sqlite.create_if_missing();
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        let Engine::Sqlite(sqlite) = self;
        sqlite.set_patience(patience);
    }

    pub(crate) fn check(&self, layout: Layout, migration: &Migration) -> Result<(), ScriptError> {
        let Engine::Sqlite(_) = self;
        sqlite::check(layout, migration)
    }

    pub(crate) async fn history(
        &self,
        set: Option<&MigrationSet>,
    ) -> Result<History, DatabaseError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.history(set).await
    }

    /// Takes the lock, and makes the database if that is allowed.
    pub(crate) async fn session(
        &self,
        key: &str,
        set: &MigrationSet,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Session, ApplyError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.session(key, set, on_wait).await.map(Session::Sqlite)
    }

    pub(crate) async fn settle(
        &self,
        set: &MigrationSet,
        version: i64,
        settlement: Settlement,
        key: &str,
        now_ms: i64,
    ) -> Result<(), SettleError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.settle(set, version, settlement, key, now_ms).await
    }

    pub(crate) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.snapshot(to).await
    }

    pub(crate) async fn restore(&self, from: &Path, key: &str) -> Result<(), SnapshotError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.restore(from, key).await
    }

    pub(crate) async fn schema_fingerprint(&self) -> Result<String, DatabaseError> {
        let Engine::Sqlite(sqlite) = self;
        sqlite.schema_fingerprint().await
    }
}

/// The sole right to change a database's schema, until it is dropped.
pub(crate) enum Session {
    Sqlite(sqlite::Session),
}

impl Session {
    pub(crate) async fn history(&self) -> Result<History, DatabaseError> {
        let Session::Sqlite(session) = self;
        session.history().await
    }

    /// Gives receipts to what the user's own tool has applied.
    pub(crate) async fn adopt(&self, plan: &Plan) -> Result<(), DatabaseError> {
        let Session::Sqlite(session) = self;
        session.adopt(plan).await
    }

    /// Runs a migration, unless somebody without our lock has just done so.
    pub(crate) async fn apply(
        &mut self,
        migration: &Migration,
        key: &str,
        now: &(impl Fn() -> i64 + Sync),
    ) -> Result<Receipt, ApplyError> {
        let Session::Sqlite(session) = self;
        session.apply(migration, key, now).await
    }
}
