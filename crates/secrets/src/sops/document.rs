//! An opened file: read, changed, and sealed again. What was not changed keeps its ciphertext, so that a diff shows the rest.

use secrecy::ExposeSecret;

use super::{
    DEEPEST, Format, Recipient, SopsError, Value,
    cipher::DataKey,
    dotenv, json, keys, mac,
    metadata::Metadata,
    sealed::place,
    tree::{Item, Node, Raw},
    yaml,
};

/// An opened file, every value of it authenticated.
pub struct Document {
    format: Format,
    root: Node<Leaf>,
    metadata: Metadata,
    key: DataKey,
}

/// A value, and how it stands in the file.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) value: Value,
    /// Its ciphertext under the file's key, as long as it was not changed.
    pub(super) sealed: Option<String>,
    /// Whether it stood there in clear, and stays so.
    pub(super) clear: bool,
}

impl Document {
    /// A new file, sealed for these.
    pub fn new(format: Format, recipients: &[Recipient]) -> Result<Document, SopsError> {
        let mut document = Document {
            format,
            root: Node::Map(Vec::new()),
            metadata: Metadata::default(),
            key: DataKey::generate()?,
        };
        document.wrap_for(recipients)?;
        Ok(document)
    }

    pub(super) fn opened(
        format: Format,
        root: Node<Leaf>,
        metadata: Metadata,
        key: DataKey,
    ) -> Document {
        Document {
            format,
            root,
            metadata,
            key,
        }
    }

    /// The value at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        match self.root.at(path)? {
            Node::Leaf(leaf) => Some(&leaf.value),
            _ => None,
        }
    }

    /// The keys of the map at a path, in the file's order.
    pub fn keys(&self, path: &[&str]) -> Vec<&str> {
        self.root.at(path).map(Node::keys).unwrap_or_default()
    }

    /// Whether a value at a path is encrypted when the file is written. What says so in the file is in clear, and the
    /// code is not over it: whoever can write the file can change it without opening it.
    pub fn encrypts(&self, path: &[&str]) -> bool {
        self.metadata.rule.encrypts(path)
    }

    /// Sets the value at a path; maps on the way are made. The same value again changes nothing.
    pub fn set(&mut self, path: &[&str], value: Value) -> Result<(), SopsError> {
        if path.is_empty() || path.len() > DEEPEST {
            return Err(SopsError::Unwritable("a path has from 1 to 64 keys".into()));
        }
        let is_reserved = match self.format {
            Format::Yaml | Format::Json => path[0] == "sops",
            Format::Dotenv => path[0].starts_with("sops_"),
        };
        if is_reserved {
            let name = path[0];
            return Err(SopsError::Unwritable(format!(
                "`{name:.80}` is where SOPS keeps what it knows of the file"
            )));
        }
        let mut node = &mut self.root;
        for (depth, key) in path.iter().enumerate() {
            let Node::Map(items) = node else {
                return Err(SopsError::NoMap(path[..depth].join(".")));
            };
            let is_it = |item: &Item<Leaf>| matches!(item, Item::Entry(known, _) if known == key);
            let at = items.iter().position(is_it).unwrap_or_else(|| {
                let empty = Node::Map(Vec::new());
                items.push(Item::Entry((*key).to_owned(), empty));
                items.len() - 1
            });
            let Item::Entry(_, inner) = &mut items[at] else {
                unreachable!("it is an entry, or was made as one")
            };
            node = inner;
        }
        match node {
            Node::Leaf(leaf) if is_same(&leaf.value, &value) => return Ok(()),
            Node::Leaf(_) => {}
            Node::Map(items) if items.is_empty() => {}
            _ => {
                return Err(SopsError::NoMap(format!(
                    "{} is a map or a list, and",
                    path.join(".")
                )));
            }
        }
        *node = Node::Leaf(Leaf {
            value,
            sealed: None,
            clear: false,
        });
        Ok(())
    }

    /// Removes what is at a path. Whether there was something.
    pub fn remove(&mut self, path: &[&str]) -> bool {
        let Some((last, above)) = path.split_last() else {
            return false;
        };
        let mut node = &mut self.root;
        for key in above {
            let Node::Map(items) = node else {
                return false;
            };
            let inner = items.iter_mut().find_map(|item| match item {
                Item::Entry(known, inner) if known == key => Some(inner),
                _ => None,
            });
            match inner {
                Some(inner) => node = inner,
                None => return false,
            }
        }
        let Node::Map(items) = node else {
            return false;
        };
        let before = items.len();
        items.retain(|item| !matches!(item, Item::Entry(known, _) if known == last));
        items.len() != before
    }

    /// For whom it is sealed.
    pub fn recipients(&self) -> Vec<String> {
        let recipients = self.metadata.age.iter();
        recipients.map(|(recipient, _)| recipient.clone()).collect()
    }

    /// Says for whom it is sealed from now on. Where somebody is no longer, everything is encrypted anew with another key.
    pub fn seal_for(&mut self, recipients: &[Recipient]) -> Result<(), SopsError> {
        let stays = |known: &String| recipients.iter().any(|one| one.to_string() == *known);
        if self.recipients().iter().all(stays) {
            return self.wrap_for(recipients);
        }
        self.rekey(recipients)
    }

    /// Takes a new key and encrypts everything anew, for these.
    pub fn rekey(&mut self, recipients: &[Recipient]) -> Result<(), SopsError> {
        if let Some((service, _)) = self.metadata.others.first() {
            // Its key is wrapped there, and a new one would have to be.
            return Err(SopsError::Unsupported(format!(
                "a new key while `{service}` holds one"
            )));
        }
        self.key = DataKey::generate()?;
        self.metadata.age.clear();
        self.wrap_for(recipients)?;
        let Ok(root) = self.root.map(&mut Vec::new(), &mut |leaf: &Leaf, _, _| {
            let mut leaf = leaf.clone();
            leaf.sealed = None;
            Ok::<Leaf, std::convert::Infallible>(leaf)
        });
        self.root = root;
        Ok(())
    }

    fn wrap_for(&mut self, recipients: &[Recipient]) -> Result<(), SopsError> {
        if recipients.is_empty() && self.metadata.others.is_empty() {
            return Err(SopsError::NoRecipient);
        }
        let mut wrapped = Vec::new();
        for recipient in recipients {
            let name = recipient.to_string();
            let known = self.metadata.age.iter().find(|(known, _)| *known == name);
            wrapped.push(match known {
                Some(known) => known.clone(),
                None => (name, keys::wrap(&self.key, recipient)?),
            });
        }
        self.metadata.age = wrapped;
        Ok(())
    }

    /// A comment's ciphertext below a path.
    #[cfg(test)]
    pub(super) fn seal_comment(&self, comment: &str, path: &[&str]) -> String {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        let sealed = self
            .key
            .seal(&Value::Text(comment.into()), &place(&path), true);
        sealed.expect("there is randomness")
    }

    /// The file's bytes.
    pub fn seal(&mut self, now: jiff::Timestamp) -> Result<Vec<u8>, SopsError> {
        let rule = self.metadata.rule.clone();
        let key = self.key.clone();
        // Sealed once: what is read back from here is what stands in the file.
        self.root = self
            .root
            .map(&mut Vec::new(), &mut |leaf: &Leaf, path, comment| {
                let mut leaf = leaf.clone();
                let stays_clear = leaf.clear && (comment || matches!(leaf.value, Value::Null));
                // A comment that was encrypted stays so, whatever the rule has become.
                let is_encrypted = rule.encrypts(path) || (comment && !leaf.clear);
                if is_encrypted && !stays_clear && !matches!(leaf.value, Value::Null) {
                    if leaf.sealed.is_none() {
                        leaf.sealed = Some(key.seal(&leaf.value, &place(path), comment)?);
                    }
                } else {
                    leaf.sealed = None;
                }
                Ok::<Leaf, SopsError>(leaf)
            })?;
        let is_encrypted = |path: &[String]| rule.encrypts(path);
        let code = mac::of(
            &self.root,
            self.metadata.mac_only_encrypted,
            |leaf: &Leaf| &leaf.value,
            is_encrypted,
        );
        let seconds = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        self.metadata.last_modified = seconds.to_string();
        let code = Value::Text(code.into());
        self.metadata.mac = self.key.seal(&code, &self.metadata.last_modified, false)?;
        let tree = self
            .root
            .map(&mut Vec::new(), &mut |leaf: &Leaf, path, _| raw(leaf, path))?;
        let written = match self.format {
            Format::Yaml => Ok(yaml::write(&tree, &self.metadata.node())),
            Format::Json => json::write(&tree, &self.metadata.node()),
            Format::Dotenv => dotenv::write(&tree, &self.metadata.node()),
        };
        written
            .map(String::into_bytes)
            .map_err(SopsError::Unwritable)
    }
}

/// A leaf as it stands in the file.
fn raw(leaf: &Leaf, path: &[String]) -> Result<Raw, SopsError> {
    if let Some(sealed) = &leaf.sealed {
        return Ok(Raw::Text(sealed.clone()));
    }
    Ok(match &leaf.value {
        Value::Text(text) | Value::Moment(text) => Raw::Text(text.expose_secret().into()),
        Value::Integer(number) => Raw::Integer(*number),
        Value::Float(number) => Raw::Float(*number),
        Value::Boolean(yes) => Raw::Boolean(*yes),
        Value::Null => Raw::Null,
        Value::Bytes(_) => {
            let place = path.join(".");
            return Err(SopsError::Unwritable(format!(
                "{place} is bytes, which cannot stand in clear"
            )));
        }
    })
}

/// Whether two values are the same, type and all.
fn is_same(one: &Value, other: &Value) -> bool {
    let is_alike = std::mem::discriminant(one) == std::mem::discriminant(other);
    is_alike && one.plain() == other.plain()
}
