//! The control socket: what it refuses, and that no message harms the traffic.

use std::os::unix::fs::PermissionsExt;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use towpath_targets::proxy::control::{ControlError, SOCKET, Update};

use super::rig::*;

async fn say(rig: &Rig, bytes: &[u8]) -> String {
    let socket = rig.directory.path().join(SOCKET);
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // The proxy may hang up before it has read everything.
    let _ = soon(stream.write_all(bytes)).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn wrong_messages_are_refused_and_harm_nothing() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    let address = rig.route(1, &[&instance]).await;
    let long = vec![b'x'; 6 << 20];
    let messages: [&[u8]; 8] = [
        b"\n",
        b"{\n",
        b"\"stat\n",
        b"\"destroy\"\n",
        b"\xff\xfe\x00\n",
        b"{\"apply\":{\"environment\":\"e\"}}\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        &long,
    ];
    for message in messages {
        let answer = say(&rig, message).await;
        assert!(
            answer.contains("refused") || message.len() > 1 << 20,
            "{answer}"
        );
    }
    assert_eq!(say(&rig, b"").await, "");
    assert!(say(&rig, b"\"status\"").await.contains("\"pid\""));
    let twice = say(&rig, b"nonsense\n\"status\"\n").await;
    assert_eq!(twice.lines().count(), 2, "{twice}");
    assert_eq!(get(address, "/").await.1, "a");
}

#[tokio::test]
async fn only_its_user_may_talk_to_it() {
    let rig = Rig::start();
    let socket = rig.directory.path().join(SOCKET);
    let mode = std::fs::metadata(socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

async fn refusal(rig: &Rig, update: &Update) -> String {
    match soon(rig.client.apply(update)).await {
        Err(ControlError::Invalid(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn updates_that_make_no_sense_change_nothing() {
    let rig = Rig::start();
    let instance = Instance::named("a").await;
    let address = rig.route(1, &[&instance]).await;
    let before = std::fs::read(rig.directory.path().join("routes.json")).unwrap();

    let twice = update(2, vec![web(None, &[]), web(None, &[])]);
    assert_eq!(
        refusal(&rig, &twice).await,
        "the update names service web twice"
    );
    let doubled = update(2, vec![web(None, &[&instance, &instance])]);
    assert_eq!(
        refusal(&rig, &doubled).await,
        "the update names instance a twice"
    );
    let stolen = update(2, vec![service("other", Some(address), &[])]);
    let reason = refusal(&rig, &stolen).await;
    assert!(reason.contains("is the address of service"), "{reason}");
    let mut circle = update(2, vec![web(None, &[&instance])]);
    circle.services[0].upstreams[0].address = address;
    let reason = refusal(&rig, &circle).await;
    assert!(
        reason.contains("where the proxy itself listens"),
        "{reason}"
    );

    let after = std::fs::read(rig.directory.path().join("routes.json")).unwrap();
    assert_eq!(before, after);
    assert_eq!(get(address, "/").await.1, "a");
    rig.route(1, &[&instance]).await;
}

#[tokio::test]
async fn without_a_proxy_the_client_says_where_it_looked() {
    let directory = tempfile::tempdir().unwrap();
    let error = client(directory.path()).status().await.unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }));
    let text = error.to_string();
    assert!(text.starts_with("no proxy answers on "), "{text}");
    assert!(text.contains(SOCKET), "{text}");
}
