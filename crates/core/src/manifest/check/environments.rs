//! Each environment: it can be reached, and what it refers to exists.

use std::collections::HashMap;

use super::Directory;
use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::nearest,
    written::{Environment, Group, Written, WrittenHome},
};

/// No cloud nests its accounts deeper.
const MOST_NESTED: usize = 8;

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    if written.environments.is_empty() {
        let message = "there is no environment, so nothing can be deployed";
        let help = "add one, such as `[environments.production]` with `branch = \"main\"`";
        report.add(Draft::warning(code::NO_ENVIRONMENT, &(0..0), message, help));
    }
    for environment in &written.environments {
        check_way_in(environment, report);
        check_references(environment, written, directory, report);
        check_parity(environment, written, directory, report);
    }
    for group in &written.groups {
        check_homes(group, written, directory, report);
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

/// The homes of a group hold environments of that group, and none is nested in itself.
fn check_homes(group: &Group, written: &Written, directory: &Directory, report: &Report) {
    let by_name: HashMap<&str, &WrittenHome> = group
        .homes
        .iter()
        .map(|home| (home.name.value.as_str(), home))
        .collect();
    let find = |name: &str| by_name.get(name).copied();
    for home in &group.homes {
        for name in &home.environments {
            let Some(at) = directory.known_environment("environments", name, written, report)
            else {
                continue;
            };
            let held = &written.environments[at];
            let theirs = held.group.as_ref().and_then(|g| directory.group(&g.value));
            if theirs != directory.group(&group.name.value) {
                let message = format!(
                    "the home `{}` of `{}` holds `{}`, which is not in that group",
                    home.name.value, group.name.value, held.name.value
                );
                let help = format!(
                    "write `group = \"{}\"` in `[environments.{}]`, or describe the home in its group",
                    group.name.value, held.name.value
                );
                let draft = Draft::error(code::HOME_OF_OTHERS, &name.span, message, help);
                report.add(draft);
            }
        }
        let Some(outer) = &home.part_of else { continue };
        if find(&outer.value).is_none() {
            let message = format!("`{}` has no home `{}`", group.name.value, outer.value);
            let names = group.homes.iter().map(|home| home.name.value.as_str());
            let help = match nearest(&outer.value, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "describe it: `[groups.{}.homes.{}]`",
                    group.name.value, outer.value
                ),
            };
            report.add(Draft::error(code::UNKNOWN_HOME, &outer.span, message, help));
            continue;
        }
        let outward = std::iter::successors(Some(home), |home| {
            home.part_of.as_ref().and_then(|outer| find(&outer.value))
        });
        if outward.take(MOST_NESTED + 1).count() > MOST_NESTED {
            let message = format!(
                "the home `{}` is nested in itself, or in more than {MOST_NESTED} others",
                home.name.value
            );
            let help = "let `part_of` lead outwards, to a home that is part of none";
            let draft = Draft::error(code::HOME_NESTING, &outer.span, message, help);
            report.add(draft);
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
        Draft::warning(code::NO_WAY_IN, &environment.name.span, message, help)
            .label("has none of branch, after, used_by"),
    );
}

/// A gate that nothing can pass is a mistake: somebody must mirror an environment that has to be mirrored closely.
fn check_parity(
    environment: &Environment,
    written: &Written,
    directory: &Directory,
    report: &Report,
) {
    let Some(parity) = &environment.parity else {
        return;
    };
    let place = directory.environment(&environment.name.value);
    let before: Vec<usize> = environment
        .after
        .iter()
        .filter_map(|name| directory.environment(&name.value))
        .collect();
    // One that is nowhere described has been told.
    let mirrors = |at: &usize| {
        let mirrored = written.environments[*at].mirrors.as_ref();
        let mirrored = mirrored.map(|name| directory.environment(&name.value));
        mirrored.is_some_and(|mirrored| mirrored.is_none() || mirrored == place)
    };
    if before.len() < environment.after.len() || before.iter().any(mirrors) {
        return;
    }
    let name = &environment.name.value;
    let message =
        format!("`{name}` must be mirrored, and nothing that its releases come from mirrors it");
    let help = match before.first() {
        Some(at) => format!(
            "write `mirrors = \"{name}\"` in [environments.{}], or remove `parity`",
            written.environments[*at].name.value
        ),
        None => format!(
            "name where its releases come from, `after = [\"…\"]`, and write `mirrors = \"{name}\"` there; or remove `parity`"
        ),
    };
    let draft = Draft::error(code::NOTHING_MIRRORS, &parity.span, message, help);
    report.add(draft);
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
