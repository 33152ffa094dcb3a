//! The command line's side of the API: requests over the server's socket.

mod error;
mod follow;
mod wire;

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper::Method;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};
use towpath_core::{
    catalogue,
    journal::Record,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{Actor, Release},
};

use self::wire::{Wire, unreachable};
use super::{
    api::{
        Asked, Deployments, HealthView, Observed, One, Outputs, OutputsOf, PlanOf, Records,
        Releases,
    },
    socket::Short,
};
use crate::{
    engine::{Ask, DeploymentView, Output, Preview, Printed, ReleaseView, Reply, StatusView},
    home::Home,
    store::{Page, Verification},
};

pub use self::error::ClientError;

/// How long a server may take to say that it is there.
const GREETING: Duration = Duration::from_secs(10);

/// Speaks to a server on its socket.
#[derive(Debug, Clone)]
pub struct Client {
    wire: Wire,
}

impl Client {
    /// The server of a data directory; `None` when none runs there.
    pub async fn connect(home: &Home) -> Result<Option<Client>, ClientError> {
        let socket = home.socket();
        if !is_there(&socket).await? {
            return Ok(None);
        }
        let client = Client {
            wire: Wire::new(socket),
        };
        // It may listen and be stopped, or be too busy to be of use.
        match timeout(GREETING, client.health()).await {
            Ok(Ok(health)) => Ok(Some(Client {
                wire: client.wire.with_version(health.towpath),
            })),
            // It went away just now.
            Ok(Err(ClientError::Unreachable(_))) if !is_there(client.wire.socket()).await? => {
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(unreachable("it does not answer")),
        }
    }

    /// How the server is, well or not.
    pub async fn health(&self) -> Result<HealthView, ClientError> {
        let response = self
            .wire
            .send(Method::GET, "/api/v1/health", None::<&()>)
            .await?;
        let body = response.into_body().collect().await.map_err(unreachable)?;
        self.wire.read(&body.to_bytes())
    }

    /// Asks for something.
    pub async fn ask(
        &self,
        actor: &Actor,
        work_tree: Option<&Path>,
        ask: &Ask,
    ) -> Result<Reply, ClientError> {
        let asked = Asked {
            actor: Some(actor.to_string()),
            work_tree: work_tree.map(Path::to_owned),
            ask: ask.clone(),
        };
        // As long as it takes: a build is waited for.
        self.wire
            .json(Method::POST, "/api/v1/asks", Some(&asked))
            .await
    }

    /// Where everything is.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("/api/v1/status").await
    }

    /// What runs where.
    pub async fn observed(&self) -> Result<catalogue::Observed, ClientError> {
        Ok(self.get::<Observed>("/api/v1/observed").await?.observed)
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

    /// Releases, newest first.
    pub async fn releases(
        &self,
        before: Option<ReleaseNumber>,
        limit: u32,
    ) -> Result<Vec<ReleaseView>, ClientError> {
        let mut path = format!("/api/v1/releases?limit={limit}");
        if let Some(before) = before {
            path.push_str(&format!("&before={before}"));
        }
        Ok(self.get::<Releases>(&path).await?.releases)
    }

    /// What a deployment would do.
    pub async fn preview(
        &self,
        actor: &Actor,
        work_tree: Option<&Path>,
        environment: &str,
        what: Option<&str>,
        rollback: bool,
    ) -> Result<Preview, ClientError> {
        let of = PlanOf {
            actor: Some(actor.to_string()),
            environment: environment.to_owned(),
            what: what.map(str::to_owned),
            rollback,
            work_tree: work_tree.map(Path::to_owned),
        };
        self.get(&with_query("/api/v1/plan", &of)?).await
    }

    /// A page of the journal.
    pub async fn journal(&self, page: &Page) -> Result<Vec<Record>, ClientError> {
        let mut path = format!("/api/v1/journal?after={}&limit={}", page.after, page.limit);
        if let Some(stream) = &page.stream {
            path.push_str(&format!("&stream={stream}"));
        }
        Ok(self.get::<Records>(&path).await?.records)
    }

    /// Checks the journal.
    pub async fn verify(&self) -> Result<Verification, ClientError> {
        // As long as it takes: every record is read.
        self.wire
            .json(Method::GET, "/api/v1/journal/verification", None::<&()>)
            .await
    }

    /// Where the outputs of a deployment's work are.
    pub async fn outputs(&self, number: DeploymentNumber) -> Result<Vec<Output>, ClientError> {
        Ok(self
            .get::<Outputs>(&format!("/api/v1/deployments/{number}/outputs"))
            .await?
            .outputs)
    }

    /// What outputs say, a piece at a time; only those whose name holds `of`. With `follow` as they grow: a deployment's until it
    /// has ended, those of live instances for good.
    pub async fn output(
        &self,
        printed: &Printed,
        of: Option<&str>,
        follow: bool,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Send + use<>, ClientError> {
        let path = match printed {
            Printed::By(number) => format!("/api/v1/deployments/{number}/output"),
            Printed::In(name) => format!("/api/v1/environments/{name}/output"),
        };
        let which = OutputsOf {
            of: of.map(str::to_owned),
            follow: Some(follow),
            ..OutputsOf::default()
        };
        let body = self.wire.open(&with_query(&path, &which)?).await?;
        Ok(stream::unfold(body, |mut body| async {
            loop {
                match body.frame().await? {
                    Ok(frame) => {
                        if let Ok(piece) = frame.into_data() {
                            return Some((Ok(piece), body));
                        }
                    }
                    Err(error) => return Some((Err(unreachable(error)), body)),
                }
            }
        }))
    }

    /// A deployment, again whenever it or the rollback that takes it back has changed, until it has ended. Survives a restart
    /// of the server.
    pub fn follow(
        &self,
        number: DeploymentNumber,
    ) -> impl Stream<Item = Result<DeploymentView, ClientError>> + Send + use<> {
        follow::views(self.clone(), number)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.wire.get(path).await
    }
}

/// Whether somebody listens on the socket: not when it is missing, or was left behind by a server that was killed.
async fn is_there(socket: &Path) -> Result<bool, ClientError> {
    let connected = match Short::of(socket) {
        Ok(short) => UnixStream::connect(&short).await.map(drop),
        Err(error) => Err(error),
    };
    match connected {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(false),
            _ => Err(unreachable(error)),
        },
    }
}

fn with_query(path: &str, query: &impl Serialize) -> Result<String, ClientError> {
    let query =
        serde_urlencoded::to_string(query).map_err(|e| ClientError::Nonsense(e.to_string()))?;
    Ok(format!("{path}?{query}"))
}

/// A thing that may not be there.
fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ClientError::Api { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_server_there_is_no_client() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::open(root.path()).unwrap();
        assert!(Client::connect(&home).await.unwrap().is_none());
        // As a server that was killed leaves it.
        drop(std::os::unix::net::UnixListener::bind(home.socket()).unwrap());
        assert!(Path::new(&home.socket()).exists());
        assert!(Client::connect(&home).await.unwrap().is_none());
    }
}
