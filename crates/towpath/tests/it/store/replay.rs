//! Read models are what the records say: loaded, kept up, and made again.

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use towpath::store::{Store, StoreError};

use super::{Journal, branch, cancel, cut, lock, release, request, write};

/// A little of everything.
async fn some_history(store: &Store) {
    for n in 0..12 {
        write(store, &[branch("develop", n)]).await.unwrap();
        let number = release(store, n).await;
        let deployment = request(store, number).await.unwrap();
        if n % 3 == 0 {
            cancel(store, deployment).await;
        }
    }
    write(store, &[lock("measuring"), cut(100)]).await.unwrap();
}

async fn damage(journal: &Journal, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(journal.path());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
    assert_ne!(done.rows_affected(), 0, "nothing was damaged");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_loaded_is_what_was_kept_up() {
    let journal = Journal::new();
    let store = journal.open().await;
    some_history(&store).await;
    let known = store.state().await.unwrap();
    assert_eq!(journal.open().await.state().await.unwrap(), known);
    let replayed = store.replay().await.unwrap();
    assert!(replayed.repaired.is_empty(), "{replayed:?}");
    assert_eq!(store.state().await.unwrap(), known);
}

#[tokio::test]
async fn every_damage_to_a_read_model_is_found_and_made_right() {
    for (sql, rows) in [
        ("DELETE FROM releases WHERE number = 3", vec!["release v3"]),
        ("DELETE FROM branches", vec!["branch develop"]),
        (
            "UPDATE environments SET body = replace(body, 'measuring', 'meddling')",
            vec!["environment staging"],
        ),
        (
            "UPDATE deployments SET body = replace(body, 'cancelled', 'settled') WHERE number = 1",
            vec!["deployment d1"],
        ),
        (
            "INSERT INTO branches (name, commit_id) VALUES ('ghost', 'none')",
            vec!["branch ghost"],
        ),
    ] {
        let journal = Journal::new();
        let store = journal.open().await;
        some_history(&store).await;
        let known = store.state().await.unwrap();
        damage(&journal, sql).await;
        let replayed = store.replay().await.unwrap();
        assert_eq!(replayed.repaired, rows, "{sql}");
        assert!(store.replay().await.unwrap().repaired.is_empty(), "{sql}");
        assert_eq!(store.state().await.unwrap(), known, "{sql}");
        assert_eq!(journal.open().await.state().await.unwrap(), known, "{sql}");
    }
}

#[tokio::test]
async fn nothing_is_made_from_damaged_records() {
    for sql in [
        "UPDATE journal SET at = at + 1 WHERE seq = 5",
        "UPDATE journal SET hash = prev WHERE seq = 5",
        "DELETE FROM journal WHERE seq = 5",
        "UPDATE journal SET kind = 'vanished' WHERE seq = 5",
        "UPDATE journal SET stream = 'release/99' WHERE seq = 2",
    ] {
        let journal = Journal::new();
        let store = journal.open().await;
        some_history(&store).await;
        let known = store.state().await.unwrap();
        damage(&journal, sql).await;
        let broken = |error: &StoreError| matches!(error, StoreError::Broken(_));
        let verified = store.verify().await.unwrap_err();
        assert!(broken(&verified), "{sql}: {verified}");
        let replayed = store.replay().await.unwrap_err();
        assert!(broken(&replayed), "{sql}: {replayed}");
        // What there was before is still there.
        assert_eq!(store.state().await.unwrap(), known, "{sql}");
        assert_eq!(journal.open().await.state().await.unwrap(), known, "{sql}");
    }
}

#[tokio::test]
async fn that_the_newest_were_cut_off_shows_against_a_head_kept_elsewhere() {
    let journal = Journal::new();
    let store = journal.open().await;
    some_history(&store).await;
    let head = store.verify().await.unwrap().head;
    damage(
        &journal,
        "DELETE FROM journal WHERE seq = (SELECT MAX(seq) FROM journal)",
    )
    .await;
    let cut = journal.open().await.verify().await.unwrap();
    assert_ne!(cut.head, head);
}
