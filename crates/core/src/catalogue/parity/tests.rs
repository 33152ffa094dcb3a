//! Parity, dimension by dimension, and what must hold for any two environments.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::{catalogue::tests::manifest, manifest::Resource};

const TODAY: Date = date(2026, 11, 21);

/// Two environments that are alike, to be changed.
const TWINS: &str = r#"
    [project]
    name = "guestbook"
    [services.web]
    start = "./web"
    [databases.main]
    [environments.staging]
    branch = "develop"
    mirrors = "production"
    [environments.production]
    branch = "main"
    after = ["staging"]
    [environments.local]
    branch = "wip"
"#;

fn staging() -> EnvironmentName {
    "staging".parse().unwrap()
}

fn production() -> EnvironmentName {
    "production".parse().unwrap()
}

/// The twins, with this said of staging and that of production.
fn twins(of_staging: &str, of_production: &str) -> Manifest {
    let text = TWINS
        .replace(
            "branch = \"develop\"",
            &format!("branch = \"develop\"\n{of_staging}"),
        )
        .replace(
            "branch = \"main\"",
            &format!("branch = \"main\"\n{of_production}"),
        );
    manifest(&text)
}

fn compared(manifest: &Manifest) -> Parity {
    parity(
        manifest,
        &staging(),
        &production(),
        &SecretKeys::default(),
        &Observed::default(),
        TODAY,
    )
    .unwrap()
}

/// The differences, each in a line.
fn differences(of_staging: &str, of_production: &str) -> Vec<String> {
    let parity = compared(&twins(of_staging, of_production));
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
    let line = |judged: &Judged| {
        let fact = &judged.fact;
        let (one, other) = (or_nothing(&fact.mirroring), or_nothing(&fact.mirrored));
        format!("{}: {one} / {other}", fact.name)
    };
    assert_eq!(parity.score == 100, parity.differences().next().is_none());
    parity.differences().map(line).collect()
}

#[test]
fn twins_are_equal_in_everything() {
    let parity = compared(&twins("", ""));
    assert_eq!(parity.score, 100);
    let names: Vec<_> = parity.facts.iter().map(|j| j.fact.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "databases.main",
            "services.web.listen",
            "smoke",
            "test",
            "watch",
            "keep_warm",
            "on_failure"
        ]
    );
    assert_eq!(
        parity.unknown,
        [
            "databases.main.migrations",
            "databases.main.schema",
            "services.web.instances"
        ]
    );
}

#[test]
fn each_dimension_is_a_fact_of_its_own() {
    for (of_staging, of_production, expected) in [
        ("resources.mail = {}", "", "resources.mail: there / -"),
        (
            "resources.mail = { kind = \"resend\" }",
            "resources.mail = { kind = \"ses\" }",
            "resources.mail: resend / ses",
        ),
        (
            "databases.main = { same_as = \"local\" }",
            "",
            "databases.main: that of local / its own",
        ),
        (
            "services.web = { listen = \"127.0.0.1:8080\" }",
            "",
            "services.web.listen: 127.0.0.1:8080 / -",
        ),
        ("", "config = { LEVEL = 1 }", "config.LEVEL: - / set"),
        ("smoke = [{ get = \"/\" }]", "", "smoke: 1 request / -"),
        ("test = [\"a\", \"b\"]", "", "test: 2 commands / -"),
        (
            "",
            "watch = { for = \"10m\", probes = [] }",
            "watch: - / 10m",
        ),
        ("keep_warm = \"5m\"", "", "keep_warm: 5m / 10m"),
        (
            "",
            "on_failure = \"rollback\"",
            "on_failure: hold / rollback",
        ),
    ] {
        assert_eq!(differences(of_staging, of_production), [expected]);
    }
}

#[test]
fn what_must_differ_is_not_compared() {
    for (of_staging, of_production) in [
        (
            "resources.mail = { kind = \"Resend\", id = \"1\", link = \"https://a.test\" }",
            "resources.mail = { kind = \"resend\", id = \"2\", link = \"https://b.test\" }",
        ),
        ("config = { LEVEL = 1 }", "config = { LEVEL = 2 }"),
        (
            "services.web = { listen = \"127.0.0.1:81\" }",
            "services.web = { listen = \"127.0.0.1:82\" }",
        ),
        ("smoke = [{ get = \"/\" }]", "smoke = [{ get = \"/a\" }]"),
    ] {
        assert_eq!(differences(of_staging, of_production), [""; 0]);
    }
}

/// Accepted by whom, in which of the two, until when.
fn accept(difference: &str, until: &str) -> String {
    format!(
        "accept = [{{ difference = \"{difference}\", reason = \"r\", owner = \"o\", until = \"{until}\" }}]"
    )
}

#[test]
fn what_either_accepts_counts_as_equal_until_it_ends() {
    let config = "config = { A = 1, B = 2 }\n";
    let score = |accept: &str, mirroring: bool| {
        let (one, other) = match mirroring {
            true => (format!("{config}{accept}"), String::new()),
            false => (config.to_owned(), accept.to_owned()),
        };
        compared(&twins(&one, &other))
    };
    // Two of nine facts differ.
    assert_eq!(score("", true).score, 77);
    for mirroring in [true, false] {
        let all = score(&accept("config.*", "2026-11-21"), mirroring);
        assert_eq!(all.score, 100);
        let accepted = all.facts.iter().filter(|j| j.accepted.is_some());
        assert_eq!(accepted.count(), 2);
        assert_eq!(
            score(&accept("config.A", "2026-11-21"), mirroring).score,
            88
        );
        let ended = score(&accept("config.A", "2026-11-20"), mirroring);
        assert_eq!(ended.score, 77);
        let expired = ended.differences().filter(|j| j.expired.is_some());
        assert_eq!(expired.count(), 1);
    }
}

fn seen(instances: u16, migrations: &[(i64, &str)]) -> Seen {
    let applied = migrations.iter().map(|(version, checksum)| Applied {
        version: (*version).into(),
        name: "change".to_owned(),
        checksum: (*checksum).to_owned(),
    });
    Seen {
        services: [("web".parse().unwrap(), instances)].into(),
        migrations: [("main".parse().unwrap(), applied.collect())].into(),
        schemas: [].into(),
    }
}

#[test]
fn what_runs_is_compared_where_both_are_seen() {
    let manifest = twins("", "");
    let observed = |one: Option<Seen>, other: Option<Seen>| {
        let one = one.map(|seen| (staging(), seen));
        let other = other.map(|seen| (production(), seen));
        let observed = Observed(one.into_iter().chain(other).collect());
        parity(
            &manifest,
            &staging(),
            &production(),
            &SecretKeys::default(),
            &observed,
            TODAY,
        )
        .unwrap()
    };
    let same = observed(Some(seen(2, &[(1, "a")])), Some(seen(2, &[(1, "a")])));
    assert_eq!((same.score, same.facts.len()), (100, 9));
    assert_eq!(same.unknown, ["databases.main.schema"]);
    let fewer = observed(Some(seen(1, &[])), Some(seen(2, &[(1, "a")])));
    let told: Vec<_> = fewer
        .differences()
        .map(|j| (j.fact.mirroring.as_deref(), j.fact.mirrored.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("none"), Some("1, the last 1 change")),
            (Some("1"), Some("2"))
        ]
    );
    let changed = observed(Some(seen(2, &[(1, "a")])), Some(seen(2, &[(1, "b")])));
    let told = &changed.differences().next().unwrap().fact;
    assert_eq!(told.mirroring.as_deref(), Some("1 change as a"));
    let alone = observed(None, Some(seen(2, &[])));
    assert_eq!((alone.facts.len(), alone.unknown.len()), (7, 3));

    let schema = |fingerprint: &str, drift: Option<&str>, migrations: &[(i64, &str)]| {
        let schema = SeenSchema {
            fingerprint: fingerprint.to_owned(),
            drift: drift.map(str::to_owned),
        };
        Some(Seen {
            schemas: [("main".parse().unwrap(), schema)].into(),
            ..seen(2, migrations)
        })
    };
    let one = [(1, "a")];
    let same = observed(schema("1f", None, &one), schema("1f", None, &one));
    assert_eq!((same.score, same.facts.len()), (100, 10));
    assert!(same.unknown.is_empty());
    let drifted = schema("2f", Some("table guests: different"), &one);
    let drifted = observed(schema("1f", None, &one), drifted);
    let told: Vec<_> = drifted.differences().map(|j| &j.fact).collect();
    assert_eq!(told[0].name, "databases.main.schema");
    assert_eq!(
        (told[0].mirroring.as_deref(), told[0].mirrored.as_deref()),
        (Some("1f"), Some("2f, drifted: table guests: different"))
    );
    // With other migrations another schema is no difference of its own.
    let behind = observed(schema("1f", None, &[]), schema("2f", None, &one));
    assert!(
        behind
            .facts
            .iter()
            .all(|j| j.fact.name != "databases.main.schema")
    );
}

#[test]
fn secrets_are_compared_where_both_files_are_looked_at() {
    let manifest = manifest(&format!(
        "{TWINS}[config]\nA = {{ secret = true }}\nB = {{ secret = true, required = false }}\nLEVEL = {{ default = 1 }}\n"
    ));
    let known = |one: Option<&[&str]>, other: Option<&[&str]>| {
        let set = |keys: &[&str]| keys.iter().map(ToString::to_string).collect();
        let one = one.map(|keys| (staging(), set(keys)));
        let other = other.map(|keys| (production(), set(keys)));
        let secrets = SecretKeys(one.into_iter().chain(other).collect());
        let comparison = Comparison::of(&manifest, &staging(), &production(), &secrets).unwrap();
        comparison.judge(None, None, TODAY)
    };
    let against = |parity: &Parity| -> Vec<String> {
        parity
            .differences()
            .map(|judged| judged.fact.name.clone())
            .collect()
    };
    let same = known(Some(&["A", "B"]), Some(&["A", "B"]));
    assert_eq!((against(&same), same.score), (vec![], 100));
    let less = known(Some(&["A"]), Some(&["A", "B"]));
    assert_eq!(against(&less), ["config.B"]);
    assert_eq!(less.facts.len(), same.facts.len());
    let more = known(Some(&["A", "B"]), Some(&[]));
    assert_eq!(against(&more), ["config.A", "config.B"]);
    for unknown in [known(None, None), known(Some(&["A"]), None)] {
        assert_eq!(against(&unknown), [""; 0]);
        assert_eq!(unknown.hidden, ["config.A", "config.B"]);
        assert_eq!(unknown.facts.len() + 2, same.facts.len());
    }
    assert!(same.hidden.is_empty());
}

#[test]
fn shortened_it_has_the_same_score_and_differences() {
    let manifest = twins("config = { A = 1 }\nsmoke = [{ get = \"/\" }]", "");
    let whole =
        Comparison::of(&manifest, &staging(), &production(), &SecretKeys::default()).unwrap();
    let short = whole.clone().shortened();
    let judge = |comparison: &Comparison| comparison.judge(None, None, TODAY);
    assert_eq!(short.facts.len(), 2);
    assert_eq!(judge(&whole).score, judge(&short).score);
    assert!(judge(&whole).differences().eq(judge(&short).differences()));
}

#[test]
fn a_manifest_without_one_of_them_has_no_parity() {
    let manifest = twins("", "");
    let demo: EnvironmentName = "demo".parse().unwrap();
    assert!(Comparison::of(&manifest, &staging(), &demo, &SecretKeys::default()).is_none());
}

fn resource(kind: Option<String>) -> Resource {
    Resource {
        title: None,
        description: None,
        kind,
        id: None,
        link: None,
        owner: None,
        config: Vec::new(),
        from: None,
        endpoint: None,
    }
}

prop_compose! {
    /// What an environment may say.
    fn said()(
        resources in proptest::collection::btree_map("[a-d]", proptest::option::of("[x-z]"), 0..4),
        config in proptest::collection::btree_set("[A-D]", 0..4),
        warm in 0..3_u64,
        accept in proptest::collection::vec(("(resources|config|keep_warm|\\*)(\\.[a-dA-D*])?", 18..25_i8), 0..3),
    ) -> (Vec<(String, Option<String>)>, Vec<String>, u64, Vec<(String, i8)>) {
        (resources.into_iter().collect(), config.into_iter().collect(), warm, accept)
    }
}

type Said = (
    Vec<(String, Option<String>)>,
    Vec<String>,
    u64,
    Vec<(String, i8)>,
);

fn made(one: Said, other: Said) -> Manifest {
    let mut manifest = twins("", "");
    for (at, said) in [one, other].into_iter().enumerate() {
        let environment = &mut manifest.environments[at];
        let resources = said.0.into_iter();
        environment.resources = resources
            .map(|(name, kind)| (name, resource(kind)))
            .collect();
        environment.config = said
            .1
            .into_iter()
            .map(|key| (key, "x".to_owned()))
            .collect();
        environment.keep_warm = std::time::Duration::from_secs(said.2);
        let accept = said.3.into_iter().map(|(difference, day)| Acceptance {
            difference,
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            until: date(2026, 11, day),
        });
        environment.accept = accept.collect();
    }
    manifest
}

proptest! {
    #[test]
    fn the_score_is_100_when_nothing_counts_against_it(one in said(), other in said()) {
        let parity = compared(&made(one, other));
        prop_assert_eq!(parity.score == 100, parity.differences().next().is_none());
        for judged in &parity.facts {
            prop_assert!(!judged.fact.equal || judged.accepted.is_none() && judged.expired.is_none());
            prop_assert!(judged.accepted.is_none() || judged.expired.is_none());
        }
    }

    #[test]
    fn it_is_the_same_from_both_sides(one in said(), other in said()) {
        let manifest = made(one, other);
        let there = compared(&manifest);
        let back = parity(&manifest, &production(), &staging(), &SecretKeys::default(), &Observed::default(), TODAY).unwrap();
        prop_assert_eq!(there.score, back.score);
        prop_assert_eq!(there.facts.len(), back.facts.len());
        for (one, other) in there.facts.iter().zip(&back.facts) {
            prop_assert_eq!(&one.fact.name, &other.fact.name);
            prop_assert_eq!(one.fact.equal, other.fact.equal);
            prop_assert_eq!(&one.fact.mirroring, &other.fact.mirrored);
            prop_assert_eq!(one.counts_against(), other.counts_against());
        }
    }
}

#[test]
fn the_score_is_rounded_down() {
    assert_eq!(score(0, 0), 100);
    assert_eq!(score(1, 1000), 99);
    assert_eq!(score(2, 3), 33);
    assert_eq!(score(3, 3), 0);
}
