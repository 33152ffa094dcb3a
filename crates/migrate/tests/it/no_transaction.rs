//! Migrations outside a transaction: announced first, so that what is half done is noticed and settled by a person.

use towpath_migrate::{PlanError, ReceiptState, Settlement};

use crate::kit::{Place, apply, clock, execute, set, tables, texts};

const HALF: &[(&str, &str)] = &[
    ("1_users.sql", "CREATE TABLE users (id);"),
    (
        "2_half.sql",
        "-- no-transaction\nCREATE TABLE first (x);\nCREATE TABLE users (id);\nCREATE TABLE last (x);",
    ),
];

#[tokio::test]
async fn what_needs_no_transaction_has_none() {
    let place = Place::new();
    let set = set(&[(
        "1_modes.sql",
        "-- no-transaction\nPRAGMA journal_mode = DELETE;\nPRAGMA page_size = 8192;\nVACUUM;\nBEGIN;\nCREATE TABLE t (x);\nCOMMIT;",
    )]);
    let receipts = apply(&place.database(), &set).await.unwrap();
    assert_eq!(receipts[0].state, ReceiptState::Applied);
    assert_eq!(
        texts(
            &place.file(),
            "SELECT CAST(page_size AS TEXT) FROM pragma_page_size"
        )
        .await,
        ["8192"]
    );
    assert!(place.database().plan(&set).await.unwrap().is_empty());
}

#[tokio::test]
async fn half_of_one_is_dirty_until_a_person_settles_it() {
    let place = Place::new();
    let set = set(HALF);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "apply migration 2 (half): statement 2 (line 3), `CREATE TABLE users (id);`: table users already exists; \
         it runs outside a transaction, and what came before this is kept"
    );
    assert!(tables(&place.file()).await.contains(&"first".to_owned()));
    let error = place.database().plan(&set).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Dirty { version, .. } if version == 2),
        "{error}"
    );
    assert!(
        error.remedy().contains("settle this version"),
        "{}",
        error.remedy()
    );
    let history = place.database().history().await.unwrap();
    assert_eq!(history.receipts[&2.into()].state, ReceiptState::Started);
    assert!(!history.native[&2.into()].success);

    execute(&place.file(), "DROP TABLE first; DROP TABLE users;").await;
    place
        .database()
        .settle(&set, 2, Settlement::NotApplied, "a person", || 5)
        .await
        .unwrap();
    assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_finished_by_hand_is_settled_as_applied() {
    let place = Place::new();
    let set = set(HALF);
    apply(&place.database(), &set).await.unwrap_err();
    execute(&place.file(), "CREATE TABLE last (x);").await;
    place
        .database()
        .settle(&set, 2, Settlement::Applied, "a person", || 5)
        .await
        .unwrap();
    assert!(place.database().plan(&set).await.unwrap().is_empty());
    let receipt = &place.database().history().await.unwrap().receipts[&2.into()];
    assert_eq!(
        (receipt.applied_by.as_str(), receipt.applied_at_ms),
        ("a person", 5)
    );
}

#[tokio::test]
async fn a_transaction_left_open_is_an_error() {
    let place = Place::new();
    let set = set(&[(
        "1_open.sql",
        "-- no-transaction\nBEGIN;\nCREATE TABLE t (x);",
    )]);
    let plan = place.database().plan(&set).await.unwrap();
    let error = place
        .database()
        .apply(&plan, "key", clock(), |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "record migration 1 (open): it leaves a transaction open"
    );
    assert!(!tables(&place.file()).await.contains(&"t".to_owned()));
    let error = place.database().plan(&set).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Dirty { version, .. } if version == 1),
        "{error}"
    );
}
