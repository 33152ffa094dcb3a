//! The programs that servers bring for their copies: where they are, and what they say when they fail.

use std::{
    env,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::shortened;
use crate::{DatabaseError, SnapshotError};

/// The executable of this name: in one of these folders, or on the search path.
pub(super) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let usual = env::var_os("PATH").unwrap_or_default();
    let is_program = |path: &Path| {
        path.metadata()
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    let folders = folders.iter().cloned().chain(env::split_paths(&usual));
    folders
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

/// A program that could not be run.
pub(super) fn unrunnable(name: &str, message: &str) -> SnapshotError {
    DatabaseError::Refused {
        message: format!("{name}: {message}"),
    }
    .into()
}

/// A program's complaint: its last lines say most.
pub(super) fn refused(name: &str, complaints: &str) -> SnapshotError {
    let lines: Vec<&str> = complaints
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    unrunnable(name, &shortened(&last))
}
