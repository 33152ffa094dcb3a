//! What a database remembers of the migrations it has seen: our receipts, and the rows of the user's own tool.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Contract;

/// The `applied_by` of a receipt for a migration that the user's own tool had applied.
pub const ADOPTED: &str = "adopted";

/// How far a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptState {
    /// It was begun outside a transaction, and nobody has recorded an end.
    Started,
    /// It is in the schema.
    Applied,
}

impl ReceiptState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ReceiptState::Started => "started",
            ReceiptState::Applied => "applied",
        }
    }
}

/// Proof that a migration was applied to this database, kept in the database itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The migration's version.
    pub version: i64,
    /// The migration's name at that time.
    pub name: String,
    /// SHA-256 of the SQL that was run, in hexadecimal.
    pub checksum: String,
    /// The contract it declared.
    pub contract: Contract,
    /// How far it has come.
    pub state: ReceiptState,
    /// When it was begun, in milliseconds since 1970.
    pub applied_at_ms: i64,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The key of whoever applied it, or [`ADOPTED`].
    pub applied_by: String,
    /// The SQL that undoes it, as it was at that time: a later release may lack it.
    pub down: Option<String>,
}

/// A row of the user's own migration tool, such as one of `_sqlx_migrations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NativeRow {
    /// The migration's version.
    pub version: i64,
    /// What the tool calls it.
    pub description: String,
    /// Whether it ran to its end.
    pub success: bool,
    /// The tool's own checksum (sqlx: SHA-384 in hexadecimal), where it keeps one.
    pub checksum: Option<String>,
    /// When, in milliseconds since 1970; 0 where the tool does not say.
    pub installed_at_ms: i64,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}

/// Everything a database remembers, oldest version first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// Our receipts.
    pub receipts: BTreeMap<i64, Receipt>,
    /// The rows of the user's own tool.
    pub native: BTreeMap<i64, NativeRow>,
    /// Tables with rows in which other tools keep what they have applied, and that were not read.
    pub unread: BTreeSet<&'static str>,
}

impl History {
    /// Whether nothing was ever applied, as far as the database remembers.
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.native.is_empty()
    }

    /// The latest version anybody has applied.
    pub fn latest(&self) -> Option<i64> {
        let receipt = self.receipts.keys().next_back();
        let native = self.native.keys().next_back();
        receipt.max(native).copied()
    }

    /// Whether anybody has applied this version.
    pub fn knows(&self, version: i64) -> bool {
        self.receipts.contains_key(&version) || self.native.contains_key(&version)
    }

    /// Versions the user's own tool applied and that have no receipt yet.
    pub(crate) fn unadopted(&self) -> impl Iterator<Item = &NativeRow> {
        self.native
            .values()
            .filter(|row| !self.receipts.contains_key(&row.version))
    }
}
