//! What environments use: names, kinds, and what is shared.

use std::collections::BTreeMap;

use super::{
    draft::DraftResource,
    facts::{At, ResourceFact},
    fields::is_link,
    mention::{resource_name_of, usual},
    resolve::Resolver,
    words::{vendor_by_link, vendor_by_name},
};

/// A row, or an item, about something that an environment uses.
pub(super) fn resource(resolver: &mut Resolver<'_>, fact: ResourceFact) {
    let (Some(mention), Some(at)) = (&fact.environment, fact.at.clone()) else {
        return;
    };
    let Some(environment) = resolver.environments.find(mention) else {
        let why = format!("no environment is called {}", mention.name);
        resolver.facts.not_understood(&at, &fact.title, &why);
        return;
    };
    let count = resolver.draft.environments[environment].resources.len();
    let named = fact.name.clone().and_then(|name| resource_name_of(&name));
    let name = named
        .or_else(|| resource_name_of(&fact.title))
        .unwrap_or_else(|| format!("resource-{}", count + 1));
    let shared_with: Vec<usize> = fact
        .shared_with
        .iter()
        .filter_map(|(mention, _)| resolver.environments.find(mention))
        .filter(|other| *other != environment)
        .collect();
    let owner = fact.shared_with.iter().find(|(_, declares)| *declares);
    let from = owner
        .and_then(|(mention, _)| resolver.environments.find(mention))
        .filter(|other| *other != environment);
    let mut made = DraftResource {
        title: (fact.name.is_some() || fact.title != name).then(|| fact.title.clone()),
        name,
        description: fact.description,
        kind: None,
        id: fact.id,
        link: fact.link,
        owner: fact.owner,
        keys: keys(resolver, fact.keys, &at),
        endpoint: fact.endpoint,
        from,
        shared_with,
        at: at.clone(),
    };
    if let Some(link) = made.link.take_if(|link| !is_link(link)) {
        resolver
            .facts
            .not_understood(&at, &link, "this is no web address");
    }
    if made
        .endpoint
        .take_if(|endpoint| !crate::manifest::is_endpoint(endpoint))
        .is_some()
    {
        let why = "an endpoint must not hold a password";
        resolver.facts.not_understood(&at, &made.name, why);
    }
    made.kind = match fact.kind {
        Some(told) => told,
        None => guess_kind(resolver, &fact.title, &made, &at),
    };
    add(resolver, environment, made);
}

fn keys(resolver: &mut Resolver<'_>, keys: Vec<String>, at: &At) -> Vec<String> {
    let (fine, others): (Vec<_>, Vec<_>) = keys
        .into_iter()
        .partition(|key| crate::manifest::is_variable(key));
    for key in others {
        resolver
            .facts
            .not_understood(at, &key, "this cannot name a variable");
    }
    fine
}

fn guess_kind(
    resolver: &mut Resolver<'_>,
    title: &str,
    made: &DraftResource,
    at: &At,
) -> Option<String> {
    let by_name = vendor_by_name(title);
    let kind = by_name.or_else(|| vendor_by_link(made.link.as_deref()?))?;
    let why = if by_name.is_some() { "name" } else { "link" };
    resolver
        .facts
        .guessed(at, format!("{title} is of kind {kind}, by its {why}"));
    Some(kind.to_owned())
}

fn add(resolver: &mut Resolver<'_>, environment: usize, mut made: DraftResource) {
    let place = resolver.draft.environments[environment].name.clone();
    let at = made.at.clone();
    if let Some(known) = resolver.draft.environments[environment].resource(&made.name) {
        let known = &resolver.draft.environments[environment].resources[known];
        if (&known.id, &known.link, &known.description) == (&made.id, &made.link, &made.description)
        {
            return;
        }
        let name = resolver.draft.environments[environment].free_name(&made.name);
        let note = format!(
            "{place} uses two things called {}: this one is {name}",
            made.name
        );
        resolver.facts.guessed(&at, note);
        made.title = made.title.or(Some(made.name));
        made.name = name;
    }
    let note = format!("{place} uses {}", made.name);
    resolver.facts.understood(&at, note);
    resolver.draft.environments[environment].add_resource(made);
}

/// Shares what its own row says is shared.
pub(super) fn share_as_said(resolver: &mut Resolver<'_>) {
    for environment in 0..resolver.draft.environments.len() {
        for at in 0..resolver.draft.environments[environment].resources.len() {
            let resource = resolver.draft.environments[environment].resources[at].clone();
            if resource.from.is_some() || resource.shared_with.is_empty() {
                continue;
            }
            let mut users = vec![environment];
            users.extend(&resource.shared_with);
            if let Err(why) = share(resolver, &resource.name, &users) {
                resolver
                    .facts
                    .not_understood(&resource.at, &resource.name, &why);
            }
        }
    }
}

/// "NOTE: many of these are shared between local and staging": those that can be one are.
pub(super) fn share_as_noted(resolver: &mut Resolver<'_>, text: &str, places: &[usize], at: &At) {
    if !resolver.noted.insert(places.to_vec()) {
        resolver
            .facts
            .not_understood(at, text, "this is said above already");
        return;
    }
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for place in places {
        for resource in &resolver.draft.environments[*place].resources {
            by_name
                .entry(resource.name.clone())
                .or_default()
                .push(*place);
        }
    }
    let mut apart = Vec::new();
    for (name, users) in by_name {
        if users.len() < 2 {
            continue;
        }
        match share(resolver, &name, &users) {
            Ok(true) => resolver
                .facts
                .guessed(at, format!("{name} is one of those that are shared")),
            Ok(false) => {}
            Err(_) => apart.push(name),
        }
    }
    if !apart.is_empty() {
        let why = format!(
            "these have another id in each, so they are kept apart: {}",
            apart.join(", ")
        );
        resolver.facts.not_understood(at, text, &why);
    }
}

/// Has one environment declare a resource, and the others share it: the one nearest to production that has one. Whether
/// anything was changed, or why these cannot be one.
fn share(resolver: &mut Resolver<'_>, name: &str, users: &[usize]) -> Result<bool, String> {
    let environments = &mut resolver.draft.environments;
    let mut ids: Vec<String> = Vec::new();
    for user in users {
        let own = environments[*user].resource(name);
        if let Some(own) = own
            && let Some(id) = &environments[*user].resources[own].id
            && !ids.contains(id)
        {
            ids.push(id.clone());
        }
    }
    if ids.len() > 1 {
        return Err(format!(
            "it has another id in each environment: {}",
            ids.join(", ")
        ));
    }
    let declared = |environment: &super::draft::DraftEnvironment| {
        let own = environment.resource(name)?;
        environment.resources[own].from.is_none().then_some(own)
    };
    let declaring = users
        .iter()
        .copied()
        .filter(|user| declared(&environments[*user]).is_some())
        .max_by_key(|user| {
            let own = &environments[*user];
            let has_id = own
                .resource(name)
                .is_some_and(|at| own.resources[at].id.is_some());
            (has_id, usual(&own.name).unwrap_or(0))
        });
    let Some(declaring) = declaring else {
        return Ok(false);
    };
    let mut changed = false;
    for user in users.iter().copied().filter(|user| *user != declaring) {
        match environments[user].resource(name) {
            Some(own) => {
                let own = &mut environments[user].resources[own];
                if own.from.is_none() {
                    own.from = Some(declaring);
                    changed = true;
                }
            }
            None => {
                let theirs = environments[declaring].resource(name);
                let Some(theirs) = theirs.map(|at| environments[declaring].resources[at].clone())
                else {
                    continue;
                };
                environments[user].add_resource(DraftResource {
                    from: Some(declaring),
                    ..theirs
                });
                changed = true;
            }
        }
    }
    Ok(changed)
}

/// What is said to be another's and is not declared there is declared where it is used.
pub(super) fn settle(resolver: &mut Resolver<'_>) {
    let declares = |resolver: &Resolver<'_>, environment: usize, name: &str| {
        let found = &resolver.draft.environments[environment];
        let own = found.resource(name);
        own.is_some_and(|at| found.resources[at].from.is_none())
    };
    for environment in 0..resolver.draft.environments.len() {
        for at in 0..resolver.draft.environments[environment].resources.len() {
            let resource = &resolver.draft.environments[environment].resources[at];
            let Some(from) = resource.from else { continue };
            let (name, place) = (resource.name.clone(), resource.at.clone());
            if !declares(resolver, from, &name) {
                let theirs = resolver.draft.environments[from].name.clone();
                resolver.draft.environments[environment].resources[at].from = None;
                let note = format!("{theirs} has no {name} of its own, so it is declared here");
                resolver.facts.guessed(&place, note);
            }
        }
    }
}
