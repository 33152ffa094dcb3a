//! Rust: `std::env::var` and its like, `dotenvy::var`, `env!` and `option_env!`, and clap's `env`. What is between the
//! parentheses of a macro is not parsed, because only the macro knows its language; reads in it are found as rows of
//! tokens. A field's name becomes a variable's as clap does it without `rename_all_env`.

mod clap;

use tree_sitter::Node;

use super::{
    Moment,
    names::{Binding, Names},
    syntax::{Declare, Found, Grammar, Mark, Place, REACH, children, named},
};

use clap::{built, fields};

pub(super) struct Rust;

/// Both with the import of `env`, and as they are written where a parent module imports it.
const FUNCTIONS: &[&str] = &[
    "std.env.var",
    "std.env.var_os",
    "env.var",
    "env.var_os",
    "dotenvy.var",
    "dotenv.var",
];
const MACROS: &[&str] = &[
    "env",
    "option_env",
    "std.env",
    "std.option_env",
    "core.env",
    "core.option_env",
];

impl Grammar for Rust {
    fn scopes(&self) -> &'static [&'static str] {
        &["mod_item", "block"]
    }

    fn declare<'t>(&self, place: &Place<'t, '_>, declare: Declare<'t, '_>) {
        match place.node.kind() {
            "use_declaration" => import(place, declare),
            "const_item" | "static_item" => {
                let value = place.node.child_by_field_name("value");
                let text = value.and_then(|value| literal(place, value));
                if let Some(name) = place.field(place.node, "name") {
                    declare(name, text.map_or(Binding::Other, Binding::Text));
                }
            }
            _ => {}
        }
    }

    fn find(&self, place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
        match place.node.kind() {
            "call_expression" => call(place, names).into_iter().collect(),
            "macro_invocation" => macro_call(place, names).into_iter().collect(),
            "identifier" | "scoped_identifier" => handed_on(place, names).into_iter().collect(),
            "token_tree" => tokens(place, names),
            "field_declaration_list" => fields(place, names),
            _ => Vec::new(),
        }
    }

    fn mark(&self, place: &Place<'_, '_>) -> Mark {
        let of_tests = || is_of_tests(place.said(place.node));
        match place.node.kind() {
            "attribute_item" if of_tests() => Mark::Next,
            "inner_attribute_item" if of_tests() => Mark::Around,
            "attribute_item" | "line_comment" | "block_comment" => Mark::Passed,
            _ => Mark::None,
        }
    }
}

/// Whether an attribute makes what follows a test, or a part of tests.
fn is_of_tests(attribute: &str) -> bool {
    let attribute: String = attribute
        .chars()
        .take(200)
        .filter(|c| !c.is_whitespace())
        .collect();
    let inner = attribute.trim_start_matches(['#', '!', '[']);
    if let Some(condition) = inner.strip_prefix("cfg(") {
        let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '"');
        return words.any(|word| word == "test") && !condition.contains("not(");
    }
    let path = inner.split(['(', ']', '=']).next().unwrap_or_default();
    matches!(path.rsplit("::").next(), Some("test" | "rstest" | "bench"))
}

/// Declares what a `use` imports.
fn import<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
    let argument = place.node.child_by_field_name("argument");
    let mut left: Vec<(Node<'t>, Vec<&'t str>)> = argument
        .map(|node| (node, Vec::new()))
        .into_iter()
        .collect();
    while let Some((node, mut prefix)) = left.pop() {
        if prefix.len() > REACH {
            continue;
        }
        match node.kind() {
            "use_as_clause" => {
                let path = node
                    .child_by_field_name("path")
                    .and_then(|path| segments(place, path));
                if let (Some(path), Some(alias)) = (path, place.field(node, "alias")) {
                    prefix.extend(path.iter().filter(|segment| **segment != "self"));
                    declare(alias, Binding::Path(prefix.join(".")));
                }
            }
            "scoped_use_list" | "use_list" => {
                let path = node.child_by_field_name("path");
                prefix.extend(
                    path.and_then(|path| segments(place, path))
                        .unwrap_or_default(),
                );
                let list = node.child_by_field_name("list").unwrap_or(node);
                let parts = children(list).into_iter().filter(Node::is_named);
                left.extend(parts.map(|part| (part, prefix.clone())));
            }
            "self" => {
                if let Some(name) = prefix.last() {
                    declare(name, Binding::Path(prefix.join(".")));
                }
            }
            _ => {
                let path = segments(place, node).unwrap_or_default();
                if let Some(name) = path.last() {
                    prefix.extend(&path);
                    declare(name, Binding::Path(prefix.join(".")));
                }
            }
        }
    }
}

fn literal<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<String> {
    let is_text = ["string_literal", "raw_string_literal"].contains(&node.kind());
    is_text.then(|| place.literal(node, "string_content"))?
}

/// The segments of a path.
fn segments<'t>(place: &Place<'t, '_>, mut node: Node<'t>) -> Option<Vec<&'t str>> {
    let mut segments = Vec::new();
    while segments.len() < REACH {
        match node.kind() {
            "identifier" | "type_identifier" | "self" | "crate" | "super" => {
                segments.push(place.said(node));
                segments.reverse();
                return Some(segments);
            }
            "scoped_identifier" => {
                segments.push(place.field(node, "name")?);
                let Some(path) = node.child_by_field_name("path") else {
                    // `::std::env`
                    segments.reverse();
                    return Some(segments);
                };
                node = path;
            }
            "generic_function" => node = node.child_by_field_name("function")?,
            _ => return None,
        }
    }
    None
}

fn is_reader(names: &Names<'_>, path: &[&str]) -> bool {
    names
        .meaning(path)
        .is_some_and(|meaning| FUNCTIONS.contains(&&*meaning))
}

/// The name that an argument is: a literal, or a constant, also one of a type.
fn name<'t>(place: &Place<'t, '_>, node: Node<'t>, names: &Names<'_>) -> Option<String> {
    let node = match node.kind() {
        "reference_expression" => node.child_by_field_name("value")?,
        _ => node,
    };
    literal(place, node).or_else(|| names.text(segments(place, node)?.last()?))
}

fn call(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let function = place.node.child_by_field_name("function")?;
    let arguments = place.node.child_by_field_name("arguments")?;
    let mut arguments = named(arguments);
    let first = arguments.next()?;
    if function.kind() == "field_expression" {
        let is_only = arguments.next().is_none();
        return (is_only && place.field(function, "field") == Some("env"))
            .then(|| built(place, function, first, names))?;
    }
    is_reader(names, &segments(place, function)?).then(|| {
        Found::new(
            place.node,
            name(place, first, names),
            has_default(place, false),
        )
    })
}

/// `env!("NAME")` and `option_env!("NAME")`.
fn macro_call(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let path = segments(place, place.node.child_by_field_name("macro")?)?;
    let tokens = named(place.node).find(|node| node.kind() == "token_tree")?;
    compiled(&path)?;
    let optional = path.last() == Some(&"option_env");
    let name = named(tokens).next().and_then(|key| name(place, key, names));
    let mut found = Found::new(place.node, name, has_default(place, optional));
    found.moment = Moment::Build;
    Some(found)
}

fn compiled(path: &[&str]) -> Option<()> {
    MACROS.contains(&&*path.join(".")).then_some(())
}

/// A function that reads, given to another one: `.map(env::var)`.
fn handed_on(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let is_argument = place
        .parent()
        .is_some_and(|parent| parent.kind() == "arguments");
    (is_argument && is_reader(names, &segments(place, place.node)?))
        .then(|| Found::new(place.node, None, false))
}

/// Whether the methods that are called on the read cope with its absence.
fn has_default(place: &Place<'_, '_>, optional: bool) -> bool {
    let mut copes = optional;
    for (outer, _) in place.around() {
        match outer.kind() {
            "field_expression" => match place.field(outer, "field").and_then(method) {
                Some(decided) => return decided,
                None => copes |= place.field(outer, "field") == Some("ok"),
            },
            "call_expression" | "parenthesized_expression" | "reference_expression" => {}
            "let_condition" => return true,
            "try_expression" => return false,
            _ => break,
        }
    }
    copes
}

/// What a method decides about absence, if anything.
fn method(name: &str) -> Option<bool> {
    match name {
        "unwrap_or" | "unwrap_or_else" | "unwrap_or_default" | "map_or" | "map_or_else" | "or"
        | "or_else" | "is_ok" | "is_err" | "is_some" | "is_none" | "is_ok_and" | "is_err_and"
        | "is_some_and" | "is_none_or" => Some(true),
        "unwrap" | "expect" | "context" | "with_context" | "ok_or" | "ok_or_else" => Some(false),
        _ => None,
    }
}

/// Reads among the tokens of a macro.
fn tokens(place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
    let tokens = children(place.node);
    let mut found = Vec::new();
    let mut path: Vec<(&str, Node<'_>)> = Vec::new();
    let mut continues = false;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind() {
            "identifier" | "self" | "crate" | "super" => {
                if !continues {
                    path.clear();
                }
                path.push((place.said(*token), *token));
                continues = false;
            }
            "::" => continues = true,
            "!" => {}
            "token_tree" => {
                let compiles = at > 0 && tokens[at - 1].kind() == "!";
                found.extend(among_tokens(place, &tokens, at, &path, compiles, names));
                path.clear();
            }
            _ => {
                path.clear();
                continues = false;
            }
        }
    }
    found
}

/// The read that is a path and the parentheses at a place among tokens.
fn among_tokens<'t>(
    place: &Place<'t, '_>,
    tokens: &[Node<'t>],
    at: usize,
    path: &[(&str, Node<'t>)],
    compiles: bool,
    names: &Names<'_>,
) -> Option<Found> {
    let (_, first) = path.first().filter(|_| path.len() < REACH)?;
    let words: Vec<&str> = path.iter().map(|(word, _)| *word).collect();
    match compiles {
        true => compiled(&words)?,
        false => is_reader(names, &words).then_some(())?,
    }
    let optional = compiles && words.last() == Some(&"option_env");
    // An expression of several tokens is not a name.
    let inner: Vec<Node<'t>> = named(tokens[at]).collect();
    let key = inner
        .last()
        .filter(|_| inner.len() == 1 || compiles)
        .and(inner.first());
    let key = key
        .and_then(|key| name(place, *key, names))
        .or_else(|| of_type(place, &inner, names));
    let mut found = Found::new(
        *first,
        key,
        tokens_have_default(place, &tokens[at + 1..], optional),
    );
    if compiles {
        found.moment = Moment::Build;
    }
    Some(found)
}

/// A constant of a type: `Self::KEY`, as tokens.
fn of_type<'t>(place: &Place<'t, '_>, tokens: &[Node<'t>], names: &Names<'_>) -> Option<String> {
    let is_path = tokens
        .iter()
        .all(|token| ["identifier", "self", "crate"].contains(&token.kind()));
    (is_path && tokens.len() == 2).then(|| names.text(place.said(tokens[1])))?
}

/// Whether the methods that follow cope with absence.
fn tokens_have_default(place: &Place<'_, '_>, tokens: &[Node<'_>], optional: bool) -> bool {
    let mut copes = optional;
    for token in tokens.iter().take(REACH) {
        match token.kind() {
            "identifier" => match method(place.said(*token)) {
                Some(decided) => return decided,
                None => copes |= place.said(*token) == "ok",
            },
            "." | "token_tree" => {}
            "?" => return false,
            _ => break,
        }
    }
    copes
}
