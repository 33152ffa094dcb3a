//! The journal's store by itself: many writers, leases, pages, damage, size.

mod leases;
mod many;
mod pages;
mod replay;
mod writers;

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use towpath::store::{Page, Store, StoreError, Written};
use towpath_core::{
    Digest, Time,
    journal::Record,
    manifest::{self, Manifest},
    names::{DeploymentNumber, ReleaseNumber},
    path::{Actor, Command, Commit, Policy, Source, Trigger, cut_before, plan_deploy},
};

const MANIFEST: &str = r#"
[project]
name = "ferry"

[environments.staging]
branch = "develop"

[environments.production]
after = ["staging"]
"#;

/// A journal in a directory of its own.
struct Journal {
    directory: TempDir,
}

impl Journal {
    fn new() -> Journal {
        Journal {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    async fn open(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }
}

fn dana() -> Actor {
    Actor::person("dana@acme.test")
}

/// The instant so many milliseconds after the beginning.
fn at(millis: i64) -> Time {
    Time(1_800_000_000_000 + millis)
}

fn project() -> Manifest {
    manifest::parse(MANIFEST, "towpath.toml").unwrap().manifest
}

fn policy(environment: &str) -> Box<Policy> {
    let manifest = project();
    let environment = manifest.environment(environment).unwrap();
    Box::new(Policy::of(&manifest, environment))
}

/// What the nth release is made from; it has nothing to build.
fn source(n: u64) -> Source {
    Source {
        commit: Commit(format!("{n:040x}")),
        tree: format!("{n:040x}"),
        author: "Dana <dana@acme.test>".into(),
        subject: format!("number {n}"),
        parents: Vec::new(),
        manifest: Digest::of_bytes(MANIFEST.as_bytes()),
        migrations: Default::default(),
        secrets: towpath_core::catalogue::SecretKeys::default(),
        built_services: Vec::new(),
    }
}

fn cut(n: u64) -> Command {
    Command::Cut {
        source: Box::new(source(n)),
    }
}

fn lock(reason: &str) -> Command {
    Command::Lock {
        policy: policy("staging"),
        reason: reason.into(),
        lasting: Duration::from_secs(3600),
    }
}

fn branch(name: &str, n: u64) -> Command {
    Command::MoveBranch {
        branch: name.into(),
        commit: Some(Commit(format!("{n:040x}"))),
    }
}

/// Cuts a release, unless that was done before.
async fn release(store: &Store, n: u64) -> ReleaseNumber {
    let written = write(store, &[cut(n)]).await.unwrap();
    cut_before(&written.state, &source(n)).unwrap()
}

/// Requests that a release be put into staging.
async fn request(store: &Store, number: ReleaseNumber) -> Result<DeploymentNumber, StoreError> {
    let state = store.state_with(&[number]).await.unwrap();
    let manifest = project();
    let environment = manifest.environment("staging").unwrap();
    let plan = plan_deploy(&state, &manifest, environment, &state.releases[&number]);
    let request = Command::Request {
        plan: Box::new(plan),
        trigger: Trigger::Person,
    };
    let written = write(store, &[request]).await?;
    Ok(written.requested().unwrap())
}

/// Ends a deployment that waits, by a person's word.
async fn cancel(store: &Store, deployment: DeploymentNumber) {
    let cancel = Command::Cancel {
        deployment,
        reason: "enough".into(),
    };
    let advance = Command::Advance { deployment };
    write(store, &[cancel, advance]).await.unwrap();
}

async fn write(store: &Store, commands: &[Command]) -> Result<Written, StoreError> {
    store.transact(&dana(), commands, None, at(0)).await
}

/// Every record, page by page.
async fn all(store: &Store, limit: u32) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(0, |record| record.seq);
        let page = Page {
            after,
            stream: None,
            limit,
        };
        let more = store.records(&page).await.unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}
