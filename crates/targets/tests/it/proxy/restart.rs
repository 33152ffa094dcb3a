//! What outlives a proxy, and what stands in the way of the next one.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use http::StatusCode;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use towpath_targets::proxy::{
    Limits, Proxy, ProxyError,
    control::{ControlError, Status},
    run,
};

use super::rig::*;

/// Tells this very test binary, started again, which directory to run a proxy on.
const DIRECTORY: &str = "TOWPATH_TEST_PROXY_DIRECTORY";

/// Not a test of its own: what [`spawn`] runs.
#[test]
fn a_process_of_its_own() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        run(Path::new(&directory)).unwrap();
    }
}

fn spawn(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "proxy::restart::a_process_of_its_own"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

async fn status_of(child: &Child, directory: &Path) -> Status {
    until(async || {
        let status = client(directory).status().await.ok()?;
        (status.pid == child.id()).then_some(status)
    })
    .await
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[tokio::test]
async fn killed_and_started_again_it_serves_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let instance = Instance::named("a").await;
    let mut proxy = spawn(directory.path());
    status_of(&proxy, directory.path()).await;
    let routes = update(
        5,
        vec![
            web(Some(nowhere()), &[&instance]),
            service("idle", Some(nowhere()), &[]),
        ],
    );
    let before = client(directory.path()).apply(&routes).await.unwrap();
    let address = before.services[1].listen;
    let mut session = Session::open(address).await;
    for _ in 0..5 {
        assert_eq!(session.get("/").await.unwrap().1, "a");
        // It leaves the socket file behind, the connections, and perhaps half a state.
        send(&proxy, Signal::SIGKILL);
        proxy.wait().unwrap();
        std::fs::write(directory.path().join("routes.json.new"), "{\"form\": 1, ").unwrap();

        proxy = spawn(directory.path());
        let after = status_of(&proxy, directory.path()).await;
        assert_eq!(after.services.len(), 2);
        assert_eq!(after.services[1].listen, address);
        assert_eq!(after.services[1].unbound, None);
        assert_eq!(after.services[1].fence, 5);
        session = Session::open(address).await;
    }
    let stale = update(4, vec![]);
    let refused = client(directory.path()).apply(&stale).await;
    assert!(matches!(refused, Err(ControlError::Fenced { .. })));
    send(&proxy, Signal::SIGTERM);
    assert!(proxy.wait().unwrap().success());
}

#[tokio::test]
async fn told_to_end_it_answers_what_is_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let (asked, mut is_asked) = tokio::sync::mpsc::channel(1);
    let (open, opened) = tokio::sync::watch::channel(false);
    let instance = Instance::serving("a", move |_| {
        let asked = asked.clone();
        let mut opened = opened.clone();
        async move {
            asked.send(()).await.unwrap();
            opened.wait_for(|open| *open).await.unwrap();
            answer("in time")
        }
    })
    .await;
    let mut proxy = spawn(directory.path());
    status_of(&proxy, directory.path()).await;
    let routes = update(1, vec![web(None, &[&instance])]);
    let status = client(directory.path()).apply(&routes).await.unwrap();
    let address = status.services[0].listen;
    let idle = Session::open(address).await;
    let waiting = tokio::spawn(get(address, "/"));
    soon(is_asked.recv()).await.unwrap();
    send(&proxy, Signal::SIGTERM);
    // It takes no new connections.
    until(async || {
        let refused = tokio::net::TcpStream::connect(address).await.is_err();
        refused.then_some(())
    })
    .await;
    assert!(client(directory.path()).status().await.is_err());
    open.send(true).unwrap();
    assert_eq!(
        waiting.await.unwrap(),
        (StatusCode::OK, "in time".to_owned())
    );
    assert!(proxy.wait().unwrap().success());
    drop(idle);
}

#[tokio::test]
async fn there_is_one_proxy_per_directory() {
    let rig = Rig::start();
    let error = Proxy::open(rig.directory.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, ProxyError::Running(_)));
    assert!(
        error.to_string().starts_with("another proxy runs on "),
        "{error}"
    );
    // The one that runs was not disturbed.
    rig.status().await;
    let directory = rig.end();
    drop(Rig::on(directory));
}

#[test]
fn damaged_routes_are_named_with_a_way_out() {
    for damage in [
        "",
        "{",
        "[]",
        "{\"form\":1,\"environments\":{},\"more\":1}",
        "{\"form\":9,\"environments\":{}}",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("routes.json");
        std::fs::write(&path, damage).unwrap();
        let error = Proxy::open(directory.path(), Limits::default()).unwrap_err();
        assert!(matches!(error, ProxyError::Corrupt { .. }));
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains("move it away"), "{text}");
        // Nobody has thrown away what may still be of use.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damage);
    }
}

#[tokio::test]
async fn an_address_that_another_program_has_is_refused() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    let first = rig.route(1, &[&instance]).await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let free = nowhere();
    let refused = soon(rig.client.apply(&update(
        2,
        vec![
            web(Some(free), &[&instance]),
            service("api", Some(taken), &[]),
        ],
    )))
    .await;
    assert_eq!(
        refused,
        Err(ControlError::Taken {
            address: taken,
            reason: "another program listens there".to_owned()
        })
    );
    let status = rig.status().await;
    assert_eq!(status.services.len(), 1);
    assert_eq!(status.services[0].listen, first);
    assert_eq!(status.services[0].fence, 1);
    assert_eq!(get(first, "/").await.1, "a");
    // What it had opened by then is free again.
    drop(TcpListener::bind(free).unwrap());
}

#[tokio::test]
async fn an_address_taken_in_the_meantime_is_had_back_when_it_is_free() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    let [api, taken] = [nowhere(), nowhere()];
    let routes = update(
        1,
        vec![
            service("api", Some(api), &[&instance]),
            web(Some(taken), &[&instance]),
        ],
    );
    rig.client.apply(&routes).await.unwrap();
    let directory = rig.end();
    let other = TcpListener::bind(taken).unwrap();

    let rig = Rig::on(directory);
    // The rest works.
    assert_eq!(get(api, "/").await.1, "a");
    let status = rig.status().await;
    assert_eq!(
        status.services[1].unbound.as_deref(),
        Some("another program listens there")
    );
    drop(other);
    until(async || {
        let status = rig.status().await;
        status.services[1].unbound.is_none().then_some(())
    })
    .await;
    assert_eq!(get(taken, "/").await.1, "a");
}

#[tokio::test]
async fn a_service_keeps_the_address_that_it_was_given() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    // No other test's proxy wants the port of this name.
    let name = format!("web-{}", std::process::id());
    let apply = async |rig: &Rig, fence, instances: &[&Instance]| {
        let update = update(fence, vec![service(&name, None, instances)]);
        soon(rig.client.apply(&update)).await.unwrap().services[0].listen
    };
    let address = apply(&rig, 1, &[&instance]).await;
    assert!(address.ip().is_loopback());
    assert_eq!(apply(&rig, 2, &[]).await, address);
    let rig = Rig::on(rig.end());
    assert_eq!(apply(&rig, 3, &[&instance]).await, address);
    assert_eq!(get(address, "/").await.1, "a");
}

async fn move_to(rig: &Rig, fence: u64, moves: &[(&str, SocketAddr, &Instance)]) {
    let services = moves
        .iter()
        .map(|(name, address, instance)| service(name, Some(*address), &[instance]));
    soon(rig.client.apply(&update(fence, services.collect())))
        .await
        .unwrap();
}

#[tokio::test]
async fn services_change_addresses_and_even_swap_them() {
    let rig = Rig::start();
    let front = Instance::named("front").await;
    let back = Instance::named("back").await;
    let [one, two, three] = [nowhere(), nowhere(), nowhere()];
    move_to(&rig, 1, &[("front", one, &front), ("back", two, &back)]).await;
    move_to(&rig, 2, &[("front", two, &front), ("back", one, &back)]).await;
    assert_eq!(get(one, "/").await.1, "back");
    assert_eq!(get(two, "/").await.1, "front");

    let mut session = Session::open(two).await;
    move_to(&rig, 3, &[("front", three, &front)]).await;
    assert_eq!(get(three, "/").await.1, "front");
    // The old address is free, and who was connected there still gets what it came for.
    drop(TcpListener::bind(two).unwrap());
    assert_eq!(session.get("/").await.unwrap().1, "front");
    let directory: TempDir = rig.end();
    let rig = Rig::on(directory);
    assert_eq!(get(three, "/").await.1, "front");
    drop(rig);
}
