//! The layout of refinery, by the rules of `refinery_core/src/util.rs` (0.8 and later).
//!
//! A migration is what matches `^[UV](\d+)__(\w+)\.sql$`, in the folder and in those below it; every other file is
//! ignored. The name is what stands after the two underscores. A line `-- refinery:noTransaction` anywhere in the file
//! has it run outside a transaction. `U` does not undo anything: it is a migration that refinery applies whenever it
//! has not been, in the order of versions with the rest. Here its order is kept like that of every other.
//!
//! Versions may be larger than the 32 bits that refinery takes unless it is built with `int8-versions`. Refused because
//! it is not run here: what is written in Rust.

use std::path::Path;

use super::{
    Layout, LayoutError, LayoutProblem,
    files::{self, Depth, Found, SQL, Up, refusal},
};
use crate::{Migration, MigrationSet, digest};

const RUST: &str = ".rs";

/// Reads the migrations in a folder and in those below it.
pub fn load(dir: impl AsRef<Path>) -> Result<MigrationSet, LayoutError> {
    parse(files::read(dir.as_ref(), Depth::Tree, |name| {
        name.ends_with(SQL) || name.ends_with(RUST)
    })?)
}

/// Makes a set of files' names and contents, such as those of a git tree that is not checked out. Names may be paths.
///
/// ```
/// use towpath_migrate::layout::refinery;
///
/// let set = refinery::parse([("V1__create_guests.sql", "CREATE TABLE guests (name TEXT);")])?;
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
        let Some((version, name)) = file_name(file)? else {
            found.skip(file);
            continue;
        };
        let sql = files::text(file, bytes.as_ref())?;
        found.up(Up {
            file: file.to_owned(),
            version: version.into(),
            written: version.to_string(),
            name: name.to_owned(),
            sql: sql.to_owned(),
            down: None,
            transactional: !sql.lines().any(says_no_transaction),
        })?;
    }
    found.finish(Layout::Refinery)
}

/// Version and name; `None` is a file that refinery ignores.
fn file_name(file: &str) -> Result<Option<(i64, &str)>, LayoutError> {
    let base = file.rsplit('/').next().unwrap_or(file);
    let rust = base.ends_with(RUST);
    let stem = base.strip_suffix(SQL).or_else(|| base.strip_suffix(RUST));
    let Some((version, name)) = stem
        .and_then(|stem| stem.strip_prefix(['U', 'V']))
        .and_then(|rest| rest.split_once("__"))
    else {
        return Ok(None);
    };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = version.split_once('.').unwrap_or((version, "0"));
    if name.is_empty() || !name.chars().all(word) || !number(whole) || !number(part) {
        return Ok(None);
    }
    if rust {
        let language = "Rust";
        return Err(refusal(file, None, LayoutProblem::Language { language }));
    }
    // Refinery finds such a file, and then cannot read its version.
    let version = files::digits(file, version)?.ok_or_else(|| {
        let version = version.to_owned();
        refusal(file, None, LayoutProblem::NotDigits { version })
    })?;
    Ok(Some((version, name)))
}

/// What refinery records: SipHash over name, version and SQL, as Rust hashes them one after the other. The version has
/// 32 bits, or 64 when refinery is built with `int8-versions`; the one that is more likely comes first.
pub(crate) fn checksums(migration: &Migration, sql: &str) -> Vec<String> {
    let narrow =
        i32::try_from(migration.version.key()).map(|version| version.to_le_bytes().to_vec());
    let wide = migration.version.key().to_le_bytes().to_vec();
    let of = |version: Vec<u8>| {
        let name = migration.name.as_bytes();
        let bytes = [name, b"\xff", &version, sql.as_bytes(), b"\xff"].concat();
        digest::siphash13(&bytes).to_string()
    };
    narrow.into_iter().chain([wide]).map(of).collect()
}

/// `^[-]{2,}[\s]?(refinery:noTransaction)$`
fn says_no_transaction(line: &str) -> bool {
    let rest = line.trim_start_matches('-');
    let after_space = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
    line.starts_with("--") && after_space == "refinery:noTransaction"
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
                "V2__add_users.sql",
                "-- towpath: expand\nCREATE TABLE users (id);",
            ),
            (
                "old/U003__vacuum.sql",
                "VACUUM;\r\n--- refinery:noTransaction\r\n",
            ),
            ("V4__é_0__1.sql", "-- refinery:noTransaction?"),
            ("V5_one_underscore.sql", ""),
            ("V6__.sql", ""),
            ("V7__a-b.sql", ""),
            ("v8__small.sql", ""),
            ("mod.rs", "pub mod a;"),
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
                (4, "é_0__1", true),
                (10, "ten", true),
            ]
        );
        assert_eq!(set.layout(), Layout::Refinery);
        assert_eq!(
            set.skipped(),
            [
                "V5_one_underscore.sql",
                "V6__.sql",
                "V7__a-b.sql",
                "v8__small.sql"
            ]
        );
        assert_eq!(set.get(2).unwrap().contract.kind.as_str(), "expand");
        assert_eq!(set.get(2).unwrap().down, None);
    }

    #[test]
    fn what_refinery_would_stumble_over_is_refused() {
        let cases: &[(&[&str], &str)] = &[
            (
                &["V1__a.sql", "old/U01__b.sql"],
                "use old/U01__b.sql as a migration: V1__a.sql has version 1 too",
            ),
            (
                &["V1.1__a.sql"],
                "use V1.1__a.sql as a migration: \"1.1\" is not a version number",
            ),
            (
                &["V99999999999999999999__a.sql"],
                "use V99999999999999999999__a.sql as a migration: 99999999999999999999 is too large for a version",
            ),
            (
                &["V1__a.rs"],
                "use V1__a.rs as a migration: it is written in Rust, and only SQL is run",
            ),
        ];
        for (names, expected) in cases {
            let files: Vec<_> = names.iter().map(|name| (*name, "")).collect();
            assert_eq!(refused(&files), *expected);
        }
    }

    #[test]
    fn the_checksum_is_what_rust_hashes() {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};

        let set = parse([("V2__add_users.sql", "CREATE TABLE users (id);")]).unwrap();
        let migration = &set.migrations()[0];
        let mut hasher = DefaultHasher::new();
        migration.name.hash(&mut hasher);
        2i32.hash(&mut hasher);
        migration.up.hash(&mut hasher);
        let found = checksums(migration, &migration.up);
        assert_eq!(found[0], hasher.finish().to_string());
        assert_eq!(found.len(), 2);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(
            files in vec(("(a/)?[UVR]?[0-9]{0,20}\\.?[0-9]?_{0,2}[a.é]{0,3}(\\.sql|\\.rs)?", any::<Vec<u8>>()), 0..5),
        ) {
            if let Err(error) = parse(files) {
                prop_assert!(!error.remedy().is_empty());
            }
        }
    }
}
