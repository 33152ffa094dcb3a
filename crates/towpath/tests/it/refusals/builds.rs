//! Builds and services that do not work: their own words are shown, and nothing of them is left.

use std::{fs, net::TcpListener};

use crate::{
    project::{Project, Ran},
    walk,
};

/// Nothing runs for users that did not run before, and what did still answers.
fn nothing_is_left(project: &Project, ran: &Ran) {
    let left = project.processes();
    assert!(left.is_empty(), "{left:?} after {}", ran.told());
    let staging = project.environment("staging");
    assert!(staging.live.is_none() && staging.active.is_none());
    let instances = fs::read_dir(project.data().join("target/instances"));
    assert_eq!(instances.map_or(0, Iterator::count), 0);
}

#[test]
fn a_build_that_fails_shows_what_it_said() {
    let project = Project::new();
    project.change("build.sh", "mkdir -p dist", "echo 'no planks left'; exit 7");
    project.commit("no planks");
    let ran = project.towpath("release", 1);
    println!("{}", ran.told());
    let ran = ran.says(&["build::failed", "no planks left", "exit status 7"]);
    nothing_is_left(&project, &ran);
    let ran = project.towpath("deploy stg", 1);
    assert!(ran.stdout.contains("no planks left"), "{}", ran.told());
    nothing_is_left(&project, &ran);
    let last = project.environment("staging").last.unwrap();
    assert_eq!(last.status, "failed");
}

#[test]
fn a_build_that_makes_no_artifact() {
    let project = Project::new();
    project.change("build.sh", "mkdir -p dist", "exit 0");
    project.commit("an empty dock");
    let says = ["build::failed", "the build of web made no \"dist\""];
    project.towpath("release", 1).says(&says);
    let ran = project.towpath("deploy stg", 1);
    assert!(ran.stdout.contains("made no \"dist\""), "{}", ran.told());
    nothing_is_left(&project, &ran);
}

#[test]
fn an_artifact_that_is_neither_built_nor_committed() {
    let project = Project::new();
    project.change("towpath.toml", "build       = \"sh build.sh\"", "");
    project.commit("nothing to build");
    let says = ["build::failed", "the commit holds no \"dist\""];
    let ran = project.towpath("release", 1).says(&says);
    nothing_is_left(&project, &ran);
}

#[test]
fn a_service_that_never_becomes_healthy() {
    let project = Project::new();
    project.write("behaviour", "sick");
    project.change("towpath.toml", "within = \"20s\"", "within = \"400ms\"");
    project.commit("a full bilge");
    let ran = project.towpath("deploy stg", 1);
    for text in ["was not healthy within 400ms", "503"] {
        assert!(ran.stdout.contains(text), "{}", ran.told());
    }
    nothing_is_left(&project, &ran);
}

#[test]
fn a_service_that_exits_at_once() {
    let project = Project::new();
    project.write("behaviour", "exits");
    project.change("towpath.toml", "within = \"20s\"", "within = \"600ms\"");
    project.commit("no engine");
    let ran = project.towpath("deploy stg", 1);
    for text in ["exit status 3", "the engine does not turn over"] {
        assert!(ran.stdout.contains(text), "{}", ran.told());
    }
    nothing_is_left(&project, &ran);
}

#[test]
fn a_port_that_something_else_has() {
    let project = Project::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        &format!("[environments.staging.services.web]\nlisten = \"{address}\"\n\n[environments.staging.config]"),
    );
    project.commit("a berth of our own");
    let ran = project.towpath("deploy stg", 5);
    println!("{}", ran.told());
    assert!(ran.stdout.contains(&address.to_string()), "{}", ran.told());
    let staging = project.environment("staging");
    assert!(staging.live.is_none());
    assert!(
        project
            .processes()
            .iter()
            .all(|process| !process.is("dist/web"))
    );
    // Once the address is free, the same deployment goes on.
    drop(other);
    project.towpath("retry stg", 4);
    assert_eq!(project.address("staging"), address.to_string());
}

#[test]
fn an_artifact_that_is_missing_or_changed_in_the_store() {
    let project = walk::first_release_is_live();
    let artifacts = project.data().join("artifacts");
    let kept = fs::read_dir(&artifacts)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&kept).unwrap();
    let mut other = bytes.clone();
    other[1000] ^= 1;
    let cases: [(&str, Option<Vec<u8>>, i32); 2] = [
        ("cannot be read", None, 5),
        ("is not the one that was built", Some(other), 1),
    ];
    for (says, instead, code) in cases {
        fs::remove_file(&kept).unwrap();
        if let Some(instead) = instead {
            fs::write(&kept, instead).unwrap();
        }
        let ran = project.towpath("deploy stg v1", code);
        assert!(ran.stdout.contains(says), "{}", ran.told());
        // Users keep what they have.
        assert!(project.environment("staging").live.is_some());
        fs::write(&kept, &bytes).unwrap();
    }
    project.towpath("retry stg", 4);
}
