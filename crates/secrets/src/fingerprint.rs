//! Tells whether two values are the same without telling what they are: a keyed hash of a value, and its key.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What every fingerprint's input begins with, so that the key may never be made to sign something else.
const VALUE_DOMAIN: &[u8] = b"towpath-fingerprint-v1\0";
/// The same for the name of a key.
const KEY_DOMAIN: &[u8] = b"towpath-fingerprint-key-v1\0";

/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of a fingerprint, in bytes.
pub const FINGERPRINT_BYTES: usize = 16;
/// How much of a key's hash is its name, in bytes.
const ID_BYTES: usize = 8;

/// The key of fingerprints. Without it nobody can try which value has a fingerprint, however short the value is.
pub struct FingerprintKey(Zeroizing<[u8; KEY_BYTES]>);

impl FingerprintKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> FingerprintKey {
        FingerprintKey(Zeroizing::new(*bytes))
    }

    /// A new key, from the system's randomness.
    ///
    /// # Errors
    ///
    /// When the system has none to give.
    pub fn generate() -> Result<FingerprintKey, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(FingerprintKey(bytes))
    }

    /// The bytes, to be kept where only their owner reads them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The key's public name: fingerprints can be compared only where it is the same. Sixteen hexadecimal digits.
    pub fn id(&self) -> String {
        let hash = Sha256::new()
            .chain_update(KEY_DOMAIN)
            .chain_update(self.0.as_slice())
            .finalize();
        to_hex(&hash[..ID_BYTES])
    }

    /// The fingerprint of a value: HMAC-SHA256 (RFC 2104) with a domain of its own, cut to its first sixteen bytes.
    pub fn fingerprint(&self, value: &str) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("a key of any length is one for HMAC");
        mac.update(VALUE_DOMAIN);
        mac.update(value.as_bytes());
        let code = mac.finalize().into_bytes();
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.copy_from_slice(&code[..FINGERPRINT_BYTES]);
        Fingerprint(bytes)
    }
}

/// What can be shown of a value: equal values have equal ones under the same key. As text, hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&to_hex(&self.0))
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is {} hexadecimal digits in lower case", FINGERPRINT_BYTES * 2)]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        let mut bytes = [0; FINGERPRINT_BYTES];
        if digits.len() != FINGERPRINT_BYTES * 2 {
            return Err(NotAFingerprint);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Fingerprint(bytes))
    }
}

/// One spelling only, so that texts can be compared too.
fn digit(character: u8) -> Result<u8, NotAFingerprint> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(NotAFingerprint),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::from_bytes(&[byte; KEY_BYTES])
    }

    #[test]
    fn a_fingerprint_is_for_good() {
        // As `openssl mac -digest SHA256 -macopt hexkey:0707… HMAC` says it of the domain, a zero byte and the value.
        let shown = key(7).fingerprint("correct horse").to_string();
        assert_eq!(shown, "002841f58dfea1a4b01501c842586c1f");
        assert_eq!(key(7).id(), "f5fc253e48a11209");
    }

    #[test]
    fn it_depends_on_the_value_and_on_the_key() {
        assert_eq!(key(1).fingerprint("a"), key(1).fingerprint("a"));
        assert_ne!(key(1).fingerprint("a"), key(1).fingerprint("b"));
        assert_ne!(key(1).fingerprint("a"), key(2).fingerprint("a"));
        assert_ne!(key(1).id(), key(2).id());
    }

    #[test]
    fn generated_keys_differ() {
        let (one, other) = (
            FingerprintKey::generate().unwrap(),
            FingerprintKey::generate().unwrap(),
        );
        assert_ne!(one.id(), other.id());
        assert_eq!(FingerprintKey::from_bytes(one.expose()).id(), one.id());
    }

    #[test]
    fn text_goes_there_and_back_in_one_spelling() {
        let fingerprint = key(3).fingerprint("");
        let text = fingerprint.to_string();
        assert_eq!(text.parse(), Ok(fingerprint));
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(
            serde_json::from_str::<Fingerprint>(&json).unwrap(),
            fingerprint
        );
        let odd = "0".repeat(31) + "G";
        for wrong in ["", &text[1..], &text.replace(char::is_numeric, "A"), &odd] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(NotAFingerprint));
        }
        assert!(serde_json::from_str::<Fingerprint>("\"00\"").is_err());
    }
}
