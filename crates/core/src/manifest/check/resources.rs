//! Resources that are shared: declared once, elsewhere, and nothing else is said where they are used too.

use std::{collections::HashMap, ops::Range};

use super::Directory;
use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::{list, nearest},
    written::{Environment, EnvironmentResource, Name, Written},
};

/// Of each resource that is said to be shared without saying whose it is: where it is used, its name, and where it is
/// declared; places are indices among the environments.
pub(in crate::manifest) fn shared(written: &Written) -> Vec<((usize, String), usize)> {
    let declared = Declared::of(written);
    let mut found = Vec::new();
    for (at, environment) in written.environments.iter().enumerate() {
        for resource in &environment.resources {
            if resource.shared.is_some()
                && resource.from.is_none()
                && let [declaring] = declared.by_others(at, &resource.name.value).as_slice()
            {
                found.push(((at, resource.name.value.clone()), *declaring));
            }
        }
    }
    found
}

/// The environments that declare a resource of each name.
struct Declared<'a>(HashMap<&'a str, Vec<usize>>);

impl<'a> Declared<'a> {
    fn of(written: &'a Written) -> Declared<'a> {
        let mut declared: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, environment) in written.environments.iter().enumerate() {
            let own = environment.resources.iter();
            for resource in own.filter(|r| r.from.is_none() && r.shared.is_none()) {
                declared.entry(&resource.name.value).or_default().push(at);
            }
        }
        Declared(declared)
    }

    /// Those other than the one that uses it.
    fn by_others(&self, user: usize, name: &str) -> Vec<usize> {
        let places = self.0.get(name).into_iter().flatten();
        places.copied().filter(|at| *at != user).collect()
    }
}

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    let declared = Declared::of(written);
    for (at, environment) in written.environments.iter().enumerate() {
        for resource in &environment.resources {
            if let Some(from) = &resource.from {
                check_beside(resource, "from", report);
                if let Some(at) = directory.known_environment("from", from, written, report) {
                    let declaring = &written.environments[at];
                    check_declared(environment, resource, from, declaring, report);
                }
            }
            if let Some(span) = &resource.shared {
                check_shared(written, &declared, at, resource, span, report);
            }
        }
    }
}

fn check_shared(
    written: &Written,
    declared: &Declared<'_>,
    user: usize,
    resource: &EnvironmentResource,
    span: &Range<usize>,
    report: &Report,
) {
    if resource.from.is_some() {
        let message = "`shared` says nothing beside `from`";
        let draft = Draft::error(code::KEY_DOES_NOT_FIT, span, message, "remove it");
        report.add(draft);
        return;
    }
    check_beside(resource, "shared", report);
    let name = &resource.name.value;
    let places = declared.by_others(user, name);
    let (message, help) = match places.as_slice() {
        [_] => return,
        // What costs time to tell need not be told.
        [] if report.is_full() => return,
        [] => {
            let names = written.environments.iter().flat_map(|e| &e.resources);
            let names = names.map(|r| r.name.value.as_str());
            let help = match nearest(name, names.filter(|other| other != name)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "declare it in one of them, with its `id` and `link`".to_owned(),
            };
            (
                format!("no other environment declares `{name}`, which is said to be shared"),
                help,
            )
        }
        several => {
            let names = several
                .iter()
                .map(|at| written.environments[*at].name.value.as_str());
            (
                format!("`{name}` is declared in more than one environment"),
                format!("say whose it is, such as `from = \"…\"`: {}", list(names)),
            )
        }
    };
    report.add(Draft::error(code::UNKNOWN_RESOURCE, span, message, help));
}

fn check_beside(resource: &EnvironmentResource, sharing: &str, report: &Report) {
    if let Some((key, span)) = &resource.beside {
        let message = format!(
            "`{key}` is said of `{}`, which is declared elsewhere",
            resource.name.value
        );
        let help =
            format!("say it where it is declared, or remove `{sharing}` if this is another one");
        report.add(Draft::error(code::KEY_DOES_NOT_FIT, span, message, help));
    }
}

fn check_declared(
    environment: &Environment,
    resource: &EnvironmentResource,
    from: &Name,
    declaring: &Environment,
    report: &Report,
) {
    let (name, place) = (&resource.name.value, &declaring.name.value);
    let there = declaring.resources.iter().find(|r| r.name.value == *name);
    let (message, help) = match there {
        _ if declaring.name.value == environment.name.value => (
            format!("`{name}` is said to be shared by `{place}` with itself"),
            "name the environment that declares it, or remove `from`".to_owned(),
        ),
        Some(EnvironmentResource {
            shared: Some(_), ..
        }) => (
            format!("`{place}` does not declare `{name}` either"),
            "name the environment that declares it, or write `shared = true`".to_owned(),
        ),
        None => {
            let names = declaring.resources.iter().map(|r| r.name.value.as_str());
            let help = match nearest(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("declare it there: `[environments.{place}.resources.{name}]`"),
            };
            (format!("`{place}` has no resource `{name}`"), help)
        }
        Some(EnvironmentResource {
            from: Some(further),
            ..
        }) => (
            format!("`{place}` does not declare `{name}` either"),
            format!("write `from = \"{}\"`, as it does", further.value),
        ),
        Some(_) => return,
    };
    report.add(Draft::error(
        code::UNKNOWN_RESOURCE,
        &from.span,
        message,
        help,
    ));
}
