//! The way to the path: through the server where one runs, and by an engine of our own where none does. Both give the same
//! answers.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::StreamExt;
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};
use towpath_core::{
    catalogue::Observed,
    journal::{Record, Stream},
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::Waiting,
};

use super::{context::Context, error::CliError};
use crate::{
    engine::{
        Ask, DeploymentView, Dispatcher, Engine, Outlook, Output, Preview, ReleaseView, Reply,
        StatusView,
    },
    server::client::Client,
    store::{Page, Verification},
};

/// Who does the work.
pub enum Way {
    /// An engine in this process.
    Own(Arc<Engine>),
    /// A server.
    Server(Box<Client>),
}

/// Where a deployment that was followed stands.
pub struct Followed {
    /// How it is.
    pub view: DeploymentView,
    /// What it waits for, when nothing goes on by itself.
    pub waiting: Option<Waiting>,
}

impl Way {
    /// Finds the server, or opens an engine.
    pub async fn find(context: &Context) -> Result<Way, CliError> {
        match Client::connect(&context.home).await? {
            Some(client) => Ok(Way::Server(Box::new(client))),
            None => Ok(Way::Own(
                Engine::open(context.home.clone(), &context.upstream).await?,
            )),
        }
    }

    /// Asks for something.
    pub async fn ask(&self, context: &Context, ask: &Ask) -> Result<Reply, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.ask(&context.actor, &context.place, ask).await?),
            Way::Server(client) => Ok(client.ask(&context.actor, Some(&context.root), ask).await?),
        }
    }

    /// Where everything is.
    pub async fn status(&self, context: &Context) -> Result<StatusView, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.status(&context.place.manifest).await?),
            Way::Server(client) => Ok(client.status().await?),
        }
    }

    /// What runs where.
    pub async fn observed(&self) -> Result<Observed, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.observed().await?),
            Way::Server(client) => Ok(client.observed().await?),
        }
    }

    /// A deployment.
    pub async fn deployment(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<DeploymentView>, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.deployment_view(number).await?),
            Way::Server(client) => Ok(client.deployment(number).await?),
        }
    }

    /// Deployments, newest first.
    pub async fn history(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<DeploymentNumber>,
        limit: u32,
    ) -> Result<Vec<DeploymentView>, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.history(environment, before, limit).await?),
            Way::Server(client) => Ok(client.deployments(environment, before, limit).await?),
        }
    }

    /// Releases, newest first.
    pub async fn releases(
        &self,
        before: Option<ReleaseNumber>,
        limit: u32,
    ) -> Result<Vec<ReleaseView>, CliError> {
        match self {
            Way::Own(engine) => {
                let releases = engine.store.releases(before, limit).await?;
                Ok(releases.into_iter().map(ReleaseView::of).collect())
            }
            Way::Server(client) => Ok(client.releases(before, limit).await?),
        }
    }

    /// What keeps a server from its work; nothing without one.
    pub async fn trouble(&self) -> Result<Vec<String>, CliError> {
        let Way::Server(client) = self else {
            return Ok(Vec::new());
        };
        let health = client.health().await?;
        let trouble = health.trouble.map(|trouble| {
            let (message, since, help) = (trouble.message, trouble.since, trouble.help);
            format!("the server cannot work since {since}: {message}; {help}")
        });
        let manifest = health
            .manifest
            .map(|wrong| format!("the server goes on with the last valid manifest: {wrong}"));
        Ok(trouble.into_iter().chain(manifest).collect())
    }

    /// What a deployment would do.
    pub async fn preview(
        &self,
        context: &Context,
        environment: &str,
        what: Option<&str>,
    ) -> Result<Preview, CliError> {
        match self {
            Way::Own(engine) => Ok(engine
                .preview(&context.actor, &context.place, environment, what)
                .await?),
            Way::Server(client) => Ok(client
                .preview(
                    &context.actor,
                    Some(&context.root),
                    environment,
                    what,
                    false,
                )
                .await?),
        }
    }

    /// What a rollback would do.
    pub async fn preview_rollback(
        &self,
        context: &Context,
        environment: &str,
        to: Option<ReleaseNumber>,
    ) -> Result<Preview, CliError> {
        match self {
            Way::Own(engine) => Ok(engine
                .preview_rollback(&context.actor, &context.place, environment, to)
                .await?),
            Way::Server(client) => {
                let to = to.map(|to| to.to_string());
                let (actor, root) = (&context.actor, Some(context.root.as_path()));
                let preview = client.preview(actor, root, environment, to.as_deref(), true);
                Ok(preview.await?)
            }
        }
    }

    /// A page of the journal.
    pub async fn records(&self, page: &Page) -> Result<Vec<Record>, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.store.records(page).await?),
            Way::Server(client) => Ok(client.journal(page).await?),
        }
    }

    /// Checks the journal.
    pub async fn verify(&self) -> Result<Verification, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.store.verify().await?),
            Way::Server(client) => Ok(client.verify().await?),
        }
    }

    /// Where the outputs of a deployment's work are.
    pub async fn outputs(&self, number: DeploymentNumber) -> Result<Vec<Output>, CliError> {
        match self {
            Way::Own(engine) => Ok(engine.outputs(number).await?),
            Way::Server(client) => Ok(client.outputs(number).await?),
        }
    }

    /// Follows a deployment until it has ended or waits for a person; `seen` is told whenever it, or what undoes it, changed.
    /// Without a server this does the work as well.
    pub async fn follow(
        &self,
        number: DeploymentNumber,
        mut seen: impl FnMut(&DeploymentView),
    ) -> Result<Option<Followed>, CliError> {
        match self {
            Way::Own(engine) => follow_own(engine, number, &mut seen).await,
            Way::Server(client) => {
                let mut views = Box::pin(client.follow(number));
                let mut last = None;
                while let Some(view) = views.next().await {
                    let view = view?;
                    if let Some(rollback) = view.undone_by
                        && let Some(rollback) = client.deployment(rollback).await?
                    {
                        seen(&rollback);
                    }
                    seen(&view);
                    let waiting = view.waiting.clone().filter(|waiting| waiting.who.is_some());
                    let stands = view.ended_at.is_some() || waiting.is_some();
                    last = Some(Followed { view, waiting });
                    if stands {
                        break;
                    }
                }
                Ok(last)
            }
        }
    }

    /// Tidies up before this process ends.
    pub async fn finish(&self) -> Result<(), CliError> {
        match self {
            Way::Own(engine) => Ok(Dispatcher::new(engine.clone()).finish().await?),
            Way::Server(_) => Ok(()),
        }
    }
}

async fn follow_own(
    engine: &Arc<Engine>,
    number: DeploymentNumber,
    seen: &mut impl FnMut(&DeploymentView),
) -> Result<Option<Followed>, CliError> {
    let mut records = engine.store.subscribe();
    if let Some(view) = engine.deployment_view(number).await? {
        seen(&view);
    }
    // A task of its own: the work must go on while its progress is being looked at.
    let worker = engine.clone();
    let mut work = JoinSet::new();
    work.spawn(async move { Dispatcher::new(worker).settle(number).await });
    let outlook = loop {
        tokio::select! {
            Some(settled) = work.join_next() => match settled {
                Ok(outlook) => break outlook?,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            received = records.recv() => match received {
                Ok(record) => {
                    let mut streams = BTreeSet::from([record.stream.clone()]);
                    // What was written at once is looked at once.
                    while let Ok(record) = records.try_recv() {
                        streams.insert(record.stream.clone());
                    }
                    for stream in streams {
                        if let Stream::Deployment(about) = stream
                            && let Some(view) = engine.deployment_view(about).await?
                            && (about == number || view.trigger == format!("undoing {number}"))
                        {
                            seen(&view);
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(None),
            },
        }
    };
    let view = engine.deployment_view(number).await?;
    let waiting = match outlook {
        Outlook::Ended(_) => None,
        Outlook::Waits(_, waiting) => Some(waiting),
    };
    Ok(view.map(|view| {
        seen(&view);
        Followed { view, waiting }
    }))
}
