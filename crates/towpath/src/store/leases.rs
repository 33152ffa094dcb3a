//! The table of leases: who works on which deployment, with a fencing token that never goes back.

use std::time::Duration;

use sqlx::SqliteConnection;
use towpath_core::{Time, names::DeploymentNumber};

use super::{Store, StoreError};

/// The right to work on a deployment, until it expires or is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The deployment.
    pub deployment: DeploymentNumber,
    /// The worker.
    pub holder: String,
    /// Higher than that of every lease before it.
    pub token: u64,
}

impl Store {
    /// Takes the lease of a deployment. `None` when another worker has it, unless `is_gone` says that the worker is.
    pub async fn lease(
        &self,
        deployment: DeploymentNumber,
        holder: &str,
        now: Time,
        lasting: Duration,
        is_gone: impl Fn(&str) -> bool,
    ) -> Result<Option<Lease>, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut tx = super::transact::begin(&mut writer.connection).await?;
        let number = i64::from(deployment.0);
        let held: Option<(String, i64)> =
            sqlx::query_as("SELECT holder, expires_at FROM leases WHERE deployment = $1")
                .bind(number)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some((other, expires_at)) = held
            && other != holder
            && expires_at > now.0
            && !is_gone(&other)
        {
            return Ok(None);
        }
        let token = draw_token(&mut tx).await?;
        sqlx::query(
            "INSERT INTO leases (deployment, holder, token, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (deployment) DO UPDATE
             SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at",
        )
        .bind(number)
        .bind(holder)
        .bind(token)
        .bind((now + lasting).0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let token = u64::try_from(token).unwrap_or(0);
        Ok(Some(Lease {
            deployment,
            holder: holder.to_owned(),
            token,
        }))
    }

    /// A token higher than that of every lease so far, for an act that needs no lease.
    pub async fn next_token(&self) -> Result<u64, StoreError> {
        let mut writer = self.writer.lock().await;
        let token = draw_token(&mut writer.connection).await?;
        Ok(u64::try_from(token).unwrap_or(0))
    }

    /// Keeps a lease for longer; `false` when it is somebody else's now.
    pub async fn renew(
        &self,
        lease: &Lease,
        now: Time,
        lasting: Duration,
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer.lock().await;
        let done =
            sqlx::query("UPDATE leases SET expires_at = $1 WHERE deployment = $2 AND token = $3")
                .bind((now + lasting).0)
                .bind(i64::from(lease.deployment.0))
                .bind(i64::try_from(lease.token).unwrap_or(i64::MAX))
                .execute(&mut writer.connection)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease up.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        sqlx::query("DELETE FROM leases WHERE deployment = $1 AND token = $2")
            .bind(i64::from(lease.deployment.0))
            .bind(i64::try_from(lease.token).unwrap_or(i64::MAX))
            .execute(&mut writer.connection)
            .await?;
        Ok(())
    }
}

/// Checks, inside a transaction, that a lease still holds.
pub(super) async fn check(
    connection: &mut SqliteConnection,
    lease: &Lease,
) -> Result<(), StoreError> {
    let token: Option<i64> = sqlx::query_scalar("SELECT token FROM leases WHERE deployment = $1")
        .bind(i64::from(lease.deployment.0))
        .fetch_optional(connection)
        .await?;
    match token.and_then(|token| u64::try_from(token).ok()) {
        Some(token) if token == lease.token => Ok(()),
        _ => Err(StoreError::Fenced(lease.deployment)),
    }
}

async fn draw_token(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let drawn =
        sqlx::query_scalar("UPDATE fencing SET last = last + 1 WHERE id = 1 RETURNING last");
    Ok(drawn.fetch_one(connection).await?)
}
