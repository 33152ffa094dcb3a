//! The project's service: one file of Rust, compiled once for all tests.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use nix::fcntl::{Flock, FlockArg};

const SOURCE: &str = include_str!("../../fixture/service.rs");

/// The compiled service. The first who asks compiles it; others wait for that.
pub(super) fn executable() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let executable = place.join("ferry");
    let source = place.join("ferry.rs");
    fs::create_dir_all(place).unwrap();
    let lock = File::create(place.join("ferry.lock")).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
    let is_made = executable.exists() && fs::read_to_string(&source).is_ok_and(|s| s == SOURCE);
    if !is_made {
        let fresh = place.join("ferry.new");
        let draft = place.join("ferry.new.rs");
        fs::write(&draft, SOURCE).unwrap();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args([
                "--crate-name",
                "ferry",
                "--edition",
                "2024",
                "-O",
                "-C",
                "strip=symbols",
                "-o",
            ])
            .args([&fresh, &draft])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rustc: {said}");
        fs::rename(fresh, &executable).unwrap();
        // Last: its presence says that the executable is of it.
        fs::rename(draft, source).unwrap();
    }
    executable
}
