//! A script cut into what PostgreSQL runs in one transaction and what it runs in none.

use std::collections::BTreeSet;

use crate::{
    Layout, ScriptError, ScriptProblem,
    classify::{
        Dialect,
        split::{Kind, split, tokens},
    },
    engine::{
        connection::Connection,
        steps::{Bond, Mode, Script, Source, Statement, Step, refuse_temporary},
    },
};

/// What a statement does with transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Begin,
    End,
    Rollback,
}

/// The first words of a statement outside quotes, in upper case: no more than tell what it is.
fn words(statement: &str) -> Vec<String> {
    const ENOUGH: usize = 12;
    tokens(statement, Dialect::Postgres)
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text.to_ascii_uppercase())
        .take(ENOUGH)
        .collect()
}

/// Cuts a script. A `BEGIN` and `COMMIT` around all of it are left out: the transaction that it runs in is ours.
pub(in crate::engine) fn script<'a>(source: &Source<'a>) -> Result<Script<'a>, ScriptError> {
    let pieces = split(source.sql, Dialect::Postgres);
    let statements: Vec<Statement<'a>> = pieces
        .zip(1..)
        .map(|(piece, number)| Statement {
            number,
            line: piece.line,
            text: piece.text,
        })
        .collect();
    let mut steps = Vec::new();
    let mut kept: Vec<Statement<'a>> = Vec::new();
    // Where the block began that is open.
    let mut block: Option<usize> = None;
    let mut is_mixed = false;
    for statement in &statements {
        let words = words(statement.text);
        let refuse = |problem| Err(source.refuse(problem, statement.line, statement.text));
        if let Some(problem) = unfit(statement.text, &words) {
            return refuse(problem);
        }
        match control(&words) {
            Some(Control::Begin) if block.is_none() => block = Some(kept.len()),
            Some(Control::End) if block.is_some() => {
                if let Some(begin) = block.take()
                    && begin < kept.len()
                {
                    steps.push(together(begin..kept.len()));
                }
            }
            Some(_) => return refuse(ScriptProblem::TransactionControl),
            None => {
                let alone = runs_alone(&words);
                if alone && block.is_some() {
                    return refuse(ScriptProblem::OutsideTransaction);
                }
                if alone && source.transactional && !decides_itself(source.layout) {
                    return refuse(ScriptProblem::OutsideTransaction);
                }
                is_mixed |= alone;
                kept.push(*statement);
                if block.is_none() {
                    let step = kept.len() - 1..kept.len();
                    let bond = if alone {
                        Bond::Alone
                    } else {
                        Bond::Transaction
                    };
                    steps.push(Step {
                        statements: step,
                        bond,
                    });
                }
            }
        }
    }
    if let (Some(_), Some(last)) = (block, statements.last()) {
        return Err(source.refuse(ScriptProblem::TransactionControl, last.line, last.text));
    }
    let is_whole = source.transactional && !is_mixed;
    if !is_whole {
        refuse_temporary(source, Dialect::Postgres, &kept, &steps)?;
    }
    Ok(Script {
        mode: match is_whole {
            true => Mode::Whole,
            false => Mode::Stepwise,
        },
        steps: match is_whole {
            true => vec![together(0..kept.len())],
            false => steps,
        },
        statements: kept,
        backfill: None,
    })
}

fn together(statements: std::ops::Range<usize>) -> Step {
    Step {
        statements,
        bond: Bond::Transaction,
    }
}

/// Whether a layout's tool runs outside a transaction by itself what cannot be in one.
fn decides_itself(layout: Layout) -> bool {
    matches!(layout, Layout::GolangMigrate | Layout::Flyway)
}

fn control(words: &[String]) -> Option<Control> {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match (word(0), word(1)) {
        ("BEGIN", _) | ("START", "TRANSACTION") => Some(Control::Begin),
        ("COMMIT" | "END", _) => Some(Control::End),
        // A savepoint's own stays within the transaction.
        ("ROLLBACK", "TO") => None,
        ("ROLLBACK", _) if words.iter().any(|word| word == "TO") => None,
        ("ROLLBACK" | "ABORT", _) | ("PREPARE", "TRANSACTION") => Some(Control::Rollback),
        _ => None,
    }
}

fn unfit(statement: &str, words: &[String]) -> Option<ScriptProblem> {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match (word(0), word(1)) {
        _ if statement.starts_with('\\') => Some(ScriptProblem::Client),
        ("COPY", _) => {
            let all = tokens(statement, Dialect::Postgres);
            let mut client = all.filter(|token| token.is("stdin") || token.is("stdout"));
            client.next().map(|_| ScriptProblem::Client)
        }
        ("CREATE" | "DROP", "DATABASE") => Some(ScriptProblem::OtherDatabase),
        _ => None,
    }
}

/// Whether a statement cannot be in a transaction (<https://www.postgresql.org/docs/current/sql-commands.html>).
fn runs_alone(words: &[String]) -> bool {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    let concurrently = words.iter().any(|word| word == "CONCURRENTLY");
    match (word(0), word(1)) {
        ("CREATE", "INDEX" | "UNIQUE") | ("DROP", "INDEX") | ("REINDEX", _) => {
            concurrently || matches!(word(1), "DATABASE" | "SYSTEM" | "SCHEMA")
        }
        ("ALTER", "TABLE") => concurrently && words.iter().any(|word| word == "DETACH"),
        ("ALTER", "SYSTEM") | ("CREATE" | "DROP", "TABLESPACE" | "SUBSCRIPTION") => true,
        ("VACUUM", _) => true,
        ("CLUSTER", second) => second.is_empty() || (second == "VERBOSE" && word(2).is_empty()),
        _ => false,
    }
}

/// Whether a statement takes only locks that readers and writers do not wait for.
pub(super) fn is_concurrent(statement: &str) -> bool {
    words(statement).iter().any(|word| word == "CONCURRENTLY")
}

/// Lets the names in our statements mean what they did before the script, where it may have changed that.
pub(in crate::engine) fn own_names(statements: &[Statement<'_>]) -> Option<&'static str> {
    let changes = |statement: &Statement<'_>| {
        let text = statement.text.to_ascii_lowercase();
        ["search_path", "role", "authorization"]
            .iter()
            .any(|word| text.contains(word))
    };
    // Until the end of the transaction only: what the script has set for itself goes on to hold for the rest of it.
    statements
        .iter()
        .any(changes)
        .then_some("SET LOCAL ROLE NONE; SET LOCAL search_path TO DEFAULT")
}

/// Every index, a line each, those marked that are not valid: they are what is left of one that was cut short. And every
/// partition (`~`), those marked (`=`) that are half detached: before version 14 there are none.
pub(in crate::engine) async fn indexes(connection: &mut Connection) -> Result<String, sqlx::Error> {
    let rows = connection
        .rows(
            "SELECT CASE WHEN indisvalid THEN '+' ELSE '-' END || quote_ident(nspname) || '.' || quote_ident(relname) AS line
             FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
             WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
             UNION ALL
             SELECT CASE WHEN to_jsonb(pg_inherits) ->> 'inhdetachpending' = 'true' THEN '=' ELSE '~' END
                    || quote_ident(nspname) || '.' || quote_ident(relname)
             FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
             WHERE relispartition AND relkind <> 'i' AND relkind <> 'I' ORDER BY 1",
            &[],
        )
        .await?;
    let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.text("line")).collect();
    Ok(lines?.join("\n"))
}

/// Added to what is kept of the indexes once a statement has failed: whatever somebody does then is not its doing.
const FAILED: &str = "\n!";

/// What is kept of the indexes once a statement has failed.
pub(in crate::engine) fn failed(before: &str) -> String {
    format!("{}{FAILED}", before.trim_end_matches(FAILED))
}

/// Whether a statement outside a transaction was done between two looks at the indexes.
pub(in crate::engine) fn is_done(statement: &str, before: &str, now: &str) -> bool {
    if before.ends_with(FAILED) {
        return false;
    }
    let words = words(statement);
    let (before, now): (BTreeSet<&str>, BTreeSet<&str>) =
        (before.lines().collect(), now.lines().collect());
    let marked = |lines: &BTreeSet<&str>, marks: [char; 2]| -> BTreeSet<String> {
        let meant = lines.iter().filter(|line| line.starts_with(marks));
        meant.map(|line| line[1..].to_owned()).collect()
    };
    let name = named(statement);
    let meant = |index: &str| name.as_deref().is_none_or(|name| relation(index) == name);
    match words.first().map(String::as_str) {
        Some("CREATE") => {
            let mut new = now
                .difference(&before)
                .filter_map(|line| line.strip_prefix('+'));
            new.any(meant)
        }
        Some("DROP") => {
            let (before, now) = (marked(&before, ['+', '-']), marked(&now, ['+', '-']));
            before.difference(&now).any(|index| meant(index))
        }
        Some("ALTER") => {
            let (before, now) = (marked(&before, ['~', '=']), marked(&now, ['~', '=']));
            let detached = partition(statement);
            before.difference(&now).any(|gone| {
                detached
                    .as_deref()
                    .is_some_and(|name| relation(gone) == name)
            })
        }
        // The others may be run again.
        _ => false,
    }
}

/// An index's own name, without its schema and quotes.
fn relation(index: &str) -> String {
    let mut parts = tokens(index, Dialect::Postgres)
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted));
    let last = parts.by_ref().last();
    last.map_or_else(String::new, |token| unquoted(token.kind, token.text))
}

/// A name as the catalogue has it.
fn unquoted(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Quoted => text.trim_matches('"').replace("\"\"", "\""),
        _ => text.to_lowercase(),
    }
}

/// Indexes that are not valid and that a run which was cut short has left: they were not there before it.
pub(in crate::engine) fn left(before: &str, now: &str) -> Vec<String> {
    let before: BTreeSet<&str> = before.lines().collect();
    let new = now.lines().filter(|line| !before.contains(line));
    new.filter_map(|line| line.strip_prefix('-'))
        .map(str::to_owned)
        .collect()
}

/// The indexes but for some that are not valid.
pub(in crate::engine) fn without(now: &str, left: &[String]) -> String {
    let is_left = |line: &&str| {
        let invalid = line.strip_prefix('-');
        invalid.is_some_and(|index| left.iter().any(|left| left == index))
    };
    let others: Vec<&str> = now.lines().filter(|line| !is_left(line)).collect();
    others.join("\n")
}

/// What is to be run before a statement: an index that is not valid is in the way of one with its name.
pub(in crate::engine) fn remains(statement: &str, left: &[String], now: &str) -> Vec<String> {
    let words = words(statement);
    let created = words.first().is_some_and(|word| word == "CREATE");
    let name = named(statement).filter(|_| created);
    let of_that_name = |index: &&str| name.as_deref() == Some(relation(index).as_str());
    let invalid = now.lines().filter_map(|line| line.strip_prefix('-'));
    let found: BTreeSet<&str> = invalid
        .filter(|index| left.iter().any(|left| left == index) || of_that_name(index))
        .collect();
    found
        .into_iter()
        .map(|index| format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))
        .collect()
}

/// The name, without its schema, of the one index that a statement makes or drops concurrently, where it gives one.
fn named(statement: &str) -> Option<String> {
    let mut rest = tokens(statement, Dialect::Postgres)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
        .skip_while(|token| !token.is("concurrently"))
        .skip(1)
        .skip_while(|token| token.is("if") || token.is("not") || token.is("exists"));
    let mut name = rest.next().filter(|token| !token.is("on"))?;
    while let Some(token) = rest.next() {
        match token.text {
            "." => name = rest.next()?,
            // Several: any of them tells as much as all.
            "," => return None,
            _ => break,
        }
    }
    Some(unquoted(name.kind, name.text))
}

/// The name, without its schema, of the partition that a statement detaches.
fn partition(statement: &str) -> Option<String> {
    let mut rest = tokens(statement, Dialect::Postgres)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
        .skip_while(|token| !token.is("detach"))
        .skip(1)
        .skip_while(|token| token.is("partition"));
    let mut name = rest.next()?;
    while rest.next().is_some_and(|token| token.text == ".") {
        name = rest.next()?;
    }
    Some(unquoted(name.kind, name.text))
}

/// What ends a statement that detaches a partition and has left it half detached: begun again, it is refused.
pub(in crate::engine) fn finalized(statement: &str, now: &str) -> Option<String> {
    let name = partition(statement)?;
    let mut half = now.lines().filter_map(|line| line.strip_prefix('='));
    half.find(|half| relation(half) == name)?;
    let concurrently = tokens(statement, Dialect::Postgres)
        .filter(|token| token.is("concurrently"))
        .last()?;
    let (head, tail) = statement.split_at(concurrently.start);
    let tail = &tail[concurrently.text.len()..];
    Some(format!("{head}FINALIZE{tail}"))
}

/// Whether a statement sets something for the session, and is to be run again in another.
pub(in crate::engine) fn is_setting(statement: &str) -> bool {
    let words = words(statement);
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match (word(0), word(1)) {
        ("SET", "LOCAL" | "TRANSACTION" | "CONSTRAINTS") => false,
        ("SET" | "RESET", _) => true,
        ("SELECT", _) => words.iter().any(|word| word == "SET_CONFIG"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{golang_migrate, sqlx};

    fn shape(sql: &str) -> Result<(Mode, Vec<Step>), ScriptProblem> {
        let set = sqlx::parse([("1_a.sql", sql)]).unwrap();
        Script::up(&set.migrations()[0], set.layout(), Dialect::Postgres)
            .map(|script| (script.mode, script.steps))
            .map_err(|error| error.problem)
    }

    fn step(statements: std::ops::Range<usize>, alone: bool) -> Step {
        let bond = if alone {
            Bond::Alone
        } else {
            Bond::Transaction
        };
        Step { statements, bond }
    }

    #[test]
    fn a_script_is_one_transaction_or_several_steps() {
        use ScriptProblem::{Client, OtherDatabase, OutsideTransaction, TransactionControl};
        let whole = |statements: usize| Ok((Mode::Whole, vec![step(0..statements, false)]));
        let cases = [
            ("CREATE TABLE a (x int); CREATE TABLE b (x int);", whole(2)),
            ("BEGIN; CREATE TABLE a (x int); COMMIT;", whole(1)),
            (
                "begin transaction; SAVEPOINT s; ROLLBACK TO SAVEPOINT s; end",
                whole(2),
            ),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; SELECT 1",
                whole(2),
            ),
            ("DO $$ BEGIN COMMIT; END $$; SELECT 'BEGIN'", whole(2)),
            (
                "CREATE TABLE a (x int); COMMIT; SELECT 1",
                Err(TransactionControl),
            ),
            ("BEGIN; SELECT 1;", Err(TransactionControl)),
            ("BEGIN; SELECT 1; ROLLBACK;", Err(TransactionControl)),
            (
                "CREATE INDEX CONCURRENTLY i ON a (x)",
                Err(OutsideTransaction),
            ),
            ("VACUUM a", Err(OutsideTransaction)),
            ("COPY a FROM stdin;", Err(Client)),
            ("\\set x 1", Err(Client)),
            ("CREATE DATABASE other", Err(OtherDatabase)),
            (
                "-- no-transaction\nSELECT 1; BEGIN; SELECT 2; SELECT 3; COMMIT; CREATE UNIQUE INDEX CONCURRENTLY i ON a (x);",
                Ok((
                    Mode::Stepwise,
                    vec![step(0..1, false), step(1..3, false), step(3..4, true)],
                )),
            ),
            (
                "-- no-transaction\nBEGIN; VACUUM; COMMIT",
                Err(OutsideTransaction),
            ),
        ];
        for (sql, expected) in cases {
            assert_eq!(shape(sql), expected, "{sql}");
        }
    }

    #[test]
    fn golang_migrate_runs_outside_a_transaction_what_cannot_be_in_one() {
        let sql = "CREATE INDEX CONCURRENTLY i ON a (x)";
        let set = golang_migrate::parse([("1_a.up.sql", sql)]).unwrap();
        let script = Script::up(&set.migrations()[0], set.layout(), Dialect::Postgres).unwrap();
        assert_eq!(
            (script.mode, script.steps),
            (Mode::Stepwise, vec![step(0..1, true)])
        );
    }

    #[test]
    fn what_was_cut_short_is_told_from_what_was_done() {
        let create = "CREATE INDEX CONCURRENTLY ON t (x)";
        let (none, half, whole) = (
            "+public.a",
            "+public.a\n-public.t_x_idx",
            "+public.a\n+public.t_x_idx",
        );
        assert!(!is_done(create, none, none));
        assert!(!is_done(create, none, half));
        assert!(is_done(create, none, whole));
        assert!(!is_done(create, &failed(none), whole));
        let named = "CREATE INDEX CONCURRENTLY side.\"A b\" ON t (x)";
        assert!(!is_done(named, none, whole));
        assert!(is_done(named, none, "+public.a\n+side.\"A b\""));
        assert_eq!(left(none, half), ["public.t_x_idx"]);
        assert_eq!(
            remains(create, &left(none, half), half),
            ["DROP INDEX CONCURRENTLY IF EXISTS public.t_x_idx"]
        );
        // Cut short once more, before it is gone.
        assert_eq!(without(half, &left(none, half)), none);
        let drop = "DROP INDEX CONCURRENTLY a";
        assert!(!is_done(drop, none, none));
        assert!(!is_done(drop, none, "-public.a"));
        assert!(is_done(drop, none, ""));
        assert!(!is_done(drop, "+public.a\n+public.b", "+public.a"));
        assert!(remains(drop, &[], "-public.a").is_empty());
    }

    #[test]
    fn a_partition_that_is_half_detached_is_detached_to_the_end() {
        let detach = "ALTER TABLE side.trips DETACH PARTITION side.\"Old\" CONCURRENTLY";
        let (there, half) = ("+side.a\n~side.\"Old\"", "+side.a\n=side.\"Old\"");
        assert_eq!(finalized(detach, there), None);
        assert_eq!(
            finalized(detach, half).as_deref(),
            Some("ALTER TABLE side.trips DETACH PARTITION side.\"Old\" FINALIZE")
        );
        assert!(!is_done(detach, there, there));
        assert!(!is_done(detach, there, half));
        assert!(is_done(detach, there, "+side.a"));
        assert!(!is_done(detach, "+side.a", "+side.a"));
        let other = "ALTER TABLE trips DETACH PARTITION new CONCURRENTLY";
        assert!(!is_done(other, there, "+side.a"));
        assert_eq!(finalized(other, half), None);
    }

    #[test]
    fn a_temporary_table_is_for_one_step() {
        use ScriptProblem::Temporary;
        let make = "-- no-transaction\nCREATE TEMP TABLE old AS SELECT 1;\n";
        for (rest, expected) in [
            ("INSERT INTO a SELECT * FROM \"old\";", Some(Temporary)),
            (
                "CREATE INDEX CONCURRENTLY i ON a (x); DROP TABLE old",
                Some(Temporary),
            ),
            ("SELECT older FROM a", None),
        ] {
            assert_eq!(shape(&format!("{make}{rest}")).err(), expected, "{rest}");
        }
        let block = "-- no-transaction\nBEGIN; CREATE TEMP TABLE old (x int); DROP TABLE old; COMMIT; VACUUM";
        assert!(shape(block).is_ok());
        assert!(shape("CREATE TEMP TABLE old (x int); SELECT * FROM old").is_ok());
    }

    #[test]
    fn what_is_set_for_the_session_is_known() {
        for setting in [
            "set search_path TO a",
            "SET SESSION work_mem = '1MB'",
            "RESET ROLE",
            "SELECT pg_catalog.set_config('search_path', '', false)",
        ] {
            assert!(is_setting(setting), "{setting}");
        }
        for other in [
            "SET LOCAL work_mem = '1MB'",
            "SET CONSTRAINTS ALL DEFERRED",
            "SELECT 1",
        ] {
            assert!(!is_setting(other), "{other}");
        }
    }

    #[test]
    fn only_an_index_of_its_own_is_in_the_way() {
        let now = "-public.theirs\n-public.ours\n-public.\"Ours\"";
        let drop = |name: &str| vec![format!("DROP INDEX CONCURRENTLY IF EXISTS public.{name}")];
        for (sql, expected) in [
            (
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS OURS ON t (x)",
                drop("ours"),
            ),
            (
                "CREATE INDEX CONCURRENTLY public.ours ON t (x)",
                drop("ours"),
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY \"Ours\" ON t (x)",
                drop("\"Ours\""),
            ),
            ("CREATE INDEX CONCURRENTLY ON ours (x)", vec![]),
        ] {
            assert_eq!(remains(sql, &[], now), expected, "{sql}");
        }
    }
}
