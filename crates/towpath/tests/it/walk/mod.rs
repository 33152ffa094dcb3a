//! The path of three releases: the first to production, the second with a migration, the third bad and taken back. It is
//! walked by commands, any of which may be killed on its way; then that is done which a person does who finds it dead.

mod outcome;

use std::collections::BTreeMap;

use towpath::engine::DeploymentView;
use towpath_core::path::Kind;

pub use self::outcome::arrived;
use crate::project::{Project, Ran, Users};

/// One command of the walk.
pub struct Step {
    before: fn(&Project),
    line: &'static str,
    by: &'static str,
    ends: i32,
    goal: Goal,
}

/// What a command is to bring about.
#[derive(Clone, Copy)]
enum Goal {
    Built,
    /// This release deployed here, as far as that goes without anybody's word.
    Deployed(u32, &'static str),
    /// This release signed so in staging.
    Signed(u32, &'static str),
}

fn nothing(_: &Project) {}

fn second(project: &Project) {
    project.commit_second();
}

fn third(project: &Project) {
    project.commit_third();
}

/// Every command, in order.
pub fn steps() -> Vec<Step> {
    let step = |line, by, ends, goal| Step {
        before: nothing,
        line,
        by,
        ends,
        goal,
    };
    let mut steps = vec![step("release", "dana", 0, Goal::Built)];
    let befores: [fn(&Project); 3] = [nothing, second, third];
    let ends = [("deploy stg v1", 0), ("deploy stg", 0), ("deploy stg", 1)];
    for (number, (before, (deploy, last))) in (1..).zip(befores.into_iter().zip(ends)) {
        steps.extend([
            Step {
                before,
                ..step(deploy, "dana", 4, Goal::Deployed(number, "staging"))
            },
            step("sign-off stg", "quinn", 4, Goal::Signed(number, "qa")),
            step("sign-off stg", "lee", 0, Goal::Signed(number, "acceptance")),
            step(
                "promote stg",
                "olive",
                last,
                Goal::Deployed(number, "production"),
            ),
        ]);
    }
    steps
}

/// A walk under way.
pub struct Walk {
    /// The project that it is walked with.
    pub project: Project,
    users: Option<Users>,
    fences: BTreeMap<String, u64>,
    deaths: Vec<String>,
}

impl Walk {
    /// At the beginning of the path.
    pub fn new() -> Walk {
        Walk {
            project: Project::new(),
            users: None,
            fences: BTreeMap::new(),
            deaths: Vec::new(),
        }
    }

    /// Walks the path to its end, and checks where it has led to. `run` runs a command line of a step, and may kill it on the
    /// way. Returns how often that happened.
    pub fn walk(mut self, mut run: impl FnMut(&Project, usize, &Step, &str) -> Ran) -> usize {
        for (index, step) in steps().iter().enumerate() {
            self.take(step, |project, line| run(project, index, step, line));
        }
        println!("killed {} times", self.deaths.len());
        arrived(&self.project, self.users.unwrap());
        self.deaths.len()
    }

    fn take(&mut self, step: &Step, mut run: impl FnMut(&Project, &str) -> Ran) {
        (step.before)(&self.project);
        let mut line = Some(step.line.to_owned());
        while let Some(asked) = line {
            let ran = run(&self.project, &asked);
            line = if ran.was_killed() {
                self.deaths.push(format!("{} by {}", ran.line, step.by));
                step.next(&self.project)
            } else {
                let code = ran.status.code();
                assert_eq!(
                    code,
                    Some(step.ends),
                    "{} after {:?}",
                    ran.told(),
                    self.deaths
                );
                None
            };
            self.check_fences();
        }
        step.check(&self.project);
        if matches!(step.goal, Goal::Deployed(_, "production")) && self.users.is_none() {
            self.users = Some(Users::of(&self.project.address("production")));
        }
    }

    /// The proxy never takes back what it was told later.
    fn check_fences(&mut self) {
        for (environment, fence) in self.project.fences() {
            let before = self.fences.insert(environment, fence).unwrap_or(0);
            assert!(before <= fence, "{before} was followed by {fence}");
        }
    }
}

/// Walks undisturbed until the first release is live in production.
pub fn first_release_is_live() -> Project {
    walk_some(5)
}

/// Walks undisturbed until the third release, which is bad, is verified in staging.
pub fn up_to_the_last_step() -> Project {
    walk_some(12)
}

fn walk_some(count: usize) -> Project {
    let mut walk = Walk::new();
    for step in steps().iter().take(count) {
        walk.take(step, |project, line| project.ask(line).by(step.by).run());
    }
    walk.project
}

impl Step {
    /// Who asks.
    pub fn by(&self) -> &'static str {
        self.by
    }

    /// What a person asks who finds the command dead: to go on with what was recorded, or the same again.
    fn next(&self, project: &Project) -> Option<String> {
        let again = Some(self.line.to_owned());
        match (self.goal, self.deployment(project)) {
            (Goal::Built, _) | (_, None) => again,
            (_, Some(found)) if found.ended_at.is_some() => None,
            (Goal::Signed(_, name), Some(found)) if found.asked.as_deref() == Some(name) => again,
            (_, Some(found)) => Some(format!("retry {}", found.deployment)),
        }
    }

    /// Checks where the step has led to, whatever happened on its way.
    fn check(&self, project: &Project) {
        let Some(found) = self.deployment(project) else {
            return;
        };
        let (status, asked) = match (self.goal, self.ends) {
            (Goal::Deployed(..), 4) => ("running", Some("qa")),
            (_, 4) => ("running", Some("acceptance")),
            (_, 0) => ("settled", None),
            _ => ("rolled-back", None),
        };
        assert_eq!(found.status, status, "{found:#?}");
        assert_eq!(found.asked.as_deref(), asked, "{found:#?}");
    }

    /// The deployment that it is about, if it was recorded.
    fn deployment(&self, project: &Project) -> Option<DeploymentView> {
        let (release, environment) = match self.goal {
            Goal::Built => return None,
            Goal::Deployed(release, environment) => (release, environment),
            Goal::Signed(release, _) => (release, "staging"),
        };
        project.history().into_iter().find(|deployment| {
            deployment.release.0 == release
                && deployment.environment.as_str() == environment
                && deployment.kind != Kind::Rollback
        })
    }
}
