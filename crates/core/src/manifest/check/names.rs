//! Names and aliases: each leads to one thing.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::{list, nearest},
    written::{Name, Written},
};

/// Environments and groups by everything that people call them.
#[derive(Debug)]
pub(in crate::manifest) struct Directory {
    environments: HashMap<String, usize>,
    groups: HashMap<String, usize>,
}

impl Directory {
    pub(in crate::manifest) fn of(written: &Written) -> Directory {
        let environments = written.environments.iter().map(|e| (&e.name, &e.aliases));
        let groups = written.groups.iter().map(|g| (&g.name, &g.aliases));
        Directory {
            environments: by_name(environments),
            groups: by_name(groups),
        }
    }

    /// The index of the environment with this name or alias.
    pub(in crate::manifest) fn environment(&self, typed: &str) -> Option<usize> {
        self.environments.get(typed).copied()
    }

    /// The index of the group with this name or alias.
    pub(in crate::manifest) fn group(&self, typed: &str) -> Option<usize> {
        self.groups.get(typed).copied()
    }

    /// The environment, or `None` after saying that there is none; `key` is where it is referred to.
    pub(super) fn known_environment(
        &self,
        key: &str,
        name: &Name,
        written: &Written,
        report: &Report,
    ) -> Option<usize> {
        let found = self.environment(&name.value);
        if found.is_none() && !report.is_full() {
            let message = format!(
                "`{key}` names the environment `{}`, which is nowhere described",
                name.value
            );
            let names = written.environments.iter().map(|e| e.name.value.as_str());
            let help = match nearest(&name.value, self.environments.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if self.group(&name.value).is_some() => format!(
                    "`{}` is a group; name environments here: {}",
                    name.value,
                    list(names)
                ),
                None => format!("the environments are {}", list(names)),
            };
            report.add(Draft::error(
                code::UNKNOWN_ENVIRONMENT,
                &name.span,
                message,
                help,
            ));
        }
        found
    }

    /// Adds a problem unless the group exists.
    pub(super) fn check_group(&self, name: &Name, written: &Written, report: &Report) {
        if self.group(&name.value).is_some() || report.is_full() {
            return;
        }
        let message = format!("the group `{}` is nowhere described", name.value);
        let help = match nearest(&name.value, self.groups.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if written.groups.is_empty() => format!("describe it: `[groups.{}]`", name.value),
            None => format!(
                "describe it with `[groups.{}]`, or use one of {}",
                name.value,
                list(written.groups.iter().map(|g| g.name.value.as_str()))
            ),
        };
        report.add(Draft::error(code::UNKNOWN_GROUP, &name.span, message, help));
    }
}

fn by_name<'a>(things: impl Iterator<Item = (&'a Name, &'a Vec<Name>)>) -> HashMap<String, usize> {
    let mut index = HashMap::new();
    for (at, (name, aliases)) in things.enumerate() {
        // A name wins over an alias; that both exist is refused.
        index.insert(name.value.clone(), at);
        for alias in aliases {
            index.entry(alias.value.clone()).or_insert(at);
        }
    }
    index
}

/// Checks that no alias leads to two things, and that nothing else is named twice.
pub(super) fn check(written: &Written, report: &Report) {
    let environments = written.environments.iter().map(|e| (&e.name, &e.aliases));
    check_aliases("environment", environments, report);
    let groups = written.groups.iter().map(|g| (&g.name, &g.aliases));
    check_aliases("group", groups, report);
    check_branches(written, report);
    check_freezes(written, report);
}

fn check_aliases<'a>(
    kind: &str,
    things: impl Iterator<Item = (&'a Name, &'a Vec<Name>)> + Clone,
    report: &Report,
) {
    let mut taken: HashMap<&str, (&str, &Range<usize>)> = HashMap::new();
    for (name, _) in things.clone() {
        taken.insert(&name.value, (&name.value, &name.span));
    }
    for (name, aliases) in things {
        for alias in aliases {
            let (owner, first) = match taken.entry(&alias.value) {
                Entry::Vacant(free) => {
                    free.insert((&name.value, &alias.span));
                    continue;
                }
                Entry::Occupied(taken) => *taken.get(),
            };
            let (message, help) = if owner == name.value {
                (
                    format!("the {kind} `{owner}` already answers to `{}`", alias.value),
                    "remove it here".to_owned(),
                )
            } else if owner == alias.value {
                (
                    format!("`{owner}` is already the name of another {kind}"),
                    format!("give `{}` another alias", name.value),
                )
            } else {
                (
                    format!("`{}` already leads to the {kind} `{owner}`", alias.value),
                    format!(
                        "give `{}` another alias, or remove it from `{owner}`",
                        name.value
                    ),
                )
            };
            let draft = Draft::error(code::ALIAS_TWICE, &alias.span, message, help)
                .label("used again here")
                .also(first, "used first here");
            report.add(draft);
        }
    }
}

fn check_branches(written: &Written, report: &Report) {
    let mut fed: HashMap<&str, (&Name, &Range<usize>)> = HashMap::new();
    for environment in &written.environments {
        let Some(branch) = &environment.branch else {
            continue;
        };
        match fed.entry(&branch.value) {
            Entry::Vacant(free) => {
                free.insert((&environment.name, &branch.span));
            }
            Entry::Occupied(taken) => {
                let (other, first) = *taken.get();
                let message = format!(
                    "the branch `{}` feeds both `{}` and `{}`",
                    branch.value, other.value, environment.name.value
                );
                let help = format!(
                    "if `{0}` should follow `{1}`, write `after = [\"{1}\"]` in place of the branch",
                    environment.name.value, other.value
                );
                let draft = Draft::warning(code::SAME_BRANCH, &branch.span, message, help)
                    .also(first, format!("feeds `{}` here", other.value));
                report.add(draft);
            }
        }
    }
}

fn check_freezes(written: &Written, report: &Report) {
    let mut seen: HashMap<&str, &Range<usize>> = HashMap::new();
    for freeze in &written.freezes {
        // A missing name has been told.
        if freeze.name.value.is_empty() {
            continue;
        }
        if let Some(first) = seen.insert(&freeze.name.value, &freeze.name.span) {
            let message = format!("there are two freezes named `{}`", freeze.name.value);
            let help = "give one of them another name, so that people can tell which one holds";
            let draft = Draft::error(code::FREEZE_TWICE, &freeze.name.span, message, help)
                .also(first, "the other one is here");
            report.add(draft);
        }
    }
}
