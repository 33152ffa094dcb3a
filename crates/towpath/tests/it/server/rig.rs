//! A scratch project with a repository, servers on it, and connections that say exactly what a test says.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    process::Command,
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::oneshot,
    task::JoinHandle,
};
use towpath::{
    engine::{Ask, DeploymentView, Engine, Place, Reply},
    home::Home,
    server::{
        Server,
        client::{Client, ClientError},
    },
};
use towpath_core::{
    manifest,
    names::DeploymentNumber,
    path::{Actor, Command as PathCommand, Commit},
};
use towpath_targets::shim::Launcher;

/// Longer than anything here takes, even on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// Two environments whose only step is a command that passes.
pub(super) const PLAIN: &str = r#"
[project]
name = "scratch"

[groups.development]

[environments.staging]
aliases = ["stg"]
group = "development"
branch = "main"
test = ["echo tested"]

[environments.production]
aliases = ["prd"]
after = ["staging"]
test = ["true"]
"#;

/// The same, where nothing is deployed by itself.
pub(super) fn by_hand() -> String {
    PLAIN.replace("branch = \"main\"", "branch = \"release\"")
}

/// Waits for something that must come.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what)
        .await
        .expect("it takes too long")
}

/// A project and its data directory.
pub(super) struct World {
    directory: TempDir,
}

impl World {
    pub(super) fn new(manifest: &str) -> World {
        let world = World {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(world.work_tree()).unwrap();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write(manifest);
        world.commit("begin");
        world
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn work_tree(&self) -> PathBuf {
        self.path().join("work")
    }

    pub(super) fn home(&self) -> Home {
        Home::open(&self.path().join("data")).unwrap()
    }

    /// Writes the manifest, as an editor does.
    pub(super) fn write(&self, manifest: &str) {
        let path = self.work_tree().join("towpath.toml");
        let fresh = path.with_extension("new");
        fs::write(&fresh, manifest).unwrap();
        fs::rename(fresh, path).unwrap();
    }

    pub(super) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.work_tree())
            .args(["-c", "user.name=Dana", "-c", "user.email=dana@acme.test"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) async fn engine(&self) -> Arc<Engine> {
        let upstream = self.work_tree().display().to_string();
        let launcher = Launcher::new(env!("CARGO_BIN_EXE_towpath"));
        Engine::open_with(self.home(), &upstream, launcher)
            .await
            .unwrap()
    }

    pub(super) fn place(&self) -> Place {
        let text = fs::read_to_string(self.work_tree().join("towpath.toml")).unwrap();
        Place {
            manifest: manifest::parse(&text, "towpath.toml").unwrap().manifest,
            work_tree: Some(self.work_tree()),
        }
    }

    pub(super) async fn bind(&self) -> (Arc<Engine>, Server) {
        let engine = self.engine().await;
        let server = Server::bind(engine.clone(), self.place(), any_port()).await;
        (engine, server.unwrap())
    }

    pub(super) async fn serve(&self) -> Running {
        let (engine, server) = self.bind().await;
        Running::of(self, engine, server).await
    }
}

pub(super) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(super) fn dana() -> Actor {
    Actor::person("dana@acme.test")
}

/// A deployment as it is followed.
pub(super) type Views = Pin<Box<dyn Stream<Item = Result<DeploymentView, ClientError>> + Send>>;

/// A server at work.
pub(super) struct Running {
    pub(super) engine: Arc<Engine>,
    pub(super) client: Client,
    pub(super) address: SocketAddr,
    socket: PathBuf,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    pub(super) async fn of(world: &World, engine: Arc<Engine>, server: Server) -> Running {
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let mut records = engine.store.subscribe();
        let ended = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let client = Client::connect(&world.home()).await.unwrap().unwrap();
        // After the watcher's first look nothing is written but what the test makes happen.
        let looked = async {
            while engine.store.state().await.unwrap().branches.is_empty() {
                let _ = records.recv().await;
            }
        };
        soon(looked).await;
        Running {
            engine,
            client,
            address,
            socket: world.home().socket(),
            stop,
            ended,
        }
    }

    /// Stops it as a signal would.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        soon(self.ended).await.unwrap();
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(super) async fn unix(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// What the port answers to a plain GET.
    pub(super) async fn see(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        say(self.tcp().await, request.as_bytes()).await
    }

    /// What the socket answers to a plain GET.
    pub(super) async fn get(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: towpath\r\n\r\n");
        say(self.unix().await, request.as_bytes()).await
    }

    /// What the socket answers to JSON.
    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: towpath\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        say(self.unix().await, request.as_bytes()).await
    }

    /// Asks for a deployment.
    pub(super) async fn ask(&self, ask: Ask) -> DeploymentNumber {
        match self.client.ask(&dana(), None, &ask).await.unwrap() {
            Reply::Deployment { deployment, .. } => deployment,
            other => panic!("{other:?}"),
        }
    }

    /// Deploys the tip of `main`.
    pub(super) async fn deploy(&self, environment: &str) -> DeploymentNumber {
        self.ask(Ask::Deploy {
            environment: environment.into(),
            what: Some("main".into()),
        })
        .await
    }

    /// Follows a deployment to its end.
    pub(super) async fn end_of(&self, number: DeploymentNumber) -> DeploymentView {
        let views = self.client.follow(number).map(Result::unwrap);
        let last = views.fold(None, async |_, view| Some(view));
        soon(last).await.unwrap()
    }

    /// Follows a deployment until its test runs.
    pub(super) async fn tested(&self, number: DeploymentNumber) -> Views {
        let mut views: Views = Box::pin(self.client.follow(number));
        let testing = async {
            loop {
                let view = views.next().await.unwrap().unwrap();
                let mut steps = view.steps.iter();
                if steps.any(|step| step.id == "test-1" && step.started_at.is_some()) {
                    return;
                }
            }
        };
        soon(testing).await;
        views
    }

    /// Writes many records at once.
    pub(super) async fn write(&self, records: u32) {
        let commands: Vec<PathCommand> = (0..records)
            .map(|i| PathCommand::MoveBranch {
                branch: "imagined".into(),
                commit: Some(Commit(format!("{i:040x}"))),
            })
            .collect();
        let at = towpath::clock::now();
        self.engine
            .store
            .transact(&Actor::Towpath, &commands, None, at)
            .await
            .unwrap();
    }
}

/// An answer, as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error's status and code; it must be whole.
    pub(super) fn error(&self) -> (u16, String) {
        let said = self.json();
        assert_eq!(said["version"], 1, "{self:?}");
        for part in ["message", "help"] {
            let text = said["error"][part].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {part}: {self:?}");
        }
        let code = said["error"]["code"].as_str().unwrap_or_default();
        (self.status, code.to_owned())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Sends bytes as they are, and reads one answer.
pub(super) async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Answer {
    soon(async {
        // The server may have answered and closed before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut reading = Reading::of(stream);
        let head = reading.until("\r\n\r\n").await.expect("no answer");
        let status = head[9..12].parse().unwrap();
        let is_head_only = bytes.starts_with(b"HEAD");
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        if let Some(length) = answer.header("content-length").filter(|_| !is_head_only) {
            answer.body = reading.take(length.parse().unwrap()).await;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = reading.chunks().await;
        }
        answer
    })
    .await
}

/// Reads from a connection, by lines and by lengths.
pub(super) struct Reading<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reading<S> {
    pub(super) fn of(stream: S) -> Reading<S> {
        Reading {
            stream,
            read: Vec::new(),
        }
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = soon(self.stream.read(&mut piece)).await.unwrap_or(0);
        self.read.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// Text up to and with a mark; `None` when the connection ends before.
    pub(super) async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            let at = self
                .read
                .windows(mark.len())
                .position(|window| window == mark.as_bytes());
            if let Some(at) = at {
                let text = self.read.drain(..at + mark.len()).collect();
                return Some(String::from_utf8(text).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn take(&mut self, length: usize) -> String {
        while self.read.len() < length && self.more().await {}
        let text = self.read.drain(..length).collect();
        String::from_utf8(text).unwrap()
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Option<String> {
        let size = self.until("\r\n").await?;
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let chunk = self.take(size).await;
        self.take(2).await;
        (size > 0).then_some(chunk)
    }

    async fn chunks(&mut self) -> String {
        let mut all = String::new();
        while let Some(chunk) = self.chunk().await {
            all.push_str(&chunk);
        }
        all
    }
}

/// A file that a step's command waits for: `cat PATH` ends when the test says so.
pub(super) struct Latch {
    path: PathBuf,
}

impl Latch {
    pub(super) fn new(directory: &Path) -> Latch {
        let path = directory.join("latch");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        Latch { path }
    }

    /// The command that waits.
    pub(super) fn command(&self) -> String {
        format!("cat {}", self.path.display())
    }

    /// Waits until a command waits, then lets it go on; it prints `text`.
    pub(super) async fn open(&self, text: &str) {
        let mut writing = fs::OpenOptions::new();
        // Not a thread that waits for a reader: nobody could end it when none comes.
        writing.write(true).custom_flags(nix::libc::O_NONBLOCK);
        let opened = async {
            loop {
                match writing.open(&self.path) {
                    Ok(file) => return file,
                    Err(error) => assert_eq!(error.raw_os_error(), Some(nix::libc::ENXIO)),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(opened).await.write_all(text.as_bytes()).unwrap();
    }
}
