//! PostgreSQL, with a server of each test's own.

use towpath_probe::{Finding, Health};

use crate::{
    certificates::Authority,
    postgres_server::{Postgres, Setup},
    rig::{ask, ask_with, assert_found, subject},
};

const RIGHT: &str = "open%2Fsesame";

async fn asked(server: &Postgres, password: &str, rest: &str) -> Finding {
    let url = server.url(rest).replace(RIGHT, password);
    ask(&subject("postgres", "", "", &[("DATABASE_URL", &url)])).await
}

#[tokio::test]
async fn a_server_lets_us_in_or_not() {
    let authority = Authority::new();
    let files = tempfile::tempdir().unwrap();
    let pair = authority.files(files.path(), &["127.0.0.1"], 90);
    let setup = Setup {
        tls: Some((pair.certificate, pair.key)),
        ..Setup::default()
    };
    let Some(postgres) = Postgres::start_with(setup).await else {
        return;
    };
    let at = format!("127.0.0.1:{}", postgres.port());
    let finding = asked(&postgres, RIGHT, "postgres").await;
    let version = &finding.facts["version"];
    assert_found(
        &finding,
        Health::Green,
        &format!("{at} lets us in; it is PostgreSQL {version}"),
    );
    assert!(
        finding.facts["engine"].starts_with("PostgreSQL "),
        "{finding:?}"
    );
    assert_eq!(finding.facts["database"], "postgres");

    let finding = asked(&postgres, "wrong", "postgres").await;
    let reason =
        format!("{at} refuses the password: password authentication failed for user \"postgres\"");
    assert_found(&finding, Health::Red, &reason);
    assert_eq!(finding.facts["code"], "28P01");
    let finding = asked(&postgres, RIGHT, "nowhere").await;
    let reason = format!("{at} has no such database: database \"nowhere\" does not exist");
    assert_found(&finding, Health::Red, &reason);

    // The password is required to go to the server that it is for.
    let url = postgres.url("postgres?sslmode=verify-full");
    let strict = subject("postgresql", "", &url, &[]);
    let finding = ask_with(authority.settings(), &strict).await;
    assert_eq!(finding.health, Health::Green, "{finding:?}");
    let finding = ask_with(Authority::new().settings(), &strict).await;
    assert_eq!(finding.health, Health::Red);
    let reason = format!("the certificate of {at} is not to be trusted: ");
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
}

#[tokio::test]
async fn without_a_url_nobody_is_asked() {
    let finding = ask(&subject("postgres", "", "", &[("DB_URL", "mysql://a/b")])).await;
    assert_eq!(finding.health, Health::Unknown);
    assert!(finding.reason.contains("postgres://"), "{finding:?}");
}
