//! The names that JavaScript declares: in patterns, by imports, and what they stand for.

use tree_sitter::Node;

use super::{bare, literal, path};
use crate::audit::{
    names::Binding,
    syntax::{Declare, Place, children, named},
};

/// Declares what a pattern takes from a value.
pub(super) fn bind<'t>(
    place: &Place<'t, '_>,
    pattern: Option<Node<'t>>,
    value: Option<Node<'t>>,
    constant: bool,
    declare: Declare<'t, '_>,
) {
    let Some(pattern) = pattern else { return };
    let path = value.and_then(|value| path(place, value).or_else(|| required(place, value)));
    if pattern.kind() == "identifier" {
        let text = || {
            value
                .filter(|_| constant)
                .and_then(|value| literal(place, bare(value)))
        };
        let binding = path
            .map(|path| Binding::Path(path.join(".")))
            .or_else(|| text().map(Binding::Text));
        return declare(place.said(pattern), binding.unwrap_or(Binding::Other));
    }
    if let (Some(path), "object_pattern") = (path, pattern.kind()) {
        for taken in taken(place, pattern) {
            if let (Some(key), Some(name)) = (&taken.key, taken.name) {
                declare(name, Binding::Path(format!("{}.{key}", path.join("."))));
            }
        }
        return;
    }
    let mut left = vec![pattern];
    while let Some(node) = left.pop() {
        match node.kind() {
            "identifier" | "shorthand_property_identifier_pattern" => {
                declare(place.said(node), Binding::Other)
            }
            "object_pattern" | "array_pattern" | "rest_pattern" => {
                left.extend(children(node).into_iter().filter(Node::is_named));
            }
            "assignment_pattern" | "object_assignment_pattern" => {
                left.extend(node.child_by_field_name("left"))
            }
            "pair_pattern" => left.extend(node.child_by_field_name("value")),
            _ => {}
        }
    }
}

/// A property that an object pattern takes.
pub(super) struct Taken<'t> {
    pub(super) node: Node<'t>,
    /// The property; none if it is computed.
    pub(super) key: Option<String>,
    /// What it is called from there on, unless it is taken apart.
    pub(super) name: Option<&'t str>,
    pub(super) has_default: bool,
}

pub(super) fn taken<'t>(place: &Place<'t, '_>, pattern: Node<'t>) -> Vec<Taken<'t>> {
    let plain = |node: Node<'t>, has_default| Taken {
        node,
        key: Some(place.said(node).to_owned()),
        name: Some(place.said(node)),
        has_default,
    };
    let parts = children(pattern).into_iter();
    let take = |part: Node<'t>| match part.kind() {
        "shorthand_property_identifier_pattern" => Some(plain(part, false)),
        "object_assignment_pattern" => Some(plain(part.child_by_field_name("left")?, true)),
        "pair_pattern" => {
            let value = part.child_by_field_name("value")?;
            let has_default = value.kind() == "assignment_pattern";
            let target = value
                .child_by_field_name("left")
                .filter(|_| has_default)
                .unwrap_or(value);
            Some(Taken {
                node: part,
                key: key(place, part.child_by_field_name("key")?),
                name: (target.kind() == "identifier").then(|| place.said(target)),
                has_default,
            })
        }
        _ => None,
    };
    parts.filter_map(take).collect()
}

/// The property that a key in a pattern is.
fn key<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<String> {
    match node.kind() {
        "property_identifier" => Some(place.said(node).to_owned()),
        "computed_property_name" => literal(place, named(node).next()?),
        _ => literal(place, node),
    }
}

pub(super) fn import<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
    let source = place
        .node
        .child_by_field_name("source")
        .and_then(|source| literal(place, source));
    let is_process = source.as_deref().is_some_and(is_process);
    let process = || {
        if is_process {
            Binding::Path("process".into())
        } else {
            Binding::Other
        }
    };
    let clause = children(place.node)
        .into_iter()
        .find(|node| node.kind() == "import_clause");
    for node in clause.into_iter().flat_map(children) {
        match node.kind() {
            "identifier" => declare(place.said(node), process()),
            "namespace_import" => {
                if let Some(name) = named(node).next() {
                    declare(place.said(name), process());
                }
            }
            "named_imports" => {
                for part in children(node).into_iter().filter(Node::is_named) {
                    let Some(name) = place.field(part, "name") else {
                        continue;
                    };
                    let local = place.field(part, "alias").unwrap_or(name);
                    let binding = match (is_process, name) {
                        (true, "default") => process(),
                        (true, _) => Binding::Path(format!("process.{name}")),
                        (false, _) => Binding::Other,
                    };
                    declare(local, binding);
                }
            }
            _ => {}
        }
    }
}

fn is_process(module: &str) -> bool {
    ["process", "node:process"].contains(&module)
}

/// `require("process")`.
fn required<'t>(place: &Place<'t, '_>, value: Node<'t>) -> Option<Vec<&'t str>> {
    let is_call =
        value.kind() == "call_expression" && place.field(value, "function") == Some("require");
    let arguments = value.child_by_field_name("arguments").filter(|_| is_call)?;
    let module = literal(place, named(arguments).next()?)?;
    is_process(&module).then(|| vec!["process"])
}
