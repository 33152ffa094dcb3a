//! Go: `os.Getenv`, `os.LookupEnv`, `syscall.Getenv`, and the struct tags `env:"NAME"` that several libraries take.
//! That `LookupEnv` tells whether the variable is there is no default: what is made of it is on a later line.

use tree_sitter::Node;

use super::{
    names::{Binding, Names},
    syntax::{Declare, Found, Grammar, Place, REACH, named},
};

pub(super) struct Go;

const FUNCTIONS: &[&str] = &["os.Getenv", "os.LookupEnv", "syscall.Getenv"];

impl Grammar for Go {
    fn scopes(&self) -> &'static [&'static str] {
        &[
            "block",
            "function_declaration",
            "method_declaration",
            "func_literal",
            "if_statement",
            "for_statement",
        ]
    }

    fn declare<'t>(&self, place: &Place<'t, '_>, declare: Declare<'t, '_>) {
        let node = place.node;
        match node.kind() {
            "import_spec" => import(place, declare),
            "const_spec" => constants(place, declare),
            "short_var_declaration" => {
                let sides = [
                    node.child_by_field_name("left"),
                    node.child_by_field_name("right"),
                ];
                let [Some(left), Some(right)] = sides else {
                    return;
                };
                let path = (named(left).count() == 1)
                    .then(|| named(right).next().and_then(|n| path(place, n)));
                let binding = path
                    .flatten()
                    .map_or(Binding::Other, |path| Binding::Path(path.join(".")));
                hide(place, left, &binding, declare);
            }
            "range_clause" => {
                if let Some(left) = node.child_by_field_name("left") {
                    hide(place, left, &Binding::Other, declare);
                }
            }
            "parameter_declaration" | "var_spec" => hide(place, node, &Binding::Other, declare),
            _ => {}
        }
    }

    fn find(&self, place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
        let found = match place.node.kind() {
            "call_expression" => call(place, names),
            "field_declaration" => tagged(place),
            _ => None,
        };
        found.into_iter().collect()
    }
}

fn import<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
    let Some(path) = place.field(place.node, "path") else {
        return;
    };
    let path = path.trim_matches(['"', '`']);
    match place.field(place.node, "name") {
        Some("_") => {}
        Some(".") => {
            for function in FUNCTIONS {
                if let Some((_, name)) = function
                    .split_once('.')
                    .filter(|(package, _)| *package == path)
                {
                    declare(name, Binding::Path((*function).to_owned()));
                }
            }
        }
        Some(name) => declare(name, Binding::Path(path.to_owned())),
        None => {
            let name = path.rsplit('/').next().unwrap_or(path);
            declare(name, Binding::Path(path.to_owned()));
        }
    }
}

/// The constants of `const A, B = "a", "b"`.
fn constants<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
    let values = place.node.child_by_field_name("value");
    let mut values = values.into_iter().flat_map(named);
    for name in named(place.node).filter(|node| node.kind() == "identifier") {
        let text = values.next().and_then(|value| literal(place, value));
        declare(place.said(name), text.map_or(Binding::Other, Binding::Text));
    }
}

/// Declares the identifiers that are directly in a node.
fn hide<'t>(place: &Place<'t, '_>, node: Node<'t>, binding: &Binding, declare: Declare<'t, '_>) {
    for name in named(node).filter(|node| node.kind() == "identifier") {
        declare(place.said(name), binding.clone());
    }
}

fn literal<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<String> {
    match node.kind() {
        "interpreted_string_literal" => place.literal(node, "interpreted_string_literal_content"),
        "raw_string_literal" => place.literal(node, "raw_string_literal_content"),
        _ => None,
    }
}

fn path<'t>(place: &Place<'t, '_>, mut node: Node<'t>) -> Option<Vec<&'t str>> {
    let mut segments = Vec::new();
    while segments.len() < REACH {
        match node.kind() {
            "identifier" => {
                segments.push(place.said(node));
                segments.reverse();
                return Some(segments);
            }
            "selector_expression" => {
                segments.push(place.field(node, "field")?);
                node = node.child_by_field_name("operand")?;
            }
            _ => return None,
        }
    }
    None
}

fn function<'t>(place: &Place<'t, '_>, call: Node<'t>, names: &Names<'_>) -> Option<String> {
    names.meaning(&path(place, call.child_by_field_name("function")?)?)
}

fn call(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let function = function(place, place.node, names)?;
    if !FUNCTIONS.contains(&&*function) {
        return None;
    }
    let key = named(place.node.child_by_field_name("arguments")?).next()?;
    let name = match key.kind() {
        "identifier" => names.text(place.said(key)),
        _ => literal(place, key),
    };
    Some(Found::new(place.node, name, has_default(place, names)))
}

/// Whether something comes behind the read in `cmp.Or`, which takes the first that is not empty.
fn has_default(place: &Place<'_, '_>, names: &Names<'_>) -> bool {
    let [.., call, arguments] = place.above else {
        return false;
    };
    let is_choice = arguments.kind() == "argument_list"
        && call.kind() == "call_expression"
        && function(place, *call, names).as_deref() == Some("cmp.Or");
    is_choice && named(*arguments).last() != Some(place.node)
}

/// A field whose tag names a variable.
fn tagged(place: &Place<'_, '_>) -> Option<Found> {
    let node = place.node.child_by_field_name("tag")?;
    let said = place.said(node);
    let inner = said.get(1..said.len().saturating_sub(1))?;
    let tag = match node.kind() {
        "raw_string_literal" => inner.to_owned(),
        _ => inner.replace("\\\"", "\""),
    };
    let value = tag_value(&tag, "env")?;
    let (name, options) = value.split_once(',').unwrap_or((value, ""));
    let has_default = ["envDefault", "default"]
        .iter()
        .any(|key| tag_value(&tag, key).is_some())
        || options
            .split(',')
            .any(|option| option.trim_start().starts_with("default="));
    let is_named = !name.is_empty() && name != "-";
    is_named.then(|| Found::new(node, Some(name.to_owned()), has_default))
}

/// The value of a key in a struct tag: `key:"value" other:"value"`.
fn tag_value<'a>(mut tag: &'a str, key: &str) -> Option<&'a str> {
    loop {
        let (name, rest) = tag.trim_start().split_once(":\"")?;
        let (value, rest) = rest.split_once('"')?;
        if name == key {
            return Some(value);
        }
        tag = rest;
    }
}
