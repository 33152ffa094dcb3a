//! A page that is made from a manifest says all of it: what is imported from it is the same manifest.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::imported;
use crate::{
    catalogue::page::{Flavour, document, html, markdown},
    manifest::{
        Acceptance, BranchPattern, Environment, EnvironmentDatabase, GoingBack, Group, Home,
        Manifest, NoReturnRule, OnFailure, ParityRule, Resource, UndoRule, parse, write,
    },
};

const EVERY_KEY: &str = include_str!("../../../manifest/tests/every_key.toml");
const EXAMPLE: &str = include_str!("../../../manifest/tests/example.toml");

fn read(text: &str) -> Option<Manifest> {
    Some(parse(text, "towpath.toml").ok()?.manifest)
}

/// That every way to write the page says all of it.
fn comes_back(manifest: &Manifest) {
    let page = document(manifest, None);
    for (way, text) in [
        ("GitHub", markdown(&page, Flavour::GitHub)),
        ("GitBook", markdown(&page, Flavour::GitBook)),
        ("HTML", html(&page)),
    ] {
        let back = imported(&text);
        if back.manifest != *manifest {
            let (wanted, found) = (write(manifest), write(&back.manifest));
            panic!(
                "{way}\nwanted:\n{wanted}\nfound:\n{found}\n{:#?}\n{text}",
                back.report
            );
        }
        let unclear = &back.report.not_understood;
        let own = unclear
            .iter()
            .filter(|note| way != "GitBook" || note.line > 3);
        assert_eq!(own.count(), 0, "{way}: {unclear:#?}\n{text}");
    }
}

#[test]
fn what_has_every_key_comes_back() {
    for text in [EVERY_KEY, EXAMPLE, crate::catalogue::tests::SHARED] {
        comes_back(&read(text).unwrap());
    }
}

/// Names that mean something elsewhere on a page.
const NAMES: &[&str] = &[
    "production",
    "prod",
    "staging",
    "dev",
    "development",
    "local",
    "one",
    "the",
    "groups",
    "group",
    "env",
    "prod-eu",
    "settings",
    "note",
    "and",
    "is",
    "of",
    "a",
    "deployed",
    "qa",
    "environments",
    "purpose",
    "test",
    "production-2",
    "x-environment",
    "name",
];

const WORDS: &[&str] = &[
    "",
    "-",
    "n/a",
    "a  b",
    " a",
    "a\nb",
    "<b>x</b>",
    "a|b",
    "`c`",
    "*d*",
    "_e_",
    "[f](g)",
    "#h",
    "1. i",
    "- j",
    "k & l; m",
    "Used by: QA",
    "Staging",
    "**Branch**: main",
    "{% hint %}",
    "\\",
    "&amp;",
    "<!-- towpath:end -->",
    "é 漢字 🚀",
    "مرحبا",
    "~~x~~",
    "What is not told above",
    "production, staging",
    "View",
    "(x)",
    "a (b)",
    "x`y",
    "+",
    "=",
    "1)",
    "```",
    "https://x.test",
    "!",
    "\u{a0}",
    "\u{1}",
    "end users",
    "developers",
    "Â€",
    "—",
    "TBD",
    "\"q\"",
    "'",
    "a\\b",
    "towpath.toml",
    "$x$",
    ":",
];

fn name() -> impl Strategy<Value = String> {
    select(NAMES).prop_map(str::to_owned)
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        select(WORDS).prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,8}",
        (select(WORDS), select(WORDS)).prop_map(|(a, b)| format!("{a} {b}")),
    ]
}

fn maybe_words() -> impl Strategy<Value = Option<String>> {
    option::weighted(0.5, words())
}

const TAILS: &[&str] = &[
    "",
    "/a|b",
    "/?a=1&copy;=2",
    "/<x>",
    "/a`b\\c",
    "/é(x)[y]",
    "/_a_*b*",
    "/&amp;",
];

fn link() -> impl Strategy<Value = Option<String>> {
    option::of(select(TAILS).prop_map(|tail| format!("https://x.test{tail}")))
}

prop_compose! {
    fn resource()(
        title in maybe_words(), description in maybe_words(), kind in maybe_words(), id in maybe_words(),
        link in link(), owner in maybe_words(), keys in vec(select(&["KEY", "a_b"][..]), 0..2),
        endpoint in maybe_words(), from in option::weighted(0.3, name()),
    ) -> Resource {
        Resource {
            title, description, kind, id, link, owner, endpoint,
            config: keys.into_iter().map(str::to_owned).collect(),
            from: from.and_then(|from| from.parse().ok()),
        }
    }
}

fn config() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    let key = select(&["KEY", "a_b"][..]).prop_map(str::to_owned);
    proptest::collection::btree_map(key, words().prop_map(|words| words.replace('\0', "")), 0..2)
}

const RESOURCES: &[&str] = &[
    "AWS",
    "mail",
    "mail-2",
    "Third_Party_One",
    "a.b",
    "View",
    "x",
    "none",
];

prop_compose! {
    fn environment()(
        names in (name(), vec(name(), 0..3), option::of(name()), option::of(name())),
        words in (maybe_words(), maybe_words(), link(), vec(words(), 0..3), vec(words(), 0..3)),
        branch in option::of(select(&["main", "develop", "feature/*", "a`b", "a|b", "-x", "staging", "x_y_z"][..])),
        after in vec(name(), 0..2),
        roles in vec(select(&["developer", "qa", "the"][..]), 0..3),
        resources in vec((select(RESOURCES), resource()), 0..4),
        same_as in option::of(option::of(name())),
        extra in (any::<bool>(), option::of(0_u8..=100), vec((words(), words()), 0..2)),
        config in config(),
    ) -> Environment {
        let template = &read(EXAMPLE).expect("valid").environments[0];
        let as_name = |name: Option<String>| name.and_then(|name| name.parse().ok());
        let (own, aliases, group, mirrors) = names;
        let (description, purpose, url, audience, by_hand) = words;
        let (takes_back, min, accepted) = extra;
        let accept = accepted.into_iter().map(|(difference, reason)| Acceptance {
            difference, reason, owner: "platform".into(), until: "2030-01-01".parse().expect("a date"),
        });
        Environment {
            name: own.parse().expect("a name"), aliases, group: group.and_then(|name| name.parse().ok()),
            mirrors: as_name(mirrors),
            description, purpose, url, audience, by_hand,
            branch: branch.map(|branch| BranchPattern(branch.into())),
            after: after.into_iter().filter_map(|name| name.parse().ok()).collect(),
            used_by: roles.into_iter().filter_map(|role| role.parse().ok()).collect(),
            on_failure: if takes_back { OnFailure::Rollback } else { OnFailure::Hold },
            going_back: GoingBack { undo: if takes_back { UndoRule::Automatic } else { UndoRule::Ask }, keep_safe_back: min.map(|min| min % 5), proven: min.is_some_and(|min| min % 2 == 0), no_return: if takes_back { NoReturnRule::Ask } else { NoReturnRule::Allow } },
            no_drift: min.is_some_and(|min| min % 3 == 0),
            parity: min.map(|min| ParityRule { min }),
            config,
            accept: accept.collect(),
            databases: same_as.into_iter().map(|same_as| {
                ("main".parse().expect("a name"), EnvironmentDatabase { same_as: as_name(same_as) })
            }).collect(),
            resources: resources.into_iter().map(|(name, resource)| (name.to_owned(), resource)).collect(),
            ..template.clone()
        }
    }
}

prop_compose! {
    fn group()(description in maybe_words(), aliases in vec(name(), 0..2), config in config(),
        homes in vec((name(), maybe_words(), maybe_words(), link(), vec(name(), 0..2), option::of(name())), 0..3)) -> Group {
        let homes = homes.into_iter().map(|(name, title, id, link, environments, part_of)| {
            let environments = environments.into_iter().filter_map(|name| name.parse().ok()).collect();
            (name, Home { title: title.clone(), description: title, kind: None, id, link, environments, part_of })
        });
        Group { description, aliases, homes: homes.collect(), config }
    }
}

/// Makes a manifest valid by taking away, one after the other, what is refused.
fn mended(mut manifest: Manifest) -> Option<Manifest> {
    let mut names = std::collections::BTreeSet::new();
    manifest
        .environments
        .retain(|environment| names.insert(environment.name.clone()));
    let groups: Vec<_> = manifest.groups.keys().cloned().collect();
    let mut taken: std::collections::BTreeSet<String> =
        names.iter().map(ToString::to_string).collect();
    let mut group_names: std::collections::BTreeSet<String> =
        groups.iter().map(ToString::to_string).collect();
    for group in manifest.groups.values_mut() {
        group
            .aliases
            .retain(|alias| group_names.insert(alias.clone()));
    }
    let mut branches = std::collections::BTreeSet::new();
    let declared: std::collections::BTreeSet<_> = manifest
        .environments
        .iter()
        .flat_map(|e| {
            e.resources
                .iter()
                .filter(|(_, r)| r.from.is_none())
                .map(|(name, _)| (e.name.clone(), name.clone()))
        })
        .collect();
    let members: std::collections::BTreeMap<_, _> = manifest
        .environments
        .iter()
        .map(|e| (e.name.clone(), e.group.clone()))
        .collect();
    for at in 0..manifest.environments.len() {
        let earlier: Vec<_> = manifest.environments[..at]
            .iter()
            .map(|e| e.name.clone())
            .collect();
        let environment = &mut manifest.environments[at];
        environment
            .aliases
            .retain(|alias| taken.insert(alias.clone()));
        environment.group = environment
            .group
            .take()
            .filter(|group| groups.contains(group));
        environment.after.retain(|name| earlier.contains(name));
        environment.after.dedup();
        environment.used_by.sort();
        environment.used_by.dedup();
        let own = environment.name.clone();
        environment.mirrors = environment
            .mirrors
            .take()
            .filter(|name| names.contains(name) && *name != own);
        environment.branch = environment
            .branch
            .take()
            .filter(|b| crate::manifest::is_branch(&b.0) && branches.insert(b.0.clone()));
        environment
            .audience
            .retain(|words| !words.trim().is_empty() && !words.contains('\0'));
        environment.by_hand.retain(|words| !words.trim().is_empty());
        environment
            .accept
            .retain(|a| !a.difference.trim().is_empty() && !a.reason.trim().is_empty());
        for database in environment.databases.values_mut() {
            database.same_as = database
                .same_as
                .take()
                .filter(|name| earlier.contains(name));
        }
        environment
            .resources
            .retain(|name, resource| match &resource.from {
                Some(from) => *from != own && declared.contains(&(from.clone(), name.clone())),
                None => true,
            });
        for resource in environment.resources.values_mut() {
            for said in [
                &mut resource.kind,
                &mut resource.id,
                &mut resource.owner,
                &mut resource.endpoint,
            ] {
                *said = said.take().filter(|said| !said.trim().is_empty());
            }
        }
    }
    for (name, group) in &mut manifest.groups {
        let homes: Vec<_> = group.homes.keys().cloned().collect();
        for (at, (own, home)) in group.homes.iter_mut().enumerate() {
            home.environments
                .retain(|held| members.get(held).is_some_and(|g| g.as_ref() == Some(name)));
            home.environments.dedup();
            home.part_of = home
                .part_of
                .take()
                .filter(|outer| homes[..at].contains(outer) && outer != own);
            for said in [&mut home.kind, &mut home.id] {
                *said = said.take().filter(|said| !said.trim().is_empty());
            }
        }
    }
    for freeze in &mut manifest.freezes {
        freeze.environments.clear();
    }
    manifest.freezes.clear();
    let mirrored: Vec<_> = manifest
        .environments
        .iter()
        .map(|e| (e.name.clone(), e.mirrors.clone()))
        .collect();
    for environment in &mut manifest.environments {
        let own = Some(environment.name.clone());
        let is_mirrored = mirrored
            .iter()
            .any(|(name, mirrors)| *mirrors == own && environment.after.contains(name));
        environment.parity = environment.parity.filter(|_| is_mirrored);
    }
    read(&write(&manifest))
}

prop_compose! {
    fn manifest()(environments in vec(environment(), 1..5), groups in proptest::collection::btree_map(name(), group(), 0..3)) -> Option<String> {
        let mut manifest = read(EXAMPLE).expect("valid");
        for role in ["developer", "qa", "the"] {
            let template = manifest.roles.values().next().expect("one").clone();
            manifest.roles.insert(role.parse().expect("a name"), template);
        }
        manifest.environments = environments;
        manifest.groups = groups.into_iter().filter_map(|(name, group)| Some((name.parse().ok()?, group))).collect();
        mended(manifest).as_ref().map(write)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_manifest_comes_back(manifest in manifest()) {
        let manifest = manifest.as_deref().and_then(read);
        prop_assume!(manifest.is_some());
        comes_back(&manifest.expect("assumed"));
    }
}
