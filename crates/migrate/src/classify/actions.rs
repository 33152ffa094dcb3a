//! PostgreSQL's `ALTER TABLE` with an action that the parser does not know: one action after the other.
//!
//! The actions that are read here are few. Every other one is given to the parser on its own, and when it does not know
//! one of them, nothing is said about the statement.

use sqlparser::ast::{AlterTable, Statement};

use super::{
    Dialect, alter,
    created::{Created, Kind},
    effect::Findings,
    parse,
    split::{Kind as Sort, Piece, Token, tokens},
};

/// Reads an `ALTER TABLE` whose actions are all known here or to the parser.
pub(super) fn read(created: &mut Created, piece: &Piece<'_>, found: &mut Findings) -> bool {
    let Some((table, actions)) = cut(piece) else {
        return false;
    };
    let read: Option<Vec<Action>> = actions
        .iter()
        .map(|action| Action::read(table, action, piece.line))
        .collect();
    let Some(actions) = read else {
        return false;
    };
    let Some(own) = own_table(created, table, piece.line) else {
        return false;
    };
    for action in actions {
        match action {
            Action::Parsed(one) => alter::read(Dialect::Postgres, created, &one, found),
            _ if own => {
                found.expand("this file created the table, and no running code uses it");
            }
            Action::Moment { constraint } => {
                found
                    .contract(format!(
                        "`{constraint}` is checked at another moment: what old code writes is refused where it was not, or later \
                         than it waits for"
                    ))
                    .remedy("release code that does not count on the moment first");
            }
            Action::Enforced { constraint, is } => enforced(&constraint, is, found),
            Action::NotNull { column, not_valid } => alter::not_null(&column, not_valid, found),
        }
    }
    true
}

/// `ALTER TABLE … name` as it is written, and the actions that follow it.
fn cut<'a>(piece: &Piece<'a>) -> Option<(&'a str, Vec<&'a str>)> {
    let all: Vec<Token<'a>> = tokens(piece.text, Dialect::Postgres)
        .filter(|token| !matches!(token.kind, Sort::Space | Sort::Comment))
        .collect();
    let mut rest = all.as_slice();
    let mut skip = |words: &[&str]| {
        let is =
            rest.len() >= words.len() && rest.iter().zip(words).all(|(one, word)| one.is(word));
        rest = if is { &rest[words.len()..] } else { rest };
        is
    };
    if !skip(&["alter", "table"]) {
        return None;
    }
    skip(&["if", "exists"]);
    skip(&["only"]);
    while rest.get(1).is_some_and(|token| token.text == ".") {
        rest = &rest[2..];
    }
    let name = rest.first()?;
    let begin = name.end();
    let (mut depth, mut from, mut actions) = (0_usize, begin, Vec::new());
    for token in &rest[1..] {
        match token.text {
            "(" | "[" if token.kind == Sort::Other => depth += 1,
            ")" | "]" if token.kind == Sort::Other => depth = depth.checked_sub(1)?,
            "," if depth == 0 => {
                actions.push(&piece.text[from..token.start()]);
                from = token.end();
            }
            _ => {}
        }
    }
    actions.push(&piece.text[from..]);
    (depth == 0).then_some((&piece.text[..begin], actions))
}

/// Whether the file created the table; nothing when the parser does not know its name.
fn own_table(created: &Created, table: &str, line: usize) -> Option<bool> {
    let Statement::AlterTable(any) = parsed(table, "DROP COLUMN a", line)? else {
        return None;
    };
    Some(created.has(Kind::Table, &any.name))
}

fn parsed(table: &str, action: &str, line: usize) -> Option<Statement> {
    let text = format!("{table} {action}");
    let piece = Piece { line, text: &text };
    parse::parse(&piece, Dialect::Postgres).ok()
}

/// What one action does.
enum Action {
    /// The parser knows it.
    Parsed(Box<AlterTable>),
    /// `ALTER CONSTRAINT … [NOT] DEFERRABLE`, `INITIALLY …`
    Moment { constraint: String },
    /// `ALTER CONSTRAINT … [NOT] ENFORCED`, from PostgreSQL 18.
    Enforced { constraint: String, is: bool },
    /// `ADD CONSTRAINT … NOT NULL column`, from PostgreSQL 18.
    NotNull { column: String, not_valid: bool },
}

impl Action {
    fn read(table: &str, action: &str, line: usize) -> Option<Action> {
        let words: Vec<Token<'_>> = tokens(action, Dialect::Postgres)
            .filter(|token| !matches!(token.kind, Sort::Space | Sort::Comment))
            .collect();
        let is = |at: usize, word: &str| words.get(at).is_some_and(|token| token.is(word));
        let text = |at: usize| {
            words
                .get(at)
                .map(|token| token.text.trim_matches('"').to_owned())
        };
        let only = |from: usize, known: &[&str]| {
            let mut rest = words.iter().skip(from);
            rest.all(|token| known.iter().any(|word| token.is(word)))
        };
        if is(0, "alter") && is(1, "constraint") {
            let constraint = text(2)?;
            if only(
                3,
                &["not", "deferrable", "initially", "deferred", "immediate"],
            ) {
                return Some(Action::Moment { constraint });
            }
            return only(3, &["not", "enforced"]).then_some(Action::Enforced {
                constraint,
                is: !is(3, "not"),
            });
        }
        let named = if is(0, "add") && is(1, "constraint") {
            3
        } else {
            1
        };
        if is(0, "add") && is(named, "not") && is(named + 1, "null") {
            let column = text(named + 2)?;
            return only(named + 3, &["no", "inherit", "not", "valid"]).then_some(
                Action::NotNull {
                    column,
                    not_valid: words.last().is_some_and(|token| token.is("valid")),
                },
            );
        }
        match parsed(table, action, line)? {
            Statement::AlterTable(one) => Some(Action::Parsed(Box::new(one))),
            _ => None,
        }
    }
}

fn enforced(constraint: &str, is: bool, found: &mut Findings) {
    if !is {
        found.contract(format!("rows that `{constraint}` kept out may appear"));
        return;
    }
    found.contract(format!(
        "old code that writes what `{constraint}` does not allow is refused"
    ));
    found.blocking("every row is checked while others wait for the table");
}
