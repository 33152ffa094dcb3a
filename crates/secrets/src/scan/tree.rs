//! The files of a directory: those that git has or would take.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

use super::{Known, LARGEST_FILE, Report, git};

/// Finds secrets in a file, or in the files of a directory: all that git has, and all that it would take. Links are not
/// followed. Paths are told from the root on.
pub fn scan_tree(root: &Path, known: &mut Known) -> Report {
    let mut report = Report::default();
    let mut body = Vec::new();
    for path in files(root, &mut report) {
        let shown = match path.strip_prefix(root) {
            Ok(below) if below.as_os_str().is_empty() => path.clone(),
            Ok(below) => below.to_owned(),
            Err(_) => path.clone(),
        };
        body.clear();
        match read(&path, &mut body) {
            Ok(size) if size > LARGEST_FILE => report.too_large(shown, size),
            Ok(_) => report.look(known, &shown, &body),
            Err(error) => report.skip(shown, error.to_string()),
        }
    }
    report.leaks.sort();
    report
}

/// Reads a file, unless it is too large; its size.
fn read(path: &Path, body: &mut Vec<u8>) -> io::Result<u64> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > LARGEST_FILE {
        return Ok(size);
    }
    // It may grow while it is read.
    file.take(LARGEST_FILE + 1).read_to_end(body)?;
    Ok(body.len() as u64)
}

fn files(root: &Path, report: &mut Report) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git")
        .build();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                files.insert(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => report.skip(root, error.to_string()),
        }
    }
    files.extend(tracked(root));
    files
}

/// What git has, ignored or not. Where there is no git, there is nothing that it has.
fn tracked(root: &Path) -> Vec<PathBuf> {
    let Ok(said) = git::output(root, &["ls-files", "-z", "--cached"]) else {
        return Vec::new();
    };
    let names = said
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    let paths = names.map(|name| root.join(OsString::from_vec(name.to_vec())));
    paths
        .filter(|path| path.symlink_metadata().is_ok_and(|kind| kind.is_file()))
        .collect()
}
