//! What is accepted: it is there, and it still is for a while.

use std::{collections::HashMap, ops::Range};

use jiff::ToSpan;

use super::{Look, sharing::Told};
use crate::{
    catalogue::{Comparison, SecretKeys},
    manifest::{
        Acceptance, Environment, code,
        report::Draft,
        suggest::{nearest, quoted},
    },
};

/// So many days before an acceptance ends, it is said that it will.
const SOON: i64 = 14;

/// As many names are made and compared; nobody accepts so much of so much.
const MOST_LOOKS: usize = 200_000;

pub(super) fn check(look: &Look<'_>, told: &Told<'_>) {
    let mirrored_by = mirrored_by(look);
    let mut looks = 0;
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        if environment.accept.is_empty() {
            continue;
        }
        let partners = mirrored_by.get(&at).into_iter().flatten().copied();
        let mirrored = environment.mirrors.as_ref();
        let partners = partners.chain(mirrored.and_then(|name| look.index.get(name).copied()));
        let names = names(look, at, partners, told, &mut looks);
        let places = look.places.environments[at].accept.iter();
        for (acceptance, place) in environment.accept.iter().zip(places) {
            looks += names.len();
            let is_used = looks > MOST_LOOKS || names.iter().any(|name| acceptance.names(name));
            if !is_used {
                tell_unused(look, at, acceptance, &names, place);
            } else if !told.ended.contains(&(at, acceptance.difference.as_str())) {
                check_end(look, acceptance, place);
            }
        }
    }
}

/// The environments that mirror each one.
fn mirrored_by(look: &Look<'_>) -> HashMap<usize, Vec<usize>> {
    let mut mirrored_by: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        let mirrored = environment.mirrors.as_ref();
        if let Some(&mirrored) = mirrored.and_then(|name| look.index.get(name)) {
            mirrored_by.entry(mirrored).or_default().push(at);
        }
    }
    mirrored_by
}

/// Everything that an environment could accept: what other lints found in it, where it differs from those that it mirrors
/// or that mirror it, and what can only be seen where it runs.
fn names(
    look: &Look<'_>,
    at: usize,
    partners: impl Iterator<Item = usize>,
    told: &Told<'_>,
    looks: &mut usize,
) -> Vec<String> {
    let mut names = told.subjects.get(&at).cloned().unwrap_or_default();
    let name = |at: usize| &look.manifest.environments[at].name;
    for partner in partners {
        if *looks > MOST_LOOKS {
            break;
        }
        let Some(comparison) = Comparison::of(
            look.manifest,
            name(at),
            name(partner),
            &SecretKeys::default(),
        ) else {
            continue;
        };
        *looks += comparison.facts.len() + comparison.accept.len();
        let different = comparison.facts.into_iter().filter(|fact| !fact.equal);
        names.extend(different.map(|fact| fact.name));
        names.extend(comparison.to_see);
        names.extend(comparison.hidden);
    }
    names
}

fn tell_unused(
    look: &Look<'_>,
    at: usize,
    acceptance: &Acceptance,
    names: &[String],
    place: &Range<usize>,
) {
    let difference = &acceptance.difference;
    // Where no key is declared, every secret is one, and their names are in files that are not looked at here.
    let has_secrets = |environment: &Environment| !environment.recipients.is_empty();
    let manifest = look.manifest;
    if manifest.config.is_empty()
        && manifest.environments.iter().any(has_secrets)
        && difference.starts_with("config.")
    {
        return;
    }
    let message = format!(
        "{} accepts nothing: `{}` has no such difference, and shares no such thing",
        quoted(difference),
        look.name(at)
    );
    let help = match nearest(difference, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "remove it; `towpath parity` and this command say what there is to accept".to_owned()
        }
    };
    let draft = Draft::warning(code::ACCEPTS_NOTHING, place, message, help);
    look.report.add(draft);
}

fn check_end(look: &Look<'_>, acceptance: &Acceptance, place: &Range<usize>) {
    let (difference, owner) = (quoted(&acceptance.difference), quoted(&acceptance.owner));
    let until = acceptance.until;
    let draft = if !acceptance.holds(look.today) {
        let message = format!("{difference} is accepted no more: that ended on {until}");
        let help = format!(
            "remove this if it is put right; else ask {owner}, and set `until` to a later day"
        );
        Draft::warning(code::ACCEPTANCE_ENDED, place, message, help)
    } else if acceptance.holds(look.today.saturating_add(SOON.days())) {
        return;
    } else {
        let message = format!("{difference} is accepted only until {until}");
        let help = format!(
            "put it right until then, or ask {owner} whether it may stay, and set `until` to a later day"
        );
        Draft::warning(code::ACCEPTANCE_ENDS, place, message, help)
    };
    look.report.add(draft);
}
