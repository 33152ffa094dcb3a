//! What a statement does to running code, as values: effects with their reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ContractKind;

/// One thing that a statement does. A statement can do several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Effect {
    /// The code of before keeps working.
    Expand,
    /// Rows change and the schema does not.
    Data,
    /// The code of before breaks, or may.
    Contract,
    /// Something is lost that no later statement brings back.
    Irreversible,
    /// Others wait: a lock is held for as long as a table is large, or a table is rewritten.
    Blocking,
    /// Nothing can be said; never to be read as harmless.
    Unknown,
}

impl Effect {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Expand => "expand",
            Effect::Data => "data",
            Effect::Contract => "contract",
            Effect::Irreversible => "irreversible",
            Effect::Blocking => "blocking",
            Effect::Unknown => "unknown",
        }
    }

    /// The contract that it amounts to. Waiting breaks no contract.
    pub(super) fn kind(self) -> ContractKind {
        match self {
            Effect::Expand | Effect::Blocking => ContractKind::Expand,
            Effect::Data => ContractKind::Data,
            Effect::Contract => ContractKind::Contract,
            Effect::Irreversible => ContractKind::Irreversible,
            Effect::Unknown => ContractKind::Unknown,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a contract asks of the one who goes back; the order of [`ContractKind`]'s variants is another.
fn rank(kind: ContractKind) -> u8 {
    match kind {
        ContractKind::Expand => 0,
        ContractKind::Data => 1,
        ContractKind::Contract => 2,
        ContractKind::Irreversible => 3,
        ContractKind::Unknown => 4,
    }
}

/// The worst of some contracts; nothing at all only adds.
pub(super) fn worst(kinds: impl Iterator<Item = ContractKind>) -> ContractKind {
    kinds
        .max_by_key(|kind| rank(*kind))
        .unwrap_or(ContractKind::Expand)
}

/// An effect, why it is so, and what would avoid it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What the statement does.
    pub effect: Effect,
    /// Why, in plain words: "old code that inserts without `email` is refused".
    pub reason: String,
    /// What to write instead, where there is something.
    pub remedy: Option<String>,
}

impl Finding {
    /// Says what to write instead.
    pub(super) fn remedy(&mut self, remedy: impl Into<String>) {
        self.remedy = Some(remedy.into());
    }
}

/// The findings of one statement while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, effect: Effect, reason: impl Into<String>) -> &mut Finding {
        self.0.push(Finding {
            effect,
            reason: reason.into(),
            remedy: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    pub(super) fn expand(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Expand, reason)
    }

    pub(super) fn data(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Data, reason)
    }

    pub(super) fn contract(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Contract, reason)
    }

    pub(super) fn irreversible(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Irreversible, reason)
    }

    pub(super) fn blocking(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Blocking, reason)
    }

    pub(super) fn unknown(&mut self, reason: impl Into<String>) -> &mut Finding {
        self.add(Effect::Unknown, reason)
    }

    /// Takes back what was said about waiting, when the statement refuses to make anybody wait.
    pub(super) fn never_blocking(&mut self) {
        self.0.retain(|finding| finding.effect != Effect::Blocking);
    }

    /// The findings, never none: a statement about which nothing was said is unknown.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.0.is_empty() {
            self.unknown("nothing is known about this statement");
        }
        self.0
    }
}
