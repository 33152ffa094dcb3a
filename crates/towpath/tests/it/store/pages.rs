//! Pages: everything once, in order, however long the pages are.

use towpath::store::Page;
use towpath_core::{
    journal::Stream,
    names::{DeploymentNumber, ReleaseNumber},
};

use super::{Journal, all, branch, cancel, release, request, write};

#[tokio::test]
async fn records_are_read_page_by_page() {
    let journal = Journal::new();
    let store = journal.open().await;
    for n in 0..25 {
        write(&store, &[branch("develop", n)]).await.unwrap();
        release(&store, n).await;
    }
    let whole = all(&store, 1000).await;
    // A release that has nothing to build is built when it is cut.
    assert_eq!(whole.len(), 75);
    assert!(whole.iter().zip(1..).all(|(record, n)| record.seq == n));
    for limit in [1, 7, 74, 75, 76] {
        assert_eq!(all(&store, limit).await, whole, "pages of {limit}");
    }
    let stream = Stream::Release(ReleaseNumber(3));
    let page = |after| Page {
        after,
        stream: Some(stream.clone()),
        limit: 1,
    };
    let first = store.records(&page(0)).await.unwrap();
    let second = store.records(&page(first[0].seq)).await.unwrap();
    assert_eq!([first[0].version, second[0].version], [1, 2]);
    assert!(
        store
            .records(&page(second[0].seq))
            .await
            .unwrap()
            .is_empty()
    );
    let none = Page::default();
    assert!(store.records(&none).await.unwrap().is_empty());
    let beyond = Page {
        after: u64::MAX,
        ..page(0)
    };
    assert!(store.records(&beyond).await.is_err(), "no such position");
}

#[tokio::test]
async fn releases_and_deployments_are_listed_newest_first() {
    let journal = Journal::new();
    let store = journal.open().await;
    for n in 0..9 {
        let number = release(&store, n).await;
        let deployment = request(&store, number).await.unwrap();
        cancel(&store, deployment).await;
    }
    let mut releases = Vec::new();
    let mut deployments = Vec::new();
    loop {
        let before = releases.last().copied();
        let page = store.releases(before.map(ReleaseNumber), 4).await.unwrap();
        releases.extend(page.iter().map(|release| release.number.0));
        if page.len() < 4 {
            break;
        }
    }
    let staging = "staging".parse().unwrap();
    loop {
        let before = deployments.last().copied().map(DeploymentNumber);
        let page = store.deployments(Some(&staging), before, 2).await.unwrap();
        deployments.extend(page.iter().map(|deployment| deployment.number.0));
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(releases, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(deployments, releases);
    let production = "production".parse().unwrap();
    let elsewhere = store.deployments(Some(&production), None, 10).await;
    assert!(elsewhere.unwrap().is_empty());
}
