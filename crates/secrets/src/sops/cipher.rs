//! One value: AES-256-GCM with a nonce of 32 bytes, bound to the value's path, written as `ENC[…]`.

use aes_gcm::{
    AesGcm, KeyInit,
    aead::{Aead, Payload, consts::U32},
    aes::Aes256,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{SopsError, tree::Value};

type Cipher = AesGcm<Aes256, U32>;

const NONCE_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// The key of a file's values.
#[derive(Clone)]
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new one.
    pub(super) fn generate() -> Result<DataKey, SopsError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| SopsError::NoRandomness)?;
        Ok(DataKey(key))
    }

    /// The one of these bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<DataKey> {
        let key: [u8; 32] = bytes.try_into().ok()?;
        Some(DataKey(Zeroizing::new(key)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Encrypts a value for its place. What is empty stays so.
    pub(super) fn seal(
        &self,
        value: &Value,
        place: &str,
        comment: bool,
    ) -> Result<String, SopsError> {
        let plain = value.plain();
        if plain.is_empty() {
            return Ok(String::new());
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SopsError::NoRandomness)?;
        let payload = Payload {
            msg: &plain,
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt((&nonce).into(), payload)
            .map_err(|_| SopsError::Unwritable("a value is too long".into()))?;
        let (data, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
        let kind = match value {
            _ if comment => "comment",
            Value::Text(_) | Value::Null => "str",
            Value::Integer(_) => "int",
            Value::Float(_) => "float",
            Value::Boolean(_) => "bool",
            Value::Bytes(_) => "bytes",
            Value::Moment(_) => "time",
        };
        let (data, nonce, tag) = (
            STANDARD.encode(data),
            STANDARD.encode(nonce),
            STANDARD.encode(tag),
        );
        Ok(format!(
            "ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:{kind}]"
        ))
    }

    /// Decrypts what stands at a place.
    pub(super) fn open(&self, sealed: &str, place: &str) -> Result<Value, SopsError> {
        if sealed.is_empty() {
            return Ok(Value::Text(String::new().into()));
        }
        let parts = Parts::of(sealed).ok_or_else(|| SopsError::Clear(shown(place)))?;
        let changed = || SopsError::Value(shown(place));
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| changed());
        let (mut data, nonce, tag) = (bytes(parts.data)?, bytes(parts.nonce)?, bytes(parts.tag)?);
        let nonce: [u8; NONCE_BYTES] = nonce.as_slice().try_into().map_err(|_| changed())?;
        if tag.len() != TAG_BYTES {
            return Err(changed());
        }
        data.extend(tag);
        let payload = Payload {
            msg: &data,
            aad: place.as_bytes(),
        };
        let plain = self.cipher().decrypt((&nonce).into(), payload);
        let plain = Zeroizing::new(plain.map_err(|_| changed())?);
        typed(&plain, parts.kind).ok_or_else(changed)
    }

    fn cipher(&self) -> Cipher {
        Cipher::new((&*self.0).into())
    }
}

/// A value of its type.
fn typed(plain: &Zeroizing<Vec<u8>>, kind: &str) -> Option<Value> {
    if kind == "bytes" {
        return Some(Value::Bytes(plain.clone()));
    }
    let text = std::str::from_utf8(plain).ok()?;
    Some(match kind {
        "str" | "comment" => Value::Text(text.into()),
        "time" => Value::Moment(text.into()),
        "int" | "int64" => Value::Integer(text.parse().ok()?),
        "float" => Value::Float(text.parse().ok()?),
        "bool" => Value::Boolean(text.to_ascii_lowercase().parse().ok()?),
        _ => return None,
    })
}

/// How people write a path.
pub(super) fn shown(place: &str) -> String {
    match place.trim_end_matches(':') {
        "" => "the top".into(),
        place => place.replace(':', "."),
    }
}

struct Parts<'a> {
    data: &'a str,
    nonce: &'a str,
    tag: &'a str,
    kind: &'a str,
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a str) -> Option<Parts<'a>> {
        let inner = sealed
            .strip_prefix("ENC[AES256_GCM,data:")?
            .strip_suffix(']')?;
        let (data, rest) = inner.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        Some(Parts {
            data,
            nonce,
            tag,
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_value_opens_at_its_place_and_nowhere_else() {
        let key = DataKey::generate().unwrap();
        let sealed = key
            .seal(
                &Value::Text("hunter2".into()),
                "guestbook:staging:KEY:",
                false,
            )
            .unwrap();
        let opened = key.open(&sealed, "guestbook:staging:KEY:").unwrap();
        assert_eq!(opened.text().unwrap().expose_secret(), "hunter2");
        for place in [
            "guestbook:staging:OTHER:",
            "guestbook:production:KEY:",
            "other:staging:KEY:",
            "",
        ] {
            assert_eq!(
                key.open(&sealed, place).err(),
                Some(SopsError::Value(shown(place)))
            );
        }
        let other = DataKey::generate().unwrap();
        assert!(other.open(&sealed, "guestbook:staging:KEY:").is_err());
    }

    #[test]
    fn types_come_back() {
        let key = DataKey::generate().unwrap();
        let values = [
            (Value::Integer(-3), "-3"),
            (Value::Float(0.5), "0.5"),
            (Value::Float(1e21), "1000000000000000000000"),
            (Value::Boolean(true), "true"),
            (Value::Bytes(Zeroizing::new(b"abc".to_vec())), "abc"),
            (Value::Text("".into()), ""),
        ];
        for (value, text) in values {
            let sealed = key.seal(&value, "a:", false).unwrap();
            let opened = key.open(&sealed, "a:").unwrap();
            assert_eq!(opened.text().unwrap().expose_secret(), text);
        }
    }
}
