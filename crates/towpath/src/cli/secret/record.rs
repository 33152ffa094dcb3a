//! Whether somebody may, and the record that they did: before any value is looked at.

use std::path::PathBuf;

use towpath_core::{
    names::{DatabaseName, EnvironmentName},
    path::{Actor, Migration, SchemaWork},
};

use crate::{
    cli::{context::Context, error::CliError},
    clock::now,
    engine::{Ask, Place, RequestError},
    server::client::Client,
    store::{Closing, Store},
};

/// Writes into the journal: by the server where one runs, otherwise itself.
pub struct Recorder {
    way: Way,
    actor: Actor,
    place: Place,
    root: PathBuf,
    closing: Closing,
}

enum Way {
    /// The journal's file.
    Own(PathBuf),
    Server(Box<Client>),
}

impl Recorder {
    /// Finds the server, or the journal. Nothing else of an engine is needed, and so nothing else is opened.
    pub async fn open(context: &Context) -> Result<Recorder, CliError> {
        let way = match Client::connect(&context.home).await? {
            Some(client) => Way::Server(Box::new(client)),
            None => Way::Own(context.home.journal()),
        };
        Ok(Recorder {
            way,
            actor: context.actor.clone(),
            place: context.place.clone(),
            root: context.root.clone(),
            closing: Closing::Closed,
        })
    }

    /// The same, for a process that ends soon and that somebody waits for: it leaves the journal's files as they are.
    pub fn in_a_hurry(self) -> Recorder {
        Recorder {
            closing: Closing::Left,
            ..self
        }
    }

    /// Asks whether somebody may see which secrets an environment has.
    pub async fn list(&self, environment: &str) -> Result<(), CliError> {
        self.ask(Ask::ListSecrets {
            environment: environment.into(),
        })
        .await
    }

    /// Likewise, for whoever goes on without it.
    pub async fn may_list(&self, environment: &str) -> Result<bool, CliError> {
        match self.list(environment).await {
            Ok(()) => Ok(true),
            Err(error) if error.is("path::not-allowed") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Records that secrets are about to be read.
    pub async fn read(
        &self,
        environment: &str,
        by: &str,
        keys: Vec<String>,
        reason: &str,
    ) -> Result<(), CliError> {
        self.ask(Ask::ReadSecrets {
            environment: environment.into(),
            by: by.into(),
            keys,
            reason: reason.into(),
        })
        .await
    }

    /// Records that secrets are about to be written.
    pub async fn write(
        &self,
        environment: &str,
        by: &str,
        keys: Vec<String>,
        reason: &str,
    ) -> Result<(), CliError> {
        self.ask(Ask::WriteSecrets {
            environment: environment.into(),
            by: by.into(),
            keys,
            reason: reason.into(),
        })
        .await
    }

    /// Records that a database is about to be changed by hand; with what is applied, that it was.
    pub async fn schema(
        &self,
        environment: &EnvironmentName,
        database: &DatabaseName,
        work: SchemaWork,
        reason: &str,
        applied: Option<Vec<Migration>>,
    ) -> Result<(), CliError> {
        self.ask(Ask::WorkOnSchema {
            environment: environment.to_string(),
            database: database.clone(),
            work,
            reason: reason.into(),
            applied,
        })
        .await
    }

    async fn ask(&self, ask: Ask) -> Result<(), CliError> {
        match &self.way {
            Way::Server(client) => {
                client.ask(&self.actor, Some(&self.root), &ask).await?;
            }
            Way::Own(journal) => {
                if let Some(command) = self.place.recorded_command(&ask)? {
                    let recorded =
                        Store::record(journal, &self.actor, &command, self.closing, now()).await;
                    recorded.map_err(RequestError::from)?;
                }
            }
        }
        Ok(())
    }
}

/// The reason that is recorded where nobody gave one.
pub fn why(reason: Option<&str>, otherwise: &str) -> String {
    match reason.map(str::trim) {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ => otherwise.to_owned(),
    }
}
