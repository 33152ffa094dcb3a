//! A migration that is recorded because what it makes is there, and is not run.

use towpath_migrate::RecordError;

use crate::kit::{Place, apply, clock, execute, set};

const FILES: [(&str, &str); 3] = [
    (
        "1_users.sql",
        "CREATE TABLE users (id INTEGER PRIMARY KEY);",
    ),
    ("2_name.up.sql", "ALTER TABLE users ADD COLUMN name TEXT;"),
    ("2_name.down.sql", "ALTER TABLE users DROP COLUMN name;"),
];

#[tokio::test]
async fn what_is_there_is_recorded_and_can_be_undone() {
    let (place, files) = (Place::new(), set(&FILES));
    let database = place.database();
    apply(&database, &set(&FILES[..1])).await.unwrap();
    let record = async |version| database.record(&files, version, "a person", clock()).await;
    let refused = record(2).await.unwrap_err();
    assert!(matches!(refused, RecordError::Differs { version, .. } if version == 2));
    assert!(
        refused.to_string().contains("- column name: TEXT"),
        "{refused}"
    );
    execute(&place.file(), "ALTER TABLE users ADD COLUMN name TEXT").await;
    let refused = record(1).await.unwrap_err();
    assert!(matches!(refused, RecordError::NotNext { version } if version == 1));

    record(2).await.unwrap();
    let plan = database.plan(&files).await.unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.history.receipts[&2.into()].applied_by, "a person");
    assert!(plan.history.native[&2.into()].success);
    let refused = record(2).await.unwrap_err();
    assert!(matches!(refused, RecordError::NotNext { version } if version == 2));
    let undone = database
        .undo(files.layout(), &[2.into()], "a person", clock(), |_| {})
        .await;
    assert_eq!(undone.unwrap().len(), 1);
    assert_eq!(database.plan(&files).await.unwrap().pending.len(), 1);
}

#[tokio::test]
async fn nothing_is_recorded_past_another_that_is_pending() {
    let place = Place::new();
    let mut files = FILES.to_vec();
    files.push(("3_more.sql", "CREATE TABLE more (id INTEGER);"));
    let files = set(&files);
    apply(&place.database(), &set(&FILES[..1])).await.unwrap();
    execute(
        &place.file(),
        "ALTER TABLE users ADD COLUMN name TEXT; CREATE TABLE more (id INTEGER);",
    )
    .await;
    let refused = place
        .database()
        .record(&files, 3, "a person", clock())
        .await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, RecordError::NotNext { version } if version == 3));
    assert!(!refused.remedy().is_empty());
    assert_eq!(
        place.database().history().await.unwrap().latest(),
        Some(1.into())
    );
}
