//! JavaScript and TypeScript: `process.env`, `import.meta.env`, `Deno.env` and `Bun.env`, by name, by destructuring or by
//! an alias. What is written into the environment, or deleted from it, is not read. `import.meta.env` is the bundler's,
//! which gives it a few constants of its own: they are no variables.

mod bindings;

use tree_sitter::Node;

use super::{
    Moment,
    names::Names,
    syntax::{Declare, Found, Grammar, Place, REACH, children, named},
};

use bindings::{bind, import, taken};

pub(super) struct JavaScript;

const ENVIRONMENTS: &[&str] = &[
    "process.env",
    "globalThis.process.env",
    "global.process.env",
    "window.process.env",
    "Bun.env",
    BUNDLED,
];
const BUNDLED: &str = "import.meta.env";
const BUNDLERS_OWN: &[&str] = &["MODE", "BASE_URL", "PROD", "DEV", "SSR"];

/// What makes a number or a truth value of something that is not there.
const CONVERSIONS: &[&str] = &["Number", "parseInt", "parseFloat", "String", "Boolean"];

impl Grammar for JavaScript {
    fn scopes(&self) -> &'static [&'static str] {
        &[
            "statement_block",
            "function_declaration",
            "function_expression",
            "generator_function",
            "generator_function_declaration",
            "arrow_function",
            "method_definition",
            "for_statement",
            "for_in_statement",
            "catch_clause",
            "switch_body",
        ]
    }

    fn declare<'t>(&self, place: &Place<'t, '_>, declare: Declare<'t, '_>) {
        let node = place.node;
        let field = |field| node.child_by_field_name(field);
        match node.kind() {
            "variable_declarator" => {
                let constant = place
                    .parent()
                    .and_then(|parent| parent.child(0))
                    .is_some_and(|word| word.kind() == "const");
                bind(place, field("name"), field("value"), constant, declare);
            }
            "required_parameter" | "optional_parameter" => {
                bind(place, field("pattern"), field("value"), false, declare)
            }
            "formal_parameters" => {
                for parameter in children(node).into_iter().filter(Node::is_named) {
                    match parameter.kind() {
                        "assignment_pattern" => {
                            let field = |field| parameter.child_by_field_name(field);
                            bind(place, field("left"), field("right"), false, declare);
                        }
                        "required_parameter" | "optional_parameter" => {}
                        _ => bind(place, Some(parameter), None, false, declare),
                    }
                }
            }
            "arrow_function" | "catch_clause" => {
                bind(place, field("parameter"), None, false, declare)
            }
            "for_in_statement" => bind(place, field("left"), None, false, declare),
            "import_statement" => import(place, declare),
            _ => {}
        }
    }

    fn find(&self, place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
        let field = |field| place.node.child_by_field_name(field);
        let one = |found: Option<Found>| found.into_iter().collect();
        match place.node.kind() {
            "member_expression" => one(member(place, names)),
            "subscript_expression" => one(subscript(place, names)),
            "call_expression" => one(call(place, names)),
            "binary_expression" => one(asked(place, names)),
            "variable_declarator" => destructured(place, field("name"), field("value"), names),
            "required_parameter" => destructured(place, field("pattern"), field("value"), names),
            "assignment_pattern" | "assignment_expression" => {
                destructured(place, field("left"), field("right"), names)
            }
            _ => Vec::new(),
        }
    }
}

fn literal<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<String> {
    ["string", "template_string"]
        .contains(&node.kind())
        .then(|| place.literal(node, "string_fragment"))?
}

/// What an expression is without what changes only its type.
fn bare(node: Node<'_>) -> Node<'_> {
    let wraps = |kind| {
        [
            "parenthesized_expression",
            "as_expression",
            "satisfies_expression",
            "non_null_expression",
        ]
        .contains(&kind)
    };
    let mut node = node;
    for _ in 0..REACH {
        match named(node).next().filter(|_| wraps(node.kind())) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node
}

/// The segments of `a.b.c`.
fn path<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<Vec<&'t str>> {
    let mut segments = Vec::new();
    let mut node = bare(node);
    while segments.len() < REACH {
        match node.kind() {
            "identifier" => {
                segments.push(place.said(node));
                segments.reverse();
                return Some(segments);
            }
            "meta_property" => {
                segments.extend(["meta", "import"]);
                segments.reverse();
                return Some(segments);
            }
            "member_expression" => {
                segments.push(place.field(node, "property")?);
                node = bare(node.child_by_field_name("object")?);
            }
            _ => return None,
        }
    }
    None
}

/// The environment that an expression is.
fn environment<'t>(
    place: &Place<'t, '_>,
    node: Node<'t>,
    names: &Names<'_>,
) -> Option<&'static str> {
    let meaning = names.meaning(&path(place, node)?)?;
    ENVIRONMENTS
        .iter()
        .find(|environment| **environment == meaning)
        .copied()
}

/// A read of a property of an environment.
fn read(node: Node<'_>, of: &str, name: Option<String>, has_default: bool) -> Option<Found> {
    let bundled = of == BUNDLED;
    if bundled
        && name
            .as_deref()
            .is_some_and(|name| BUNDLERS_OWN.contains(&name))
    {
        return None;
    }
    let mut found = Found::new(node, name, has_default);
    if bundled {
        found.moment = Moment::Build;
    }
    Some(found)
}

/// `process.env.NAME`.
fn member(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let of = environment(place, place.node.child_by_field_name("object")?, names)?;
    let is_called = place
        .parent()
        .is_some_and(|parent| parent.kind() == "call_expression")
        && place.is_its_parents("function");
    let is_type = place
        .above
        .iter()
        .rev()
        .take(REACH)
        .any(|above| above.kind() == "type_query");
    if is_called || is_type || is_written(place) {
        return None;
    }
    let name = place.field(place.node, "property")?.to_owned();
    read(place.node, of, Some(name), has_default(place))
}

/// `process.env["NAME"]`.
fn subscript(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let of = environment(place, place.node.child_by_field_name("object")?, names)?;
    if is_written(place) {
        return None;
    }
    let name = name(place, place.node.child_by_field_name("index")?, names);
    read(place.node, of, name, has_default(place))
}

fn name<'t>(place: &Place<'t, '_>, node: Node<'t>, names: &Names<'_>) -> Option<String> {
    let node = bare(node);
    match node.kind() {
        "identifier" => names.text(place.said(node)),
        _ => literal(place, node),
    }
}

fn is_written(place: &Place<'_, '_>) -> bool {
    place.parent().is_some_and(|parent| match parent.kind() {
        "assignment_expression" => place.is_its_parents("left"),
        "unary_expression" => place.field(parent, "operator") == Some("delete"),
        _ => false,
    })
}

/// `Deno.env.get("NAME")`, and the ways of asking whether there is a variable.
fn call(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let function = names.meaning(&path(place, place.node.child_by_field_name("function")?)?)?;
    let (object, method) = function.rsplit_once('.')?;
    let asks = match (object, method) {
        ("Deno.env", "get") => false,
        ("Deno.env", "has") => true,
        (object, "hasOwnProperty") if ENVIRONMENTS.contains(&object) => true,
        _ => return None,
    };
    let key = named(place.node.child_by_field_name("arguments")?).next()?;
    read(
        place.node,
        object,
        name(place, key, names),
        asks || has_default(place),
    )
}

/// `"NAME" in process.env`.
fn asked(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    if place.field(place.node, "operator") != Some("in") {
        return None;
    }
    let of = environment(place, place.node.child_by_field_name("right")?, names)?;
    let name = name(place, place.node.child_by_field_name("left")?, names);
    read(place.node, of, name, true)
}

/// `const { NAME } = process.env`.
fn destructured<'t>(
    place: &Place<'t, '_>,
    pattern: Option<Node<'t>>,
    value: Option<Node<'t>>,
    names: &Names<'_>,
) -> Vec<Found> {
    let pattern = pattern.filter(|pattern| pattern.kind() == "object_pattern");
    let of = value.and_then(|value| environment(place, value, names));
    let (Some(pattern), Some(of)) = (pattern, of) else {
        return Vec::new();
    };
    let taken = taken(place, pattern).into_iter();
    taken
        .filter_map(|taken| read(taken.node, of, taken.key, taken.has_default))
        .collect()
}

/// Whether another value takes the place of one that is not there, or the code only asks whether it is.
fn has_default(place: &Place<'_, '_>) -> bool {
    let mut optional = false;
    for (outer, inner) in place.around() {
        let is = |field| outer.child_by_field_name(field) == Some(inner);
        match outer.kind() {
            "parenthesized_expression"
            | "as_expression"
            | "satisfies_expression"
            | "non_null_expression" => {}
            "binary_expression" if matches!(place.field(outer, "operator"), Some("??" | "||")) => {
                if is("left") {
                    return true;
                }
            }
            "augmented_assignment_expression" => {
                return is("left") && matches!(place.field(outer, "operator"), Some("??=" | "||="));
            }
            "member_expression" => {
                optional |= outer.child_by_field_name("optional_chain").is_some();
                if !optional {
                    return false;
                }
            }
            "arguments" => {}
            "call_expression" => {
                let converts = place
                    .field(outer, "function")
                    .is_some_and(|name| CONVERSIONS.contains(&name));
                if !converts && !is("function") {
                    return false;
                }
            }
            "ternary_expression" | "if_statement" => return is("condition"),
            _ => return false,
        }
    }
    false
}
