//! What steps print, read through the server as it is printed.

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use towpath::engine::{Ask, Printed};

use super::rig::{Latch, PLAIN, Reading, World, dana, soon};

#[tokio::test]
async fn what_a_test_printed_is_there_afterwards() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    server.end_of(number).await;

    let outputs = server.client.outputs(number).await.unwrap();
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].step.as_deref(), Some("test-1"));

    let read = server
        .get(&format!("/api/v1/deployments/{number}/output"))
        .await;
    assert_eq!(read.body, format!("==> {number}.test-1.1 <==\ntested\n"));
    assert_eq!(
        read.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let none = server
        .get(&format!("/api/v1/deployments/{number}/output?step=build"))
        .await;
    assert_eq!((none.status, &*none.body), (200, ""));
    let live = server.get("/api/v1/environments/stg/output").await;
    assert_eq!(
        (live.status, &*live.body),
        (200, ""),
        "there are no services"
    );
    server.stop().await;
}

#[tokio::test]
async fn it_is_read_while_it_is_printed_until_the_deployment_ends() {
    let scratch = tempfile::tempdir().unwrap();
    let latch = Latch::new(scratch.path());
    let step = format!(
        "test = [\"echo one; {}; echo three\", \"echo four\"]",
        latch.command()
    );
    let world = World::new(&PLAIN.replace("test = [\"echo tested\"]", &step));
    let server = world.serve().await;
    let number = server.deploy("staging").await;

    let printed = server
        .client
        .output(&Printed::By(number), None, true)
        .await
        .unwrap();
    let mut printed =
        Box::pin(printed.map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap()));
    let mut text = String::new();
    while !text.contains("one\n") {
        text.push_str(&soon(printed.next()).await.unwrap());
    }
    latch.open("two\n").await;
    while let Some(piece) = soon(printed.next()).await {
        text.push_str(&piece);
    }
    let expected =
        format!("==> {number}.test-1.1 <==\none\ntwo\nthree\n==> {number}.test-2.1 <==\nfour\n");
    assert_eq!(text, expected);
    assert!(server.end_of(number).await.ended_at.is_some());
    server.stop().await;
}

#[tokio::test]
async fn whoever_follows_is_let_go_when_the_server_stops() {
    let scratch = tempfile::tempdir().unwrap();
    let latch = Latch::new(scratch.path());
    let step = format!("test = [\"echo one; {}\"]", latch.command());
    let world = World::new(&PLAIN.replace("test = [\"echo tested\"]", &step));
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    let mut stream = server.unix().await;
    let path = format!("/api/v1/deployments/{number}/output?follow=true");
    let request = format!("GET {path} HTTP/1.1\r\nhost: towpath\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reading = Reading::of(stream);
    reading.until("one\n").await.unwrap();
    server.stop().await;
    assert_eq!(reading.until("never").await, None);

    // The step goes on meanwhile; the next server finds it, and ends it.
    let server = world.serve().await;
    let reason = "the test is over".into();
    let cancel = Ask::Cancel {
        deployment: number.to_string(),
        reason,
    };
    server.client.ask(&dana(), None, &cancel).await.unwrap();
    assert_eq!(server.end_of(number).await.status, "cancelled");
    server.stop().await;
}
