//! MySQL's protocol, spoken with a MariaDB server of each test's own.

use towpath_probe::{Finding, Health};

use crate::{
    mariadb_server::MariaDb,
    rig::{ask, subject},
};

/// Asks as somebody who may see the database `app` only.
async fn asked(server: &MariaDb, kind: &str, password: &str, database: &str) -> Finding {
    let url = format!(
        "mysql://app:{password}@127.0.0.1:{}/{database}",
        server.port()
    );
    ask(&subject(kind, "", "", &[("DATABASE_URL", &url)])).await
}

#[tokio::test]
async fn a_server_lets_us_in_or_not() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    server.create("app");
    let app = "create user app@'127.0.0.1' identified by 'open/sesame'; \
        grant all on app.* to app@'127.0.0.1'";
    server.sql("app", app);
    let at = format!("127.0.0.1:{}", server.port());
    for kind in ["mysql", "MariaDB"] {
        let finding = asked(&server, kind, "open%2Fsesame", "app").await;
        assert_eq!(finding.health, Health::Green, "{finding:?}");
        assert!(
            finding
                .reason
                .starts_with(&format!("{at} lets us in; it is MariaDB "))
        );
        assert_eq!(finding.facts["engine"], "MariaDB");
        assert!(finding.facts["version"].contains("MariaDB"), "{finding:?}");
    }
    let finding = asked(&server, "mysql", "wrong", "app").await;
    assert_eq!(finding.health, Health::Red, "{finding:?}");
    let reason = format!("{at} refuses the user or the password: Access denied for user");
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
    let finding = asked(&server, "mysql", "open%2Fsesame", "nowhere").await;
    assert_eq!(finding.health, Health::Red, "{finding:?}");
    let reason = format!("{at} has no such database, or not for this user: ");
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
}
