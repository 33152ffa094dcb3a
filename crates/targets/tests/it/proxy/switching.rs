//! Switching routes while requests are under way: none fails, none goes astray, and the old instances drain.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::{sync::Semaphore, task::JoinSet};
use towpath_targets::proxy::control::ControlError;

use super::rig::*;

const CHUNK: usize = 16 * 1024;
const CHUNKS: usize = 64;

/// A body that comes piece by piece.
fn pieces() -> Body {
    let pieces = (0..CHUNKS).map(|piece| {
        let byte = u8::try_from(piece).unwrap();
        Ok::<_, Infallible>(Frame::data(Bytes::from(vec![byte; CHUNK])))
    });
    StreamBody::new(futures_util::stream::iter(pieces))
        .map_err(|never| match never {})
        .boxed()
}

/// Small answers, long downloads, and uploads that are counted.
async fn versatile(request: Request<Incoming>, key: String) -> Response<Body> {
    match request.uri().path() {
        "/down" => Response::new(pieces()),
        "/up" => {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => count += frame.data_ref().map_or(0, Bytes::len),
                    Err(_) => break,
                }
            }
            answer(count.to_string())
        }
        _ => answer(key),
    }
}

async fn versatile_instance(key: String) -> Instance {
    let name = key.clone();
    Instance::serving(&key, move |request| versatile(request, name.clone())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_across_two_hundred_switches() {
    let rig = Rig::start();
    let mut current = versatile_instance("instance-0".to_owned()).await;
    let address = rig.route(1, &[&current]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for number in 0..12 {
        let stop = stop.clone();
        let done = done.clone();
        clients.spawn(async move {
            let mut plain = Session::open(address).await;
            let mut multiplexed = open_http2(address).await;
            while !stop.load(Ordering::Relaxed) {
                let (path, body) = match number % 6 {
                    0 => ("/down", nothing()),
                    1 => ("/up", pieces()),
                    _ => ("/", nothing()),
                };
                let answered = if number % 2 == 0 {
                    plain.send(request("POST", path, body)).await
                } else {
                    let mut request = request("POST", path, body);
                    *request.uri_mut() = format!("http://guestbook.test{path}").parse().unwrap();
                    soon(multiplexed.send_request(request)).await
                };
                let response = answered.expect("an answer");
                assert_eq!(response.status(), StatusCode::OK);
                let body = soon(response.into_body().collect()).await.unwrap();
                let body = body.to_bytes();
                match path {
                    "/down" => assert_eq!(body.len(), CHUNK * CHUNKS),
                    "/up" => assert_eq!(body, (CHUNK * CHUNKS).to_string()),
                    _ => assert!(body.starts_with(b"instance-")),
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for fence in 2..=201_u64 {
        let next = versatile_instance(format!("instance-{fence}")).await;
        rig.route(fence, &[&next]).await;
        assert!(rig.drained(&current.key).await);
        // Killed, not ended: whatever still went there would fail.
        current = next;
        let before = done.load(Ordering::Relaxed);
        until(async || (done.load(Ordering::Relaxed) > before + 4).then_some(())).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    rig.active(&current.key, 0).await;
    let status = rig.status().await;
    assert_eq!(status.services[0].upstreams.len(), 1, "{status:?}");
    assert_eq!(status.services[0].requests, done.load(Ordering::Relaxed));
    assert_eq!(status.services[0].errors, 0);
}

/// An instance that answers when it is let.
struct Held {
    instance: Instance,
    gate: Arc<Semaphore>,
}

impl Held {
    async fn new(key: &str) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let opened = gate.clone();
        let name = key.to_owned();
        let instance = Instance::serving(key, move |_| {
            let opened = opened.clone();
            let name = name.clone();
            async move {
                opened.acquire().await.unwrap().forget();
                answer(name)
            }
        })
        .await;
        Self { instance, gate }
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_by_the_instance_that_got_it() {
    let rig = Rig::start();
    let old = Held::new("old").await;
    let new = Instance::named("new").await;
    let address = rig.route(1, &[&old.instance]).await;
    let waiting = tokio::spawn(get(address, "/"));
    rig.active("old", 1).await;

    rig.route(2, &[&new]).await;
    assert_eq!(get(address, "/").await.1, "new");
    let upstream = rig.upstream("old").await.expect("it is still listed");
    assert!(!upstream.routed);
    assert_eq!(upstream.active, 1);
    assert!(!rig.client.drained("old", Duration::ZERO).await.unwrap());

    old.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().1, "old");
    assert!(rig.drained("old").await);
    assert!(rig.upstream("old").await.is_none());
}

#[tokio::test]
async fn an_instance_that_comes_back_is_the_one_that_left() {
    let rig = Rig::start();
    let old = Held::new("old").await;
    let new = Instance::named("new").await;
    let address = rig.route(1, &[&old.instance]).await;
    let waiting = tokio::spawn(get(address, "/"));
    rig.active("old", 1).await;
    rig.route(2, &[&new]).await;
    rig.route(3, &[&old.instance]).await;
    let upstream = rig.upstream("old").await.unwrap();
    assert!(upstream.routed);
    assert_eq!(upstream.active, 1);
    old.gate.add_permits(1);
    waiting.await.unwrap();
    rig.active("old", 0).await;
}

#[tokio::test]
async fn requests_whose_clients_left_count_no_longer() {
    let rig = Rig::start();
    let held = Held::new("held").await;
    let address = rig.route(1, &[&held.instance]).await;
    let mut plain = Wire::open(address).await;
    plain.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut multiplexed = open_http2(address).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut request = request("GET", "/", nothing());
        *request.uri_mut() = "http://guestbook.test/".parse().unwrap();
        streams.push(tokio::spawn(multiplexed.send_request(request)));
    }
    rig.active("held", 4).await;
    drop(plain);
    rig.active("held", 3).await;
    // One stream is reset, then the connection goes.
    streams.pop().unwrap().abort();
    rig.active("held", 2).await;
    for stream in streams {
        stream.abort();
    }
    drop(multiplexed);
    rig.active("held", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_services_of_an_update_switch_at_once() {
    let rig = Rig::start();
    let instances = [
        Instance::named("1").await,
        Instance::named("2").await,
        Instance::named("3").await,
        Instance::named("4").await,
    ];
    let switch = |fence: u64, instance: &Instance| {
        update(
            fence,
            vec![
                service("front", None, &[instance]),
                service("back", None, &[instance]),
            ],
        )
    };
    let status = rig.client.apply(&switch(1, &instances[0])).await.unwrap();
    // By name: back, front.
    let (back, front) = (status.services[0].listen, status.services[1].listen);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let reader = tokio::spawn(async move {
        let mut front = Session::open(front).await;
        let mut back = Session::open(back).await;
        while !stopped.load(Ordering::Relaxed) {
            let first = front.get("/").await.unwrap().1;
            let second = back.get("/").await.unwrap().1;
            assert!(second >= first, "{second} is behind {first}");
        }
    });
    for (fence, instance) in (2..).zip(&instances[1..]) {
        rig.client.apply(&switch(fence, instance)).await.unwrap();
        until(async || (instance_requests(&rig, &instance.key).await > 20).then_some(())).await;
    }
    stop.store(true, Ordering::Relaxed);
    reader.await.unwrap();
}

async fn instance_requests(rig: &Rig, key: &str) -> u64 {
    let status = rig.status().await;
    let upstreams = status
        .services
        .iter()
        .flat_map(|service| &service.upstreams);
    upstreams
        .filter(|upstream| upstream.key == key)
        .map(|upstream| upstream.requests)
        .sum()
}

#[tokio::test]
async fn an_older_update_is_refused_and_an_equal_one_repeated() {
    let rig = Rig::start();
    let old = Instance::named("old").await;
    let new = Instance::named("new").await;
    let address = rig.route(7, &[&new]).await;
    let refused = rig.client.apply(&update(6, vec![web(None, &[&old])])).await;
    assert_eq!(
        refused,
        Err(ControlError::Fenced {
            current: 7,
            ours: 6
        })
    );
    assert_eq!(get(address, "/").await.1, "new");
    assert_eq!(rig.route(7, &[&new]).await, address);
    assert_eq!(get(address, "/").await.1, "new");
    assert_eq!(rig.upstream("new").await.unwrap().requests, 2);

    // Another environment has fences of its own.
    let mut other = update(1, vec![web(None, &[&old])]);
    other.environment = "production".to_owned();
    rig.client.apply(&other).await.unwrap();
}

#[tokio::test]
async fn a_service_without_instances_says_so() {
    let rig = Rig::start();
    let address = rig.route(1, &[]).await;
    let mut session = Session::open(address).await;
    let response = session.send(request("GET", "/", nothing())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    // The connection is as good as before.
    let instance = Instance::named("late").await;
    rig.route(2, &[&instance]).await;
    assert_eq!(session.get("/").await.unwrap().1, "late");
    let service = &rig.status().await.services[0];
    assert_eq!((service.requests, service.errors), (2, 1));
}

#[tokio::test]
async fn instances_take_turns() {
    let rig = Rig::start();
    let first = Instance::named("first").await;
    let second = Instance::named("second").await;
    let address = rig.route(1, &[&first, &second]).await;
    let mut session = Session::open(address).await;
    for _ in 0..10 {
        session.get("/").await.unwrap();
    }
    for key in ["first", "second"] {
        assert_eq!(rig.upstream(key).await.unwrap().requests, 5, "{key}");
    }
}
