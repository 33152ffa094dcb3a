//! The layout of goose, by the rules of its `provider_collect.go` and `internal/sqlparser` (3).
//!
//! A migration is `VERSION_name.sql` with a version of 1 or more; what has no such number before its first underscore is
//! ignored, and so are folders. Annotations are comments with `+goose` in them, in any case, from the beginning of their
//! line: `Up` once, before any SQL; `Down` once, after it, or not at all; `StatementBegin` and `StatementEnd` around a
//! statement whose lines may end with semicolons; `NO TRANSACTION` anywhere, for the whole file. Every other statement
//! ends with a semicolon at the end of a line. What applies is everything before `Down`, so that lines are counted as in
//! the file; a statement between annotations gets the semicolon that it may lack there.
//!
//! Stricter where goose would go wrong later: numbers below 1 or too large are refused and not ignored, and so is a
//! statement of nothing, which makes goose lose the line after it. Refused because it is not run here: what is written
//! in Go, and `ENVSUB ON`.

mod reader;

use std::path::Path;

use super::{
    Layout, LayoutError, LayoutProblem,
    files::{self, Depth, Found, SQL, Up, refusal},
};
use crate::MigrationSet;

const GO: &str = ".go";

/// Reads the migrations in a folder (not in those below it).
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Flat, |name| {
        name.ends_with(SQL) || name.ends_with(GO)
    })?)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out.
///
/// ```
/// use towpath_migrate::layout::goose;
///
/// let set = goose::parse([(
///     "00001_create_guests.sql",
///     "-- +goose Up\nCREATE TABLE guests (name TEXT);\n\n-- +goose Down\nDROP TABLE guests;\n",
/// )])?;
/// assert_eq!(set.migrations()[0].name, "create_guests");
/// assert!(set.migrations()[0].down.is_some());
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
        let Some((version, name)) = file_name(file)? else {
            found.skip(file);
            continue;
        };
        let text = files::text_in_lines(file, bytes.as_ref(), Layout::Goose)?;
        let parts = reader::cut(text).map_err(|(line, problem)| refusal(file, line, problem))?;
        found.up(Up {
            file: file.to_owned(),
            version: version.into(),
            written: version.to_string(),
            name: name.to_owned(),
            sql: parts.up,
            down: files::says_something(&parts.down).then_some(parts.down),
            transactional: parts.transactional,
        })?;
    }
    found.finish(Layout::Goose)
}

/// Version and name; `None` is a file that goose ignores.
fn file_name(file: &str) -> Result<Option<(i64, &str)>, LayoutError> {
    let go = file.ends_with(GO) && !file.ends_with("_test.go");
    let Some(stem) = file
        .strip_suffix(SQL)
        .or_else(|| file.strip_suffix(GO).filter(|_| go))
    else {
        return Ok(None);
    };
    let Some((prefix, name)) = stem.split_once('_') else {
        return Ok(None);
    };
    let version = match prefix.parse() {
        Ok(version) => version,
        Err(_) => match files::digits(file, prefix)? {
            Some(version) => version,
            None => return Ok(None),
        },
    };
    if version < 1 {
        return Err(refusal(file, None, LayoutProblem::NotPositive));
    }
    if go {
        let language = "Go";
        return Err(refusal(file, None, LayoutProblem::Language { language }));
    }
    Ok(Some((version, name)))
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
            ("10_ten.sql", "-- +goose Up\n"),
            (
                "00002_add_users.sql",
                "-- +goose Up\n-- towpath: expand\nCREATE TABLE users (\n  id\n); -- who\n\n\
                 -- +goose Down\nDROP TABLE users;\n",
            ),
            (
                "3_vacuum.sql",
                "-- towpath: data\r\n--+goose up\r\n-- +goose no transaction\r\nVACUUM;\r\n--  +goose  DOWN\r\n",
            ),
            ("seed.sql", "SELECT 'ignored'"),
            ("a_seed.sql", "SELECT 'ignored'"),
            ("helpers.go", "package migrations"),
            ("5_more_test.go", "package migrations"),
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
                (2, "add_users", true),
                (3, "vacuum", false),
                (10, "ten", true)
            ]
        );
        assert_eq!(set.layout(), Layout::Goose);
        assert_eq!(set.skipped(), ["a_seed.sql", "seed.sql"]);
        let users = set.get(2).unwrap();
        assert_eq!(
            users.down.as_deref(),
            Some("-- +goose Down\nDROP TABLE users;\n")
        );
        assert_eq!(users.contract.kind.as_str(), "expand");
        assert_eq!(set.get(3).unwrap().contract.kind.as_str(), "data");
        assert_eq!(set.get(3).unwrap().down, None);
    }

    #[test]
    fn a_statement_between_annotations_gets_the_semicolon_it_lacks() {
        let up = |sql: &str| {
            parse([("1_a.sql", sql)]).unwrap().migrations()[0]
                .up
                .clone()
        };
        let lacking =
            "-- +goose Up\n-- +goose StatementBegin\nSELECT 1\n-- +goose StatementEnd\nSELECT 2;\n";
        assert_eq!(
            up(lacking),
            "-- +goose Up\n-- +goose StatementBegin\nSELECT 1\n;-- +goose StatementEnd\nSELECT 2;\n"
        );
        let having =
            "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- why\n-- +goose StatementEnd\n";
        assert_eq!(up(having), having);
    }

    #[test]
    fn a_file_is_refused_by_its_line() {
        let cases = [
            ("", "no line says `-- +goose Up`"),
            ("SELECT 1;", "line 1: SQL before `-- +goose Up`"),
            (
                "\u{feff}-- +goose Up\n",
                "line 1: a byte order mark, which hides the line from goose",
            ),
            // Only the words after `+goose` may be in any case.
            (
                "-- +GOOSE Up\nSELECT 1;",
                "line 2: SQL before `-- +goose Up`",
            ),
            (
                " -- +goose Up\n",
                "line 1: `-- +goose Up` is not an annotation of goose",
            ),
            (
                "-- +goose Up\n-- see +goose in its manual\n",
                "line 2: `-- see +goose in its manual` is not an annotation of goose",
            ),
            (
                "-- +goose Up\n-- +goose Up\n",
                "line 2: a second `-- +goose Up`",
            ),
            (
                "-- +goose Down\n",
                "line 1: `-- +goose Down` is out of place: it belongs after `-- +goose Up`",
            ),
            (
                "-- +goose Up\n-- +goose Down\n-- +goose Down\n",
                "line 3: a second `-- +goose Down`",
            ),
            (
                "-- +goose Up\n\nSELECT 1\n-- +goose Down\n",
                "line 3: the statement that begins here has no semicolon at the end of a line",
            ),
            (
                "-- +goose Up\nSELECT 1;\nSELECT 2; SELECT 3",
                "line 3: the statement that begins here has no semicolon at the end of a line",
            ),
            (
                "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n",
                "line 2: no line says `-- +goose StatementEnd`",
            ),
            (
                "-- +goose Up\n-- +goose StatementBegin\n\n-- +goose StatementEnd\n",
                "line 2: it is empty",
            ),
            (
                "-- +goose Up\n-- +goose StatementEnd\n",
                "line 2: `-- +goose StatementEnd` is out of place: it belongs after `-- +goose StatementBegin`",
            ),
            (
                "-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\n",
                "line 3: `-- +goose Down` is out of place: it belongs after `-- +goose StatementEnd`",
            ),
            (
                "-- +goose ENVSUB ON\n-- +goose Up\n",
                "line 1: `-- +goose ENVSUB ON` is to be replaced by goose, and nothing is replaced here",
            ),
        ];
        for (sql, expected) in cases {
            assert_eq!(
                refused(&[("1_a.sql", sql)]),
                format!("use 1_a.sql as a migration: {expected}")
            );
        }
    }

    #[test]
    fn what_goose_would_stumble_over_later_is_refused() {
        let cases: &[(&[&str], &str)] = &[
            (
                &["1_a.sql", "01_b.sql"],
                "use 1_a.sql as a migration: 01_b.sql has version 1 too",
            ),
            (
                &["0_a.sql"],
                "use 0_a.sql as a migration: a version must be 1 or more",
            ),
            (
                &["99999999999999999999_a.sql"],
                "use 99999999999999999999_a.sql as a migration: 99999999999999999999 is too large for a version",
            ),
            (
                &["2_a.go"],
                "use 2_a.go as a migration: it is written in Go, and only SQL is run",
            ),
            (
                &["a/1_a.sql"],
                "use \"a/1_a.sql\" as a migration: it is a path and not a file name",
            ),
        ];
        for (names, expected) in cases {
            let files: Vec<_> = names.iter().map(|name| (*name, "-- +goose Up\n")).collect();
            assert_eq!(refused(&files), *expected);
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(
                (
                    "[+-]?[0-9]{0,20}_?[a.é]{0,3}(\\.sql|\\.go)?",
                    "(-- \\+goose (Up|Down|StatementBegin|StatementEnd|ENVSUB OFF|)(\r?\n|)|SELECT 1;?|\n| |é|\u{feff}){0,8}",
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
