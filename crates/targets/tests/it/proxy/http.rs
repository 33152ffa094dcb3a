//! HTTP itself: what passes through unchanged, what changes, and how messages are framed on either side.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::io::AsyncReadExt;

use super::rig::*;

type Seen = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

/// Remembers what it gets and answers `ok`, with fields that concern only the connection.
async fn remembering() -> (Instance, Seen) {
    let seen = Seen::default();
    let memory = seen.clone();
    let instance = Instance::serving("a", move |request: Request<Incoming>| {
        let memory = memory.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            memory.lock().unwrap().push((parts, body));
            Response::builder()
                .header("connection", "x-private")
                .header("x-private", "between us")
                .header("keep-alive", "timeout=5")
                .header("x-kept", "for all")
                .body(text("ok"))
                .unwrap()
        }
    })
    .await;
    (instance, seen)
}

fn last(seen: &Seen) -> (http::request::Parts, Bytes) {
    seen.lock().unwrap().pop().expect("it got a request")
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn fields_of_one_connection_stay_on_it() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = Session::open(address).await;
    let mut sent = request("GET", "/path?query=1", nothing());
    for (name, value) in [
        ("connection", "keep-alive, X-Secret"),
        ("connection", "host"),
        ("x-secret", "hop"),
        ("keep-alive", "timeout=1"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip, trailers"),
        ("x-kept", "end to end"),
    ] {
        sent.headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    let response = session.send(sent).await.unwrap();
    assert!(!response.headers().contains_key("x-private"));
    assert!(!response.headers().contains_key("keep-alive"));
    assert_eq!(response.headers()["x-kept"], "for all");

    let (parts, _) = last(&seen);
    assert_eq!(parts.uri, "/path?query=1");
    for gone in ["x-secret", "keep-alive", "proxy-connection", "connection"] {
        assert!(!parts.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(values(&parts.headers, "te"), ["trailers"]);
    assert_eq!(values(&parts.headers, "host"), ["guestbook.test"]);
    assert_eq!(values(&parts.headers, "x-kept"), ["end to end"]);
}

#[tokio::test]
async fn the_instance_learns_who_asks() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = Session::open(address).await;
    session.get("/").await.unwrap();
    let (parts, _) = last(&seen);
    assert_eq!(values(&parts.headers, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&parts.headers, "x-forwarded-proto"), ["http"]);
    assert_eq!(
        values(&parts.headers, "x-forwarded-host"),
        ["guestbook.test"]
    );

    // What terminates TLS on this machine knows better.
    let mut sent = request("GET", "/", nothing());
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-for", "198.51.100.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "www.guestbook.test"),
    ] {
        sent.headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    session.send(sent).await.unwrap();
    let (parts, _) = last(&seen);
    assert_eq!(
        values(&parts.headers, "x-forwarded-for"),
        ["203.0.113.7, 198.51.100.2, 127.0.0.1"]
    );
    assert_eq!(values(&parts.headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(
        values(&parts.headers, "x-forwarded-host"),
        ["www.guestbook.test"]
    );
}

#[tokio::test]
async fn http2_becomes_http1() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut session = open_http2(address).await;
    let pieces = ["one ", "two"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
    let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed();
    let sent = Request::builder()
        .method("POST")
        .uri("http://guestbook.test:8080/path?query")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(body)
        .unwrap();
    let response = soon(session.send_request(sent)).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(!response.headers().contains_key("keep-alive"));
    assert_eq!(whole(response).await.unwrap().1, "ok");
    let (parts, body) = last(&seen);
    assert_eq!(parts.version, Version::HTTP_11);
    assert_eq!(parts.uri, "/path?query");
    assert_eq!(values(&parts.headers, "host"), ["guestbook.test:8080"]);
    assert_eq!(values(&parts.headers, "cookie"), ["a=1; b=2"]);
    assert_eq!(body, "one two");
}

#[tokio::test]
async fn an_absolute_target_names_the_host() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write("GET http://real.test/a?b HTTP/1.1\r\nhost: other.test\r\n\r\n")
        .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    let (parts, _) = last(&seen);
    assert_eq!(parts.uri, "/a?b");
    assert_eq!(values(&parts.headers, "host"), ["real.test"]);
}

#[tokio::test]
async fn an_http_1_0_client_is_served() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write("GET / HTTP/1.0\r\n\r\n").await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let (parts, _) = last(&seen);
    assert_eq!(values(&parts.headers, "host"), [address.to_string()]);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_continue() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(wire.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    wire.write("body").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(last(&seen).1, "body");
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let rig = Rig::start();
    let instance = Instance::serving("a", async |request: Request<Incoming>| {
        answer(request.uri().path().to_owned())
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    let paths: Vec<String> = (100..140).map(|number| format!("/{number}")).collect();
    let requests: String = paths
        .iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    wire.write(requests).await;
    for path in paths {
        wire.head().await;
        assert_eq!(wire.exactly(4).await, path);
    }
}

/// An instance that answers with these bytes, whatever comes.
async fn saying(bytes: &'static str) -> Instance {
    Instance::accepting("raw", move |stream| async move {
        let mut wire = Wire(stream);
        while wire.0.readable().await.is_ok() {
            let mut buffer = [0; 4096];
            match wire.0.read(&mut buffer).await {
                Ok(read) if read > 0 => wire.write(bytes).await,
                _ => return,
            }
        }
    })
    .await
}

async fn said(method: &str, bytes: &'static str) -> (Wire, String) {
    let rig = Rig::start();
    let instance = saying(bytes).await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    // Twice: what the first answer leaves behind would spoil the second.
    let mut head = String::new();
    for _ in 0..2 {
        wire.write(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        head = wire.head().await;
    }
    (wire, head)
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let (_, head) = said("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n").await;
    assert!(head.contains("content-length: 1234\r\n"), "{head}");
    let (_, head) = said(
        "HEAD",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    let (_, head) = said("GET", "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    let (_, head) = said(
        "GET",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 77\r\netag: \"x\"\r\n\r\n",
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 304"), "{head}");
    assert!(head.contains("etag: \"x\"\r\n"), "{head}");
}

#[tokio::test]
async fn answers_keep_their_length_or_their_chunks() {
    let rig = Rig::start();
    let instance = saying("HTTP/1.1 200 Fine\r\ncontent-length: 5\r\n\r\nhello").await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 200 Fine\r\n"), "{head}");
    assert!(head.contains("content-length: 5\r\n"), "{head}");
    assert_eq!(wire.exactly(5).await, "hello");

    let chunked =
        saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            .await;
    rig.route(2, &[&chunked]).await;
    wire.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = wire.head().await;
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(wire.until("0\r\n\r\n").await, "5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let rig = Rig::start();
    let instance = Instance::serving("a", async |request: Request<Incoming>| {
        let trailers = request.into_body().collect().await.unwrap();
        let sum = trailers.trailers().unwrap()["x-sum"].clone();
        let mut map = HeaderMap::new();
        map.insert("x-answer", sum);
        let frames = [
            Ok(Frame::data(Bytes::from_static(b"body"))),
            Ok(Frame::trailers(map)),
        ];
        Response::builder()
            .header("trailer", "x-answer")
            .body(StreamBody::new(futures_util::stream::iter(frames)).boxed())
            .unwrap()
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write(
        "POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntrailer: x-sum\r\n\
         transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n",
    )
    .await;
    assert!(wire.head().await.contains("trailer: x-answer\r\n"));
    let body = wire.until("\r\n\r\n").await;
    assert_eq!(body, "4\r\nbody\r\n0\r\nx-answer: 42\r\n\r\n");

    let mut session = open_http2(address).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("43"));
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"abc"))),
        Ok(Frame::trailers(trailers)),
    ];
    let sent = Request::builder()
        .method("POST")
        .uri("http://a/")
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .body(StreamBody::new(futures_util::stream::iter(frames)).boxed())
        .unwrap();
    let response = soon(session.send_request(sent)).await.unwrap();
    let body = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-answer"], "43");
}

#[tokio::test]
async fn a_get_with_a_body_keeps_it() {
    let rig = Rig::start();
    let (instance, seen) = remembering().await;
    let address = rig.route(1, &[&instance]).await;
    let mut wire = Wire::open(address).await;
    wire.write(
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(last(&seen).1, "abc");
    // A body of no bytes is one too.
    assert_eq!(wire.exactly(2).await, "ok");
    wire.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    let (parts, _) = last(&seen);
    assert_eq!(values(&parts.headers, "content-length"), ["0"]);
}

#[tokio::test]
async fn the_status_counts_errors_of_the_service() {
    let rig = Rig::start();
    let instance = Instance::serving("a", async |request: Request<Incoming>| {
        let status = request.uri().path()[1..].parse().unwrap();
        Response::builder()
            .status::<u16>(status)
            .body(text("?"))
            .unwrap()
    })
    .await;
    let address = rig.route(1, &[&instance]).await;
    for status in [200, 404, 500, 503] {
        let (got, _) = get(address, &format!("/{status}")).await;
        assert_eq!(got, StatusCode::from_u16(status).unwrap());
    }
    let status = rig.status().await;
    let service = &status.services[0];
    assert_eq!((service.requests, service.errors), (4, 2));
    let upstream = &service.upstreams[0];
    assert_eq!(
        (upstream.requests, upstream.errors, upstream.active),
        (4, 2, 0)
    );
}
