//! The table of releases: each as the journal tells it.

use sqlx::SqliteConnection;
use towpath_core::{
    names::ReleaseNumber,
    path::{Commit, Release},
};

use super::{Store, StoreError};

fn read(body: &str) -> Result<Release, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::BadRow {
        what: "a release",
        why: error.to_string(),
    })
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    release: &Release,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(release).expect("a release has text keys");
    sqlx::query(
        "INSERT INTO releases (number, commit_id, body) VALUES ($1, $2, $3)
         ON CONFLICT (number) DO UPDATE SET body = excluded.body",
    )
    .bind(i64::from(release.number.0))
    .bind(&release.source.commit.0)
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn get(
    connection: &mut SqliteConnection,
    number: ReleaseNumber,
) -> Result<Option<Release>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM releases WHERE number = $1")
        .bind(i64::from(number.0))
        .fetch_optional(connection)
        .await?;
    body.as_deref().map(read).transpose()
}

pub(super) async fn of_commit(
    connection: &mut SqliteConnection,
    commit: &Commit,
) -> Result<Vec<Release>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM releases WHERE commit_id = $1 ORDER BY number")
            .bind(&commit.0)
            .fetch_all(connection)
            .await?;
    bodies.iter().map(|body| read(body)).collect()
}

impl Store {
    /// A release.
    pub async fn release(&self, number: ReleaseNumber) -> Result<Option<Release>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        get(&mut connection, number).await
    }

    /// The releases of a commit, oldest first.
    pub async fn releases_of(&self, commit: &Commit) -> Result<Vec<Release>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        of_commit(&mut connection, commit).await
    }

    /// Releases before `before`, newest first.
    pub async fn releases(
        &self,
        before: Option<ReleaseNumber>,
        limit: u32,
    ) -> Result<Vec<Release>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM releases WHERE ($1 IS NULL OR number < $1) ORDER BY number DESC LIMIT $2",
        )
        .bind(before.map(|number| i64::from(number.0)))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        bodies.iter().map(|body| read(body)).collect()
    }
}

pub(super) async fn last_number(connection: &mut SqliteConnection) -> Result<u32, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM releases")
        .fetch_one(connection)
        .await?;
    Ok(u32::try_from(last.unwrap_or(0)).unwrap_or(u32::MAX))
}
