//! Parity: how closely one environment mirrors another, fact by fact, and what of it is accepted for a time.
//!
//! `facts` compares what a manifest says of the two, `seen` what is there. The score is the percentage of the facts that
//! are equal or accepted, each counting once, rounded down: 100 means that there is no difference that is not accepted.
//! What nobody can see is no fact.

mod facts;
mod seen;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    manifest::{Acceptance, Acceptances, Accepted, Manifest},
    names::EnvironmentName,
};

pub use self::{
    facts::{Fact, Subject},
    seen::{Applied, Observed, Seen, SeenSchema},
};

/// The names of the secrets in environments' files. One that is not here has a file that nobody could look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretKeys(pub BTreeMap<EnvironmentName, BTreeSet<String>>);

impl SecretKeys {
    /// Whether nothing is known of any environment.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How closely one environment mirrors another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parity {
    /// The one that mirrors.
    pub mirroring: EnvironmentName,
    /// The one that is mirrored.
    pub mirrored: EnvironmentName,
    /// The percentage of facts that are equal or accepted, rounded down.
    pub score: u8,
    /// Each fact that was compared; those in which they are equal are left out where only their number was kept.
    pub facts: Vec<Judged>,
    /// Names of facts that nobody can see now; they do not count.
    pub unknown: Vec<String>,
    /// Likewise of secrets, where somebody's file could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// A fact, and whether a difference is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The fact.
    #[serde(flatten)]
    pub fact: Fact,
    /// What accepts the difference.
    pub accepted: Option<Acceptance>,
    /// What accepted it before its end.
    pub expired: Option<Acceptance>,
}

impl Judged {
    /// Whether it is a difference that nobody accepts.
    pub fn counts_against(&self) -> bool {
        !self.fact.equal && self.accepted.is_none()
    }
}

impl Parity {
    /// The differences that nobody accepts, those of resources first.
    pub fn differences(&self) -> impl Iterator<Item = &Judged> {
        self.facts.iter().filter(|judged| judged.counts_against())
    }
}

/// What a manifest says of two environments, beside one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The one that mirrors.
    pub mirroring: EnvironmentName,
    /// The one that is mirrored.
    pub mirrored: EnvironmentName,
    /// In how many facts they are equal, beside those that are listed.
    pub equal: u32,
    /// Facts.
    pub facts: Vec<Fact>,
    /// Names of facts that are to be seen where they run.
    pub to_see: Vec<String>,
    /// Likewise, in secret files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// What either of them accepts.
    pub accept: Vec<Acceptance>,
}

impl Comparison {
    /// Compares two environments of a manifest; `None` where it has not both.
    pub fn of(
        manifest: &Manifest,
        mirroring: &EnvironmentName,
        mirrored: &EnvironmentName,
        secrets: &SecretKeys,
    ) -> Option<Comparison> {
        let find = |name: &EnvironmentName| manifest.environments.iter().find(|e| e.name == *name);
        let (one, other) = (find(mirroring)?, find(mirrored)?);
        let (config, hidden) = facts::config(manifest, one, other, secrets);
        let mut facts = facts::compare(manifest, one, other);
        facts.extend(config);
        Some(Comparison {
            mirroring: mirroring.clone(),
            mirrored: mirrored.clone(),
            equal: 0,
            facts,
            to_see: facts::to_see(manifest),
            hidden,
            accept: one.accept.iter().chain(&other.accept).cloned().collect(),
        })
    }

    /// The same, with no more than the number of the facts in which they are equal: small enough to be kept.
    #[must_use]
    pub fn shortened(mut self) -> Comparison {
        let all = self.facts.len();
        self.facts.retain(|fact| !fact.equal);
        let left_out = u32::try_from(all - self.facts.len()).unwrap_or(u32::MAX);
        self.equal = self.equal.saturating_add(left_out);
        self
    }

    /// What is accepted on a day, with what is seen of the two, and the score.
    pub fn judge(&self, mirroring: Option<&Seen>, mirrored: Option<&Seen>, today: Date) -> Parity {
        let mut facts = self.facts.clone();
        let mut unknown = Vec::new();
        match mirroring.zip(mirrored) {
            Some((one, other)) => {
                facts.extend(seen::compare(one, other));
                unknown.extend(seen::unseen(one, other));
            }
            None => unknown.clone_from(&self.to_see),
        }
        facts.sort_by(|a, b| (a.subject, &a.name).cmp(&(b.subject, &b.name)));
        let accepted = Acceptances::of(&self.accept);
        let facts: Vec<Judged> = facts
            .into_iter()
            .map(|fact| judged(fact, &accepted, today))
            .collect();
        let against = facts.iter().filter(|judged| judged.counts_against());
        Parity {
            mirroring: self.mirroring.clone(),
            mirrored: self.mirrored.clone(),
            score: score(against.count(), facts.len() + self.equal as usize),
            facts,
            unknown,
            hidden: self.hidden.clone(),
        }
    }
}

fn judged(fact: Fact, accepted: &Acceptances<'_>, today: Date) -> Judged {
    let found = match fact.equal {
        true => Accepted::No,
        false => accepted.find(&fact.name, today),
    };
    let (accepted, expired) = match found {
        Accepted::Yes(acceptance) => (Some(acceptance.clone()), None),
        Accepted::Ended(acceptance) => (None, Some(acceptance.clone())),
        Accepted::No => (None, None),
    };
    Judged {
        fact,
        accepted,
        expired,
    }
}

/// The percentage that is left when `against` of `all` count against it; nothing at all is no difference.
fn score(against: usize, all: usize) -> u8 {
    let left = 100 * (all - against.min(all));
    u8::try_from(left.checked_div(all).unwrap_or(100)).unwrap_or(100)
}

/// How closely one environment mirrors another on a day; `None` where the manifest has not both.
pub fn parity(
    manifest: &Manifest,
    mirroring: &EnvironmentName,
    mirrored: &EnvironmentName,
    secrets: &SecretKeys,
    observed: &Observed,
    today: Date,
) -> Option<Parity> {
    let comparison = Comparison::of(manifest, mirroring, mirrored, secrets)?;
    let seen = |name| observed.0.get(name);
    Some(comparison.judge(seen(mirroring), seen(mirrored), today))
}
