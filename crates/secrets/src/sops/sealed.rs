//! A file as it lies there: who opens it, which keys it has, and what it says in clear. Nothing of that is authenticated.

use subtle::ConstantTimeEq;

use super::{
    Document, Format, Identities, MOST_BYTES, Recipient, SopsError, Value,
    cipher::DataKey,
    document::Leaf,
    dotenv, json, mac,
    metadata::Metadata,
    tree::{Node, Raw},
    yaml,
};

/// A file as it lies there.
#[derive(Clone)]
pub struct Sealed {
    format: Format,
    root: Node<Raw>,
    metadata: Metadata,
}

/// The place of a path: what a value is bound to.
pub(super) fn place(path: &[String]) -> String {
    format!("{}:", path.join(":"))
}

/// The tree of a file's text, and what SOPS keeps about it.
pub(super) fn tree(
    bytes: &[u8],
    format: Format,
) -> Result<(Node<Raw>, Option<Node<Raw>>), SopsError> {
    let malformed = |why: String| SopsError::Malformed {
        format: match format {
            Format::Yaml => "YAML",
            Format::Json => "JSON",
            Format::Dotenv => "dotenv",
        },
        why,
    };
    if bytes.len() > MOST_BYTES {
        return Err(malformed(format!("it has more than {MOST_BYTES} bytes")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("it is not UTF-8 (byte {})", error.valid_up_to())))?;
    match format {
        Format::Yaml => yaml::read(text),
        Format::Json => json::read(text),
        Format::Dotenv => dotenv::read(text),
    }
    .map_err(malformed)
}

impl Sealed {
    /// Reads a file.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Sealed, SopsError> {
        let (root, sops) = tree(bytes, format)?;
        let metadata = Metadata::of(&sops.ok_or(SopsError::NotSealed)?)?;
        Ok(Sealed {
            format,
            root,
            metadata,
        })
    }

    /// For whom it is sealed, as it says.
    pub fn recipients(&self) -> Vec<String> {
        let recipients = self.metadata.age.iter();
        recipients.map(|(recipient, _)| recipient.clone()).collect()
    }

    /// When it was written, as it says.
    pub fn last_modified(&self) -> &str {
        &self.metadata.last_modified
    }

    /// The keys of the map at a path, in the file's order.
    pub fn keys(&self, path: &[&str]) -> Vec<&str> {
        self.root.at(path).map(Node::keys).unwrap_or_default()
    }

    /// What it says in clear at a path; nothing of what is encrypted.
    pub fn clear(&self, path: &[&str]) -> Option<Value> {
        match self.root.at(path)? {
            Node::Leaf(raw) if !self.metadata.rule.encrypts(path) => Some(raw.into()),
            _ => None,
        }
    }

    /// Opens it. All of it is authenticated, or there is nothing.
    pub fn open(&self, identities: &Identities) -> Result<Document, SopsError> {
        let key = self.key(identities)?;
        let metadata = &self.metadata;
        let root = self.root.map(&mut Vec::new(), &mut |raw, path, comment| {
            let encrypted = metadata.rule.encrypts(path);
            open_leaf(raw, path, comment, encrypted, &key)
        })?;
        let is_encrypted = |path: &[String]| metadata.rule.encrypts(path);
        let found = mac::of(
            &root,
            metadata.mac_only_encrypted,
            |leaf: &Leaf| &leaf.value,
            is_encrypted,
        );
        let kept = key
            .open(&metadata.mac, &metadata.last_modified)
            .map_err(|_| SopsError::Mac)?
            .plain();
        if !bool::from(kept.ct_eq(found.as_bytes())) {
            return Err(SopsError::Mac);
        }
        Ok(Document::opened(self.format, root, metadata.clone(), key))
    }

    fn key(&self, identities: &Identities) -> Result<DataKey, SopsError> {
        let ours = |recipient: &str| {
            let mut known = identities.recipients().map(Recipient::to_string);
            known.any(|known| known == recipient)
        };
        let keys = &self.metadata.age;
        let (likely, others): (Vec<_>, Vec<_>) =
            keys.iter().partition(|(recipient, _)| ours(recipient));
        let mut candidates = likely.into_iter().chain(others);
        candidates
            .find_map(|(_, wrapped)| identities.unwrap(wrapped))
            .ok_or_else(|| SopsError::NoKey(self.recipients()))
    }
}

fn open_leaf(
    raw: &Raw,
    path: &[String],
    comment: bool,
    encrypted: bool,
    key: &DataKey,
) -> Result<Leaf, SopsError> {
    let clear = || Leaf {
        value: raw.into(),
        sealed: None,
        clear: true,
    };
    let place = place(path);
    match raw {
        // A comment that somebody wrote by hand is as it is.
        Raw::Text(text) if comment && !text.starts_with("ENC[") => Ok(clear()),
        Raw::Null => Ok(clear()),
        // One that others put elsewhere is carried along; it is no value, and the code is not over it.
        Raw::Text(text) if comment => Ok(match key.open(text, &place) {
            Ok(value) => Leaf {
                value,
                sealed: Some(text.clone()),
                clear: false,
            },
            Err(_) => clear(),
        }),
        Raw::Text(text) if encrypted => Ok(Leaf {
            value: key.open(text, &place)?,
            sealed: Some(text.clone()),
            clear: false,
        }),
        _ if encrypted => Err(SopsError::Clear(super::cipher::shown(&place))),
        _ => Ok(clear()),
    }
}
