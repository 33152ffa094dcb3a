//! Points at which a test ends the process, to see that another one goes on. Only debug builds have them.

/// Passes one point; at the chosen one the process ends as by `kill -9`.
#[cfg(not(debug_assertions))]
pub fn pass(_name: impl std::fmt::Display) {}

#[cfg(debug_assertions)]
pub use debug::pass;

#[cfg(debug_assertions)]
mod debug {
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

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    /// Says at which point the process kills itself: its number, counted from 1, or its name.
    const DIE_AT: &str = "TOWPATH_TEST_DIE_AT";

    /// Names a file that gets a line for every point that is passed.
    const POINTS: &str = "TOWPATH_TEST_POINTS";

    struct Chosen {
        point: Option<String>,
        list: Option<PathBuf>,
        passed: AtomicU64,
    }

    static CHOSEN: LazyLock<Chosen> = LazyLock::new(|| Chosen {
        point: std::env::var(DIE_AT).ok(),
        list: std::env::var_os(POINTS).map(PathBuf::from),
        passed: AtomicU64::new(0),
    });

    /// Passes one point; at the chosen one the process ends as by `kill -9`.
    pub fn pass(name: impl Display) {
        if CHOSEN.point.is_none() && CHOSEN.list.is_none() {
            return;
        }
        let number = CHOSEN.passed.fetch_add(1, Ordering::Relaxed) + 1;
        let (number, name) = (number.to_string(), name.to_string());
        if let Some(list) = &CHOSEN.list
            && let Ok(mut list) = OpenOptions::new().create(true).append(true).open(list)
        {
            let _ = list.write_all(format!("{number} {name}\n").as_bytes());
        }
        if CHOSEN
            .point
            .as_ref()
            .is_some_and(|point| *point == number || *point == name)
        {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
    }
}
