//! Disks that are full or may not be written, and files that are no databases.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use towpath_migrate::{ApplyError, Database, DatabaseError, LockError, PlanError, SnapshotError};

use crate::{
    kit::{Place, apply, database_at, listing, set, texts},
    postgres::Postgres,
};

/// A file system in memory, of a size of its own. Only root can make one.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new(test: &str, size: &str) -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "towpath-test"])
            .arg(folder.path())
            .output();
        if made.is_ok_and(|output| output.status.success()) {
            return Some(Disk { folder });
        }
        eprintln!("{test}: skipped, since it needs to mount a file system");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_read_only(&self) {
        let remount = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(self.folder.path())
            .status();
        assert!(remount.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a thread of a connection may not have let go of its file yet.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .status();
    }
}

const FIRST: (&str, &str) = ("1_make.sql", "CREATE TABLE t (x);");
const SECOND: (&str, &str) = ("2_more.sql", "CREATE TABLE u (x);");
const HUGE: (&str, &str) = (
    "2_huge.sql",
    "CREATE TABLE u (x);\nINSERT INTO t VALUES (randomblob(100000)), (randomblob(4000000));",
);

#[tokio::test]
async fn a_full_disk_takes_back_the_migration_that_filled_it() {
    let Some(disk) = Disk::new("a_full_disk_takes_back_the_migration_that_filled_it", "1m") else {
        return;
    };
    let database = database_at(&disk.path("app.db"));
    apply(&database, &set(&[FIRST])).await.unwrap();
    let error = apply(&database, &set(&[FIRST, HUGE])).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Statement(failed) if failed.number == 2),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("database or disk is full"),
        "{error}"
    );
    assert_eq!(
        error.remedy(),
        "free space on the disk that holds it, then try again; nothing of this migration was kept"
    );
    assert_eq!(database.history().await.unwrap().latest(), Some(1.into()));
    assert_eq!(
        texts(&disk.path("app.db"), "PRAGMA integrity_check").await,
        ["ok"]
    );
    apply(&database, &set(&[FIRST, SECOND])).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_leaves_nothing() {
    let Some(disk) = Disk::new("a_snapshot_that_does_not_fit_leaves_nothing", "1m") else {
        return;
    };
    let place = Place::new();
    let fill = ("2_fill.sql", "INSERT INTO t VALUES (randomblob(2000000));");
    apply(&place.database(), &set(&[FIRST, fill]))
        .await
        .unwrap();
    let error = place
        .database()
        .snapshot(disk.path("snapshot"))
        .await
        .unwrap_err();
    assert!(matches!(&error, SnapshotError::File { .. }), "{error}");
    assert!(
        error.remedy().starts_with("free space on its disk"),
        "{}",
        error.remedy()
    );
    assert_eq!(listing(disk.folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn restoring_what_does_not_fit_keeps_what_is_there() {
    let Some(disk) = Disk::new("restoring_what_does_not_fit_keeps_what_is_there", "1m") else {
        return;
    };
    let place = Place::new();
    let fill = ("2_fill.sql", "INSERT INTO t VALUES (randomblob(2000000));");
    apply(&place.database(), &set(&[FIRST, fill]))
        .await
        .unwrap();
    place
        .database()
        .snapshot(place.path("snapshot"))
        .await
        .unwrap();
    let database = database_at(&disk.path("app.db"));
    apply(&database, &set(&[FIRST])).await.unwrap();
    let error = database
        .restore(place.path("snapshot"), "key")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SnapshotError::Database(DatabaseError::Full { .. })),
        "{error}"
    );
    assert_eq!(database.history().await.unwrap().latest(), Some(1.into()));
    assert_eq!(
        texts(&disk.path("app.db"), "PRAGMA integrity_check").await,
        ["ok"]
    );
}

#[tokio::test]
async fn a_disk_that_may_only_be_read_is_told_as_such() {
    let Some(disk) = Disk::new("a_disk_that_may_only_be_read_is_told_as_such", "1m") else {
        return;
    };
    apply(&database_at(&disk.path("app.db")), &set(&[FIRST]))
        .await
        .unwrap();
    disk.make_read_only();
    refused_as_unwritable(&disk.path("app.db")).await;
    refused_as_unwritable(&disk.path("new/app.db")).await;
}

#[tokio::test]
async fn a_folder_that_may_only_be_read_is_told_as_such() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        eprintln!(
            "a_folder_that_may_only_be_read_is_told_as_such: skipped, since root may write anywhere"
        );
        return;
    }
    refused_as_unwritable(&folder.join("app.db")).await;
    refused_as_unwritable(&folder.join("new/app.db")).await;
}

async fn refused_as_unwritable(file: &Path) {
    let database = database_at(file);
    let error = apply(&database, &set(&[FIRST, SECOND])).await.unwrap_err();
    let told = matches!(
        &error,
        ApplyError::Lock(LockError::File { .. })
            | ApplyError::Database(DatabaseError::Open { .. } | DatabaseError::ReadOnly { .. })
            | ApplyError::Plan(PlanError::Database(DatabaseError::Open { .. }))
    );
    assert!(told, "{error}");
    assert!(
        error.remedy().contains("writ"),
        "{error}: {}",
        error.remedy()
    );
}

#[tokio::test]
async fn what_is_no_database_is_told_as_such() {
    let place = Place::new();
    fs::write(
        place.file(),
        "Dear diary, this is not a database. ".repeat(100),
    )
    .unwrap();
    let before = fs::read(place.file()).unwrap();
    let error = apply(&place.database(), &set(&[FIRST])).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("as a SQLite database: file is not a database"),
        "{error}"
    );
    assert!(matches!(
        error,
        ApplyError::Plan(PlanError::Database(DatabaseError::NotADatabase { .. }))
    ));
    assert_eq!(fs::read(place.file()).unwrap(), before);

    fs::create_dir(place.path("folder")).unwrap();
    let error = apply(&database_at(&place.path("folder")), &set(&[FIRST]))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ApplyError::Plan(PlanError::Database(DatabaseError::Open { .. }))
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_empty_file_is_a_database_that_is_new() {
    let place = Place::new();
    fs::write(place.file(), "").unwrap();
    assert_eq!(
        apply(&place.database(), &set(&[FIRST]))
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn one_database_has_one_lock_whatever_it_is_called() {
    let place = Place::new();
    fs::create_dir(place.path("real")).unwrap();
    std::os::unix::fs::symlink(place.path("real"), place.path("link")).unwrap();
    let (real, link) = (place.path("real/app.db"), place.path("link/app.db"));
    apply(&database_at(&link), &set(&[FIRST])).await.unwrap();
    std::os::unix::fs::symlink(&real, place.path("other.db")).unwrap();
    apply(
        &database_at(&place.path("other.db")),
        &set(&[FIRST, SECOND]),
    )
    .await
    .unwrap();
    assert_eq!(
        listing(&place.path("real")),
        ["app.db", "app.db.towpath-lock"]
    );
    assert_eq!(place.listing(), ["link", "other.db", "real"]);
}

#[tokio::test]
async fn a_full_disk_of_a_server_takes_back_the_migration_that_filled_it() {
    let Some(disk) = Disk::new(
        "a_full_disk_of_a_server_takes_back_the_migration_that_filled_it",
        "30m",
    ) else {
        return;
    };
    let Some(server) = Postgres::start().await else {
        return;
    };
    let place = disk.path("space");
    fs::create_dir(&place).unwrap();
    server.own(&place);
    let sql = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    server.sql("postgres", &sql);
    server.sql("postgres", "CREATE DATABASE app TABLESPACE small");
    let database = Database::open(&server.url("app")).unwrap();
    let first = ("1_make.sql", "CREATE TABLE t (x text);");
    let huge = (
        "2_huge.sql",
        "CREATE TABLE u (x int);\nINSERT INTO t SELECT repeat(md5(i::text), 30) FROM generate_series(1, 100000) AS i;",
    );
    apply(&database, &set(&[first])).await.unwrap();
    let error = apply(&database, &set(&[first, huge])).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Statement(failed)
            if failed.number == 2 && matches!(failed.cause, DatabaseError::Full { .. })),
        "{error:?}"
    );
    assert!(
        error.remedy().starts_with("free space on the disk"),
        "{}",
        error.remedy()
    );
    assert_eq!(database.history().await.unwrap().latest(), Some(1.into()));
    assert_eq!(
        server.sql("app", "SELECT to_regclass('u') IS NULL, count(*) FROM t"),
        "t|0\n"
    );
}
