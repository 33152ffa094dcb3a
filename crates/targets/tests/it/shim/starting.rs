//! Starting: at most once, whoever dies in between, and with nothing of the starter's.

use std::{collections::BTreeMap, fs, os::fd::AsRawFd};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
};
use towpath_targets::shim::{
    Condition, Launched,
    files::{Ended, Restart, STATE, Spec, State, replace},
};

use crate::rig::{Place, eventually, launcher, path_only};

#[tokio::test]
async fn many_starts_at_once_start_one_child() {
    let place = Place::new();
    place.run.prepare(&place.job("echo once >> ran")).unwrap();
    let starts = (0..8).map(|_| {
        let run = place.run.clone();
        tokio::spawn(async move { launcher().launch(&run, &path_only()).await.unwrap() })
    });
    let mut started = 0;
    for start in starts.collect::<Vec<_>>() {
        started += usize::from(start.await.unwrap() == Launched::Started);
    }
    assert_eq!(started, 1);
    assert_eq!(place.exit().await.ended, Ended::Code(0));
    assert_eq!(place.launch().await, Launched::Over);
    assert_eq!(place.read("ran"), "once\n");
}

#[tokio::test]
async fn what_was_prepared_by_one_is_started_by_another() {
    let place = Place::new();
    assert!(place.run.prepare(&place.job("echo first")).unwrap());
    assert_eq!(place.run.condition().unwrap(), Condition::Prepared);
    assert!(!place.run.prepare(&place.job("echo second")).unwrap());
    assert_eq!(place.launch().await, Launched::Started);
    place.exit().await;
    assert_eq!(place.run.tail(), "first\n");
}

#[tokio::test]
async fn a_job_whose_shim_died_right_before_the_fork_is_lost_and_not_run() {
    let place = Place::new();
    place.run.prepare(&place.job("echo once >> ran")).unwrap();
    let state = State {
        shim: 1,
        group: None,
        started_at: 0,
        restarts: 0,
        last: None,
    };
    replace(&place.run.directory().join(STATE), &state).unwrap();
    assert_eq!(place.run.condition().unwrap(), Condition::Lost);
    assert_eq!(place.launch().await, Launched::Over);
    assert_eq!(place.run.settle(None).unwrap().unwrap().ended, Ended::Lost);
    assert_eq!(place.read("ran"), "");
}

#[tokio::test]
async fn a_job_prepared_before_the_machine_went_down_may_have_run() {
    let place = Place::new();
    let mut spec = place.job("echo once >> ran");
    spec.boot = "another".into();
    place.run.prepare(&spec).unwrap();
    assert_eq!(place.run.condition().unwrap(), Condition::Lost);
    assert_eq!(place.launch().await, Launched::Over);
    assert_eq!(place.read("ran"), "");
}

#[tokio::test]
async fn a_service_comes_back_after_the_machine_went_down() {
    let place = Place::new();
    let spec = Spec {
        boot: "another".into(),
        restart: Restart::OnEnd,
        ..place.job("echo again >> ran; sleep 60")
    };
    place.run.prepare(&spec).unwrap();
    assert_eq!(place.launch().await, Launched::Started);
    eventually("the service", || {
        (place.read("ran") == "again\n").then_some(())
    })
    .await;
    place.run.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_stopped_before_it_started_never_starts() {
    let place = Place::new();
    place.run.prepare(&place.job("echo once >> ran")).unwrap();
    let exit = place.run.stop().await.unwrap();
    assert!(matches!(exit.ended, Ended::NotStarted(_)), "{exit}");
    assert_eq!(place.launch().await, Launched::Over);
    assert_eq!(place.read("ran"), "");
}

#[tokio::test]
async fn a_directory_that_is_gone_is_a_result() {
    let place = Place::new();
    let mut spec = place.job("true");
    spec.directory = place.file("gone");
    place.start(&spec).await;
    let exit = place.exit().await;
    assert!(
        exit.to_string()
            .starts_with("could not be started: No such file"),
        "{exit}"
    );
    assert!(
        place.run.tail().contains("could not start"),
        "{}",
        place.run.tail()
    );
}

#[tokio::test]
async fn the_child_gets_its_variables_and_they_are_never_stored() {
    let place = Place::new();
    let mut variables: BTreeMap<String, String> = path_only();
    let secret = "s3cr3t-".repeat(150);
    variables.insert("SECRET".into(), secret.clone());
    for number in 0..1000 {
        variables.insert(format!("V{number}"), number.to_string());
    }
    let command =
        "printf %s \"$SECRET\" > secret; echo \"$V999\"; env | wc -l; while :; do sleep 1; done";
    place.run.prepare(&place.job(command)).unwrap();
    place.launch_with(&variables).await;
    // PATH, SECRET, the thousand, the mark, and the PWD that the shell adds.
    let expected = "999\n1004\n";
    eventually("its output", || {
        (place.run.tail() == expected).then_some(())
    })
    .await;
    assert_eq!(place.read("secret"), secret);
    for entry in fs::read_dir(place.run.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.metadata().unwrap().is_file() {
            let contents = fs::read(&path).unwrap();
            assert!(
                !contents.windows(14).any(|part| part == b"s3cr3t-s3cr3t-"),
                "{path:?}"
            );
        }
    }
    let shim = place.state().shim;
    let arguments = fs::read_to_string(format!("/proc/{shim}/cmdline")).unwrap();
    assert!(!arguments.contains("s3cr3t"), "{arguments}");
    place.run.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_of_the_starter_lives_on_in_it() {
    let place = Place::new();
    // A lock file that a script around us forgot to close, as with `exec 9>lock`.
    let forgotten = fs::File::create(place.file("forgotten")).unwrap();
    fcntl(&forgotten, FcntlArg::F_OFD_SETLK(&exclusive())).unwrap();
    fcntl(&forgotten, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    assert!(forgotten.as_raw_fd() > 2);
    let command = "grep SigBlk /proc/self/status; readlink /proc/self/fd/0; exec sleep 60";
    place.start(&place.job(command)).await;
    drop(forgotten);
    let said = eventually("its output", || {
        let tail = place.run.tail();
        tail.ends_with("/dev/null\n").then_some(tail)
    })
    .await;
    assert_eq!(said, "SigBlk:\t0000000000000000\n/dev/null\n");
    // Nobody may look into a shim, so what is seen is that the lock has gone with the last descriptor.
    let again = fs::File::options()
        .write(true)
        .open(place.file("forgotten"))
        .unwrap();
    fcntl(&again, FcntlArg::F_OFD_SETLK(&exclusive())).unwrap();
    let state = place.state();
    let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(state.group.unwrap())));
    assert_eq!(session.unwrap().as_raw(), state.shim);
    place.run.stop().await.unwrap();
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the constants are small; the fields are short"
)]
fn exclusive() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[tokio::test]
async fn what_a_power_failure_left_empty_does_not_stand_in_the_way() {
    let place = Place::new();
    place.run.prepare(&place.job("true")).unwrap();
    fs::write(place.run.directory().join("spec.json"), "").unwrap();
    assert_eq!(place.run.condition().unwrap(), Condition::Absent);
    assert_eq!(place.launch().await, Launched::Over);
    place.start(&place.job("exit 3")).await;
    assert_eq!(place.exit().await.ended, Ended::Code(3));
    // A state that cannot be read still says that something may have run.
    fs::write(place.run.directory().join(STATE), "").unwrap();
    fs::write(place.run.directory().join("exit.json"), "").unwrap();
    assert_eq!(place.run.condition().unwrap(), Condition::Lost);
    assert_eq!(place.launch().await, Launched::Over);
}
