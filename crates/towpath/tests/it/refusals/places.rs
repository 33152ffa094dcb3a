//! Repositories, revisions and environments that are not there.

use std::fs;

use super::refused;
use crate::project::Project;

#[test]
fn no_repository() {
    let project = Project::new();
    let place = project.path("elsewhere");
    fs::create_dir(&place).unwrap();
    let manifest = project.clone().join("towpath.toml");
    fs::copy(manifest, place.join("towpath.toml")).unwrap();
    for line in ["deploy stg", "release"] {
        let ask = project.ask(line).by("dana").in_directory(place.clone());
        let says = ["git::", "does not appear to be a git repository"];
        ask.ends(7).says(&says);
    }
    assert_eq!(project.records(), 0);
}

#[test]
fn a_repository_that_is_gone() {
    let project = Project::new();
    project.towpath("status", 0);
    fs::rename(project.upstream(), project.path("moved.git")).unwrap();
    let says = ["git::failed", "upstream.git' does not appear"];
    refused(&project, "deploy stg", 7, &says);
    // What needs no repository goes on.
    project.towpath("status", 0);
}

#[test]
fn no_such_branch_and_no_such_revision() {
    let project = Project::new();
    let missing = |line: &str, what: &str| {
        refused(&project, line, 3, &["git::no-such-revision", what]);
    };
    missing("deploy stg feature/none", "no commit \"feature/none\"");
    missing("release deadbeef", "no commit \"deadbeef\"");
    missing("release ''", "no commit \"\"");
    project.change(
        "towpath.toml",
        "branch   = \"develop\"",
        "branch   = \"trunk\"",
    );
    missing("deploy stg", "no commit \"trunk\"");
}

#[test]
fn a_revision_is_never_an_option_of_gits() {
    let project = Project::new();
    let trap = project.path("trap");
    for line in ["deploy stg", "release", "plan stg"] {
        let line = format!("{line} -- --output={}", trap.display());
        refused(&project, &line, 3, &["git::no-such-revision"]);
    }
    assert!(!trap.exists());
}

#[test]
fn no_such_environment() {
    let project = Project::new();
    for line in [
        "deploy qa",
        "status qa",
        "promote qa",
        "rollback qa",
        "lock qa -m x",
        "history qa",
        "retry qa",
    ] {
        let says = [
            "ask::no-such-environment",
            "\"qa\"",
            "staging",
            "production",
        ];
        refused(&project, line, 3, &says);
    }
}

#[test]
fn environments_are_found_by_alias_whatever_the_case() {
    let project = Project::new();
    for name in ["staging", "stg", "STAGE", "Stg"] {
        let ran = project.towpath(&format!("status {name} --json"), 0);
        assert!(ran.stdout.contains("\"staging\""), "{}", ran.told());
    }
}

#[test]
fn deployments_and_releases_that_are_not_there() {
    let project = Project::new();
    for line in [
        "retry d7",
        "sign-off d7",
        "cancel d7",
        "reject d7 -m no",
        "history d7",
    ] {
        refused(&project, line, 3, &["path::no-such-deployment", "d7"]);
    }
    for line in ["veto v7 -m no", "promote stg --release v7", "deploy stg v7"] {
        refused(&project, line, 3, &["path::no-such-release", "v7"]);
    }
    for line in [
        "retry stg",
        "sign-off stg",
        "reject stg -m no",
        "cancel stg",
    ] {
        let says = ["nothing was ever deployed to staging", "towpath deploy"];
        refused(&project, line, 3, &says);
    }
    refused(&project, "promote stg", 3, &["no release is verified"]);
    refused(&project, "rollback stg", 3, &["path::cannot-return"]);
}
