//! Whether a migration leaves rows that refer to nothing: `PRAGMA foreign_key_check`, before and after.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

/// What the check found: how many rows of a table refer to nothing in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum ForeignKeys {
    Checked(BTreeMap<(String, String), i64>),
    /// SQLite refuses to check a schema in which a key refers to columns that are not unique.
    Uncheckable(String),
}

impl ForeignKeys {
    pub(in crate::engine) async fn read(
        connection: &mut SqliteConnection,
    ) -> Result<ForeignKeys, sqlx::Error> {
        const SQL: &str =
            "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2";
        let found: Result<Vec<(String, String, i64)>, _> =
            sqlx::query_as(SQL).fetch_all(connection).await;
        match found {
            Ok(rows) => Ok(ForeignKeys::Checked(
                rows.into_iter()
                    .map(|(table, parent, rows)| ((table, parent), rows))
                    .collect(),
            )),
            Err(sqlx::Error::Database(refusal))
                if refusal.message().contains("foreign key mismatch") =>
            {
                Ok(ForeignKeys::Uncheckable(refusal.message().to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// What is wrong now and was not before. What was wrong already is no fault of the migration, and refusing it would
    /// leave a database that nothing can repair.
    pub(in crate::engine) fn worse_than(&self, before: &ForeignKeys) -> Vec<String> {
        match (self, before) {
            (ForeignKeys::Checked(now), ForeignKeys::Checked(before)) => now
                .iter()
                .filter(|(keys, rows)| before.get(keys).is_none_or(|earlier| earlier < rows))
                .map(|((table, parent), rows)| {
                    format!("{rows} rows of {table:?} refer to rows that {parent:?} does not have")
                })
                .collect(),
            (ForeignKeys::Uncheckable(refusal), ForeignKeys::Checked(_)) => vec![refusal.clone()],
            // Not comparable: there is nothing to compare with.
            (_, ForeignKeys::Uncheckable(_)) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[(&str, &str, i64)]) -> ForeignKeys {
        let rows = rows
            .iter()
            .map(|(table, parent, rows)| ((table.to_string(), parent.to_string()), *rows));
        ForeignKeys::Checked(rows.collect())
    }

    #[test]
    fn only_what_is_new_counts() {
        let (none, one, two) = (found(&[]), found(&[("a", "b", 1)]), found(&[("a", "b", 2)]));
        let odd = ForeignKeys::Uncheckable("foreign key mismatch".into());
        assert!(none.worse_than(&one).is_empty());
        assert!(one.worse_than(&one).is_empty());
        assert!(one.worse_than(&two).is_empty());
        assert!(odd.worse_than(&odd).is_empty());
        assert!(one.worse_than(&odd).is_empty());
        assert_eq!(
            two.worse_than(&one),
            ["2 rows of \"a\" refer to rows that \"b\" does not have"]
        );
        assert_eq!(odd.worse_than(&none), ["foreign key mismatch"]);
    }
}
