//! The journal as events: none missed, none twice, whatever happens to the connection.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use towpath::store::Page;

use super::rig::{PLAIN, Reading, World, soon};

/// An event, as it came.
#[derive(Debug, PartialEq)]
struct Event {
    id: u64,
    name: Option<String>,
    data: Value,
}

struct Events<S> {
    reading: Reading<S>,
    /// What has come of the text, which is cut into chunks anywhere.
    text: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Events<S> {
    async fn open(mut stream: S, path: &str, last: Option<u64>) -> Events<S> {
        let last = last.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reading = Reading::of(stream);
        let head = reading.until("\r\n\r\n").await.unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        Events {
            reading,
            text: String::new(),
        }
    }

    /// The next one; `None` when the server has ended the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk = self.reading.chunk().await?;
            self.text.push_str(&chunk);
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start().to_owned())
    };
    Some(Event {
        id: field("id:")?.parse().unwrap(),
        name: field("event:"),
        data: serde_json::from_str(&field("data:")?).unwrap(),
    })
}

#[tokio::test]
async fn the_whole_journal_comes_in_order_and_goes_on_as_it_grows() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    server.end_of(number).await;

    let mut events = Events::open(server.unix().await, "/api/v1/events?after=0", None).await;
    let mut seen = 0;
    let records = server
        .engine
        .store
        .records(&Page {
            limit: 1000,
            ..Page::default()
        })
        .await;
    for record in records.unwrap() {
        let event = events.next().await.unwrap();
        assert_eq!(
            (event.id, event.name.as_deref()),
            (seen + 1, Some(&*record.kind))
        );
        assert_eq!(event.data, serde_json::to_value(&record).unwrap());
        seen = event.id;
    }
    server.write(1).await;
    let event = events.next().await.unwrap();
    assert_eq!(
        (event.id, event.name.as_deref()),
        (seen + 1, Some("branch-moved"))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let mut last = server.engine.store.state().await.unwrap().seq;
    for _ in 0..5 {
        let mut events = Events::open(server.unix().await, "/api/v1/events", Some(last)).await;
        server.write(7).await;
        // It goes away in the middle, and more comes meanwhile.
        for _ in 0..3 {
            let event = events.next().await.unwrap();
            assert_eq!(event.id, last + 1);
            last = event.id;
        }
        drop(events);
        server.write(2).await;
    }
    let end = server.engine.store.state().await.unwrap().seq;
    let mut events = Events::open(server.unix().await, "/api/v1/events", Some(last)).await;
    while last < end {
        let event = events.next().await.unwrap();
        assert_eq!(event.id, last + 1);
        last = event.id;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_is_slow_misses_nothing() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let begin = server.engine.store.state().await.unwrap().seq;
    let mut events = Events::open(server.unix().await, "/api/v1/events", None).await;
    // Far more than anybody keeps for those who do not listen.
    for _ in 0..3 {
        server.write(2000).await;
    }
    let end = server.engine.store.state().await.unwrap().seq;
    assert!(end >= begin + 6000);
    for expected in begin + 1..=end {
        assert_eq!(events.next().await.unwrap().id, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn what_another_process_writes_comes_too() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let mut events = Events::open(server.unix().await, "/api/v1/events", None).await;
    let begin = server.engine.store.state().await.unwrap().seq;
    // Its own store, as a command line without a server has.
    let other = world.engine().await;
    let at = towpath::clock::now();
    let hold = towpath_core::path::Command::MoveBranch {
        branch: "elsewhere".into(),
        commit: Some(towpath_core::path::Commit("0".repeat(40))),
    };
    let towpath = towpath_core::path::Actor::Towpath;
    other
        .store
        .transact(&towpath, &[hold], None, at)
        .await
        .unwrap();
    let event = soon(events.next()).await.unwrap();
    assert!(event.id > begin);
    assert_eq!(event.name.as_deref(), Some("branch-moved"));
    server.stop().await;
}

#[tokio::test]
async fn on_the_port_an_event_says_that_something_happened_and_no_more() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let begin = server.engine.store.state().await.unwrap().seq;
    let path = format!("/api/v1/events?after={begin}&named=false");
    let mut events = Events::open(server.tcp().await, &path, None).await;
    server.write(1).await;
    let event = events.next().await.unwrap();
    assert_eq!((event.id, event.name), (begin + 1, None));
    let mut keys: Vec<_> = event.data.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["at", "kind", "seq", "stream"]);
    server.stop().await;
}

#[tokio::test]
async fn a_journal_that_ends_before_what_a_client_has_seen_goes_on_from_its_end() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let begin = server.engine.store.state().await.unwrap().seq;
    let mut events = Events::open(
        server.unix().await,
        "/api/v1/events",
        Some(begin + 1_000_000),
    )
    .await;
    server.write(1).await;
    assert_eq!(events.next().await.unwrap().id, begin + 1);
    server.stop().await;
}

#[tokio::test]
async fn events_end_with_the_server() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let mut events = Events::open(server.tcp().await, "/api/v1/events", None).await;
    server.stop().await;
    while events.next().await.is_some() {}
}
