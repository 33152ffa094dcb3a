//! The table of deployments: each as the journal tells it.

use sqlx::SqliteConnection;
use towpath_core::{
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{Deployment, End, Standing, Status},
};

use super::{Store, StoreError};

fn read(body: &str) -> Result<Deployment, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::BadRow {
        what: "a deployment",
        why: error.to_string(),
    })
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    deployment: &Deployment,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(deployment).expect("a deployment has text keys");
    sqlx::query(
        "INSERT INTO deployments (number, environment, release, has_ended, body)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (number) DO UPDATE SET has_ended = excluded.has_ended, body = excluded.body",
    )
    .bind(i64::from(deployment.number.0))
    .bind(deployment.plan.environment.as_str())
    .bind(i64::from(deployment.plan.release.0))
    .bind(i64::from(deployment.status == Status::Ended))
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn get(
    connection: &mut SqliteConnection,
    number: DeploymentNumber,
) -> Result<Option<Deployment>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM deployments WHERE number = $1")
        .bind(i64::from(number.0))
        .fetch_optional(connection)
        .await?;
    body.as_deref().map(read).transpose()
}

pub(super) async fn open(connection: &mut SqliteConnection) -> Result<Vec<Deployment>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM deployments WHERE has_ended = 0 ORDER BY number")
            .fetch_all(connection)
            .await?;
    bodies.iter().map(|body| read(body)).collect()
}

pub(super) async fn last_number(connection: &mut SqliteConnection) -> Result<u32, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM deployments")
        .fetch_one(connection)
        .await?;
    Ok(u32::try_from(last.unwrap_or(0)).unwrap_or(u32::MAX))
}

impl Store {
    /// A deployment.
    pub async fn deployment(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<Deployment>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        get(&mut connection, number).await
    }

    /// Deployments, newest first.
    pub async fn deployments(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<DeploymentNumber>,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM deployments
             WHERE ($1 IS NULL OR environment = $1) AND ($2 IS NULL OR number < $2)
             ORDER BY number DESC LIMIT $3",
        )
        .bind(environment.map(EnvironmentName::as_str))
        .bind(before.map(|number| i64::from(number.0)))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        bodies.iter().map(|body| read(body)).collect()
    }

    /// How a release stood in an environment when it was verified there last.
    pub async fn standing(
        &self,
        environment: &EnvironmentName,
        release: ReleaseNumber,
    ) -> Result<Option<Standing>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM deployments WHERE environment = $1 AND release = $2 AND has_ended = 1
             ORDER BY number DESC LIMIT 50",
        )
        .bind(environment.as_str())
        .bind(i64::from(release.0))
        .fetch_all(&self.readers)
        .await?;
        for body in &bodies {
            let deployment = read(body)?;
            if let Some(ended) = &deployment.ended
                && ended.end == End::Settled
            {
                return Ok(Some(deployment.standing(ended.at)));
            }
        }
        Ok(None)
    }
}
