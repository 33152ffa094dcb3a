//! Docker, with an engine of the test's own.

use std::{fs, os::unix::net::UnixListener, process::Command};

use towpath_probe::{Finding, Health};

use crate::{
    rig::{Server, ask, assert_found, free_port, is_root, missing, program, subject},
    web::{Web, answer},
};

/// An engine that listens on a socket and on a port; it is stopped before the containerd that it stands on.
struct Engine {
    _dockerd: Server,
    _containerd: Server,
    directory: tempfile::TempDir,
    port: u16,
}

impl Engine {
    async fn start() -> Option<Engine> {
        let (dockerd, containerd) = (program("dockerd")?, program("containerd")?);
        if !is_root() {
            return missing("root, as whom a Docker engine runs");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let config = format!(
            "version = 2\nroot = '{}'\nstate = '{}'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{}'\n",
            path("containerd-root"),
            path("containerd-state"),
            path("containerd.sock")
        );
        fs::write(path("containerd.toml"), config).unwrap();
        let mut command = Command::new(containerd);
        command.args(["--config", &path("containerd.toml")]);
        let mut containerd = Server::start(directory.path(), "containerd", &mut command);
        let socket = directory.path().join("containerd.sock");
        containerd
            .ready("containerd", async || socket.exists())
            .await;
        let port = free_port();
        let mut command = Command::new(dockerd);
        command
            .args(["--containerd", &path("containerd.sock")])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args([
                "--pidfile",
                &path("docker.pid"),
                "--config-file",
                &path("none.json"),
            ])
            .args(["--host", &format!("unix://{}", path("docker.sock"))])
            .args(["--host", &format!("tcp://127.0.0.1:{port}"), "--tls=false"])
            // It runs no containers, so it need not touch the machine's network.
            .args(["--bridge=none", "--iptables=false", "--storage-driver=vfs"]);
        fs::write(path("none.json"), "{}").unwrap();
        let mut dockerd = Server::start(directory.path(), "dockerd", &mut command);
        // It listens long before it answers.
        let socket = path("docker.sock");
        dockerd
            .ready("the Docker engine", async || {
                engine(&format!("unix://{socket}")).await.health == Health::Green
            })
            .await;
        Some(Engine {
            _dockerd: dockerd,
            _containerd: containerd,
            directory,
            port,
        })
    }
}

async fn engine(endpoint: &str) -> Finding {
    ask(&subject("docker", "", endpoint, &[])).await
}

#[tokio::test]
async fn an_engine_answers() {
    let Some(docker) = Engine::start().await else {
        return;
    };
    let socket = docker.directory.path().join("docker.sock");
    let port = docker.port;
    for (endpoint, shown) in [
        (
            format!("unix://{}", socket.display()),
            socket.display().to_string(),
        ),
        (
            format!("tcp://127.0.0.1:{port}"),
            format!("127.0.0.1:{port}"),
        ),
    ] {
        let finding = engine(&endpoint).await;
        let version = &finding.facts["version"];
        let reason = format!("the engine at {shown} answers; it is version {version}");
        assert_found(&finding, Health::Green, &reason);
        assert_eq!(finding.facts["system"], "linux");
        assert!(finding.facts.contains_key("api"), "{finding:?}");
    }
    let host = format!("tcp://127.0.0.1:{port}");
    let finding = ask(&subject("docker", "", "", &[("DOCKER_HOST", &host)])).await;
    assert_eq!(finding.health, Health::Green, "{finding:?}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_red() {
    let finding = engine("unix:///no/such/docker.sock").await;
    let reason = "no engine is at /no/such/docker.sock: there is no such socket";
    assert_found(&finding, Health::Red, reason);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    // An engine that was killed leaves its socket behind.
    drop(UnixListener::bind(&socket).unwrap());
    let finding = engine(&format!("unix://{}", socket.display())).await;
    let reason = format!(
        "no engine is at {}: nothing listens on that socket",
        socket.display()
    );
    assert_found(&finding, Health::Red, &reason);
    let port = free_port();
    let finding = engine(&format!("tcp://127.0.0.1:{port}")).await;
    let reason = format!("127.0.0.1:{port} refuses the connection: nothing listens there");
    assert_found(&finding, Health::Red, &reason);
}

#[tokio::test]
async fn what_is_no_engine_is_red() {
    let web = Web::start(|_| answer(200, "welcome")).await;
    let finding = engine(&web.url("")).await;
    let reason = format!("what answers at {} is no Docker engine", web.at());
    assert_found(&finding, Health::Red, &reason);
}
