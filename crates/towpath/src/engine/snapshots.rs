//! The snapshots of databases in the data directory: which there are of one, and which go when there are too many.
//!
//! Only files that are named as deployments and `towpath db` name them count; whatever else lies there is left alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use towpath_core::{
    Time,
    names::{DatabaseName, DeploymentNumber},
};

/// A snapshot of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Its file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written.
    pub taken_at: Time,
    /// The deployment that took it; none when it was somebody by hand.
    pub deployment: Option<DeploymentNumber>,
}

/// Those of a database in a folder, the newest first.
pub fn of(folder: &Path, name: &DatabaseName) -> io::Result<Vec<Snapshot>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let Some(taken_by) = file.to_str().and_then(|file| taken_by(file, name)) else {
            continue;
        };
        let metadata = entry.metadata()?;
        if !metadata.is_file() {
            continue;
        }
        let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
        let since = since.unwrap_or_default().as_millis();
        all.push(Snapshot {
            path: entry.path(),
            bytes: metadata.len(),
            taken_at: Time(i64::try_from(since).unwrap_or(i64::MAX)),
            deployment: taken_by,
        });
    }
    all.sort_by(|one, other| (other.taken_at, &other.path).cmp(&(one.taken_at, &one.path)));
    Ok(all)
}

/// Removes all but the newest of a database; answers with what is gone. What the last deployment took stays, and what one
/// took that is needed.
pub fn prune(
    folder: &Path,
    name: &DatabaseName,
    keep: u16,
    is_needed: impl Fn(DeploymentNumber) -> bool,
) -> io::Result<Vec<Snapshot>> {
    let all = of(folder, name)?;
    let last = all.iter().filter_map(|one| one.deployment).max();
    let stays = |one: &Snapshot| {
        one.deployment
            .is_some_and(|number| Some(number) == last || is_needed(number))
    };
    let mut gone = Vec::new();
    for old in all.into_iter().skip(usize::from(keep)) {
        if !stays(&old) {
            fs::remove_file(&old.path)?;
            gone.push(old);
        }
    }
    Ok(gone)
}

/// Who took the snapshot of a database that is named like this: `NAME-dN.STEP.db`, or `NAME-2026-11-21T190103.631.db`.
fn taken_by(file: &str, name: &DatabaseName) -> Option<Option<DeploymentNumber>> {
    let rest = file.strip_prefix(name.as_str())?.strip_prefix('-')?;
    let (rest, kind) = rest.rsplit_once('.')?;
    if !["db", "dump", "sql"].contains(&kind) {
        return None;
    }
    if let Some((number, _)) = rest.split_once('.')
        && let Ok(number) = number.parse()
    {
        return Some(Some(number));
    }
    let is_time = rest.len() == 21
        && rest.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            17 => byte == b'.',
            _ => byte.is_ascii_digit(),
        });
    is_time.then_some(None)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A folder with files, the oldest first.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in names.iter().rev().zip(1..) {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(age))
                .unwrap();
        }
        folder
    }

    fn names(all: &[Snapshot]) -> Vec<&str> {
        let names = all.iter().map(|one| one.path.file_name().unwrap());
        names.map(|name| name.to_str().unwrap()).collect()
    }

    #[test]
    fn only_snapshots_of_the_database_count() {
        let folder = folder(&[
            "main-d2.migrate-main.1.db",
            "main-2026-11-21T190103.631.dump",
            "main-d10.undo-main.2.sql",
            "main-archive-d3.migrate-main-archive.1.db",
            "main-before.db",
            "main-2026-11-21.db",
            "main-d2.migrate-main.1.db-journal",
            ".main-d2.migrate-main.1.db.partial",
            "notes.txt",
        ]);
        let found = of(folder.path(), &"main".parse().unwrap()).unwrap();
        assert_eq!(
            names(&found),
            [
                "main-d10.undo-main.2.sql",
                "main-2026-11-21T190103.631.dump",
                "main-d2.migrate-main.1.db",
            ]
        );
        let numbers: Vec<_> = found
            .iter()
            .map(|one| one.deployment.map(|d| d.0))
            .collect();
        assert_eq!(numbers, [Some(10), None, Some(2)]);
        assert_eq!(
            of(&folder.path().join("none"), &"main".parse().unwrap()).unwrap(),
            []
        );
    }

    #[test]
    fn the_oldest_go_but_what_is_needed() {
        let folder = folder(&[
            "main-d9.migrate-main.1.db",
            "main-d2.migrate-main.1.db",
            "main-d3.migrate-main.1.db",
            "main-2026-11-21T190101.000.db",
            "main-2026-11-21T190102.000.db",
            "main-2026-11-21T190103.000.db",
        ]);
        let name = "main".parse().unwrap();
        let gone = prune(folder.path(), &name, 2, |number| number.0 == 3).unwrap();
        // 9 is the last deployment, though its clock was behind.
        assert_eq!(
            names(&gone),
            ["main-2026-11-21T190101.000.db", "main-d2.migrate-main.1.db"]
        );
        assert_eq!(of(folder.path(), &name).unwrap().len(), 4);
        assert_eq!(prune(folder.path(), &name, 4, |_| false).unwrap(), []);
    }
}
