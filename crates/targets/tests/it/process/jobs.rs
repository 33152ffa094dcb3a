//! Jobs: run once, found again by whoever asks.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use towpath_core::{
    runner::{JobSpec, JobState, Runner},
    target::TargetError,
};
use towpath_targets::{
    process::ProcessRunner,
    shim::{Condition, Run},
};

use crate::rig::{HARNESS, eventually, is_alive, launcher, marked, send, soon};

struct Jobs {
    directory: tempfile::TempDir,
    runner: ProcessRunner,
}

impl Jobs {
    fn new() -> Jobs {
        let directory = tempfile::tempdir().unwrap();
        Jobs {
            runner: ProcessRunner::new(directory.path(), launcher()),
            directory,
        }
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn run(&self, key: &str) -> Run {
        Run::new(self.root().join("jobs").join(key))
    }

    async fn start(&self, key: &str, command: &str) -> Result<(), TargetError> {
        let job = JobSpec {
            key: key.into(),
            command: command.into(),
            directory: self.root().into(),
            variables: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            secrets: BTreeMap::new(),
            credentials: BTreeMap::new(),
        };
        self.runner.start(&job).await
    }

    async fn ended(&self, key: &str) -> JobState {
        soon("the end", self.runner.ended(key)).await.unwrap()
    }

    fn shim(&self, key: &str) -> i32 {
        match self.run(key).condition().unwrap() {
            Condition::Running(Some(state)) => state.shim,
            other => panic!("{other:?}"),
        }
    }
}

fn exited(code: Option<i32>, status: &str, tail: &str) -> JobState {
    JobState::Exited {
        code,
        status: status.into(),
        tail: tail.into(),
    }
}

#[tokio::test]
async fn results() {
    let jobs = Jobs::new();
    for (key, command, expected) in [
        (
            "good",
            "echo $GREETING",
            exited(Some(0), "exit status 0", "hello\n"),
        ),
        (
            "bad",
            "echo no >&2; exit 3",
            exited(Some(3), "exit status 3", "no\n"),
        ),
        (
            "killed",
            "kill -9 $$",
            exited(None, "killed by signal 9", ""),
        ),
    ] {
        assert_eq!(jobs.runner.observe(key).await.unwrap(), JobState::Absent);
        jobs.start(key, command).await.unwrap();
        assert_eq!(jobs.ended(key).await, expected);
        jobs.start(key, "echo again >> again").await.unwrap();
        assert_eq!(jobs.runner.observe(key).await.unwrap(), expected);
        jobs.runner.cancel(key).await.unwrap();
        assert_eq!(jobs.runner.observe(key).await.unwrap(), expected);
    }
    assert!(!jobs.file("again").exists());
    assert_eq!(
        fs::read_to_string(jobs.runner.output("bad")).unwrap(),
        "no\n"
    );
}

#[tokio::test]
async fn the_starter_may_die() {
    let jobs = Jobs::new();
    let mut starter = Command::new(HARNESS)
        .arg("start-jobs")
        .arg(jobs.root())
        .args([
            "while [ ! -e go ]; do sleep 0.01; done; echo done; exit 4",
            "echo early",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(starter.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said, "started\n");
    send(i32::try_from(starter.id()).unwrap(), Signal::SIGKILL);
    starter.wait().unwrap();
    assert_eq!(jobs.runner.observe("0").await.unwrap(), JobState::Running);
    fs::write(jobs.file("go"), "").unwrap();
    assert_eq!(
        jobs.ended("0").await,
        exited(Some(4), "exit status 4", "done\n")
    );
    assert_eq!(
        jobs.ended("1").await,
        exited(Some(0), "exit status 0", "early\n")
    );
}

#[tokio::test]
async fn a_job_has_the_core_limit_that_its_starter_was_given() {
    let jobs = Jobs::new();
    let starter = Command::new("sh")
        .args(["-c", "ulimit -S -c 8 && exec \"$@\"", "sh", HARNESS])
        .arg("start-jobs")
        .arg(jobs.root())
        .arg("ulimit -c")
        .stdout(Stdio::piped())
        .spawn();
    let mut starter = starter.unwrap();
    let mut said = String::new();
    BufReader::new(starter.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said, "started\n");
    starter.kill().unwrap();
    starter.wait().unwrap();
    assert_eq!(
        jobs.ended("0").await,
        exited(Some(0), "exit status 0", "8\n")
    );
}

#[tokio::test]
async fn secrets_reach_the_job_and_not_its_output() {
    let jobs = Jobs::new();
    let mut job = JobSpec {
        key: "job".into(),
        command: "echo $TOKEN; [ \"$TOKEN\" = s3cr3t-t0ken ] && cat $KEY && cat $KEY > key".into(),
        directory: jobs.root().into(),
        variables: BTreeMap::from([("TOKEN".to_owned(), "not this one".to_owned())]),
        secrets: BTreeMap::from([("TOKEN".to_owned(), "s3cr3t-t0ken".into())]),
        credentials: BTreeMap::from([("KEY".to_owned(), "c0ntents".into())]),
    };
    jobs.runner.start(&job).await.unwrap();
    assert_eq!(
        jobs.ended("job").await,
        exited(Some(0), "exit status 0", "[redacted TOKEN]\n[redacted KEY]")
    );
    assert_eq!(fs::read_to_string(jobs.file("key")).unwrap(), "c0ntents");
    job.key = "odd".into();
    job.secrets.insert("A=B".into(), "s3cr3t".into());
    let refused = jobs.runner.start(&job).await.unwrap_err();
    assert!(
        matches!(&refused, TargetError::Invalid(why) if !why.contains("s3cr3t")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_cancelled_job_is_gone_with_all_it_started() {
    let jobs = Jobs::new();
    let command = "setsid sleep 1000 & sleep 1000 & echo $! > background; wait";
    jobs.start("long", command).await.unwrap();
    eventually("the background", || {
        fs::read_to_string(jobs.file("background"))
            .ok()
            .filter(|pid| !pid.is_empty())
    })
    .await;
    let (ended, cancelled) = tokio::join!(jobs.ended("long"), jobs.runner.cancel("long"));
    cancelled.unwrap();
    assert_eq!(ended, exited(None, "stopped (killed by signal 15)", ""));
    assert_eq!(marked(jobs.run("long").directory()), Vec::<i32>::new());
    jobs.runner.cancel("never").await.unwrap();
    assert_eq!(
        jobs.runner.observe("never").await.unwrap(),
        JobState::Absent
    );
}

#[tokio::test]
async fn a_job_whose_shim_is_gone_is_lost_and_nothing_of_it_is_left() {
    let jobs = Jobs::new();
    jobs.start(
        "lost",
        "setsid sleep 1000 & echo $! > background; echo said; wait",
    )
    .await
    .unwrap();
    let background: i32 = eventually("the background", || {
        fs::read_to_string(jobs.file("background"))
            .ok()?
            .trim()
            .parse()
            .ok()
    })
    .await;
    eventually("its output", || {
        (jobs.run("lost").tail() == "said\n").then_some(())
    })
    .await;
    let (ended, ()) = tokio::join!(jobs.ended("lost"), async {
        send(jobs.shim("lost"), Signal::SIGKILL);
    });
    let lost = JobState::Lost {
        tail: "said\n".into(),
    };
    assert_eq!(ended, lost);
    assert!(!is_alive(background), "before anybody hears of it");
    assert_eq!(jobs.runner.observe("lost").await.unwrap(), lost);
    jobs.start("lost", "touch again").await.unwrap();
    assert!(!jobs.file("again").exists());
}

#[tokio::test]
async fn a_job_that_the_machine_ended_is_lost() {
    let jobs = Jobs::new();
    jobs.start("ended", "exec sleep 1000").await.unwrap();
    send(jobs.shim("ended"), Signal::SIGTERM);
    assert!(matches!(jobs.ended("ended").await, JobState::Lost { .. }));
}

#[tokio::test]
async fn a_job_can_be_forgotten_once_it_is_over() {
    let jobs = Jobs::new();
    jobs.start("job", "while [ ! -e go ]; do sleep 0.01; done")
        .await
        .unwrap();
    assert!(jobs.runner.forget("job").await.is_err());
    fs::write(jobs.file("go"), "").unwrap();
    jobs.ended("job").await;
    jobs.runner.forget("job").await.unwrap();
    jobs.runner.forget("job").await.unwrap();
    assert_eq!(fs::read_dir(jobs.file("jobs")).unwrap().count(), 0);
    jobs.start("job", "exit 2").await.unwrap();
    assert_eq!(
        jobs.ended("job").await,
        exited(Some(2), "exit status 2", "")
    );
}

#[tokio::test]
async fn what_cannot_work_is_refused() {
    let jobs = Jobs::new();
    let job = JobSpec {
        key: "job".into(),
        command: "true".into(),
        directory: jobs.file("missing"),
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        credentials: BTreeMap::new(),
    };
    assert!(matches!(
        jobs.runner.start(&job).await,
        Err(TargetError::Invalid(_))
    ));
    assert_eq!(jobs.runner.observe("job").await.unwrap(), JobState::Absent);
    assert!(matches!(
        jobs.start("../out", "true").await,
        Err(TargetError::Invalid(_))
    ));
    let broken = ProcessRunner::new(
        jobs.root(),
        towpath_targets::shim::Launcher::new("/bin/false"),
    );
    let job = JobSpec {
        directory: jobs.root().into(),
        ..job
    };
    assert!(matches!(
        broken.start(&job).await,
        Err(TargetError::Unavailable(_))
    ));
    // Nothing ran, so the next one may.
    jobs.runner.start(&job).await.unwrap();
    assert_eq!(
        jobs.ended("job").await,
        exited(Some(0), "exit status 0", "")
    );
}
