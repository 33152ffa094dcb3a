//! Tables whose storage engine has no transactions: what is written to them stays, whatever becomes of the rest.

use crate::{
    classify::{
        Dialect,
        split::{Kind, tokens},
    },
    engine::{connection::Connection, steps::Statement},
};

/// The first table that statements write to and that no transaction holds, with what keeps it.
pub(in crate::engine) async fn without_transactions(
    connection: &mut Connection,
    statements: &[Statement<'_>],
) -> Result<Option<[String; 2]>, sqlx::Error> {
    let written: Vec<Vec<String>> = statements.iter().map(|one| written(one.text)).collect();
    if written.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let sql = "SELECT CAST(t.table_name AS CHAR) AS name, CAST(t.engine AS CHAR) AS engine
               FROM information_schema.tables AS t JOIN information_schema.engines AS e ON e.engine = t.engine
               WHERE t.table_schema = database() AND t.table_type = 'BASE TABLE'
                     AND coalesce(e.transactions, 'NO') <> 'YES' ORDER BY 1";
    for row in connection.rows(sql, &[]).await? {
        let name = row.text("name")?;
        let is_meant = |word: &String| word.eq_ignore_ascii_case(&name);
        if written.iter().flatten().any(is_meant) {
            return Ok(Some([name, row.text("engine")?]));
        }
    }
    Ok(None)
}

/// The names in a statement of which one may be that of a table it writes to; none where it only reads.
fn written(statement: &str) -> Vec<String> {
    let mut all = tokens(statement, Dialect::Mysql)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    let Some(first) = all.next() else {
        return Vec::new();
    };
    // What follows is read from.
    let ends: &[&str] = match first.text.to_ascii_uppercase().as_str() {
        "INSERT" | "REPLACE" => &["(", "SELECT", "VALUES", "VALUE", "SET", "WITH", "TABLE"],
        "UPDATE" => &["SET"],
        "DELETE" | "LOAD" | "WITH" => &[],
        _ => return Vec::new(),
    };
    all.take_while(|token| !ends.iter().any(|end| token.text.eq_ignore_ascii_case(end)))
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))
        .map(|token| token.text.trim_matches('`').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn what_is_read_from_is_not_written_to() {
        for (sql, expected) in [
            ("INSERT INTO `a` (b) SELECT b FROM c", &["INTO", "a"][..]),
            ("REPLACE a VALUES (1)", &["a"]),
            (
                "UPDATE a JOIN b USING (x) SET a.y = (SELECT 1 FROM c)",
                &["a", "JOIN", "b", "USING", "x"],
            ),
            (
                "DELETE FROM a WHERE x = 1",
                &["FROM", "a", "WHERE", "x", "1"],
            ),
            ("SELECT * FROM a", &[]),
            ("SET @a = 1", &[]),
        ] {
            assert_eq!(written(sql), expected, "{sql}");
        }
    }
}
