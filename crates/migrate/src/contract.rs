//! What a migration declares about the code before and after it. Only the declaration: nothing here reads statements.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Batches, Migration, Version, migration::is_named};

/// How a migration treats the code that is already running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContractKind {
    /// Only adds; the code of before keeps working.
    Expand,
    /// Takes something away that the code of before may use.
    Contract,
    /// Changes rows and not the schema.
    Data,
    /// Cannot be undone without losing something.
    Irreversible,
    /// Nothing was declared.
    Unknown,
}

impl ContractKind {
    /// Every kind that a file can declare.
    pub const DECLARABLE: [ContractKind; 4] = [
        ContractKind::Expand,
        ContractKind::Contract,
        ContractKind::Data,
        ContractKind::Irreversible,
    ];

    /// The word for it, in files and in receipts.
    pub fn as_str(self) -> &'static str {
        match self {
            ContractKind::Expand => "expand",
            ContractKind::Contract => "contract",
            ContractKind::Data => "data",
            ContractKind::Irreversible => "irreversible",
            ContractKind::Unknown => "unknown",
        }
    }

    /// The kind for a declared word.
    fn declared(word: &str) -> Option<ContractKind> {
        ContractKind::DECLARABLE
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// The kind for a word in a receipt; one that a later version wrote is unknown to this one.
    pub(crate) fn recorded(word: &str) -> ContractKind {
        ContractKind::declared(word).unwrap_or(ContractKind::Unknown)
    }
}

impl fmt::Display for ContractKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A migration's contract: what it does to running code, and why its author says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// What it does to running code.
    pub kind: ContractKind,
    /// The reason given after `because`.
    pub because: Option<String>,
    /// The version given after `after`: code that knows this earlier migration no longer needs what this one takes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Version>,
}

impl Contract {
    /// The contract of a file that declares none.
    pub const UNKNOWN: Contract = Contract {
        kind: ContractKind::Unknown,
        because: None,
        after: None,
    };

    /// Reads `-- towpath: KIND because REASON` from the comments that open a file, or `KIND after VERSION because REASON`
    /// where code that knows migration VERSION keeps running.
    ///
    /// The reason may be left out. A file without such a line is [`ContractKind::Unknown`]; a line that cannot be
    /// understood is an error and never ignored, because a typo would otherwise weaken the contract in silence.
    pub fn declared_in(sql: &str) -> Result<Contract, BadContract> {
        let found = declaration(sql)?;
        Ok(found.map_or(Contract::UNKNOWN, |(contract, _, _)| contract))
    }

    /// Refuses what a migration declares after a version that none before it in its set has.
    pub(crate) fn refuse_unknown_after(
        migration: &Migration,
        set: &[Migration],
    ) -> Result<(), BadContract> {
        // The order of the project's own tool is not known.
        if is_named(migration.version) {
            return Ok(());
        }
        let Ok(Some((contract, _, line))) = declaration(&migration.up) else {
            return Ok(());
        };
        let Some(after) = contract.after else {
            return Ok(());
        };
        let is_there = set.iter().any(|known| known.version == after);
        let problem = match after {
            _ if after.is_repeatable() => Problem::RepeatableAfter(after),
            _ if !is_there => Problem::UnknownAfter(after),
            _ if after >= migration.version => Problem::LaterAfter(after),
            _ => return Ok(()),
        };
        Err(BadContract { line, problem })
    }

    /// The same, from a comment anywhere in a file of whatever language; `after` tells the version of a migration that is
    /// named behind `after`.
    pub(crate) fn declared_anywhere(
        text: &str,
        after: impl Fn(&str) -> Version,
    ) -> Result<Contract, BadContract> {
        let mut found: Option<Contract> = None;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let Some(declaration) = comment(line).and_then(after_marker) else {
                continue;
            };
            let at = |problem| BadContract {
                line: index + 1,
                problem,
            };
            let named = |said: &str| match said {
                "" => Err(Problem::Version(String::new())),
                said => Ok(after(said)),
            };
            let (contract, batches) = parse(declaration, named).map_err(at)?;
            if batches.is_some() {
                return Err(at(Problem::BatchesOfTool));
            }
            if found.replace(contract).is_some() {
                return Err(at(Problem::Twice));
            }
        }
        Ok(found.unwrap_or(Contract::UNKNOWN))
    }
}

/// What a line of comment says, in whatever language; `None` of other lines.
fn comment(line: &str) -> Option<&str> {
    const BEGINNINGS: [&str; 8] = ["<!--", "--", "//", "/**", "/*", "*", "#", ";"];
    const ENDS: [&str; 2] = ["*/", "-->"];
    let line = line.trim();
    let said = BEGINNINGS
        .iter()
        .find_map(|begin| line.strip_prefix(begin))?;
    let ended = ENDS.iter().find_map(|end| said.strip_suffix(end));
    Some(ended.unwrap_or(said))
}

impl Batches {
    /// Reads `-- towpath: KIND, batch = ROWS, pause = DURATION because REASON` where [`Contract::declared_in`] does.
    pub fn declared_in(sql: &str) -> Result<Option<Batches>, BadContract> {
        let found = declaration(sql)?;
        Ok(found.and_then(|(_, batches, _)| batches))
    }
}

/// The one line among a file's first comments that is for us, with its number.
fn declaration(sql: &str) -> Result<Option<(Contract, Option<Batches>, usize)>, BadContract> {
    let mut found = None;
    for (index, line) in sql.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        let Some(comment) = line.strip_prefix("--") else {
            if line.is_empty() {
                continue;
            }
            break;
        };
        let Some(declaration) = after_marker(comment) else {
            continue;
        };
        let at = |problem| BadContract {
            line: index + 1,
            problem,
        };
        let (contract, batches) = parse(declaration, number).map_err(at)?;
        if found.replace((contract, batches, index + 1)).is_some() {
            return Err(at(Problem::Twice));
        }
    }
    Ok(found)
}

/// What follows `towpath:`, in any case, in a comment's text.
fn after_marker(comment: &str) -> Option<&str> {
    let (marker, declaration) = comment.split_once(':')?;
    marker
        .trim()
        .eq_ignore_ascii_case("towpath")
        .then(|| declaration.trim())
}

fn parse(
    declaration: &str,
    number: impl Fn(&str) -> Result<Version, Problem>,
) -> Result<(Contract, Option<Batches>), Problem> {
    let (word, rest) = first(declaration);
    let kind = ContractKind::declared(word).ok_or_else(|| Problem::Word(word.to_owned()))?;
    let (batches, rest) = batches(kind, rest)?;
    let (after, rest) = match words(rest) {
        ("after", rest) => {
            let (version, rest) = words(rest);
            if !matches!(kind, ContractKind::Contract | ContractKind::Irreversible) {
                return Err(Problem::NeedlessAfter(kind));
            }
            (Some(number(version)?), rest)
        }
        _ => (None, rest),
    };
    let because = match words(rest) {
        ("", _) => None,
        ("because", "") => return Err(Problem::NoReason),
        ("because", reason) => Some(reason.to_owned()),
        _ => return Err(Problem::NoBecause(rest.to_owned())),
    };
    let contract = Contract {
        kind,
        because,
        after,
    };
    Ok((contract, batches))
}

/// The first word up to a space or a comma, and what follows it.
fn first(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c == ',' || c.is_whitespace());
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim())
}

/// The settings `, NAME = VALUE` that stand first, and what follows them.
fn batches(kind: ContractKind, text: &str) -> Result<(Option<Batches>, &str), Problem> {
    let (mut rows, mut pause, mut rest) = (None, None, text);
    while let Some(setting) = rest.strip_prefix(',') {
        let bad = || Problem::Setting(first(setting.trim()).0.to_owned());
        let (name, value) = setting.split_once('=').ok_or_else(bad)?;
        let name = name.trim();
        let (value, left) = first(value.trim());
        let twice = match name {
            "batch" => {
                let read = Batches::rows_of(value);
                let read = read.ok_or_else(|| Problem::Rows(value.to_owned()))?;
                rows.replace(read).is_some()
            }
            "pause" => {
                let read = Batches::pause_of(value);
                let read = read.ok_or_else(|| Problem::Pause(value.to_owned()))?;
                pause.replace(read).is_some()
            }
            name => return Err(Problem::Setting(name.to_owned())),
        };
        if twice {
            return Err(Problem::SettingTwice(name.to_owned()));
        }
        rest = left;
    }
    let (next, _) = first(rest.split('=').next().unwrap_or_default());
    if ["batch", "pause"].contains(&next) {
        return Err(Problem::Comma(rest.to_owned()));
    }
    match rows {
        None if pause.is_some() => Err(Problem::PauseAlone),
        Some(_) if !matches!(kind, ContractKind::Data | ContractKind::Irreversible) => {
            Err(Problem::NeedlessBatch(kind))
        }
        rows => Ok((
            rows.map(|rows| Batches {
                rows,
                pause: pause.unwrap_or(Batches::PAUSE),
            }),
            rest,
        )),
    }
}

/// The first word, and what follows it.
fn words(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

fn number(version: &str) -> Result<Version, Problem> {
    version
        .parse()
        .map_err(|_| Problem::Version(version.to_owned()))
}

/// Why a contract's line was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadContract {
    /// The line in the file, from 1.
    pub line: usize,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("{0:?} is not a contract")]
    Word(String),
    #[error("{0:?} follows the contract without `because`")]
    NoBecause(String),
    #[error("no reason follows `because`")]
    NoReason,
    #[error("a second contract")]
    Twice,
    #[error("{0:?} after `after` is not the version of a migration")]
    Version(String),
    #[error("`after` follows {0}")]
    NeedlessAfter(ContractKind),
    #[error("{0:?} is not a setting")]
    Setting(String),
    #[error("a second `{0}`")]
    SettingTwice(String),
    #[error("{0:?} follows the contract without a comma")]
    Comma(String),
    #[error("{0:?} after `batch =` is not a number of rows from 1 to {most}", most = Batches::MOST)]
    Rows(String),
    #[error("{0:?} after `pause =` is not a time of at most an hour")]
    Pause(String),
    #[error("`pause` without `batch`")]
    PauseAlone,
    #[error("`batch` follows {0}")]
    NeedlessBatch(ContractKind),
    #[error("no migration has the version {0}, which `after` names")]
    UnknownAfter(Version),
    #[error("{0}, which `after` names, does not come before it")]
    LaterAfter(Version),
    #[error("`after` names {0}, which is repeatable and has no version")]
    RepeatableAfter(Version),
    #[error("`batch` is for SQL that Towpath runs, and the project's own tool applies this")]
    BatchesOfTool,
}

impl BadContract {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match &self.problem {
            Problem::Word(word) => {
                let words = ContractKind::DECLARABLE.map(ContractKind::as_str);
                let guess = words
                    .iter()
                    .map(|known| {
                        (
                            strsim::damerau_levenshtein(&word.to_lowercase(), known),
                            known,
                        )
                    })
                    .filter(|(distance, _)| *distance <= 3)
                    .min();
                match guess {
                    Some((_, known)) => format!("did you mean `-- towpath: {known}`?"),
                    None => format!("write one of {}", words.join(", ")),
                }
            }
            Problem::NoBecause(rest) => format!("write `because {rest}`"),
            Problem::NoReason => "write the reason after `because`, or leave `because` out".into(),
            Problem::Version(_)
            | Problem::UnknownAfter(_)
            | Problem::LaterAfter(_)
            | Problem::RepeatableAfter(_) => {
                "write the version of the earlier migration that code knows which no longer needs what this one takes away, such as `contract after 7`".into()
            }
            Problem::NeedlessAfter(kind) => format!(
                "leave `after` out: {kind} keeps every older release running; `contract` and `irreversible` can have it"
            ),
            Problem::Setting(_) => {
                "write `batch = 1000`, or `batch = 1000, pause = 50ms`, after the contract".into()
            }
            Problem::SettingTwice(name) => format!("keep one `{name}`"),
            Problem::Comma(rest) => format!("write `, {rest}`"),
            Problem::Rows(_) => "write how many rows are changed at a time, such as `batch = 1000`".into(),
            Problem::Pause(_) => {
                "write how long to rest between two batches, such as `pause = 50ms` or `pause = 2s`".into()
            }
            Problem::PauseAlone => "write `batch = 1000` before it, or leave `pause` out".into(),
            Problem::NeedlessBatch(kind) => format!(
                "leave `batch` out: {kind} is about the schema; `data` and `irreversible` can have it"
            ),
            Problem::BatchesOfTool => "leave it out, and have the migration go in batches by itself".into(),
            Problem::Twice => "keep one of the two, or split the file into two migrations".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Result<Contract, String> {
        Contract::declared_in(sql).map_err(|bad| format!("{bad}; {}", bad.remedy()))
    }

    #[test]
    fn a_declaration_is_found_among_the_leading_comments() {
        let sql = "-- no-transaction\n\n--  Towpath: expand because v1 ignores it  \r\nCREATE TABLE t (a);";
        let contract = read(sql).unwrap();
        assert_eq!(contract.kind, ContractKind::Expand);
        assert_eq!(contract.because.as_deref(), Some("v1 ignores it"));
        assert_eq!(
            read("\u{feff}--towpath:data").unwrap().kind,
            ContractKind::Data
        );
    }

    #[test]
    fn a_contract_can_say_which_code_no_longer_needs_what_it_takes_away() {
        let contract = read("-- towpath: contract after 7 because 7 renamed it").unwrap();
        assert_eq!(contract.kind, ContractKind::Contract);
        assert_eq!(contract.after, Some(7.into()));
        assert_eq!(contract.because.as_deref(), Some("7 renamed it"));
        let contract = read("--towpath:irreversible  after 0020260101120000").unwrap();
        assert_eq!(contract.kind, ContractKind::Irreversible);
        assert_eq!(contract.after, Some(20_260_101_120_000.into()));
        assert_eq!(contract.because, None);
        let afterwards = read("-- towpath: contract because after 7 nobody reads it").unwrap();
        assert_eq!(afterwards.after, None);
    }

    #[test]
    fn rows_can_be_changed_in_batches() {
        let read = |sql| Batches::declared_in(sql).unwrap();
        let sql = "-- towpath: data, batch = 500, pause = 2s because v1, v2 ignore it";
        let batches = read(sql).unwrap();
        assert_eq!((batches.rows, batches.pause.as_secs()), (500, 2));
        let contract = Contract::declared_in(sql).unwrap();
        assert_eq!(contract.kind, ContractKind::Data);
        assert_eq!(contract.because.as_deref(), Some("v1, v2 ignore it"));
        let short = read("--towpath:data,batch=1").unwrap();
        assert_eq!((short.rows, short.pause), (1, Batches::PAUSE));
        let last = read("-- towpath: irreversible , pause=0ms , batch=9 after 7").unwrap();
        assert_eq!((last.rows, last.pause.as_millis()), (9, 0));
        assert_eq!(read("-- towpath: data because batch = 5"), None);
        assert_eq!(read("-- towpath: data"), None);
    }

    #[test]
    fn after_names_a_migration_that_comes_before() {
        let set = crate::layout::flyway::parse([
            ("V1__a.sql", ""),
            ("V1.5__b.sql", "-- towpath: contract after 1"),
            ("V2__c.sql", "\n-- towpath: contract after 1.4"),
            ("V3__d.sql", "-- towpath: irreversible after 3"),
            ("V4__e.sql", "-- towpath: contract after 5"),
            ("V5__f.sql", "-- towpath: contract after 1.5.0"),
            ("V6__g.sql", "-- towpath: contract after R__views"),
            ("R__views.sql", "-- towpath: contract after 5"),
        ])
        .unwrap();
        let all = set.migrations();
        let refused = all.iter().filter_map(|one| one.check_after(all).err());
        let refused: Vec<String> = refused.map(|error| error.to_string()).collect();
        assert_eq!(
            refused,
            [
                "read the contract of V2__c.sql: line 2: no migration has the version 1.4, which `after` names",
                "read the contract of V3__d.sql: line 1: 3, which `after` names, does not come before it",
                "read the contract of V4__e.sql: line 1: 5, which `after` names, does not come before it",
                "read the contract of V6__g.sql: line 1: `after` names R__views, which is repeatable and has no version",
            ]
        );
    }

    #[test]
    fn without_one_the_contract_is_unknown() {
        assert_eq!(read("CREATE TABLE t (a);"), Ok(Contract::UNKNOWN));
        assert_eq!(read(""), Ok(Contract::UNKNOWN));
        let too_late = "SELECT 1;\n-- towpath: expand";
        assert_eq!(read(too_late), Ok(Contract::UNKNOWN));
        assert_eq!(
            read("-- see the towpath: it is green"),
            Ok(Contract::UNKNOWN)
        );
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_with_a_way_out() {
        let cases = [
            (
                "-- towpath: expnad",
                "line 1: \"expnad\" is not a contract; did you mean `-- towpath: expand`?",
            ),
            (
                "-- towpath: Contract",
                "line 1: \"Contract\" is not a contract; did you mean `-- towpath: contract`?",
            ),
            (
                "\n-- towpath: nonsense",
                "line 2: \"nonsense\" is not a contract; write one of expand, contract, data, irreversible",
            ),
            (
                "-- towpath:",
                "line 1: \"\" is not a contract; write one of expand, contract, data, irreversible",
            ),
            (
                "-- towpath: unknown",
                "line 1: \"unknown\" is not a contract; write one of expand, contract, data, irreversible",
            ),
            (
                "-- towpath: data it is",
                "line 1: \"it is\" follows the contract without `because`; write `because it is`",
            ),
            (
                "-- towpath: data because ",
                "line 1: no reason follows `because`; write the reason after `because`, or leave `because` out",
            ),
            (
                "-- towpath: contract after",
                "line 1: \"\" after `after` is not the version of a migration; write the version of the earlier migration that code knows which no longer needs what this one takes away, such as `contract after 7`",
            ),
            (
                "-- towpath: contract after rename because it is",
                "line 1: \"rename\" after `after` is not the version of a migration; write the version of the earlier migration that code knows which no longer needs what this one takes away, such as `contract after 7`",
            ),
            (
                "-- towpath: contract after 7 it is",
                "line 1: \"it is\" follows the contract without `because`; write `because it is`",
            ),
            (
                "-- towpath: expand after 7",
                "line 1: `after` follows expand; leave `after` out: expand keeps every older release running; `contract` and `irreversible` can have it",
            ),
            (
                "-- towpath: data, batch = 1000, batch = 5",
                "line 1: a second `batch`; keep one `batch`",
            ),
            (
                "-- towpath: data, bach = 1000",
                "line 1: \"bach\" is not a setting; write `batch = 1000`, or `batch = 1000, pause = 50ms`, after the contract",
            ),
            (
                "-- towpath: data, because",
                "line 1: \"because\" is not a setting; write `batch = 1000`, or `batch = 1000, pause = 50ms`, after the contract",
            ),
            (
                "-- towpath: data batch = 1000",
                "line 1: \"batch = 1000\" follows the contract without a comma; write `, batch = 1000`",
            ),
            (
                "-- towpath: data, batch = 1000 pause = 1s",
                "line 1: \"pause = 1s\" follows the contract without a comma; write `, pause = 1s`",
            ),
            (
                "-- towpath: data, batch = 0",
                "line 1: \"0\" after `batch =` is not a number of rows from 1 to 100000; write how many rows are changed at a time, such as `batch = 1000`",
            ),
            (
                "-- towpath: data, batch = ",
                "line 1: \"\" after `batch =` is not a number of rows from 1 to 100000; write how many rows are changed at a time, such as `batch = 1000`",
            ),
            (
                "-- towpath: data, batch = 10, pause = 50",
                "line 1: \"50\" after `pause =` is not a time of at most an hour; write how long to rest between two batches, such as `pause = 50ms` or `pause = 2s`",
            ),
            (
                "-- towpath: data, pause = 50ms",
                "line 1: `pause` without `batch`; write `batch = 1000` before it, or leave `pause` out",
            ),
            (
                "-- towpath: expand, batch = 10",
                "line 1: `batch` follows expand; leave `batch` out: expand is about the schema; `data` and `irreversible` can have it",
            ),
            (
                "-- towpath: data, batch = 10 slowly",
                "line 1: \"slowly\" follows the contract without `because`; write `because slowly`",
            ),
            (
                "-- towpath: data\n-- towpath: expand",
                "line 2: a second contract; keep one of the two, or split the file into two migrations",
            ),
        ];
        for (sql, expected) in cases {
            assert_eq!(read(sql).unwrap_err(), expected, "{sql}");
        }
    }
}
