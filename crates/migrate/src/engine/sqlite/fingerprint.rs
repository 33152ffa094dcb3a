//! A digest of the schema, equal for schemas that mean the same.

use super::{
    Sqlite,
    lexer::{Kind, Token, tokens},
};
use crate::{DatabaseError, digest, engine::records};

impl Sqlite {
    pub(in crate::engine) async fn schema_fingerprint(&self) -> Result<String, DatabaseError> {
        let mut objects: Vec<(String, String, String, String)> = Vec::new();
        if let Some(mut connection) = self.reader().await? {
            // Without SQL: the indexes that SQLite makes for UNIQUE and PRIMARY KEY, which are in their table's SQL.
            let rows = sqlx::query_as(
                "SELECT type, name, tbl_name, sql FROM sqlite_schema
                 WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            );
            let rows = rows
                .fetch_all(&mut connection)
                .await
                .map_err(|error| self.error(&error));
            self.close(connection).await?;
            objects = rows?;
        }
        objects.retain(|(_, _, table, _)| !records::is_record(table));
        let mut lines: Vec<String> = objects
            .iter()
            .map(|(kind, name, table, sql)| {
                format!(
                    "{kind} {} {}: {}\n",
                    name.to_lowercase(),
                    table.to_lowercase(),
                    normal(sql)
                )
            })
            .collect();
        // By name and not by age: the order of making is no part of a schema.
        lines.sort();
        Ok(digest::sha256(lines.concat().as_bytes()))
    }
}

/// SQL with one space between tokens, no comments, and names written one way: `ALTER TABLE … RENAME` puts names into
/// quotes that nobody wrote.
fn normal(sql: &str) -> String {
    let words: Vec<String> = tokens(sql).filter_map(|token| word(&token)).collect();
    words.join(" ")
}

fn word(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Space | Kind::Comment => None,
        Kind::Quoted if !token.text.starts_with('\'') => Some(unquoted(token.text)),
        Kind::Word => Some(token.text.to_ascii_lowercase()),
        Kind::Quoted | Kind::Semicolon | Kind::Other => Some(token.text.to_owned()),
    }
}

/// A quoted name that needs no quotes, without them.
fn unquoted(text: &str) -> String {
    let inner = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    let plain = inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        inner.to_ascii_lowercase()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn only_what_means_something_counts() {
        let plain = normal("CREATE TABLE users (id INTEGER, name TEXT DEFAULT 'A  b')");
        assert_eq!(
            plain,
            normal(
                "create table \"users\"(\n  id INTEGER, -- the key\n  [name] TEXT DEFAULT 'A  b'\n)"
            )
        );
        assert_ne!(
            plain,
            normal("CREATE TABLE users (id INTEGER, name TEXT DEFAULT 'a b')")
        );
        assert_ne!(normal("SELECT \"a b\""), normal("SELECT a b"));
    }
}
