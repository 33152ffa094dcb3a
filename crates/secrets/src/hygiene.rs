//! Keeps the memory of a process, in which secrets are, out of files.

use std::{io, sync::OnceLock};

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, rlim_t, setrlimit},
};

static ORDINARY: OnceLock<rlim_t> = OnceLock::new();

/// Makes sure that this process leaves no core dump, whatever becomes of it, and that other processes of the same user
/// cannot read its memory. Programs that it executes begin with their memory readable again, and with no core dumps
/// unless they are given [`ordinary_core_limit`] back.
///
/// # Errors
///
/// When the system refuses, which it has no reason to.
pub fn no_core_dumps() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    let _ = ORDINARY.set(soft);
    // The hard limit stays, so that the soft one can be given back to others.
    setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
    // Where the system hands core dumps to a program, it asks for no limit, but it asks for this.
    prctl::set_dumpable(false)?;
    Ok(())
}

/// The size of core dumps that this process was started with, in bytes, for what it starts; `None` if it never changed.
pub fn ordinary_core_limit() -> Option<u64> {
    ORDINARY.get().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_goes_and_is_remembered() {
        // Each test has a process to itself.
        let (before, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
        no_core_dumps().unwrap();
        no_core_dumps().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, hard));
        assert_eq!(ordinary_core_limit(), Some(before));
        assert!(!prctl::get_dumpable().unwrap());
    }
}
