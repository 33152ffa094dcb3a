//! Age keys: recipients, for whom a file is sealed, and identities, which open it.

use std::{fmt, io::Read, str::FromStr};

use age::armor::{ArmoredReader, ArmoredWriter};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{SopsError, cipher::DataKey};

/// More than the wrapped key of a file needs.
const MOST_WRAPPED: usize = 64 << 10;

/// The public half of a pair: for whom a file is sealed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(String);

impl FromStr for Recipient {
    type Err = SopsError;

    fn from_str(text: &str) -> Result<Recipient, SopsError> {
        match text.parse::<age::x25519::Recipient>() {
            Ok(recipient) => Ok(Recipient(recipient.to_string())),
            Err(why) => Err(SopsError::Metadata(format!(
                "{text:.80?} is not the public key of an age pair ({why})"
            ))),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret halves of pairs: what opens files.
#[derive(Clone, Default)]
pub struct Identities(Vec<(Recipient, age::x25519::Identity)>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(recipient, _)| recipient))
            .finish()
    }
}

impl Identities {
    /// Reads a key file: a key a line, and lines with comments. An error says which line, not what is in it.
    pub fn from_text(text: &str) -> Result<Identities, String> {
        let mut identities = Identities::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with("-----BEGIN AGE ENCRYPTED FILE") {
                return Err(
                    "the key file is itself encrypted with a passphrase, which is not supported"
                        .into(),
                );
            }
            let identity: age::x25519::Identity = line
                .parse()
                .map_err(|why| format!("line {} holds no secret key of age ({why})", at + 1))?;
            identities.add(identity);
        }
        Ok(identities)
    }

    fn add(&mut self, identity: age::x25519::Identity) {
        let recipient = Recipient(identity.to_public().to_string());
        if self.0.iter().all(|(known, _)| *known != recipient) {
            self.0.push((recipient, identity));
        }
    }

    /// These and others.
    pub fn extend(&mut self, others: Identities) {
        for (_, identity) in others.0 {
            self.add(identity);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public half of each.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter().map(|(recipient, _)| recipient)
    }

    /// Opens the key of a file, which was wrapped for somebody.
    pub(super) fn unwrap(&self, wrapped: &str) -> Option<DataKey> {
        if wrapped.len() > MOST_WRAPPED {
            return None;
        }
        let decryptor = age::Decryptor::new(ArmoredReader::new(wrapped.as_bytes())).ok()?;
        let identities = self
            .0
            .iter()
            .map(|(_, identity)| identity as &dyn age::Identity);
        let mut reader = decryptor.decrypt(identities).ok()?;
        // One byte more than a key has, to see that there is none.
        let mut key = Zeroizing::new([0; 33]);
        let mut length = 0;
        while length < key.len() {
            match reader.read(&mut key[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(_) => return None,
            }
        }
        DataKey::from_bytes(&key[..length])
    }
}

/// Wraps the key of a file for a recipient.
pub(super) fn wrap(key: &DataKey, recipient: &Recipient) -> Result<String, SopsError> {
    let failed = |why: &dyn fmt::Display| SopsError::Unwritable(format!("{recipient}: {why}"));
    let parsed: age::x25519::Recipient = recipient.0.parse().map_err(|why: &str| failed(&why))?;
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&parsed as &dyn age::Recipient))
            .map_err(|why| failed(&why))?;
    let mut wrapped = Vec::new();
    let written = (|| -> std::io::Result<()> {
        use std::io::Write;
        let armour = ArmoredWriter::wrap_output(&mut wrapped, age::armor::Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armour)?;
        writer.write_all(key.bytes())?;
        writer.finish()?.finish()?;
        Ok(())
    })();
    written.map_err(|why| failed(&why))?;
    String::from_utf8(wrapped).map_err(|why| failed(&why))
}

/// Makes a pair: the secret half as it stands in a key file, and the public one.
pub fn keygen() -> (SecretString, Recipient) {
    let identity = age::x25519::Identity::generate();
    let recipient = Recipient(identity.to_public().to_string());
    (identity.to_string().expose_secret().into(), recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_for_somebody_opens_for_them_alone() {
        let (secret, recipient) = keygen();
        let key = DataKey::generate().unwrap();
        let wrapped = wrap(&key, &recipient).unwrap();
        let text = format!("# created: today\n\n{}\n", secret.expose_secret());
        let identities = Identities::from_text(&text).unwrap();
        assert_eq!(identities.recipients().collect::<Vec<_>>(), [&recipient]);
        assert_eq!(identities.unwrap(&wrapped).unwrap().bytes(), key.bytes());
        let other = Identities::from_text(keygen().0.expose_secret()).unwrap();
        assert!(other.unwrap(&wrapped).is_none());
        assert!(Identities::default().unwrap(&wrapped).is_none());
    }

    #[test]
    fn a_bad_key_file_is_told_by_its_line() {
        let error = Identities::from_text("# key\nAGE-SECRET-KEY-1HUNTER2").unwrap_err();
        assert!(error.starts_with("line 2 "), "{error}");
        assert!(!error.contains("HUNTER2"), "{error}");
    }
}
