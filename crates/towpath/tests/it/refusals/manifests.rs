//! Manifests that are none.

use std::fs;

use crate::project::Project;

/// Where a manifest like this is committed, nothing is done, and nothing is made.
fn refused(manifest: &[u8], says: &[&str]) {
    let project = Project::new();
    project.write("towpath.toml", manifest);
    // Until it is, the last that was committed is good enough, so that nobody's editing stops a rollback.
    project
        .towpath("status", 0)
        .says(&["going on with the towpath.toml of the last commit"])
        .says(says);
    fs::remove_dir_all(project.data()).unwrap();
    project.commit("a mistake");
    for line in ["check", "deploy stg", "release", "status"] {
        project.towpath(line, 6).says(says);
    }
    assert!(!project.data().exists(), "a data directory was made");
}

#[test]
fn an_empty_one() {
    refused(b"", &["manifest::", "[project]"]);
}

#[test]
fn one_cut_short() {
    let whole = fs::read(Project::new().clone().join("towpath.toml")).unwrap();
    refused(&whole[..whole.len() / 2], &["manifest::", "towpath.toml"]);
}

#[test]
fn garbage() {
    let garbage: Vec<u8> = (0..4096_u32)
        .map(|n| b' ' + u8::try_from(n * 7 % 90).unwrap())
        .collect();
    refused(&garbage, &["manifest::"]);
}

#[test]
fn ten_megabytes() {
    let mut text = b"# ".repeat(5_000_000);
    text.extend(b"\n");
    refused(&text, &["keep it below 1048576 bytes"]);
}

#[test]
fn one_with_a_nul() {
    refused(b"[project]\nname = \"fer\\u0000ry\"\n", &["manifest::"]);
    refused(b"[project]\nname = \"fer\0ry\"\n", &["manifest::"]);
}

#[test]
fn one_that_is_not_utf_8() {
    let project = Project::new();
    project.write("towpath.toml", b"[project]\nname = \"f\xe4hre\"\n");
    project.commit("a ferry abroad");
    for line in ["check", "deploy stg", "status"] {
        project.towpath(line, 6).says(&["is not UTF-8"]);
    }
    assert!(!project.data().exists());
}

#[test]
fn one_that_is_not_there() {
    let project = Project::new();
    fs::remove_file(project.clone().join("towpath.toml")).unwrap();
    project
        .towpath("deploy stg", 6)
        .says(&["manifest::missing", "towpath init"]);
    assert!(!project.data().exists());
}

#[test]
fn an_invalid_one_at_the_commit_that_is_asked_for() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "branch   = \"develop\"",
        "branch   = \"develop\"\ncolour = 1",
    );
    project.commit("colours");
    project.change("towpath.toml", "\ncolour = 1", "");
    super::refused(
        &project,
        "deploy stg",
        6,
        &[
            "manifest::invalid",
            "unknown key `colour` in [environments.staging]",
        ],
    );
    super::refused(&project, "release", 6, &["manifest::invalid", "colour"]);
}

#[test]
fn none_at_the_commit_that_is_asked_for() {
    let project = Project::new();
    project.git("rm --quiet --cached towpath.toml");
    project.git("commit --quiet --message gone");
    project.git("push --quiet origin HEAD");
    super::refused(&project, "deploy stg", 6, &["has no towpath.toml"]);
}
