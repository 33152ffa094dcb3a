//! The same asked by two at the same time, and different things of one environment.

use crate::project::{Project, Ran};

/// Runs command lines at the same time.
fn at_once<const N: usize>(project: &Project, asks: [(&str, &str); N]) -> [Ran; N] {
    let running = asks.map(|(line, name)| project.ask(line).by(name).start());
    running.map(|running| running.ended())
}

fn codes<const N: usize>(rans: &[Ran; N]) -> [Option<i32>; N] {
    let mut codes = [None; N];
    for (code, ran) in codes.iter_mut().zip(rans) {
        *code = ran.status.code();
    }
    codes.sort_unstable();
    codes
}

fn told<const N: usize>(rans: &[Ran; N]) -> String {
    rans.iter().map(Ran::told).collect()
}

fn each_effect_once(project: &Project) {
    let effects = project.effects();
    let mut all = effects.all();
    all.sort_unstable();
    let mut once = all.clone();
    once.dedup();
    assert_eq!(all, once);
    project.towpath("journal verify", 0);
    project.towpath("journal replay", 0);
}

#[test]
fn two_releases_of_one_commit_are_one() {
    let project = Project::new();
    let rans = at_once(
        &project,
        [
            ("release", "dana"),
            ("release HEAD", "lee"),
            ("release develop", "dana"),
        ],
    );
    assert_eq!(codes(&rans), [Some(0); 3], "{}", told(&rans));
    for ran in &rans {
        assert!(ran.stdout.starts_with("v1 is "), "{}", ran.told());
    }
    each_effect_once(&project);
    assert_eq!(project.effects().of("build").len(), 1);
}

#[test]
fn of_two_deployments_of_one_release_one_is_refused() {
    let project = Project::new();
    let rans = at_once(
        &project,
        [("deploy stg", "dana"), ("deploy staging", "lee")],
    );
    assert_eq!(codes(&rans), [Some(3), Some(4)], "{}", told(&rans));
    assert!(
        told(&rans).contains("path::already-there"),
        "{}",
        told(&rans)
    );
    assert_eq!(project.history().len(), 1);
    each_effect_once(&project);
}

#[test]
fn of_two_releases_the_newer_comes_last() {
    let project = Project::new();
    project.towpath("release", 0);
    project.commit_second();
    project.towpath("release", 0);
    let rans = at_once(
        &project,
        [("deploy stg v1", "dana"), ("deploy stg v2", "lee")],
    );
    // The first is taken over from while it waits, or the second waits until the first has ended.
    let ends = codes(&rans);
    let taken = [Some(1), Some(4)];
    assert!(
        ends == taken || ends == [Some(4), Some(4)],
        "{}",
        told(&rans)
    );
    each_effect_once(&project);
    let staging = project.environment("staging");
    if ends == taken {
        assert!(told(&rans).contains("superseded"), "{}", told(&rans));
        assert_eq!(staging.live.unwrap().release.0, 2);
    }
}

#[test]
fn two_who_go_on_with_one_deployment_share_it() {
    let project = Project::new();
    project.ask("deploy stg --detach").ends(0);
    let rans = at_once(
        &project,
        [
            ("retry stg", "dana"),
            ("retry stg", "lee"),
            ("retry d1", "dana"),
        ],
    );
    assert_eq!(codes(&rans), [Some(4); 3], "{}", told(&rans));
    each_effect_once(&project);
    let active = project.environment("staging").active.unwrap();
    assert!(
        active.steps.iter().all(|step| step.tries <= 1),
        "{active:#?}"
    );
}

#[test]
fn a_signature_given_twice_counts_once() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    let rans = at_once(
        &project,
        [("sign-off stg", "quinn"), ("sign-off stg", "quinn")],
    );
    assert_eq!(codes(&rans), [Some(3), Some(4)], "{}", told(&rans));
    let active = project.environment("staging").active.unwrap();
    assert_eq!(active.signatures.len(), 1);
    let rans = at_once(
        &project,
        [("sign-off stg", "lee"), ("reject stg -m no", "lee")],
    );
    assert_eq!(codes(&rans), [Some(0), Some(3)], "{}", told(&rans));
    each_effect_once(&project);
}

#[test]
fn of_two_promotions_one_is_refused() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    project.ask("sign-off stg").by("quinn").ends(4);
    project.ask("sign-off stg").by("lee").ends(0);
    let rans = at_once(
        &project,
        [("promote stg", "olive"), ("promote stg", "olive")],
    );
    assert_eq!(codes(&rans), [Some(0), Some(3)], "{}", told(&rans));
    assert_eq!(project.tip("main"), project.tip("develop"));
    each_effect_once(&project);
}
