//! MySQL's protocol, spoken with a MariaDB server of each test's own.

use std::{fs, process::Command};

use towpath_probe::{Finding, Health};

use crate::rig::{Server, ask, free_port, is_root, program, run, subject};

/// A server with a database `app` and a user `app`.
struct MariaDb {
    _server: Server,
    _directory: tempfile::TempDir,
    port: u16,
}

impl MariaDb {
    async fn start() -> Option<MariaDb> {
        let (mariadbd, install) = (program("mariadbd")?, program("mariadb-install-db")?);
        let directory = tempfile::tempdir().unwrap();
        let data = format!("--datadir={}", directory.path().join("data").display());
        let own = |program| {
            let mut command = Command::new(program);
            // Without the machine's own settings, which are for another server.
            command.arg("--no-defaults").arg(&data);
            if is_root() {
                command.arg("--user=root");
            }
            command
        };
        run(own(install).args(["--auth-root-authentication-method=normal", "--skip-test-db"]));
        let first = directory.path().join("first.sql");
        let statements = "create database app; \
            create user app@'127.0.0.1' identified by 'open/sesame'; \
            grant all on app.* to app@'127.0.0.1';";
        fs::write(&first, statements.replace("; ", ";\n")).unwrap();
        let port = free_port();
        let mut command = own(mariadbd);
        command
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .arg(format!("--port={port}"))
            .arg(format!(
                "--socket={}",
                directory.path().join("socket").display()
            ))
            .arg(format!(
                "--pid-file={}",
                directory.path().join("pid").display()
            ))
            .arg(format!("--init-file={}", first.display()))
            .args([
                "--innodb-flush-method=nosync",
                "--innodb-buffer-pool-size=16M",
            ]);
        let mut server = Server::start(directory.path(), "mariadb", &mut command);
        server.listening("MariaDB", port).await;
        Some(MariaDb {
            _server: server,
            _directory: directory,
            port,
        })
    }

    async fn ask(&self, kind: &str, password: &str, database: &str) -> Finding {
        let url = format!("mysql://app:{password}@127.0.0.1:{}/{database}", self.port);
        ask(&subject(kind, "", "", &[("DATABASE_URL", &url)])).await
    }
}

#[tokio::test]
async fn a_server_lets_us_in_or_not() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let at = format!("127.0.0.1:{}", server.port);
    for kind in ["mysql", "MariaDB"] {
        let finding = server.ask(kind, "open%2Fsesame", "app").await;
        assert_eq!(finding.health, Health::Green, "{finding:?}");
        assert!(
            finding
                .reason
                .starts_with(&format!("{at} lets us in; it is MariaDB "))
        );
        assert_eq!(finding.facts["engine"], "MariaDB");
        assert!(finding.facts["version"].contains("MariaDB"), "{finding:?}");
    }
    let finding = server.ask("mysql", "wrong", "app").await;
    assert_eq!(finding.health, Health::Red, "{finding:?}");
    let reason = format!("{at} refuses the user or the password: Access denied for user");
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
    let finding = server.ask("mysql", "open%2Fsesame", "nowhere").await;
    assert_eq!(finding.health, Health::Red, "{finding:?}");
    let reason = format!("{at} has no such database, or not for this user: ");
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
}
