//! All that git ever kept: each content once, and the messages of commits.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Stdio},
};

use super::{
    GitFailed, Known, Report,
    git::{Object, Objects, ask, command, output},
};

/// How far a scan of history is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// How many objects there are.
    pub all: u64,
    /// How many files and messages were looked at.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Finds secrets in the contents and messages of a range of commits: of all branches, tags and stashes, unless said.
pub fn scan_history(
    repository: &Path,
    known: &mut Known,
    range: Option<&str>,
    mut progress: impl FnMut(Progress),
) -> Result<Report, GitFailed> {
    let range = match range {
        Some(range) if range.is_empty() || range.starts_with('-') => {
            return Err(GitFailed::BadRange(range.to_owned()));
        }
        Some(range) => range,
        None => "--all",
    };
    let mut report = Report::default();
    let mut listing = command(repository)
        .args(["rev-list", "--objects", range, "--"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(GitFailed::NotRun)?;
    let listed = listing.stdout.take().expect("it was told to be piped");
    let (mut objects, asks) = Objects::open(repository)?;
    let read = std::thread::scope(|scope| {
        let feeder = scope.spawn(|| feed(listed, asks));
        let read = objects.each(&mut report, |report, object| {
            look(report, known, object);
            progress(Progress {
                all: 0,
                files: report.files,
                bytes: report.bytes,
            });
        });
        drop(objects);
        let all = feeder.join().expect("it only reads and writes");
        progress(Progress {
            all,
            files: report.files,
            bytes: report.bytes,
        });
        read
    });
    let mut said = String::new();
    if let Some(mut errors) = listing.stderr.take() {
        // Git's own words are worth having, and no more than that.
        let _ = errors.read_to_string(&mut said);
    }
    let status = listing.wait().map_err(GitFailed::NotRun)?;
    read?;
    if !status.success() {
        return Err(GitFailed::Failed {
            what: "rev-list".into(),
            said: said.trim().to_owned(),
        });
    }
    place(repository, range, &mut report)?;
    Ok(report)
}

/// Asks for every object that is listed, and says how many there are.
fn feed(listed: ChildStdout, mut asks: ChildStdin) -> u64 {
    let mut all = 0;
    for line in BufReader::new(listed).split(b'\n').map_while(Result::ok) {
        let id = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if !ask(&mut asks, id) {
            break;
        }
        all += 1;
    }
    all
}

fn look(report: &mut Report, known: &mut Known, object: &Object<'_>) {
    let before = report.leaks.len();
    report.look(known, Path::new(""), object.body);
    // Until it is known where a content was, it has the object's name; a message is the commit's own.
    for leak in &mut report.leaks[before..] {
        match object.kind {
            "blob" => leak.place.path = PathBuf::from(object.id),
            _ => leak.place.commit = Some(object.id.to_owned()),
        }
    }
}

/// Finds the first commit that has each content, and its name there.
fn place(repository: &Path, range: &str, report: &mut Report) -> Result<(), GitFailed> {
    let mut places: HashMap<PathBuf, Option<(String, PathBuf)>> = HashMap::new();
    for leak in &mut report.leaks {
        if leak.place.commit.is_some() {
            continue;
        }
        let id = leak.place.path.clone();
        if !places.contains_key(&id) {
            let place = first(repository, range, &id.to_string_lossy())?;
            places.insert(id.clone(), place);
        }
        if let Some(Some((commit, path))) = places.get(&id) {
            leak.place.commit = Some(commit.clone());
            leak.place.path = path.clone();
        }
    }
    report.leaks.sort();
    report.leaks.dedup();
    Ok(())
}

/// The first commit that changed something to this content or from it.
fn first(repository: &Path, range: &str, id: &str) -> Result<Option<(String, PathBuf)>, GitFailed> {
    let wanted = format!("--find-object={id}");
    let said = output(
        repository,
        &[
            "log",
            &wanted,
            "--reverse",
            "--topo-order",
            "-m",
            "--root",
            "--no-renames",
            "--no-ext-diff",
            "--format=%x01%H",
            "--name-only",
            "-z",
            range,
            "--",
        ],
    )?;
    let commit = said.split(|byte| *byte == 1).nth(1).unwrap_or_default();
    let mut parts = commit
        .split(|byte| [0, b'\n'].contains(byte))
        .filter(|part| !part.is_empty());
    let Some(hash) = parts.next() else {
        return Ok(None);
    };
    // Names may have line breaks: after the hash only zeros part them.
    let names = &commit[hash.len()..];
    let start = names.iter().position(|byte| ![0, b'\n'].contains(byte));
    let names = &names[start.unwrap_or(names.len())..];
    let name = names.split(|byte| *byte == 0).next().unwrap_or_default();
    let hash = String::from_utf8_lossy(hash).into_owned();
    let path = PathBuf::from(OsString::from_vec(name.to_vec()));
    Ok(Some((hash, path)))
}
