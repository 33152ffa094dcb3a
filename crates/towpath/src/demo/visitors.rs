//! Those who use production: a constant stream of real requests on connections that are kept, each answer looked at.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use towpath_core::Time;

use crate::clock::now;

/// How many connections are kept open.
const CONNECTIONS: u32 = 4;

/// Between two requests of a connection: two hundred a second on all of them.
const PACE: Duration = Duration::from_millis(20);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many causes of failures are kept.
const CAUSES: usize = 5;

/// What every page of the guestbook holds.
const TITLE: &str = "The Lock House Guestbook";

/// The stream of requests. Cheap to clone.
#[derive(Clone)]
pub(super) struct Visitors {
    tally: Arc<Mutex<Tally>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
    stopping: watch::Sender<bool>,
}

/// What was asked, and what came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Requests that were sent.
    pub(super) sent: u64,
    /// Of these, answered wrongly, too late or not at all.
    pub(super) failed: u64,
    /// Why the first few failed.
    pub(super) causes: Vec<String>,
    /// When each release was seen on a page last.
    pub(super) last_seen: BTreeMap<String, Time>,
}

impl Default for Visitors {
    fn default() -> Self {
        Visitors {
            tally: Arc::default(),
            tasks: Arc::default(),
            stopping: watch::Sender::new(false),
        }
    }
}

impl Visitors {
    /// Begins to ask.
    pub(super) fn start(&self, address: SocketAddr) {
        let mut tasks = lock(&self.tasks);
        for index in 0..CONNECTIONS {
            let visitor = Visitor {
                address,
                number: index,
                connection: None,
            };
            tasks.spawn(visitor.keep_asking(self.tally.clone(), self.stopping.subscribe()));
        }
    }

    /// What came of it so far.
    pub(super) fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Ends once every request that was sent is answered, and says what came of them.
    pub(super) async fn stop(&self) -> Tally {
        self.stopping.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        while tasks.join_next().await.is_some() {}
        self.tally()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn note(&mut self, answer: Result<Option<String>, String>) {
        self.sent += 1;
        match answer {
            Ok(Some(release)) => {
                self.last_seen.insert(release, now());
            }
            Ok(None) => {}
            Err(cause) => {
                self.failed += 1;
                if self.causes.len() < CAUSES {
                    self.causes.push(cause);
                }
            }
        }
    }
}

/// One of them, with a connection.
struct Visitor {
    address: SocketAddr,
    number: u32,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Visitor {
    async fn keep_asking(mut self, tally: Arc<Mutex<Tally>>, mut stopping: watch::Receiver<bool>) {
        // One after the other, so that they do not all ask at the same time.
        let first = Instant::now() + PACE * self.number / CONNECTIONS;
        let mut pace = interval_at(first, PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                _ = pace.tick() => {}
            }
            let question = Question::of(self.number);
            self.number = self.number.wrapping_add(CONNECTIONS);
            let answer = match timeout(PATIENCE, self.ask(question)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            if answer.is_err() {
                self.connection = None;
            }
            let named = answer.map_err(|cause| format!("{}: {cause}", question.name()));
            lock(&tally).note(named);
        }
    }

    /// Asks once; the answer is the release that made it, where it says so.
    async fn ask(&mut self, question: Question) -> Result<Option<String>, String> {
        let request = question.request(self.address)?;
        let sender = self.connected().await?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| format!("the connection broke: {error}"))?;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
        question.check(status, &String::from_utf8_lossy(&body.to_bytes()))
    }

    /// The connection of before, or a new one where the other side has closed that between two requests.
    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, String> {
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let ready = match kept {
            Some(kept) => kept,
            None => connect(self.address).await?,
        };
        Ok(self.connection.insert(ready))
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("could not connect: {error}"))?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("could not connect: {error}"))?;
    // Ends with its sender.
    tokio::spawn(connection);
    Ok(sender)
}

/// What visitors do: they look, mostly; some read the entries, and some sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Page,
    Entries,
    Sign(u32),
}

impl Question {
    /// The question of a visit. The period has no divisor in common with the number of connections, so that each of these
    /// comes to ask everything.
    fn of(number: u32) -> Question {
        match number % 51 {
            7 => Question::Sign(number),
            13 | 24 | 35 | 46 => Question::Entries,
            _ => Question::Page,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Question::Page => "GET /",
            Question::Entries => "GET /api/entries",
            Question::Sign(_) => "POST /entries",
        }
    }

    fn request(self, address: SocketAddr) -> Result<Request<Full<Bytes>>, String> {
        let (method, path, body) = match self {
            Question::Page => (Method::GET, "/", String::new()),
            Question::Entries => (Method::GET, "/api/entries", String::new()),
            Question::Sign(number) => (
                Method::POST,
                "/entries",
                format!("name=Visitor+{number}&message=Passing+through"),
            ),
        };
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, address.to_string())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())
    }

    /// Whether an answer is what it should be, to its last byte; the release that a page names.
    fn check(self, status: StatusCode, body: &str) -> Result<Option<String>, String> {
        let wanted = match self {
            Question::Sign(_) => StatusCode::SEE_OTHER,
            _ => StatusCode::OK,
        };
        if status != wanted {
            let said = body.lines().next().unwrap_or_default();
            return Err(format!("answered {status}: {said}"));
        }
        match self {
            Question::Page if body.contains(TITLE) && body.trim_end().ends_with("</html>") => {
                Ok(release_on(body))
            }
            Question::Page => Err("the answer is not the guestbook's page".into()),
            Question::Entries => serde_json::from_str::<serde_json::Value>(body)
                .ok()
                .filter(|answer| answer["entries"].is_array())
                .map(|_| None)
                .ok_or_else(|| "the answer holds no entries".into()),
            Question::Sign(_) => Ok(None),
        }
    }
}

/// The release that the guestbook's page says it is.
fn release_on(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("release <b>")?;
    let (release, _) = rest.split_once("</b>")?;
    Some(release.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn an_answer_is_checked_to_its_end() {
        let page = format!("<h1>{TITLE}</h1> release <b>v7</b> </html>\n");
        let ok = StatusCode::OK;
        assert_eq!(Question::Page.check(ok, &page), Ok(Some("v7".into())));
        let cut = page.trim_end().trim_end_matches('>');
        assert!(Question::Page.check(ok, cut).is_err());
        assert!(Question::Page.check(ok, "</html>").is_err());
        assert!(
            Question::Page
                .check(StatusCode::BAD_GATEWAY, &page)
                .is_err()
        );
        assert_eq!(
            Question::Entries.check(ok, r#"{"total":0,"entries":[]}"#),
            Ok(None)
        );
        assert!(Question::Entries.check(ok, r#"{"total":0"#).is_err());
        assert!(Question::Sign(1).check(ok, &page).is_err());
        assert_eq!(Question::Sign(1).check(StatusCode::SEE_OTHER, ""), Ok(None));
    }

    #[test]
    fn every_connection_does_a_bit_of_everything() {
        for index in 0..CONNECTIONS {
            let asked: Vec<Question> = (0..100)
                .map(|turn| Question::of(index + turn * CONNECTIONS))
                .collect();
            assert!(asked.contains(&Question::Page));
            assert!(asked.contains(&Question::Entries));
            assert!(
                asked
                    .iter()
                    .any(|question| matches!(question, Question::Sign(_)))
            );
        }
    }

    /// Answers each connection's first request with `answer`, and closes it.
    async fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer).await;
            }
        });
        address
    }

    async fn asked(address: SocketAddr) -> Result<Option<String>, String> {
        let mut visitor = Visitor {
            address,
            number: 0,
            connection: None,
        };
        visitor.ask(Question::Entries).await
    }

    #[tokio::test]
    async fn what_breaks_off_has_failed() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"entries\":[]}";
        assert_eq!(asked(answering(whole).await).await, Ok(None));
        let cut = &whole[..whole.len() - 1];
        let error = asked(answering(cut).await).await.unwrap_err();
        assert!(error.starts_with("the answer broke off"), "{error}");
        let error = asked(answering(b"").await).await.unwrap_err();
        assert!(error.starts_with("the connection broke"), "{error}");
        let bad = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nlater";
        let error = asked(answering(bad).await).await.unwrap_err();
        assert_eq!(error, "answered 503 Service Unavailable: later");
    }

    #[tokio::test]
    async fn everything_sent_is_counted_and_failures_tell_why() {
        let visitors = Visitors::default();
        visitors.start(answering(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await);
        while visitors.tally().failed < 10 {
            tokio::task::yield_now().await;
        }
        let tally = visitors.stop().await;
        assert_eq!(tally.sent, tally.failed);
        assert_eq!(tally.causes.len(), CAUSES);
        assert!(
            tally.causes[0].contains("answered 500"),
            "{:?}",
            tally.causes
        );
        assert_eq!(visitors.tally().sent, tally.sent, "nobody asks any more");
    }
}
