//! The source code in a directory: which files are read, which are not, and why.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::mpsc,
};

use ignore::{DirEntry, WalkBuilder};

use super::{AuditError, Language, Read, read_source};

/// How much of a directory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the largest file that is read, in bytes. What is larger was made by a program.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 2 * 1024 * 1024,
        }
    }
}

/// What was found in a directory. Paths are below it, in the order of their names.
#[derive(Debug, Default)]
pub struct Audit {
    /// The reads, by file and place.
    pub reads: Vec<Read>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// What would have been read, and was not.
    pub skipped: Vec<Skipped>,
}

/// Something that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A directory of what others wrote, or of what a build makes.
    NotYours,
    /// A file larger than the limit, with its size in bytes.
    TooLarge(u64),
    /// A file that is not text in UTF-8.
    NotText,
    /// A file that the parser could not make sense of in time.
    TooHard,
    /// What the system did not let be read, with its reason.
    Unreadable(String),
}

/// Reads the source code in a directory. What git ignores is left out without a word, and so is what is hidden, and
/// every file in another language; links are not followed.
///
/// # Errors
///
/// If the directory itself cannot be read. Whatever is in it and cannot be read is in [`Audit::skipped`].
pub fn walk(root: &Path, limits: Limits) -> Result<Audit, AuditError> {
    let refused = |cause| AuditError::Root {
        root: root.to_owned(),
        cause,
    };
    fs::read_dir(root).map_err(refused)?;
    let mut audit = Audit::default();
    // What is asked about each directory cannot borrow: it sends.
    let (others, skipped) = mpsc::channel();
    let is_wanted = move |entry: &DirEntry| {
        let wanted = entry.depth() == 0 || !is_directory(entry) || !is_not_yours(entry.path());
        if !wanted {
            // Who listens lives as long as the walk.
            let _ = others.send(entry.path().to_owned());
        }
        wanted
    };
    let walker = WalkBuilder::new(root)
        .require_git(false)
        .sort_by_file_path(Path::cmp)
        .filter_entry(is_wanted)
        .build();
    for entry in walker {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                audit.read(root, entry.path(), limits);
            }
            Ok(_) => {}
            Err(error) => audit.skip(
                root,
                &path_of(&error),
                Reason::Unreadable(reason_of(&error)),
            ),
        }
    }
    for path in skipped {
        audit.skip(root, &path, Reason::NotYours);
    }
    audit
        .skipped
        .sort_by(|one, other| one.path.cmp(&other.path));
    Ok(audit)
}

impl Audit {
    fn skip(&mut self, root: &Path, path: &Path, reason: Reason) {
        let path = below(root, path);
        self.skipped.push(Skipped { path, reason });
    }

    fn read(&mut self, root: &Path, path: &Path, limits: Limits) {
        let Some(language) = Language::of(path) else {
            return;
        };
        let file = below(root, path);
        let read = text_of(path, limits)
            .and_then(|text| read_source(language, &file, &text).map_err(|_| Reason::TooHard));
        match read {
            Ok(reads) => {
                self.reads.extend(reads);
                self.files.push(file);
            }
            Err(reason) => self.skip(root, path, reason),
        }
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

fn text_of(path: &Path, limits: Limits) -> Result<String, Reason> {
    let unreadable = |error: io::Error| Reason::Unreadable(error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > limits.file_bytes {
        return Err(Reason::TooLarge(size));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(limits.file_bytes)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Reason::NotText),
    }
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

/// Whether a directory has other people's code in it, or a build's. A directory may be called `target` or `vendor`
/// without being that: what is in it or beside it tells.
fn is_not_yours(directory: &Path) -> bool {
    let has = |name: &str| directory.join(name).exists();
    let beside = |name: &str| directory.with_file_name(name).exists();
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("node_modules" | "bower_components" | "site-packages") => true,
        Some("target") => beside("Cargo.toml") || has("CACHEDIR.TAG"),
        Some("vendor") => has("modules.txt") || beside("composer.json"),
        _ => has("pyvenv.cfg"),
    }
}

fn path_of(error: &ignore::Error) -> PathBuf {
    match error {
        ignore::Error::WithPath { path, .. } => path.clone(),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => child.clone(),
        _ => PathBuf::new(),
    }
}

fn reason_of(error: &ignore::Error) -> String {
    let cause = error.io_error();
    cause.map_or_else(|| error.to_string(), io::Error::to_string)
}
