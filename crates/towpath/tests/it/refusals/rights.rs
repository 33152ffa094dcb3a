//! Who may do what, and what else stands in the way: locks, holds, freezes, vetoes, the order of environments.

use super::refused;
use crate::{
    project::{Project, Ran},
    walk,
};

fn refused_by(project: &Project, name: &str, line: &str, says: &[&str]) {
    let before = project.records();
    let ran = project.ask(line).by(name).ends(3).says(says);
    assert_eq!(project.records(), before, "{}", ran.told());
}

fn prints(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stdout.contains(text), "no {text:?}: {}", ran.told());
    }
}

#[test]
fn each_role_does_its_own() {
    let project = walk::up_to_the_last_step();
    let main = project.tip("main");
    for line in [
        "deploy production v1",
        "rollback production",
        "lock prd -m mine",
        "hold prd -m mine",
        "promote stg",
        "veto v3 -m mine",
    ] {
        let says = [
            "path::not-allowed",
            "quinn@acme.test may not",
            "olive@acme.test",
        ];
        // What quinn may do in staging makes no difference.
        match line.starts_with("veto") {
            true => refused_by(&project, "mallory", line, &["mallory@acme.test may not"]),
            false => refused_by(&project, "quinn", line, &says),
        }
    }
    let says = ["mallory@acme.test may not"];
    refused_by(&project, "mallory", "deploy stg v1", &says);
    assert_eq!(project.tip("main"), main, "the branch has not moved either");
}

#[test]
fn a_signature_is_given_by_its_role_and_once_by_each_person() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[\"lee@acme.test\"]",
        "[\"lee@acme.test\", \"quinn@acme.test\"]",
    );
    project.commit("quinn leads too");
    project.towpath("deploy stg", 4);
    let not_allowed = ["path::not-allowed", "quinn@acme.test"];
    refused_by(&project, "dana", "sign-off stg", &not_allowed);
    let early = ["path::not-now", "\"qa\" comes first"];
    refused_by(&project, "lee", "sign-off stg --name acceptance", &early);
    let ask = project.ask("sign-off stg -m 'it floats'");
    ask.by("quinn").ends(4);
    let twice = ["path::same-person", "ask someone else"];
    refused_by(&project, "quinn", "sign-off stg", &twice);
    let other = format!("sign-off stg --evidence {}", "0".repeat(64));
    refused_by(&project, "lee", &other, &["path::evidence-changed"]);
    refused_by(&project, "lee", "reject stg -m ' '", &["path::no-reason"]);
}

#[test]
fn a_rejected_release_is_verified_nowhere_and_goes_nowhere() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    project.ask("reject stg -m 'it leaks'").by("quinn").ends(0);
    let last = project.environment("staging").last.unwrap();
    assert_eq!(last.status, "failed");
    assert!(last.why.unwrap().contains("it leaks"));
    let says = ["no release is verified in staging"];
    refused_by(&project, "olive", "promote stg", &says);
    let says = ["v1 is not verified in staging"];
    refused_by(&project, "olive", "promote stg --release v1", &says);
    let ran = project.ask("deploy production v1").by("olive").ends(3);
    prints(&ran, &["is not verified in staging"]);
    assert_eq!(project.effects().of("start production").len(), 0);
    assert_eq!(project.tip("main"), None);
}

#[test]
fn a_lock_keeps_others_out_until_it_is_given_up() {
    let project = Project::new();
    let ask = project.ask("lock stg -m measuring --for 1h");
    ask.by("quinn").ends(0);
    let says = ["path::locked", "quinn@acme.test", "measuring"];
    refused(&project, "lock stg -m mine --for 1h", 3, &says);
    let ran = project.towpath("deploy stg", 4);
    prints(&ran, &["the lock of quinn@acme.test: measuring"]);
    assert_eq!(project.effects().of("").len(), 0, "nothing was begun");
    project.ask("unlock stg").by("quinn").ends(0);
    project.towpath("retry stg", 4);
    assert_eq!(project.effects().of("start staging").len(), 1);
    refused(&project, "unlock stg", 3, &["path::nothing-to-release"]);
    refused(&project, "lock stg -m x --for 0s", 3, &["path::bad-lock"]);
}

#[test]
fn a_veto_stops_what_is_under_way_and_is_for_good() {
    let project = walk::first_release_is_live();
    project.commit_second();
    project.towpath("deploy stg", 4);
    project.ask("veto v2 -m 'it sinks'").by("olive").ends(0);
    prints(&project.towpath("retry stg", 1), &["cancelled", "it sinks"]);
    let says = ["path::vetoed", "it sinks", "a veto is for good"];
    refused(&project, "deploy stg v2", 3, &says);
    refused_by(&project, "olive", "veto v2 -m again", &["path::vetoed"]);
}

#[test]
fn a_freeze_holds_what_comes_until_it_thaws() {
    let project = Project::new();
    let winter = r#"[[freezes]]
name = "ice"
reason = "the canal is frozen"
environments = ["staging"]
from = "2020-01-01T00:00"
until = "2120-01-01T00:00"

[environments.staging]"#;
    project.change("towpath.toml", "[environments.staging]", winter);
    project.commit("winter");
    let ran = project.towpath("deploy stg", 4);
    prints(&ran, &["the end of freeze \"ice\": the canal is frozen"]);
    assert_eq!(project.effects().of("").len(), 0, "nothing was begun");
    project.towpath("cancel stg -m 'in spring'", 0);
}

#[test]
fn a_hold_is_set_and_released_by_those_who_may() {
    let project = walk::first_release_is_live();
    let by_olive = |line: &str, code| project.ask(line).by("olive").ends(code);
    by_olive("hold prd -m 'the tide'", 0);
    let hold = project.environment("production").hold.unwrap();
    assert_eq!(hold.reason, "the tide");
    let says = ["path::not-allowed"];
    refused(&project, "hold prd --release", 3, &says);
    by_olive("hold prd --release", 0);
    assert!(project.environment("production").hold.is_none());
    by_olive("hold prd --release", 3).says(&["path::nothing-to-release"]);
}
