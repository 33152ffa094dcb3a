//! The layout of dbmate, by the rules of its `pkg/dbmate/db.go` and `migration.go` (2).
//!
//! A migration is what matches `^(\d+).*\.sql$`; every other file is ignored, and so are folders. It has one line
//! `-- migrate:up` with only comments before it, and one line `-- migrate:down` after it, even when nothing undoes it.
//! Options follow them: `transaction:false` is the only one. The name is what follows the digits, with its underscores.
//! What applies is everything before `-- migrate:down`, so that lines are counted as in the file and a contract may
//! stand on either side of `-- migrate:up`.
//!
//! Stricter where dbmate would go wrong later: versions are numbers, so `1` and `01` are one; files that dbmate, which
//! sorts names, would apply in another order than by their versions are refused, and so are options that it would
//! ignore, and a second pair of parts.

use std::path::Path;

use super::{
    Layout, LayoutError, LayoutProblem,
    files::{self, Depth, Found, SQL, Up, refusal},
};
use crate::MigrationSet;

const UP: &str = "-- migrate:up";
const DOWN: &str = "-- migrate:down";

/// Reads the migrations in a folder (not in those below it).
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Flat, |name| {
        name.ends_with(SQL)
    })?)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out.
///
/// ```
/// use towpath_migrate::layout::dbmate;
///
/// let set = dbmate::parse([(
///     "20260101120000_create_guests.sql",
///     "-- migrate:up\nCREATE TABLE guests (name TEXT);\n\n-- migrate:down\nDROP TABLE guests;\n",
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
        let Some((version, digits, name)) = file_name(file)? else {
            found.skip(file);
            continue;
        };
        let text = files::text_in_lines(file, bytes.as_ref(), Layout::Dbmate)?;
        let parts = Parts::cut(file, text)?;
        found.up(Up {
            file: file.to_owned(),
            version: version.into(),
            written: digits.to_owned(),
            name: name.to_owned(),
            sql: parts.up.to_owned(),
            down: files::says_something(parts.down).then(|| parts.down.to_owned()),
            transactional: parts.transactional,
        })?;
    }
    found.refuse_other_order(Layout::Dbmate, |up| up.file.clone())?;
    found.finish(Layout::Dbmate)
}

/// Version, as a number and as text, and name; `None` is a file that dbmate ignores.
fn file_name(file: &str) -> Result<Option<(i64, &str, &str)>, LayoutError> {
    let Some(stem) = file.strip_suffix(SQL) else {
        return Ok(None);
    };
    let end = stem
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(stem.len());
    let (digits, name) = stem.split_at(end);
    let name = name.strip_prefix('_').unwrap_or(name);
    let version = files::digits(file, digits)?;
    Ok(version.map(|version| (version, digits, name)))
}

/// A file's two parts.
struct Parts<'a> {
    up: &'a str,
    down: &'a str,
    transactional: bool,
}

impl<'a> Parts<'a> {
    fn cut(file: &str, text: &'a str) -> Result<Parts<'a>, LayoutError> {
        // Whether the up runs in a transaction, and where the down begins.
        let (mut up, mut down) = (None, None);
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let at = |problem| refusal(file, Some(index + 1), problem);
            if let Some(options) = after(line, "migrate:up") {
                if up.replace(transaction(options).map_err(at)?).is_some() {
                    return Err(at(LayoutProblem::SecondMarker { marker: UP }));
                }
            } else if let Some(options) = after(line, "migrate:down") {
                if up.is_none() {
                    return Err(at(LayoutProblem::Misplaced {
                        marker: DOWN,
                        after: UP,
                    }));
                }
                transaction(options).map_err(at)?;
                if down.replace(offset).is_some() {
                    return Err(at(LayoutProblem::SecondMarker { marker: DOWN }));
                }
            } else if up.is_none() && files::says_something(line) {
                return Err(at(LayoutProblem::Outside { marker: UP }));
            }
            offset += line.len();
        }
        let missing = |marker| refusal(file, None, LayoutProblem::NoMarker { marker });
        let transactional = up.ok_or_else(|| missing(UP))?;
        let (up, down) = text.split_at(down.ok_or_else(|| missing(DOWN))?);
        Ok(Parts {
            up,
            down,
            transactional,
        })
    }
}

/// The options of a line `-- migrate:…`, which begins with its two hyphens.
fn after<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let options = line.strip_prefix("--")?.trim_start().strip_prefix(marker)?;
    (options.is_empty() || options.starts_with(char::is_whitespace)).then_some(options)
}

/// Whether the part that undoes, which begins with its marker, runs in a transaction.
pub(super) fn is_transactional(down: &str) -> bool {
    let options = down
        .lines()
        .next()
        .and_then(|line| after(line, "migrate:down"));
    options.is_none_or(|options| transaction(options).unwrap_or(true))
}

/// Whether a part with these options runs in a transaction.
fn transaction(options: &str) -> Result<bool, LayoutProblem> {
    let mut transactional = true;
    for option in options.split_whitespace() {
        transactional = match option {
            "transaction:true" => true,
            "transaction:false" => false,
            _ => {
                return Err(LayoutProblem::Option {
                    text: option.to_owned(),
                });
            }
        };
    }
    Ok(transactional)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const BOTH: &str = "-- migrate:up\nSELECT 1;\n-- migrate:down\n";

    fn refused(files: &[(&str, &str)]) -> String {
        let error = parse(files.iter().copied()).unwrap_err();
        assert!(!error.remedy().is_empty());
        error.to_string()
    }

    #[test]
    fn files_become_an_ordered_set() {
        let set = parse([
            (
                "20260102_users.sql",
                "-- Everybody who may come.\n\n-- migrate:up\n-- towpath: expand\nCREATE TABLE users (id);\n\n\
                 -- migrate:down\nDROP TABLE users;\n",
            ),
            (
                "20260103.sql",
                "-- towpath: data\r\n--migrate:up transaction:false\r\nVACUUM;\r\n--  migrate:down\r\n-- nothing\r\n",
            ),
            ("20260101abc.sql", BOTH),
            ("seed.sql", "SELECT 'ignored'"),
            ("README.md", ""),
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
                (20_260_101, "abc", true),
                (20_260_102, "users", true),
                (20_260_103, "", false),
            ]
        );
        assert_eq!(set.layout(), Layout::Dbmate);
        assert_eq!(set.skipped(), ["seed.sql"]);
        let users = set.get(20_260_102).unwrap();
        assert!(users.up.ends_with("CREATE TABLE users (id);\n\n"));
        assert_eq!(
            users.down.as_deref(),
            Some("-- migrate:down\nDROP TABLE users;\n")
        );
        assert_eq!(users.contract.kind.as_str(), "expand");
        let vacuum = set.get(20_260_103).unwrap();
        assert_eq!(vacuum.contract.kind.as_str(), "data");
        assert_eq!(vacuum.down, None);
    }

    #[test]
    fn a_file_is_refused_by_its_line() {
        let cases = [
            ("SELECT 1;", "line 1: SQL before `-- migrate:up`"),
            ("-- migrate:upward\n", "no line says `-- migrate:up`"),
            (
                "\u{feff}-- migrate:up\n-- migrate:down\n",
                "line 1: a byte order mark, which hides the line from dbmate",
            ),
            (" -- migrate:up\n", "no line says `-- migrate:up`"),
            ("-- migrate:up\n", "no line says `-- migrate:down`"),
            (
                "-- migrate:down\n-- migrate:up\n",
                "line 1: `-- migrate:down` is out of place: it belongs after `-- migrate:up`",
            ),
            (
                "-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down\n",
                "line 3: a second `-- migrate:up`",
            ),
            (
                "-- migrate:up\n-- migrate:down\n-- migrate:down\n",
                "line 3: a second `-- migrate:down`",
            ),
            (
                "-- migrate:up transaction:False\n-- migrate:down\n",
                "line 1: `transaction:False` is not an option that is known here",
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
    fn what_dbmate_would_stumble_over_later_is_refused() {
        assert_eq!(
            refused(&[("1_a.sql", BOTH), ("01_b.sql", BOTH)]),
            "use 1_a.sql as a migration: 01_b.sql has version 1 too"
        );
        assert_eq!(
            refused(&[("2_a.sql", BOTH), ("10_b.sql", BOTH)]),
            "use 2_a.sql as a migration: dbmate compares text, and would apply it after 10_b.sql, whose version is later"
        );
        assert_eq!(
            refused(&[("99999999999999999999.sql", BOTH)]),
            "use 99999999999999999999.sql as a migration: 99999999999999999999 is too large for a version"
        );
        assert_eq!(
            refused(&[("a/1_a.sql", BOTH)]),
            "use \"a/1_a.sql\" as a migration: it is a path and not a file name"
        );
        assert_eq!(
            refused(&[(
                "1_a.sql",
                "-- migrate:up\n-- towpath: nothing\n-- migrate:down\n"
            )]),
            "read the contract of 1_a.sql: line 2: \"nothing\" is not a contract"
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(
                (
                    "[0-9]{0,20}_?[a.é]{0,3}(\\.sql)?",
                    "(-- ?migrate:(up|down)( transaction:(true|false|))?(\r?\n|)|SELECT 1;|\n| |é|\u{feff}){0,8}",
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
