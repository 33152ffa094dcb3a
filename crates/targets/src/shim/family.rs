//! The processes that a run has started: finding them in `/proc` and ending them.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read},
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
        .filter_map(|pid| Some((pid, Stat::read(pid)?.parent)))
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

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a process without any environment may be one that is about to execute a program, and will show it then.
const UNCLEAR: Duration = Duration::from_millis(500);

/// Kills whatever a run has left behind that no shim looks after any more, and returns those that would not go.
///
/// The caller holds the run's lock, so that no shim is starting new ones.
pub(super) fn sweep(directory: &Path) -> io::Result<Vec<i32>> {
    let directory = directory.canonicalize()?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut left: Vec<Process> = Vec::new();
    let mut clear = 0;
    loop {
        let (marked, unclear) = look(&directory);
        // A process loses its environment before it lets go of its sockets: those once found are waited for.
        left.retain(Process::is_there);
        left.extend(marked.into_iter().filter_map(Process::find));
        left.sort();
        left.dedup();
        let pids: Vec<i32> = left.iter().map(|process| process.pid).collect();
        let nothing = pids.is_empty() && (!unclear || begun.elapsed() >= UNCLEAR);
        clear = if nothing { clear + 1 } else { 0 };
        // A look takes its time, in which processes come and go: one alone proves nothing.
        if clear == 2 || begun.elapsed() >= PATIENCE {
            return Ok(pids);
        }
        signal(&pids, Signal::SIGKILL);
        // They are not our children: nothing tells us when they are gone.
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The processes that carry a run's mark, and whether there are any of which that cannot be said at this moment: while
/// a program is loaded, its process has no environment.
fn look(directory: &Path) -> (Vec<i32>, bool) {
    let mark = format!("{MARKER}={}", directory.display());
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let mut marked = Vec::new();
    let mut unclear = false;
    let mut buffer = vec![0; 256 * 1024];
    for pid in processes().filter(|pid| *pid != own) {
        match environment(pid, &mut buffer) {
            Ok(environ) if environ.is_empty() => unclear |= is_program(pid),
            Ok(environ) => {
                let mut variables = environ.split(|byte| *byte == 0);
                if variables.any(|variable| variable == mark.as_bytes()) {
                    marked.push(pid);
                }
            }
            // Gone meanwhile, or of another user.
            Err(_) => {}
        }
    }
    (marked, unclear)
}

/// A process's environment, read at one stroke: between two, the process could go on to another program, and the second
/// would find nothing.
fn environment(pid: i32, buffer: &mut [u8]) -> io::Result<Cow<'_, [u8]>> {
    let path = format!("/proc/{pid}/environ");
    let length = File::open(&path)?.read(buffer)?;
    if length == buffer.len() {
        return fs::read(path).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(&buffer[..length]))
}

/// Whether a process is a living one that has a program: not one of the kernel's own, and not one that has ended.
fn is_program(pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
        && Stat::read(pid).is_some_and(|stat| stat.is_alive())
}

/// A process, told apart from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    pid: i32,
    started: u64,
}

impl Process {
    fn find(pid: i32) -> Option<Process> {
        let stat = Stat::read(pid)?;
        let started = stat.started;
        stat.is_alive().then_some(Process { pid, started })
    }

    fn is_there(&self) -> bool {
        Process::find(self.pid) == Some(*self)
    }
}

/// Every process on the machine.
pub fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// What `/proc/PID/stat` says, see proc_pid_stat(5).
struct Stat {
    state: char,
    parent: i32,
    threads: u32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Stat> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may itself contain spaces and parentheses.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        // From here on the numbers in the manual are three higher.
        Some(Stat {
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            threads: fields.nth(15)?.parse().ok()?,
            started: fields.nth(1)?.parse().ok()?,
        })
    }

    /// Whether any of its threads may still do something, or still has something.
    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X') || self.threads > 1
    }
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
    fn a_process_is_read_as_the_kernel_writes_it() {
        let own = Stat::read(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_alive());
        assert!(own.threads > 1, "tests run on threads");
        assert_eq!(own.parent, nix::unistd::getppid().as_raw());
        let init = Stat::read(1).unwrap();
        assert!(init.started < own.started);
    }

    #[test]
    fn a_process_without_environment_is_unclear_and_not_waited_for_in_vain() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("60").env_clear().spawn().unwrap();
        assert!(is_program(i32::try_from(child.id()).unwrap()));
        assert_eq!(look(directory.path()), (Vec::new(), true));
        let begun = Instant::now();
        assert_eq!(sweep(directory.path()).unwrap(), Vec::<i32>::new());
        assert!(begun.elapsed() < PATIENCE);
        child.kill().unwrap();
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
