//! What tests share that start servers: where programs are, ports, and processes that end with the test.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::net::TcpStream;

use super::place::{self, Packages};

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that a test needs, or `None` where the test may be skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    place::program(name).or_else(|| missing(name))
}

/// Where packages are that a test needs, or `None` where the test may be skipped.
pub fn packages(packages: &Packages) -> Option<PathBuf> {
    let directory = packages.directory();
    directory
        .filter(|directory| packages.is_in(directory))
        .or_else(|| missing(&format!("the stand-ins ({})", packages.name)))
}

/// Says that a test is skipped; where `CI` is set, nothing is.
pub fn missing<T>(what: &str) -> Option<T> {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let way = "`cargo xtask test tests` installs what it can";
    assert!(env::var_os("CI").is_none(), "{test} needs {what}; {way}");
    eprintln!("skipped {test}: it needs {what}; {way}");
    None
}

/// A port of this machine that nobody listens on. It is below those that the system hands out, so that nobody gets it
/// by chance before it is used, and tests that run at the same time, each in a process of its own, look elsewhere.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(process::id() % 400).unwrap() * 50;
    loop {
        let next = TAKEN.fetch_add(1, Ordering::Relaxed);
        // From 21,000 on are those of the proxy.
        let port = 11_000 + (own + next) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What a command prints, which must end well.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the data directory of a server. What makes one takes ten times as long as a copy of what it made, so that is done
/// once for all who follow the same recipe.
pub fn lay_out(name: &str, recipe: &str, data: &Path, make: impl FnOnce()) {
    let Some(cache) = place::directory() else {
        return make();
    };
    let template = cache.join(format!("{name}-{:016x}", place::digest(recipe)));
    if template.is_dir() {
        return copy(&template, data);
    }
    make();
    // Others may do this at the same time; the first one's is kept.
    let unfinished = cache.join(format!(".{name}.{}", process::id()));
    fs::create_dir_all(&cache).unwrap();
    copy(data, &unfinished);
    if fs::rename(&unfinished, &template).is_err() {
        fs::remove_dir_all(&unfinished).unwrap();
    }
}

/// Copies a directory with its owners and permissions.
fn copy(from: &Path, to: &Path) {
    output(Command::new("cp").arg("-a").arg(from).arg(to));
}

/// A process that ends with the test.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// How it is asked to end.
    ending: Signal,
}

impl Server {
    /// Starts a command; what it prints goes to a file in this directory.
    pub fn start(directory: &Path, name: &str, command: &mut Command) -> Server {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn();
        Server {
            child: child.unwrap_or_else(|error| panic!("could not start {command:?}: {error}")),
            log,
            ending: Signal::SIGTERM,
        }
    }

    /// With another signal to end it.
    pub fn ends_by(mut self, ending: Signal) -> Server {
        self.ending = ending;
        self
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Waits until it is ready by this measure.
    pub async fn ready(&mut self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !look().await {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{what} ended: {ended:?}\n{}",
                self.printed()
            );
            let late = Instant::now() > deadline;
            assert!(!late, "waited in vain for {what}\n{}", self.printed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until it takes connections.
    pub async fn listening(&mut self, what: &str, port: u16) {
        self.ready(what, async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(self.pid(), self.ending);
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
