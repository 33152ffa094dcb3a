//! Resources that are shared: declared once, elsewhere, and nothing else is said where they are used too.

use super::Directory;
use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::nearest,
    written::{Environment, EnvironmentResource, Name, Written},
};

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    for environment in &written.environments {
        for resource in &environment.resources {
            if let Some(from) = &resource.from {
                check_beside(resource, report);
                if let Some(at) = directory.known_environment("from", from, written, report) {
                    let declaring = &written.environments[at];
                    check_declared(environment, resource, from, declaring, report);
                }
            }
        }
    }
}

fn check_beside(resource: &EnvironmentResource, report: &Report) {
    if let Some((key, span)) = &resource.beside {
        let message = format!(
            "`{key}` is said of `{}`, which is declared elsewhere",
            resource.name.value
        );
        let help = "say it where `from` points to, or remove `from` if this is another one";
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
