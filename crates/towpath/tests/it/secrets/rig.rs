//! A project with configuration and secrets, commands that are fed and overheard, and the processes of its services.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, mpsc},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use secrecy::ExposeSecret;
use towpath_secrets::sops;

use crate::project::{PATIENCE, Project, get};

/// Two services, four environments, and a key of every kind.
const MANIFEST: &str = r#"[project]
name  = "ferry"
cache = ["cache"]

[groups.production]

[groups.development]
config = { BY_GROUP = "group", BY_ENVIRONMENT = "group", BY_SERVICE = "group" }

[roles]
developer = { members = ["dana@acme.test"] }
qa        = { members = ["quinn@acme.test"] }
operator  = { members = ["olive@acme.test"] }

[config]
EFFECTS        = {}
BY_DEFAULT     = { default = "default" }
BY_GROUP       = { default = "default" }
BY_ENVIRONMENT = { default = "default" }
BY_SERVICE     = { default = "default" }
DATABASE_URL   = { required = false }

[config.TOKEN]
secret   = true
services = ["web"]
previous = "TOKEN_BEFORE"

[config.TLS_KEY]
secret   = true
services = ["web"]
required = false
as       = "file"

[config.WORK_KEY]
secret   = true
services = ["worker"]
required = false

[config.TOKEN_URL]
services = ["web"]
required = false

[config.PIN]
secret   = true
type     = "integer"
required = false

[recipients.dana]
age = "DANA"

[services.web]
build       = "sh build.sh"
artifact    = "dist"
start       = "exec dist/web"
stop_within = "2s"
health      = { path = "/healthz", within = "20s" }

[services.worker]
build       = "sh build.sh"
artifact    = "dist"
start       = "exec dist/web"
stop_within = "2s"
health      = { path = "/healthz", within = "20s" }

[databases.main]
migrations = "migrations"

[environments.local]
group      = "development"
used_by    = ["developer"]
recipients = ["dana"]
config     = { EFFECTS = "ROOT/effects" }

[environments.staging]
group      = "development"
branch     = "develop"
used_by    = ["developer", "qa"]
recipients = ["dana"]
config     = { EFFECTS = "ROOT/effects", BY_ENVIRONMENT = "environment", BY_SERVICE = "environment" }
services   = { web = { config = { BY_SERVICE = "web" } } }
smoke      = [{ get = "/healthz", service = "web" }]
test       = ["sh check.sh"]

[environments.production]
group      = "production"
branch     = "main"
after      = ["staging"]
used_by    = ["operator"]
recipients = ["dana"]
config     = { EFFECTS = "ROOT/effects" }
"#;

/// The test writes down what it finds.
const CHECK: &str = r#"set -eu
env -0 > "ROOT/test-environment"
"#;

/// A project that has secrets.
pub struct Rig {
    /// The project.
    pub project: Project,
    /// Everything that commands printed, one after the other.
    heard: Mutex<Vec<u8>>,
}

impl Rig {
    /// A project without any secret yet, whose file Dana can open.
    pub fn new() -> Rig {
        Rig::with(|manifest| manifest)
    }

    /// Likewise, with another manifest.
    pub fn with(change: impl FnOnce(String) -> String) -> Rig {
        let project = Project::new();
        let (secret, recipient) = sops::keygen();
        let rig = Rig {
            project,
            heard: Mutex::default(),
        };
        fs::write(rig.key_file(), secret.expose_secret()).unwrap();
        let filled = MANIFEST
            .replace("ROOT", &rig.root())
            .replace("DANA", &recipient.to_string());
        rig.project.write("towpath.toml", change(filled));
        rig.project
            .write("check.sh", CHECK.replace("ROOT", &rig.root()));
        rig.project.write(".gitignore", ".env.local\n");
        rig
    }

    /// The directory of everything.
    pub fn root(&self) -> String {
        self.project
            .path("")
            .display()
            .to_string()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Dana's key file.
    pub fn key_file(&self) -> PathBuf {
        self.project.path("dana.key")
    }

    /// The secret file of an environment in the work tree.
    pub fn file(&self, environment: &str) -> PathBuf {
        self.project
            .clone()
            .join(format!("secrets/{environment}.yaml"))
    }

    /// A command line of the binary; `'…'` is one word.
    pub fn call(&self, line: &str) -> Call<'_> {
        let mut call = Call::of(self, OsStr::new(env!("CARGO_BIN_EXE_towpath")), line);
        call.command.args(words(line));
        call
    }

    /// Another program, in the same place.
    pub fn program<const N: usize>(&self, program: &str, arguments: [&str; N]) -> Call<'_> {
        let mut call = Call::of(self, OsStr::new(program), program);
        call.command.args(arguments);
        call
    }

    /// Sets a secret.
    pub fn set(&self, environment: &str, key: &str, value: &str) -> Said {
        let line = format!("secret set {environment} {key}");
        self.call(&line).fed(value).ends(0)
    }

    /// Begins a rotation.
    pub fn rotate(&self, environment: &str, key: &str, value: &str) -> Said {
        let line = format!("secret rotate {environment} {key}");
        self.call(&line).fed(value).ends(0)
    }

    /// Commits what there is, and deploys it to staging.
    pub fn deploy(&self, message: &str) -> Said {
        self.project.commit(message);
        self.call("deploy staging").ends(0)
    }

    /// The variables of the living process of a staging service.
    pub fn service(&self, service: &str) -> Variables {
        Variables::of(self.pid(service))
    }

    /// The process that answers for a staging service.
    pub fn pid(&self, service: &str) -> i32 {
        let live = self.project_environment("staging").live.unwrap();
        let (_, url) = live
            .addresses
            .into_iter()
            .find(|(name, _)| name.as_str() == service)
            .unwrap();
        let (status, pid) = get(url.strip_prefix("http://").unwrap(), "/pid").unwrap();
        assert_eq!(status, 200);
        pid.parse().unwrap()
    }

    /// Where an environment is.
    pub fn project_environment(&self, name: &str) -> towpath::engine::EnvironmentView {
        let status: towpath::engine::StatusView = self.call("status --json").ends(0).json();
        let mut found = status.environments.into_iter();
        found.find(|one| one.name.as_str() == name).unwrap()
    }

    /// The records of the journal.
    pub fn journal(&self) -> Vec<serde_json::Value> {
        let shown = self.call("journal show --json --limit 100000").ends(0);
        let lines = shown.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Everything that commands printed so far.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

/// The variables of a process.
#[derive(Debug)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Of a living process.
    pub fn of(pid: i32) -> Variables {
        Variables::read(Path::new(&format!("/proc/{pid}/environ")))
    }

    /// From a file in which each ends with a zero byte.
    pub fn read(path: &Path) -> Variables {
        let bytes = fs::read(path).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
        Variables(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// A command line, not run yet.
pub struct Call<'a> {
    rig: &'a Rig,
    pub command: Command,
    line: String,
    fed: Vec<u8>,
    is_heard: bool,
}

/// What a command said, and how it ended.
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed for scripts.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
    line: String,
}

impl<'a> Call<'a> {
    fn of(rig: &'a Rig, program: &OsStr, line: &str) -> Call<'a> {
        let mut command = Command::new(program);
        command
            .current_dir(rig.project.clone())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", rig.project.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TOWPATH_DATA", rig.project.data())
            .env("SOPS_AGE_KEY_FILE", rig.key_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Call {
            rig,
            command,
            line: line.to_owned(),
            fed: Vec::new(),
            is_heard: true,
        }
    }

    /// By somebody else than Dana.
    pub fn by(self, name: &str) -> Self {
        self.with("TOWPATH_AS", format!("{name}@acme.test"))
    }

    /// With a variable.
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With further words, as they are.
    pub fn words<const N: usize>(mut self, words: [&str; N]) -> Self {
        self.command.args(words);
        self
    }

    /// With something on its standard input.
    pub fn fed(mut self, text: &str) -> Self {
        self.fed = text.as_bytes().to_vec();
        self
    }

    /// What it prints is no part of what was heard: it was told to reveal something.
    pub fn unheard(mut self) -> Self {
        self.is_heard = false;
        self
    }

    /// Starts it.
    pub fn start(mut self) -> UnderWay<'a> {
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let fed = std::mem::take(&mut self.fed);
        // Who does not read what he is fed ends before he is fed.
        let _ = stdin.write_all(&fed);
        UnderWay { call: self, child }
    }

    /// Runs it to its end, whatever that is.
    pub fn run(self) -> Said {
        self.start().ended()
    }

    /// Runs it to its end, and expects this exit status.
    pub fn ends(self, code: i32) -> Said {
        let said = self.run();
        assert_eq!(said.status.code(), Some(code), "{}", said.told());
        said
    }
}

/// A command under way.
pub struct UnderWay<'a> {
    call: Call<'a>,
    pub child: Child,
}

impl UnderWay<'_> {
    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for its end; one that does not come is a failure.
    pub fn ended(self) -> Said {
        let pid = self.pid();
        let (done, is_done) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let late = is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = kill(pid, Signal::SIGKILL);
            }
            late
        });
        let output = self.child.wait_with_output().unwrap();
        if self.call.is_heard {
            let mut heard = self.call.rig.heard.lock().unwrap();
            heard.extend(&output.stdout);
            heard.extend(&output.stderr);
        }
        let said = Said {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            line: self.call.line,
        };
        drop(done);
        assert!(!watchdog.join().unwrap(), "{} never ended", said.told());
        said
    }
}

impl Said {
    /// Everything, for the message of a failure.
    pub fn told(&self) -> String {
        format!(
            "`{}` ended with {}\n{}{}",
            self.line, self.status, self.stdout, self.stderr
        )
    }

    /// Whether it was killed.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(Signal::SIGKILL as i32)
    }

    /// Its answer for scripts.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.told()))
    }

    /// Checks that it said all of this, to people or to scripts.
    pub fn says(self, texts: &[&str]) -> Said {
        for text in texts {
            let is_there = self.stderr.contains(text) || self.stdout.contains(text);
            assert!(is_there, "no {text:?}: {}", self.told());
        }
        self
    }
}

/// The words of a line; `'…'` is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    words
}
