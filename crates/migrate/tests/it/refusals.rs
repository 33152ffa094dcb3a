//! A past that was changed, and URLs that are none: each refused with its name and a way out.

use towpath_migrate::{ApplyError, Database, MigrationSet, PlanError};

use crate::kit::{Place, apply, clock, execute, set, tables};

const PAST: &[(&str, &str)] = &[
    ("1_one.sql", "CREATE TABLE one (x);\n"),
    ("3_three.sql", "CREATE TABLE three (x);\n"),
];

async fn refused(place: &Place, set: &MigrationSet) -> (String, String) {
    let error = place.database().plan(set).await.unwrap_err();
    (error.to_string(), error.remedy())
}

#[tokio::test]
async fn an_edited_migration_is_named_with_both_checksums() {
    let place = Place::new();
    apply(&place.database(), &set(PAST)).await.unwrap();
    let edited = set(&[("1_one.sql", "CREATE TABLE one (y);\n"), PAST[1]]);
    let (error, remedy) = refused(&place, &edited).await;
    let original = set(PAST);
    let (then, now) = (
        &original.migrations()[0].checksum,
        &edited.migrations()[0].checksum,
    );
    assert_eq!(
        error,
        format!(
            "plan past migration 1 (one): its file was edited after it was applied (checksum {then} then, {now} now)"
        )
    );
    assert_eq!(
        remedy,
        "restore the file as it was, and put the change into a new migration"
    );

    let windows = set(&[("1_one.sql", "CREATE TABLE one (x);\r\n"), PAST[1]]);
    assert!(
        refused(&place, &windows)
            .await
            .1
            .starts_with("only the line endings differ")
    );
}

#[tokio::test]
async fn a_missing_migration_is_named() {
    let place = Place::new();
    apply(&place.database(), &set(PAST)).await.unwrap();
    let (error, remedy) = refused(&place, &set(&PAST[..1])).await;
    assert_eq!(
        error,
        "plan past migration 3 (three): the database has it and the migration set has not"
    );
    assert!(remedy.contains("restore its file"), "{remedy}");
}

#[tokio::test]
async fn a_pending_migration_older_than_an_applied_one_is_out_of_order() {
    let place = Place::new();
    apply(&place.database(), &set(PAST)).await.unwrap();
    let late = [PAST, &[("2_two.sql", "CREATE TABLE two (x);")]].concat();
    let (error, remedy) = refused(&place, &set(&late)).await;
    assert_eq!(
        error,
        "plan migration 2 (two): a later one, 3, is already applied"
    );
    assert_eq!(remedy, "rename its file to a version later than 3");
}

#[tokio::test]
async fn a_database_that_went_back_since_it_was_planned_is_not_migrated() {
    let place = Place::new();
    let (one, all) = (set(&PAST[..1]), set(PAST));
    apply(&place.database(), &one).await.unwrap();
    let plan = place.database().plan(&all).await.unwrap();
    execute(
        &place.file(),
        "DROP TABLE one; DELETE FROM _towpath_receipts; DELETE FROM _sqlx_migrations;",
    )
    .await;
    let error = place
        .database()
        .apply(&plan, "key", clock(), |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, ApplyError::Stale { version, .. } if version == 1),
        "{error}"
    );
    assert!(!tables(&place.file()).await.contains(&"three".to_owned()));
}

#[tokio::test]
async fn a_set_is_refused_as_a_whole_before_any_of_it_is_applied() {
    let place = Place::new();
    let set = set(&[
        PAST[0],
        ("2_bad.sql", "\nBEGIN;\nCREATE TABLE two (x);\nCOMMIT;"),
    ]);
    let (error, remedy) = refused(&place, &set).await;
    assert_eq!(
        error,
        "run migration 2 (bad): line 2, `BEGIN;`: a migration already runs in one transaction, together with its receipt"
    );
    assert!(
        remedy.starts_with("remove it; in SQLite `PRAGMA foreign_keys` with it"),
        "{remedy}"
    );
    assert!(!place.file().exists());
}

#[tokio::test]
async fn a_pragma_that_needs_no_transaction_says_where_to_put_it() {
    let place = Place::new();
    let set = set(&[("1_bad.sql", "PRAGMA synchronous = OFF;")]);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Safety level may not be changed inside a transaction"),
        "{error}"
    );
    assert!(
        error
            .remedy()
            .starts_with("move this pragma to a migration of its own"),
        "{}",
        error.remedy()
    );
}

#[tokio::test]
async fn another_database_is_out_of_reach() {
    let place = Place::new();
    for sql in ["ATTACH 'other.db' AS other;", "VACUUM INTO 'copy.db';"] {
        let error = place
            .database()
            .plan(&set(&[("1_bad.sql", sql)]))
            .await
            .unwrap_err();
        assert!(matches!(error, PlanError::Script(_)), "{error}");
        assert!(
            error
                .to_string()
                .contains("this reaches another database file"),
            "{error}"
        );
    }
}

#[test]
fn a_url_that_is_none_of_ours_is_refused_without_repeating_it() {
    let cases = [
        (
            "oracle://u:secret@h/d",
            "use a database of oracle: migrations are applied to SQLite, PostgreSQL and MySQL only",
        ),
        ("data/app.db", "read the database URL: it names no engine"),
        (
            "sqlite::memory:",
            "read the database URL: a database in memory is gone when it is closed",
        ),
        (
            "sqlite://x?mode=memory",
            "read the database URL: a database in memory is gone when it is closed",
        ),
        ("sqlite://", "read the database URL: it names no file"),
        (
            "postgres://u:secret@h:port/d",
            "read the database URL: error with configuration: invalid port number",
        ),
    ];
    for (url, expected) in cases {
        let error = Database::open(url).unwrap_err();
        assert_eq!(error.to_string(), expected, "{url}");
        assert!(!error.remedy().is_empty());
    }
    let known = Database::open("postgres://u:secret@h/d").unwrap();
    assert!(!format!("{known:?}").contains("secret"));
}
