//! Which branch feeds an environment: a branch alone, or a sentence about what is merged into what.

use super::{
    facts::At,
    resolve::Resolver,
    rich::{Look, Rich},
};

/// A branch alone, or a sentence about what is merged into what.
pub(super) fn branch(resolver: &mut Resolver<'_>, environment: usize, value: &Rich, at: &At) {
    let text = value.text();
    let named = named_branches(value);
    let lower = text.to_lowercase();
    let (into, from) = match named.as_slice() {
        [] => {
            resolver
                .facts
                .not_understood(at, &text, "no branch is named");
            return;
        }
        [only] => (only.clone(), None),
        [first, second, ..] => {
            let place = |name: &String| lower.find(&name.to_lowercase()).unwrap_or(0);
            let is_into = |name: &String| {
                let before = lower[..place(name)].trim_end();
                ["to the", "into the", "to", "into"]
                    .iter()
                    .any(|words| before.ends_with(words))
            };
            match (is_into(second), lower.contains("from")) {
                // "from the feature branch to the develop branch"
                (true, _) => (second.clone(), Some(first.clone())),
                // "feature branches from the develop branch"
                (false, true) => (first.clone(), None),
                (false, false) => {
                    let rest = named[1..].join(", ");
                    let why = "an environment is fed by one branch, or one pattern of branches";
                    resolver.facts.not_understood(at, &rest, why);
                    (first.clone(), None)
                }
            }
        }
    };
    let kinds = [
        "feature", "features", "hotfix", "bugfix", "release", "topic", "fix",
    ];
    let branch = match kinds.contains(&into.to_lowercase().as_str())
        && named.len() + lower.split(' ').count() > 2
    {
        true => {
            let pattern = format!("{}/*", into.trim_end_matches('s'));
            resolver
                .facts
                .guessed(at, format!("{into} branches are called {pattern}"));
            pattern
        }
        false => into,
    };
    let taken = resolver
        .draft
        .environments
        .iter()
        .position(|e| e.branch.as_deref() == Some(branch.as_str()));
    let told = resolver.draft.environments[environment].branch.clone();
    match (told, taken) {
        (Some(told), _) if told == branch => {}
        (Some(told), _) => {
            let why = format!("it is fed by {told} already");
            resolver.facts.not_understood(at, &text, &why);
        }
        (None, Some(other)) => {
            let why = format!(
                "{branch} feeds {} already",
                resolver.draft.environments[other].name
            );
            resolver.facts.not_understood(at, &text, &why);
        }
        (None, None) => {
            let found = &mut resolver.draft.environments[environment];
            found.merged_from = from.map(|from| (from, at.clone()));
            let note = format!("{branch} feeds {}", found.name);
            found.branch = Some(branch);
            resolver.facts.understood(at, note);
        }
    }
}

/// The branches that words name: what stands out, or what stands before the word.
fn named_branches(value: &Rich) -> Vec<String> {
    let is_branch = |name: &str| crate::manifest::is_branch(name);
    let mut named: Vec<String> = Vec::new();
    let standing_out = value.0.iter().filter(|span| span.look != Look::Plain);
    for span in standing_out {
        let name = span.text.trim().trim_end_matches(['.', ',', ':']);
        if is_branch(name) && !named.contains(&name.to_owned()) {
            named.push(name.to_owned());
        }
    }
    if !named.is_empty() {
        return named;
    }
    let text = value.text();
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(['.', ',', ':', '(', ')', '"', '\'', '“', '”']))
        .collect();
    if let [only] = words.as_slice() {
        return is_branch(only)
            .then(|| (*only).to_owned())
            .into_iter()
            .collect();
    }
    let no_names = [
        "the", "a", "git", "each", "this", "that", "any", "own", "new", "same", "default", "their",
        "its",
    ];
    for pair in words.windows(2) {
        let is_before = pair[1].to_lowercase().starts_with("branch");
        let name = pair[0];
        if is_before
            && is_branch(name)
            && !no_names.contains(&name.to_lowercase().as_str())
            && !named.contains(&name.to_owned())
        {
            named.push(name.to_owned());
        }
    }
    named
}
