//! What a session keeps for later statements, and a new one has to be given: settings, variables, prepared statements.
//!
//! A variable has the value of its moment: `SET @id = last_insert_id()` would give it another in the next session. So the
//! values are kept with the progress, and only what else a statement sets is set by running it again.

use std::collections::BTreeSet;

use super::quoted;
use crate::{
    classify::{
        Dialect,
        split::{Kind, Token, tokens},
    },
    engine::{
        connection::Connection,
        steps::{Statement, temporary},
    },
};

/// A statement without what makes it conditional: `/*!40101 SET … */` is run by every server of today.
fn plain(statement: &str) -> &str {
    let inner = ["/*!", "/*M!"]
        .iter()
        .find_map(|begin| statement.strip_prefix(begin));
    let inner = inner.and_then(|inner| inner.strip_suffix("*/"));
    inner.map_or(statement, |inner| {
        inner.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

fn meaningful(statement: &str) -> impl Iterator<Item = Token<'_>> {
    tokens(plain(statement), Dialect::Mysql)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
}

/// The variables that statements name, each as it is written.
fn names<'a>(statements: &[Statement<'a>]) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for statement in statements {
        let mut before: Option<Token<'_>> = None;
        let mut is_variable = false;
        for token in tokens(plain(statement.text), Dialect::Mysql) {
            let is_name = matches!(token.kind, Kind::Word | Kind::Quoted);
            if is_variable && is_name {
                names.insert(token.text);
            }
            // Neither `@@sql_mode` nor 'user'@'host'.
            let follows = before.is_some_and(|before| {
                before.text == "@" || matches!(before.kind, Kind::Word | Kind::Quoted)
            });
            is_variable = token.text == "@" && !follows;
            before = Some(token);
        }
    }
    names
}

/// Whether a script asks for the last number that was given to a row: that is the session's, too.
fn asks_for_last_id(script: &[Statement<'_>]) -> bool {
    script.iter().any(|statement| {
        let text = statement.text.to_ascii_lowercase();
        text.contains("last_insert_id") || text.contains("@@identity")
    })
}

/// SQL that gives a session the values that a script's variables have after so many of its statements; none where it has
/// none.
pub(in crate::engine) async fn variables(
    connection: &mut Connection,
    script: &[Statement<'_>],
    done: usize,
) -> Result<Option<String>, sqlx::Error> {
    let names = names(&script[..done]).into_iter();
    let mut wanted: Vec<(String, String)> = names
        .map(|name| (format!("@{name}"), literal(name)))
        .collect();
    if asks_for_last_id(script) {
        wanted.push(("last_insert_id".into(), "last_insert_id()".into()));
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    let values: Vec<String> = (0..)
        .zip(&wanted)
        .map(|(index, (_, value)): (usize, _)| format!("CAST({value} AS CHAR) AS v{index}"))
        .collect();
    // Each time another text: a statement that was prepared before takes the types for what they were then.
    let sql = format!("SELECT {} /* after {done} */", values.join(", "));
    let rows = connection.rows(&sql, &[]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let assignments = wanted.iter().enumerate().map(|(index, (name, _))| {
        let value = row.text(&format!("v{index}"))?;
        Ok(format!("{name} = {value}"))
    });
    let assignments: Result<Vec<String>, sqlx::Error> = assignments.collect();
    Ok(Some(format!("SET {}", assignments?.join(", "))))
}

/// An expression for a variable's value as SQL has it: a number by its digits, text by its bytes. To `hex`, a number is not
/// its digits.
fn literal(name: &str) -> String {
    format!(
        "CASE WHEN @{name} IS NULL THEN 'NULL'
              WHEN hex(@{name}) = hex(CAST(@{name} AS BINARY))
              THEN concat('_', charset(@{name}), ' X''', hex(@{name}), ''' COLLATE ', collation(@{name}))
              ELSE CAST(@{name} AS CHAR) END"
    )
}

/// SQL that takes away the temporary tables that a script makes.
pub(in crate::engine) fn drop_temporary(script: &[Statement<'_>]) -> Vec<String> {
    let made = script
        .iter()
        .filter_map(|statement| temporary(statement.text, Dialect::Mysql));
    made.map(|name| format!("DROP TEMPORARY TABLE IF EXISTS {}", quoted(name)))
        .collect()
}

/// The statements that are to be run again in a new session, in their order.
pub(in crate::engine) fn again<'a>(done: &[Statement<'a>]) -> Vec<&'a str> {
    let mut found: Vec<(&str, Option<String>)> = Vec::new();
    for statement in done {
        let mut words = meaningful(statement.text);
        let (first, second) = (words.next(), words.next());
        let (Some(first), Some(second)) = (first, second) else {
            continue;
        };
        let name = |token: Token<'_>| Some(token.text.trim_matches('`').to_lowercase());
        if first.is("set") && sets_more_than_variables(statement.text) {
            found.push((statement.text, None));
        } else if first.is("prepare") {
            let name = name(second);
            found.retain(|(_, prepared)| *prepared != name);
            found.push((statement.text, name));
        } else if second.is("prepare") {
            // DEALLOCATE PREPARE, and its synonym DROP PREPARE.
            let gone = words.next().and_then(name);
            found.retain(|(_, prepared)| prepared.is_none() || *prepared != gone);
        }
    }
    found.into_iter().map(|(text, _)| text).collect()
}

/// Whether a SET is not for variables of the user alone.
fn sets_more_than_variables(statement: &str) -> bool {
    let mut tokens = meaningful(statement).skip(1).peekable();
    let (mut depth, mut is_target) = (0_usize, true);
    while let Some(token) = tokens.next() {
        if is_target {
            let system = tokens.peek().is_some_and(|next| next.text == "@");
            if token.text != "@" || system {
                return true;
            }
        }
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_target = token.text == "," && depth == 0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements<'a>(texts: &[&'a str]) -> Vec<Statement<'a>> {
        let numbered = texts.iter().zip(1..);
        let statement = |(text, number): (&&'a str, usize)| Statement {
            number,
            line: number,
            text,
        };
        numbered.map(statement).collect()
    }

    #[test]
    fn variables_are_those_of_the_user() {
        let found = statements(&[
            "SET @a = @@sql_mode, @`b c` = 1",
            "SELECT max(x) INTO @d FROM t WHERE y='@e'",
            "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='' */",
            "CREATE DEFINER=`root`@`localhost` VIEW v AS SELECT 1",
            "GRANT ALL ON *.* TO root@localhost",
        ]);
        let names: Vec<&str> = names(&found).into_iter().collect();
        assert_eq!(names, ["OLD", "`b c`", "a", "d"]);
    }

    #[test]
    fn a_temporary_table_is_taken_away_by_its_name_as_written() {
        let made = statements(&["CREATE TEMPORARY TABLE OldBoats (x int)", "SELECT 1"]);
        assert_eq!(
            drop_temporary(&made),
            ["DROP TEMPORARY TABLE IF EXISTS `OldBoats`"]
        );
    }

    #[test]
    fn what_is_set_and_prepared_is_done_again() {
        let done = [
            "SET @a = (SELECT max(x), 1 FROM t), @b := 2",
            "SET NAMES utf8mb4",
            "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='' */",
            "set @c = 1, time_zone = '+00:00'",
            "SET @@session.sql_mode = ''",
            "PREPARE one FROM @a",
            "PREPARE two FROM 'SELECT 1'",
            "PREPARE `One` FROM 'SELECT 2'",
            "DEALLOCATE PREPARE two",
            "INSERT INTO t VALUES (1)",
        ];
        assert_eq!(
            again(&statements(&done)),
            [done[1], done[2], done[3], done[4], done[7]]
        );
    }
}
