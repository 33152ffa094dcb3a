//! End users: they ask an environment's service again and again, and remember what they saw.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Users of one address, until they are asked what they saw.
pub struct Users {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

/// What users saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The releases that answered, in order, each as often as the answer changed.
    pub releases: Vec<String>,
    /// Requests that nobody answered.
    pub unanswered: Vec<String>,
    /// How many requests there were.
    pub requests: u32,
}

impl Users {
    /// Sends users to an address.
    pub fn of(address: &str) -> Users {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, until) = (address.to_owned(), stop.clone());
        let thread = thread::spawn(move || {
            let mut seen = Seen::default();
            while !until.load(Ordering::Relaxed) {
                seen.note(get(&address, "/"));
                thread::sleep(Duration::from_millis(5));
            }
            seen
        });
        Users {
            stop,
            thread: Some(thread),
        }
    }

    /// Sends them home.
    pub fn saw(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    fn note(&mut self, answer: Result<(u16, String), String>) {
        self.requests += 1;
        match answer {
            Err(why) => self.unanswered.push(why),
            Ok((_, body)) => {
                if self.releases.last() != Some(&body) {
                    self.releases.push(body);
                }
            }
        }
    }
}

/// One request; the status and the body of the answer.
pub fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    match (status, answer.split_once("\r\n\r\n")) {
        (Some(status), Some((_, body))) => Ok((status, body.to_owned())),
        _ => Err(format!("no answer: {answer:?}")),
    }
}
