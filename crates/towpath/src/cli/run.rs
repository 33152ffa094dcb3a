//! `towpath run`: runs a command with an environment's configuration and secrets.

mod child;
mod files;

use std::path::Path;

use clap::Args;
use towpath_core::{
    config::{Filled, Scope},
    manifest::{Environment, Handed},
};

pub use self::child::Heard;
use self::{child::Child, files::Files};
use super::{
    Global,
    context::{Begun, Context},
    error::CliError,
    exit::Exit,
    secret::{Recorder, why},
};
use crate::{
    config::{Gathered, KEY_VARIABLES, identities},
    engine::databases::file_urls,
};

/// Run a command with an environment's configuration and secrets
///
/// All of them, or the command is not started. What it prints to a file or a pipe is printed without the secrets; a terminal is handed
/// through. Signals are passed on, and its exit status is ours. Keys that open secret files are not in its environment.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath run local -- npm run dev\n  towpath run staging --service web -- ./migrate.sh\n  \
                  towpath run staging -- env\n\n\
                  Ends with the command's own exit status; 128 and the signal's number when a signal ended it; 126 and 127 when it could not\n\
                  be started; before that, with the statuses of `towpath --help`."
)]
pub struct Run {
    /// The environment, by name or alias.
    environment: String,
    /// Only what this service gets; unless said, what any service gets.
    #[arg(long)]
    service: Option<String>,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

impl Run {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let begun = Begun::of(global).await?;
        let place = begun.place.clone();
        let manifest = &place.manifest;
        let environment = place.environment(&self.environment)?;
        let service = match &self.service {
            None => None,
            Some(typed) => Some(
                manifest
                    .services
                    .get_key_value(typed.as_str())
                    .map(|(name, _)| name)
                    .ok_or_else(|| {
                        let known: Vec<&str> =
                            manifest.services.keys().map(|name| name.as_str()).collect();
                        CliError::new(
                            Exit::Refused,
                            "ask::no-such-service",
                            format!("there is no service {typed:?}"),
                            format!("there are {}", known.join(", ")),
                        )
                    })?,
            ),
        };
        let scope = Scope {
            manifest,
            environment,
            service,
        };
        let gathered = Gathered::in_tree(scope, begun.root())?;
        gathered.check()?;
        // Opened while git is asked who acts, and while that is recorded; nothing of it leaves this process before, and nobody else
        // is asked for anything before it is known that this person may.
        let opened = tokio::task::spawn_blocking(gathered.opening(identities));
        let context = begun.finish(global).await?;
        self.record(&context, environment, gathered.secrets())
            .await?;
        let databases = file_urls(&context.home, manifest, environment);
        let opened = opened.await.map_err(|error| {
            let message = format!("the secret file could not be opened: {error}");
            CliError::new(Exit::Disorder, "secrets::interrupted", message, "try again")
        })??;
        let filled = gathered.fill_with(opened, databases, &context.root).await?;
        let vault = is_of_vault(&gathered);
        start(self.command, environment.name.as_str(), filled, vault).await
    }
}

impl Run {
    /// Records that the secrets are about to be used.
    async fn record(
        &self,
        context: &Context,
        environment: &Environment,
        secrets: Vec<String>,
    ) -> Result<(), CliError> {
        if secrets.is_empty() {
            return Ok(());
        }
        let program = self.command.first();
        let program = program.map(|program| program.to_string_lossy());
        // Not its arguments: people write secrets there.
        let otherwise = format!("runs {}", program.unwrap_or_default());
        let reason = why(self.reason.as_deref(), &otherwise);
        let recorder = Recorder::open(context).await?.in_a_hurry();
        let name = environment.name.as_str();
        recorder.read(name, "run", secrets, &reason).await
    }
}

/// Whether Vault was asked: its token opens more than this environment's secrets.
pub fn is_of_vault(gathered: &Gathered<'_>) -> bool {
    let references = gathered.resolution.references();
    references
        .iter()
        .any(|reference| reference.starts_with("vault://"))
}

/// A command that has what it is to find.
pub struct Prepared {
    child: Child,
    /// Its credential files, which go with this.
    files: Option<Files>,
}

impl Prepared {
    /// Runs it in a directory, and keeps what it prints, without the secrets.
    pub async fn hear(self, directory: &Path, is_shown: bool) -> std::io::Result<Heard> {
        let heard = self.child.hear(directory, is_shown).await;
        // Not before it has ended.
        drop(self.files);
        heard
    }
}

/// Gives a command what an environment has.
pub fn prepare(
    command: Vec<std::ffi::OsString>,
    environment: &str,
    filled: std::collections::BTreeMap<String, Filled>,
    vault: bool,
) -> Result<Prepared, CliError> {
    let mut child = Child::of(command);
    for variable in KEY_VARIABLES {
        child.without(variable);
    }
    if vault {
        child.without("VAULT_TOKEN");
    }
    child.with("TOWPATH_ENVIRONMENT", environment);
    let mut files = Vec::new();
    for (name, filled) in filled {
        match filled.handed {
            Handed::File => files.push((name, filled.value)),
            Handed::Variable if filled.secret => child.with_secret(&name, filled.value),
            Handed::Variable => {
                use secrecy::ExposeSecret;
                child.with(&name, filled.value.expose_secret());
            }
        }
    }
    let files = Files::make(files).map_err(|error| {
        CliError::new(
            Exit::Disorder,
            "run::files",
            format!("could not lay the credential files: {error}"),
            "check /dev/shm, or name a directory of your own with XDG_RUNTIME_DIR",
        )
    })?;
    if let Some(files) = &files {
        child.with("CREDENTIALS_DIRECTORY", files.directory());
        for (name, path) in files.paths() {
            child.with(name, path);
        }
        child.hide(files.contents());
    }
    Ok(Prepared { child, files })
}

async fn start(
    command: Vec<std::ffi::OsString>,
    environment: &str,
    filled: std::collections::BTreeMap<String, Filled>,
    vault: bool,
) -> Result<Exit, CliError> {
    let program = command
        .first()
        .map(|program| super::style::plain(&program.to_string_lossy()))
        .unwrap_or_default();
    let Prepared { child, files } = prepare(command, environment, filled, vault)?;
    let ended = child.run(files.is_some()).await;
    // Before this process ends: nothing of them may be left.
    drop(files);
    match ended {
        Ok(status) => std::process::exit(status),
        Err(error) => {
            let (status, help) = match error.kind() {
                std::io::ErrorKind::NotFound => (127, "check its name, and PATH"),
                _ => (126, "check that it may be executed"),
            };
            let message = format!("could not start {program}: {error}");
            CliError::new(Exit::Disorder, "run::not-started", message, help).print(false);
            std::process::exit(status)
        }
    }
}
