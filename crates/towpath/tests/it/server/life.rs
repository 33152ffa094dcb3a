//! A server's life: one a data directory, ended in time, gone on with by the next.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::io::AsyncWriteExt;
use towpath::{
    engine::{Engine, Place, Watcher},
    home::Home,
    server::{Server, ServerError, client::Client},
};
use towpath_targets::shim::Launcher;

use super::rig::{Latch, PLAIN, Running, World, any_port, say, soon};

#[tokio::test]
async fn the_first_push_to_an_empty_repository_is_a_push() {
    let world = World::new(PLAIN);
    let empty = world.path().join("empty.git").display().to_string();
    world.git(&["init", "--quiet", "--bare", &empty]);
    let launcher = Launcher::new(env!("CARGO_BIN_EXE_towpath"));
    let engine = Engine::open_with(world.home(), &empty, launcher)
        .await
        .unwrap();
    let mut watcher = Watcher::new(engine.clone());
    let manifest = world.place().manifest;
    watcher.look(&manifest).await.unwrap();
    world.git(&["push", "--quiet", &empty, "main"]);
    watcher.look(&manifest).await.unwrap();
    watcher.look(&manifest).await.unwrap();
    let requested = engine.history(None, None, 10).await.unwrap();
    assert_eq!(requested.len(), 1, "{requested:?}");
    assert_eq!(requested[0].trigger, "push to main");
    // Whoever watches from now on takes what is there as it is.
    Watcher::new(engine.clone()).look(&manifest).await.unwrap();
    assert_eq!(engine.history(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_one_is_refused_and_told_where_the_first_is() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let engine = world.engine().await;
    let second = Server::bind(engine.clone(), world.place(), any_port()).await;
    let Err(error @ ServerError::Taken(_)) = second else {
        panic!("there are two");
    };
    let said = error.to_string();
    assert!(
        said.contains(&format!("process {}", std::process::id())),
        "{said}"
    );
    assert!(
        said.contains(&format!("http://{}", server.address)),
        "{said}"
    );
    assert!(error.help().contains("stop it first"));
    // The first one has lost nothing by it.
    server.client.status().await.unwrap();
    server.stop().await;

    let third = Server::bind(engine, world.place(), any_port())
        .await
        .unwrap();
    Running::of(&world, world.engine().await, third)
        .await
        .stop()
        .await;
}

#[tokio::test]
async fn what_a_killed_one_left_is_no_obstacle() {
    let world = World::new(PLAIN);
    let home = world.home();
    drop(UnixListener::bind(home.socket()).unwrap());
    fs::write(home.server_lock(), "process 1, http://127.0.0.1:1").unwrap();
    assert!(Client::connect(&home).await.unwrap().is_none());
    let server = world.serve().await;
    let mode = fs::metadata(home.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.client.status().await.unwrap();
    server.stop().await;
    assert!(!home.socket().exists());
    assert!(Client::connect(&home).await.unwrap().is_none());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let world = World::new(PLAIN);
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let engine = world.engine().await;
    let Err(error) = Server::bind(engine.clone(), world.place(), address).await else {
        panic!("it listens where somebody else does");
    };
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.help().contains("--listen"));
    // Nothing is left of the attempt.
    Server::bind(engine, world.place(), any_port())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_data_directory_may_be_anywhere() {
    let world = World::new(PLAIN);
    let deep = world.path().join("d".repeat(150));
    let home = Home::open(&deep).unwrap();
    let upstream = world.work_tree().display().to_string();
    let engine = Engine::open(home.clone(), &upstream).await.unwrap();
    let server = Server::bind(engine, world.place(), any_port())
        .await
        .unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let client = Client::connect(&home).await.unwrap().unwrap();
    assert_eq!(client.status().await.unwrap().project, "scratch");
    drop(stop);
    soon(ended).await.unwrap();
}

#[tokio::test]
async fn it_ends_in_time_whoever_is_connected() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    // One that is idle, one that is followed, one that never says all.
    let mut idle = server.tcp().await;
    idle.write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut events = server.unix().await;
    events
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: towpath\r\n\r\n")
        .await
        .unwrap();
    let mut half = server.unix().await;
    let part = b"POST /api/v1/asks HTTP/1.1\r\nhost: towpath\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    half.write_all(part).await.unwrap();
    // What came before is answered.
    server.client.status().await.unwrap();
    let began = Instant::now();
    server.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn whoever_follows_goes_on_with_the_next_one() {
    let scratch = tempfile::tempdir().unwrap();
    let latch = Latch::new(scratch.path());
    let step = format!("test = [\"{}\"]", latch.command());
    let world = World::new(&PLAIN.replace("test = [\"echo tested\"]", &step));
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    let views = server.tested(number).await;
    server.stop().await;

    let followed = tokio::spawn(async move {
        let last = views.fold(None, async |_, view| Some(view)).await;
        last.unwrap().unwrap()
    });
    let server = world.serve().await;
    latch.open("seen").await;
    let last = soon(followed).await.unwrap();
    assert_eq!(last.status, "settled");
    let tries: Vec<u32> = last.steps.iter().map(|step| step.tries).collect();
    assert!(
        tries.iter().all(|tries| *tries <= 1),
        "nothing is done twice: {tries:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_manifest_that_is_not_valid_for_a_while_changes_nothing() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let names = async || -> Vec<String> {
        let status = server.client.status().await.unwrap();
        status
            .environments
            .iter()
            .map(|e| e.name.to_string())
            .collect()
    };
    world.write("[project\n");
    assert_eq!(names().await, ["staging", "production"]);
    let health = server.client.health().await.unwrap();
    assert!(health.ok && health.manifest.is_some(), "{health:?}");
    let page = server.see("/").await.body;
    assert!(page.contains("manifest is not valid") && page.contains("towpath.toml:1:"));
    world.write(&format!(
        "{PLAIN}\n[environments.local]\nbranch = \"feature/*\"\n"
    ));
    assert_eq!(server.client.health().await.unwrap().manifest, None);
    assert_eq!(names().await, ["staging", "production", "local"]);
    server.stop().await;
}

#[tokio::test]
async fn without_a_work_tree_the_upstreams_manifest_counts() {
    let world = World::new(PLAIN);
    let engine = world.engine().await;
    let place = Place {
        work_tree: None,
        ..world.place()
    };
    let server = Server::bind(engine.clone(), place, any_port())
        .await
        .unwrap();
    let server = Running::of(&world, engine, server).await;
    world.write(&format!(
        "{PLAIN}\n[environments.local]\nbranch = \"feature/*\"\n"
    ));
    let count = async || server.client.status().await.unwrap().environments.len();
    assert_eq!(count().await, 2, "it is not committed yet");
    world.commit("an environment more");
    soon(async { while count().await == 2 {} }).await;
    assert_eq!(count().await, 3);
    server.stop().await;
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_for_a_while_does_not_end_it() {
    let scratch = tempfile::tempdir().unwrap();
    let latch = Latch::new(scratch.path());
    let step = format!("test = [\"{}\"]", latch.command());
    let world = World::new(&PLAIN.replace("test = [\"echo tested\"]", &step));
    let server = world.serve().await;
    let number = server.deploy("staging").await;

    let journal = SqliteConnectOptions::new().filename(world.home().journal());
    let mut journal = SqliteConnection::connect_with(&journal).await.unwrap();
    drop(server.tested(number).await);
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(FAIL, 'no room'); END";
    sqlx::query(full).execute(&mut journal).await.unwrap();
    let health = async || server.client.health().await.unwrap();
    latch.open("").await;
    soon(async { while health().await.ok {} }).await;
    assert_eq!(server.get("/api/v1/health").await.status, 503);
    let trouble = health().await.trouble.unwrap();
    assert!(
        trouble.message.contains("no room") && !trouble.help.is_empty(),
        "{trouble:?}"
    );
    // What only looks goes on, and tells.
    let page = server.see("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("cannot work on the path"),
        "{}",
        page.body
    );
    sqlx::query("DROP TRIGGER full")
        .execute(&mut journal)
        .await
        .unwrap();
    assert_eq!(server.end_of(number).await.status, "settled");
    soon(async { while !health().await.ok {} }).await;
    server.stop().await;
}

#[tokio::test]
async fn somebody_elses_process_is_turned_away_from_the_socket() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("skipped: only root can speak as somebody else");
        return;
    }
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let (home, socket) = (world.home(), world.home().socket());
    // As open as somebody could make them by mistake.
    for path in [world.path(), home.root(), &socket] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let output = tokio::process::Command::new("python3")
        .args(["-c", "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'GET /api/v1/health HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'); print(len(s.recv(100)))"])
        .arg(&socket)
        .uid(65534)
        .output();
    let output = soon(output).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let refused = String::from_utf8_lossy(&output.stderr).contains("Error");
    assert!(said == "0" || (said.is_empty() && refused), "{output:?}");
    let own = b"GET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(say(server.unix().await, own).await.status, 200);
    server.stop().await;
}
