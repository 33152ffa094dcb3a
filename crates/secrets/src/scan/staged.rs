//! What is about to be committed.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use super::{
    GitFailed, Known, Report,
    git::{Objects, ask, output},
};

/// Finds secrets in what the index has and the last commit has not. A variable GIT_INDEX_FILE with a relative path is
/// one from the repository's directory, as git's hooks are given it.
pub fn scan_staged(repository: &Path, known: &mut Known) -> Result<Report, GitFailed> {
    let said = output(
        repository,
        &[
            "diff",
            "--cached",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--diff-filter=AMT",
        ],
    )?;
    let places = places(&said);
    let mut report = Report::default();
    let (mut objects, mut asks) = Objects::open(repository)?;
    let read = std::thread::scope(|scope| {
        let ids = places.keys();
        scope.spawn(move || {
            let mut asked = ids.map(|id| ask(&mut asks, id.as_bytes()));
            asked.all(|is_read| is_read)
        });
        let read = objects.each(&mut report, |report, object| {
            for path in places.get(object.id).into_iter().flatten() {
                report.look(known, path, object.body);
            }
        });
        drop(objects);
        read
    });
    read?;
    report.leaks.sort();
    Ok(report)
}

/// From the raw form of a difference: contents, and their names.
fn places(said: &[u8]) -> HashMap<String, Vec<PathBuf>> {
    let mut places: HashMap<String, Vec<PathBuf>> = HashMap::new();
    let mut parts = said.split(|byte| *byte == 0);
    while let (Some(change), Some(name)) = (parts.next(), parts.next()) {
        let change = String::from_utf8_lossy(change);
        let mut words = change.split(' ').skip(1);
        let (Some(mode), Some(id)) = (words.next(), words.nth(1)) else {
            continue;
        };
        // Another repository's commit, and what is only announced.
        if mode == "160000" || id.bytes().all(|byte| byte == b'0') {
            continue;
        }
        let path = PathBuf::from(OsString::from_vec(name.to_vec()));
        places.entry(id.to_owned()).or_default().push(path);
    }
    places
}
