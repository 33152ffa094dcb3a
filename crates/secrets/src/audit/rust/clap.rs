//! Variables that clap reads for arguments: by attributes of fields, and by its builder.

use tree_sitter::Node;

use super::{name, segments};
use crate::audit::{
    names::Names,
    syntax::{Found, Place, REACH, children, named},
};

/// `Arg::new("name").env("NAME")`, of clap's builder.
pub(super) fn built<'t>(
    place: &Place<'t, '_>,
    function: Node<'t>,
    key: Node<'t>,
    names: &Names<'_>,
) -> Option<Found> {
    let is_default =
        |method: Option<&str>| method.is_some_and(|method| method.starts_with("default_value"));
    let mut below = function;
    let mut has_default = place.around().any(|(outer, _)| {
        outer.kind() == "field_expression" && is_default(place.field(outer, "field"))
    });
    for _ in 0..REACH {
        let call = below
            .child_by_field_name("value")
            .filter(|node| node.kind() == "call_expression")?;
        below = call.child_by_field_name("function")?;
        if below.kind() != "field_expression" {
            let path = segments(place, below)?;
            let is_argument =
                path.ends_with(&["Arg", "new"]) || path.ends_with(&["Arg", "with_name"]);
            return is_argument.then(|| Found::new(key, name(place, key, names), has_default));
        }
        has_default |= is_default(place.field(below, "field"));
    }
    None
}

/// The fields of a struct whose attributes make clap read a variable.
pub(super) fn fields(place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut attributes = Vec::new();
    for node in children(place.node) {
        match node.kind() {
            "attribute_item" => attributes.push(node),
            "field_declaration" => {
                found.extend(
                    attributes
                        .drain(..)
                        .filter_map(|attribute| field(place, attribute, node, names)),
                );
            }
            _ => {}
        }
    }
    found
}

/// `#[arg(env = "NAME")]` or `#[arg(env)]` on a field.
fn field<'t>(
    place: &Place<'t, '_>,
    item: Node<'t>,
    field: Node<'t>,
    names: &Names<'_>,
) -> Option<Found> {
    let attribute = named(item).next()?;
    let of = place.said(named(attribute).next()?);
    let arguments = attribute.child_by_field_name("arguments")?;
    if !["arg", "clap", "structopt"].contains(&of) {
        return None;
    }
    let tokens = children(arguments);
    let words: Vec<&str> = tokens.iter().map(|token| place.said(*token)).collect();
    let at = words.iter().position(|word| *word == "env")?;
    let name = match words.get(at + 1)? {
        &"=" => name(place, *tokens.get(at + 2)?, names),
        _ => Some(
            place
                .field(field, "name")?
                .trim_start_matches("r#")
                .to_uppercase(),
        ),
    };
    let kind = place.field(field, "type")?;
    let has_default = words.iter().any(|word| word.starts_with("default_value"))
        || kind == "bool"
        || ["Option<", "Vec<"]
            .iter()
            .any(|optional| kind.starts_with(optional));
    Some(Found::new(tokens[at], name, has_default))
}
