//! Python: `os.environ` and `os.getenv`, however they were imported. A value that is put into the environment, or
//! deleted from it, is not a read.

use tree_sitter::Node;

use super::{
    names::{Binding, Names},
    syntax::{Declare, Found, Grammar, Place, REACH, named},
};

pub(super) struct Python;

const ENVIRONMENTS: &[&str] = &["os.environ", "os.environb"];

impl Grammar for Python {
    fn scopes(&self) -> &'static [&'static str] {
        &["function_definition", "lambda", "class_definition"]
    }

    fn declare<'t>(&self, place: &Place<'t, '_>, declare: Declare<'t, '_>) {
        let node = place.node;
        let value = |field| {
            node.child_by_field_name(field)
                .map_or(Binding::Other, |value| binding(place, value))
        };
        match node.kind() {
            "import_statement" => import(place, "", declare),
            "import_from_statement" => import_from(place, declare),
            "assignment" => bind(
                place,
                node.child_by_field_name("left"),
                &value("right"),
                declare,
            ),
            "default_parameter" | "typed_default_parameter" => {
                // A caller may give something else than the default, but hardly another kind of thing.
                let given = match value("value") {
                    Binding::Path(path) => Binding::Path(path),
                    _ => Binding::Other,
                };
                bind(place, node.child_by_field_name("name"), &given, declare);
            }
            "for_statement" | "for_in_clause" => bind(
                place,
                node.child_by_field_name("left"),
                &Binding::Other,
                declare,
            ),
            "named_expression" => bind(
                place,
                node.child_by_field_name("name"),
                &value("value"),
                declare,
            ),
            "parameters"
            | "lambda_parameters"
            | "typed_parameter"
            | "as_pattern_target"
            | "list_splat_pattern"
            | "dictionary_splat_pattern" => bind(place, Some(node), &Binding::Other, declare),
            _ => {}
        }
    }

    fn find(&self, place: &Place<'_, '_>, names: &Names<'_>) -> Vec<Found> {
        let found = match place.node.kind() {
            "subscript" => subscript(place, names),
            "call" => call(place, names),
            "comparison_operator" => asked(place, names),
            _ => None,
        };
        found.into_iter().collect()
    }
}

/// Declares the names that are imported from a module, or the modules.
fn import<'t>(place: &Place<'t, '_>, module: &str, declare: Declare<'t, '_>) {
    let full = |name: &str| {
        if module.is_empty() {
            name.to_owned()
        } else {
            format!("{module}.{name}")
        }
    };
    for name in place
        .node
        .children_by_field_name("name", &mut place.node.walk())
    {
        match name.kind() {
            "aliased_import" => {
                let parts = (place.field(name, "name"), place.field(name, "alias"));
                if let (Some(name), Some(alias)) = parts {
                    declare(alias, Binding::Path(full(name)));
                }
            }
            _ if module.is_empty() => {
                // `import os.path` makes `os` known.
                let head = place.said(name).split('.').next().unwrap_or_default();
                declare(head, Binding::Path(head.to_owned()));
            }
            _ => declare(place.said(name), Binding::Path(full(place.said(name)))),
        }
    }
}

fn import_from<'t>(place: &Place<'t, '_>, declare: Declare<'t, '_>) {
    // A relative module begins with a dot, and so does the full name of what is in it.
    let module = place.field(place.node, "module_name").unwrap_or_default();
    let everything = named(place.node).any(|child| child.kind() == "wildcard_import");
    if everything && module == "os" {
        for name in ["environ", "environb", "getenv", "getenvb"] {
            declare(name, Binding::Path(format!("os.{name}")));
        }
    }
    import(place, module, declare);
}

/// Declares a name, or each of several.
fn bind<'t>(
    place: &Place<'t, '_>,
    target: Option<Node<'t>>,
    binding: &Binding,
    declare: Declare<'t, '_>,
) {
    let Some(target) = target else { return };
    if target.kind() == "identifier" {
        return declare(place.said(target), binding.clone());
    }
    let several = ["pattern_list", "tuple_pattern", "list_pattern"].contains(&target.kind())
        || target == place.node;
    for name in named(target).filter(|node| several && node.kind() == "identifier") {
        declare(place.said(name), Binding::Other);
    }
}

fn binding<'t>(place: &Place<'t, '_>, value: Node<'t>) -> Binding {
    match (literal(place, value), path(place, value)) {
        (Some(text), _) => Binding::Text(text),
        (None, Some(path)) => Binding::Path(path.join(".")),
        (None, None) => Binding::Other,
    }
}

fn literal<'t>(place: &Place<'t, '_>, node: Node<'t>) -> Option<String> {
    (node.kind() == "string").then(|| place.literal(node, "string_content"))?
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
            "attribute" => {
                segments.push(place.field(node, "attribute")?);
                node = node.child_by_field_name("object")?;
            }
            "parenthesized_expression" => node = named(node).next()?,
            _ => return None,
        }
    }
    None
}

fn is_environment<'t>(place: &Place<'t, '_>, node: Node<'t>, names: &Names<'_>) -> bool {
    let meaning = path(place, node).and_then(|path| names.meaning(&path));
    meaning.is_some_and(|meaning| ENVIRONMENTS.contains(&&*meaning))
}

/// The name that an expression is.
fn name<'t>(place: &Place<'t, '_>, key: Node<'t>, names: &Names<'_>) -> Option<String> {
    match key.kind() {
        "identifier" => names.text(place.said(key)),
        _ => literal(place, key),
    }
}

/// `os.environ["NAME"]`.
fn subscript(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    if !is_environment(place, place.node.child_by_field_name("value")?, names) {
        return None;
    }
    let written = place.parent().is_some_and(|parent| match parent.kind() {
        "assignment" => place.is_its_parents("left"),
        "delete_statement" | "pattern_list" => true,
        "expression_list" => place
            .above
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|above| above.kind() == "delete_statement"),
        _ => false,
    });
    let key = place.node.child_by_field_name("subscript")?;
    (!written).then(|| Found::new(place.node, name(place, key, names), has_default(place)))
}

/// `os.getenv("NAME")`, `os.environ.get("NAME", "default")`.
fn call(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let function = names.meaning(&path(place, place.node.child_by_field_name("function")?)?)?;
    let method = match &*function {
        "os.getenv" | "os.getenvb" => "get",
        other => {
            let (object, method) = other.rsplit_once('.')?;
            ENVIRONMENTS.contains(&object).then_some(method)?
        }
    };
    if !["get", "pop", "setdefault"].contains(&method) {
        return None;
    }
    let arguments: Vec<Node<'_>> = named(place.node.child_by_field_name("arguments")?).collect();
    let value = |at: usize, keyword: &str| {
        let by_name = arguments
            .iter()
            .find(|node| place.field(**node, "name") == Some(keyword));
        let by_place = || {
            arguments
                .get(at)
                .filter(|node| node.kind() != "keyword_argument")
        };
        match by_name {
            Some(node) => node.child_by_field_name("value"),
            None => by_place().copied(),
        }
    };
    let name = name(place, value(0, "key")?, names);
    let given = value(1, "default").is_some_and(|node| node.kind() != "none" || method == "pop");
    Some(Found::new(place.node, name, given || has_default(place)))
}

/// `"NAME" in os.environ`.
fn asked(place: &Place<'_, '_>, names: &Names<'_>) -> Option<Found> {
    let node = place.node;
    let operator = node.child(1).filter(|_| node.child_count() == 3)?;
    let asks =
        ["in", "not in"].contains(&operator.kind()) && is_environment(place, node.child(2)?, names);
    asks.then(|| {
        Found::new(
            node,
            node.child(0).and_then(|key| name(place, key, names)),
            true,
        )
    })
}

/// Whether `or` gives another value, or the code only asks whether there is one.
fn has_default(place: &Place<'_, '_>) -> bool {
    for (outer, inner) in place.around() {
        match outer.kind() {
            "parenthesized_expression" => {}
            "boolean_operator" if place.field(outer, "operator") == Some("or") => {
                if outer.child_by_field_name("left") == Some(inner) {
                    return true;
                }
            }
            "conditional_expression" => return named(outer).nth(1) == Some(inner),
            _ => return false,
        }
    }
    false
}
