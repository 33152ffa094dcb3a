//! Fields of an environment: who uses it, its branch, its database.

use super::{
    branches,
    facts::{At, FieldFact},
    mention::{Mention, is_nothing},
    report::excerpt,
    resolve::{Resolver, says_same},
    rich::{Look, Rich},
    rows::several,
    words::{Field, role, role_within},
};
use crate::names::is_name;

/// What a field of an environment says.
pub(super) fn field(resolver: &mut Resolver<'_>, environment: usize, fact: &FieldFact) {
    let text = fact.value.text();
    let at = &fact.at;
    if ["â€", "Ã©", "Ã¼", "Ã¶", "Ã¤", "\u{fffd}"]
        .iter()
        .any(|traces| text.contains(traces))
    {
        let note = format!(
            "kept as it stands, though it looks as if it were stored in the wrong encoding: {}",
            excerpt(&text)
        );
        resolver.facts.guessed(at, note);
    }
    match fact.field {
        Field::Description => {
            let told = resolver.draft.environments[environment].description.clone();
            match told {
                None => resolver.draft.environments[environment].description = Some(text),
                Some(told) if told == text => {}
                Some(_) => {
                    let why = "it is described in other words already";
                    resolver.facts.not_understood(at, &text, why);
                }
            }
        }
        Field::Purpose => {
            mirrors(resolver, environment, &text, at);
            let told = resolver.draft.environments[environment].purpose.clone();
            match told {
                None => resolver.draft.environments[environment].purpose = Some(text),
                Some(told) if told == text => {}
                Some(_) => {
                    let why = "its purpose is told in other words already";
                    resolver.facts.not_understood(at, &text, why);
                }
            }
        }
        Field::Aliases => {
            for alias in several(&fact.value) {
                resolver.add_alias(environment, &alias, at);
            }
        }
        Field::Group | Field::Kind => group(resolver, environment, &text, at),
        Field::Branch => branches::branch(resolver, environment, &fact.value, at),
        Field::After => after(resolver, environment, &text, at),
        Field::Mirrors => match resolver.environments.within(&text).first() {
            Some(other) if *other != environment => {
                resolver.draft.environments[environment].mirrors = Some(*other);
            }
            _ => {
                resolver
                    .facts
                    .not_understood(at, &text, "it mirrors no environment that is known")
            }
        },
        Field::UsedBy => used_by(resolver, environment, &fact.value, at),
        Field::Url | Field::Link => url(resolver, environment, &fact.value, at),
        Field::Database => database(resolver, environment, &fact.value, at),
        Field::Deployment => {
            let why = "what deploys it is said by `branch` and `after`";
            resolver.facts.not_understood(at, &text, why);
        }
        _ => {
            let why = "environments have nothing of that kind";
            resolver.facts.not_understood(at, &text, why);
        }
    }
}

fn group(resolver: &mut Resolver<'_>, environment: usize, text: &str, at: &At) {
    resolver.draft.environments[environment].group_is_told = true;
    if is_nothing(text) {
        return;
    }
    let mention = Mention::of(text);
    let Some(group) = resolver.group(&mention, at) else {
        return;
    };
    let theirs = resolver.draft.environments[environment].group;
    match theirs {
        None => resolver.draft.environments[environment].group = Some(group),
        Some(told) if told == group => {}
        Some(_) => resolver
            .facts
            .not_understood(at, text, "it is in another group already"),
    }
}

fn after(resolver: &mut Resolver<'_>, environment: usize, text: &str, at: &At) {
    for earlier in resolver.environments.within(text) {
        let known = &resolver.draft.environments[environment].after;
        if known.contains(&earlier) {
            continue;
        }
        match earlier == environment || resolver.comes_after(earlier, environment) {
            true => {
                resolver
                    .facts
                    .not_understood(at, text, "environments cannot wait for one another")
            }
            false => resolver.draft.environments[environment].after.push(earlier),
        }
    }
}

/// "This environment mirrors the production environment as closely as possible."
pub(super) fn mirrors(resolver: &mut Resolver<'_>, environment: usize, text: &str, at: &At) {
    let lower = text.to_lowercase();
    let Some((_, rest)) = lower
        .split_once("mirror")
        .or_else(|| lower.split_once("identical to"))
    else {
        return;
    };
    let mentioned = resolver.environments.within(rest);
    let found = mentioned.iter().find(|other| **other != environment);
    if let Some(other) = found
        && resolver.draft.environments[environment].mirrors.is_none()
    {
        let note = format!(
            "{} mirrors {}",
            resolver.draft.environments[environment].name, resolver.draft.environments[*other].name
        );
        resolver.draft.environments[environment].mirrors = Some(*other);
        resolver.facts.understood(at, note);
    }
}

/// Roles as code, others in words that lean; of anything else, people who work on the product are roles.
fn used_by(resolver: &mut Resolver<'_>, environment: usize, value: &Rich, at: &At) {
    let mut roles = Vec::new();
    let mut audience = Vec::new();
    for span in &value.0 {
        let text = span.text.trim();
        match span.look {
            Look::Code if is_name(text) => roles.push(text.to_owned()),
            Look::Emphasis => audience.push(text.to_owned()),
            _ => {
                for said in parts(text) {
                    match role(&said) {
                        Some(role) => {
                            let note =
                                format!("{role} is a role; say who holds it: members = [\"…\"]");
                            resolver.facts.guessed(at, note);
                            roles.push(role);
                        }
                        None => {
                            let within = role_within(&said);
                            if let Some(role) =
                                within.filter(|_| said.split_whitespace().count() > 3)
                            {
                                let note =
                                    format!("\"{said}\" gives the role {role} the right to use it");
                                resolver.facts.guessed(at, note);
                                roles.push(role);
                            }
                            audience.push(said);
                        }
                    }
                }
            }
        }
    }
    let found = &mut resolver.draft.environments[environment];
    for role in roles {
        if !found.used_by.contains(&role) {
            found.used_by.push(role);
        }
    }
    for words in audience {
        if resolver.heard.insert((environment, words.clone())) {
            found.audience.push(words);
        }
    }
}

fn parts(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', '&']);
    // "QA and Developers" are two, "operations and select members of the team" are one.
    let parts = parts.flat_map(|part| {
        let both: Vec<&str> = part.split(" and ").collect();
        match both.iter().all(|one| role(one).is_some()) {
            true => both,
            false => vec![part],
        }
    });
    parts
        .map(|part| part.trim().trim_end_matches('.').trim().to_owned())
        .filter(|part| !is_nothing(part))
        .collect()
}

fn url(resolver: &mut Resolver<'_>, environment: usize, value: &Rich, at: &At) {
    let text = value.text();
    let link = value.link().map_or(text.clone(), str::to_owned);
    let told = resolver.draft.environments[environment].url.clone();
    match told {
        _ if !is_link(&link) => resolver
            .facts
            .not_understood(at, &text, "this is no web address"),
        None => resolver.draft.environments[environment].url = Some(link),
        Some(told) if told == link => {}
        Some(_) => resolver
            .facts
            .not_understood(at, &link, "it has another address already"),
    }
}

/// Whether a manifest takes the address.
pub(super) fn is_link(link: &str) -> bool {
    crate::manifest::is_link(link)
}

/// "`main` is the one of development"
fn database(resolver: &mut Resolver<'_>, environment: usize, value: &Rich, at: &At) {
    let text = value.text();
    let mut codes = value.codes();
    let name = codes.next().map(str::to_owned);
    let told = codes
        .next()
        .and_then(|code| resolver.environments.find(&Mention::of(code)));
    let words: String = value
        .0
        .iter()
        .filter(|span| span.look != Look::Code)
        .map(|span| span.text.as_str())
        .collect();
    let mentioned = resolver.environments.within(&words);
    let other = told.or_else(|| mentioned.into_iter().find(|other| *other != environment));
    match other.filter(|_| says_same(&text.to_lowercase())) {
        Some(other) => same_as(resolver, environment, other, name.as_deref(), at),
        None => resolver.facts.not_understood(
            at,
            &text,
            "say which environment's database it is, or declare it: [databases.main]",
        ),
    }
}

/// An environment's database is another's.
pub(super) fn same_as(
    resolver: &mut Resolver<'_>,
    environment: usize,
    home: usize,
    name: Option<&str>,
    at: &At,
) {
    let database = match name.filter(|name| is_name(name)) {
        Some(name) => name.to_owned(),
        None => {
            let known = resolver.draft.databases.first().cloned();
            known.unwrap_or_else(|| {
                let note = "the database is called main, and is kept by the engine sqlite, unless [databases.main] says otherwise";
                resolver.facts.guessed(at, note);
                "main".to_owned()
            })
        }
    };
    let lends = |from: usize| {
        let borrowed = &resolver.draft.environments[from].same_as;
        borrowed
            .iter()
            .find(|(name, _)| *name == database)
            .map(|(_, home)| *home)
    };
    // Lending in a circle is told, not written.
    let mut next = Some(home);
    for _ in 0..=resolver.draft.environments.len() {
        match next {
            Some(at) if at == environment => break,
            Some(at) => next = lends(at),
            None => break,
        }
    }
    if next.is_some() || lends(environment).is_some_and(|told| told != home) {
        let why = "its database is another one's already";
        let said = format!("{} of {}", database, resolver.draft.environments[home].name);
        resolver.facts.not_understood(at, &said, why);
        return;
    }
    if !resolver.draft.databases.contains(&database) {
        resolver.draft.databases.push(database.clone());
    }
    let note = format!(
        "the database {database} of {} is the one of {}",
        resolver.draft.environments[environment].name, resolver.draft.environments[home].name
    );
    let borrowed = &mut resolver.draft.environments[environment].same_as;
    if !borrowed.iter().any(|(name, _)| *name == database) {
        borrowed.push((database, home));
        resolver.facts.understood(at, note);
    }
}
