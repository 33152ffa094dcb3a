//! Each environment: it can be reached, and what it refers to exists.

use super::Directory;
use crate::manifest::{
    code,
    report::{Draft, Report},
    written::{Environment, Written},
};

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    if written.environments.is_empty() {
        let message = "there is no environment, so nothing can be deployed";
        let help = "add one, such as `[environments.production]` with `branch = \"main\"`";
        report.add(Draft::warning(code::NO_ENVIRONMENT, &(0..0), message, help));
    }
    for environment in &written.environments {
        check_way_in(environment, report);
        check_references(environment, written, directory, report);
    }
    for freeze in &written.freezes {
        for name in &freeze.environments {
            directory.known_environment("environments", name, written, report);
        }
        for name in &freeze.groups {
            directory.check_group(name, written, report);
        }
    }
}

fn check_way_in(environment: &Environment, report: &Report) {
    if environment.has_way_in {
        return;
    }
    let message = format!("nothing ever comes to `{}`", environment.name.value);
    let help = "add `branch = \"…\"` to deploy what is pushed, `after = [\"…\"]` to promote into it, or `used_by = [\"…\"]` to deploy by hand";
    report.add(
        Draft::error(code::NO_WAY_IN, &environment.name.span, message, help)
            .label("has none of branch, after, used_by"),
    );
}

fn check_references(
    environment: &Environment,
    written: &Written,
    directory: &Directory,
    report: &Report,
) {
    if let Some(group) = &environment.group {
        directory.check_group(group, written, report);
    }
    for name in &environment.after {
        directory.known_environment("after", name, written, report);
    }
    if let Some(name) = &environment.mirrors {
        let mirrored = directory.known_environment("mirrors", name, written, report);
        if mirrored.is_some() && mirrored == directory.environment(&environment.name.value) {
            let message = format!("`{}` mirrors itself", environment.name.value);
            let help = "name the environment that it should be like, such as \"production\"";
            report.add(Draft::error(
                code::MIRRORS_ITSELF,
                &name.span,
                message,
                help,
            ));
        }
    }
    for database in &environment.databases {
        if let Some(name) = &database.same_as {
            directory.known_environment("same_as", name, written, report);
        }
    }
}
