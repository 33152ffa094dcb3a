//! A script cut into its statements, and the statements that a migration must not contain.
//!
//! Statements are run one at a time, to say which of them failed; and because SQLite copies whatever follows a statement
//! when it compiles it, which makes one call with a script of megabytes take time by the square of its length.

use super::lexer::{Kind, Token, tokens};
use crate::{
    ScriptError, ScriptProblem,
    engine::steps::{Bond, Mode, Script, Source, Statement, Step},
};

/// Its words outside quotes, in upper case.
fn words(statement: &str) -> impl Iterator<Item = String> {
    tokens(statement)
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text.to_ascii_uppercase())
}

/// Where a script stands within a statement: the machine of SQLite's `complete.c`, which knows that the semicolons in a
/// trigger's body do not end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Normal,
    Explain,
    Create,
    Trigger,
    TriggerSemicolon,
    TriggerEnd,
}

impl State {
    fn after(self, token: &Token<'_>) -> State {
        use State::{Create, Explain, Normal, Start, Trigger, TriggerEnd, TriggerSemicolon};
        let word = |word: &str| token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word);
        match (self, token.kind) {
            (_, Kind::Space | Kind::Comment) => self,
            (Start | Normal | Explain | Create | TriggerEnd, Kind::Semicolon) => Start,
            (Trigger | TriggerSemicolon, Kind::Semicolon) => TriggerSemicolon,
            (Start, _) if word("explain") => Explain,
            (Start | Explain, _) if word("create") => Create,
            (Explain, _) if word("query") || word("plan") => Explain,
            (Create, _) if word("temp") || word("temporary") => Create,
            (Create, _) if word("trigger") => Trigger,
            (TriggerSemicolon, _) if word("end") => TriggerEnd,
            (Trigger | TriggerSemicolon | TriggerEnd, _) => Trigger,
            (Start | Normal | Explain | Create, _) => Normal,
        }
    }
}

/// Cuts a script into statements; empty ones and comments are left out.
fn split(sql: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut state = State::Start;
    // Where the statement begins, and where its last token so far ends.
    let mut open: Option<(usize, usize)> = None;
    let mut lines = Lines::new(sql);
    let mut close = |begin: usize, end: usize| {
        found.push(Statement {
            number: found.len() + 1,
            line: lines.of(begin),
            text: &sql[begin..end],
        });
    };
    for token in tokens(sql) {
        state = state.after(&token);
        if matches!(token.kind, Kind::Space | Kind::Comment) {
            continue;
        }
        let end = token.start + token.text.len();
        let begin = open.map(|(begin, _)| begin);
        match (state, begin) {
            (State::Start, None) => {}
            (State::Start, Some(begin)) => {
                close(begin, end);
                open = None;
            }
            (_, begin) => open = Some((begin.unwrap_or(token.start), end)),
        }
    }
    if let Some((begin, end)) = open {
        close(begin, end);
    }
    found
}

/// Counts lines from where it counted last, so that a long script is read once.
struct Lines<'a> {
    sql: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(sql: &'a str) -> Self {
        Lines {
            sql,
            offset: 0,
            line: 1,
        }
    }

    fn of(&mut self, offset: usize) -> usize {
        self.line += self.sql[self.offset..offset].matches('\n').count();
        self.offset = offset;
        self.line
    }
}

/// Cuts a script, and refuses one that SQLite would run into something other than what its author sees.
///
/// Most mistakes are left to SQLite, whose messages are better than a guess. These are not: a `COMMIT` succeeds, and
/// what follows it would be applied without a receipt; an `ATTACH` succeeds, and reaches another environment's file.
pub(in crate::engine) fn script<'a>(source: &Source<'a>) -> Result<Script<'a>, ScriptError> {
    let statements = split(source.sql);
    for statement in &statements {
        if let Some(problem) = problem(statement.text, source.transactional) {
            return Err(source.refuse(problem, statement.line, statement.text));
        }
    }
    let all = Step {
        statements: 0..statements.len(),
        bond: Bond::Transaction,
    };
    Ok(Script {
        mode: match source.transactional {
            true => Mode::Whole,
            // Pragmas and transactions of its own may stand in it: whether they are to be run again, nobody knows.
            false => Mode::Announced,
        },
        statements,
        steps: vec![all],
        backfill: None,
    })
}

fn problem(statement: &str, transactional: bool) -> Option<ScriptProblem> {
    let keyword = words(statement).next().unwrap_or_default();
    match keyword.as_str() {
        "ATTACH" | "DETACH" => Some(ScriptProblem::OtherDatabase),
        "VACUUM" if words(statement).any(|word| word == "INTO") => {
            Some(ScriptProblem::OtherDatabase)
        }
        "VACUUM" if transactional => Some(ScriptProblem::OutsideTransaction),
        "BEGIN" | "COMMIT" | "END" if transactional => Some(ScriptProblem::TransactionControl),
        // ROLLBACK TO a savepoint of its own stays within the transaction.
        "ROLLBACK" if transactional && !words(statement).any(|word| word == "TO") => {
            Some(ScriptProblem::TransactionControl)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::{classify::Dialect, layout::sqlx::parse};

    fn cut(sql: &str) -> Vec<(usize, &str)> {
        split(sql).into_iter().map(|s| (s.line, s.text)).collect()
    }

    #[test]
    fn statements_have_lines_and_no_comments_around_them() {
        let sql = "-- one\n\nCREATE TABLE a (x); ;\n/* two\n;*/ INSERT INTO a\nVALUES (';')\n-- three\n;SELECT 1 -- end";
        assert_eq!(
            cut(sql),
            [
                (3, "CREATE TABLE a (x);"),
                (5, "INSERT INTO a\nVALUES (';')\n-- three\n;"),
                (8, "SELECT 1"),
            ]
        );
        assert_eq!(cut(""), []);
        assert_eq!(cut("-- nothing\n;;"), []);
        assert_eq!(cut("SELECT 'open;\n;"), [(1, "SELECT 'open;\n;")]);
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET x = CASE WHEN 1 THEN 2 END; SELECT 1;\nEND;";
        let sql = format!("{trigger} SELECT 2;");
        assert_eq!(cut(&sql), [(1, trigger), (3, "SELECT 2;")]);
        assert_eq!(cut("CREATE TABLE \"trigger\" (a); END;").len(), 2);
    }

    fn refusal(sql: &str) -> Option<ScriptProblem> {
        let set = parse([("1_a.sql", sql)]).unwrap();
        Script::up(&set.migrations()[0], set.layout(), Dialect::Sqlite)
            .err()
            .map(|error| error.problem)
    }

    #[test]
    fn what_would_leave_the_transaction_is_refused() {
        use ScriptProblem::{OtherDatabase, OutsideTransaction, TransactionControl};
        let cases = [
            (
                "CREATE TABLE a (x); COMMIT; CREATE TABLE b (x);",
                Some(TransactionControl),
            ),
            ("/* x */ begin immediate;", Some(TransactionControl)),
            ("end transaction;", Some(TransactionControl)),
            ("ROLLBACK;", Some(TransactionControl)),
            ("SAVEPOINT s; ROLLBACK TO s; RELEASE s;", None),
            ("ATTACH 'other.db' AS other;", Some(OtherDatabase)),
            ("VACUUM;", Some(OutsideTransaction)),
            ("-- no-transaction\nVACUUM;", None),
            ("-- no-transaction\nBEGIN; COMMIT;", None),
            ("-- no-transaction\nVACUUM INTO 'x';", Some(OtherDatabase)),
            ("-- no-transaction\nDETACH x;", Some(OtherDatabase)),
            ("SELECT 'COMMIT; ATTACH';", None),
        ];
        for (sql, expected) in cases {
            assert_eq!(refusal(sql), expected, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn statements_come_apart_as_they_were_put_together(
            parts in vec(
                (
                    select(vec![
                        "SELECT ';'", "SELECT \"a;b\"", "INSERT INTO [;] VALUES ('--', '/*')", "SELECT `;` -- ;\n",
                        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 'END;'; END", "SELECT /* ; */ 1",
                        "CREATE TABLE a (x)", "SELECT 'it''s;'",
                    ]),
                    select(vec!["", " ", "\n", "-- c;\n", "/* ; */", "\u{feff}", ";"]),
                ),
                0..12,
            ),
        ) {
            let script: String = parts.iter().map(|(sql, gap)| format!("{gap}{sql};")).collect();
            let statements = split(&script);
            prop_assert_eq!(statements.len(), parts.len());
            for (statement, (sql, _)) in statements.iter().zip(&parts) {
                prop_assert_eq!(statement.text, format!("{sql};"));
                let offset = statement.text.as_ptr() as usize - script.as_ptr() as usize;
                prop_assert_eq!(statement.line, 1 + script[..offset].matches('\n').count());
            }
        }
    }
}
