//! Roles: they are defined, somebody holds them, and enough people can sign.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::{list, nearest},
    written::{Environment, Name, Role, SignOff, Written},
};

pub(super) fn check(written: &Written, report: &Report) {
    let roles: HashMap<&str, &Role> = written
        .roles
        .iter()
        .map(|role| (role.name.value.as_str(), role))
        .collect();
    for role in &written.roles {
        check_people(role, report);
    }
    for environment in &written.environments {
        let signers = environment.sign_off.iter().filter_map(|s| s.role.as_ref());
        let allowed = environment.used_by.iter().chain(environment.allow.roles());
        for name in allowed.chain(signers) {
            check_role(name, &roles, report);
        }
        if sign_offs_are_distinct(environment, report) {
            check_signers(environment, &roles, report);
        }
    }
}

fn check_people(role: &Role, report: &Report) {
    if role.has_people {
        return;
    }
    let message = format!("nobody can hold the role `{}`", role.name.value);
    let help = "add `members = [\"…\"]` or `idp_groups = [\"…\"]`";
    report.add(Draft::warning(
        code::ROLE_WITHOUT_PEOPLE,
        &role.name.span,
        message,
        help,
    ));
}

fn check_role(name: &Name, roles: &HashMap<&str, &Role>, report: &Report) {
    if roles.contains_key(name.value.as_str()) || report.is_full() {
        return;
    }
    let mut known: Vec<&str> = roles.keys().copied().collect();
    known.sort_unstable();
    let message = format!("the role `{}` is nowhere defined", name.value);
    let help = match nearest(&name.value, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let define = format!(
                "define it under [roles]: `{} = {{ members = [\"…\"] }}`",
                name.value
            );
            match known.is_empty() {
                true => define,
                false => format!("{define}; the roles are {}", list(known)),
            }
        }
    };
    report.add(Draft::error(code::UNKNOWN_ROLE, &name.span, message, help));
}

fn sign_offs_are_distinct(environment: &Environment, report: &Report) -> bool {
    let mut distinct = true;
    let mut seen: HashMap<&str, &Range<usize>> = HashMap::new();
    for sign_off in &environment.sign_off {
        // A missing name has been told.
        if sign_off.name.value.is_empty() {
            continue;
        }
        if let Some(first) = seen.insert(&sign_off.name.value, &sign_off.name.span) {
            let message = format!(
                "`{}` asks for two sign-offs named `{}`",
                environment.name.value, sign_off.name.value
            );
            let help = "give one of them another name";
            let draft = Draft::error(code::SIGN_OFF_TWICE, &sign_off.name.span, message, help)
                .also(first, "the other one is here");
            report.add(draft);
            distinct = false;
        }
    }
    distinct
}

/// One person may not sign twice: each sign-off needs a person of its own.
fn check_signers(environment: &Environment, roles: &HashMap<&str, &Role>, report: &Report) {
    // Nobody asks for more; the search below takes time with the square of it.
    const MOST: usize = 32;
    let held: Vec<(&SignOff, &Role)> = environment
        .sign_off
        .iter()
        .take(MOST)
        .filter_map(|sign_off| {
            Some((
                sign_off,
                *roles.get(sign_off.role.as_ref()?.value.as_str())?,
            ))
        })
        // Who is in a group is not known here; that nobody holds a role has been told.
        .filter(|(_, role)| role.idp_groups.is_empty() && !role.members.is_empty())
        .collect();
    let mut signs: HashMap<&str, usize> = HashMap::new();
    for at in 0..held.len() {
        if assign(at, &held, &mut signs, &mut BTreeSet::new()) {
            continue;
        }
        let (sign_off, role) = held[at];
        let people: BTreeSet<&str> = held[..=at]
            .iter()
            .flat_map(|(_, role)| role.members.iter().map(String::as_str))
            .collect();
        let message = format!(
            "the sign-offs of `{}` up to `{}` need {} people, and their roles have only {}",
            environment.name.value,
            sign_off.name.value,
            at + 1,
            list(people)
        );
        let help = format!(
            "one person may not sign twice: add somebody to the role `{}`",
            role.name.value
        );
        let draft = Draft::warning(code::TOO_FEW_SIGNERS, &sign_off.name.span, message, help);
        report.add(draft);
        return;
    }
}

/// Finds a signer for the sign-off `at`, moving others on where needed (Kuhn's algorithm for matchings).
fn assign<'a>(
    at: usize,
    held: &[(&SignOff, &'a Role)],
    signs: &mut HashMap<&'a str, usize>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    for member in &held[at].1.members {
        if !tried.insert(member) {
            continue;
        }
        let free = match signs.get(member.as_str()) {
            None => true,
            Some(other) => assign(*other, held, signs, tried),
        };
        if free {
            signs.insert(member, at);
            return true;
        }
    }
    false
}
