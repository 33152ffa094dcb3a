//! The processes that a run has started: finding them in `/proc` and ending them.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The variable that marks a run's processes with its directory, and so finds them when their shim is gone.
pub const MARKER: &str = "TOWPATH_RUN";

/// Every process on the machine that descends from `ancestor`, itself not included.
pub fn descendants(ancestor: i32) -> Vec<i32> {
    let mut parents: Vec<(i32, i32)> = processes()
        .filter_map(|pid| parent(pid).map(|parent| (pid, parent)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        next += 1;
        parents.retain(|&(pid, parent)| {
            if parent == of {
                found.push(pid);
            }
            parent != of
        });
    }
    found.remove(0);
    found
}

/// Sends a signal to each of some processes; those that are gone or belong to others are passed over.
pub(super) fn signal(processes: &[i32], signal: Signal) {
    for pid in processes {
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

/// Kills whatever a run has left behind that no shim looks after any more, and returns those that would not go.
///
/// The caller holds the run's lock, so that no shim is starting new ones.
pub(super) fn sweep(directory: &Path) -> io::Result<Vec<i32>> {
    let directory = directory.canonicalize()?;
    let patience = Instant::now() + Duration::from_secs(10);
    let mut pause = Duration::from_millis(1);
    loop {
        let left = marked(&directory);
        if left.is_empty() || Instant::now() >= patience {
            return Ok(left);
        }
        signal(&left, Signal::SIGKILL);
        // They are not our children: nothing tells us when they are gone.
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn marked(directory: &Path) -> Vec<i32> {
    let mark = format!("{MARKER}={}", directory.display());
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    processes()
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes())
            })
        })
        .collect()
}

/// Every process on the machine.
pub fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself contain spaces and parentheses: see proc_pid_stat(5).
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn descendants_are_found_and_nobody_else() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while descendants(pid).is_empty() && Instant::now() < deadline {
            thread::yield_now();
        }
        let below = descendants(pid);
        assert_eq!(below.len(), 1);
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(descendants(own).contains(&pid) && descendants(own).contains(&below[0]));
        signal(&below, Signal::SIGKILL);
        child.wait().unwrap();
    }

    #[test]
    fn what_is_marked_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep")
            .arg("60")
            .env(MARKER, directory.path().canonicalize().unwrap())
            .spawn()
            .unwrap();
        let waiter = thread::spawn(move || child.wait().unwrap());
        assert_eq!(sweep(directory.path()).unwrap(), Vec::<i32>::new());
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&waiter.join().unwrap()),
            Some(9)
        );
    }
}
