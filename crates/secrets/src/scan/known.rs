//! What is looked for.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasher, RandomState},
};

use secrecy::{ExposeSecret, SecretString};

use super::SHORTEST_VALUE;
use crate::{
    fingerprint::{Fingerprint, FingerprintKey},
    redact::Patterns,
};

/// How many texts are remembered as no secret.
const MOST_REMEMBERED: usize = 2 << 20;

/// The secrets that are looked for, and what was found to be none of them.
pub struct Known {
    keys: Vec<FingerprintKey>,
    secrets: Vec<Secret>,
    /// By fingerprint, of any key: the number of the secret.
    fingerprints: HashMap<Fingerprint, usize>,
    /// The values that are known, by number of the secret.
    values: Vec<(usize, SecretString)>,
    /// Made of the values when they are looked for.
    patterns: Option<Patterns>,
    /// Hashes of the texts that are no secret, so that each is tried once.
    remembered: HashSet<u64>,
    hasher: RandomState,
}

/// A value, and everything that has it.
pub(super) struct Secret {
    pub(super) names: Vec<String>,
    /// The length of the value without white space around it, where the value is known.
    pub(super) length: usize,
    pub(super) has_lines: bool,
}

impl Known {
    /// Nothing yet, to be compared by this key.
    pub fn new(key: &FingerprintKey) -> Known {
        Known {
            keys: vec![FingerprintKey::from_bytes(key.expose())],
            secrets: Vec::new(),
            fingerprints: HashMap::new(),
            values: Vec::new(),
            patterns: None,
            remembered: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Compares by one more key.
    pub fn add_key(&mut self, key: &FingerprintKey) {
        if !self.has_key(&key.id()) {
            self.keys.push(FingerprintKey::from_bytes(key.expose()));
            self.remembered.clear();
        }
    }

    /// Whether fingerprints of the key with this name can be compared.
    pub fn has_key(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    /// Looks for a value that nobody needs to know.
    pub fn add_fingerprint(&mut self, name: &str, fingerprint: Fingerprint) {
        let number = self.number(&[fingerprint]);
        self.name(number, name);
    }

    /// Looks for a value, in every form in which programs print one. `false` where it is shorter than
    /// [`SHORTEST_VALUE`], and is not looked for.
    pub fn add_value(&mut self, name: &str, value: &SecretString) -> bool {
        let text = value.expose_secret();
        let trimmed = text.trim();
        if trimmed.len() < SHORTEST_VALUE {
            return false;
        }
        let spellings = [text, trimmed];
        let fingerprints: Vec<Fingerprint> = spellings
            .into_iter()
            .flat_map(|text| self.keys.iter().map(|key| key.fingerprint(text)))
            .collect();
        let number = self.number(&fingerprints);
        self.name(number, name);
        if self.secrets[number].length == 0 {
            self.secrets[number].length = trimmed.len();
            self.secrets[number].has_lines = trimmed.contains(['\n', '\r']);
            self.values.push((number, value.clone()));
            self.patterns = None;
        }
        true
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The secret that has one of these fingerprints, or a new one.
    fn number(&mut self, fingerprints: &[Fingerprint]) -> usize {
        let known = fingerprints
            .iter()
            .find_map(|one| self.fingerprints.get(one).copied());
        let number = known.unwrap_or_else(|| {
            self.secrets.push(Secret {
                names: Vec::new(),
                length: 0,
                has_lines: false,
            });
            self.secrets.len() - 1
        });
        for fingerprint in fingerprints {
            self.fingerprints.entry(*fingerprint).or_insert(number);
        }
        self.remembered.clear();
        number
    }

    fn name(&mut self, number: usize, name: &str) {
        let names = &mut self.secrets[number].names;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    pub(super) fn secret(&self, number: usize) -> &Secret {
        &self.secrets[number]
    }

    /// The secret whose value this is, exactly.
    pub(super) fn compare(&self, text: &str) -> Option<usize> {
        self.keys
            .iter()
            .find_map(|key| self.fingerprints.get(&key.fingerprint(text)).copied())
    }

    /// Whether a text was tried, and was no secret.
    pub(super) fn remembers(&self, text: &str) -> bool {
        self.remembered.contains(&self.hasher.hash_one(text))
    }

    /// Remembers that a text is no secret.
    pub(super) fn remember(&mut self, text: &str) {
        if self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(self.hasher.hash_one(text));
    }

    /// Tells of every form of a value in a text: where, and of which secret.
    pub(super) fn find(
        &mut self,
        text: &[u8],
        mut tell: impl FnMut(&Known, std::ops::Range<usize>, usize),
    ) {
        if self.values.is_empty() {
            return;
        }
        let patterns = self.patterns.take().unwrap_or_else(|| {
            // None of them has a name here: they count.
            Patterns::new(self.values.iter().map(|(_, value)| ("", value)))
        });
        patterns.find(text, |range, index| {
            tell(self, range, self.values[index].0);
        });
        self.patterns = Some(patterns);
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}
