//! Migrations that the project's own tool applies: files in whatever language, known by the names by which tools tell of
//! them. What is not read is the code in them; their contract is what a comment declares.
//!
//! The rules of names are those of the tools, by where they have their files:
//!
//! * Django (`db/migrations/loader.py`): `APP/migrations/NAME.py` is `APP.NAME`.
//! * Prisma: `NAME/migration.sql` is `NAME`.
//! * The others: a file is its name without what follows the last dot.
//!
//! Such names are no numbers, and receipts have numbers: a version is made of the name, see [`version_of`].

mod pattern;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Layout, LayoutError, files};
use crate::{Contract, Migration, MigrationSet, Version, digest, migration::FIRST_NAMED};

pub use pattern::Files;

/// Reads the migrations of a work tree: `migrations` is their directory, or a pattern, from its root.
pub fn load(root: impl AsRef<Path>, migrations: &str) -> Result<MigrationSet, LayoutError> {
    let wanted = Files::of(migrations);
    let mut found = Vec::new();
    let folder = match wanted.folder() {
        folder if folder.is_empty() => folder,
        folder => folder + "/",
    };
    walk(root.as_ref(), folder, &wanted, &mut found)?;
    parse(found)
}

fn walk(
    root: &Path,
    prefix: String,
    wanted: &Files,
    found: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), LayoutError> {
    let folder: PathBuf = root.join(&prefix);
    let unreadable = |source| LayoutError::Folder {
        path: folder.clone(),
        source,
    };
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .map(|name| format!("{prefix}{name}"))
        else {
            continue;
        };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && wanted.may_be_below(&name) {
            walk(root, name + "/", wanted, found)?;
        } else if !is_folder && wanted.has(&name) {
            let path = entry.path();
            let bytes = fs::read(&path).map_err(|source| LayoutError::File { path, source })?;
            found.push((name, bytes));
        }
    }
    Ok(())
}

/// Makes a set of the migrations' files: their paths from the repository's root, and contents.
///
/// ```
/// use towpath_migrate::{ContractKind, layout::command};
///
/// let set = command::parse([
///     ("guests/migrations/0001_initial.py", "# towpath: expand because v1 ignores it\n"),
///     ("polls/migrations/0001_initial.py", "from django.db import migrations\n"),
/// ])?;
/// assert_eq!(set.migrations()[0].name, "guests.0001_initial");
/// assert_eq!(set.migrations()[0].contract.kind, ContractKind::Expand);
/// assert_eq!(set.migrations()[1].contract.kind, ContractKind::Unknown);
/// # Ok::<(), towpath_migrate::LayoutError>(())
/// ```
pub fn parse<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Result<MigrationSet, LayoutError>
where
    N: AsRef<str>,
    B: AsRef<[u8]>,
{
    let mut read = Vec::new();
    for (path, bytes) in files::sorted(files) {
        let path = path.as_ref().to_owned();
        let text = files::text(&path, bytes.as_ref())?.to_owned();
        read.push((name_of(&path), path, text));
    }
    read.sort_by_key(place);
    let mut migrations: Vec<Migration> = Vec::with_capacity(read.len());
    for (name, path, text) in &read {
        if let Some(same) = migrations.iter().find(|other| other.name == *name) {
            return Err(LayoutError::SameName {
                name: name.clone(),
                first: same.file.clone(),
                second: path.clone(),
            });
        }
        let after = |said: &str| {
            let all = read
                .iter()
                .map(|(name, path, _)| (name.as_str(), Some(path.as_str())));
            match meant(said, all).as_slice() {
                [name] => version_of(name),
                _ => version_of(said),
            }
        };
        let contract =
            Contract::declared_anywhere(text, after).map_err(|problem| LayoutError::Contract {
                file: path.clone(),
                problem,
            })?;
        migrations.push(Migration {
            version: version_of(name),
            name: name.clone(),
            checksum: digest::sha256(text.as_bytes()),
            up: text.clone(),
            down: None,
            down_transactional: true,
            contract,
            batches: None,
            transactional: true,
            written: name.clone(),
            file: path.clone(),
        });
    }
    Ok(MigrationSet::new(Layout::Command, migrations, Vec::new()))
}

/// By their numbers, and those of the same number by their paths: the tool has an order of its own, which files need not show.
fn place((_, path, _): &(String, String, String)) -> (u64, String) {
    let file = match split(path) {
        (folder, file) if is_in_folder_of_its_own(file) => split(folder).1,
        (_, file) => file,
    };
    let digits: String = file.chars().take_while(char::is_ascii_digit).collect();
    (digits.parse().unwrap_or_default(), path.clone())
}

/// The number under which a migration of this name has its receipt: 52 bits of the name's SHA-256 above 2^52, where no tool
/// has numbers, and below 2^53, so that every reader of JSON knows it exactly.
pub fn version_of(name: &str) -> Version {
    let hash = Sha256::digest(name.as_bytes());
    let bits = hash
        .iter()
        .take(8)
        .fold(0_i64, |bits, byte| bits << 8 | i64::from(*byte));
    Version::from(FIRST_NAMED | (bits & (FIRST_NAMED - 1)))
}

/// A path's folder and last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A file's name without what follows the last dot.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    }
}

fn is_in_folder_of_its_own(file: &str) -> bool {
    stem(file) == "migration"
}

/// The application that Django has a migration for.
fn application(path: &str) -> Option<&str> {
    let (folder, file) = split(path);
    let (above, folder) = split(folder);
    let (_, application) = split(above);
    (folder == "migrations" && file.ends_with(".py") && !application.is_empty())
        .then_some(application)
}

fn name_of(path: &str) -> String {
    let (folder, file) = split(path);
    match application(path) {
        Some(application) => format!("{application}.{}", stem(file)),
        None if is_in_folder_of_its_own(file) && !folder.is_empty() => split(folder).1.to_owned(),
        None => stem(file).to_owned(),
    }
}

/// Which of the migrations of these names and files a tool means: the one that it calls so, or the one that it calls by the
/// number, or whatever it has in a number's place, with which the name begins.
pub(crate) fn meant<'a>(
    told: &str,
    all: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
) -> Vec<&'a str> {
    let names = |is: fn(&str, &str, Option<&str>) -> bool| -> Vec<&'a str> {
        let found = all.clone().filter(|(name, file)| is(told, name, *file));
        found.map(|(name, _)| name).collect()
    };
    let exact = names(is_called);
    match exact.is_empty() {
        true => names(is_numbered),
        false => exact,
    }
}

fn is_called(told: &str, name: &str, file: Option<&str>) -> bool {
    let by_file = |path: &str| {
        // In Django, the name alone is that of a migration of any application.
        told == path || (application(path).is_none() && told == split(path).1)
    };
    match file {
        Some(path) => told == name || by_file(path),
        None => told == name || stem(told) == name,
    }
}

/// Rails tells numbers, Alembic identifiers, and TypeORM the number at the end of a class's name.
fn is_numbered(told: &str, name: &str, _: Option<&str>) -> bool {
    let identifier = name.split(['_', '-']).next().unwrap_or(name);
    let is_time = identifier.len() >= 10 && identifier.bytes().all(|byte| byte.is_ascii_digit());
    let rest = told.strip_suffix(identifier);
    match rest {
        Some("") => identifier != name,
        Some(rest) => is_time && !rest.ends_with(|last: char| last.is_ascii_digit()),
        None => false,
    }
}

/// Whether these are the migrations of applications, as Django has them, and this name is of none of theirs: it came with a
/// package that the project uses, and no file of it is in the repository.
pub(crate) fn is_of_package<'a>(told: &str, mut files: impl Iterator<Item = &'a str>) -> bool {
    let Some((of, _)) = told.split_once('.') else {
        return false;
    };
    let mut any = false;
    let none_is_its = files.all(|path| {
        any = true;
        application(path).is_some_and(|application| application != of)
    });
    any && none_is_its
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContractKind;

    fn names(paths: &[&str]) -> Vec<String> {
        let set = parse(paths.iter().map(|path| (*path, ""))).unwrap();
        let names = set.migrations().iter().map(|one| one.name.clone());
        names.collect()
    }

    fn told(told: &str, paths: &[&str]) -> Vec<String> {
        let all: Vec<(String, &str)> = paths.iter().map(|path| (name_of(path), *path)).collect();
        let all = all.iter().map(|(name, path)| (name.as_str(), Some(*path)));
        meant(told, all).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn names_are_those_by_which_tools_tell_of_them() {
        let django = [
            "guests/migrations/0002_b.py",
            "guests/migrations/0001_a.py",
            "src/polls/migrations/0001_a.py",
        ];
        assert_eq!(
            names(&django),
            ["guests.0001_a", "polls.0001_a", "guests.0002_b"]
        );
        assert_eq!(
            names(&["prisma/migrations/2024_a/migration.sql"]),
            ["2024_a"]
        );
        assert_eq!(
            names(&["migrations/0001_a.py", "migrations/2_b.js"]),
            ["0001_a", "2_b"]
        );
        let twice = parse([("a/1_a.js", ""), ("b/1_a.js", "")]).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "use b/1_a.js as a migration: a/1_a.js is 1_a too"
        );
    }

    #[test]
    fn a_version_is_made_of_the_name_alone() {
        let version = version_of("guests.0001_initial");
        assert_eq!(version, version_of("guests.0001_initial"));
        assert_ne!(version, version_of("polls.0001_initial"));
        let number = version.number().unwrap();
        assert!((FIRST_NAMED..FIRST_NAMED * 2).contains(&number));
    }

    #[test]
    fn what_a_tool_tells_is_one_file_or_none() {
        let django = [
            "guests/migrations/0001_initial.py",
            "polls/migrations/0001_initial.py",
        ];
        assert_eq!(
            told("guests.0001_initial", &django),
            ["guests.0001_initial"]
        );
        assert!(
            told("0001_initial", &django).is_empty(),
            "of any application"
        );
        assert!(told("0001_initial", &django[..1]).is_empty());
        let rails = [
            "db/migrate/20240101000000_create_guests.rb",
            "db/migrate/001_old.rb",
        ];
        assert_eq!(
            told("20240101000000", &rails),
            ["20240101000000_create_guests"]
        );
        assert_eq!(told("001", &rails), ["001_old"]);
        assert!(told("2024010100000", &rails).is_empty());
        let knex = ["migrations/20240101000000_guests.js"];
        assert_eq!(
            told("20240101000000_guests.js", &knex),
            ["20240101000000_guests"]
        );
        assert!(told("20240101000000_renamed.js", &knex).is_empty());
        let alembic = [
            "alembic/versions/ae1027a6acf_add.py",
            "alembic/versions/21469f20abd5_create.py",
        ];
        assert_eq!(told("21469f20abd5", &alembic), ["21469f20abd5_create"]);
        let typeorm = ["src/migration/1700000000000-CreateGuests.ts"];
        assert_eq!(
            told("CreateGuests1700000000000", &typeorm),
            ["1700000000000-CreateGuests"]
        );
        assert!(told("CreateGuests91700000000000", &typeorm).is_empty());
        let same = ["a/20240101000000_a.js", "a/20240101000000_b.js"];
        assert_eq!(told("20240101000000", &same).len(), 2);
    }

    #[test]
    fn a_package_brings_migrations_without_files() {
        let django = ["guests/migrations/0001_initial.py"];
        assert!(is_of_package("auth.0001_initial", django.into_iter()));
        assert!(!is_of_package("guests.0009_elsewhere", django.into_iter()));
        assert!(!is_of_package("0001_initial", django.into_iter()));
        assert!(!is_of_package("a.js", ["migrations/1_a.js"].into_iter()));
        assert!(!is_of_package("auth.0001_initial", std::iter::empty()));
    }

    #[test]
    fn contracts_are_declared_in_the_comments_of_any_language() {
        let kind = |text: &str| {
            let set = parse([("migrations/1_a.x", text)]);
            set.map(|set| set.migrations()[0].contract.clone())
        };
        for text in [
            "\"\"\"add mood\"\"\"\nimport x\n\n  # towpath: data because of it\n",
            "// towpath: data because of it",
            "-- towpath: data because of it\nUPDATE t SET a = 1;",
            "/* towpath: data because of it */",
            "/**\n * towpath: data because of it\n */",
            "<!-- towpath: data because of it -->",
        ] {
            let contract = kind(text).unwrap();
            assert_eq!(contract.kind, ContractKind::Data, "{text}");
            assert_eq!(contract.because.as_deref(), Some("of it"), "{text}");
        }
        assert_eq!(kind("x = 'towpath: data'").unwrap(), Contract::UNKNOWN);
        let wrong = kind("x = 1\n# towpath: expnad").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "read the contract of migrations/1_a.x: line 2: \"expnad\" is not a contract"
        );
        let files = [
            ("a/migrations/0001_a.py", ""),
            (
                "a/migrations/0002_b.py",
                "# towpath: contract after a.0001_a because nobody reads it",
            ),
        ];
        let set = parse(files).unwrap();
        assert_eq!(
            set.migrations()[1].contract.after,
            Some(version_of("a.0001_a"))
        );
    }

    #[test]
    fn a_work_tree_is_read_by_the_pattern() {
        let tree = tempfile::tempdir().unwrap();
        for path in [
            "guests/migrations/0001_initial.py",
            "guests/migrations/__init__.py",
            "guests/models.py",
            ".venv/x/migrations/0001_initial.py",
        ] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let read = |pattern: &str| {
            let set = load(tree.path(), pattern).unwrap();
            let names = set.migrations().iter().map(|one| one.name.clone());
            names.collect::<Vec<_>>()
        };
        assert_eq!(read("*/migrations/0*.py"), ["guests.0001_initial"]);
        assert_eq!(read("**/migrations/0*.py"), ["guests.0001_initial"]);
        assert_eq!(read("guests/migrations"), ["guests.0001_initial"]);
        assert!(load(tree.path(), "nowhere").is_err());
    }
}
