//! Leases: one holder at a time, and whoever held it before is fenced.

use std::time::Duration;

use towpath::store::{Lease, Store, StoreError};
use towpath_core::names::DeploymentNumber;

use super::{Journal, at, branch, dana};

const D1: DeploymentNumber = DeploymentNumber(1);
const LASTING: Duration = Duration::from_secs(20);

fn lives(_: &str) -> bool {
    false
}

async fn lease(store: &Store, holder: &str, millis: i64) -> Option<Lease> {
    let lease = store.lease(D1, holder, at(millis), LASTING, lives);
    lease.await.unwrap()
}

async fn writes(store: &Store, lease: &Lease) -> Result<(), StoreError> {
    let command = [branch("develop", lease.token)];
    let written = store.transact(&dana(), &command, Some(lease), at(0)).await;
    written.map(|_| ())
}

#[tokio::test]
async fn one_holder_at_a_time() {
    let journal = Journal::new();
    let (one, other) = (journal.open().await, journal.open().await);
    let first = lease(&one, "first", 0).await.unwrap();
    assert_eq!(lease(&other, "second", 19_999).await, None);
    writes(&one, &first).await.unwrap();
    one.release_lease(&first).await.unwrap();
    let second = lease(&other, "second", 1).await.unwrap();
    assert!(second.token > first.token);
    // Another deployment's is another.
    let elsewhere = one.lease(DeploymentNumber(2), "first", at(1), LASTING, lives);
    assert!(elsewhere.await.unwrap().is_some());
}

#[tokio::test]
async fn who_was_taken_over_from_is_fenced() {
    let journal = Journal::new();
    let (one, other) = (journal.open().await, journal.open().await);
    let first = lease(&one, "first", 0).await.unwrap();
    let second = lease(&other, "second", 20_000).await.unwrap();
    assert!(second.token > first.token);
    let fenced = writes(&one, &first).await;
    assert!(matches!(fenced, Err(StoreError::Fenced(D1))));
    assert!(!one.renew(&first, at(20_001), LASTING).await.unwrap());
    // Nor does it give up what is not its own.
    one.release_lease(&first).await.unwrap();
    writes(&other, &second).await.unwrap();
    assert!(other.renew(&second, at(30_000), LASTING).await.unwrap());
    assert_eq!(lease(&one, "first", 49_999).await, None);
    assert!(lease(&one, "first", 50_000).await.is_some());
    assert_eq!(one.verify().await.unwrap().records, 1);
}

#[tokio::test]
async fn who_is_gone_holds_nothing() {
    let journal = Journal::new();
    let store = journal.open().await;
    let first = lease(&store, "first", 0).await.unwrap();
    let is_gone = |name: &str| name == "first";
    let second = store.lease(D1, "second", at(1), LASTING, is_gone).await;
    assert!(second.unwrap().unwrap().token > first.token);
}

#[tokio::test]
async fn a_lease_that_is_taken_again_fences_the_one_before() {
    let journal = Journal::new();
    let store = journal.open().await;
    let first = lease(&store, "worker", 0).await.unwrap();
    let again = lease(&store, "worker", 1).await.unwrap();
    assert!(again.token > first.token);
    assert!(writes(&store, &first).await.is_err());
    writes(&store, &again).await.unwrap();
}

#[tokio::test]
async fn tokens_never_go_back() {
    let journal = Journal::new();
    let mut last = 0;
    for round in 0..5 {
        // A new handle each time, as after a restart.
        let store = journal.open().await;
        let lease = lease(&store, "worker", round).await.unwrap();
        assert!(lease.token > last);
        let drawn = store.next_token().await.unwrap();
        assert!(drawn > lease.token);
        last = drawn;
        store.release_lease(&lease).await.unwrap();
    }
}
