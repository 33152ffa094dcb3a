//! The read models as the fold of the journal: loaded, verified, and made again.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use towpath_core::{
    journal::{Head, Record, Stream},
    names::{DeploymentNumber, ReleaseNumber},
    path::{Fact, State, evolve},
};

use super::{
    Store, StoreError, branches, deployments, environments,
    journal::{self, Page},
    releases, transact,
};

/// How many records are read at a time.
const PAGE: u32 = 500;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verification {
    /// How many records there are.
    pub records: u64,
    /// How many streams.
    pub streams: u64,
    /// The last record's hash; kept elsewhere, it shows later that nothing was cut off.
    pub head: Option<towpath_core::Digest>,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Replay {
    /// How many records were replayed.
    pub records: u64,
    /// The rows that were not what the journal says, and are now.
    pub repaired: Vec<String>,
}

/// The state as the rows tell it.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<State, StoreError> {
    let mut state = State {
        seq: journal::last(connection).await?,
        last_release: releases::last_number(connection).await?,
        last_deployment: deployments::last_number(connection).await?,
        branches: branches::all(connection).await?,
        environments: environments::all(connection).await?.into_iter().collect(),
        ..State::default()
    };
    for deployment in deployments::open(connection).await? {
        state.deployments.insert(deployment.number, deployment);
    }
    let last: Vec<DeploymentNumber> = state.environments.values().filter_map(|e| e.last).collect();
    for number in last {
        transact::hydrate_stream(connection, &mut state, &Stream::Deployment(number)).await?;
    }
    for number in referenced_releases(&state) {
        transact::hydrate_stream(connection, &mut state, &Stream::Release(number)).await?;
    }
    Ok(state)
}

fn referenced_releases(state: &State) -> Vec<ReleaseNumber> {
    let standing = state.environments.values().flat_map(|environment| {
        environment
            .live
            .iter()
            .chain(environment.previous.iter().map(|warm| &warm.standing))
            .chain(&environment.verified)
            .map(|standing| standing.release)
    });
    let planned = state
        .deployments
        .values()
        .map(|deployment| deployment.plan.release);
    standing.chain(planned).collect()
}

impl Store {
    /// Checks every record against its predecessor.
    pub async fn verify(&self) -> Result<Verification, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let mut checker = Checker::default();
        loop {
            let page = Page {
                after: checker.seq,
                stream: None,
                limit: PAGE,
            };
            let records = journal::read(&mut connection, &page).await?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                checker.check(record)?;
            }
        }
        Ok(Verification {
            records: checker.seq,
            streams: checker.heads.len() as u64,
            head: checker.last,
        })
    }

    /// Makes every read model again from the journal, and says which were not as they should be.
    pub async fn replay(&self) -> Result<Replay, StoreError> {
        let mut writer = self.writer.lock().await;
        let super::Writer {
            connection,
            state: known,
        } = &mut *writer;
        let mut tx = transact::begin(connection).await?;
        let before = rows(&mut tx).await?;
        for table in ["releases", "deployments", "environments", "branches"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
                .execute(&mut *tx)
                .await?;
        }
        let mut checker = Checker::default();
        let mut state = State::default();
        loop {
            let page = Page {
                after: checker.seq,
                stream: None,
                limit: PAGE,
            };
            let records = journal::read(&mut tx, &page).await?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                checker.check(record)?;
                transact::hydrate_stream(&mut tx, &mut state, &record.stream).await?;
                let touched = evolve(&mut state, &Fact::of(record)?);
                state.seq = record.seq;
                transact::put(&mut tx, &state, &touched).await?;
            }
            state.prune();
        }
        let after = rows(&mut tx).await?;
        tx.commit().await?;
        *known = state;
        Ok(Replay {
            records: checker.seq,
            repaired: differences(&before, &after),
        })
    }
}

/// Walks the journal, stream by stream.
#[derive(Default)]
struct Checker {
    seq: u64,
    heads: BTreeMap<String, Head>,
    last: Option<towpath_core::Digest>,
}

impl Checker {
    fn check(&mut self, record: &Record) -> Result<(), StoreError> {
        let head = self
            .heads
            .entry(record.stream.to_string())
            .or_insert(Head::EMPTY);
        record.verify(self.seq + 1, *head)?;
        *head = record.head();
        self.seq = record.seq;
        self.last = Some(record.hash);
        Ok(())
    }
}

/// Every row of the read models, by a name for people.
async fn rows(connection: &mut SqliteConnection) -> Result<BTreeMap<String, String>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT 'release v' || number, body FROM releases
         UNION ALL SELECT 'deployment d' || number, body FROM deployments
         UNION ALL SELECT 'environment ' || name, body FROM environments
         UNION ALL SELECT 'branch ' || name, commit_id FROM branches",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}
