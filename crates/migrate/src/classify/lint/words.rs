//! Lints that the words of a statement settle, for what the parser does not read or does not tell apart.

use sqlparser::ast::Statement;

use super::{Order, Report, alter::retyped, dropped, robust};
use crate::classify::{
    Dialect,
    split::{Kind, Piece, Token, tokens},
};

fn words(piece: &Piece<'_>) -> Vec<String> {
    tokens(piece.text, Dialect::Postgres)
        .filter(|token| token.kind == Kind::Word)
        .take(16)
        .map(|token| token.text.to_ascii_lowercase())
        .collect()
}

/// Statements that the parser does not read.
pub(super) fn unread(piece: &Piece<'_>, order: &Order, report: &mut Report<'_>) {
    let words = words(piece);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let has = |pair: &[&str]| words.windows(pair.len()).any(|found| found == pair);
    match words.as_slice() {
        ["drop", "index", "concurrently", rest @ ..] => {
            if order.in_transaction() {
                report.add(
                    "ban-concurrent-index-creation-in-transaction",
                    "PostgreSQL refuses DROP INDEX CONCURRENTLY in a transaction",
                    "put it in a migration of its own that opens with `-- no-transaction`",
                );
            }
            if !rest.starts_with(&["if", "exists"]) {
                robust(order, report);
            }
        }
        ["drop", "aggregate" | "routine", ..] => dropped("ban-drop-function", report),
        ["alter", "domain", ..] if has(&["add"]) => report.add(
            "ban-alter-domain-with-add-constraint",
            "every table that uses the domain is read, and nobody writes them meanwhile",
            "put the constraint on the columns",
        ),
        ["alter", "table", ..] if has(&["drop", "identity"]) || has(&["set", "generated"]) => {
            identity(report);
        }
        ["alter", "table", ..] if has(&["alter", "column"]) && has(&["type"]) => retyped(report),
        ["alter", "table", ..] if has(&["drop", "expression"]) => report.add(
            "ban-drop-generated-expression",
            "old code does not write the column, which nothing computes any longer",
            "release code that writes it first",
        ),
        ["alter", "table", ..] if has(&["detach", "partition"]) && !has(&["concurrently"]) => {
            report.add(
                "require-concurrent-partition-detach",
                "the table is locked for everybody",
                "DETACH PARTITION … CONCURRENTLY, outside a transaction",
            )
        }
        _ => {}
    }
}

/// How many bytes of a name PostgreSQL keeps.
const LONGEST_NAME: usize = 63;

/// Any statement, read or not.
pub(super) fn any(piece: &Piece<'_>, report: &mut Report<'_>) {
    if tokens(piece.text, Dialect::Postgres).any(|token| is_long_name(&token)) {
        report.add(
            "identifier-too-long",
            "PostgreSQL keeps the first 63 bytes of a name, and two names may become one",
            "choose a name of at most 63 bytes",
        );
    }
    let words = words(piece);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let has = |pair: &[&str]| words.windows(pair.len()).any(|found| found == pair);
    match words.as_slice() {
        ["reindex", ..] if !has(&["concurrently"]) => report.add(
            "require-concurrent-reindex",
            "nobody writes the table while its indexes are built anew",
            "REINDEX … CONCURRENTLY, outside a transaction",
        ),
        ["alter", kind, ..] if *kind != "table" && has(&["rename"]) => renamed(report),
        ["alter", ..] if has(&["set", "schema"]) => report.add(
            "ban-set-schema",
            "old code that uses the old name is refused",
            "leave it where it is, or a view under the old name",
        ),
        _ => {}
    }
}

fn is_long_name(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => {
            // A number may be as long as it likes.
            !token.text.starts_with(|first: char| first.is_ascii_digit())
                && token.text.len() > LONGEST_NAME
        }
        Kind::Quoted => {
            let name = token
                .text
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            name.is_some_and(|name| name.replace("\"\"", "\"").len() > LONGEST_NAME)
        }
        _ => false,
    }
}

/// Whether a statement takes a lock that somebody may wait behind: nearly all but those on rows, and a new table that has to do
/// with no other.
pub(super) fn locks(piece: &Piece<'_>, statement: Option<&Statement>) -> bool {
    let words = words(piece);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let any = |wanted: &[&str]| {
        let mut all = tokens(piece.text, Dialect::Postgres);
        all.any(|token| {
            token.kind == Kind::Word
                && wanted
                    .iter()
                    .any(|word| token.text.eq_ignore_ascii_case(word))
        })
    };
    match words.as_slice() {
        [
            "create",
            "table" | "temp" | "temporary" | "unlogged" | "local" | "global",
            ..,
        ] => {
            let from_rows =
                matches!(statement, Some(Statement::CreateTable(create)) if create.query.is_some());
            from_rows || any(&["references", "inherits", "partition"])
        }
        ["select", ..] => any(&["into"]),
        [first, ..] => [
            "alter", "cluster", "comment", "create", "drop", "import", "lock", "refresh",
            "reindex", "truncate", "vacuum",
        ]
        .contains(first),
        [] => false,
    }
}

pub(super) fn renamed(report: &mut Report<'_>) {
    report.add(
        "renaming-object",
        "old code that uses the old name is refused",
        "create it under the new name, and drop the old one in a later release",
    );
}

pub(super) fn identity(report: &mut Report<'_>) {
    report.add(
        "ban-alter-identity",
        "old code that writes the column, or does not, may be refused",
        "add a column that is numbered as it should be",
    );
}
