//! sqlx's own migrator on a database of ours, and ours on one of sqlx's.

use std::path::Path;

use proptest::{collection::hash_map, prelude::*};
use sqlx::{
    Connection as _,
    migrate::{MigrateError, Migrator},
};
use towpath_migrate::{ADOPTED, Database, Event, LayoutError, PlanError, Settlement, layout};

use crate::kit::{Place, apply, clock, connect, execute, set, tables, texts};

const FILES: &[(&str, &str)] = &[
    (
        "1_create_users.up.sql",
        "CREATE TABLE users (id INTEGER PRIMARY KEY);\n",
    ),
    ("1_create_users.down.sql", "DROP TABLE users;\n"),
    (
        "0002_add__name.sql",
        "ALTER TABLE users ADD COLUMN name TEXT;\r\n-- ünïcode\n",
    ),
    ("20260101000000_vacuum.sql", "-- no-transaction\nVACUUM;\n"),
];

async fn sqlx_run(folder: &Path, file: &Path) -> Result<(), MigrateError> {
    let migrator = Migrator::new(folder).await.unwrap();
    let mut connection = connect(file).await;
    let result = migrator.run(&mut connection).await;
    connection.close().await.unwrap();
    result
}

/// Everything in sqlx's table but the times.
async fn rows(file: &Path) -> Vec<String> {
    texts(
        file,
        "SELECT version || '|' || description || '|' || success || typeof(success) || '|' || hex(checksum) || '|' ||
                typeof(checksum) || typeof(version) || typeof(execution_time) || '|' || length(installed_on)
         FROM _sqlx_migrations ORDER BY version",
    )
    .await
}

async fn ddl(file: &Path) -> Vec<String> {
    texts(
        file,
        "SELECT sql FROM sqlite_schema WHERE name = '_sqlx_migrations'",
    )
    .await
}

#[tokio::test]
async fn sqlx_finds_nothing_to_do_after_us_and_the_same_rows_as_its_own() {
    let (ours, theirs) = (Place::new(), Place::new());
    let folder = ours.migrations(FILES);
    let set = layout::sqlx::load(&folder).unwrap();
    apply(&ours.database(), &set).await.unwrap();
    execute(&theirs.file(), "PRAGMA journal_mode = WAL").await;
    sqlx_run(&folder, &theirs.file()).await.unwrap();

    assert_eq!(rows(&ours.file()).await, rows(&theirs.file()).await);
    assert_eq!(ddl(&ours.file()).await, ddl(&theirs.file()).await);
    let (one, other) = (ours.database(), theirs.database());
    assert_eq!(
        one.schema_fingerprint().await.unwrap(),
        other.schema_fingerprint().await.unwrap()
    );

    let before = texts(
        &ours.file(),
        "SELECT installed_on || execution_time FROM _sqlx_migrations",
    )
    .await;
    sqlx_run(&folder, &ours.file()).await.unwrap();
    let after = texts(
        &ours.file(),
        "SELECT installed_on || execution_time FROM _sqlx_migrations",
    )
    .await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn what_sqlx_has_applied_is_adopted() {
    let place = Place::new();
    let folder = place.migrations(&FILES[..3]);
    execute(&place.file(), "PRAGMA journal_mode = WAL").await;
    sqlx_run(&folder, &place.file()).await.unwrap();
    let set = layout::sqlx::load(place.migrations(FILES)).unwrap();

    let plan = place.database().plan(&set).await.unwrap();
    assert_eq!(plan.adopted, [1, 2]);
    assert_eq!(plan.pending.len(), 1);
    assert!(
        !tables(&place.file())
            .await
            .contains(&"_towpath_receipts".to_owned())
    );

    let mut events = Vec::new();
    let applied = place
        .database()
        .apply(&plan, "key", clock(), |event| events.push(event))
        .await
        .unwrap();
    assert_eq!(applied.len(), 1);
    assert_eq!(
        events[0],
        Event::Adopted {
            versions: vec![1.into(), 2.into()]
        }
    );
    let history = place.database().history().await.unwrap();
    let adopted = &history.receipts[&1.into()];
    assert_eq!(adopted.applied_by, ADOPTED);
    assert_eq!(adopted.name, "create users");
    assert_eq!(adopted.checksum, set.migrations()[0].checksum);
    assert_eq!(adopted.down.as_deref(), Some("DROP TABLE users;\n"));
    assert_eq!(
        adopted.applied_at_ms,
        history.native[&1.into()].installed_at_ms
    );
    assert!(adopted.applied_at_ms > 1_700_000_000_000);
    assert!(place.database().plan(&set).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_sqlx_has_applied_otherwise_is_refused() {
    let place = Place::new();
    let folder = place.migrations(&FILES[..3]);
    execute(&place.file(), "PRAGMA journal_mode = WAL").await;
    sqlx_run(&folder, &place.file()).await.unwrap();

    let edited = set(&[
        ("1_create_users.sql", "CREATE TABLE users (id TEXT);"),
        FILES[2],
    ]);
    let error = place.database().plan(&edited).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Edited { version, .. } if version == 1),
        "{error}"
    );
    let error = place.database().plan(&set(&FILES[..2])).await.unwrap_err();
    assert!(
        matches!(error, PlanError::Missing { version, .. } if version == 2),
        "{error}"
    );

    execute(
        &place.file(),
        "UPDATE _sqlx_migrations SET success = false WHERE version = 2",
    )
    .await;
    let error = place.database().plan(&set(FILES)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "plan past migration 2 (add  name): _sqlx_migrations recorded that it was begun, and nobody that it ended"
    );
}

#[tokio::test]
async fn a_revert_with_sqlx_is_noticed_and_settled() {
    let place = Place::new();
    let folder = place.migrations(&FILES[..2]);
    let set = layout::sqlx::load(&folder).unwrap();
    apply(&place.database(), &set).await.unwrap();
    let mut connection = connect(&place.file()).await;
    Migrator::new(folder.as_path())
        .await
        .unwrap()
        .undo(&mut connection, 0)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let error = place.database().plan(&set).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "plan past migration 1 (create users): it has a receipt and no row in _sqlx_migrations"
    );
    let settle = |settlement| {
        let (database, set) = (place.database(), set.clone());
        async move { database.settle(&set, 1, settlement, "a person", || 5).await }
    };
    settle(Settlement::NotApplied).await.unwrap();
    assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 1);
    let error = settle(Settlement::Applied).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "settle migration 1 (create users): nothing about it is in doubt"
    );

    execute(&place.file(), "DELETE FROM _sqlx_migrations").await;
    settle(Settlement::Applied).await.unwrap();
    assert!(place.database().plan(&set).await.unwrap().is_empty());
    sqlx_run(&folder, &place.file()).await.unwrap();
}

/// Runs sqlx's migrator to its end on a thread of its own, as a service that starts at a bad moment.
fn service_starts(folder: &Path, file: &Path) {
    let (folder, file) = (folder.to_owned(), file.to_owned());
    let service = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(sqlx_run(&folder, &file)).unwrap();
    });
    service.join().unwrap();
}

#[tokio::test]
async fn a_service_that_migrates_itself_meanwhile_is_taken_for_an_applier() {
    let place = Place::new();
    let files = &[FILES[0], FILES[1], FILES[2]];
    let folder = place.migrations(files);
    let set = layout::sqlx::load(&folder).unwrap();
    let database: Database = place.database();
    let plan = database.plan(&set).await.unwrap();
    let receipts = database.apply(&plan, "key", clock(), |event| {
        if matches!(event, Event::Started { version, .. } if version == 2) {
            service_starts(&folder, &place.file());
        }
    });
    let receipts = receipts.await.unwrap();
    let by: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt.applied_by.as_str())
        .collect();
    assert_eq!(by, ["key", ADOPTED]);
    assert!(database.plan(&set).await.unwrap().is_empty());
}

/// Version, name, SQL, and whether it goes without a transaction.
type Read = (i64, String, String, bool);

/// What sqlx makes of a folder, in its order; `None` is an error.
fn by_sqlx(folder: &Path) -> Option<Vec<Read>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let migrator = runtime.block_on(Migrator::new(folder)).ok()?;
    let ups = migrator
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration());
    Some(
        ups.map(|m| {
            (
                m.version,
                m.description.to_string(),
                m.sql.as_str().to_owned(),
                m.no_tx,
            )
        })
        .collect(),
    )
}

fn by_us(folder: &Path) -> Result<Vec<Read>, LayoutError> {
    let set = layout::sqlx::load(folder)?;
    let migrations = set.migrations().iter();
    Ok(migrations
        .filter_map(|m| {
            Some((
                m.version.number()?,
                m.name.clone(),
                m.up.clone(),
                !m.transactional,
            ))
        })
        .collect())
}

#[test]
fn sqlx_reads_the_same_set_from_a_folder() {
    let place = Place::new();
    let odd = [
        FILES,
        &[
            ("0_zero.sql.sql", "SELECT 0"),
            ("-5_minus.up.up.sql", "SELECT 5"),
            ("seed.sql", ""),
            ("9_x.SQL", ""),
        ],
    ];
    let folder = place.migrations(&odd.concat());
    std::fs::create_dir(folder.join("7_folder.sql")).unwrap();
    assert_eq!(by_us(&folder).unwrap(), by_sqlx(&folder).unwrap());
}

proptest! {
    #[test]
    fn any_folder_is_read_as_sqlx_reads_it_or_refused(
        files in hash_map(
            "[+-]?[0-9a]{0,2}_?[a._]{0,3}(|\\.up|\\.down)(\\.sql|\\.sql|\\.md)",
            "(-- no-transaction\n)?( |\u{feff})?SELECT [0-9];",
            0..6,
        ),
    ) {
        let place = Place::new();
        let files: Vec<_> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
        let folder = place.migrations(&files);
        match (by_us(&folder), by_sqlx(&folder)) {
            (Ok(ours), theirs) => prop_assert_eq!(Some(ours), theirs),
            (Err(LayoutError::NotNumeric { .. }), theirs) => prop_assert!(theirs.is_none()),
            // What sqlx finds out only when it applies or reverts.
            (Err(LayoutError::Duplicate { .. }), _) => {}
            (Err(error), _) => prop_assert!(false, "{}", error),
        }
    }
}
