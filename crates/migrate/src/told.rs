//! What the project's own tool tells of its migrations: found in the output of its status, and compared with the files and the
//! receipts. Pure.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{
    History, MigrationSet, NativeRow, Plan, PlanError, Receipt, ReceiptState, Version,
    layout::command::{is_of_package, meant, version_of},
    plan,
};

/// What is found unless it is said otherwise: the marks of Django and TypeORM (`[X]`), those of Rails and Sequelize (`up`), and the
/// section of Knex.
const APPLIED: &str = r"(?m)^[ \t]*(?:\[[Xx]\][ \t]+(?:\d+[ \t]+)?|up[ \t]+)(\S+)|(?s:Completed Migration file/files\.\n(.*?)\n(?:Found|No) )";

/// How the output of a status is read.
#[derive(Debug, Clone)]
pub struct Reading {
    names: Regex,
    is_pending: bool,
}

/// A text that is not a regular expression. Completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {pattern:?} as a regular expression: {why}")]
pub struct BadReading {
    pattern: String,
    why: String,
}

/// What a status tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The names, as the tool has them.
    names: Vec<String>,
    /// Whether they are those that are not applied: then all others are.
    is_pending: bool,
}

impl Reading {
    /// By a regular expression whose groups hold names, with white space between them: of what is applied, or of what is not,
    /// where the tool tells only that; by the marks that tools have in common, where neither is given.
    pub fn of(applied: Option<&str>, pending: Option<&str>) -> Result<Reading, BadReading> {
        let pattern = applied.or(pending).unwrap_or(APPLIED);
        let names = Regex::new(pattern).map_err(|error| BadReading {
            pattern: pattern.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Reading {
            names,
            is_pending: applied.is_none() && pending.is_some(),
        })
    }

    /// Reads an output, whatever colours and line endings it has.
    pub fn read(&self, output: &str) -> Status {
        let text = plain(output);
        let groups = self
            .names
            .captures_iter(&text)
            .flat_map(|found| found.iter().skip(1).flatten().collect::<Vec<_>>());
        let names = groups.flat_map(|group| group.as_str().split_whitespace());
        let mut names: Vec<String> = names.map(shown).collect();
        names.sort_unstable();
        names.dedup();
        Status {
            names,
            is_pending: self.is_pending,
        }
    }
}

/// A name as it may be shown: that of no file has control characters, or is this long.
fn shown(name: &str) -> String {
    const LONGEST: usize = 300;
    let shown = name.chars().take(LONGEST).map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    let ending = if name.chars().nth(LONGEST).is_some() {
        "…"
    } else {
        ""
    };
    shown.collect::<String>() + ending
}

/// A text without what colours it on a terminal, and with the line endings of Unix.
fn plain(output: &str) -> String {
    let mut text = String::with_capacity(output.len());
    let mut rest = output.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                // The parameters, and the letter that ends the sequence (ECMA-48, 5.4).
                while rest
                    .next()
                    .is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c))
                {}
            }
            '\r' if rest.peek() == Some(&'\n') => {}
            c => text.push(c),
        }
    }
    text
}

/// A plan by what a tool tells, and what of it is of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldPlan {
    /// What the tool would apply, and what it has applied that has no receipt yet.
    pub plan: Plan,
    /// The versions of those that were begun with a receipt, and that it tells as applied.
    pub ended: Vec<Version>,
    /// What it tells that came with packages: there is no file of it, and no contract.
    pub of_packages: Vec<String>,
}

impl Status {
    /// What there is to tell of a database that is not there.
    pub fn of_nothing() -> Status {
        Status {
            names: Vec::new(),
            is_pending: false,
        }
    }

    /// Whether it can be believed. A tool that tells what is not applied may say by its exit status that there is something.
    pub fn counts(&self, ended_well: bool) -> bool {
        ended_well || (self.is_pending && !self.names.is_empty())
    }

    /// What is applied, as rows of the tool, and what is of packages.
    fn rows(
        &self,
        set: &MigrationSet,
        receipts: &BTreeMap<Version, Receipt>,
    ) -> Result<(BTreeMap<Version, NativeRow>, Vec<String>), PlanError> {
        let files = || set.migrations().iter();
        let gone = receipts
            .values()
            .filter(|receipt| set.get(receipt.version).is_none());
        let known: Vec<(&str, Option<&str>)> = files()
            .map(|one| (one.name.as_str(), Some(one.file.as_str())))
            .chain(gone.map(|receipt| (receipt.name.as_str(), None)))
            .collect();
        let mut rows = BTreeMap::new();
        let mut of_packages = Vec::new();
        for told in &self.names {
            let name = match meant(told, known.iter().copied()).as_slice() {
                [name] => *name,
                [] if is_of_package(told, files().map(|one| one.file.as_str())) => {
                    if !self.is_pending {
                        of_packages.push(told.clone());
                    }
                    continue;
                }
                [] if self.is_pending => return Err(PlanError::Unmatched { told: told.clone() }),
                [] => told,
                several => {
                    return Err(PlanError::Ambiguous {
                        told: told.clone(),
                        names: several.iter().map(|name| (*name).to_owned()).collect(),
                    });
                }
            };
            rows.insert(version_of(name), row(name));
        }
        if self.is_pending {
            let is_told = |name: &str| !rows.contains_key(&version_of(name));
            let others = known.iter().map(|(name, _)| *name);
            let applied = others.filter(|name| is_told(name));
            rows = applied.map(|name| (version_of(name), row(name))).collect();
        }
        Ok((rows, of_packages))
    }
}

fn row(name: &str) -> NativeRow {
    NativeRow {
        version: version_of(name),
        description: name.to_owned(),
        success: true,
        checksum: None,
        installed_at_ms: 0,
        took_ms: 0,
    }
}

/// Plans a set by what its tool tells, on a database with these receipts. Those of migrations that were begun, and of which
/// nobody knows whether they ended, are left out: the tool knows.
pub(crate) fn decide(
    set: &MigrationSet,
    mut history: History,
    status: &Status,
) -> Result<ToldPlan, PlanError> {
    let (rows, of_packages) = status.rows(set, &history.receipts)?;
    let mut ended = Vec::new();
    history.receipts.retain(|version, receipt| {
        if receipt.state == ReceiptState::Started && rows.contains_key(version) {
            receipt.state = ReceiptState::Applied;
            ended.push(*version);
        }
        receipt.state == ReceiptState::Applied
    });
    history.native = rows;
    Ok(ToldPlan {
        plan: plan::decide(set, history)?,
        ended,
        of_packages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ADOPTED, Contract, layout::command};

    fn read(output: &str) -> Vec<String> {
        Reading::of(None, None).unwrap().read(output).names
    }

    #[test]
    fn the_marks_of_tools_are_known() {
        let django = "[X]  auth.0001_initial\n[X]  guests.0001_initial\n[ ]  guests.0002_mood\n";
        assert_eq!(read(django), ["auth.0001_initial", "guests.0001_initial"]);
        let typeorm = "[X] 1 CreateGuests1700000000000\n [ ] AddMood1700000000001\n";
        assert_eq!(read(typeorm), ["CreateGuests1700000000000"]);
        let rails = "\ndatabase: storage/production.sqlite3\n\n Status   Migration ID    Migration Name\n\
                     --------------------------------------------------\n   up     20240101000000  Create guests\n  \
                     down    20240102000000  Add mood\n\n";
        assert_eq!(read(rails), ["20240101000000"]);
        let sequelize = "up 20240101000000-guests.js\ndown 20240102000000-mood.js\n";
        assert_eq!(read(sequelize), ["20240101000000-guests.js"]);
        let knex = "\u{1b}[32mFound 2 Completed Migration file/files.\n\u{1b}[39m\u{1b}[36m1_a.js\n2_b.js\n\u{1b}[39m\
                    Found 1 Pending Migration file/files.\n3_c.js\n\n";
        assert_eq!(read(knex), ["1_a.js", "2_b.js"]);
        let done = "Found 1 Completed Migration file/files.\r\n1_a.js\r\nNo Pending Migration files Found.\r\n";
        assert_eq!(read(done), ["1_a.js"]);
        let none =
            "No Completed Migration files Found.\nFound 1 Pending Migration file/files.\n1_a.js\n";
        assert!(read(none).is_empty());
        assert!(read("setup complete, see the startup log\n").is_empty());
        assert_eq!(
            read("[X] a\u{7}\u{1b}]0;b\u{7}\n"),
            ["a\\u{7}\\u{1b}]0;b\\u{7}"]
        );
        assert_eq!(
            read(&format!("up {}\n", "a".repeat(1 << 20)))[0]
                .chars()
                .count(),
            301
        );
    }

    #[test]
    fn another_tool_is_read_by_its_own_pattern() {
        let alembic = Reading::of(Some(r"-> (\w+)"), None).unwrap();
        let told = alembic.read("21469f20abd5 -> beefbeefbeef (head) (current), add mood\n<base> -> 21469f20abd5, create\n");
        assert_eq!(told.names, ["21469f20abd5", "beefbeefbeef"]);
        assert!(!told.counts(false) && told.counts(true));
        let prisma = Reading::of(None, Some(r"(?s)not yet been applied:\n(.*?)\n\n")).unwrap();
        let told = prisma.read("2 migrations found in prisma/migrations\n\nFollowing migrations have not yet been applied:\n2024_a\n2024_b\n\nTo apply\n");
        assert_eq!(told.names, ["2024_a", "2024_b"]);
        assert!(told.counts(false), "Prisma ends with status 1 then");
        let broken = prisma.read("Error: P1001: cannot reach the database server\n");
        assert!(
            !broken.counts(false),
            "nothing is applied by a status that fails"
        );
        let error = Reading::of(Some("("), None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("read \"(\" as a regular expression: "),
            "{error}"
        );
    }

    fn set(paths: &[&str]) -> MigrationSet {
        command::parse(paths.iter().map(|path| (*path, ""))).unwrap()
    }

    fn status(names: &[&str], is_pending: bool) -> Status {
        Status {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            is_pending,
        }
    }

    fn history(set: &MigrationSet, state: ReceiptState) -> History {
        let receipt = |one: &crate::Migration| Receipt {
            version: one.version,
            name: one.name.clone(),
            checksum: one.checksum.clone(),
            contract: Contract::UNKNOWN,
            state,
            applied_at_ms: 0,
            took_ms: 0,
            applied_by: ADOPTED.into(),
            down: None,
            down_transactional: true,
            progress: None,
        };
        let receipts = set.migrations().iter();
        History {
            receipts: receipts.map(|one| (one.version, receipt(one))).collect(),
            ..History::default()
        }
    }

    fn pending(plan: &ToldPlan) -> Vec<&str> {
        let pending = plan.plan.pending.iter();
        pending.map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn what_is_not_told_is_pending_whatever_its_place() {
        let all = set(&[
            "a/migrations/0001_a.py",
            "b/migrations/0001_a.py",
            "b/migrations/0002_b.py",
        ]);
        let told = status(&["auth.0001_initial", "b.0001_a"], false);
        let plan = decide(&all, History::default(), &told).unwrap();
        assert_eq!(pending(&plan), ["a.0001_a", "b.0002_b"]);
        assert_eq!(plan.plan.adopted, [version_of("b.0001_a")]);
        assert_eq!(plan.of_packages, ["auth.0001_initial"]);
        let told = status(&["0002_b"], true);
        let knex = set(&["migrations/0001_a.js", "migrations/0002_b.js"]);
        let plan = decide(&knex, History::default(), &told).unwrap();
        assert_eq!(pending(&plan), ["0002_b"]);
    }

    #[test]
    fn what_is_told_as_pending_and_has_no_file_makes_nothing_applied() {
        let knex = set(&["m/1_a.js", "m/2_b.js"]);
        let told = status(&["CreateB"], true);
        let error = decide(&knex, History::default(), &told).unwrap_err();
        assert_eq!(
            error.to_string(),
            "find the migration that the tool's status tells as not applied: \"CreateB\""
        );
        let django = set(&["a/migrations/0001_a.py"]);
        let of_a_package = status(&["auth.0001_initial"], true);
        let plan = decide(&django, History::default(), &of_a_package).unwrap();
        assert_eq!((pending(&plan).len(), plan.of_packages.len()), (0, 0));
    }

    #[test]
    fn what_was_begun_is_as_the_tool_tells() {
        let all = set(&["m/1_a.js", "m/2_b.js"]);
        let begun = history(&all, ReceiptState::Started);
        let plan = decide(&all, begun, &status(&["1_a.js"], false)).unwrap();
        assert_eq!(pending(&plan), ["2_b"]);
        assert_eq!(plan.ended, [version_of("1_a")]);
        let edited = command::parse([("m/1_a.js", "1"), ("m/2_b.js", "")]).unwrap();
        let begun = history(&all, ReceiptState::Started);
        let error = decide(&edited, begun, &status(&["1_a.js"], false)).unwrap_err();
        assert!(matches!(error, PlanError::Edited { .. }), "{error}");
    }

    #[test]
    fn what_tool_files_and_receipts_disagree_on_is_refused() {
        let both = set(&["m/1_a.js", "m/2_b.js"]);
        let first = set(&["m/1_a.js"]);
        let applied = |set: &MigrationSet| history(set, ReceiptState::Applied);
        let all = status(&["1_a.js", "2_b.js"], false);
        let error = decide(&first, applied(&both), &all).unwrap_err();
        assert!(
            matches!(&error, PlanError::Missing { name, .. } if name == "2_b"),
            "{error}"
        );
        let error = decide(&first, History::default(), &all).unwrap_err();
        assert!(
            matches!(&error, PlanError::Missing { name, .. } if name == "2_b.js"),
            "{error}"
        );
        let error = decide(&both, applied(&both), &status(&["1_a.js"], false)).unwrap_err();
        assert!(
            matches!(&error, PlanError::Untold { name, .. } if name == "2_b"),
            "{error}"
        );
        let edited = command::parse([("m/1_a.js", "exports.up = 1")]).unwrap();
        let error = decide(&edited, applied(&first), &status(&["1_a.js"], false)).unwrap_err();
        assert!(
            matches!(&error, PlanError::Edited { name, .. } if name == "1_a"),
            "{error}"
        );
        let same = set(&["m/20240101000000_a.rb", "n/20240101000000_b.rb"]);
        let error = decide(
            &same,
            History::default(),
            &status(&["20240101000000"], false),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "tell which migration the tool's status means by \"20240101000000\": 20240101000000_a or 20240101000000_b"
        );
    }
}
