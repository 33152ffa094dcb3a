//! A secret file that is not opened: which secrets it has, and what its ledger says of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::{FileError, LEDGER, Ledger, OWN, Opened, Place, change::Parts, replace::failed};
use crate::{
    fingerprint::FingerprintKey,
    sops::{Document, Format, Identities, Sealed, SopsError},
};

/// A secret file that is not opened.
#[derive(Clone)]
pub struct Shut {
    path: PathBuf,
    place: Place,
    sealed: Sealed,
    ledger: Option<Ledger>,
}

impl Shut {
    /// Reads an environment's file; `None` where there is none.
    pub fn read(path: &Path, place: &Place) -> Result<Option<Shut>, FileError> {
        match fs::read(path) {
            Ok(bytes) => Shut::of(&bytes, path, place).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", path)(error)),
        }
    }

    /// Takes the bytes of an environment's file, wherever they are from; the path is for messages, and tells the format.
    pub fn of(bytes: &[u8], path: &Path, place: &Place) -> Result<Shut, FileError> {
        let sealed = Sealed::parse(bytes, Format::of_path(path)).map_err(sops(path))?;
        check_place(&sealed, path, place)?;
        let ledger = Ledger::read(&sealed, place);
        // One that is there and cannot be read is no ledger that was never there.
        if ledger.is_none() && !sealed.keys(&[LEDGER]).is_empty() {
            return Err(FileError::Ledger { path: path.into() });
        }
        Ok(Shut {
            path: path.into(),
            place: place.clone(),
            sealed,
            ledger,
        })
    }

    /// The names of its secrets, in the file's order.
    pub fn keys(&self) -> Vec<&str> {
        self.sealed
            .keys(&[&self.place.project, &self.place.environment])
    }

    /// The secrets whose rotation is under way.
    pub fn rotating(&self) -> Vec<&str> {
        self.sealed.keys(&[
            OWN,
            "previous",
            &self.place.project,
            &self.place.environment,
        ])
    }

    /// What is known of them. It is authenticated when the file is opened, not before.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// For whom it is sealed, as it says.
    pub fn recipients(&self) -> Vec<String> {
        self.sealed.recipients()
    }

    /// When it was written, as it says.
    pub fn last_modified(&self) -> &str {
        self.sealed.last_modified()
    }

    /// Every value that somebody saw who has left, and that was not changed since, as the ledger says.
    pub fn exposed(&self) -> Vec<super::Exposed> {
        self.ledger
            .as_ref()
            .map(super::change::exposed)
            .unwrap_or_default()
    }

    /// Opens it.
    pub fn open(&self, identities: &Identities) -> Result<Opened, FileError> {
        self.opened(identities, false)
    }

    /// Opens it though its ledger may not be as it was written; the ledger is begun anew then.
    pub fn open_mending(&self, identities: &Identities) -> Result<Opened, FileError> {
        self.opened(identities, true)
    }

    fn opened(&self, identities: &Identities, mending: bool) -> Result<Opened, FileError> {
        let document = self.sealed.open(identities).map_err(sops(&self.path))?;
        let said = |path: &[&str]| document.get(path).and_then(|value| value.text());
        let kept = said(&[OWN, "ledger"]);
        let is_good = match (&self.ledger, &kept) {
            (None, None) => true,
            (Some(ledger), Some(digest)) => ledger.digest(&self.place) == digest.expose_secret(),
            _ => false,
        };
        if !is_good && !mending {
            return Err(FileError::Ledger {
                path: self.path.clone(),
            });
        }
        let key = said(&[OWN, "fingerprint_key"]).and_then(|text| fingerprint_key(&text));
        Opened::of(Parts {
            path: self.path.clone(),
            place: self.place.clone(),
            ledger: self.ledger.clone().filter(|_| is_good),
            last_modified: self.sealed.last_modified().to_owned(),
            document,
            key,
        })
    }
}

/// A file of another place is refused before anybody wonders why it has no such secret.
fn check_place(sealed: &Sealed, path: &Path, place: &Place) -> Result<(), FileError> {
    let wanted = format!("{}, {}", place.project, place.environment);
    for project in sealed.keys(&[]) {
        if [OWN, LEDGER].contains(&project) {
            continue;
        }
        let environments = sealed.keys(&[project]);
        let found = match environments.as_slice() {
            [] => format!("something else (`{project:.60}` at the top is no project)"),
            [one] => format!("{project:.60}, {one:.60}"),
            _ => format!("{project:.60}, {} environments", environments.len()),
        };
        if project != place.project || environments != [place.environment.as_str()] {
            return Err(FileError::Elsewhere {
                path: path.into(),
                found,
                wanted,
            });
        }
    }
    Ok(())
}

pub(super) fn sops(path: &Path) -> impl FnOnce(SopsError) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Sops { path, source }
}

fn fingerprint_key(text: &SecretString) -> Option<FingerprintKey> {
    let text = text.expose_secret();
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: zeroize::Zeroizing<Vec<u8>> =
        zeroize::Zeroizing::new(digits.collect::<Option<_>>()?);
    let bytes = zeroize::Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
    Some(FingerprintKey::from_bytes(&bytes))
}

/// An opened one of a document that was just made.
pub(super) fn fresh(
    path: &Path,
    place: &Place,
    document: Document,
    key: Option<FingerprintKey>,
) -> Result<Opened, FileError> {
    Opened::of(Parts {
        path: path.into(),
        place: place.clone(),
        ledger: None,
        last_modified: String::new(),
        document,
        key,
    })
}
