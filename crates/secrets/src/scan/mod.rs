//! Finds secrets where they should not be: in a work tree, in what is about to be committed, in all of git's history.
//!
//! A secret is found by its fingerprint, which tells nothing of it, or by its value in all its forms. By fingerprint only
//! what stands alone is found, as a word, behind a sign, between quotes or in an encoding: the texts that a line may hold
//! are tried one after the other. What is found is told by name and place, never by value.

mod git;
mod history;
mod known;
mod staged;
mod text;
mod tokens;
mod tree;

use std::path::PathBuf;

pub use git::GitFailed;
pub use history::{Progress, scan_history};
pub use known::Known;
pub use staged::scan_staged;
pub use text::{Found, scan_text};
pub use tree::scan_tree;

/// The shortest value that is looked for, in bytes. A shorter one stands in the middle of everything.
pub const SHORTEST_VALUE: usize = 6;
/// The largest file that is looked at, in bytes. What is larger is told as skipped.
pub const LARGEST_FILE: u64 = 32 << 20;

/// How a secret was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By its value, as it is.
    Value,
    /// By its fingerprint, as it is.
    Token,
    /// In an encoding, or by a part of it.
    Encoded,
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file; in history, as it was named in that commit. Empty where it is the commit's own message.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// In history, the first commit that has it.
    pub commit: Option<String>,
}

/// A secret where it should not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// Where.
    pub place: Place,
    /// Which secret.
    pub name: String,
    /// How it was recognised.
    pub how: How,
}

/// Something that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file, or the name of git's object.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// The leaks, by place.
    pub leaks: Vec<Leak>,
    /// What was not looked at.
    pub skipped: Vec<Skipped>,
    /// How many files were looked at.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Report {
    fn look(&mut self, known: &mut Known, path: &std::path::Path, text: &[u8]) {
        self.files += 1;
        self.bytes += text.len() as u64;
        let leaks = scan_text(known, text).into_iter().map(|found| Leak {
            place: Place {
                path: path.to_owned(),
                line: found.line,
                column: found.column,
                commit: None,
            },
            name: found.name,
            how: found.how,
        });
        self.leaks.extend(leaks);
    }

    fn skip(&mut self, path: impl Into<PathBuf>, why: impl Into<String>) {
        self.skipped.push(Skipped {
            path: path.into(),
            why: why.into(),
        });
    }

    fn too_large(&mut self, path: impl Into<PathBuf>, bytes: u64) {
        let (size, bound) = (bytes >> 20, LARGEST_FILE >> 20);
        self.skip(
            path,
            format!("it has {size} MiB, and {bound} are looked at"),
        );
    }
}
