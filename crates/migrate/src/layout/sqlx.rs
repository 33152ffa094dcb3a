//! The layout of sqlx and its CLI, by the rules of `sqlx-core/src/migrate/source.rs` (0.9).
//!
//! Followed to the letter, since a service that runs `sqlx::migrate!` must see the same set: the version is what stands
//! before the first underscore, the description what follows with underscores as spaces; a name without an underscore
//! or without `.sql` is ignored; `-- no-transaction` counts only as the file's very first characters. Stricter where
//! sqlx would go wrong later: duplicates, and a `.down.sql` that undoes nothing. Characters that a `sqlx.toml` leaves
//! out of checksums are not known here.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use super::{Layout, LayoutError};
use crate::{Contract, Migration, MigrationSet, digest};

const UP: &str = ".up.sql";
const DOWN: &str = ".down.sql";
const PLAIN: &str = ".sql";

/// Reads the migrations in a folder (not in those below it).
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    let dir = dir.as_ref();
    let unreadable = |source| LayoutError::Folder {
        path: dir.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
        else {
            continue;
        };
        if !name.ends_with(PLAIN) {
            continue;
        }
        let unreadable = |source| LayoutError::File {
            path: path.clone(),
            source,
        };
        // Follows links, as sqlx does.
        if !fs::metadata(&path).map_err(unreadable)?.is_file() {
            continue;
        }
        files.push((name, fs::read(&path).map_err(unreadable)?));
    }
    parse(files)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out.
///
/// ```
/// use towpath_migrate::layout::sqlx;
///
/// let set = sqlx::parse([
///     ("20260101_create_guests.up.sql", "CREATE TABLE guests (name TEXT);"),
///     ("20260101_create_guests.down.sql", "DROP TABLE guests;"),
///     ("README.md", "not a migration"),
/// ])?;
/// assert_eq!(set.migrations()[0].name, "create guests");
/// assert!(set.migrations()[0].down.is_some());
/// # Ok::<(), towpath_migrate::LayoutError>(())
/// ```
pub fn parse<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Result<MigrationSet, LayoutError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    // In the order of their names, so that the same files give the same error, however a folder lists them.
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by(|(left, _), (right, _)| left.as_ref().cmp(right.as_ref()));

    let (mut ups, mut downs, mut skipped) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (name, bytes) in &files {
        let name = name.as_ref();
        let Some(file) = FileName::parse(name)? else {
            if name.ends_with(PLAIN) {
                skipped.push(name.to_owned());
            }
            continue;
        };
        let sql = text(name, bytes.as_ref())?;
        let place = if file.down { &mut downs } else { &mut ups };
        match place.entry(file.version) {
            Entry::Vacant(place) => place.insert((file, sql)),
            Entry::Occupied(taken) => {
                return Err(LayoutError::Duplicate {
                    version: file.version,
                    first: taken.get().0.name.to_owned(),
                    second: name.to_owned(),
                });
            }
        };
    }

    let mut migrations = Vec::with_capacity(ups.len());
    for (version, (file, up)) in ups {
        let down = downs.remove(&version).map(|(_, sql)| sql.to_owned());
        migrations.push(migration(&file, up, down)?);
    }
    match downs.into_iter().next() {
        Some((version, (file, _))) => Err(LayoutError::DownWithoutUp {
            version,
            file: file.name.to_owned(),
        }),
        None => Ok(MigrationSet::new(Layout::Sqlx, migrations, skipped)),
    }
}

fn migration(
    file: &FileName<'_>,
    up: &str,
    down: Option<String>,
) -> Result<Migration, LayoutError> {
    let contract = Contract::declared_in(up).map_err(|problem| LayoutError::Contract {
        file: file.name.to_owned(),
        problem,
    })?;
    Ok(Migration {
        version: file.version,
        name: file.description.clone(),
        up: up.to_owned(),
        down,
        checksum: digest::sha256(up.as_bytes()),
        contract,
        transactional: !up.starts_with("-- no-transaction"),
    })
}

struct FileName<'a> {
    name: &'a str,
    version: i64,
    description: String,
    down: bool,
}

impl<'a> FileName<'a> {
    /// `None` is a file that sqlx ignores.
    fn parse(name: &'a str) -> Result<Option<Self>, LayoutError> {
        if name.contains('/') {
            return Err(LayoutError::Path {
                name: name.to_owned(),
            });
        }
        let Some((prefix, rest)) = name.split_once('_') else {
            return Ok(None);
        };
        if !rest.ends_with(PLAIN) {
            return Ok(None);
        }
        let version = prefix.parse().map_err(|_| LayoutError::NotNumeric {
            file: name.to_owned(),
            prefix: prefix.to_owned(),
        })?;
        let suffix = [UP, DOWN]
            .into_iter()
            .find(|suffix| rest.ends_with(suffix))
            .unwrap_or(PLAIN);
        Ok(Some(FileName {
            name,
            version,
            // As often as it occurs: that is what sqlx does, and the description is in its table.
            description: rest.trim_end_matches(suffix).replace('_', " "),
            down: suffix == DOWN,
        }))
    }
}

/// A file's content, when a database would read all of it.
fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, LayoutError> {
    let line = |offset: usize| {
        1 + bytes[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(LayoutError::Nul {
            file: file.to_owned(),
            line: line(offset),
        });
    }
    std::str::from_utf8(bytes).map_err(|problem| LayoutError::NotUtf8 {
        file: file.to_owned(),
        line: line(problem.valid_up_to()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type File = (&'static str, &'static [u8]);

    fn refused(files: &[File]) -> String {
        let error = parse(files.iter().copied()).unwrap_err();
        assert!(!error.remedy().is_empty());
        error.to_string()
    }

    #[test]
    fn files_become_an_ordered_set() {
        let set = parse([
            ("10_ten.sql", "SELECT 10;"),
            (
                "2_add_users.up.sql",
                "-- towpath: expand\nCREATE TABLE users (id);",
            ),
            ("2_add_users.down.sql", "DROP TABLE users;"),
            ("0003_vacuum.sql", "-- no-transaction\nVACUUM;"),
            ("4_simple.sql", "SELECT 4"),
            ("4_simple.down.sql", "SELECT -4"),
            ("seed.sql", "SELECT 'ignored'"),
            (".keep", ""),
        ])
        .unwrap();
        let versions: Vec<_> = set.migrations().iter().map(|m| m.version).collect();
        assert_eq!(versions, [2, 3, 4, 10]);
        assert_eq!(set.skipped(), ["seed.sql"]);
        let users = set.get(2).unwrap();
        assert_eq!(users.name, "add users");
        assert_eq!(users.down.as_deref(), Some("DROP TABLE users;"));
        assert_eq!(users.contract.kind.as_str(), "expand");
        assert!(users.transactional);
        assert!(!set.get(3).unwrap().transactional);
        assert!(set.get(4).unwrap().down.is_some());
        assert!(set.get(5).is_none());
    }

    #[test]
    fn what_no_database_should_see_is_refused_by_name() {
        let cases: &[(&[File], &str)] = &[
            (
                &[("1_a.sql", b""), ("01_b.up.sql", b"")],
                "use 1_a.sql as a migration: 01_b.up.sql has version 1 too",
            ),
            (
                &[
                    ("1_a.down.sql", b""),
                    ("1_b.down.sql", b""),
                    ("1_a.sql", b""),
                ],
                "use 1_b.down.sql as a migration: 1_a.down.sql has version 1 too",
            ),
            (
                &[("7_a.down.sql", b"")],
                "use 7_a.down.sql as a migration: no file applies version 7, which it undoes",
            ),
            (
                &[("one_a.sql", b"")],
                "use one_a.sql as a migration: \"one\" is not a version number",
            ),
            (
                &[("99999999999999999999_a.sql", b"")],
                "use 99999999999999999999_a.sql as a migration: \"99999999999999999999\" is not a version number",
            ),
            (
                &[("1_a.sql", b"SELECT 1;\n\xff\xfe")],
                "use 1_a.sql as a migration: it is not UTF-8 (line 2)",
            ),
            (
                &[("1_a.sql", b"SELECT 1;\n\n\0DROP TABLE t;")],
                "use 1_a.sql as a migration: it contains a NUL character (line 3)",
            ),
            (
                &[("migrations/1_a.sql", b"")],
                "use \"migrations/1_a.sql\" as a migration: it is a path and not a file name",
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(refused(files), *expected);
        }
        assert_eq!(
            refused(&[("1_a.sql", b"-- towpath: expends")]),
            "read the contract of 1_a.sql: line 1: \"expends\" is not a contract"
        );
    }

    #[test]
    fn the_digest_is_of_content_and_order_only() {
        let digest = |files: &[(&str, &str)]| parse(files.iter().copied()).unwrap().digest();
        let set = digest(&[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2")]);
        assert_eq!(
            set,
            digest(&[("2_b.sql", "SELECT 2"), ("1_a.sql", "SELECT 1")])
        );
        assert_ne!(set, digest(&[("1_a.sql", "SELECT 1")]));
        assert_ne!(
            set,
            digest(&[
                ("1_a.sql", "SELECT 1"),
                ("1_a.down.sql", ""),
                ("2_b.sql", "SELECT 2")
            ])
        );
    }
}
