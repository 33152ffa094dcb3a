//! The path walked by pushes: a server watches the repository and does the work, and is killed all the time.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use towpath::engine::DeploymentView;

use crate::{
    project::{Project, Users, eventually},
    walk::{self, arrived},
};

/// A server that is started again whenever it has died.
struct Servers<'a> {
    project: &'a Project,
    dies_at: Option<usize>,
    running: Mutex<Option<Pid>>,
    is_over: AtomicBool,
    deaths: AtomicUsize,
}

impl<'a> Servers<'a> {
    fn new(project: &'a Project, dies_at: Option<usize>) -> Servers<'a> {
        Servers {
            project,
            dies_at,
            running: Mutex::default(),
            is_over: AtomicBool::default(),
            deaths: AtomicUsize::default(),
        }
    }

    /// Starts one after the other.
    fn serve(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let deaths = self.deaths.load(Ordering::Relaxed);
            let mut ask = self.project.ask("server --listen 127.0.0.1:0");
            if let Some(point) = self.dies_at {
                // Some work takes more points than the first until it is written down.
                ask = ask.dies_at(point + deaths % 4);
            }
            let server = ask.start();
            *self.running.lock().unwrap() = Some(server.pid());
            // Whoever ended us meanwhile did not see it.
            if self.is_over.load(Ordering::Relaxed) {
                server.signal(Signal::SIGKILL);
            }
            let ran = server.ended_sometime();
            assert!(ran.was_killed(), "{}", ran.told());
            self.deaths.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(pid) = *self.running.lock().unwrap() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

/// Ends the servers when a test is over, also one that failed.
struct Ending<'a>(&'a Servers<'a>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What is known of a release's deployment, as far as somebody answers.
fn look(project: &Project, release: u32, environment: &str) -> Option<DeploymentView> {
    of(project.try_history()?, release, environment)
}

/// Of some deployments, that of a release to an environment.
fn of(deployments: Vec<DeploymentView>, release: u32, environment: &str) -> Option<DeploymentView> {
    let mut found = deployments.into_iter().filter(|view| {
        view.release.0 == release
            && view.environment.as_str() == environment
            && view.kind == towpath_core::path::Kind::Deploy
    });
    found.next()
}

/// Asks again and again until it is so. Where nobody says whether it is, it may be: nobody would ask for the same twice then.
fn insist(project: &Project, line: &str, by: &str, is_so: impl Fn(Vec<DeploymentView>) -> bool) {
    eventually(line, || {
        if is_so(project.try_history()?) {
            return Some(());
        }
        project.ask(line).by(by).run();
        is_so(project.try_history()?).then_some(())
    });
}

/// Walks the path by pushes, signatures and promotions, and returns how many servers died on the way.
fn walk(dies_at: Option<usize>) -> usize {
    let project = Project::new();
    let servers = Servers::new(&project, dies_at);
    let users = thread::scope(|scope| {
        let _ending = Ending(&servers);
        scope.spawn(|| servers.serve());
        by_pushes(&project)
    });
    // The last one was ended by us.
    let deaths = servers.deaths.load(Ordering::Relaxed) - 1;
    println!("{deaths} servers died");
    let journal = project.ask("journal show --limit 100000").run();
    println!("{}", journal.stdout);
    arrived(&project, users);
    deaths
}

fn by_pushes(project: &Project) -> Users {
    eventually("the first look", || {
        let ran = project.ask("journal show").run();
        ran.stdout.contains("branch-moved").then_some(())
    });
    // What was there before anybody watched is not deployed; this is.
    project.write("notes", "the first that is watched");
    project.commit("1: the ferry, watched");
    to_production(project, 1, "settled");
    let users = Users::of(&project.address("production"));
    project.commit_second();
    to_production(project, 2, "settled");
    project.commit_third();
    to_production(project, 3, "rolled-back");
    users
}

fn to_production(project: &Project, release: u32, end: &str) {
    for (name, by) in [("qa", "quinn"), ("acceptance", "lee")] {
        eventually(name, || {
            let staging = look(project, release, "staging")?;
            (staging.asked.as_deref() == Some(name)).then_some(())
        });
        insist(project, "sign-off stg --detach", by, |deployments| {
            of(deployments, release, "staging")
                .is_some_and(|view| view.signatures.iter().any(|given| given.name == name))
        });
    }
    eventually("staging's end", || {
        let staging = look(project, release, "staging")?;
        (staging.status == "settled").then_some(())
    });
    insist(project, "promote stg --detach", "olive", |deployments| {
        of(deployments, release, "production").is_some()
    });
    eventually("production's end", || {
        let production = look(project, release, "production")?;
        (production.status == end).then_some(())
    });
}

#[test]
fn a_path_is_walked_by_pushes() {
    let deaths = walk(None);
    assert_eq!(deaths, 0);
}

#[test]
fn a_path_is_walked_by_pushes_while_servers_die() {
    let deaths = walk(Some(6));
    assert!(deaths > 10, "only {deaths} died");
}

#[test]
fn a_path_is_walked_by_pushes_while_servers_die_a_little_later() {
    let deaths = walk(Some(11));
    assert!(deaths > 5, "only {deaths} died");
}

#[test]
fn a_first_look_that_was_cut_short_makes_no_pushes_of_what_was_there() {
    let project = Project::new();
    project.git("push --quiet origin develop:main");
    project.git("push --quiet origin develop:aside");
    for point in [
        "before MoveBranch and MoveBranch and MoveBranch",
        "after MoveBranch and MoveBranch and MoveBranch",
    ] {
        let ask = project.ask("server --listen 127.0.0.1:0").dies_at(point);
        let ran = ask.start().ended_sometime();
        assert!(ran.was_killed(), "{}", ran.told());
    }
    let servers = Servers::new(&project, None);
    thread::scope(|scope| {
        let _ending = Ending(&servers);
        scope.spawn(|| servers.serve());
        // This one is a push, and comes after whatever else would have been taken for one.
        project.git("checkout --quiet -b zebra");
        project.write("notes", "a zebra");
        project.commit("a zebra");
        eventually("the push", || {
            let ran = project.ask("journal show").run();
            ran.stdout.contains("\"branch\":\"zebra\"").then_some(())
        });
        assert_eq!(project.history().len(), 0);
    });
}

#[test]
fn a_push_is_requested_once_whenever_the_server_dies() {
    for point in [
        "before Request and MoveBranch",
        "after Request and MoveBranch",
    ] {
        let project = Project::new();
        let serve = |point: &str| {
            project
                .ask("server --listen 127.0.0.1:0")
                .dies_at(point)
                .start()
        };
        let first = serve("after MoveBranch").ended_sometime();
        assert!(first.was_killed(), "{}", first.told());
        project.commit_second();
        let second = serve(point).ended_sometime();
        assert!(second.was_killed(), "{}", second.told());
        let third = serve("the build has ended").ended_sometime();
        assert!(third.was_killed(), "{}", third.told());
        assert_eq!(project.history().len(), 1, "{point}");
        project.towpath("retry stg", 4);
    }
}

#[test]
fn what_is_pushed_straight_to_production_is_refused() {
    let project = walk::first_release_is_live();
    let servers = Servers::new(&project, None);
    thread::scope(|scope| {
        let _ending = Ending(&servers);
        scope.spawn(|| servers.serve());
        eventually("the first look", || {
            let ran = project.ask("journal show").run();
            ran.stdout.contains("branch-moved").then_some(())
        });
        let commit = project.commit_second();
        project.git("push --quiet origin develop:main");
        let refused = eventually("the refusal", || {
            let refused = look(&project, 2, "production")?;
            refused.ended_at.map(|_| refused)
        });
        assert_eq!(refused.status, "refused");
        assert_eq!(refused.trigger, "push to main");
        assert!(refused.why.unwrap().contains("is not verified in staging"));
        assert_eq!(project.tip("main"), Some(commit));
        let production = project.environment("production");
        assert_eq!(production.live.unwrap().release.0, 1);
    });
    assert_eq!(project.effects().of("start production").len(), 1);
}
