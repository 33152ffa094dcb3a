//! Places where a test ends the process, to see that another one goes on. Costs one look at a variable, once.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The variable that says after how many points the process kills itself.
const VARIABLE: &str = "TOWPATH_TEST_DIE_AT";

/// Passes one point; at the chosen one the process ends as by `kill -9`.
pub fn pass() {
    static CHOSEN: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let chosen = CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok()?.parse().ok());
    if let Some(chosen) = chosen
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *chosen
    {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    }
}
