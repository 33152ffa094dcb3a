//! Starting the child of a shim: a process group of its own, that dies with its shim.

use std::{
    collections::BTreeMap,
    io::{self, PipeWriter},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, getrlimit, rlim_t, setrlimit},
        signal::{SigSet, Signal},
    },
    unistd::{getpid, getppid},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    credentials::Credentials,
    family::MARKER,
    files::{Program, Spec},
};

/// What the child gets that its shim has not, each time that it is started.
#[derive(Debug)]
pub(super) struct Given {
    /// Variables beside those of the shim.
    pub(super) secrets: BTreeMap<String, SecretString>,
    /// Files, for as long as the run lasts.
    pub(super) credentials: Option<Credentials>,
    /// The limit of core dumps; the shim itself leaves none.
    pub(super) core_limit: Option<rlim_t>,
}

/// Starts the program, in the shim's own environment with what is given; its output goes to `output`. Returns once it is
/// executing.
pub(super) fn start(
    spec: &Spec,
    run: &Path,
    output: &PipeWriter,
    given: &Given,
) -> io::Result<Child> {
    let mut command = match &spec.program {
        Program::Shell(line) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(line);
            command
        }
        Program::Own(arguments) => {
            let mut command = Command::new("/proc/self/exe");
            command.arg0("towpath").args(arguments);
            command
        }
    };
    let secrets = given.secrets.iter();
    command
        .current_dir(&spec.directory)
        .envs(secrets.map(|(name, value)| (name, value.expose_secret())))
        .envs(given.credentials.iter().flat_map(Credentials::variables))
        .env(MARKER, run)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0);
    prepare(&mut command, core_limits(given)?);
    command.spawn()
}

/// The limits of core dumps that the child is to have, soft and hard.
fn core_limits(given: &Given) -> io::Result<(rlim_t, rlim_t)> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    Ok((given.core_limit.unwrap_or(soft).min(hard), hard))
}

/// Lets the child die with its shim, and undoes what the shim did for itself alone.
fn prepare(command: &mut Command, (soft, hard): (rlim_t, rlim_t)) {
    let shim = getpid();
    let prepare = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The shim may have died before the line above: then nobody sends that signal any more.
        if getppid() != shim {
            return Err(Errno::ESRCH.into());
        }
        // The shim blocks the signals that it reads from a descriptor; its child starts with none blocked.
        SigSet::empty().thread_set_mask()?;
        setrlimit(Resource::RLIMIT_CORE, soft, hard)?;
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "a process can only ask for its own parent-death signal, so it is done between fork and exec; \
                  the closure makes nothing but async-signal-safe system calls and allocates nothing"
    )]
    unsafe {
        command.pre_exec(prepare);
    }
}
