//! JavaScript and TypeScript: `process.env`, `import.meta.env`, `Deno.env` and `Bun.env`, by name, by destructuring or by
//! an alias. What is written into the environment, or deleted from it, is not read. `import.meta.env` is the bundler's,
//! which gives it a few constants of its own: they are no variables.

use tree_sitter::Node;

use super::{
    Moment,
    names::{Binding, Names},
    syntax::{Declare, Found, Grammar, Place, REACH, children, named},
};

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

/// Declares what a pattern takes from a value.
fn bind<'t>(
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
struct Taken<'t> {
    node: Node<'t>,
    /// The property; none if it is computed.
    key: Option<String>,
    /// What it is called from there on, unless it is taken apart.
    name: Option<&'t str>,
    has_default: bool,
}

fn taken<'t>(place: &Place<'t, '_>, pattern: Node<'t>) -> Vec<Taken<'t>> {
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

fn import<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
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
