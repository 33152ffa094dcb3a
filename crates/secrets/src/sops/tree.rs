//! The tree of a file: maps whose order counts, lists, comments, and leaves of whatever kind.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// A part of a tree.
#[derive(Clone)]
pub(super) enum Node<L> {
    Leaf(L),
    Map(Vec<Item<L>>),
    List(Vec<Element<L>>),
}

/// An entry of a map, or a comment between entries.
#[derive(Clone)]
pub(super) enum Item<L> {
    Entry(String, Node<L>),
    Comment(L),
}

/// An element of a list, or a comment between elements.
#[derive(Clone)]
pub(super) enum Element<L> {
    Node(Node<L>),
    Comment(L),
}

/// A leaf as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Null,
}

/// A value of an opened file.
#[derive(Clone)]
pub enum Value {
    /// A text.
    Text(SecretString),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
    /// Bytes that need not be text.
    Bytes(Zeroizing<Vec<u8>>),
    /// A moment, as text.
    Moment(SecretString),
    /// Nothing.
    Null,
}

impl std::fmt::Debug for Value {
    /// Its type, never what it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "integer",
            Value::Float(_) => "float",
            Value::Boolean(_) => "boolean",
            Value::Bytes(_) => "bytes",
            Value::Moment(_) => "moment",
            Value::Null => "null",
        })
    }
}

impl Value {
    /// The value as the text that a process gets; `None` for bytes that are no text, and for nothing.
    pub fn text(&self) -> Option<SecretString> {
        Some(match self {
            Value::Text(text) | Value::Moment(text) => text.clone(),
            Value::Integer(number) => number.to_string().into(),
            Value::Float(number) => number.to_string().into(),
            Value::Boolean(yes) => yes.to_string().into(),
            Value::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok()?;
                text.into()
            }
            Value::Null => return None,
        })
    }

    /// What is encrypted of it, and what the code over all values is made from.
    pub(super) fn plain(&self) -> Zeroizing<Vec<u8>> {
        let bytes = match self {
            Value::Text(text) | Value::Moment(text) => text.expose_secret().as_bytes().to_vec(),
            Value::Integer(number) => number.to_string().into_bytes(),
            Value::Float(number) if *number == f64::INFINITY => b"+Inf".to_vec(),
            Value::Float(number) if *number == f64::NEG_INFINITY => b"-Inf".to_vec(),
            // Without an exponent, and as short as can be: as SOPS writes numbers.
            Value::Float(number) => number.to_string().into_bytes(),
            Value::Boolean(true) => b"True".to_vec(),
            Value::Boolean(false) => b"False".to_vec(),
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Null => Vec::new(),
        };
        Zeroizing::new(bytes)
    }
}

impl From<&Raw> for Value {
    fn from(raw: &Raw) -> Value {
        match raw {
            Raw::Text(text) => Value::Text(text.clone().into()),
            Raw::Integer(number) => Value::Integer(*number),
            Raw::Float(number) => Value::Float(*number),
            Raw::Boolean(yes) => Value::Boolean(*yes),
            Raw::Null => Value::Null,
        }
    }
}

impl<L> Node<L> {
    /// The part at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node<L>> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let Node::Map(items) = self else {
            return None;
        };
        let found = items.iter().find_map(|item| match item {
            Item::Entry(key, node) if key == first => Some(node),
            _ => None,
        });
        found?.at(rest)
    }

    /// The keys of a map, in their order; none of anything else.
    pub(super) fn keys(&self) -> Vec<&str> {
        let items = match self {
            Node::Map(items) => items.as_slice(),
            _ => &[],
        };
        let entries = items.iter();
        entries
            .filter_map(|item| match item {
                Item::Entry(key, _) => Some(key.as_str()),
                Item::Comment(_) => None,
            })
            .collect()
    }

    /// Makes a tree of the same shape. The function gets each leaf with its path, and whether it is a comment.
    pub(super) fn map<M, E>(
        &self,
        path: &mut Vec<String>,
        each: &mut impl FnMut(&L, &[String], bool) -> Result<M, E>,
    ) -> Result<Node<M>, E> {
        Ok(match self {
            Node::Leaf(leaf) => Node::Leaf(each(leaf, path, false)?),
            Node::Map(items) => {
                let mut mapped = Vec::with_capacity(items.len());
                for item in items {
                    mapped.push(match item {
                        Item::Comment(leaf) => Item::Comment(each(leaf, path, true)?),
                        Item::Entry(key, node) => {
                            path.push(key.clone());
                            let node = node.map(path, each);
                            path.pop();
                            Item::Entry(key.clone(), node?)
                        }
                    });
                }
                Node::Map(mapped)
            }
            Node::List(elements) => {
                let mut mapped = Vec::with_capacity(elements.len());
                for element in elements {
                    mapped.push(match element {
                        Element::Comment(leaf) => Element::Comment(each(leaf, path, true)?),
                        // The elements of a list have the list's path.
                        Element::Node(node) => Element::Node(node.map(path, each)?),
                    });
                }
                Node::List(mapped)
            }
        })
    }
}

/// A map's text under a key.
pub(super) fn text_at<'a>(node: &'a Node<Raw>, key: &str) -> Option<&'a str> {
    match node.at(&[key])? {
        Node::Leaf(Raw::Text(text)) => Some(text),
        _ => None,
    }
}
