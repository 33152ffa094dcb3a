//! An opened secret file: its values, and everything that changes them.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{
    Departed, FileError, Known, Ledger, MOST_VALUE_BYTES, OWN, Place, Removed,
    replace::replace,
    shut::{fresh, sops},
};
use crate::{
    fingerprint::{Fingerprint, FingerprintKey},
    sops::{Document, Format, Recipient, SopsError, Value},
};

/// An opened secret file.
pub struct Opened {
    path: PathBuf,
    place: Place,
    document: Document,
    ledger: Ledger,
    key: FingerprintKey,
    /// Secrets that somebody changed by other means since the file was written here.
    changed_elsewhere: Vec<String>,
}

pub(super) struct Parts {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    pub(super) ledger: Option<Ledger>,
    pub(super) last_modified: String,
    pub(super) document: Document,
    pub(super) key: Option<FingerprintKey>,
}

/// A value that somebody knows who should not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The secret.
    pub key: String,
    /// Who saw it: the public key.
    pub to: String,
    /// Since when they cannot open the file.
    pub left: String,
    /// Since when the value is as it is.
    pub since: String,
    /// Whether it is no longer in the file; where it was used, it may still be good.
    pub removed: bool,
}

impl Opened {
    /// A new file. Fingerprints can be compared with those of other files that are made with the same key.
    pub fn new(
        path: &Path,
        place: &Place,
        recipients: &[Recipient],
        key: Option<FingerprintKey>,
    ) -> Result<Opened, FileError> {
        let document = Document::new(Format::of_path(path), recipients).map_err(sops(path))?;
        if Format::of_path(path) == Format::Dotenv {
            let why = "a dotenv file has no paths, which bind values to their environment; name it .yaml or .json";
            return Err(sops(path)(SopsError::Unwritable(why.into())));
        }
        fresh(path, place, document, key)
    }

    pub(super) fn of(parts: Parts) -> Result<Opened, FileError> {
        let key = match parts.key {
            Some(key) => key,
            None => FingerprintKey::generate()
                .map_err(|_| sops(&parts.path)(SopsError::NoRandomness))?,
        };
        let mut opened = Opened {
            path: parts.path,
            place: parts.place,
            document: parts.document,
            ledger: parts.ledger.unwrap_or_default(),
            key,
            changed_elsewhere: Vec::new(),
        };
        opened.catch_up(&parts.last_modified);
        Ok(opened)
    }

    /// Notes what other tools changed: values, and who may open the file.
    fn catch_up(&mut self, last_modified: &str) {
        let generation = self.ledger.generation;
        let is_known = generation > 0 && self.ledger.fingerprint_key == self.key.id();
        let mut kept = std::mem::take(&mut self.ledger.keys);
        for key in self.keys() {
            let fingerprint = self.fingerprint(&key);
            let fresh = || Known {
                fingerprint,
                generation,
                since: last_modified.to_owned(),
                previous: None,
            };
            let known = match kept.remove(&key) {
                Some(known) if known.fingerprint == fingerprint => known,
                Some(known) => {
                    self.changed_elsewhere.push(key.clone());
                    Known {
                        previous: known.previous,
                        ..fresh()
                    }
                }
                None => {
                    if is_known {
                        self.changed_elsewhere.push(key.clone());
                    }
                    fresh()
                }
            };
            self.ledger.keys.insert(key, known);
        }
        for (key, known) in kept {
            self.changed_elsewhere.push(key.clone());
            let removed = Removed {
                generation: known.generation,
                at: last_modified.to_owned(),
            };
            self.ledger.removed.insert(key, removed);
        }
    }

    /// The names of its secrets, in the file's order.
    pub fn keys(&self) -> Vec<String> {
        let path = [self.place.project.as_str(), self.place.environment.as_str()];
        let keys = self.document.keys(&path);
        keys.into_iter().map(str::to_owned).collect()
    }

    /// A secret's value.
    pub fn get(&self, key: &str) -> Option<SecretString> {
        let path = [
            self.place.project.as_str(),
            self.place.environment.as_str(),
            key,
        ];
        self.document.get(&path)?.text()
    }

    /// Its value from before, while a rotation is under way.
    pub fn previous(&self, key: &str) -> Option<SecretString> {
        self.document.get(&self.previous_path(key))?.text()
    }

    fn previous_path<'a>(&'a self, key: &'a str) -> [&'a str; 5] {
        [
            OWN,
            "previous",
            &self.place.project,
            &self.place.environment,
            key,
        ]
    }

    /// What is known of the values.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Secrets that somebody set, changed or removed by other means.
    pub fn changed_elsewhere(&self) -> &[String] {
        &self.changed_elsewhere
    }

    /// The key that fingerprints are made with.
    pub fn fingerprint_key(&self) -> &FingerprintKey {
        &self.key
    }

    /// Makes fingerprints with another key from now on, so that they can be compared with those of other files.
    pub fn adopt_fingerprint_key(&mut self, key: FingerprintKey) {
        self.key = key;
        let renewed: Vec<(String, Fingerprint, Option<Fingerprint>)> = self
            .keys()
            .into_iter()
            .map(|key| {
                let previous = self.previous(&key);
                let previous = previous.map(|value| self.key.fingerprint(value.expose_secret()));
                (key.clone(), self.fingerprint(&key), previous)
            })
            .collect();
        for (key, fingerprint, before) in renewed {
            if let Some(known) = self.ledger.keys.get_mut(&key) {
                known.fingerprint = fingerprint;
                if let (Some(previous), Some(before)) = (&mut known.previous, before) {
                    previous.fingerprint = before;
                }
            }
        }
    }

    fn fingerprint(&self, key: &str) -> Fingerprint {
        let value = self.get(key).unwrap_or_default();
        self.key.fingerprint(value.expose_secret())
    }

    /// Sets a secret. Whether that changed anything.
    pub fn set(
        &mut self,
        key: &str,
        value: &SecretString,
        now: jiff::Timestamp,
    ) -> Result<bool, FileError> {
        check(key, value)?;
        if self
            .ledger
            .keys
            .get(key)
            .is_some_and(|known| known.previous.is_some())
        {
            return Err(FileError::Rotating(key.into()));
        }
        if self
            .get(key)
            .is_some_and(|known| known.expose_secret() == value.expose_secret())
        {
            return Ok(false);
        }
        self.put(key, value)?;
        self.note(key, now, None);
        Ok(true)
    }

    fn put(&mut self, key: &str, value: &SecretString) -> Result<(), FileError> {
        let path = [
            self.place.project.clone(),
            self.place.environment.clone(),
            key.to_owned(),
        ];
        let path = [path[0].as_str(), path[1].as_str(), path[2].as_str()];
        self.put_encrypted(&path, value)
    }

    /// Puts a value where it is encrypted, or nowhere: what is encrypted is said in the file, in clear, and somebody may
    /// have changed it.
    fn put_encrypted(&mut self, path: &[&str], value: &SecretString) -> Result<(), FileError> {
        if !self.document.encrypts(path) {
            let why = format!(
                "its `sops` part says that {} stays in clear; set that right first",
                path.join(".")
            );
            return Err(sops(&self.path)(SopsError::Unwritable(why)));
        }
        let set = self.document.set(path, Value::Text(value.clone()));
        set.map_err(sops(&self.path))
    }

    fn note(&mut self, key: &str, now: jiff::Timestamp, previous: Option<Known>) {
        let known = Known {
            fingerprint: self.fingerprint(key),
            generation: self.ledger.generation + 1,
            since: seconds(now),
            previous: previous.map(Box::new),
        };
        self.ledger.removed.remove(key);
        self.ledger.keys.insert(key.to_owned(), known);
    }

    /// Removes a secret. What is known of it is kept: where it was used, it may still be good.
    pub fn remove(&mut self, key: &str, now: jiff::Timestamp) -> Result<(), FileError> {
        let path = [
            self.place.project.clone(),
            self.place.environment.clone(),
            key.to_owned(),
        ];
        let path = [path[0].as_str(), path[1].as_str(), path[2].as_str()];
        if !self.document.remove(&path) {
            return Err(FileError::NoSuchKey(key.into()));
        }
        self.forget_previous(key);
        if let Some(known) = self.ledger.keys.remove(key) {
            let removed = Removed {
                generation: known.generation,
                at: seconds(now),
            };
            self.ledger.removed.insert(key.to_owned(), removed);
        }
        Ok(())
    }

    fn forget_previous(&mut self, key: &str) {
        let path: Vec<String> = self.previous_path(key).map(str::to_owned).into();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.document.remove(&path);
    }

    /// Begins a rotation: the new value is the one, and the old one stays beside it until both are told to be over.
    pub fn begin_rotation(
        &mut self,
        key: &str,
        value: &SecretString,
        now: jiff::Timestamp,
    ) -> Result<(), FileError> {
        check(key, value)?;
        let old = self
            .get(key)
            .ok_or_else(|| FileError::NoSuchKey(key.into()))?;
        if self.previous(key).is_some() {
            return Err(FileError::Rotating(key.into()));
        }
        if old.expose_secret() == value.expose_secret() {
            return Err(FileError::SameValue(key.into()));
        }
        let path: Vec<String> = self.previous_path(key).map(str::to_owned).into();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.put_encrypted(&path, &old)?;
        let before = self.ledger.keys.get(key).cloned();
        self.put(key, value)?;
        self.note(key, now, before);
        Ok(())
    }

    /// Ends a rotation: only the new value is left.
    pub fn finish_rotation(&mut self, key: &str) -> Result<(), FileError> {
        if self.previous(key).is_none() {
            return Err(FileError::NotRotating(key.into()));
        }
        self.forget_previous(key);
        if let Some(known) = self.ledger.keys.get_mut(key) {
            known.previous = None;
        }
        Ok(())
    }

    /// Takes a rotation back: only the old value is left, as old as it was.
    pub fn abort_rotation(&mut self, key: &str) -> Result<(), FileError> {
        let old = self
            .previous(key)
            .ok_or_else(|| FileError::NotRotating(key.into()))?;
        self.put(key, &old)?;
        self.forget_previous(key);
        let fingerprint = self.fingerprint(key);
        if let Some(known) = self.ledger.keys.get_mut(key)
            && let Some(before) = known.previous.take()
        {
            *known = Known {
                fingerprint,
                ..*before
            };
        }
        Ok(())
    }

    /// For whom it is sealed.
    pub fn recipients(&self) -> Vec<String> {
        self.document.recipients()
    }

    /// Says for whom it is sealed from now on. Where somebody leaves, everything is encrypted anew with another key.
    pub fn seal_for(&mut self, recipients: &[Recipient]) -> Result<(), FileError> {
        self.document.seal_for(recipients).map_err(sops(&self.path))
    }

    /// Takes another key for the same recipients, and encrypts everything anew.
    pub fn rekey(&mut self, recipients: &[Recipient]) -> Result<(), FileError> {
        self.document.rekey(recipients).map_err(sops(&self.path))
    }

    /// Every value that somebody saw who has left, and that was not changed since.
    pub fn exposed(&self) -> Vec<Exposed> {
        exposed(&self.ledger)
    }

    /// Writes the file. Hold a [`super::Lock`] from before it was read.
    pub fn save(&mut self, now: jiff::Timestamp) -> Result<(), FileError> {
        let bytes = self.seal(now)?;
        replace(&self.path, &bytes)
    }

    /// The file's bytes as they would be written.
    pub fn seal(&mut self, now: jiff::Timestamp) -> Result<Vec<u8>, FileError> {
        let recipients = self.document.recipients();
        let ledger = &mut self.ledger;
        ledger.generation += 1;
        ledger.fingerprint_key = self.key.id();
        for recipient in &ledger.recipients {
            if !recipients.contains(recipient) {
                let departed = Departed {
                    generation: ledger.generation,
                    at: seconds(now),
                };
                ledger.departed.insert(recipient.clone(), departed);
            }
        }
        ledger.departed.retain(|name, _| !recipients.contains(name));
        ledger.recipients = recipients;
        let digest = self.ledger.digest(&self.place);
        let key: Zeroizing<String> = {
            let digits = self.key.expose().iter().map(|byte| format!("{byte:02x}"));
            Zeroizing::new(digits.collect())
        };
        let mut write = || {
            self.ledger.write(&mut self.document, &self.place)?;
            let own = |name| [OWN, name];
            let value = |text: &str| Value::Text(text.into());
            if !self.document.encrypts(&own("fingerprint_key")) {
                let why = format!("its `sops` part says that {OWN} stays in clear");
                return Err(SopsError::Unwritable(why));
            }
            self.document.set(&own("fingerprint_key"), value(&key))?;
            self.document.set(&own("ledger"), value(&digest))?;
            self.document.seal(now)
        };
        write().map_err(sops(&self.path))
    }
}

/// Every value that somebody saw who has left, and that was not changed since.
pub(super) fn exposed(ledger: &Ledger) -> Vec<Exposed> {
    let mut found = Vec::new();
    for (name, departed) in &ledger.departed {
        let tell = |key: &str, since: &str, removed| Exposed {
            key: key.to_owned(),
            to: name.clone(),
            left: departed.at.clone(),
            since: since.to_owned(),
            removed,
        };
        for (key, known) in &ledger.keys {
            let states = [Some(known), known.previous.as_deref()];
            let seen = |known: &&Known| known.generation < departed.generation;
            if let Some(known) = states.into_iter().flatten().find(seen) {
                found.push(tell(key, &known.since, false));
            }
        }
        for (key, removed) in &ledger.removed {
            if removed.generation < departed.generation {
                found.push(tell(key, &removed.at, true));
            }
        }
    }
    found
}

fn seconds(now: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(now.as_second())
        .unwrap_or(now)
        .to_string()
}

/// Whether a secret may have this name: a variable's.
pub fn is_key(text: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_marked = text.ends_with("_unencrypted");
    text.starts_with(is_start) && text.chars().all(is_part) && text.len() <= 255 && !is_marked
}

fn check(key: &str, value: &SecretString) -> Result<(), FileError> {
    if !is_key(key) {
        return Err(FileError::BadKey(key.chars().take(80).collect()));
    }
    let bad = |why| FileError::BadValue {
        key: key.to_owned(),
        why,
    };
    match value.expose_secret() {
        "" => Err(bad("is empty")),
        text if text.contains('\0') => {
            Err(bad("holds a NUL character, which no process can be handed"))
        }
        text if text.len() > MOST_VALUE_BYTES => Err(bad("is longer than a megabyte")),
        _ => Ok(()),
    }
}
