//! The command line's side of the API: requests over the server's socket.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::net::UnixStream;
use towpath_core::{
    journal::Record,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{Actor, Release},
};

use super::api::{Asked, Deployments, One, Outputs, PlanOf, Records};
use crate::{
    engine::{Ask, DeploymentView, Output, Preview, ReleaseView, Reply, StatusView},
    home::Home,
    store::{Page, Verification},
};

/// How long a server that does not answer is waited for: as long as it may take to be restarted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Speaks to a server on its socket.
#[derive(Debug, Clone)]
pub struct Client {
    socket: std::path::PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said why.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// A stable code.
        code: String,
        /// What is wrong.
        message: String,
        /// The way out.
        help: String,
    },
    /// It could not be asked.
    #[error("could not ask the server: {0}")]
    Unreachable(String),
    /// It said something that this version does not know.
    #[error("the server's answer makes no sense: {0}")]
    Nonsense(String),
}

impl Client {
    /// The server of a data directory; `None` when none runs there.
    pub async fn connect(home: &Home) -> Result<Option<Client>, ClientError> {
        let socket = home.socket();
        match UnixStream::connect(&socket).await {
            Ok(_) => Ok(Some(Client { socket })),
            // Not there, or left behind by one that was killed.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(ClientError::Unreachable(error.to_string())),
        }
    }

    /// Asks for something.
    pub async fn ask(
        &self,
        actor: &Actor,
        work_tree: Option<&Path>,
        ask: &Ask,
    ) -> Result<Reply, ClientError> {
        let asked = Asked {
            actor: actor.to_string(),
            work_tree: work_tree.map(Path::to_owned),
            ask: ask.clone(),
        };
        self.json(Method::POST, "/api/v1/asks", Some(&asked)).await
    }

    /// Where everything is.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("/api/v1/status").await
    }

    /// A deployment.
    pub async fn deployment(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<DeploymentView>, ClientError> {
        let found: Option<One> = found(self.get(&format!("/api/v1/deployments/{number}")).await)?;
        Ok(found.map(|one| one.deployment))
    }

    /// Deployments, newest first.
    pub async fn deployments(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<DeploymentNumber>,
        limit: u32,
    ) -> Result<Vec<DeploymentView>, ClientError> {
        let mut path = format!("/api/v1/deployments?limit={limit}");
        if let Some(environment) = environment {
            path.push_str(&format!("&environment={environment}"));
        }
        if let Some(before) = before {
            path.push_str(&format!("&before={before}"));
        }
        Ok(self.get::<Deployments>(&path).await?.deployments)
    }

    /// A release.
    pub async fn release(&self, number: ReleaseNumber) -> Result<Option<Release>, ClientError> {
        let found: Option<ReleaseView> =
            found(self.get(&format!("/api/v1/releases/{number}")).await)?;
        Ok(found.map(|view| view.release))
    }

    /// What a deployment would do.
    pub async fn preview(
        &self,
        actor: &Actor,
        work_tree: Option<&Path>,
        environment: &str,
        what: Option<&str>,
    ) -> Result<Preview, ClientError> {
        let of = PlanOf {
            actor: actor.to_string(),
            environment: environment.to_owned(),
            what: what.map(str::to_owned),
            work_tree: work_tree.map(Path::to_owned),
        };
        let query =
            serde_urlencoded::to_string(&of).map_err(|e| ClientError::Nonsense(e.to_string()))?;
        self.get(&format!("/api/v1/plan?{query}")).await
    }

    /// A page of the journal.
    pub async fn journal(&self, page: &Page) -> Result<Vec<Record>, ClientError> {
        let mut path = format!("/api/v1/journal?after={}&limit={}", page.after, page.limit);
        if let Some(stream) = &page.stream {
            path.push_str(&format!("&stream={stream}"));
        }
        Ok(self.get::<Records>(&path).await?.records)
    }

    /// Where the outputs of a deployment's work are.
    pub async fn outputs(&self, number: DeploymentNumber) -> Result<Vec<Output>, ClientError> {
        Ok(self
            .get::<Outputs>(&format!("/api/v1/deployments/{number}/outputs"))
            .await?
            .outputs)
    }

    /// Checks the journal.
    pub async fn verify(&self) -> Result<Verification, ClientError> {
        self.get("/api/v1/journal/verification").await
    }

    /// A deployment, again whenever something has happened, until it has ended. Survives a restart of the server.
    pub fn follow(
        &self,
        number: DeploymentNumber,
    ) -> impl Stream<Item = Result<DeploymentView, ClientError>> + '_ {
        let begin = Following {
            client: self,
            number,
            events: None,
            done: false,
        };
        stream::unfold(begin, |mut following| async move {
            if following.done {
                return None;
            }
            let view = following.next().await;
            following.done = view.as_ref().map_or(true, |view| view.ended_at.is_some());
            Some((view, following))
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::GET, path, None::<&()>).await
    }

    async fn json<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(unreachable)?
            .to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| ClientError::Nonsense(e.to_string()));
        }
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |key: &str| said["error"][key].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Api {
            status: status.as_u16(),
            code: text("code"),
            message: text("message"),
            help: text("help"),
        })
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(unreachable)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        // Ends with the response's body, or with the server.
        tokio::spawn(connection);
        let bytes = match body {
            Some(body) => {
                serde_json::to_vec(body).map_err(|e| ClientError::Nonsense(e.to_string()))?
            }
            None => Vec::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|e| ClientError::Nonsense(e.to_string()))?;
        sender.send_request(request).await.map_err(unreachable)
    }
}

fn unreachable(error: impl ToString) -> ClientError {
    ClientError::Unreachable(error.to_string())
}

/// A thing that may not be there.
fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ClientError::Api { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Following<'a> {
    client: &'a Client,
    number: DeploymentNumber,
    events: Option<Incoming>,
    done: bool,
}

impl Following<'_> {
    /// The deployment as it is when something has happened; at once at first.
    async fn next(&mut self) -> Result<DeploymentView, ClientError> {
        let began = tokio::time::Instant::now();
        loop {
            match self.look().await {
                Err(ClientError::Unreachable(_)) if began.elapsed() < PATIENCE => {
                    self.events = None;
                    tokio::time::sleep(PAUSE).await;
                }
                looked => return looked,
            }
        }
    }

    async fn look(&mut self) -> Result<DeploymentView, ClientError> {
        match &mut self.events {
            // Listening begins before the look, so that nothing falls in between.
            None => {
                let response = self
                    .client
                    .send(Method::GET, "/api/v1/events", None::<&()>)
                    .await?;
                self.events = Some(response.into_body());
            }
            Some(events) => match events.frame().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(unreachable(error)),
                None => {
                    return Err(ClientError::Unreachable(
                        "the server ended the connection".into(),
                    ));
                }
            },
        }
        let view = self.client.deployment(self.number).await?;
        view.ok_or_else(|| ClientError::Nonsense(format!("there is no deployment {}", self.number)))
    }
}
