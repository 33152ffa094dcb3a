//! The processes of a project: found by its directory, which is nobody else's, and ended with it.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use towpath_targets::shim::family;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its command line.
    pub command: String,
}

impl Process {
    /// Whether it has this word in its command line.
    pub fn is(&self, word: &str) -> bool {
        self.command.split(' ').any(|one| one == word)
    }

    /// Whether it is the proxy, or looks after it.
    pub fn is_proxys(&self) -> bool {
        self.is("proxy") || self.command.ends_with("/proxy/run")
    }
}

/// Those that have a project's directory in their command line, in their variables, or as their own.
pub(super) fn of(root: &Path) -> Vec<Process> {
    let mark = root.as_os_str().as_bytes();
    let own = i32::try_from(std::process::id()).unwrap();
    let read = |pid: i32, name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let mut found = Vec::new();
    for pid in family::processes().filter(|pid| *pid != own) {
        let command = read(pid, "cmdline");
        let is_there =
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root));
        let is_marked = [&command, &read(pid, "environ")]
            .into_iter()
            .any(|bytes| bytes.windows(mark.len()).any(|window| window == mark));
        if is_there || is_marked {
            let words: Vec<_> = command.split(|byte| *byte == 0).collect();
            let command = String::from_utf8_lossy(&words.join(&b' '))
                .trim()
                .to_owned();
            found.push(Process { pid, command });
        }
    }
    found
}

/// Kills them, again and again until there are none; returns those that would not go.
pub(super) fn end(root: &Path) -> Vec<Process> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left: Vec<Process> = of(root)
            .into_iter()
            .filter(|process| !is_zombie(process.pid))
            .collect();
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        for process in left {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(" Z"))
    })
}
