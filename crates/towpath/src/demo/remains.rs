//! The end of everything that a demo has started: builds and tests, services, the proxy. Also of a demo that was killed:
//! all of it runs under shims, which outlive whoever started them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::Instant;
use towpath_core::target::{InstanceKey, Target};
use towpath_targets::{
    process::ProcessTarget,
    shim::{
        Launcher, Run,
        family::{MARKER, processes},
    },
};

use super::DemoError;
use crate::home::Home;

/// How long processes may take to end when asked, and how long to be gone when killed. A shim gives what it looks after
/// ten seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends everything that was started from a data directory, and returns when it is seen to be gone.
pub(super) async fn end(home: &Home) -> Result<(), DemoError> {
    let began = Instant::now();
    loop {
        let trouble = ask(home).await;
        let left = survivors(home.root());
        if trouble.is_empty() && left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            for pid in &left {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
        }
        if began.elapsed() > PATIENCE * 2 {
            let left: Vec<String> = left.iter().map(ToString::to_string).collect();
            return Err(DemoError::new(
                "demo::remains",
                format!(
                    "not everything of the demo has ended (processes {}): {}",
                    left.join(", "),
                    trouble.join("; ")
                ),
                format!("end them, then remove {}", home.root().display()),
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks every shim to end what it looks after, all at the same time; says what went wrong.
async fn ask(home: &Home) -> Vec<String> {
    let target = ProcessTarget::new(home.target(), Launcher::this());
    let jobs = runs_in(&home.target().join("jobs"))
        .into_iter()
        .map(|directory| async move {
            match Run::new(directory).stop().await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Some(error.to_string()),
                _ => None,
            }
        });
    let keys = runs_in(&home.target().join("instances"))
        .into_iter()
        .filter_map(|directory| key_of(&directory));
    let instances = keys.map(|key| {
        let target = &target;
        async move { target.stop(&key).await.err().map(|error| error.to_string()) }
    });
    let (jobs, instances, proxy) =
        tokio::join!(join_all(jobs), join_all(instances), target.stop_proxy());
    jobs.into_iter()
        .chain(instances)
        .flatten()
        .chain(proxy.err().map(|error| error.to_string()))
        .collect()
}

/// Waits for all of them, at the same time.
async fn join_all<T>(waiting: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    waiting.collect::<FuturesUnordered<_>>().collect().await
}

/// The directories in which something runs or ran; those with a dot are being removed.
fn runs_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect()
}

fn key_of(directory: &Path) -> Option<InstanceKey> {
    let name = directory.file_name()?.to_str()?;
    serde_json::from_value(name.into()).ok()
}

/// Shims of a data directory, and processes that carry the mark of a run in it. Somebody's shell that happens to be in
/// there is none of them.
fn survivors(data: &Path) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    processes()
        .filter(|pid| *pid != own && (is_marked(*pid, data) || is_shim(*pid, data)))
        .collect()
}

fn is_marked(pid: i32, data: &Path) -> bool {
    // Another user's, or gone.
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|variable| {
        variable
            .strip_prefix(MARKER.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="))
            .is_some_and(|run| is_below(run, data))
    })
}

fn is_shim(pid: i32, data: &Path) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = command.split(|byte| *byte == 0).skip(1);
    words.next() == Some(b"shim") && words.next().is_some_and(|run| is_below(run, data))
}

fn is_below(path: &[u8], directory: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path)).starts_with(directory)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn only_what_was_started_from_here_is_found() {
        let here = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let sleep = |run: &Path| {
            Command::new("sleep")
                .arg("60")
                .current_dir(here.path())
                .env(MARKER, run)
                .spawn()
                .unwrap()
        };
        let mut ours = sleep(&here.path().join("target/jobs/a"));
        let mut other = sleep(&elsewhere.path().join("target/jobs/a"));
        // Until the new program is loaded there is no environment to be seen.
        let pid = i32::try_from(ours.id()).unwrap();
        while survivors(here.path()).is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(survivors(here.path()), [pid]);
        for child in [&mut ours, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(survivors(here.path()).is_empty());
    }

    #[tokio::test]
    async fn where_nothing_was_started_nothing_is_left() {
        let data = tempfile::tempdir().unwrap();
        let home = Home::open(&data.path().join("data")).unwrap();
        end(&home).await.unwrap();
    }
}
