//! A PostgreSQL server of a test's own, with the programs of its installation, and how it crashes.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};

use super::{
    place,
    server::{Server, free_port, lay_out, missing, output, program},
};

/// The password of the one user, `postgres`. In a URL its slash is written `%2F`.
pub const PASSWORD: &str = "open/sesame";

/// How a data directory is made. Whoever changes it gets a template of its own.
const INITDB: &[&str] = &[
    "--username=postgres",
    "--auth=scram-sha-256",
    "--no-sync",
    "--locale=C",
    "--encoding=UTF8",
];

/// A server with one user, `postgres`, and a password. It ends with the test.
pub struct Postgres {
    server: Option<Server>,
    directory: tempfile::TempDir,
    account: Account,
    /// Where the programs of this installation are.
    programs: PathBuf,
    port: u16,
    setup: Setup,
}

/// What not every test wants of its server.
#[derive(Default)]
pub struct Setup {
    /// Where the programs of an installation are that is not the system's, for everybody to read.
    pub programs: Option<PathBuf>,
    /// The files of a certificate and its key, to speak TLS with.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether what is committed has reached the disk, as it does where people use it, and not only the system, where it
    /// is safe from the death of the server.
    pub durable: bool,
}

impl Postgres {
    /// A server without TLS, which does not wait for the disk; `None` where the test may be skipped.
    pub async fn start() -> Option<Postgres> {
        Postgres::start_with(Setup::default()).await
    }

    pub async fn start_with(setup: Setup) -> Option<Postgres> {
        let programs = match &setup.programs {
            Some(programs) => programs.clone(),
            // What is on the search path may be a link to where all of them are.
            None => {
                let postgres = program("postgres")?.canonicalize().unwrap();
                postgres.parent().unwrap().to_owned()
            }
        };
        let account = Account::look()?;
        let directory = tempfile::tempdir().unwrap();
        account.own(directory.path());
        install(&programs, &account, &directory.path().join("data"));
        if let Some((certificate, key)) = &setup.tls {
            for (from, to) in [(certificate, "server.pem"), (key, "server.key")] {
                let to = directory.path().join(to);
                fs::copy(from, &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
                account.own(&to);
            }
        }
        let mut postgres = Postgres {
            server: None,
            directory,
            account,
            programs,
            port: free_port(),
            setup,
        };
        postgres.restart().await;
        Some(postgres)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let password = PASSWORD.replace('/', "%2F");
        let port = self.port;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Makes an empty database, and says its URL.
    pub fn create(&self, database: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{database}\""));
        self.url(database)
    }

    /// A program of this installation, such as `psql` or `pg_dump`, that knows where this server is.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", PASSWORD);
        command
    }

    /// What psql makes of SQL in a database: rows by line, columns apart by `|`.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = self.command("psql");
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        output(&mut command)
    }

    /// A database's schema, as text that is the same for equal schemas. The tables named here are left out.
    #[track_caller]
    pub fn schema(&self, database: &str, without: &[&str]) -> String {
        let mut command = self.command("pg_dump");
        command.args(["--schema-only", "--no-owner", "-d", database]);
        for table in without {
            command.arg("--exclude-table").arg(table);
            // The sequence of its serial column.
            command.arg("--exclude-table").arg(format!("{table}_*_seq"));
        }
        let text = output(&mut command);
        // Newer versions guard a dump by a key that is another each time.
        let guards = ["\\restrict ", "\\unrestrict "];
        let lines = text.lines();
        lines
            .filter(|line| !guards.iter().any(|guard| line.starts_with(guard)))
            .flat_map(|line| [line, "\n"])
            .collect()
    }

    /// Gives a directory to it, to keep data in.
    pub fn own(&self, directory: &Path) {
        self.account.own(directory);
    }

    /// Ends all of its processes at once by SIGKILL, as when the machine fails.
    pub fn crash(&mut self) {
        let server = self.server.take().expect("a server that runs");
        // Once it is stopped, it makes no new ones.
        let own = server.pid();
        kill(own, Signal::SIGSTOP).unwrap();
        let all = [children(own), vec![own]].concat();
        for &pid in &all {
            let _ = kill(pid, Signal::SIGKILL);
        }
        drop(server);
        let deadline = Instant::now() + Duration::from_secs(60);
        while all.iter().any(|&pid| is_alive(pid)) {
            assert!(Instant::now() < deadline, "{all:?} survive SIGKILL");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts it, or starts it again where it was.
    pub async fn restart(&mut self) {
        drop(self.server.take());
        let directory = self.directory.path();
        let data = directory.join("data");
        // After a crash it still says that the server is ready.
        let state = data.join("postmaster.pid");
        let _ = fs::remove_file(&state);
        let mut command = self.account.command(&self.programs.join("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(directory)
            .args(["-c", "listen_addresses=127.0.0.1"]);
        if !self.setup.durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        if self.setup.tls.is_some() {
            command.args(["-c", "ssl=on"]);
            for (name, file) in [
                ("ssl_cert_file", "server.pem"),
                ("ssl_key_file", "server.key"),
            ] {
                let file = directory.join(file);
                command.arg("-c").arg(format!("{name}={}", file.display()));
            }
        }
        // SIGINT is its fast shutdown: it does not wait for those who are connected.
        let mut server = Server::start(directory, "postgres", &mut command).ends_by(Signal::SIGINT);
        server
            .ready("PostgreSQL", async || {
                fs::read_to_string(&state).is_ok_and(|state| state.contains("ready"))
            })
            .await;
        self.server = Some(server);
    }
}

/// Makes a data directory.
fn install(programs: &Path, account: &Account, data: &Path) {
    let initdb = programs.join("initdb");
    let version = output(Command::new(&initdb).arg("--version"));
    let recipe = format!("{version}{INITDB:?}{PASSWORD}{}", account.name());
    lay_out("postgres", &recipe, data, || {
        let password = data.with_file_name("password");
        fs::write(&password, PASSWORD).unwrap();
        account.own(&password);
        let mut command = account.command(&initdb);
        command.args(INITDB).arg("--pwfile").arg(&password);
        output(command.arg("--pgdata").arg(data));
    });
}

/// As whom the server runs: PostgreSQL does not accept root.
enum Account {
    Ours,
    Other { user: User, setpriv: PathBuf },
}

impl Account {
    fn look() -> Option<Account> {
        if !geteuid().is_root() {
            return Some(Account::Ours);
        }
        let other = User::from_name("postgres").unwrap();
        match (other, place::program("setpriv")) {
            (Some(user), Some(setpriv)) => Some(Account::Other { user, setpriv }),
            _ => missing("a user `postgres`, and setpriv"),
        }
    }

    fn name(&self) -> &str {
        match self {
            Account::Ours => "",
            Account::Other { user, .. } => &user.name,
        }
    }

    /// Gives it a file or a directory.
    fn own(&self, path: &Path) {
        if let Account::Other { user, .. } = self {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }

    /// How to run a program as it.
    fn command(&self, program: &Path) -> Command {
        match self {
            Account::Ours => Command::new(program),
            Account::Other { setpriv, .. } => {
                let mut command = Command::new(setpriv);
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
                command.arg(program);
                command
            }
        }
    }
}

/// The processes that a process started, which end with it.
fn children(pid: Pid) -> Vec<Pid> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let list = fs::read_to_string(path).unwrap();
    let numbers = list.split_whitespace().map(|pid| pid.parse().unwrap());
    numbers.map(Pid::from_raw).collect()
}

/// Whether a process still holds anything: one that nobody has asked about yet does not.
fn is_alive(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which stands in parentheses and may hold anything.
    let state = state.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}
