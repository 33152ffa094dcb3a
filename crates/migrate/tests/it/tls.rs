//! PostgreSQL over TLS: the server is who it says it is, or nothing is sent to it.

use std::path::Path;

use towpath_migrate::{Database, DatabaseError, PlanError};

use crate::{
    authority::Authority,
    kit::{apply, set},
    postgres::{Postgres, Setup},
};

fn verified(url: &str, authority: &Path) -> Database {
    let authority = authority.display();
    Database::open(&format!(
        "{url}?sslmode=verify-full&sslrootcert={authority}"
    ))
    .unwrap()
}

#[tokio::test]
async fn a_server_is_verified_by_the_authority_in_the_url() {
    let (authority, other) = (Authority::new(), Authority::new());
    let files = tempfile::tempdir().unwrap();
    let pair = authority.files(files.path(), &["127.0.0.1"], 90);
    let setup = Setup {
        tls: Some((pair.certificate, pair.key)),
        ..Setup::default()
    };
    let Some(server) = Postgres::start_with(setup).await else {
        return;
    };
    let url = server.create("app");
    let database = verified(&url, &authority.file());
    let set = set(&[(
        "1_tls.sql",
        "CREATE TABLE tls AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();",
    )]);
    apply(&database, &set).await.unwrap();
    assert_eq!(server.sql("app", "SELECT ssl FROM tls"), "t\n");
    // So do PostgreSQL's own programs.
    let snapshot = files.path().join("before.dump");
    database.snapshot(&snapshot).await.unwrap();
    server.sql("app", "DROP TABLE tls");
    database.restore(&snapshot, "key").await.unwrap();
    assert_eq!(server.sql("app", "SELECT ssl FROM tls"), "t\n");

    let database = verified(&url, &other.file());
    let error = database.plan(&set).await.unwrap_err();
    assert!(
        matches!(&error, PlanError::Database(DatabaseError::Untrusted { .. })),
        "{error:?}"
    );
    let said = error.to_string();
    let beginning = format!(
        "trust the server of the database app at 127.0.0.1:{}: ",
        server.port()
    );
    assert!(said.starts_with(&beginning), "{said}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert!(error.remedy().contains("sslrootcert"), "{}", error.remedy());
    let none = files.path().join("none.dump");
    let error = database.snapshot(&none).await.unwrap_err();
    assert!(error.to_string().starts_with(&beginning), "{error}");
    assert!(!none.exists());

    // The right authority, and a name that the certificate is not for.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let database = verified(&elsewhere, &authority.file());
    let plan = verified(&url, &authority.file()).plan(&set).await.unwrap();
    assert!(plan.is_empty());
    let error = database.plan(&set).await.unwrap_err();
    assert!(error.to_string().starts_with("trust the server"), "{error}");

    // A server that speaks no TLS is not spoken to at all.
    let plain = Postgres::start().await.unwrap();
    let database = verified(&plain.create("app"), &authority.file());
    let error = database.plan(&set).await.unwrap_err();
    assert!(error.to_string().starts_with("trust the server"), "{error}");
}
