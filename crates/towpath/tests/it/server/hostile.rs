//! Requests that nobody means well with: an answer each, and nothing broken.

use super::rig::{PLAIN, World, say};

#[tokio::test]
async fn bodies_that_make_no_sense_are_told_so() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let deep = "[".repeat(100_000);
    let wide = format!("{{\"actor\":\"{}\"}}", "a".repeat(900_000));
    let unknown =
        r#"{"actor":"a@b","ask":{"ask":"hold","environment":"staging","reason":"x","also":1}}"#;
    let huge = r#"{"actor":"a@b","ask":{"ask":"lock","environment":"staging","reason":"x","lasting":1e400}}"#;
    let line = r#"{"actor":"a@b\nX: y","ask":{"ask":"hold","environment":"staging","reason":"x"}}"#;
    for body in [
        "",
        "null",
        "{",
        "[]",
        "{}",
        "\u{0}",
        r#"{"actor":"a@b"}"#,
        r#"{"actor":"a@b","ask":{"ask":"explode"}}"#,
        r#"{"actor":["a@b"],"ask":{"ask":"unlock","environment":"staging"}}"#,
        r#"{"actor":"towpath","ask":{"ask":"unlock","environment":"staging"}}"#,
        r#"{"actor":"a@b","work_tree":"../..","ask":{"ask":"unlock","environment":"staging"}}"#,
        unknown,
        huge,
        line,
        &deep,
        &wide,
    ] {
        let shown: String = body.chars().take(60).collect();
        let (status, code) = server.post("/api/v1/asks", body).await.error();
        assert!(matches!(status, 400 | 422), "{status} {shown}");
        assert_eq!(code, "api::malformed", "{shown}");
    }
    assert_eq!(
        server
            .engine
            .store
            .state()
            .await
            .unwrap()
            .environments
            .len(),
        0
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_or_of_another_kind_is_not_read() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let large = "x".repeat((1 << 20) + 1);
    let answer = server.post("/api/v1/asks", &large).await;
    assert_eq!(answer.error(), (413, "api::too-large".into()));

    let plain = b"POST /api/v1/asks HTTP/1.1\r\nhost: towpath\r\ncontent-length: 2\r\n\r\n{}";
    let answer = say(server.unix().await, plain).await;
    assert_eq!(answer.error(), (415, "api::media-type".into()));

    let head = format!(
        "GET / HTTP/1.1\r\nhost: towpath\r\nx: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    assert_eq!(say(server.unix().await, head.as_bytes()).await.status, 431);
    for bytes in [
        &b"\x00\x01\x02\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
    ] {
        assert_eq!(say(server.unix().await, bytes).await.status, 400);
    }
    // And it is as well as before.
    assert_eq!(server.get("/api/v1/status").await.status, 200);
    server.stop().await;
}
