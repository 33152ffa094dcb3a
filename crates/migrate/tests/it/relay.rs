//! A relay between an applier and its server. It counts what the applier asks for, and stops at any of it: what comes
//! after reaches nobody, so that an applier can be killed, or cut off, exactly between two statements.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
    Postgres,
    /// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>
    Mysql,
}

/// Where it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Never,
    /// The request of this number, from 0, is not handed on.
    Before(usize),
    /// It is, and its answer is not.
    After(usize),
}

/// A relay on a port of this machine, until it is dropped.
pub struct Relay {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    protocol: Protocol,
    server: u16,
    stop: Stop,
    asked: AtomicUsize,
    is_stopped: AtomicBool,
    stopped: Notify,
}

impl Relay {
    pub async fn start(protocol: Protocol, server: u16, stop: Stop) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let state = Arc::new(State {
            protocol,
            server,
            stop,
            asked: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            stopped: Notify::new(),
        });
        Relay {
            port: listener.local_addr().unwrap().port(),
            task: tokio::spawn(accept(listener, state.clone())),
            state,
        }
    }

    /// The URL that leads here in place of the server.
    pub fn url(&self, url: &str) -> String {
        let (server, here) = (self.state.server, self.port);
        let through = url.replace(&format!(":{server}/"), &format!(":{here}/"));
        assert_ne!(through, url);
        through
    }

    /// How many requests were made, those of logging in not counted.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Waits until it has stopped.
    pub async fn stopped(&self) {
        self.state.stopped.notified().await;
    }
}

/// The connections end with it.
impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, and everything in it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(connection(client, state.clone()));
    }
}

async fn connection(client: TcpStream, state: Arc<State>) {
    let server = TcpStream::connect(("127.0.0.1", state.server))
        .await
        .unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whoever closes first, the other side learns it.
    tokio::select! {
        () = requests(from_client, to_server, &state) => {}
        () = answers(from_server, to_client, &state) => {}
    }
}

/// Hands on whole requests: of what PostgreSQL is told, all up to what asks for an answer.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut request = Vec::new();
    let mut logs_in = true;
    while let Some(ends) = message(&mut from, &mut request, state.protocol, &mut logs_in).await {
        let is_counted = match ends {
            Ends::No => continue,
            Ends::Uncounted => false,
            Ends::Request => true,
        };
        let number = match is_counted {
            true => state.asked.fetch_add(1, Ordering::SeqCst),
            false => usize::MAX,
        };
        let (stops, hands_on) = match state.stop {
            Stop::Before(at) => (number == at, false),
            Stop::After(at) => (number == at, true),
            Stop::Never => (false, true),
        };
        if stops {
            state.is_stopped.store(true, Ordering::SeqCst);
        }
        if (!stops || hands_on) && to.write_all(&request).await.is_err() {
            return;
        }
        if stops {
            state.stopped.notify_one();
            // Both sides are held open until this ends.
            std::future::pending::<()>().await;
        }
        request.clear();
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length) = from.read(&mut bytes).await {
        if state.is_stopped.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if length == 0 || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// What a message means for the request that it is part of.
enum Ends {
    /// More belongs to it.
    No,
    /// It is whole, and no request of the kind that is counted.
    Uncounted,
    Request,
}

/// Adds the next message; nothing when there is none.
async fn message(
    from: &mut OwnedReadHalf,
    request: &mut Vec<u8>,
    protocol: Protocol,
    logs_in: &mut bool,
) -> Option<Ends> {
    let begin = request.len();
    let (head, length_at) = match protocol {
        Protocol::Postgres if *logs_in => (4, 0),
        Protocol::Postgres => (5, 1),
        Protocol::Mysql => (4, 0),
    };
    request.resize(begin + head, 0);
    from.read_exact(&mut request[begin..]).await.ok()?;
    let length = &request[begin + length_at..];
    let body = match protocol {
        // It counts itself.
        Protocol::Postgres => u32::from_be_bytes(length[..4].try_into().unwrap()) as usize - 4,
        Protocol::Mysql => u32::from_le_bytes([length[0], length[1], length[2], 0]) as usize,
    };
    request.resize(begin + head + body, 0);
    from.read_exact(&mut request[begin + head..]).await.ok()?;
    let told = &request[begin..];
    Some(match protocol {
        Protocol::Postgres if *logs_in => {
            // The one that asks for TLS is followed by another.
            const TLS: [u8; 4] = 80_877_103_u32.to_be_bytes();
            *logs_in = told[4..8] == TLS;
            Ends::Uncounted
        }
        Protocol::Postgres => match told[0] {
            b'Q' | b'S' => Ends::Request,
            b'p' | b'X' | b'H' => Ends::Uncounted,
            _ => Ends::No,
        },
        // A packet's number begins anew with each command.
        Protocol::Mysql if told[3] == 0 => Ends::Request,
        Protocol::Mysql => Ends::Uncounted,
    })
}
