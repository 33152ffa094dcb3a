//! Requests that two servers could understand differently (RFC 9112 §11.2): the instance gets one that is clear, or none.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::rig::*;

/// Remembers every byte that it gets, and answers what has its end.
async fn listening() -> (Instance, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let memory = heard.clone();
    let instance = Instance::accepting("a", move |mut stream| {
        let memory = memory.clone();
        async move {
            let mut buffer = [0; 4096];
            while let Ok(read) = stream.read(&mut buffer).await
                && read > 0
            {
                let whole = {
                    let mut heard = memory.lock().unwrap();
                    heard.extend_from_slice(&buffer[..read]);
                    heard.ends_with(b"0\r\n\r\n")
                };
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if whole && stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (instance, heard)
}

/// What the instance gets of these bytes, and the client for them up to the end of its connection.
async fn send(bytes: &str) -> (String, String) {
    let rig = Rig::start();
    let (instance, heard) = listening().await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write(bytes).await;
    let answer = wire.rest().await;
    let heard = heard.lock().unwrap().clone();
    (String::from_utf8_lossy(&heard).into_owned(), answer)
}

#[tokio::test]
async fn malformed_requests_reach_nobody() {
    for bytes in [
        // Lengths that contradict each other, or are none.
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\nabc",
        // Codings that one side may not see.
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        // Fields that are none.
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\rtransfer-encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
        // Hosts: none, two.
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        // Not for this kind of proxy.
        "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let (heard, answer) = send(bytes).await;
        assert_eq!(heard, "", "for {bytes:?}");
        let refused = ["HTTP/1.1 4", "HTTP/1.0 4", "HTTP/1.1 501"];
        assert!(
            refused.iter().any(|start| answer.starts_with(start)),
            "{bytes:?} got {answer:?}"
        );
    }
}

#[tokio::test]
async fn of_length_and_coding_only_the_coding_is_passed_on_and_the_connection_ends() {
    for fields in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ] {
        let bytes = format!(
            "POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
        );
        let (heard, answer) = send(&bytes).await;
        assert!(!heard.contains("content-length"), "{heard}");
        assert!(!heard.contains("smuggled"), "{heard}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn chunks_are_written_anew() {
    let (heard, _) = send(
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: Chunked\r\n\r\n\
         5;ext=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    assert!(!heard.contains("ext"), "{heard}");
    let (heard, _) = send(
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         00000005\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    assert!(
        heard.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        "{heard}"
    );
}
