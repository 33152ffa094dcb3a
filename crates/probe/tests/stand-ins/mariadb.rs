//! A MariaDB server of a test's own, with its client, and how it crashes.

use std::{fs, path::PathBuf, process::Command};

use nix::{
    sys::signal::{Signal, kill},
    unistd::geteuid,
};

use super::server::{Server, free_port, lay_out, output, program};

/// The password of the one user, `root`. In a URL its slash is written `%2F`.
pub const PASSWORD: &str = "open/sesame";

/// What a small server is enough for.
const SIZES: &[&str] = &["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"];

/// A server with one user, `root`, and a password. It ends with the test.
pub struct MariaDb {
    server: Option<Server>,
    directory: tempfile::TempDir,
    port: u16,
    setup: Setup,
}

/// What not every test wants of its server.
#[derive(Default)]
pub struct Setup {
    /// Whether what is committed has reached the disk, as it does where people use it, and not only the system, where it
    /// is safe from the death of the server.
    pub durable: bool,
}

impl MariaDb {
    /// A server that does not wait for the disk; `None` where the test may be skipped.
    pub async fn start() -> Option<MariaDb> {
        MariaDb::start_with(Setup::default()).await
    }

    pub async fn start_with(setup: Setup) -> Option<MariaDb> {
        let directory = tempfile::tempdir().unwrap();
        let first = format!(
            "create or replace user root@'127.0.0.1' identified by '{PASSWORD}';\n\
             grant all on *.* to root@'127.0.0.1' with grant option;\n"
        );
        fs::write(directory.path().join("first.sql"), first).unwrap();
        let mut server = MariaDb {
            server: None,
            directory,
            port: free_port(),
            setup,
        };
        let mut install = server.own("mariadb-install-db")?;
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        let version = output(Command::new(program("mariadbd")?).arg("--version"));
        let recipe = format!("{version}{SIZES:?}");
        lay_out("mariadb", &recipe, &server.data(), || {
            output(&mut install);
        });
        server.restart().await;
        Some(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let password = PASSWORD.replace('/', "%2F");
        format!("mysql://root:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database, and says its URL.
    pub fn create(&self, database: &str) -> String {
        self.sql("", &format!("create database `{database}`"));
        self.url(database)
    }

    /// A program that is a client, such as `mariadb` or `mariadb-dump`, and knows where this server is; `None` where the
    /// test may be skipped.
    pub fn command(&self, name: &str) -> Option<Command> {
        let mut command = Command::new(program(name)?);
        command
            .args(["--no-defaults", "--host=127.0.0.1", "--user=root"])
            .arg(format!("--port={}", self.port))
            .env("MYSQL_PWD", PASSWORD);
        Some(command)
    }

    /// What its client makes of SQL in a database: rows by line, columns apart by tabs.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = self.command("mariadb").expect("a server and its client");
        output(command.args(["--batch", "--skip-column-names", "-e", sql, database]))
    }

    /// Ends it by SIGKILL, as when the machine fails.
    pub fn crash(&mut self) {
        let server = self.server.take().expect("a server that runs");
        kill(server.pid(), Signal::SIGKILL).unwrap();
    }

    /// Starts it, or starts it again where it was.
    pub async fn restart(&mut self) {
        drop(self.server.take());
        let directory = self.directory.path();
        let mut command = self.own("mariadbd").expect("a server that was installed");
        command
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .arg(format!("--port={}", self.port));
        for (option, file) in [
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("init-file", "first.sql"),
        ] {
            let file = directory.join(file);
            command.arg(format!("--{option}={}", file.display()));
        }
        if !self.setup.durable {
            command.args([
                "--innodb-flush-method=nosync",
                "--innodb-flush-log-at-trx-commit=2",
            ]);
        }
        let mut server = Server::start(directory, "mariadb", &mut command);
        server.listening("MariaDB", self.port).await;
        self.server = Some(server);
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A program of the server, for its data directory.
    fn own(&self, name: &str) -> Option<Command> {
        let mut command = Command::new(program(name)?);
        // Without the machine's own settings, which are for another server.
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.data().display()))
            // Each server removes tables from there that it takes for its own of an earlier time.
            .arg(format!("--tmpdir={}", self.directory.path().display()))
            .args(SIZES);
        if geteuid().is_root() {
            command.arg("--user=root");
        }
        Some(command)
    }
}
