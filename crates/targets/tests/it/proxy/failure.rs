//! Instances that die, lie or dawdle, and clients that do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

use super::rig::*;

/// Reads a request's head, byte by byte.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(read).unwrap())
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers the first request on each connection, and closes without a word when the second has come.
async fn answering_once(connections: &Arc<AtomicUsize>) -> Instance {
    let connections = connections.clone();
    Instance::accepting("once", move |mut stream| {
        connections.fetch_add(1, Ordering::Relaxed);
        async move {
            if read_head(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
                let _ = read_head(&mut stream).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_met_a_dead_connection_is_sent_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let rig = Rig::start();
    let instance = answering_once(&connections).await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = Session::open(address).await;
    for _ in 0..5 {
        assert_eq!(session.get("/").await.unwrap().1, "ok");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 5);
    assert_eq!(rig.upstream("once").await.unwrap().errors, 0);
}

#[tokio::test]
async fn a_request_that_may_have_had_its_effect_is_not_sent_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let rig = Rig::start();
    let instance = answering_once(&connections).await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = Session::open(address).await;
    assert_eq!(session.get("/").await.unwrap().1, "ok");
    let response = session
        .send(request("POST", "/", text("pay")))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let upstream = rig.upstream("once").await.unwrap();
    assert_eq!((upstream.requests, upstream.errors), (2, 1));
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_nobody_a_request() {
    let closed = Arc::new(Notify::new());
    let is_closed = closed.clone();
    let rig = Rig::start();
    let instance = Instance::accepting("brief", move |mut stream| {
        let closed = closed.clone();
        async move {
            let Some(head) = read_head(&mut stream).await else {
                return;
            };
            if head.starts_with("POST") {
                stream.read_exact(&mut [0; 3]).await.unwrap();
            }
            stream.write_all(OK).await.unwrap();
            drop(stream);
            closed.notify_one();
        }
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = Session::open(address).await;
    for _ in 0..20 {
        // The answer promised a connection that lasts; it does not. No request was on it yet.
        let response = session.send(request("POST", "/", text("abc"))).await;
        assert_eq!(whole(response.unwrap()).await.unwrap().1, "ok");
        soon(is_closed.notified()).await;
    }
}

#[tokio::test]
async fn an_instance_that_cannot_be_reached_is_passed_over() {
    let rig = Rig::start();
    let absent = Instance::absent("absent");
    let present = Instance::named("present").await;
    let address = rig.route(1, &[&absent, &present]).await;
    let mut session = Session::open(address).await;
    for _ in 0..6 {
        let response = session
            .send(request("POST", "/", text("a body that is sent once")))
            .await
            .unwrap();
        assert_eq!(whole(response).await.unwrap().1, "present");
    }
    assert!(rig.upstream("absent").await.unwrap().errors >= 3);
    assert_eq!(rig.status().await.services[0].errors, 0);
}

#[tokio::test]
async fn when_no_instance_can_be_reached_the_client_is_told() {
    let rig = Rig::start();
    let absent = [Instance::absent("a"), Instance::absent("b")];
    let address = rig.route(1, &[&absent[0], &absent[1]]).await;
    let (status, text) = get(address, "/").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(text, "no instance of the service could be reached\n");
    let status = rig.status().await;
    assert_eq!(status.services[0].errors, 1);
    for upstream in &status.services[0].upstreams {
        assert_eq!((upstream.errors, upstream.active), (1, 0));
    }
}

/// Begins an answer, waits for `gate`, and is gone.
async fn breaking_off(head: &'static str, gate: Arc<Notify>) -> Instance {
    Instance::accepting("weak", move |mut stream| {
        let gate = gate.clone();
        async move {
            if read_head(&mut stream).await.is_some() {
                stream.write_all(head.as_bytes()).await.unwrap();
                gate.notified().await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_broke_off_is_not_taken_for_whole() {
    let heads = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for head in heads {
        for multiplexed in [false, true] {
            let gate = Arc::new(Notify::new());
            let rig = Rig::start();
            let instance = breaking_off(head, gate.clone()).await;
            let address = rig.route(1, &[&instance]).await;
            let mut request = request("GET", "/", nothing());
            let mut plain = Session::open(address).await;
            let response = if multiplexed {
                *request.uri_mut() = "http://guestbook.test/".parse().unwrap();
                let mut session = open_http2(address).await;
                soon(session.send_request(request)).await.unwrap()
            } else {
                plain.send(request).await.unwrap()
            };
            let mut body = response.into_body();
            let first = soon(body.frame()).await.unwrap().unwrap();
            assert_eq!(first.into_data().unwrap(), "half");
            gate.notify_one();
            let end = soon(body.frame()).await;
            assert!(matches!(end, Some(Err(_))), "{end:?}");
            rig.active("weak", 0).await;
            let upstream = rig.upstream("weak").await.unwrap();
            assert_eq!((upstream.requests, upstream.errors), (1, 1));
        }
    }
}

#[tokio::test]
async fn an_instance_that_does_not_speak_http_is_a_bad_gateway() {
    let rig = Rig::start();
    let instance = Instance::accepting("smtp", async |mut stream: TcpStream| {
        let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    assert_eq!(get(address, "/").await.0, StatusCode::BAD_GATEWAY);
    rig.active("smtp", 0).await;
}

#[tokio::test]
async fn clients_that_do_not_read_hold_up_nobody() {
    let rig = Rig::start();
    let large = Bytes::from(vec![0; 32 << 20]);
    let instance = Instance::serving("large", move |request| {
        let large = large.clone();
        async move {
            match request.uri().path() {
                "/large" => answer(large),
                _ => answer("small"),
            }
        }
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    let mut slow = Vec::new();
    for _ in 0..16 {
        let mut wire = Wire::open(address).await;
        wire.write("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wire.head().await;
        slow.push(wire);
    }
    // Others that are slow with their request.
    for _ in 0..16 {
        let mut wire = Wire::open(address).await;
        wire.write("GET / HT").await;
        slow.push(wire);
    }
    for _ in 0..16 {
        assert_eq!(get(address, "/").await.1, "small");
    }
    assert_eq!(rig.upstream("large").await.unwrap().active, 16);
    drop(slow);
    rig.active("large", 0).await;
}

#[tokio::test]
async fn what_a_client_sends_is_not_piled_up_in_the_proxy() {
    let rig = Rig::start();
    // Takes a request's head, and nothing else.
    let instance = Instance::accepting("full", async |mut stream: TcpStream| {
        let _ = read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
        .await;
    rig.active("full", 1).await;
    let piece = vec![0; 1 << 20];
    let mut sent = 0;
    // Ends when a megabyte does not go out within a second: the proxy has stopped reading.
    while let Ok(written) =
        tokio::time::timeout(Duration::from_secs(1), wire.0.write_all(&piece)).await
    {
        written.unwrap();
        sent += piece.len();
        assert!(sent < 64 << 20, "{sent} bytes went into the proxy");
    }
}

#[tokio::test]
async fn a_client_that_takes_too_long_for_its_request_is_hung_up_on() {
    let directory = tempfile::tempdir().unwrap();
    let rig = Rig::with(directory, Duration::from_millis(100));
    let instance = Instance::named("a").await;
    let address = rig.route(1, &[&instance]).await;
    // The last one is quick, and then idle for too long.
    let begun = [
        "",
        "GET / HTTP/1.1\r\nhost",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    let mut wires = Vec::new();
    for bytes in begun {
        let mut wire = Wire::open(address).await;
        wire.write(bytes).await;
        wires.push(wire);
    }
    for (mut wire, bytes) in wires.into_iter().zip(begun) {
        let answered = wire.rest().await.contains("200 OK");
        assert_eq!(answered, bytes.ends_with("host: a\r\n\r\n"), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "y".repeat(100_000)
    );
    let _ = wire.0.write_all(head.as_bytes()).await;
    let rest = wire.rest().await;
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 431"),
        "{rest}"
    );
    assert_eq!(rig.upstream("a").await.unwrap().requests, 0);
}
