//! Steps of a process: those that Towpath takes become phases; the others stay what people do by hand.

use super::{
    facts::{At, StepFact},
    resolve::Resolver,
    words::role_within,
};

/// What a step says.
pub(super) fn step(resolver: &mut Resolver<'_>, fact: &StepFact) {
    let text = fact.words.text();
    let Some(environment) = resolver.environments.find(&fact.environment) else {
        let why = format!("no environment is called {}", fact.environment.name);
        resolver.facts.not_understood(&fact.at, &text, &why);
        return;
    };
    if fact.is_by_hand {
        by_hand(resolver, environment, text);
        return;
    }
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let is_review = says(&[
        "pull request",
        "(prs)",
        " pr ",
        " prs ",
        "code review",
        "merge request",
    ]);
    if says(&["rollback", "roll back", "rolled back"]) {
        resolver.draft.environments[environment].takes_back = true;
        let note = "phase settle: the last verified release takes the traffic back";
        resolver.facts.understood(&fact.at, note);
    } else if says(&["smoke"]) {
        open(
            resolver,
            environment,
            &text,
            &fact.at,
            "smoke",
            "smoke = [{ get = \"/\" }]",
        );
    } else if says(&["monitor", "observability", "alerting"]) {
        let way = "watch = { for = \"10m\", probes = [{ get = \"/\" }] }";
        open(resolver, environment, &text, &fact.at, "watch", way);
    } else if says(&["migration", "migrate"]) {
        let way =
            "[databases.main] with migrations = \"…\"; configuration: config = { KEY = \"…\" }";
        open(resolver, environment, &text, &fact.at, "migrate", way);
    } else if says(&[
        "secret",
        "configs",
        "configuration",
        "environment variables",
    ]) {
        let way = "config = { KEY = \"…\" }";
        open(resolver, environment, &text, &fact.at, "configure", way);
    } else if !is_review
        && says(&[
            "acceptance",
            "sign-off",
            "sign off",
            "signs off",
            "approval",
            "approves",
        ])
    {
        let name = if says(&["acceptance"]) {
            "acceptance"
        } else {
            "approval"
        };
        sign_off(resolver, environment, name, &text, &fact.at);
    } else if is_word(&lower, "qa") || says(&["manual test", "manually test", "quality assurance"])
    {
        sign_off(resolver, environment, "qa", &text, &fact.at);
    } else if says(&[
        "automated test",
        "tests run",
        "run tests",
        "test suite",
        "integration test",
        "unit test",
        "end-to-end",
        "e2e",
        "ci runs",
        "automatic test",
    ]) {
        test(resolver, environment, fact, &text);
    } else {
        by_hand(resolver, environment, text);
        let note = "what people do by hand";
        resolver.facts.understood(&fact.at, note);
    }
}

fn is_word(text: &str, wanted: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|word| word == wanted)
}

fn by_hand(resolver: &mut Resolver<'_>, environment: usize, text: String) {
    resolver.draft.environments[environment].by_hand.push(text);
}

/// A phase that the page does not tell enough of: it stays with people until the manifest says how.
fn open(
    resolver: &mut Resolver<'_>,
    environment: usize,
    text: &str,
    at: &At,
    phase: &str,
    way: &str,
) {
    let place = format!("{}:{}", resolver.facts.pages[at.page], at.line);
    let comment = format!("{place}: \"{text}\" For Towpath to do it: {way}");
    let found = &mut resolver.draft.environments[environment];
    found.open.push(comment);
    let note = format!(
        "phase {phase} of {}, by hand until the manifest says how: {way}",
        found.name
    );
    by_hand(resolver, environment, text.to_owned());
    resolver.facts.guessed(at, note);
}

/// A signature; who signs stands in the sentence, or is called as the signature is.
fn sign_off(resolver: &mut Resolver<'_>, environment: usize, name: &str, text: &str, at: &At) {
    let role = match name {
        "qa" => "qa".to_owned(),
        name => role_within(text).unwrap_or_else(|| name.to_owned()),
    };
    let found = &mut resolver.draft.environments[environment];
    if found.sign_off.iter().any(|(known, _)| known == name) {
        by_hand(resolver, environment, text.to_owned());
        return;
    }
    found.sign_off.push((name.to_owned(), role.clone()));
    let note = format!("phase sign-off: {name}, by someone who is {role}");
    resolver.facts.understood(at, note);
}

/// A test is a command, where the page has one.
fn test(resolver: &mut Resolver<'_>, environment: usize, fact: &StepFact, text: &str) {
    let command = fact
        .words
        .codes()
        .map(str::trim)
        .find(|code| !code.is_empty());
    match command.map(str::to_owned) {
        Some(command) => {
            let note = format!("phase test: {command}");
            resolver.draft.environments[environment].test.push(command);
            resolver.facts.guessed(&fact.at, note);
        }
        None => open(
            resolver,
            environment,
            text,
            &fact.at,
            "test",
            "test = [\"…\"]",
        ),
    }
}
