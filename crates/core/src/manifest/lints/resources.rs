//! Resources each by itself: it is declared once, and somebody looks after it.

use std::collections::HashMap;

use super::Look;
use crate::manifest::{Resource, code, report::Draft, suggest::list};

pub(super) fn check(look: &Look<'_>) {
    check_ids(look);
    check_owners(look);
}

/// What makes two resources one: an id means something only at one vendor.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Kind(String, String),
    Link(String, String),
}

fn identities(resource: &Resource) -> impl Iterator<Item = Identity> {
    let id = resource.id.as_deref().map(str::to_lowercase);
    let kind = resource.kind.as_deref().map(str::to_lowercase);
    let kind = kind.zip(id.clone()).map(|(k, id)| Identity::Kind(k, id));
    let link = resource.link.clone().zip(id);
    let link = link.map(|(link, id)| Identity::Link(link, id));
    kind.into_iter().chain(link)
}

fn check_ids(look: &Look<'_>) {
    let mut declared: HashMap<Identity, (usize, &str)> = HashMap::new();
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        for (name, resource) in &environment.resources {
            if resource.from.is_some() {
                continue;
            }
            let known = identities(resource).find_map(|id| declared.get(&id).copied());
            if let Some(first) = known {
                tell_twice(look, (at, name), first, resource);
            }
            for identity in identities(resource) {
                declared.entry(identity).or_insert((at, name));
            }
        }
    }
}

fn tell_twice(look: &Look<'_>, second: (usize, &str), first: (usize, &str), resource: &Resource) {
    let (at, name) = second;
    let (other, other_name) = first;
    let id = resource.id.as_deref().unwrap_or_default();
    let message = format!(
        "`{name}` of `{}` and `{other_name}` of `{}` have one id, {}",
        look.name(at),
        look.name(other),
        crate::manifest::suggest::quoted(id)
    );
    let help = if at == other {
        "if it is one thing, keep one of the two; else give each its own id".to_owned()
    } else {
        // What is at stake decides who declares it.
        let (keeper, sharer) = match look.production[at] && !look.production[other] {
            true => (second, first),
            false => (first, second),
        };
        let (keeper_name, sharer_name) = (look.name(keeper.0), look.name(sharer.0));
        let rename = match keeper.1 == sharer.1 {
            true => String::new(),
            false => format!(", under the name `{}`", keeper.1),
        };
        format!(
            "if it is one thing, share it: `{} = {{ from = \"{keeper_name}\" }}` in [environments.{sharer_name}.resources]{rename}; else give each its own id",
            keeper.1
        )
    };
    let draft = Draft::warning(
        code::ID_TWICE,
        look.places.environments[at].resource(name),
        message,
        help,
    )
    .also(
        look.places.environments[other].resource(other_name),
        "the other one is here",
    );
    look.report.add(draft);
}

fn check_owners(look: &Look<'_>) {
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        let resources = environment.resources.iter();
        let alone: Vec<&str> = resources
            .filter(|(_, resource)| resource.from.is_none() && resource.owner.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        let Some(first) = alone.first() else { continue };
        let environment = look.name(at);
        let message = match alone.as_slice() {
            [one] => format!("nobody looks after `{one}` of `{environment}`"),
            several => format!(
                "nobody looks after {} resources of `{environment}`: {}",
                several.len(),
                list(several.iter().copied())
            ),
        };
        let help = format!(
            "name a role, a team or a person, such as `owner = \"platform\"` in [environments.{environment}.resources.{first}]"
        );
        let place = look.places.environments[at].resource(first);
        look.report
            .add(Draft::warning(code::NO_OWNER, place, message, help));
    }
}
