//! The table of environments: each as the journal tells it.

use sqlx::SqliteConnection;
use towpath_core::{names::EnvironmentName, path::EnvironmentState};

use super::StoreError;

fn bad(why: impl ToString) -> StoreError {
    StoreError::BadRow {
        what: "an environment",
        why: why.to_string(),
    }
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    name: &EnvironmentName,
    environment: &EnvironmentState,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(environment).expect("an environment has text keys");
    sqlx::query(
        "INSERT INTO environments (name, body) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body",
    )
    .bind(name.as_str())
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn get(
    connection: &mut SqliteConnection,
    name: &EnvironmentName,
) -> Result<Option<EnvironmentState>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM environments WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    body.map(|body| serde_json::from_str(&body).map_err(bad))
        .transpose()
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<(EnvironmentName, EnvironmentState)>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, body FROM environments ORDER BY name")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(name, body)| {
            Ok((
                name.parse().map_err(bad)?,
                serde_json::from_str(&body).map_err(bad)?,
            ))
        })
        .collect()
}
