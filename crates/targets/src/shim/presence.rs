//! How others know that a shim is there, wait for its end and reach it, all without its process id, which the kernel reuses.
//!
//! `shim.lock` is locked for the shim's life (an open file description lock: unlike `flock` it can be queried without
//! taking it, so that looking never gets in the way of a shim that starts). `alive` is a FIFO that the shim holds open:
//! its readers see the end of file when the shim is gone, however it went. `control` is a FIFO that it reads.
//!
//! The lock alone does not tell of a shim. Others take it for a moment too, to clear a run away; and a thread of theirs
//! that starts some other program at that moment passes it on until that program executes. A shim has the FIFO as well.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
    sys::stat::Mode,
    unistd::mkfifo,
};

use super::files::private;

const LOCK: &str = "shim.lock";
/// The FIFO whose writers are the shim.
pub(super) const ALIVE: &str = "alive";
const CONTROL: &str = "control";

/// How long a lock that no shim has is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The message that asks a shim to stop.
pub(super) const STOP: u8 = b's';

/// The right to start, end or clear away what a run directory names. At most one process has it.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

/// Makes the FIFOs of a run directory.
pub(super) fn prepare(directory: &Path) -> io::Result<()> {
    for name in [ALIVE, CONTROL] {
        match mkfifo(&directory.join(name), Mode::from_bits_truncate(0o600)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    Ok(())
}

/// Takes the lock; `None` when another process has it.
pub(super) fn hold(directory: &Path) -> io::Result<Option<Hold>> {
    let file = private(
        &directory.join(LOCK),
        OpenOptions::new().create(true).truncate(false),
    )?;
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
        Ok(_) => Ok(Some(Hold { _lock: file })),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(cause) => Err(cause.into()),
    }
}

/// Takes the lock unless a shim has it; those who have it for a moment only are waited for.
pub(super) fn hold_idle(directory: &Path) -> io::Result<Option<Hold>> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match hold(directory)? {
            Some(hold) => return Ok(Some(hold)),
            None if has_shim(directory)? || Instant::now() >= patience => return Ok(None),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Whether a shim looks after the run.
pub(super) fn has_shim(directory: &Path) -> io::Result<bool> {
    Ok(is_held(directory)? && is_announced(directory)?)
}

/// Whether a shim has opened its ends.
pub(super) fn is_announced(directory: &Path) -> io::Result<bool> {
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(directory.join(ALIVE));
    match reader {
        Ok(reader) => has_writer(reader),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn is_held(directory: &Path) -> io::Result<bool> {
    let file = match File::open(directory.join(LOCK)) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(cause),
    };
    let mut lock = whole_file();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the constants are small; the fields are short"
)]
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Takes the lock for a shim, with its ends open; `None` when another shim has it or is about to. Those who have it for
/// a moment only are waited for.
pub(super) fn take_over(directory: &Path) -> io::Result<Option<(Hold, Ends)>> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let ends = Ends::open(directory)?;
        if let Some(hold) = hold(directory)? {
            return Ok(Some((hold, ends)));
        }
        // Of several shims that get here at once, the last to close its ends sees none, and goes on.
        drop(ends);
        if is_announced(directory)? || Instant::now() >= patience {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The shim's ends of its FIFOs. Opened before the lock is taken: who sees the lock held by a shim finds them open.
#[derive(Debug)]
pub(super) struct Ends {
    _alive: File,
    /// Where messages arrive; never blocks, never ends.
    pub(super) control: File,
}

impl Ends {
    fn open(directory: &Path) -> io::Result<Ends> {
        // Reading and writing: neither the opening waits for a peer, nor does `control` end when one leaves.
        let open = |name| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(directory.join(name))
        };
        Ok(Ends {
            _alive: open(ALIVE)?,
            control: open(CONTROL)?,
        })
    }
}

/// Asks the shim of a run directory to stop; `false` when there is none.
pub(super) fn ask_to_stop(directory: &Path) -> io::Result<bool> {
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(directory.join(CONTROL));
    let mut control = match opened {
        Ok(control) => control,
        Err(cause) if cause.raw_os_error() == Some(libc::ENXIO) => return Ok(false),
        Err(cause) => return Err(cause),
    };
    match control.write(&[STOP]) {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        // Full of requests that it has not read yet: one more says nothing new.
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(cause) => Err(cause),
    }
}

/// Whether the reader of an `alive` FIFO has a writer at this moment.
pub(super) fn has_writer(reader: impl AsFd) -> io::Result<bool> {
    match nix::unistd::read(reader, &mut [0; 1]) {
        Ok(0) => Ok(false),
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(true),
        Err(cause) => Err(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_the_lock_does_not_take_it() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!is_held(directory.path()).unwrap());
        let held = hold(directory.path()).unwrap();
        assert!(held.is_some());
        assert!(is_held(directory.path()).unwrap());
        assert!(is_held(directory.path()).unwrap());
        assert!(hold(directory.path()).unwrap().is_none());
        drop(held);
        assert!(!is_held(directory.path()).unwrap());
        assert!(hold(directory.path()).unwrap().is_some());
    }

    #[test]
    fn only_a_shim_looks_like_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        prepare(path).unwrap();
        let clearing = hold(path).unwrap();
        assert!(is_held(path).unwrap() && !has_shim(path).unwrap());
        let waiting = {
            let path = path.to_owned();
            thread::spawn(move || take_over(&path).unwrap())
        };
        drop(clearing);
        let shim = waiting.join().unwrap();
        assert!(shim.is_some() && has_shim(path).unwrap());
        assert!(take_over(path).unwrap().is_none());
        drop(shim);
        assert!(!has_shim(path).unwrap());
    }

    #[test]
    fn a_stop_reaches_only_a_shim_that_is_there() {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path()).unwrap();
        prepare(directory.path()).unwrap();
        assert!(!ask_to_stop(directory.path()).unwrap());
        let ends = Ends::open(directory.path()).unwrap();
        assert!(ask_to_stop(directory.path()).unwrap());
        let mut byte = [0; 4];
        assert_eq!(nix::unistd::read(&ends.control, &mut byte), Ok(1));
        assert_eq!(byte[0], STOP);
    }

    #[test]
    fn the_end_of_a_shim_is_seen_by_those_who_look_then() {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path()).unwrap();
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(directory.path().join(ALIVE))
            .unwrap();
        assert!(!has_writer(&reader).unwrap());
        let ends = Ends::open(directory.path()).unwrap();
        assert!(has_writer(&reader).unwrap());
        drop(ends);
        assert!(!has_writer(&reader).unwrap());
    }
}
