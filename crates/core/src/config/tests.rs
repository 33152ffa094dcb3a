//! Layers, placeholders and what comes of them.

use secrecy::ExposeSecret;

use super::*;
use crate::manifest::{self, Manifest};

const MANIFEST: &str = r#"
project = { name = "guestbook" }
[groups.development]
config = { LOG_LEVEL = "info" }
[services]
web = { start = "./web" }
worker = { start = "./worker" }
[databases.main]
[config]
PORT = { type = "port", default = 8080 }
LOG_LEVEL = { type = "enum", values = ["debug", "info", "warn"], default = "warn" }
PUBLIC_URL = { type = "url", default = "${environment.url}" }
LOGIN = { default = "${PUBLIC_URL}/login?tenant=${resource.identity.id}" }
WORKERS = { type = "integer", services = ["worker"], default = 1 }
TOKEN = { secret = true, previous = "OLD_TOKEN" }
HEADER = { default = "Bearer ${TOKEN}" }
[environments.staging]
branch = "develop"
url = "https://staging.acme.test"
group = "development"
resources.identity = { kind = "okta", id = "stg-1", link = "https://a.test" }
services.worker = { config = { WORKERS = 4 } }
[environments.local]
used_by = ["developer"]
url = "http://localhost"
resources.identity = { kind = "okta", id = "dev-1" }
config = { LOG_LEVEL = "debug" }
[roles]
developer = { members = ["dana@acme.test"] }
"#;

fn read(text: &str) -> Manifest {
    match manifest::parse(text, "towpath.toml") {
        Ok(parsed) => parsed.manifest,
        Err(problems) => panic!("{problems}"),
    }
}

fn given(in_file: &[&str], overrides: &[(&str, &str)]) -> Given {
    Given {
        in_file: in_file.iter().map(ToString::to_string).collect(),
        overrides: overrides
            .iter()
            .map(|(key, value)| (key.to_string(), (*value).into()))
            .collect(),
        previous: Default::default(),
    }
}

fn values(file: &[(&str, &str)]) -> Values {
    let of = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, value)| (key.to_string(), (*value).into()))
            .collect()
    };
    Values {
        file: of(file),
        previous: of(&[("TOKEN", "before")]),
        references: Default::default(),
        databases: [("main".parse().unwrap(), "sqlite:///main.db".to_owned())].into(),
    }
}

fn scope<'a>(manifest: &'a Manifest, name: &str, service: Option<&str>) -> Scope<'a> {
    Scope {
        manifest,
        environment: manifest.environment(name).unwrap(),
        service: service.map(|service| manifest.services.get_key_value(service).unwrap().0),
    }
}

fn shown(resolution: &Resolution<'_>, values: &Values) -> String {
    match resolution.fill(values) {
        Ok(filled) => filled
            .iter()
            .map(|(key, filled)| {
                let mark = if filled.secret { "*" } else { "" };
                format!("{key}{mark}={}\n", filled.value.expose_secret())
            })
            .collect(),
        Err(unfilled) => unfilled
            .iter()
            .map(|unfilled| format!("{} {}\n", unfilled.key, unfilled.why))
            .collect(),
    }
}

#[test]
fn the_last_layer_wins_and_placeholders_are_replaced() {
    let manifest = read(MANIFEST);
    let given = given(&["TOKEN"], &[]);
    let resolution = Resolution::of(scope(&manifest, "staging", Some("worker")), &given);
    assert_eq!(
        shown(&resolution, &values(&[("TOKEN", "t0p")])),
        "DATABASE_URL=sqlite:///main.db\n\
         HEADER*=Bearer t0p\n\
         LOGIN=https://staging.acme.test/login?tenant=stg-1\n\
         LOG_LEVEL=info\n\
         PORT=8080\n\
         PUBLIC_URL=https://staging.acme.test\n\
         TOKEN*=t0p\n\
         WORKERS=4\n"
    );
    let layers = |key: &str| -> Vec<String> {
        let candidates = &resolution.entries[key].candidates;
        candidates.iter().map(|c| c.layer.to_string()).collect()
    };
    assert_eq!(layers("WORKERS"), ["default", "service worker"]);
    assert_eq!(layers("LOG_LEVEL"), ["default", "group development"]);
    assert_eq!(layers("TOKEN"), ["secret file"]);
}

#[test]
fn a_service_gets_only_what_is_for_it() {
    let manifest = read(MANIFEST);
    let given = given(&["TOKEN", "UNDECLARED"], &[]);
    let web = Resolution::of(scope(&manifest, "staging", Some("web")), &given);
    assert!(!web.entries.contains_key("WORKERS"));
    assert!(!web.entries.contains_key("UNDECLARED"));
    let commands = Resolution::of(scope(&manifest, "staging", None), &given);
    assert!(commands.entries.contains_key("WORKERS"));
}

#[test]
fn a_developers_own_values_win_where_they_may() {
    let manifest = read(MANIFEST);
    let own = [
        ("TOKEN", "mine"),
        ("LOG_LEVEL", "warn"),
        ("DEBUG_PORT", "9"),
    ];
    let local = Resolution::of(scope(&manifest, "local", None), &given(&[], &own));
    let filled = shown(&local, &values(&[]));
    assert!(filled.contains("TOKEN*=mine\n"), "{filled}");
    assert!(filled.contains("LOG_LEVEL=warn\n"), "{filled}");
    assert!(filled.contains("DEBUG_PORT=9\n"), "{filled}");
    let staging = Resolution::of(scope(&manifest, "staging", None), &given(&["TOKEN"], &own));
    let filled = shown(&staging, &values(&[("TOKEN", "file")]));
    assert!(
        filled.contains("TOKEN*=file\n") && !filled.contains("DEBUG_PORT"),
        "{filled}"
    );
}

#[test]
fn what_is_missing_or_of_a_wrong_type_is_told_and_nothing_is_filled() {
    let manifest = read(MANIFEST);
    let resolution = Resolution::of(
        scope(&manifest, "local", None),
        &given(&[], &[("PORT", "http"), ("LOG_LEVEL", "loud")]),
    );
    assert_eq!(resolution.missing().collect::<Vec<_>>(), ["TOKEN"]);
    assert_eq!(
        shown(&resolution, &values(&[])),
        "HEADER is made of ${TOKEN}, which is not there\n\
         LOG_LEVEL must be one of debug, info, warn\n\
         PORT must be a port, from 1 to 65535\n\
         TOKEN has no value\n"
    );
}

#[test]
fn the_value_before_is_there_while_a_rotation_is_under_way() {
    let manifest = read(MANIFEST);
    let mut given = given(&["TOKEN"], &[]);
    given.previous.insert("TOKEN".into());
    let resolution = Resolution::of(scope(&manifest, "staging", Some("web")), &given);
    let filled = shown(&resolution, &values(&[("TOKEN", "new")]));
    assert!(filled.contains("OLD_TOKEN*=before\nPORT"), "{filled}");
}

#[test]
fn placeholders_do_not_grow_without_bound() {
    let mut text = String::from(
        "project = { name = \"a\" }\n[environments.local]\nused_by = [\"d\"]\n[roles]\nd = { members = [\"d@a.test\"] }\n[environments.local.config]\nA0 = \"aaaaaaaaaa\"\n",
    );
    for n in 1..40 {
        text.push_str(&format!("A{n} = \"${{A{0}}}${{A{0}}}\"\n", n - 1));
    }
    let problems = manifest::parse(&text, "towpath.toml").expect_err("too long");
    let told: Vec<String> = problems.iter().map(|one| one.one_line()).collect();
    assert!(told[0].contains("longer than a value may be"), "{told:?}");
    assert_eq!(
        told.len(),
        1,
        "the first is told, what needs it is not: {told:?}"
    );
}

#[test]
fn where_a_server_is_is_a_value_like_any_other_and_a_secret() {
    let manifest = read(
        r#"
project = { name = "guestbook" }
[databases.main]
engine = "postgres"
[config]
POOL = { default = "${database.main.url}?pool=5" }
[environments.staging]
branch = "develop"
config = { DATABASE_URL = "postgres://app@db.acme.test/app" }
[environments.production]
branch = "main"
"#,
    );
    let nothing = given(&[], &[]);
    let staging = Resolution::of(scope(&manifest, "staging", None), &nothing);
    assert_eq!(
        shown(&staging, &values(&[])),
        "DATABASE_URL*=postgres://app@db.acme.test/app\nPOOL*=postgres://app@db.acme.test/app?pool=5\n"
    );
    let missing = Resolution::of(scope(&manifest, "production", None), &nothing);
    assert_eq!(missing.missing().collect::<Vec<_>>(), ["DATABASE_URL"]);
    let in_file = given(&["DATABASE_URL"], &[]);
    let production = Resolution::of(scope(&manifest, "production", None), &in_file);
    assert_eq!(
        shown(
            &production,
            &values(&[("DATABASE_URL", "postgres://u:p@h/d")])
        ),
        "DATABASE_URL*=postgres://u:p@h/d\nPOOL*=postgres://u:p@h/d?pool=5\n"
    );
}
