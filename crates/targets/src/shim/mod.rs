//! `towpath shim`: the small process between us and a service or a command, which outlives us.
//!
//! A run is a directory. `spec.json` says what to run; `shim.lock` is locked for as long as a shim looks after it;
//! `state.json` is there from right before the child is started, `exit.json` once nothing of it runs any more.
//!
//! A job is started at most once. The shim takes the lock, refuses a run that has a `state.json`, and writes that file
//! before it forks: a shim that dies in between leaves a job that counts as lost although it never ran, which a new
//! attempt puts right; the other order could run it twice, which nothing puts right. After a power failure the file
//! may be missing though the child ran, so a job whose specification is from an earlier boot is not started either.
//!
//! The child asks the kernel to kill it when its shim dies. What the child itself has started may survive that; it is
//! found by a mark in its environment and swept before anybody hears that the run was lost.
//!
//! Secrets reach the shim through its standard input and the child through its environment; what the child prints of
//! them is taken out before it is written down. Credential files are there while the run lasts. The shim itself leaves
//! no core dump.

mod child;
mod credentials;
pub mod family;
pub mod files;
mod handover;
mod launch;
mod output;
mod presence;
mod run;
mod supervise;

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::{
    sys::prctl,
    unistd::{close, dup2_stderr, dup2_stdin, dup2_stdout, setsid},
};
use towpath_secrets::hygiene;

pub use handover::Confidential;
pub use launch::{LaunchError, Launched, Launcher};
pub use run::{Condition, Run};
pub(crate) use run::{blocking, make_directory, remove};

use files::{EXIT, Restart, SPEC, STATE, Spec, State};
use handover::Handover;
use supervise::Supervisor;

/// What the shim says on its standard output once it knows, for [`Launcher`].
mod answer {
    pub(super) const STARTED: &str = "started";
    pub(super) const HELD: &str = "held";
    pub(super) const OVER: &str = "over";
}

/// The argument that says that there is a [`Handover`] to be read first.
const FROM_STANDARD_INPUT: &str = "-";

/// The whole of `towpath shim DIRECTORY [-]`. To be called before anything else is initialised: it stays on one thread,
/// and the environment it finds is its child's.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments;
    let (Some(directory), given, None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("towpath shim DIRECTORY looks after one process; towpath starts it by itself");
        return ExitCode::from(64);
    };
    let looked_after = hygiene::no_core_dumps()
        .and_then(|()| receive(given))
        .and_then(|handover| look_after(Path::new(&directory), handover));
    match looked_after {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            say(&format!("could not run {}: {cause}", directory.display()));
            ExitCode::FAILURE
        }
    }
}

fn receive(given: Option<OsString>) -> io::Result<Handover> {
    match given {
        Some(argument) if argument == FROM_STANDARD_INPUT => {
            // Not through the standard library's buffer, which nobody would wipe.
            Handover::read(File::from(io::stdin().as_fd().try_clone_to_owned()?))
        }
        Some(_) => Err(io::ErrorKind::InvalidInput.into()),
        None => Ok(Handover::default()),
    }
}

fn look_after(directory: &Path, handover: Handover) -> io::Result<()> {
    detach(directory)?;
    let here = Path::new(".");
    let Some((_hold, ends)) = presence::take_over(here)? else {
        say(answer::HELD);
        return Ok(());
    };
    let Some((spec, restarts)) = admit(here)? else {
        say(answer::OVER);
        return Ok(());
    };
    let run = env::current_dir()?;
    let supervisor = Supervisor::start(spec, run, ends.control, restarts, handover)?;
    say(answer::STARTED);
    silence()?;
    supervisor.run()
}

/// Leaves the starter: its session, its terminal, its directory and the descriptors that it left open.
fn detach(directory: &Path) -> io::Result<()> {
    // Fails only for the leader of a group, which then has a session to itself or was started by hand.
    let _ = setsid();
    prctl::set_child_subreaper(true)?;
    prctl::set_name(c"towpath-shim")?;
    env::set_current_dir(directory)?;
    let inherited: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in inherited {
        // A lock or a pipe of the starter's starter must not live on in a service.
        let _ = close(descriptor);
    }
    Ok(())
}

/// What to run, and how often it was restarted before, unless it is over or must not be started again.
fn admit(here: &Path) -> io::Result<Option<(Spec, u32)>> {
    let Some(spec) = files::read::<Spec>(&here.join(SPEC))? else {
        return Ok(None);
    };
    if here.join(EXIT).exists() {
        return Ok(None);
    }
    let state = here.join(STATE);
    Ok(match spec.restart {
        // Readable or not, the file was written.
        Restart::Never if state.try_exists()? => None,
        Restart::Never => (spec.boot == files::boot()).then_some((spec, 0)),
        Restart::OnEnd => {
            let before = files::read::<State>(&state)?;
            let restarts = before.map_or(0, |state| state.restarts.saturating_add(1));
            Some((spec, restarts))
        }
    })
}

fn say(answer: &str) {
    // Nobody may be listening any more.
    let _ = writeln!(io::stdout(), "{answer}").and_then(|()| io::stdout().flush());
}

/// Lets go of the starter's pipe, so that it sees the end of the answer.
fn silence() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// The path of a run's directory that does not depend on where we are.
fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}
