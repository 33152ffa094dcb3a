//! Deployments, what is kept of them, and servers that tell of them.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{super::rig::Rig, Canary, LEAK, Onlooker, call, each_way, nowhere};
use crate::project::eventually;

/// What a server answers, as far as it comes at once.
fn answer(mut stream: impl Read + Write, path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // A stream of events does not end by itself: its reader's patience does.
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        answer.extend(&piece[..count]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 "), "no answer to {path}");
    answer
}

#[test]
fn deployments_and_servers_tell_none() {
    let canary = Canary::new();
    let rig = Rig::with(|manifest| {
        manifest
            .replace(
                "BY_ENVIRONMENT = \"environment\"",
                "BY_ENVIRONMENT = \"environment\", TOKEN_URL = \"ferry://dana:${TOKEN}@acme.test\"",
            )
            .replacen(
                "start       = \"exec dist/web\"",
                "start       = \"sh dist/leak.sh; exec dist/web\"",
                1,
            )
    });
    rig.project
        .change("towpath.toml", "within = \"20s\"", "within = \"4s\"");
    let onlooker = Onlooker::new();
    call(&rig, "secret set staging TOKEN")
        .fed(canary.text())
        .ends(0);
    call(&rig, "secret set staging TLS_KEY")
        .fed(canary.text())
        .ends(0);
    rig.project.write("leak.sh", LEAK);
    rig.project.change(
        "build.sh",
        "cp behaviour",
        "cp leak.sh dist/leak.sh\ncp behaviour",
    );
    // It prints the value, and crashes.
    rig.project.write("behaviour", "exits\n");
    rig.project.commit("1: crashes");
    call(&rig, "deploy staging")
        .ends(1)
        .says(&["the engine does not turn over"]);
    // A test prints it, and fails.
    rig.project.write("behaviour", "good\n");
    rig.project.write("check.sh", format!("{LEAK}exit 9\n"));
    rig.project.commit("2: its test fails");
    call(&rig, "deploy staging").ends(1).says(&["sh check.sh"]);
    // A request after the rollout is not answered as it should be.
    rig.project.write("check.sh", format!("{LEAK}exit 0\n"));
    rig.project.change(
        "towpath.toml",
        "get = \"/healthz\", service",
        "get = \"/debug\", service",
    );
    rig.project.commit("3: its smoke fails");
    call(&rig, "deploy staging")
        .ends(1)
        .says(&["/debug answered 500, not 200: [redacted TOKEN]"]);
    rig.project.change(
        "towpath.toml",
        "get = \"/debug\", service",
        "get = \"/healthz\", service",
    );
    rig.project.commit("4: good");
    call(&rig, "deploy staging").ends(0);
    let asking = [
        "status",
        "history",
        "releases",
        "plan staging",
        "parity",
        "doctor",
        "logs staging",
        "logs staging --list",
        "logs d1",
        "logs d2",
        "logs d3",
        "journal show",
        "journal verify",
        "journal replay",
    ];
    each_way(&rig, &asking);
    let logs = call(&rig, "logs d2").ends(0).stdout;
    assert!(
        logs.contains("raw ") && logs.contains(" end"),
        "the test has printed: {logs}"
    );

    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let server = call(&rig, &format!("server --listen 127.0.0.1:{port}")).start();
    let socket = rig.project.data().join("server.sock");
    let patience = Some(Duration::from_secs(2));
    let on_port = |path: &str| {
        let stream = eventually("the server listens", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        stream.set_read_timeout(patience).unwrap();
        answer(stream, path)
    };
    let on_socket = |path: &str| {
        let stream = eventually("the server listens", || UnixStream::connect(&socket).ok());
        stream.set_read_timeout(patience).unwrap();
        answer(stream, path)
    };
    let mut answers = 0;
    let shown = [
        "/",
        "/deployments/1",
        "/deployments/2",
        "/deployments/3",
        "/deployments/4",
        "/api/v1/status",
        "/api/v1/deployments",
        "/api/v1/deployments/1",
        "/api/v1/deployments/2",
        "/api/v1/releases",
        "/api/v1/releases/1",
        "/api/v1/events?after=0",
        "/api/v1/health",
    ];
    for path in shown {
        canary.is_not_in(path, &on_port(path));
        answers += 1;
    }
    let whole = [
        "/api/v1/status",
        "/api/v1/deployments",
        "/api/v1/deployments/1",
        "/api/v1/deployments/2",
        "/api/v1/deployments/2/outputs",
        "/api/v1/deployments/2/output?of=test-1",
        "/api/v1/environments/staging/output",
        "/api/v1/observed",
        "/api/v1/journal?after=0&limit=1000",
        "/api/v1/journal/verification",
        "/api/v1/events?after=0",
    ];
    for path in whole {
        canary.is_not_in(path, &on_socket(path));
        answers += 1;
    }
    assert_eq!(answers, shown.len() + whole.len());
    // Through the server as well.
    call(&rig, "secret rotate staging TOKEN")
        .fed("a token that is new")
        .ends(0);
    call(&rig, "secret rotate staging TOKEN --abort").ends(0);
    call(&rig, "run staging --")
        .words(["sh", "-c", LEAK])
        .ends(0);
    each_way(
        &rig,
        &["status", "logs d2", "journal show", "secret list staging"],
    );
    server.signal(Signal::SIGTERM);
    server.ended();
    // Services have it as long as they live, in memory.
    call(&rig, "status").ends(0);
    let held = Path::new("/dev/shm");
    let is_there = {
        let mut found = BTreeSet::new();
        canary.is_below(held, &mut found);
        found.len()
    };
    assert!(is_there <= 2, "{is_there} files");
    canary.is_not_in("what was printed", &rig.heard());
    canary.is_not_in("a command line", &onlooker.saw());
    rig.project.change(
        "towpath.toml",
        "branch     = \"develop\"",
        "branch     = \"develop\"\nkeep_warm  = \"0s\"",
    );
    call(&rig, "secret set staging TLS_KEY")
        .fed("not the bird")
        .ends(0);
    rig.project.commit("5: another file");
    call(&rig, "deploy staging").ends(0);
    let gone = || {
        let mut found = BTreeSet::new();
        canary.is_below(held, &mut found);
        found.is_empty().then_some(())
    };
    eventually("the files are gone with their service", gone);
    nowhere(&canary, &rig);
}
