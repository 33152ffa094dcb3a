//! The dotenv store of SOPS: a line a value, line ends within values written as `\n`, metadata flattened into `sops_…`.
//! It is simpler than dotenv files are otherwise: there are no quotes.

use super::tree::{Element, Item, Node, Raw};

const PREFIX: &str = "sops_";
const MAP: &str = "__map_";
const LIST: &str = "__list_";
/// More entries than a list of recipients has.
const LONGEST: usize = 10_000;

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
            true => {
                let at = step.parse().ok().filter(|at| *at < LONGEST);
                Step::At(at.ok_or_else(|| format!("`{PREFIX}{path:.80}` is no place in a list"))?)
            }
        });
        rest = after;
    }
    Ok(steps)
}

fn unflattened(kept: Vec<(&str, String)>) -> Result<Node<Raw>, String> {
    let mut root = Node::Map(Vec::new());
    for (path, value) in kept {
        let mut node = &mut root;
        for step in steps(path)? {
            let conflict = || format!("`{PREFIX}{path:.80}` leads through a value");
            // What is not there yet becomes what the step needs.
            if matches!(node, Node::Leaf(Raw::Null)) {
                *node = match step {
                    Step::Key(_) => Node::Map(Vec::new()),
                    Step::At(_) => Node::List(Vec::new()),
                };
            }
            node = match (step, node) {
                (Step::Key(key), Node::Map(items)) => entry(items, key),
                (Step::At(at), Node::List(elements)) => {
                    while elements.len() <= at {
                        elements.push(Element::Node(Node::Leaf(Raw::Null)));
                    }
                    match &mut elements[at] {
                        Element::Node(node) => node,
                        Element::Comment(_) => return Err(conflict()),
                    }
                }
                _ => return Err(conflict()),
            };
        }
        *node = Node::Leaf(Raw::Text(value));
    }
    Ok(root)
}

fn entry<'a>(items: &'a mut Vec<Item<Raw>>, key: &str) -> &'a mut Node<Raw> {
    let is_it = |item: &Item<Raw>| matches!(item, Item::Entry(known, _) if known == key);
    let at = items.iter().position(is_it).unwrap_or_else(|| {
        items.push(Item::Entry(key.into(), Node::Leaf(Raw::Null)));
        items.len() - 1
    });
    match &mut items[at] {
        Item::Entry(_, node) => node,
        Item::Comment(_) => unreachable!("it was found or made as an entry"),
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
