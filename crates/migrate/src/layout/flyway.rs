//! The layout of Flyway with its default names, by the rules of `ResourceNameParser` and `MigrationVersion` (11).
//!
//! `V` applies a version and `U` undoes it: `V1__create_users.sql`, `U1__create_users.sql`, in the folder and in those
//! below it. The name is what stands after the two underscores, with underscores as spaces, and may be missing. Every
//! other file is ignored. `V1__create_users.sql.conf` beside a file may say `executeInTransaction=false`,
//! `placeholderReplacement=false` and `encoding=UTF-8`.
//!
//! A version may have parts between dots or single underscores (`V1.2`, `V2026_01_01`), compared as numbers one after the
//! other; zeros at the end are none, so that `V1.0` is 1. Flyway has no end of parts, and here there are at most seven.
//!
//! `R__views.sql` is repeatable: it comes after all versions, in the order of its name among its like, and is applied again
//! whenever its checksum is another than that of its last application.
//!
//! Refused because it is not run here, and would be missed if it were ignored: baselines (`B5__all.sql`), callbacks (`afterMigrate.sql`, `createSchema.sql` and whatever begins with `before` or
//! `after` and a capital letter), and placeholders (`${name}`). `PRAGMA foreign_keys` does not make a migration run
//! outside a transaction, as it does there: foreign keys are off while any migration runs.

use std::{collections::BTreeMap, path::Path};

use super::{
    Layout, LayoutError, LayoutProblem,
    files::{self, Depth, Found, SQL, Up, refusal},
};
use crate::{Migration, MigrationSet, Version, digest, version::MOST_PARTS};

/// How long Flyway lets a description be in its table.
pub(crate) const LONGEST_DESCRIPTION: usize = 200;

/// What the name of a file with settings for another ends with.
pub(super) const SETTINGS: &str = ".sql.conf";

/// Reads the migrations in a folder and in those below it.
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Tree, |name| {
        name.ends_with(SQL) || name.ends_with(SETTINGS)
    })?)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out. Names may be paths.
///
/// ```
/// use towpath_migrate::layout::flyway;
///
/// let set = flyway::parse([
///     ("V1__create_guests.sql", "CREATE TABLE guests (name TEXT);"),
///     ("U1__create_guests.sql", "DROP TABLE guests;"),
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
    let files = files::sorted(files);
    let mut all_settings = BTreeMap::new();
    for (file, bytes) in &files {
        let file = file.as_ref();
        if file.ends_with(SETTINGS) {
            let settings = Settings::read(file, files::text(file, bytes.as_ref())?)?;
            all_settings.insert(file.trim_end_matches(".conf"), settings);
        }
    }
    let mut found = Found::default();
    for (file, bytes) in &files {
        let file = file.as_ref();
        let Some(name) = FileName::parse(file)? else {
            found.skip(file);
            continue;
        };
        let sql = files::text(file, bytes.as_ref())?;
        let settings = all_settings.get(file).copied().unwrap_or_default();
        if settings.replaced {
            refuse_placeholder(file, sql)?;
        }
        if name.down {
            found.down(file, name.version, sql)?;
            continue;
        }
        found.up(Up {
            file: file.to_owned(),
            version: name.version,
            written: name.written,
            name: name.description,
            sql: sql.to_owned(),
            down: None,
            transactional: settings.transactional,
        })?;
    }
    found.finish(Layout::Flyway)
}

struct FileName {
    version: Version,
    /// The version as Flyway shows it; nothing for a repeatable migration.
    written: String,
    description: String,
    down: bool,
}

impl FileName {
    /// `None` is a file that Flyway ignores.
    fn parse(file: &str) -> Result<Option<FileName>, LayoutError> {
        let base = file.rsplit('/').next().unwrap_or(file);
        let Some(stem) = base.strip_suffix(SQL) else {
            return Ok(None);
        };
        let (before, description) = stem.split_once("__").unwrap_or((stem, ""));
        if is_callback(before) {
            return Err(refusal(file, None, LayoutProblem::Callback));
        }
        let description = description.replace('_', " ");
        if before == "R" {
            return repeatable(file, description).map(Some);
        }
        let mut characters = before.chars();
        let prefix = characters.next();
        if !matches!(prefix, Some('V' | 'U' | 'B')) {
            return Ok(None);
        }
        let Some(version) = version(file, characters.as_str())? else {
            return Ok(None);
        };
        if prefix == Some('B') {
            let kind = "baseline";
            return Err(refusal(file, None, LayoutProblem::Kind { kind }));
        }
        Ok(Some(FileName {
            version,
            written: characters.as_str().replace('_', "."),
            description,
            down: prefix == Some('U'),
        }))
    }
}

/// Flyway's table cuts a description, and what was cut is never found again to be the file's.
fn repeatable(file: &str, description: String) -> Result<FileName, LayoutError> {
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(refusal(file, None, LayoutProblem::LongDescription));
    }
    Ok(FileName {
        version: Version::repeatable(&description),
        written: String::new(),
        description,
        down: false,
    })
}

/// Whether Flyway would run it at an event, by the names that its events have.
fn is_callback(stem: &str) -> bool {
    let event = stem
        .strip_prefix("before")
        .or_else(|| stem.strip_prefix("after"));
    stem == "createSchema"
        || event.is_some_and(|event| {
            event.starts_with(|c: char| c.is_ascii_uppercase())
                && event.chars().all(|c| c.is_ascii_alphabetic())
        })
}

/// `None` is what Flyway does not take for a version.
fn version(file: &str, text: &str) -> Result<Option<Version>, LayoutError> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split(['.', '_']);
    if !parts.clone().all(is_number) {
        return Ok(None);
    }
    let Some(first) = files::digits(file, parts.next().unwrap_or_default())? else {
        return Ok(None);
    };
    let mut rest = Vec::new();
    for part in parts {
        rest.push(part.parse().map_err(|_| {
            let version = part.to_owned();
            refusal(file, None, LayoutProblem::TooLarge { version })
        })?);
    }
    match Version::of_parts(first, &rest) {
        Some(version) => Ok(Some(version)),
        None => {
            let version = text.replace('_', ".");
            let problem = LayoutProblem::Parts {
                version,
                most: MOST_PARTS,
            };
            Err(refusal(file, None, problem))
        }
    }
}

/// The version in a row of Flyway's table; `None` when it is none of ours.
pub(crate) fn recorded_version(text: &str) -> Option<Version> {
    version("", text).ok().flatten()
}

/// Whether a repeatable migration is what its last application was; Flyway applies it again where it is not.
pub(crate) fn is_current(migration: &Migration, recorded: Option<&String>) -> bool {
    recorded.is_some_and(|recorded| *recorded == checksum(&migration.up))
}

/// What Flyway records: CRC-32 over the lines without their ends, as a number with a sign.
pub(crate) fn checksum(sql: &str) -> String {
    let text = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    let lines = text.split(['\r', '\n']).map(str::as_bytes);
    digest::crc32(lines).cast_signed().to_string()
}

/// Flyway replaces placeholders in the text of the file, in comments and quotes as well.
fn refuse_placeholder(file: &str, sql: &str) -> Result<(), LayoutError> {
    let Some(start) = sql.find("${") else {
        return Ok(());
    };
    let rest = sql[start..].lines().next().unwrap_or_default();
    let end = rest.find('}').map_or(rest.len(), |end| end + 1);
    let problem = LayoutProblem::Replaced {
        text: rest[..end].to_owned(),
        tool: Layout::Flyway,
    };
    let line = sql[..start].matches('\n').count() + 1;
    Err(refusal(file, Some(line), problem))
}

/// What a file of settings says about the one beside it.
#[derive(Debug, Clone, Copy)]
struct Settings {
    transactional: bool,
    /// Whether placeholders would be replaced.
    replaced: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            transactional: true,
            replaced: true,
        }
    }
}

impl Settings {
    fn read(file: &str, text: &str) -> Result<Settings, LayoutError> {
        let mut settings = Settings::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            match (name.trim(), value.trim()) {
                ("executeInTransaction", "true") => settings.transactional = true,
                ("executeInTransaction", "false") => settings.transactional = false,
                ("placeholderReplacement", "true") => settings.replaced = true,
                ("placeholderReplacement", "false") => settings.replaced = false,
                ("encoding", "UTF-8") => {}
                _ => {
                    let text = line.to_owned();
                    let problem = LayoutProblem::Option { text };
                    return Err(refusal(file, Some(index + 1), problem));
                }
            }
        }
        Ok(settings)
    }
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
            ("V10__ten.sql", "SELECT 10;"),
            (
                "old/V002__add_all__users.sql",
                "-- towpath: expand\nCREATE TABLE users (id);",
            ),
            ("U2__anything.sql", "DROP TABLE users;"),
            ("V3.0__vacuum.sql", "VACUUM; -- ${not} replaced"),
            (
                "V3.0__vacuum.sql.conf",
                "# why\nexecuteInTransaction = false\n\nplaceholderReplacement=false\nencoding=UTF-8\n",
            ),
            ("V20260101120000.sql", ""),
            ("V3_1__part.sql", ""),
            ("V3.1.0.1__part.sql", ""),
            ("R__b_views.sql", "CREATE VIEW v AS SELECT 1;"),
            ("views/R__a.sql", ""),
            ("V__no_version.sql", ""),
            ("V1a__letters.sql", ""),
            ("V1.__dot.sql", ""),
            ("Views.sql", ""),
            ("R1__version.sql", ""),
            ("afterwards.sql", ""),
            ("README.md", ""),
        ])
        .unwrap();
        let all: Vec<_> = set
            .migrations()
            .iter()
            .map(|m| (m.version.to_string(), m.name.as_str(), m.transactional))
            .collect();
        assert_eq!(
            all,
            [
                ("2".into(), "add all  users", true),
                ("3".into(), "vacuum", false),
                ("3.1".into(), "part", true),
                ("3.1.0.1".into(), "part", true),
                ("10".into(), "ten", true),
                ("20260101120000".into(), "", true),
                ("R__a".into(), "a", true),
                ("R__b_views".into(), "b views", true),
            ]
        );
        assert_eq!(set.layout(), Layout::Flyway);
        assert_eq!(
            set.skipped(),
            [
                "R1__version.sql",
                "V1.__dot.sql",
                "V1a__letters.sql",
                "V__no_version.sql",
                "Views.sql",
                "afterwards.sql",
            ]
        );
        let users = set.get(2).unwrap();
        assert_eq!(users.contract.kind.as_str(), "expand");
        assert_eq!(users.down.as_deref(), Some("DROP TABLE users;"));
    }

    #[test]
    fn what_is_not_run_or_not_understood_is_refused() {
        let long = format!("R__{}.sql", "a".repeat(201));
        let too_long = format!(
            "use {long} as a migration: its description has more than 200 characters, and flyway would apply it every time"
        );
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[(&long, "")], &too_long),
            (
                &[("R__views.sql", ""), ("later/R__views.sql", "")],
                "use later/R__views.sql as a migration: R__views.sql has version R__views too",
            ),
            (
                &[("V1.1__a.sql", ""), ("V1_01_0__b.sql", "")],
                "use V1_01_0__b.sql as a migration: V1.1__a.sql has version 1.1 too",
            ),
            (
                &[("B5__all.sql", "")],
                "use B5__all.sql as a migration: it is a baseline migration, and those are not run yet",
            ),
            (
                &[("sql/afterMigrate__vacuum.sql", "")],
                "use sql/afterMigrate__vacuum.sql as a migration: it is a callback, and callbacks are not run",
            ),
            (
                &[("V1_2_3_4_5_6_7_8__a.sql", "")],
                "use V1_2_3_4_5_6_7_8__a.sql as a migration: its version 1.2.3.4.5.6.7.8 has more than 7 parts",
            ),
            (
                &[("V1.99999999999999999999__a.sql", "")],
                "use V1.99999999999999999999__a.sql as a migration: 99999999999999999999 is too large for a version",
            ),
            (
                &[("V99999999999999999999__a.sql", "")],
                "use V99999999999999999999__a.sql as a migration: 99999999999999999999 is too large for a version",
            ),
            (
                &[("V1__a.sql", ""), ("old/V1.0__b.sql", "")],
                "use old/V1.0__b.sql as a migration: V1__a.sql has version 1 too",
            ),
            (
                &[("U7__a.sql", "")],
                "use U7__a.sql as a migration: no file applies version 7, which it undoes",
            ),
            (
                &[("V1__a.sql", "SELECT 1;\n-- ${flyway:timestamp} is new\n")],
                "use V1__a.sql as a migration: line 2: `${flyway:timestamp}` is to be replaced by flyway, and nothing is \
                 replaced here",
            ),
            (
                &[
                    ("V1__a.sql", ""),
                    ("V1__a.sql.conf", "\nshouldExecute=false"),
                ],
                "use V1__a.sql.conf as a migration: line 2: `shouldExecute=false` is not an option that is known here",
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(refused(files), *expected);
        }
    }

    #[test]
    fn a_checksum_is_of_lines_without_their_ends() {
        let checksums = ["1234\n56789", "\u{feff}1234\r\n56789\r\n", "1234\r56789"].map(checksum);
        // The check value of CRC-32, 0xcbf43926, with a sign.
        assert_eq!(checksums, ["-873187034"; 3]);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(
                (
                    "(a/)?[UVRB]?[0-9._]{0,20}_{0,2}[a.é]{0,3}(\\.sql|\\.sql\\.conf)?",
                    "(\\$|\\{|\\}|executeInTransaction|=|true|é|\n){0,8}",
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
