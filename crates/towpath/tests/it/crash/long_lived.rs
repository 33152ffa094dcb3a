//! Services and the proxy: each comes back when it is killed, and users find it where it was.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    project::{Process, Project, eventually, get},
    walk,
};

fn end(process: &Process) {
    kill(Pid::from_raw(process.pid), Signal::SIGKILL).unwrap();
}

fn find(project: &Project, is_it: impl Fn(&Process) -> bool) -> Vec<Process> {
    let mut all = project.processes();
    all.retain(|process| is_it(process));
    all
}

fn proxies(project: &Project) -> Vec<Process> {
    find(project, |process| {
        process.is("proxy") && !process.is("shim")
    })
}

fn answers(address: &str, release: &str) {
    eventually("an answer", || {
        (get(address, "/").ok()? == (200, release.to_owned())).then_some(())
    });
}

#[test]
fn a_proxy_that_is_killed_comes_back_with_its_routes() {
    let project = walk::first_release_is_live();
    let addresses = ["staging", "production"].map(|name| project.address(name));
    let fences = project.fences();
    let before = proxies(&project);
    assert_eq!(before.len(), 1, "{before:?}");
    end(&before[0]);
    for address in &addresses {
        answers(address, "v1");
    }
    let after = proxies(&project);
    assert_eq!(after.len(), 1, "{after:?}");
    assert_ne!(after, before);
    assert_eq!(project.fences(), fences);
    assert_eq!(
        project.effects().of("start").len(),
        2,
        "nothing else restarted"
    );
}

#[test]
fn a_proxy_whose_shim_is_killed_too_is_started_by_the_next_who_looks() {
    let project = walk::first_release_is_live();
    let address = project.address("production");
    for process in find(&project, |process| {
        process.command.ends_with("/proxy/run") || process.is("proxy")
    }) {
        end(&process);
    }
    eventually("its end", || proxies(&project).is_empty().then_some(()));
    project.towpath("status", 0);
    answers(&address, "v1");
}

#[test]
fn an_instance_that_is_killed_is_started_again_by_its_shim() {
    let project = walk::first_release_is_live();
    let address = project.address("production");
    let (_, pid) = get(&address, "/pid").unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    answers(&address, "v1");
    assert_ne!(get(&address, "/pid").unwrap().1, pid);
    let starts = project.effects().of("start production").len();
    assert_eq!(starts, 2);
}

#[test]
fn after_a_restart_of_the_machine_what_is_live_comes_back() {
    let project = walk::first_release_is_live();
    let addresses = ["staging", "production"].map(|name| project.address(name));
    project.end_all();
    assert!(get(&addresses[0], "/").is_err());
    // Whatever is asked next, all of it is looked after.
    project.commit_second();
    project.towpath("deploy stg", 4);
    answers(&addresses[0], "v2");
    answers(&addresses[1], "v1");
    project.towpath("journal verify", 0);
}
