//! The layout of Diesel and its CLI, by the rules of `diesel_migrations` (2).
//!
//! A migration is a folder: `2026-01-01-120000_create_users/up.sql`, with a `down.sql` where it can be undone. The
//! version is what stands before the folder's first underscore without its hyphens, the name what follows with its
//! underscores. Files beside the folders are ignored, and so is whatever begins with a dot. A `metadata.toml` in the
//! folder says `run_in_transaction = false` where that is wanted.
//!
//! Stricter where Diesel would go wrong later: a version is a number, so what Diesel would take for two versions or sort
//! as text (`1`, `01`, `10` before `2`) is refused; so is an empty up.sql before it is run, and a `metadata.toml` that
//! does not say `run_in_transaction`, which Diesel reads as yes or as no, depending on what else is in it.

use std::{collections::BTreeMap, path::Path};

use super::{
    Layout, LayoutError, LayoutProblem,
    files::{self, Depth, Found, SQL, Up, refusal},
};
use crate::MigrationSet;

const UP: &str = "up.sql";
const DOWN: &str = "down.sql";

/// The file with a migration's settings.
pub(super) const SETTINGS: &str = "metadata.toml";

/// Reads the migrations in a folder's folders.
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Folders, |name| {
        name.ends_with(SQL) || name == SETTINGS
    })?)
}

/// Makes a set of files' paths and contents, such as those of a git tree that is not checked out.
///
/// ```
/// use towpath_migrate::layout::diesel;
///
/// let set = diesel::parse([
///     ("2026-01-01-120000_create_guests/up.sql", "CREATE TABLE guests (name TEXT);"),
///     ("2026-01-01-120000_create_guests/down.sql", "DROP TABLE guests;"),
/// ])?;
/// assert_eq!(set.migrations()[0].version, 20260101120000);
/// assert_eq!(set.migrations()[0].name, "create_guests");
/// # Ok::<(), towpath_migrate::LayoutError>(())
/// ```
pub fn parse<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Result<MigrationSet, LayoutError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    let files = files::sorted(files);
    let mut found = Found::default();
    let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
    for (path, bytes) in &files {
        let (path, bytes) = (path.as_ref(), bytes.as_ref());
        if path.starts_with('.') {
            continue;
        }
        let Some((folder, file)) = path.split_once('/') else {
            found.skip(path);
            continue;
        };
        let folder = folders.entry(folder).or_default();
        match file {
            UP => folder.up = Some((path, bytes)),
            DOWN => folder.down = Some((path, bytes)),
            SETTINGS => folder.settings = Some((path, bytes)),
            _ if file.starts_with('.') => {}
            _ => found.skip(path),
        }
    }
    for (name, folder) in folders {
        found.up(folder.migration(name)?)?;
    }
    found.refuse_other_order(Layout::Diesel, |up| version(folder_of(&up.file)))?;
    found.finish(Layout::Diesel)
}

fn folder_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// The version as Diesel has it: text.
fn version(folder: &str) -> String {
    let before = folder.split('_').next().unwrap_or(folder);
    before.replace('-', "")
}

/// A file's path and content.
type File<'a> = (&'a str, &'a [u8]);

/// What is in a migration's folder.
#[derive(Default)]
struct Folder<'a> {
    up: Option<File<'a>>,
    down: Option<File<'a>>,
    settings: Option<File<'a>>,
}

impl Folder<'_> {
    fn migration(&self, folder: &str) -> Result<Up, LayoutError> {
        let Some((path, bytes)) = self.up else {
            return Err(refusal(folder, None, LayoutProblem::NoUp));
        };
        let written = version(folder);
        let version = files::digits(folder, &written)?.ok_or_else(|| {
            let version = written.clone();
            refusal(folder, None, LayoutProblem::NotDigits { version })
        })?;
        let sql = files::text(path, bytes)?;
        if sql.is_empty() {
            return Err(refusal(path, None, LayoutProblem::Empty));
        }
        let down = match self.down {
            Some((path, bytes)) => Some(files::text(path, bytes)?),
            None => None,
        };
        let transactional = match self.settings {
            Some((path, bytes)) => run_in_transaction(path, files::text(path, bytes)?)?,
            None => true,
        };
        Ok(Up {
            file: path.to_owned(),
            version: version.into(),
            written,
            name: folder
                .split_once('_')
                .map_or("", |(_, name)| name)
                .to_owned(),
            sql: sql.to_owned(),
            down: down
                .filter(|down| files::says_something(down))
                .map(str::to_owned),
            transactional,
        })
    }
}

/// The one setting that matters, which stands before any table. The rest of the file is nobody's business.
fn run_in_transaction(path: &str, toml: &str) -> Result<bool, LayoutError> {
    const SETTING: &str = "run_in_transaction";
    for (index, line) in toml.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            break;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        match (name.trim().trim_matches('"'), value.trim()) {
            (SETTING, "true") => return Ok(true),
            (SETTING, "false") => return Ok(false),
            (SETTING, _) => {
                let text = line.to_owned();
                return Err(refusal(
                    path,
                    Some(index + 1),
                    LayoutProblem::Option { text },
                ));
            }
            _ => {}
        }
    }
    let setting = "run_in_transaction = …";
    Err(refusal(path, None, LayoutProblem::NoSetting { setting }))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn refused(files: &[(&str, &str)]) -> String {
        let error = parse(files.iter().copied()).unwrap_err();
        assert!(!error.remedy().is_empty());
        error.to_string()
    }

    #[test]
    fn folders_become_an_ordered_set() {
        let set = parse([
            ("2026-01-02-000000_vacuum/up.sql", "VACUUM;"),
            ("2026-01-02-000000_vacuum/down.sql", "-- nothing\n"),
            (
                "2026-01-02-000000_vacuum/metadata.toml",
                "note = \"x\"\nrun_in_transaction = false # VACUUM\n[more]\na = 1\n",
            ),
            (
                "2026-01-01-000000_add_users/up.sql",
                "-- towpath: expand\nCREATE TABLE users (id);",
            ),
            ("2026-01-01-000000_add_users/down.sql", "DROP TABLE users;"),
            ("2026-01-01-000000_add_users/notes.sql", "SELECT 'ignored'"),
            ("2026-01-01-000000_add_users/.up.sql.swp", ""),
            ("00000000000000_diesel_initial_setup/up.sql", "SELECT 0;"),
            ("2026-01-03-000000-0000_later/up.sql", "SELECT 3;"),
            ("schema.sql", "SELECT 'ignored'"),
            (".keep", ""),
            (".git/up.sql", ""),
        ])
        .unwrap();
        let all: Vec<_> = set
            .migrations()
            .iter()
            .map(|m| (m.version.key(), m.name.as_str(), m.transactional))
            .collect();
        assert_eq!(
            all,
            [
                (0, "diesel_initial_setup", true),
                (20_260_101_000_000, "add_users", true),
                (20_260_102_000_000, "vacuum", false),
                (202_601_030_000_000_000, "later", true),
            ]
        );
        assert_eq!(set.layout(), Layout::Diesel);
        assert_eq!(
            set.skipped(),
            ["2026-01-01-000000_add_users/notes.sql", "schema.sql"]
        );
        let users = set.get(20_260_101_000_000).unwrap();
        assert_eq!(users.down.as_deref(), Some("DROP TABLE users;"));
        assert_eq!(users.contract.kind.as_str(), "expand");
        assert_eq!(set.get(20_260_102_000_000).unwrap().down, None);
    }

    #[test]
    fn what_diesel_would_stumble_over_is_refused() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[("1_a/down.sql", "")],
                "use 1_a as a migration: it is the folder of a migration, and has no up.sql",
            ),
            (
                &[("1_a/b/up.sql", "")],
                "use 1_a as a migration: it is the folder of a migration, and has no up.sql",
            ),
            (
                &[("setup_all/up.sql", "SELECT 1;")],
                "use setup_all as a migration: \"setup\" is not a version number",
            ),
            (
                &[("99999999999999999999_a/up.sql", "SELECT 1;")],
                "use 99999999999999999999_a as a migration: 99999999999999999999 is too large for a version",
            ),
            (
                &[("1_a/up.sql", "SELECT 1;"), ("0-1_b/up.sql", "SELECT 1;")],
                "use 1_a/up.sql as a migration: 0-1_b/up.sql has version 1 too",
            ),
            (
                &[("2_a/up.sql", "SELECT 1;"), ("10_b/up.sql", "SELECT 1;")],
                "use 2_a/up.sql as a migration: diesel compares text, and would apply it after 10_b/up.sql, whose version \
                 is later",
            ),
            (
                &[("1_a/up.sql", "")],
                "use 1_a/up.sql as a migration: it is empty",
            ),
            (
                &[
                    ("1_a/up.sql", "SELECT 1;"),
                    ("1_a/metadata.toml", "a = 1\n"),
                ],
                "use 1_a/metadata.toml as a migration: it does not say `run_in_transaction = …`",
            ),
            (
                &[
                    ("1_a/up.sql", "SELECT 1;"),
                    ("1_a/metadata.toml", "\nrun_in_transaction = 'false'\n"),
                ],
                "use 1_a/metadata.toml as a migration: line 2: `run_in_transaction = 'false'` is not an option that is \
                 known here",
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(refused(files), *expected);
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(
                (
                    "[0-9-]{0,20}_?[a.é]{0,3}/?(up\\.sql|down\\.sql|metadata\\.toml|)",
                    "(run_in_transaction|=|true|#|\\[|é|\n){0,8}",
                ),
                0..5,
            ),
        ) {
            if let Err(error) = parse(files) {
                prop_assert!(!error.remedy().is_empty());
            }
        }
    }
}
