//! Points at which a test ends or stops the process, to see that another one goes on. Only debug builds have them.

use std::time::Duration;

use super::{CLONE_IDLE, LEASE};

/// Passes one point; at the chosen one the process ends as by `kill -9`.
#[cfg(not(debug_assertions))]
pub fn pass(_name: impl std::fmt::Display) {}

/// How long a lease lasts; a test that waits for the end of one has shorter ones.
#[cfg(not(debug_assertions))]
pub fn lease() -> Duration {
    LEASE
}

/// How long a clone may stand about; a test that waits for the end of that has a shorter time.
#[cfg(not(debug_assertions))]
pub fn clone_idle() -> Duration {
    CLONE_IDLE
}

#[cfg(debug_assertions)]
pub use debug::{clone_idle, lease, pass};

#[cfg(debug_assertions)]
mod debug {
    use super::{CLONE_IDLE, Duration, LEASE};
    use std::{
        fmt::Display,
        fs::OpenOptions,
        io::Write,
        path::PathBuf,
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    use nix::sys::signal::{Signal, raise};

    /// Says at which point the process kills itself: its number, counted from 1, or its name.
    const DIE_AT: &str = "TOWPATH_TEST_DIE_AT";

    /// Says likewise at which point it stops itself, until somebody lets it go on.
    const STOP_AT: &str = "TOWPATH_TEST_STOP_AT";

    /// How long leases last, in milliseconds.
    const LEASE_MS: &str = "TOWPATH_TEST_LEASE_MS";

    /// How long clones may stand about, in milliseconds.
    const CLONE_IDLE_MS: &str = "TOWPATH_TEST_CLONE_IDLE_MS";

    /// Names a file that gets a line for every point that is passed.
    const POINTS: &str = "TOWPATH_TEST_POINTS";

    struct Chosen {
        last: Option<String>,
        pause: Option<String>,
        list: Option<PathBuf>,
        passed: AtomicU64,
    }

    static CHOSEN: LazyLock<Chosen> = LazyLock::new(|| Chosen {
        last: std::env::var(DIE_AT).ok(),
        pause: std::env::var(STOP_AT).ok(),
        list: std::env::var_os(POINTS).map(PathBuf::from),
        passed: AtomicU64::new(0),
    });

    /// Passes one point; at the chosen one the process ends as by `kill -9`.
    pub fn pass(name: impl Display) {
        let Chosen {
            last,
            pause,
            list,
            passed,
        } = &*CHOSEN;
        if last.is_none() && pause.is_none() && list.is_none() {
            return;
        }
        let number = (passed.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        let name = name.to_string();
        if let Some(list) = list
            && let Ok(mut list) = OpenOptions::new().create(true).append(true).open(list)
        {
            let _ = list.write_all(format!("{number} {name}\n").as_bytes());
        }
        let is_here = |chosen: &Option<String>| {
            chosen
                .as_ref()
                .is_some_and(|chosen| *chosen == number || *chosen == name)
        };
        // To this very thread, which otherwise would go on for a moment, into a transaction for example.
        if is_here(last) {
            let _ = raise(Signal::SIGKILL);
        }
        if is_here(pause) {
            let _ = raise(Signal::SIGSTOP);
        }
    }

    /// How long a lease lasts; a test that waits for the end of one has shorter ones.
    pub fn lease() -> Duration {
        chosen(LEASE_MS).unwrap_or(LEASE)
    }

    /// How long a clone may stand about; a test that waits for the end of that has a shorter time.
    pub fn clone_idle() -> Duration {
        chosen(CLONE_IDLE_MS).unwrap_or(CLONE_IDLE)
    }

    fn chosen(variable: &str) -> Option<Duration> {
        let text = std::env::var(variable).ok()?;
        text.parse().ok().map(Duration::from_millis)
    }
}
