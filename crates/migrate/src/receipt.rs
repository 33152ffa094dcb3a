//! What a database remembers of the migrations it has seen: our receipts, and the rows of the user's own tool.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Batched, Contract, Version, migration::is_named};

/// The table in which receipts are kept.
pub(crate) const TABLE: &str = "_towpath_receipts";

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
    /// It was being undone outside a transaction, and nobody has recorded an end.
    Undoing,
}

impl ReceiptState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ReceiptState::Started => "started",
            ReceiptState::Applied => "applied",
            ReceiptState::Undoing => "undoing",
        }
    }

    /// The state for a word in a receipt; anything else has not ended.
    pub(crate) fn recorded(word: &str) -> ReceiptState {
        match word {
            "applied" => ReceiptState::Applied,
            "undoing" => ReceiptState::Undoing,
            _ => ReceiptState::Started,
        }
    }
}

/// Proof that a migration was applied to this database, kept in the database itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The migration's version.
    pub version: Version,
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
    /// Whether that runs in one transaction.
    pub down_transactional: bool,
    /// How far it has come, while it is run statement by statement.
    pub progress: Option<Progress>,
}

impl Receipt {
    /// Whether it has begun step by step, and goes on when it is applied again.
    pub fn is_begun(&self) -> bool {
        self.state == ReceiptState::Started && self.progress.is_some()
    }
}

/// How far a migration has come that is run statement by statement, so that it can go on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How many of its statements are done.
    pub done: usize,
    /// SHA-256 of these statements: what follows them may still be corrected.
    pub checksum: String,
    /// What the schema was like before the statement that was begun and that nobody recorded as done.
    pub before: Option<String>,
    /// SQL that gives the session's variables the values that they had after these statements.
    pub variables: Option<String>,
    /// Where its one statement is run over ranges of a key: how far that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batched: Option<Batched>,
}

/// A row of the user's own migration tool, such as one of `_sqlx_migrations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NativeRow {
    /// The migration's version.
    pub version: Version,
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
    pub receipts: BTreeMap<Version, Receipt>,
    /// The rows of the user's own tool.
    pub native: BTreeMap<Version, NativeRow>,
    /// Tables with rows in which other tools keep what they have applied, and that were not read.
    pub unread: BTreeSet<&'static str>,
}

impl History {
    /// Whether nothing was ever applied, as far as the database remembers.
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.native.is_empty()
    }

    /// Our receipts in the order in which they were made: by their versions, where those have one, and otherwise by the time.
    pub fn in_order(&self) -> Vec<&Receipt> {
        let mut receipts: Vec<&Receipt> = self.receipts.values().collect();
        if receipts.iter().any(|receipt| is_named(receipt.version)) {
            receipts.sort_by_key(|receipt| (receipt.applied_at_ms, &receipt.name));
        }
        receipts
    }

    /// The latest version anybody has applied. Repeatable migrations come after every version, and are none.
    pub fn latest(&self) -> Option<Version> {
        let is_version = |version: &&Version| !version.is_repeatable();
        let receipt = self.receipts.keys().rfind(is_version);
        let native = self.native.keys().rfind(is_version);
        receipt.max(native).copied()
    }

    /// The latest version before this one that anybody has applied.
    pub(crate) fn before(&self, version: Version) -> Option<Version> {
        let receipt = self.receipts.range(..version).next_back();
        let native = self.native.range(..version).next_back();
        let receipt = receipt.map(|(version, _)| *version);
        receipt.max(native.map(|(version, _)| *version))
    }

    /// Whether anybody has applied this version.
    pub fn knows(&self, version: impl Into<Version>) -> bool {
        let version = version.into();
        self.receipts.contains_key(&version) || self.native.contains_key(&version)
    }

    /// The receipt of a version that has begun and goes on when it is applied again.
    pub fn begun(&self, version: impl Into<Version>) -> Option<&Receipt> {
        self.receipts
            .get(&version.into())
            .filter(|receipt| receipt.is_begun())
    }
}
