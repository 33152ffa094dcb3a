//! One statement through the parser, within limits of size, depth and stack.

use sqlparser::{
    ast::Statement,
    dialect::{Dialect as Rules, MySqlDialect, PostgreSqlDialect, SQLiteDialect},
    parser::Parser,
};

use super::{
    Dialect,
    split::{Kind, Piece, tokens},
};

/// The longest statement that is parsed, in bytes. The parser's tokens take a hundred times a statement's size.
const LONGEST: usize = 256 * 1024;

/// How deep parentheses and expressions may nest.
const DEEPEST: usize = 40;

/// The stack on which statements are parsed and dropped, in bytes; only what is used of it is ever allocated. A chain
/// such as `1+1+1…` nests once for each of its links, however flat it looks, and the longest statement has room for many.
pub(super) const STACK: usize = 256 * 1024 * 1024;

/// Why a statement was not read. Both are whole sentences for people.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not even tried.
    Refused(String),
    /// The parser does not know it.
    Unreadable(String),
}

/// Parses a statement, or says why it cannot be read.
pub(super) fn parse(piece: &Piece<'_>, dialect: Dialect) -> Result<Statement, Unread> {
    within_limits(piece, dialect).map_err(Unread::Refused)?;
    statement(piece, dialect).map_err(Unread::Unreadable)
}

fn statement(piece: &Piece<'_>, dialect: Dialect) -> Result<Statement, String> {
    let mut statements = Parser::new(rules(dialect))
        .with_recursion_limit(DEEPEST + 10)
        .try_with_sql(piece.text)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| format!("it cannot be read: {}", plain(&error.to_string())))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err("it cannot be told where the statement ends".into()),
    }
}

/// Refuses what the parser would take for a comment, and what nests so deep that trying it takes too long.
fn within_limits(piece: &Piece<'_>, dialect: Dialect) -> Result<(), String> {
    if piece.text.len() > LONGEST {
        return Err(format!(
            "the statement is longer than {} KiB and is not read",
            LONGEST / 1024
        ));
    }
    if piece.text.contains('\0') {
        return Err("a NUL character, at which a database may stop reading".into());
    }
    let mut depth = 0_usize;
    // Whether the last token was PostgreSQL's E'…', which a string on the next line continues.
    let mut escapes = false;
    for token in tokens(piece.text, dialect) {
        match (token.kind, token.text) {
            (Kind::Conditional, _) => {
                return Err("a comment `/*! … */` that some servers run and others skip".into());
            }
            (Kind::Quoted, text) if escapes && text.starts_with('\'') => {
                return Err("a string with escapes that goes on after a space".into());
            }
            (Kind::Comment, text) if dialect == Dialect::Postgres && text.ends_with('\r') => {
                return Err("a comment that a carriage return ends".into());
            }
            (Kind::Other, "(" | "[") => depth += 1,
            (Kind::Other, ")" | "]") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !matches!(token.kind, Kind::Space | Kind::Comment) {
            escapes = token.kind == Kind::Quoted && token.text.starts_with(['e', 'E']);
        }
        if depth > DEEPEST {
            return Err(format!("parentheses nest deeper than {DEEPEST}"));
        }
    }
    Ok(())
}

fn rules(dialect: Dialect) -> &'static dyn Rules {
    match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Mysql => &MySqlDialect {},
    }
}

/// The parser's message on one line, without its prefix, and of a bearable length.
fn plain(message: &str) -> String {
    const MOST: usize = 200;
    let message = message
        .strip_prefix("sql parser error: ")
        .unwrap_or(message)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}
