//! A script cut into what is run in one transaction and what ends every transaction by itself.

use crate::{
    ScriptError, ScriptProblem,
    classify::{
        Dialect,
        split::{Kind, split, tokens},
    },
    engine::steps::{Bond, Mode, Script, Source, Statement, Step, refuse_temporary},
};

/// Statements that change rows, or nothing: they stay in a transaction
/// (<https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html> has those that do not).
const IN_TRANSACTION: &[&str] = &[
    "INSERT",
    "LOAD",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "SELECT",
    "WITH",
    "DO",
    "SET",
    "VALUES",
    "TABLE",
    "SAVEPOINT",
    "RELEASE",
    "ROLLBACK",
    "PREPARE",
    "DEALLOCATE",
    "SHOW",
    "EXPLAIN",
    "DESCRIBE",
    "HANDLER",
];

/// Statements that run others, of which only the server knows what they do.
const UNSURE: &[&str] = &["CALL", "EXECUTE"];

fn words(statement: &str) -> Vec<String> {
    const ENOUGH: usize = 6;
    tokens(statement, Dialect::Mysql)
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text.to_ascii_uppercase())
        .take(ENOUGH)
        .collect()
}

/// Cuts a script. `START TRANSACTION` and `COMMIT` are left out: what stands between them is one step.
pub(in crate::engine) fn script<'a>(source: &Source<'a>) -> Result<Script<'a>, ScriptError> {
    let pieces = split(source.sql, Dialect::Mysql).zip(1..);
    let (mut kept, mut steps) = (Vec::new(), Vec::new());
    // Where the block began that is open, and what opened it.
    let mut block: Option<(usize, Statement<'a>)> = None;
    for (piece, number) in pieces {
        let statement = Statement {
            number,
            line: piece.line,
            text: piece.text,
        };
        let words = words(statement.text);
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        let refuse = |problem| Err(source.refuse(problem, statement.line, statement.text));
        match (word(0), word(1)) {
            ("DELIMITER" | "SOURCE", _) => return refuse(ScriptProblem::Client),
            ("LOAD", _) if words.iter().any(|word| word == "LOCAL") => {
                return refuse(ScriptProblem::Client);
            }
            ("USE", _) | ("CREATE" | "DROP", "DATABASE" | "SCHEMA") => {
                return refuse(ScriptProblem::OtherDatabase);
            }
            ("BEGIN", _) | ("START", "TRANSACTION") if block.is_none() => {
                block = Some((kept.len(), statement));
            }
            ("COMMIT", _) if block.is_some() => {
                if let Some((begin, _)) = block.take()
                    && begin < kept.len()
                {
                    steps.push(Step {
                        statements: begin..kept.len(),
                        bond: Bond::Transaction,
                    });
                }
            }
            // Between LOCK TABLES and UNLOCK TABLES, no receipt can be written.
            ("BEGIN" | "COMMIT" | "XA" | "LOCK" | "UNLOCK", _) | ("START", "TRANSACTION") => {
                return refuse(ScriptProblem::TransactionControl);
            }
            ("ROLLBACK", _) if !words.iter().any(|word| word == "TO") => {
                return refuse(ScriptProblem::TransactionControl);
            }
            ("CREATE" | "DROP", "USER" | "ROLE") if word(2) != "IF" => {
                return refuse(ScriptProblem::Account);
            }
            ("RENAME", "USER") => return refuse(ScriptProblem::Account),
            (first, _) => {
                // Those that make or drop a temporary table end no transaction.
                let temporary = matches!(first, "CREATE" | "DROP")
                    && (word(1) == "TEMPORARY" || (word(1) == "OR" && word(3) == "TEMPORARY"));
                let bond = if temporary {
                    Bond::Transaction
                } else if UNSURE.contains(&first) {
                    Bond::Unsure
                } else if IN_TRANSACTION.contains(&first) {
                    Bond::Transaction
                } else {
                    Bond::Alone
                };
                if bond == Bond::Alone && block.is_some() {
                    return refuse(ScriptProblem::OutsideTransaction);
                }
                kept.push(statement);
                let end = kept.len();
                if block.is_some() {
                    continue;
                }
                match steps.last_mut() {
                    // As far as nothing ends it, they share a transaction: one may ask how many rows the last has changed.
                    Some(Step {
                        statements,
                        bond: Bond::Transaction,
                    }) if source.transactional && bond == Bond::Transaction => statements.end = end,
                    _ => steps.push(Step {
                        statements: end - 1..end,
                        bond,
                    }),
                }
            }
        }
    }
    if let Some((_, opened)) = block {
        return Err(source.refuse(ScriptProblem::TransactionControl, opened.line, opened.text));
    }
    refuse_temporary(source, Dialect::Mysql, &kept, &steps)?;
    let rows_only = steps.iter().all(|step| step.bond == Bond::Transaction);
    Ok(Script {
        // Where nothing ends it, one transaction has room for all.
        mode: match source.transactional && rows_only {
            true => Mode::Whole,
            false => Mode::Stepwise,
        },
        statements: kept,
        steps,
        backfill: None,
    })
}

/// What completes a statement that a server may have done in part: one that drops several things.
pub(in crate::engine) fn completed(statement: &str) -> Option<String> {
    let mut drop = tokens(statement, Dialect::Mysql).filter(|token| token.kind == Kind::Word);
    let kind = match (drop.next(), drop.next()) {
        (Some(first), Some(kind)) if first.is("drop") && (kind.is("table") || kind.is("view")) => {
            kind
        }
        _ => return None,
    };
    let several = tokens(statement, Dialect::Mysql).any(|token| token.text == ",");
    if !several {
        return None;
    }
    let after = statement.find(kind.text)? + kind.text.len();
    let (head, rest) = statement.split_at(after);
    Some(match drop.next() {
        Some(next) if next.is("if") => statement.to_owned(),
        _ => format!("{head} IF EXISTS{rest}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::sqlx;

    type Shape = (Mode, Vec<(std::ops::Range<usize>, bool)>);

    fn shape(sql: &str) -> Result<Shape, ScriptProblem> {
        let set = sqlx::parse([("1_a.sql", sql)]).unwrap();
        Script::up(&set.migrations()[0], set.layout(), Dialect::Mysql)
            .map(|script| {
                let steps = script.steps.into_iter();
                let steps = steps.map(|step| (step.statements, step.bond != Bond::Transaction));
                (script.mode, steps.collect())
            })
            .map_err(|error| error.problem)
    }

    #[test]
    fn a_change_of_the_schema_is_a_step_of_its_own() {
        use ScriptProblem::{
            Account, Client, OtherDatabase, OutsideTransaction, Temporary, TransactionControl,
        };
        let cases = [
            (
                "CREATE TEMPORARY TABLE old AS SELECT 1; INSERT INTO a SELECT * FROM old; DROP TEMPORARY TABLE old",
                Ok((Mode::Whole, vec![(0..3, false)])),
            ),
            (
                "CREATE TEMPORARY TABLE old AS SELECT 1; CREATE TABLE a (x int); INSERT INTO a SELECT * FROM `OLD`",
                Err(Temporary),
            ),
            (
                "CREATE TEMPORARY TABLE old AS SELECT 1; DROP TABLE old",
                Err(Temporary),
            ),
            (
                "CREATE OR REPLACE TEMPORARY TABLE old (x int)",
                Ok((Mode::Whole, vec![(0..1, false)])),
            ),
            (
                "CREATE TABLE flags (temporary bool); DROP TABLE temporary",
                Ok((Mode::Stepwise, vec![(0..1, true), (1..2, true)])),
            ),
            ("CREATE USER dana IDENTIFIED BY 'x'", Err(Account)),
            ("DROP ROLE clerk", Err(Account)),
            ("RENAME USER a TO b", Err(Account)),
            (
                "CREATE USER IF NOT EXISTS dana; GRANT SELECT ON a TO dana",
                Ok((Mode::Stepwise, vec![(0..1, true), (1..2, true)])),
            ),
            (
                "INSERT INTO a VALUES (1); UPDATE a SET x = 2;",
                Ok((Mode::Whole, vec![(0..2, false)])),
            ),
            (
                "CREATE TABLE a (x int); INSERT INTO a VALUES (1); SET @n = row_count(); DROP TABLE a",
                Ok((
                    Mode::Stepwise,
                    vec![(0..1, true), (1..3, false), (3..4, true)],
                )),
            ),
            (
                "-- no-transaction\nINSERT INTO a VALUES (1); INSERT INTO a VALUES (2);",
                Ok((Mode::Stepwise, vec![(0..1, false), (1..2, false)])),
            ),
            (
                "START TRANSACTION; INSERT INTO a VALUES (1); DELETE FROM b; COMMIT; TRUNCATE a",
                Ok((Mode::Stepwise, vec![(0..2, false), (2..3, true)])),
            ),
            (
                "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.x = 1; SET NEW.y = 2; END;",
                Ok((Mode::Stepwise, vec![(0..1, true)])),
            ),
            (
                "PREPARE s FROM 'ALTER TABLE a ADD y int'; EXECUTE s; CALL p()",
                Ok((
                    Mode::Stepwise,
                    vec![(0..1, false), (1..2, true), (2..3, true)],
                )),
            ),
            (
                "BEGIN; ALTER TABLE a ADD y int; COMMIT",
                Err(OutsideTransaction),
            ),
            ("BEGIN; SELECT 1", Err(TransactionControl)),
            ("INSERT INTO a VALUES (1); COMMIT", Err(TransactionControl)),
            ("USE other", Err(OtherDatabase)),
            ("DELIMITER //", Err(Client)),
            ("LOAD DATA LOCAL INFILE 'x' INTO TABLE a", Err(Client)),
        ];
        for (sql, expected) in cases {
            assert_eq!(shape(sql), expected, "{sql}");
        }
    }

    #[test]
    fn several_that_are_dropped_may_be_dropped_in_part() {
        let completed = |statement| completed(statement).unwrap_or_default();
        assert_eq!(completed("DROP TABLE a"), "");
        assert_eq!(completed("ALTER TABLE a DROP x, DROP y"), "");
        assert_eq!(completed("drop table a, b"), "drop table IF EXISTS a, b");
        assert_eq!(
            completed("DROP VIEW IF EXISTS a, b"),
            "DROP VIEW IF EXISTS a, b"
        );
    }
}
