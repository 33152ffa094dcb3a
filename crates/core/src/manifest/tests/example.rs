//! The design's example means what the design says.

use std::time::Duration;

use super::{EXAMPLE, read};
use crate::{
    Digest,
    manifest::{OnFailure, ProbeCheck},
};

#[test]
fn it_parses_without_a_word() {
    let parsed = read(EXAMPLE).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    assert_eq!(parsed.digest, Digest::of_bytes(EXAMPLE.as_bytes()));
}

#[test]
fn environments_keep_their_order_and_answer_to_their_aliases() {
    let manifest = read(EXAMPLE).unwrap().manifest;
    let names: Vec<_> = manifest
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["local", "development", "staging", "production"]);
    assert_eq!(
        manifest.environment("STG").unwrap().name.as_str(),
        "staging"
    );
    assert_eq!(
        manifest.environment("prod").unwrap().name.as_str(),
        "production"
    );
    assert_eq!(manifest.fed_by("feature/a").count(), 1);
}

#[test]
fn the_local_database_is_that_of_development() {
    let manifest = read(EXAMPLE).unwrap().manifest;
    let local = &manifest.environment("local").unwrap().name;
    let main = manifest.databases.keys().next().unwrap();
    assert_eq!(manifest.database_home(local, main).as_str(), "development");
}

#[test]
fn production_is_filled_in() {
    let manifest = read(EXAMPLE).unwrap().manifest;
    let production = manifest.environment("production").unwrap();
    assert_eq!(production.on_failure, OnFailure::Rollback);
    assert_eq!(production.keep_warm, Duration::from_secs(600));
    assert_eq!(production.smoke[0].service.as_str(), "web");
    assert_eq!(production.smoke[0].within, Duration::from_secs(5));
    let watch = production.watch.as_ref().unwrap();
    assert_eq!(watch.window, Duration::from_secs(600));
    let ProbeCheck::Http(check) = &watch.probes[0].check else {
        panic!("{watch:?}")
    };
    assert_eq!((check.get.as_str(), check.expect), ("/", 200));
    assert_eq!(
        production.resources["identity"].id.as_deref(),
        Some("prd-id-123")
    );

    let staging = manifest.environment("staging").unwrap();
    assert_eq!(staging.on_failure, OnFailure::Hold);
    assert_eq!(staging.test[0].within, Duration::from_secs(900));
    assert_eq!(staging.sign_off[1].within, Duration::from_secs(7 * 86_400));
}

#[test]
fn without_on_failure_the_production_group_rolls_back() {
    let text = EXAMPLE.replace("on_failure = \"rollback\"\n", "");
    assert_ne!(text, EXAMPLE);
    let manifest = read(&text).unwrap().manifest;
    let production = manifest.environment("production").unwrap();
    assert_eq!(production.on_failure, OnFailure::Rollback);
}

#[test]
fn ten_lines_are_enough() {
    let text = r#"
        [project]
        name = "guestbook"
        [services.web]
        start = "./guestbook"
        [databases.main]
        migrations = "migrations"
        [environments.production]
        branch = "main"
    "#;
    let parsed = read(text).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    assert_eq!(parsed.manifest.databases["main"].url, "DATABASE_URL");
    assert_eq!(parsed.manifest.services["web"].instances, 1);
}

/// What the guide shows, one example after the other, is one manifest that nobody has to mend.
#[test]
fn the_guides_examples_are_a_manifest() {
    let guide = include_str!("../../../../../docs/guide/manifest.md");
    let blocks = guide.split("```toml\n").skip(1);
    let examples: Vec<&str> = blocks
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(examples.len() > 5, "{}", examples.len());
    let day = "2026-01-01".parse().unwrap();
    let linted = crate::manifest::lint(&examples.join("\n"), "towpath.toml", day);
    let said: Vec<String> = linted.problems.iter().map(|p| p.one_line()).collect();
    assert!(linted.manifest.is_some() && said.is_empty(), "{said:#?}");
}
