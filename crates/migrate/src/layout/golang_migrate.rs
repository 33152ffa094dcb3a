//! The layout of golang-migrate, by the rules of its `source/parse.go` and `source/iofs` (4).
//!
//! A migration is what matches `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, whatever its extension; every other file is ignored,
//! and so are folders. The name is what stands between, with its underscores. Whether it runs in a transaction is no
//! matter of the file there (`x-no-tx-wrap` in a URL): here it always does.
//!
//! Stricter where golang-migrate would go wrong later: a version that does not fit is refused and not ignored, and a
//! down without an up is refused; golang-migrate would count it as a migration that does nothing.

use std::path::Path;

use super::{
    Layout, LayoutError,
    files::{self, Depth, Found, Up},
};
use crate::MigrationSet;

const UP: &str = ".up.";
const DOWN: &str = ".down.";

/// Reads the migrations in a folder (not in those below it).
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Flat, |name| {
        name.ends_with(files::SQL) || split(name).is_some()
    })?)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out.
///
/// ```
/// use towpath_migrate::layout::golang_migrate;
///
/// let set = golang_migrate::parse([
///     ("000001_create_guests.up.sql", "CREATE TABLE guests (name TEXT);"),
///     ("000001_create_guests.down.sql", "DROP TABLE guests;"),
/// ])?;
/// assert_eq!(set.migrations()[0].name, "create_guests");
/// # Ok::<(), towpath_migrate::LayoutError>(())
/// ```
pub fn parse<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Result<MigrationSet, LayoutError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    let mut found = Found::default();
    for (file, bytes) in &files::sorted(files) {
        let file = file.as_ref();
        files::plain(file)?;
        let Some((digits, name, down)) = split(file) else {
            found.skip(file);
            continue;
        };
        let Some(version) = files::digits(file, digits)? else {
            found.skip(file);
            continue;
        };
        let sql = files::text(file, bytes.as_ref())?;
        if down {
            found.down(file, version.into(), sql)?;
            continue;
        }
        found.up(Up {
            file: file.to_owned(),
            version: version.into(),
            written: digits.to_owned(),
            name: name.to_owned(),
            sql: sql.to_owned(),
            down: None,
            transactional: true,
        })?;
    }
    found.finish(Layout::GolangMigrate)
}

/// What stands before the first underscore, the name, and whether it goes down.
fn split(file: &str) -> Option<(&str, &str, bool)> {
    let (digits, rest) = file.split_once('_')?;
    // The last of them, since the expression takes as much as it can before it.
    let (up, down) = (rest.rfind(UP), rest.rfind(DOWN));
    let end = up.max(down)?;
    Some((digits, &rest[..end], down == Some(end)))
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
    fn files_become_an_ordered_set() {
        let set = parse([
            ("10_ten.up.sql", "SELECT 10;"),
            (
                "000002_add_users.up.sql",
                "-- towpath: expand because nobody reads it\nCREATE TABLE users (id);",
            ),
            ("000002_add_users.down.sql", "DROP TABLE users;"),
            ("3_.up.sql", "SELECT 3;"),
            ("4_a.up.down.up.sql", "SELECT 4;"),
            ("20260101120000_b.up.pgsql", "SELECT 5;"),
            ("5_plain.sql", "SELECT 'ignored'"),
            ("seed.sql", "SELECT 'ignored'"),
            ("x6_a.up.sql", "SELECT 'ignored'"),
            ("README.md", ""),
        ])
        .unwrap();
        let all: Vec<_> = set
            .migrations()
            .iter()
            .map(|m| (m.version.key(), m.name.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                (2, "add_users"),
                (3, ""),
                (4, "a.up.down"),
                (10, "ten"),
                (20_260_101_120_000, "b"),
            ]
        );
        assert_eq!(set.layout(), Layout::GolangMigrate);
        assert_eq!(set.skipped(), ["5_plain.sql", "seed.sql", "x6_a.up.sql"]);
        let users = set.get(2).unwrap();
        assert_eq!(users.down.as_deref(), Some("DROP TABLE users;"));
        assert_eq!(users.contract.kind.as_str(), "expand");
        assert!(users.transactional);
    }

    #[test]
    fn what_golang_migrate_would_stumble_over_later_is_refused() {
        assert_eq!(
            refused(&[("1_a.up.sql", ""), ("01_b.up.sql", "")]),
            "use 1_a.up.sql as a migration: 01_b.up.sql has version 1 too"
        );
        assert_eq!(
            refused(&[("1_a.up.sql", ""), ("1_a.up.sql.bak", "")]),
            "use 1_a.up.sql.bak as a migration: 1_a.up.sql has version 1 too"
        );
        assert_eq!(
            refused(&[("7_a.down.sql", "")]),
            "use 7_a.down.sql as a migration: no file applies version 7, which it undoes"
        );
        assert_eq!(
            refused(&[("9999999999999999999_a.up.sql", "")]),
            "use 9999999999999999999_a.up.sql as a migration: 9999999999999999999 is too large for a version"
        );
        assert_eq!(
            refused(&[("up/1_a.up.sql", "")]),
            "use \"up/1_a.up.sql\" as a migration: it is a path and not a file name"
        );
        assert_eq!(
            refused(&[("1_a.up.sql", "\n-- towpath: expends")]),
            "read the contract of 1_a.up.sql: line 2: \"expends\" is not a contract"
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(("[0-9a]{0,20}_?[a._é]{0,3}(\\.up|\\.down)?(\\.sql|\\.|)", any::<Vec<u8>>()), 0..5),
        ) {
            if let Err(error) = parse(files) {
                prop_assert!(!error.remedy().is_empty());
            }
        }
    }
}
