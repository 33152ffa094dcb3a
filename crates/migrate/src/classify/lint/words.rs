//! Lints that the words of a statement settle, for what the parser does not read or does not tell apart.

use super::{Order, Report, alter::retyped, dropped, robust};
use crate::classify::{
    Dialect,
    split::{Kind, Piece, tokens},
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

/// Any statement, read or not.
pub(super) fn any(piece: &Piece<'_>, report: &mut Report<'_>) {
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
