//! What is known of the values of a file without opening it: since when each is as it is, and its fingerprint.
//!
//! It counts generations, one for each time that the file is written: clocks jump, a count does not.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{LEDGER, Place};
use crate::{
    fingerprint::Fingerprint,
    sops::{Document, Sealed, SopsError, Value},
};

/// What is known of a file's values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// How often the file was written.
    pub generation: u64,
    /// The name of the key that fingerprints are made with. Only those of one key can be compared.
    pub fingerprint_key: String,
    /// Each secret.
    pub keys: BTreeMap<String, Known>,
    /// Secrets that are no longer there.
    pub removed: BTreeMap<String, Removed>,
    /// Who could open the file when it was written last.
    pub recipients: Vec<String>,
    /// Who once could, and cannot any more.
    pub departed: BTreeMap<String, Departed>,
}

/// What is known of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The fingerprint of its value.
    pub fingerprint: Fingerprint,
    /// The generation in which the value was set.
    pub generation: u64,
    /// When, as text.
    pub since: String,
    /// The value before, while a rotation is under way.
    pub previous: Option<Box<Known>>,
}

/// What is known of a secret that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The generation in which its last value was set.
    pub generation: u64,
    /// When it was removed.
    pub at: String,
}

/// Somebody who could open the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departed {
    /// The first generation that they could not open.
    pub generation: u64,
    /// When that was written.
    pub at: String,
}

/// A path in the ledger, and what stands there.
type Lines = BTreeMap<Vec<String>, String>;

impl Ledger {
    /// The ledger of a file, unauthenticated; `None` where there is none or it is none.
    pub(super) fn read(sealed: &Sealed, place: &Place) -> Option<Ledger> {
        let said = |path: &[&str]| {
            let path: Vec<&str> = [LEDGER].iter().chain(path).copied().collect();
            let text = sealed.clear(&path)?.text()?;
            Some(text.expose_secret().to_owned())
        };
        let keys = |path: &[&str]| {
            let path: Vec<&str> = [LEDGER].iter().chain(path).copied().collect();
            let keys = sealed.keys(&path);
            keys.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let number = |path: &[&str]| said(path)?.parse::<u64>().ok();
        let mut ledger = Ledger {
            generation: number(&["generation"])?,
            fingerprint_key: said(&["fingerprint_key"])?,
            recipients: keys(&["recipients"]),
            ..Ledger::default()
        };
        let own = [place.project.as_str(), place.environment.as_str()];
        for key in keys(&["values", own[0], own[1]]) {
            let at = ["values", own[0], own[1], &key];
            let known = |before: &str| {
                let field = |name: &str| {
                    let name = format!("{before}{name}");
                    let path: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
                    said(&path)
                };
                Some(Known {
                    fingerprint: field("fingerprint")?.parse().ok()?,
                    generation: field("generation")?.parse().ok()?,
                    since: field("since")?,
                    previous: None,
                })
            };
            let previous = known("previous_").map(Box::new);
            let known = known("")?;
            ledger.keys.insert(key.clone(), Known { previous, ..known });
        }
        for key in keys(&["removed"]) {
            let removed = Removed {
                generation: number(&["removed", &key, "generation"])?,
                at: said(&["removed", &key, "at"])?,
            };
            ledger.removed.insert(key.clone(), removed);
        }
        for name in keys(&["departed"]) {
            let departed = Departed {
                generation: number(&["departed", &name, "generation"])?,
                at: said(&["departed", &name, "at"])?,
            };
            ledger.departed.insert(name.clone(), departed);
        }
        Some(ledger)
    }

    /// Writes it into a file, in place of an older one.
    pub(super) fn write(&self, document: &mut Document, place: &Place) -> Result<(), SopsError> {
        document.remove(&[LEDGER]);
        for (path, text) in self.lines(place) {
            let path: Vec<&str> = [LEDGER]
                .into_iter()
                .chain(path.iter().map(String::as_str))
                .collect();
            document.set(&path, Value::Text(text.into()))?;
        }
        Ok(())
    }

    fn lines(&self, place: &Place) -> Lines {
        let mut lines = Lines::new();
        let mut put = |path: &[&str], text: String| {
            lines.insert(path.iter().map(ToString::to_string).collect(), text);
        };
        put(&["generation"], self.generation.to_string());
        put(&["fingerprint_key"], self.fingerprint_key.clone());
        for recipient in &self.recipients {
            put(&["recipients", recipient], String::from("opens it"));
        }
        for (key, known) in &self.keys {
            let states = [("", Some(known)), ("previous_", known.previous.as_deref())];
            for (before, known) in states {
                let Some(known) = known else { continue };
                let mut field = |name: &str, text: String| {
                    let name = format!("{before}{name}");
                    put(
                        &["values", &place.project, &place.environment, key, &name],
                        text,
                    );
                };
                field("fingerprint", known.fingerprint.to_string());
                field("generation", known.generation.to_string());
                field("since", known.since.clone());
            }
        }
        for (key, removed) in &self.removed {
            put(
                &["removed", key, "generation"],
                removed.generation.to_string(),
            );
            put(&["removed", key, "at"], removed.at.clone());
        }
        for (name, departed) in &self.departed {
            put(
                &["departed", name, "generation"],
                departed.generation.to_string(),
            );
            put(&["departed", name, "at"], departed.at.clone());
        }
        lines
    }

    /// What authenticates it: SOPS's own code does not cover the names of values in clear.
    pub(super) fn digest(&self, place: &Place) -> String {
        let mut hash = Sha256::new();
        for (path, text) in self.lines(place) {
            for part in path.iter().chain([&text]) {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
