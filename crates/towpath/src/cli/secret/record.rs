//! Whether somebody may, and the record that they did: before any value is looked at.

use towpath_core::path::Actor;

use crate::{
    cli::{context::Context, error::CliError},
    clock::now,
    engine::{Ask, Place, RequestError},
    home::Home,
    server::client::Client,
    store::Store,
};

/// Writes into the journal: by the server where one runs, otherwise itself.
pub struct Recorder {
    way: Way,
    actor: Actor,
    place: Place,
    root: std::path::PathBuf,
}

enum Way {
    Own(Box<Store>),
    Server(Box<Client>),
}

impl Recorder {
    /// Finds the server, or opens the journal. Nothing else of an engine is needed, and so nothing else is opened.
    pub async fn open(context: &Context) -> Result<Recorder, CliError> {
        Recorder::of(
            &context.home,
            context.actor.clone(),
            context.place.clone(),
            context.root.clone(),
        )
        .await
    }

    async fn of(
        home: &Home,
        actor: Actor,
        place: Place,
        root: std::path::PathBuf,
    ) -> Result<Recorder, CliError> {
        let way = match Client::connect(home).await? {
            Some(client) => Way::Server(Box::new(client)),
            None => Way::Own(Box::new(Store::open(&home.journal()).await?)),
        };
        Ok(Recorder {
            way,
            actor,
            place,
            root,
        })
    }

    /// Asks whether somebody may see which secrets an environment has.
    pub async fn list(&self, environment: &str) -> Result<(), CliError> {
        self.ask(Ask::ListSecrets {
            environment: environment.into(),
        })
        .await
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

    async fn ask(&self, ask: Ask) -> Result<(), CliError> {
        match &self.way {
            Way::Server(client) => {
                client.ask(&self.actor, Some(&self.root), &ask).await?;
            }
            Way::Own(store) => {
                if let Some(command) = self.place.secrets_command(&ask)? {
                    let written = store.transact(&self.actor, &[command], None, now()).await;
                    written.map_err(RequestError::from)?;
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
