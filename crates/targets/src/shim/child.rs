//! Starting the child of a shim: a process group of its own, that dies with its shim.

use std::{
    io::{self, PipeWriter},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    errno::Errno,
    sys::{
        prctl::set_pdeathsig,
        signal::{SigSet, Signal},
    },
    unistd::{getpid, getppid},
};

use super::{
    family::MARKER,
    files::{Program, Spec},
};

/// Starts the program, in the shim's own environment; its output goes to `output`. Returns once it is executing.
pub(super) fn start(spec: &Spec, run: &Path, output: &PipeWriter) -> io::Result<Child> {
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
    command
        .current_dir(&spec.directory)
        .env(MARKER, run)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0);
    die_with_shim(&mut command);
    command.spawn()
}

fn die_with_shim(command: &mut Command) {
    let shim = getpid();
    let prepare = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The shim may have died before the line above: then nobody sends that signal any more.
        if getppid() != shim {
            return Err(Errno::ESRCH.into());
        }
        // The shim blocks the signals that it reads from a descriptor; its child starts with none blocked.
        SigSet::empty().thread_set_mask()?;
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
