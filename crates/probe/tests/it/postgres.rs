//! PostgreSQL, with a server of each test's own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

use nix::{sys::signal::Signal, unistd::User};
use towpath_probe::{Finding, Health};

use crate::{
    certificates::Authority,
    rig::{
        Server, ask, ask_with, assert_found, free_port, is_root, missing, program, run, subject,
    },
};

/// A server with one user, `postgres`, and a password.
struct Postgres {
    _server: Server,
    _directory: tempfile::TempDir,
    port: u16,
}

const PASSWORD: &str = "open/sesame";

impl Postgres {
    async fn start(authority: &Authority) -> Option<Postgres> {
        let (initdb, postgres) = (program("initdb")?, program("postgres")?);
        let directory = tempfile::tempdir().unwrap();
        let (data, password) = (
            directory.path().join("data"),
            directory.path().join("password"),
        );
        fs::write(&password, PASSWORD).unwrap();
        authority.files(directory.path(), &["127.0.0.1"], 90);
        let own = own(directory.path())?;
        run(own(&initdb)
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--no-sync",
                "--locale=C",
            ])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(&data));
        let port = free_port();
        let mut command = own(&postgres);
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-k"])
            .arg(directory.path());
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "ssl=on"] {
            command.args(["-c", setting]);
        }
        for (name, file) in [
            ("ssl_cert_file", "server.pem"),
            ("ssl_key_file", "server.key"),
        ] {
            let file = directory.path().join(file);
            command.arg("-c").arg(format!("{name}={}", file.display()));
        }
        // SIGINT is its fast shutdown: it does not wait for those who are connected.
        let mut server =
            Server::start(directory.path(), "postgres", &mut command).ends_by(Signal::SIGINT);
        let ready = directory.path().join("data/postmaster.pid");
        server
            .ready("PostgreSQL", async || {
                fs::read_to_string(&ready).is_ok_and(|state| state.contains("ready"))
            })
            .await;
        Some(Postgres {
            _server: server,
            _directory: directory,
            port,
        })
    }

    async fn ask(&self, password: &str, rest: &str) -> Finding {
        let url = self.url(password, rest);
        ask(&subject("postgres", "", "", &[("DATABASE_URL", &url)])).await
    }

    fn url(&self, password: &str, rest: &str) -> String {
        format!(
            "postgres://postgres:{password}@127.0.0.1:{}/{rest}",
            self.port
        )
    }
}

/// How to run a command as somebody whom PostgreSQL accepts, which root is not, with a directory that is theirs.
fn own(directory: &Path) -> Option<impl Fn(&Path) -> Command + use<>> {
    let other = match is_root() {
        false => None,
        true => match (User::from_name("postgres").unwrap(), program("setpriv")) {
            (Some(user), Some(setpriv)) => Some((user, setpriv)),
            _ => return missing("a user `postgres`, and setpriv"),
        },
    };
    let key = directory.join("server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((user, _)) = &other {
        for path in [directory, &key] {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }
    Some(move |program: &Path| match &other {
        None => Command::new(program),
        Some((_, setpriv)) => {
            let mut command = Command::new(setpriv);
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        }
    })
}

#[tokio::test]
async fn a_server_lets_us_in_or_not() {
    let authority = Authority::new();
    let Some(postgres) = Postgres::start(&authority).await else {
        return;
    };
    let at = format!("127.0.0.1:{}", postgres.port);
    let right = "open%2Fsesame";
    let finding = postgres.ask(right, "postgres").await;
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

    let finding = postgres.ask("wrong", "postgres").await;
    let reason =
        format!("{at} refuses the password: password authentication failed for user \"postgres\"");
    assert_found(&finding, Health::Red, &reason);
    assert_eq!(finding.facts["code"], "28P01");
    let finding = postgres.ask(right, "nowhere").await;
    let reason = format!("{at} has no such database: database \"nowhere\" does not exist");
    assert_found(&finding, Health::Red, &reason);

    // The password is required to go to the server that it is for.
    let url = postgres.url(right, "postgres?sslmode=verify-full");
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
