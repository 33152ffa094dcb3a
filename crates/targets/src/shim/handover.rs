//! What a shim is given on its standard input, and never in a file or an argument: secrets, credentials, and the limit
//! of core dumps that its child is to have.
//!
//! A length, then a limit, then entries: a letter for their kind, a name and a value, each with its length before it.
//! Lengths have four bytes, limits eight, the highest first. Both sides are the same executable.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The variable that names the directory of credential files.
pub(super) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

const SECRET: u8 = b's';
const CREDENTIAL: u8 = b'c';
/// The bytes before the first entry.
const HEAD: usize = 8;

/// What nobody but a run's child gets to see.
#[derive(Debug, Clone, Default)]
pub struct Confidential {
    /// Variables, by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// The contents of credential files, by name; the variable of that name holds the file's path.
    pub credentials: BTreeMap<String, SecretString>,
}

impl Confidential {
    /// Refuses names and values that no variable and no file can have.
    pub(super) fn check(&self) -> io::Result<()> {
        for (name, value) in &self.secrets {
            if !is_variable(name) {
                return Err(refused(name, "is not the name of a variable"));
            }
            if value.expose_secret().contains('\0') {
                return Err(refused(name, "holds a zero byte, which no variable can"));
            }
        }
        for name in self.credentials.keys() {
            if !is_variable(name) || name.contains('/') || name.starts_with('.') {
                return Err(refused(name, "is not the name of a variable and a file"));
            }
            if name == CREDENTIALS_DIRECTORY || self.secrets.contains_key(name) {
                return Err(refused(name, "is the name of another variable"));
            }
        }
        Ok(())
    }

    fn entries(&self) -> impl Iterator<Item = (u8, &String, &SecretString)> {
        let secrets = self
            .secrets
            .iter()
            .map(|(name, value)| (SECRET, name, value));
        let credentials = self.credentials.iter();
        secrets.chain(credentials.map(|(name, value)| (CREDENTIAL, name, value)))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn refused(name: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} {why}"))
}

/// Everything that a shim is given.
#[derive(Debug, Default)]
pub(super) struct Handover {
    pub(super) confidential: Confidential,
    /// The limit of core dumps of whoever starts the shim, if it is not the one that he has now.
    pub(super) core_limit: Option<u64>,
}

/// What stands for a limit that is not told: the highest below the one that means that there is none.
const UNTOLD: u64 = u64::MAX - 1;

impl Handover {
    /// The handover as it is sent; wiped when it is dropped.
    pub(super) fn to_bytes(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let entries = self.confidential.entries();
        let sizes = entries.map(|(_, name, value)| 9 + name.len() + value.expose_secret().len());
        let length = HEAD + sizes.sum::<usize>();
        // Exactly as long as it gets: where it grew, a copy would stay behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(4 + length));
        put_length(&mut bytes, length)?;
        bytes.extend_from_slice(&self.core_limit.unwrap_or(UNTOLD).to_be_bytes());
        for (kind, name, value) in self.confidential.entries() {
            bytes.push(kind);
            for text in [name, value.expose_secret()] {
                put_length(&mut bytes, text.len())?;
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        Ok(bytes)
    }

    /// Reads what was sent. What was cut short, because its sender died, is an error: nothing may run without its secrets.
    pub(super) fn read(mut from: impl Read) -> io::Result<Handover> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let mut bytes = Zeroizing::new(vec![0; length]);
        from.read_exact(&mut bytes)?;
        Handover::parse(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(bytes: &[u8]) -> Option<Handover> {
        let (limit, mut rest) = bytes.split_first_chunk::<HEAD>()?;
        let mut handover = Handover {
            core_limit: Some(u64::from_be_bytes(*limit)).filter(|limit| *limit != UNTOLD),
            ..Handover::default()
        };
        while let Some((kind, entry)) = rest.split_first() {
            let (name, entry) = take(entry)?;
            let (value, after) = take(entry)?;
            let values = match *kind {
                SECRET => &mut handover.confidential.secrets,
                CREDENTIAL => &mut handover.confidential.credentials,
                _ => return None,
            };
            values.insert(name.to_owned(), value.into());
            rest = after;
        }
        Some(handover)
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the secrets and credentials are longer than four gigabytes",
        )
    })?;
    bytes.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

fn take(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
        let owned = pairs.iter();
        owned
            .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect()
    }

    fn shown(map: &BTreeMap<String, SecretString>) -> Vec<(&str, &str)> {
        map.iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect()
    }

    #[test]
    fn it_arrives_whole_or_not_at_all() {
        let secrets = [("A", "one"), ("EMPTY", ""), ("É", "zwei\n")];
        let credentials = [("KEY", "-----\0-----")];
        let sent = Handover {
            confidential: Confidential {
                secrets: map(&secrets),
                credentials: map(&credentials),
            },
            core_limit: Some(u64::MAX),
        };
        let bytes = sent.to_bytes().unwrap();
        assert_eq!(bytes.len(), bytes.capacity());
        let read = Handover::read(bytes.as_slice()).unwrap();
        assert_eq!(shown(&read.confidential.secrets), secrets);
        assert_eq!(shown(&read.confidential.credentials), credentials);
        assert_eq!(read.core_limit, Some(u64::MAX));
        for length in 0..bytes.len() {
            assert!(Handover::read(&bytes[..length]).is_err(), "{length}");
        }
        let nothing = Handover::default().to_bytes().unwrap();
        assert_eq!(Handover::read(nothing.as_slice()).unwrap().core_limit, None);
    }

    #[test]
    fn what_no_variable_can_be_is_refused_without_its_value() {
        let refused = |secrets: &[(&str, &str)], credentials: &[(&str, &str)]| {
            let confidential = Confidential {
                secrets: map(secrets),
                credentials: map(credentials),
            };
            let why = confidential.check().unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::InvalidInput);
            assert!(!why.to_string().contains("value"), "{why}");
        };
        refused(&[("", "value")], &[]);
        refused(&[("A=B", "value")], &[]);
        refused(&[("A", "value\0")], &[]);
        refused(&[], &[("../A", "value")]);
        refused(&[], &[(".A", "value")]);
        refused(&[], &[("CREDENTIALS_DIRECTORY", "value")]);
        refused(&[("A", "value")], &[("A", "value")]);
    }
}
