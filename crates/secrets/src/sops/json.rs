//! The JSON store. Keys keep their order; one that is there twice is refused.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

use super::tree::{Element, Item, Node, Raw};

/// Whole numbers beyond this are not the same in every reader.
const EXACT: i64 = 1 << 53;

/// The tree, and what SOPS keeps about it.
pub(super) fn read(text: &str) -> Result<(Node<Raw>, Option<Node<Raw>>), String> {
    let node: Node<Raw> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Node::Map(items) = node else {
        return Err("it is no object".into());
    };
    Ok(split(items))
}

/// Takes the metadata out of the topmost map.
pub(super) fn split(items: Vec<Item<Raw>>) -> (Node<Raw>, Option<Node<Raw>>) {
    let mut sops = None;
    let mut rest = Vec::new();
    for item in items {
        match item {
            Item::Entry(key, node) if key == "sops" => sops = Some(node),
            other => rest.push(other),
        }
    }
    (Node::Map(rest), sops)
}

pub(super) fn write(tree: &Node<Raw>, sops: &Node<Raw>) -> Result<String, String> {
    let Node::Map(items) = tree else {
        return Err("the top of a file is a map".into());
    };
    let mut items = items.clone();
    items.push(Item::Entry("sops".into(), sops.clone()));
    let mut bytes = Vec::new();
    let indented = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, indented);
    Node::Map(items)
        .serialize(&mut serializer)
        .map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

impl Serialize for Node<Raw> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Leaf(Raw::Text(text)) => serializer.serialize_str(text),
            Node::Leaf(Raw::Integer(number)) => serializer.serialize_i64(*number),
            Node::Leaf(Raw::Float(number)) => serializer.serialize_f64(*number),
            Node::Leaf(Raw::Boolean(yes)) => serializer.serialize_bool(*yes),
            Node::Leaf(Raw::Null) => serializer.serialize_unit(),
            Node::Map(items) => {
                let mut map = serializer.serialize_map(None)?;
                for item in items {
                    // JSON has no comments; what came from JSON has none.
                    if let Item::Entry(key, node) = item {
                        map.serialize_entry(key, node)?;
                    }
                }
                map.end()
            }
            Node::List(elements) => {
                let mut list = serializer.serialize_seq(None)?;
                for element in elements {
                    if let Element::Node(node) = element {
                        list.serialize_element(node)?;
                    }
                }
                list.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node<Raw> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node<Raw>, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node<Raw>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Node<Raw>, E> {
        Ok(Node::Leaf(Raw::Boolean(yes)))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Node<Raw>, E> {
        if !(-EXACT..=EXACT).contains(&number) {
            return Err(E::custom(
                "a number is too large to be the same in every reader",
            ));
        }
        Ok(Node::Leaf(Raw::Integer(number)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Node<Raw>, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<Raw>, E> {
        Ok(Node::Leaf(Raw::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<Raw>, E> {
        Ok(Node::Leaf(Raw::Text(text.into())))
    }

    fn visit_unit<E>(self) -> Result<Node<Raw>, E> {
        Ok(Node::Leaf(Raw::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<Raw>, A::Error> {
        let mut elements = Vec::new();
        while let Some(node) = list.next_element()? {
            elements.push(Element::Node(node));
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<Raw>, A::Error> {
        let mut items = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, node)) = map.next_entry::<String, Node<Raw>>()? {
            if !seen.insert(key.clone()) {
                let twice = format!("the key {key:.80?} is there twice");
                return Err(serde::de::Error::custom(twice));
            }
            items.push(Item::Entry(key, node));
        }
        Ok(Node::Map(items))
    }
}
