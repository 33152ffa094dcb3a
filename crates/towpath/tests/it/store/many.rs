//! Many records: everything stays, and memory does not grow with it.

use towpath_core::path::Command;

use super::{Journal, all, branch, cancel, cut, release, request, write};

#[tokio::test]
async fn ten_thousand_records_are_verified_replayed_and_read() {
    let journal = Journal::new();
    let store = journal.open().await;
    let old = release(&store, 1_000_000).await;
    for page in 0..20 {
        let commands: Vec<Command> = (page * 500..(page + 1) * 500)
            .map(|n| branch("develop", n))
            .collect();
        write(&store, &commands).await.unwrap();
    }
    // What was cut thousands of records ago is still to be had.
    let deployment = request(&store, old).await.unwrap();
    cancel(&store, deployment).await;
    let verified = store.verify().await.unwrap();
    assert!(verified.records > 10_000, "{}", verified.records);
    assert_eq!(all(&store, 999).await.len() as u64, verified.records);
    let known = store.state().await.unwrap();
    assert!(store.replay().await.unwrap().repaired.is_empty());
    assert_eq!(store.state().await.unwrap(), known);
    assert_eq!(journal.open().await.state().await.unwrap(), known);
}

#[tokio::test]
async fn what_has_ended_is_kept_on_disk_and_not_in_memory() {
    let journal = Journal::new();
    let store = journal.open().await;
    for n in 0..300 {
        let number = release(&store, n).await;
        let deployment = request(&store, number).await.unwrap();
        // Each takes the place of the one before; now and then somebody ends one.
        if n % 7 == 0 {
            cancel(&store, deployment).await;
        }
    }
    let unused: Vec<Command> = (1000..2000).map(cut).collect();
    write(&store, &unused).await.unwrap();
    for store in [store, journal.open().await] {
        let state = store.state().await.unwrap();
        assert!(state.deployments.len() <= 2, "{}", state.deployments.len());
        assert!(state.releases.len() <= 2, "{}", state.releases.len());
        assert_eq!((state.last_deployment, state.last_release), (300, 1300));
        let kept = store.deployments(None, None, 1000).await.unwrap();
        assert_eq!(kept.len(), 300);
        let kept = store.releases(None, 5000).await.unwrap();
        assert_eq!(kept.len(), 1300);
    }
}
