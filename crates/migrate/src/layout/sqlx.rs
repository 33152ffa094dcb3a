//! The layout of sqlx and its CLI, by the rules of `sqlx-core/src/migrate/source.rs` (0.9).
//!
//! Followed to the letter, since a service that runs `sqlx::migrate!` must see the same set: the version is what stands
//! before the first underscore, the description what follows with underscores as spaces; a name without an underscore
//! or without `.sql` is ignored, and so is a `.down.sql` that undoes nothing; `-- no-transaction` counts only as the
//! file's very first characters. Stricter where sqlx would go wrong later: duplicates are refused. Characters that a
//! `sqlx.toml` leaves out of checksums are not known here.

use std::path::Path;

use super::{
    Layout, LayoutError,
    files::{self, Depth, Found, SQL, Up},
};
use crate::MigrationSet;

const UP: &str = ".up.sql";
const DOWN: &str = ".down.sql";

/// Reads the migrations in a folder (not in those below it).
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Flat, |name| {
        name.ends_with(SQL)
    })?)
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
    let mut found = Found::default();
    for (name, bytes) in &files::sorted(files) {
        let name = name.as_ref();
        let Some(file) = FileName::parse(name)? else {
            found.skip(name);
            continue;
        };
        let sql = files::text(name, bytes.as_ref())?;
        if file.down {
            found.down(name, file.version.into(), sql)?;
            continue;
        }
        found.up(Up {
            file: name.to_owned(),
            version: file.version.into(),
            written: file.version.to_string(),
            name: file.description,
            sql: sql.to_owned(),
            down: None,
            transactional: is_transactional(sql),
        })?;
    }
    found.skip_lonely_downs();
    found.finish(Layout::Sqlx)
}

/// Whether sqlx runs this SQL in a transaction.
pub(super) fn is_transactional(sql: &str) -> bool {
    !sql.starts_with("-- no-transaction")
}

struct FileName {
    version: i64,
    description: String,
    down: bool,
}

impl FileName {
    /// `None` is a file that sqlx ignores.
    fn parse(name: &str) -> Result<Option<Self>, LayoutError> {
        files::plain(name)?;
        let Some((prefix, rest)) = name.split_once('_') else {
            return Ok(None);
        };
        if !rest.ends_with(SQL) {
            return Ok(None);
        }
        let version = prefix.parse().map_err(|_| LayoutError::NotNumeric {
            file: name.to_owned(),
            prefix: prefix.to_owned(),
        })?;
        let suffix = [UP, DOWN]
            .into_iter()
            .find(|suffix| rest.ends_with(suffix))
            .unwrap_or(SQL);
        Ok(Some(FileName {
            version,
            // As often as it occurs: that is what sqlx does, and the description is in its table.
            description: rest.trim_end_matches(suffix).replace('_', " "),
            down: suffix == DOWN,
        }))
    }
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
            ("7_misnamed.down.sql", "DROP TABLE lost;"),
            ("seed.sql", "SELECT 'ignored'"),
            (".keep", ""),
        ])
        .unwrap();
        let versions: Vec<_> = set.migrations().iter().map(|m| m.version).collect();
        assert_eq!(versions, [2, 3, 4, 10]);
        assert_eq!(set.skipped(), ["seed.sql", "7_misnamed.down.sql"]);
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
