//! The dotenv store of SOPS: a line a value, line ends within values written as `\n`, metadata flattened into `sops_…`.
//! It is simpler than dotenv files are otherwise: there are no quotes.

use std::collections::BTreeMap;

use super::tree::{Element, Item, Node, Raw};

const PREFIX: &str = "sops_";
const MAP: &str = "__map_";
const LIST: &str = "__list_";
/// No name of metadata is longer, or leads deeper.
const LONGEST_NAME: usize = 256;
const DEEPEST: usize = 8;

/// The tree, and what SOPS keeps about it.
pub(super) fn read(text: &str) -> Result<(Node<Raw>, Option<Node<Raw>>), String> {
    let mut items = Vec::new();
    let mut kept: Vec<(&str, String)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            items.push(Item::Comment(Raw::Text(comment.into())));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(format!("line {} has no `=`", at + 1));
        };
        if !seen.insert(key) {
            return Err(format!("the key of line {} is there twice", at + 1));
        }
        let value = value.replace("\\n", "\n");
        match key.strip_prefix(PREFIX) {
            Some(key) => kept.push((key, value)),
            None => items.push(Item::Entry(key.into(), Node::Leaf(Raw::Text(value)))),
        }
    }
    let sops = match kept.is_empty() {
        true => None,
        false => Some(unflattened(kept)?),
    };
    Ok((Node::Map(items), sops))
}

/// A step of a flattened path.
enum Step<'a> {
    Key(&'a str),
    At(usize),
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let bad = || format!("`{PREFIX}{path:.80}` is no name of metadata");
    if path.len() > LONGEST_NAME {
        return Err(bad());
    }
    let end = |text: &str| {
        let ends = [text.find(MAP), text.find(LIST)];
        ends.into_iter().flatten().min().unwrap_or(text.len())
    };
    let first = end(path);
    let mut steps = vec![Step::Key(&path[..first])];
    let mut rest = &path[first..];
    while !rest.is_empty() {
        let is_list = rest.starts_with(LIST);
        let inner = &rest[if is_list { LIST.len() } else { MAP.len() }..];
        let (step, after) = inner.split_at(end(inner));
        steps.push(match is_list {
            false => Step::Key(step),
            true => Step::At(step.parse().map_err(|_| bad())?),
        });
        rest = after;
    }
    match steps.len() > DEEPEST {
        true => Err(bad()),
        false => Ok(steps),
    }
}

/// Metadata that is being put together. Nothing is made for what no line says: lines come in any order.
enum Part {
    Nothing,
    Text(String),
    Map(BTreeMap<String, Part>),
    List(BTreeMap<usize, Part>),
}

fn unflattened(kept: Vec<(&str, String)>) -> Result<Node<Raw>, String> {
    let mut root = Part::Map(BTreeMap::new());
    for (path, value) in kept {
        let mut part = &mut root;
        for step in steps(path)? {
            if matches!(part, Part::Nothing) {
                *part = match step {
                    Step::Key(_) => Part::Map(BTreeMap::new()),
                    Step::At(_) => Part::List(BTreeMap::new()),
                };
            }
            part = match (step, part) {
                (Step::Key(key), Part::Map(parts)) => {
                    parts.entry(key.to_owned()).or_insert(Part::Nothing)
                }
                (Step::At(at), Part::List(parts)) => parts.entry(at).or_insert(Part::Nothing),
                _ => return Err(format!("`{PREFIX}{path:.80}` leads through a value")),
            };
        }
        match part {
            Part::Nothing => *part = Part::Text(value),
            _ => return Err(format!("`{PREFIX}{path:.80}` is a value and more")),
        }
    }
    root.node()
}

impl Part {
    /// As a part of a tree; a list in which one is missing is none.
    fn node(self) -> Result<Node<Raw>, String> {
        Ok(match self {
            Part::Nothing => Node::Leaf(Raw::Null),
            Part::Text(text) => Node::Leaf(Raw::Text(text)),
            Part::Map(parts) => {
                let items = parts
                    .into_iter()
                    .map(|(key, part)| Ok(Item::Entry(key, part.node()?)));
                Node::Map(items.collect::<Result<_, String>>()?)
            }
            Part::List(parts) => {
                if parts.keys().copied().ne(0..parts.len()) {
                    return Err("a list in its metadata has gaps".into());
                }
                let elements = parts
                    .into_values()
                    .map(|part| Ok(Element::Node(part.node()?)));
                Node::List(elements.collect::<Result<_, String>>()?)
            }
        })
    }
}

pub(super) fn write(tree: &Node<Raw>, sops: &Node<Raw>) -> Result<String, String> {
    let Node::Map(items) = tree else {
        return Err("the top of a file is a map".into());
    };
    let mut lines = Vec::new();
    for item in items {
        match item {
            Item::Comment(Raw::Text(text)) => lines.push(format!("#{}", text.replace('\n', " "))),
            Item::Comment(_) => {}
            Item::Entry(key, Node::Leaf(leaf)) => lines.push(line(key, leaf)?),
            Item::Entry(key, _) => {
                return Err(format!(
                    "{key} is a map or a list, and a dotenv file has only texts"
                ));
            }
        }
    }
    let mut kept = Vec::new();
    flatten(PREFIX.trim_end_matches('_'), sops, &mut kept);
    let mut kept: Vec<String> = kept
        .iter()
        .map(|(key, leaf)| line(key, leaf))
        .collect::<Result<_, _>>()?;
    kept.sort();
    lines.extend(kept);
    Ok(lines.join("\n") + "\n")
}

fn line(key: &str, leaf: &Raw) -> Result<String, String> {
    if key.is_empty() || key.starts_with('#') || key.contains(['=', '\n', '\r']) {
        return Err(format!("{key:.80?} cannot be a key of a dotenv file"));
    }
    let text = match leaf {
        Raw::Text(text) => text.clone(),
        Raw::Integer(number) => number.to_string(),
        Raw::Float(number) => number.to_string(),
        Raw::Boolean(yes) => yes.to_string(),
        Raw::Null => String::new(),
    };
    if text.contains("\\n") || text.contains('\r') {
        return Err(format!(
            "the value of {key} has `\\n` or a carriage return in clear, which a dotenv file cannot tell from a line's end"
        ));
    }
    Ok(format!("{key}={}", text.replace('\n', "\\n")))
}

fn flatten(prefix: &str, node: &Node<Raw>, into: &mut Vec<(String, Raw)>) {
    match node {
        Node::Leaf(leaf) => into.push((prefix.into(), leaf.clone())),
        Node::Map(items) => {
            for item in items {
                if let Item::Entry(key, node) = item {
                    // The first step has no mark of its own.
                    let joint = if prefix == "sops" { "_" } else { MAP };
                    flatten(&format!("{prefix}{joint}{key}"), node, into);
                }
            }
        }
        Node::List(elements) => {
            for (at, element) in elements.iter().enumerate() {
                if let Element::Node(node) = element {
                    flatten(&format!("{prefix}{LIST}{at}"), node, into);
                }
            }
        }
    }
}
