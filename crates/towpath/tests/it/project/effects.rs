//! What builds, tests and services wrote down about themselves, outside of Towpath.

use std::{fs, path::Path};

/// The lines, in the order in which things were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects(Vec<String>);

impl Effects {
    pub(super) fn read(path: &Path) -> Effects {
        let text = fs::read_to_string(path).unwrap_or_default();
        Effects(text.lines().map(str::to_owned).collect())
    }

    /// Every line.
    pub fn all(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The lines that begin so.
    pub fn of(&self, beginning: &str) -> Vec<&str> {
        let lines = self.0.iter().map(String::as_str);
        lines.filter(|line| line.starts_with(beginning)).collect()
    }
}
