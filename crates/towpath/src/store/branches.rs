//! The table of branches: where each was seen last.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use towpath_core::path::Commit;

use super::StoreError;

/// Makes the table say what the state says.
pub(super) async fn put_all(
    connection: &mut SqliteConnection,
    branches: &BTreeMap<String, Commit>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM branches")
        .execute(&mut *connection)
        .await?;
    for (name, commit) in branches {
        sqlx::query("INSERT INTO branches (name, commit_id) VALUES ($1, $2)")
            .bind(name)
            .bind(&commit.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<String, Commit>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, commit_id FROM branches")
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(name, commit)| (name, Commit(commit)))
        .collect())
}
