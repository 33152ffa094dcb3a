//! One transaction: catch up with the journal, decide, append, renew the read models. All of it, or nothing.

use std::{fs, path::Path, sync::Arc};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};
use towpath_core::{
    Time,
    journal::{Record, Stream},
    names::{DeploymentNumber, ReleaseNumber},
    path::{Actor, Command, Fact, State, Touched, decide, evolve},
};

use super::{
    Lease, Schema, Store, StoreError, branches, connect, deployments, environments, journal,
    leases, options, releases, replay,
};

/// From here on the log of writes is taken into the database, by whoever writes a single record.
const LOG_BYTES: u64 = 256 << 10;

/// What becomes of a journal into which a single record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is closed, and tidied up.
    Closed,
    /// It is left as it is: this process ends soon, and somebody waits for it.
    Left,
}

/// What a transaction wrote, and the state after it.
pub struct Written {
    /// The records, in order.
    pub records: Vec<Arc<Record>>,
    /// The state that they made.
    pub state: State,
}

impl Written {
    /// The deployment that was requested.
    pub fn requested(&self) -> Option<DeploymentNumber> {
        self.records
            .iter()
            .find_map(|record| match (&record.stream, record.kind.as_str()) {
                (Stream::Deployment(number), "requested") => Some(*number),
                _ => None,
            })
    }
}

/// Begins a transaction that excludes other writers from the start, so that it never has to be repeated.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
) -> Result<Transaction<'_, Sqlite>, StoreError> {
    Ok(connection.begin_with("BEGIN IMMEDIATE").await?)
}

impl Store {
    /// Decides commands, in order, against the state of this instant, and writes what follows.
    ///
    /// With a lease, only while it holds.
    pub async fn transact(
        &self,
        actor: &Actor,
        commands: &[Command],
        lease: Option<&Lease>,
        now: Time,
    ) -> Result<Written, StoreError> {
        let mut writer = self.writer.lock().await;
        let super::Writer {
            connection,
            state: known,
        } = &mut *writer;
        let mut tx = begin(connection).await?;
        let mut state = known.clone();
        catch_up(&mut tx, &mut state).await?;
        if let Some(lease) = lease {
            leases::check(&mut tx, lease).await?;
        }
        let records = write(&mut tx, &mut state, actor, commands, now).await?;
        tx.commit().await?;
        let after = state.clone();
        state.prune();
        *known = state;
        drop(writer);
        for record in &records {
            // Nobody has to listen.
            let _ = self.written.send(record.clone());
        }
        Ok(Written {
            records,
            state: after,
        })
    }

    /// Writes what follows from one command into a journal that is not opened for anything else: of what the command does not look at,
    /// nothing is read.
    pub async fn record(
        path: &Path,
        actor: &Actor,
        command: &Command,
        closing: Closing,
        now: Time,
    ) -> Result<(), StoreError> {
        let Some(environment) = command.needs().environment else {
            let store = Store::open(path).await?;
            store
                .transact(actor, std::slice::from_ref(command), None, now)
                .await?;
            return Ok(());
        };
        let mut connection = connect(path, &options(path)?, Schema::LookedAt).await?;
        let mut tx = begin(&mut connection).await?;
        let mut state = State {
            seq: journal::last(&mut tx).await?,
            ..State::default()
        };
        let known = environments::get(&mut tx, &environment).await?;
        state
            .environments
            .extend(known.map(|known| (environment, known)));
        write(
            &mut tx,
            &mut state,
            actor,
            std::slice::from_ref(command),
            now,
        )
        .await?;
        tx.commit().await?;
        // The last to close a journal takes its log of writes into the database, which somebody would wait for here each time; whoever
        // opens one that was not closed reads the log through, so it must not grow either.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let is_short = || fs::metadata(log).is_ok_and(|log| log.len() < LOG_BYTES);
        match closing == Closing::Left && is_short() {
            true => std::mem::forget(connection),
            false => connection.close().await?,
        }
        Ok(())
    }

    /// The state of this instant, with what a command would look at.
    pub async fn state(&self) -> Result<State, StoreError> {
        let mut writer = self.writer.lock().await;
        let super::Writer { connection, state } = &mut *writer;
        // Nearly always nobody else has written since.
        if journal::last(connection).await? != state.seq {
            // In one transaction, so that the rows are all of one instant.
            let mut tx = connection.begin().await?;
            catch_up(&mut tx, state).await?;
            tx.rollback().await?;
        }
        Ok(state.clone())
    }

    /// The state of this instant, with these releases in it.
    pub async fn state_with(&self, numbers: &[ReleaseNumber]) -> Result<State, StoreError> {
        let mut state = self.state().await?;
        for number in numbers {
            if !state.releases.contains_key(number)
                && let Some(release) = self.release(*number).await?
            {
                state.releases.insert(*number, release);
            }
        }
        Ok(state)
    }
}

/// Decides commands, in order, and writes what follows.
async fn write(
    connection: &mut SqliteConnection,
    state: &mut State,
    actor: &Actor,
    commands: &[Command],
    now: Time,
) -> Result<Vec<Arc<Record>>, StoreError> {
    let mut records = Vec::new();
    let mut touched = Touched::default();
    for command in commands {
        let by = match command {
            Command::Advance { .. } => &Actor::Towpath,
            _ => actor,
        };
        hydrate_needs(connection, state, command).await?;
        for (stream, event) in decide(state, by, command, now)? {
            let fact = Fact {
                stream: stream.clone(),
                at: now,
                actor: by.to_string(),
                event: event.clone(),
            };
            hydrate_stream(connection, state, &stream).await?;
            let record =
                journal::append(connection, state.seq + 1, event.draft(stream, by, now)).await?;
            state.seq = record.seq;
            merge(&mut touched, evolve(state, &fact));
            records.push(record);
        }
    }
    put(connection, state, &touched).await?;
    Ok(records)
}

fn merge(all: &mut Touched, more: Touched) {
    all.environments.extend(more.environments);
    all.releases.extend(more.releases);
    all.deployments.extend(more.deployments);
    all.branches |= more.branches;
}

/// Takes in what other processes have written since: the rows are as new as the last record, always.
async fn catch_up(connection: &mut SqliteConnection, state: &mut State) -> Result<(), StoreError> {
    if journal::last(connection).await? != state.seq {
        *state = replay::load(connection).await?;
    }
    Ok(())
}

async fn hydrate_needs(
    connection: &mut SqliteConnection,
    state: &mut State,
    command: &Command,
) -> Result<(), StoreError> {
    let needs = command.needs();
    for number in needs.releases {
        hydrate_release(connection, state, number).await?;
    }
    for number in needs.deployments {
        hydrate_deployment(connection, state, number).await?;
    }
    if let Some(commit) = needs.commit {
        for release in releases::of_commit(connection, &commit).await? {
            state.releases.entry(release.number).or_insert(release);
        }
    }
    Ok(())
}

/// Brings in what a fact about this stream changes.
pub(super) async fn hydrate_stream(
    connection: &mut SqliteConnection,
    state: &mut State,
    stream: &Stream,
) -> Result<(), StoreError> {
    match stream {
        Stream::Release(number) => hydrate_release(connection, state, *number).await,
        Stream::Deployment(number) => hydrate_deployment(connection, state, *number).await,
        Stream::Project | Stream::Environment(_) => Ok(()),
    }
}

async fn hydrate_release(
    connection: &mut SqliteConnection,
    state: &mut State,
    number: ReleaseNumber,
) -> Result<(), StoreError> {
    if !state.releases.contains_key(&number)
        && let Some(release) = releases::get(connection, number).await?
    {
        state.releases.insert(number, release);
    }
    Ok(())
}

async fn hydrate_deployment(
    connection: &mut SqliteConnection,
    state: &mut State,
    number: DeploymentNumber,
) -> Result<(), StoreError> {
    if !state.deployments.contains_key(&number)
        && let Some(deployment) = deployments::get(connection, number).await?
    {
        state.deployments.insert(number, deployment);
    }
    match state
        .deployments
        .get(&number)
        .map(|deployment| deployment.plan.release)
    {
        Some(release) => hydrate_release(connection, state, release).await,
        None => Ok(()),
    }
}

/// Renews the rows of what was touched.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    state: &State,
    touched: &Touched,
) -> Result<(), StoreError> {
    for name in &touched.environments {
        if let Some(environment) = state.environments.get(name) {
            environments::put(connection, name, environment).await?;
        }
    }
    for number in &touched.releases {
        if let Some(release) = state.releases.get(number) {
            releases::put(connection, release).await?;
        }
    }
    for number in &touched.deployments {
        if let Some(deployment) = state.deployments.get(number) {
            deployments::put(connection, deployment).await?;
        }
    }
    if touched.branches {
        branches::put_all(connection, &state.branches).await?;
    }
    Ok(())
}
