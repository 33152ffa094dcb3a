//! Connections that become something else (WebSocket): bytes pass both ways, across switches, until one side closes.

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy, split};

use super::rig::*;

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Switches protocols when asked to, and then sends back what it gets.
async fn echo(mut request: Request<Incoming>) -> Response<Body> {
    if request.headers().get(header::UPGRADE).is_none() {
        return answer("plain");
    }
    assert_eq!(request.headers()[header::CONNECTION], "upgrade");
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut reader, mut writer) = split(TokioIo::new(upgrade.await.unwrap()));
        writer.write_all(b"welcome;").await.unwrap();
        let _ = copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(nothing())
        .unwrap()
}

#[tokio::test]
async fn a_tunnel_outlives_switches_and_is_counted_until_it_closes() {
    let rig = Rig::start();
    let old = Instance::serving("old", echo).await;
    let new = Instance::named("new").await;
    let address = rig.route(1, &[&old]).await;
    let mut wire = Wire::open(address).await;
    // The first words of the new protocol come right behind the request.
    wire.write(format!("{ASK}hello;")).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLM"), "{head}");
    assert_eq!(wire.exactly(14).await, "welcome;hello;");

    rig.route(2, &[&new]).await;
    assert_eq!(get(address, "/").await.1, "new");
    for number in 0..100 {
        let message = format!("message {number:03};");
        wire.write(&message).await;
        assert_eq!(wire.exactly(message.len()).await, message);
    }
    let upstream = rig.upstream("old").await.unwrap();
    assert_eq!((upstream.routed, upstream.active), (false, 1));

    wire.0.shutdown().await.unwrap();
    assert_eq!(wire.rest().await, "");
    assert!(rig.drained("old").await);
    assert!(rig.upstream("old").await.is_none());
}

#[tokio::test]
async fn a_tunnel_ends_when_either_side_is_gone() {
    let rig = Rig::start();
    let instance = Instance::serving("a", echo).await;
    let address = rig.route(1, &[&instance]).await;
    let mut wires = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::open(address).await;
        wire.write(ASK).await;
        wire.head().await;
        assert_eq!(wire.exactly(8).await, "welcome;");
        wires.push(wire);
    }
    rig.active("a", 4).await;
    let mut last = wires.pop().unwrap();
    drop(wires);
    rig.active("a", 1).await;
    // The rest of the runtime's tasks die with the instance only when they are aborted: close from the client's view.
    last.write("bye").await;
    assert_eq!(last.exactly(3).await, "bye");
    last.0.set_zero_linger().unwrap();
    drop(last);
    rig.active("a", 0).await;
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_an_ordinary_answer() {
    let rig = Rig::start();
    let instance = Instance::named("declining").await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    for _ in 0..2 {
        wire.write(ASK).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(wire.exactly(9).await, "declining");
    }
}

#[tokio::test]
async fn nobody_is_switched_who_did_not_ask() {
    let rig = Rig::start();
    let instance = Instance::accepting("eager", async |stream| {
        let mut wire = Wire(stream);
        wire.head().await;
        wire.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
            .await;
        wire.rest().await;
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    assert_eq!(get(address, "/").await.0, StatusCode::BAD_GATEWAY);
    // The field alone, without the connection option, asks for nothing.
    let plain = Instance::serving("plain", echo).await;
    rig.route(2, &[&plain]).await;
    let mut wire = Wire::open(address).await;
    wire.write("GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200 OK"));
}
