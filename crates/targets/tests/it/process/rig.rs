//! A root with a target in it, and services to run there.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use towpath_core::{
    manifest::HealthCheck,
    names::{EnvironmentName, ReleaseNumber, ServiceName},
    target::{Health, InstanceKey, InstanceSpec, Observed, Route, Target},
};
use towpath_targets::{
    process::ProcessTarget,
    shim::{Condition, Run},
};

use crate::rig::{HARNESS, eventually, launcher, marked, send, soon};

pub struct Rig {
    pub root: PathBuf,
    pub target: ProcessTarget,
    /// Where this test routes to. The proxy gives the same port for the same name, so each test needs one of its own.
    pub environment: EnvironmentName,
    _temporary: tempfile::TempDir,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::below("root")
    }

    pub fn below(path: &str) -> Rig {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join(path);
        Rig {
            target: ProcessTarget::new(&root, launcher()),
            environment: format!("staging-{}-{number}", std::process::id())
                .parse()
                .unwrap(),
            root,
            _temporary: temporary,
        }
    }

    pub fn directory(&self, key: &InstanceKey) -> PathBuf {
        self.root.join("instances").join(key.as_str())
    }

    /// How many ports are reserved for instances of this root.
    pub fn ports(&self) -> usize {
        let directory = format!("/tmp/towpath-ports-{}", nix::unistd::Uid::effective());
        std::fs::read_dir(directory)
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
            .filter(|owner| Path::new(owner).starts_with(&self.root))
            .count()
    }

    pub fn run(&self, key: &InstanceKey) -> Run {
        Run::new(self.directory(key))
    }

    pub fn proxy(&self) -> Run {
        Run::new(self.root.join("proxy/run"))
    }

    /// Starts a small HTTP service and waits until it is healthy.
    pub async fn start(&self, release: u32) -> InstanceKey {
        let spec = serve(release);
        self.target.start(&spec).await.unwrap();
        self.becomes_healthy(&spec.key).await;
        spec.key
    }

    pub async fn becomes_healthy(&self, key: &InstanceKey) -> SocketAddr {
        let waiting = async {
            while self.target.check(key, &health()).await.unwrap() != Health::Healthy {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("health", waiting).await;
        self.address(key).await
    }

    pub async fn why(&self, key: &InstanceKey) -> String {
        match self.target.check(key, &health()).await.unwrap() {
            Health::Unhealthy(why) => why,
            Health::Healthy => panic!("{key} is healthy"),
        }
    }

    pub async fn address(&self, key: &InstanceKey) -> SocketAddr {
        match self.target.observe(key).await.unwrap() {
            Observed::Running { address, .. } => address,
            other => panic!("{key}: {other:?}"),
        }
    }

    pub async fn route(&self, release: u32, keys: &[&InstanceKey], fence: u64) -> SocketAddr {
        let routes = [route(release, keys)];
        let traffic = self.target.route(&self.environment, &routes, fence);
        let traffic = traffic.await.unwrap();
        traffic[0].listen
    }

    pub fn shim_of(run: &Run) -> i32 {
        match run.condition().unwrap() {
            Condition::Running(Some(state)) => state.shim,
            other => panic!("{other:?}"),
        }
    }

    pub fn child_of(run: &Run) -> Option<i32> {
        match run.condition().unwrap() {
            Condition::Running(Some(state)) => state.group,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Rig {
    /// A test that failed leaves no processes either.
    fn drop(&mut self) {
        let runs = [self.root.join("instances"), self.root.join("proxy")]
            .into_iter()
            .filter_map(|directory| std::fs::read_dir(directory).ok())
            .flatten()
            .map(|entry| Run::new(entry.unwrap().path()));
        for run in runs {
            if let Ok(Condition::Running(Some(state))) = run.condition() {
                send(state.shim, nix::sys::signal::Signal::SIGKILL);
            }
            for pid in marked(run.directory()) {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
        }
    }
}

pub fn staging() -> EnvironmentName {
    "staging".parse().unwrap()
}

pub fn web() -> ServiceName {
    "web".parse().unwrap()
}

pub fn key(release: u32) -> InstanceKey {
    InstanceKey::new(&staging(), &web(), ReleaseNumber(release), "d1", 0)
}

pub fn health() -> HealthCheck {
    HealthCheck {
        path: Some("/healthz".into()),
        within: Duration::from_secs(30),
    }
}

pub fn serve(release: u32) -> InstanceSpec {
    command(release, &format!("exec {HARNESS} serve"))
}

pub fn command(release: u32, command: &str) -> InstanceSpec {
    let key = key(release);
    InstanceSpec {
        variables: BTreeMap::from([("INSTANCE".to_owned(), key.to_string())]),
        key,
        service: web(),
        environment: staging(),
        artifact: None,
        command: command.into(),
        stop_within: Duration::from_secs(2),
        secrets: BTreeMap::new(),
        credentials: BTreeMap::new(),
    }
}

pub fn route(release: u32, keys: &[&InstanceKey]) -> Route {
    Route {
        service: web(),
        listen: None,
        release: ReleaseNumber(release),
        instances: keys.iter().map(|key| (*key).clone()).collect(),
    }
}

/// The body of the answer, `None` when there is none or it is not a good one.
pub async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    })
    .await
    .unwrap()
}

pub async fn answers(address: SocketAddr, path: &str) -> String {
    let deadline = tokio::time::Instant::now() + crate::rig::PATIENCE;
    loop {
        if let Some(body) = get(address, path).await {
            return body;
        }
        assert!(tokio::time::Instant::now() < deadline, "{address} answers");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the output of an instance contains a text.
pub async fn says(path: &Path, text: &str) -> String {
    eventually(text, || {
        let output = std::fs::read_to_string(path).unwrap_or_default();
        output.contains(text).then_some(output)
    })
    .await
}
