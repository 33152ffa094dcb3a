//! Where the walk must lead to, whatever happened on its way: the same state, and every effect exactly once.

use towpath::engine::DeploymentView;
use towpath_core::path::Kind;

use crate::project::{Project, Users};

/// Checks where a walk has led to, and what users saw of it.
pub fn arrived(project: &Project, users: Users) {
    assert_eq!(deployments(project), DEPLOYMENTS);
    for deployment in project.history() {
        check_tries(project, &deployment);
    }
    check_environments(project);
    check_effects(project);
    let saw = users.saw();
    assert_eq!(saw.releases, ["v1", "v2", "v3", "v2"], "{saw:?}");
    assert!(saw.unanswered.is_empty(), "{saw:?}");
    assert_eq!(project.tip("main"), project.tip("develop"));
    project.towpath("journal verify", 0);
    project.towpath("journal replay", 0);
}

const DEPLOYMENTS: [&str; 7] = [
    "d1 deploy v1 to staging: settled",
    "d2 deploy v1 to production: settled",
    "d3 deploy v2 to staging: settled",
    "d4 deploy v2 to production: settled",
    "d5 deploy v3 to staging: settled",
    "d6 deploy v3 to production: rolled-back",
    "d7 rollback v2 to production: settled",
];

fn deployments(project: &Project) -> Vec<String> {
    let line = |view: DeploymentView| {
        format!(
            "{} {} {} to {}: {}",
            view.deployment, view.kind, view.release, view.environment, view.status
        )
    };
    project.history().into_iter().rev().map(line).collect()
}

/// Whoever goes on with a step goes on with the same try of it.
fn check_tries(project: &Project, deployment: &DeploymentView) {
    for step in &deployment.steps {
        let expected = match step.id.as_str() {
            "settle" => 0,
            _ => 1,
        };
        let told = || {
            let stream = format!(
                "journal show --json --stream deployment/{}",
                deployment.deployment.0
            );
            project.towpath(&stream, 0).told()
        };
        assert_eq!(
            step.tries,
            expected,
            "{}: {step:?}\n{}",
            deployment.deployment,
            told()
        );
    }
    let signatures = match (deployment.kind, deployment.environment.as_str()) {
        (Kind::Deploy, "staging") => 2,
        _ => 0,
    };
    assert_eq!(deployment.signatures.len(), signatures, "{deployment:?}");
}

fn check_environments(project: &Project) {
    for (name, release, is_held) in [("staging", 3, false), ("production", 2, true)] {
        let environment = project.environment(name);
        let live = environment.live.as_ref().unwrap();
        assert_eq!((live.release.0, live.verified), (release, true), "{name}");
        assert_eq!(environment.hold.is_some(), is_held, "{name}");
        assert!(environment.active.is_none() && environment.queue.is_empty());
    }
}

fn check_effects(project: &Project) {
    let effects = project.effects();
    let mut expected = Vec::new();
    for (release, staging, production) in [(1, 1, 2), (2, 3, 4), (3, 5, 6)] {
        expected.extend([
            format!("build {release}"),
            format!("start production.web.v{release}.d{production}.0"),
            format!("start staging.web.v{release}.d{staging}.0"),
            format!("test staging v{release}"),
        ]);
    }
    expected.sort();
    let mut done = effects.all();
    done.sort_unstable();
    assert_eq!(done, expected);
    for environment in ["staging", "production"] {
        let trips = project.number(environment, "SELECT count(*) FROM trips");
        let moons = project.number(environment, "SELECT count(*) FROM moons");
        assert_eq!((trips, moons), (2, 1), "{environment}");
    }
}
