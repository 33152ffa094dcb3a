//! What SOPS keeps about a file: who opens it, when it was written, the code over its values, and which are encrypted.

use regex::Regex;

use super::{
    SopsError,
    tree::{Element, Item, Node, Raw, text_at},
};

/// The version of SOPS whose files these are like.
const VERSION: &str = "3.9.0";

/// What is read here, and written anew. Anything else is a list of keys that another service holds, and some of those
/// services are younger than this.
const OURS: [&str; 11] = [
    "age",
    "lastmodified",
    "mac",
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "mac_only_encrypted",
    "version",
    // Without groups of keys these two say nothing.
    "key_groups",
    "shamir_threshold",
];

#[derive(Clone)]
pub(super) struct Metadata {
    /// The file's key, wrapped for each recipient.
    pub(super) age: Vec<(String, String)>,
    pub(super) last_modified: String,
    pub(super) mac: String,
    pub(super) rule: Rule,
    pub(super) mac_only_encrypted: bool,
    version: String,
    /// What was there beside: keys that other services hold, as they were.
    pub(super) others: Vec<(String, Node<Raw>)>,
}

/// Which values are encrypted, by the keys on their paths.
#[derive(Clone)]
pub(super) enum Rule {
    /// All but those under a key that ends so.
    UnencryptedSuffix(String),
    /// Only those under a key that ends so.
    EncryptedSuffix(String),
    /// All but those under a key that matches.
    UnencryptedRegex(Regex),
    /// Only those under a key that matches.
    EncryptedRegex(Regex),
}

impl Rule {
    /// Whether the values at this path are encrypted.
    pub(super) fn encrypts<T: AsRef<str>>(&self, path: &[T]) -> bool {
        let any = |is: &dyn Fn(&str) -> bool| path.iter().any(|key| is(key.as_ref()));
        match self {
            Rule::UnencryptedSuffix(suffix) => !any(&|key| key.ends_with(suffix.as_str())),
            Rule::EncryptedSuffix(suffix) => any(&|key| key.ends_with(suffix.as_str())),
            Rule::UnencryptedRegex(pattern) => !any(&|key| pattern.is_match(key)),
            Rule::EncryptedRegex(pattern) => any(&|key| pattern.is_match(key)),
        }
    }

    fn of(node: &Node<Raw>) -> Result<Rule, SopsError> {
        let damaged = |why: String| SopsError::Metadata(why);
        let pattern = |text: &str| Regex::new(text).map_err(|why| damaged(why.to_string()));
        let mut rules = Vec::new();
        for key in [
            "unencrypted_suffix",
            "encrypted_suffix",
            "unencrypted_regex",
            "encrypted_regex",
        ] {
            let Some(text) = text_at(node, key).filter(|text| !text.is_empty()) else {
                continue;
            };
            rules.push(match key {
                "unencrypted_suffix" => Rule::UnencryptedSuffix(text.into()),
                "encrypted_suffix" => Rule::EncryptedSuffix(text.into()),
                "unencrypted_regex" => Rule::UnencryptedRegex(pattern(text)?),
                _ => Rule::EncryptedRegex(pattern(text)?),
            });
        }
        for key in ["encrypted_comment_regex", "unencrypted_comment_regex"] {
            if text_at(node, key).is_some_and(|text| !text.is_empty()) {
                return Err(SopsError::Unsupported(format!("`{key}`")));
            }
        }
        match rules.len() {
            0 => Ok(Rule::default()),
            1 => Ok(rules.remove(0)),
            _ => Err(damaged("it has two rules for what is encrypted".into())),
        }
    }

    fn written(&self) -> (&'static str, &str) {
        match self {
            Rule::UnencryptedSuffix(text) => ("unencrypted_suffix", text),
            Rule::EncryptedSuffix(text) => ("encrypted_suffix", text),
            Rule::UnencryptedRegex(pattern) => ("unencrypted_regex", pattern.as_str()),
            Rule::EncryptedRegex(pattern) => ("encrypted_regex", pattern.as_str()),
        }
    }
}

impl Default for Rule {
    fn default() -> Rule {
        Rule::UnencryptedSuffix("_unencrypted".into())
    }
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata {
            age: Vec::new(),
            last_modified: String::new(),
            mac: String::new(),
            rule: Rule::default(),
            mac_only_encrypted: false,
            version: VERSION.into(),
            others: Vec::new(),
        }
    }
}

impl Metadata {
    pub(super) fn of(node: &Node<Raw>) -> Result<Metadata, SopsError> {
        let missing = |key: &str| SopsError::Metadata(format!("`{key}` is missing"));
        if let Some(Node::List(groups)) = node.at(&["key_groups"])
            && !groups.is_empty()
        {
            return Err(SopsError::Unsupported(
                "key groups (Shamir's scheme)".into(),
            ));
        }
        let other = |key: &&str| {
            let found = node.at(&[key])?;
            let is_empty = match found {
                Node::List(elements) => elements.is_empty(),
                Node::Map(items) => items.is_empty(),
                Node::Leaf(Raw::Text(text)) => text.is_empty(),
                Node::Leaf(leaf) => *leaf == Raw::Null,
            };
            (!is_empty && !OURS.contains(key)).then(|| ((*key).to_owned(), found.clone()))
        };
        Ok(Metadata {
            age: wrapped_keys(node)?,
            last_modified: text_at(node, "lastmodified")
                .ok_or_else(|| missing("lastmodified"))?
                .into(),
            mac: text_at(node, "mac")
                .filter(|mac| !mac.is_empty())
                .ok_or_else(|| missing("mac"))?
                .into(),
            rule: Rule::of(node)?,
            mac_only_encrypted: match node.at(&["mac_only_encrypted"]) {
                None | Some(Node::Leaf(Raw::Boolean(false) | Raw::Null)) => false,
                Some(Node::Leaf(Raw::Boolean(true))) => true,
                Some(Node::Leaf(Raw::Text(text))) if text == "true" => true,
                Some(Node::Leaf(Raw::Text(text))) if text == "false" => false,
                Some(_) => {
                    return Err(SopsError::Metadata(
                        "`mac_only_encrypted` is no boolean".into(),
                    ));
                }
            },
            version: text_at(node, "version").unwrap_or(VERSION).into(),
            others: node.keys().iter().filter_map(other).collect(),
        })
    }

    /// What stands in the file.
    pub(super) fn node(&self) -> Node<Raw> {
        let text = |key: &str, text: &str| Item::Entry(key.into(), leaf(text));
        let mut items: Vec<Item<Raw>> = self
            .others
            .iter()
            .map(|(key, node)| Item::Entry(key.clone(), node.clone()))
            .collect();
        let age = self.age.iter().map(|(recipient, wrapped)| {
            Element::Node(Node::Map(vec![
                text("recipient", recipient),
                text("enc", wrapped),
            ]))
        });
        items.push(Item::Entry("age".into(), Node::List(age.collect())));
        items.push(text("lastmodified", &self.last_modified));
        items.push(text("mac", &self.mac));
        let (key, rule) = self.rule.written();
        items.push(text(key, rule));
        if self.mac_only_encrypted {
            let yes = Node::Leaf(Raw::Boolean(true));
            items.push(Item::Entry("mac_only_encrypted".into(), yes));
        }
        items.push(text("version", &self.version));
        Node::Map(items)
    }
}

fn leaf(text: &str) -> Node<Raw> {
    Node::Leaf(Raw::Text(text.into()))
}

fn wrapped_keys(node: &Node<Raw>) -> Result<Vec<(String, String)>, SopsError> {
    let damaged = || SopsError::Metadata("`age` is no list of recipients".into());
    let elements = match node.at(&["age"]) {
        None | Some(Node::Leaf(Raw::Null)) => return Ok(Vec::new()),
        Some(Node::List(elements)) => elements,
        Some(_) => return Err(damaged()),
    };
    let mut keys = Vec::new();
    for element in elements {
        let Element::Node(entry) = element else {
            continue;
        };
        let said = |key| text_at(entry, key).map(str::to_owned).ok_or_else(damaged);
        keys.push((said("recipient")?, said("enc")?));
    }
    Ok(keys)
}
