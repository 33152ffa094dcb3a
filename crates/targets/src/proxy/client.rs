//! The other side of the desk: how targets and commands talk to a running proxy.

use std::{
    io,
    os::unix::net::UnixStream as StdStream,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

use super::{
    control::{Answer, ControlError, MOST_LINE, Request, Status, Update},
    socket_path,
};

/// How long the proxy may take for an answer, beyond the time that it was asked to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Talks to the proxy behind a socket. Each call connects anew, so it may outlive any number of proxies.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// Will talk to the proxy whose socket this is: [`super::control::SOCKET`] in its directory.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Switches routes. When this returns, they are in force for every new request and survive the proxy.
    pub async fn apply(&self, update: &Update) -> Result<Status, ControlError> {
        let request = Request::Apply(update.clone());
        match self.ask(&request, Duration::ZERO).await? {
            Answer::Status(status) => Ok(status),
            other => Err(unexpected(other)),
        }
    }

    /// What is routed where, and how it goes.
    pub async fn status(&self) -> Result<Status, ControlError> {
        match self.ask(&Request::Status, Duration::ZERO).await? {
            Answer::Status(status) => Ok(status),
            other => Err(unexpected(other)),
        }
    }

    /// Waits until an instance gets no requests and has none in flight, and tells whether that came about in time.
    /// An instance that the proxy does not know has drained.
    pub async fn drained(&self, key: &str, within: Duration) -> Result<bool, ControlError> {
        let request = Request::Drained {
            key: key.to_owned(),
            within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        };
        match self.ask(&request, within).await? {
            Answer::Drained(drained) => Ok(drained),
            other => Err(unexpected(other)),
        }
    }

    async fn ask(&self, request: &Request, wait: Duration) -> Result<Answer, ControlError> {
        let within = ANSWER_WITHIN.saturating_add(wait);
        let answer = timeout(within, self.exchange(request))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))
            .and_then(|answer| answer);
        match answer {
            Ok(Answer::Refused(error)) => Err(error),
            Ok(answer) => Ok(answer),
            Err(error) => Err(ControlError::Unreachable {
                socket: self.socket.clone(),
                reason: error.to_string(),
            }),
        }
    }

    async fn exchange(&self, request: &Request) -> io::Result<Answer> {
        let stream = socket_path::with(&self.socket, |path| StdStream::connect(path))?;
        stream.set_nonblocking(true)?;
        let (reader, mut writer) = UnixStream::from_std(stream)?.into_split();
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        writer.write_all(&text).await?;
        let mut line = Vec::new();
        BufReader::new(reader)
            .take(MOST_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

fn unexpected(answer: Answer) -> ControlError {
    ControlError::Failed(format!(
        "the proxy gave an answer to another question: {answer:?}"
    ))
}
