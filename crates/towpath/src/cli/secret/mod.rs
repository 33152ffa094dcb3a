//! `towpath secret`: the secrets of environments, in files that any `sops` opens. A file a verb.

mod doctor;
mod edit;
mod export;
mod get;
mod import;
mod input;
mod keygen;
mod list;
mod memory;
pub(super) mod private;
mod record;
mod rekey;
mod reuse;
mod rm;
mod rotate;
mod scan;
mod set;
mod tree;

use clap::{Args, Subcommand};

pub(super) use self::{
    input::MASK,
    record::{Recorder, why},
    tree::Tree,
};
use super::{Global, error::CliError, exit::Exit};
use crate::config::ConfigError;

/// Keep the secrets of environments
///
/// Each environment has a file, `secrets/NAME.yaml` unless the manifest says otherwise, in the format of SOPS: it is committed with the
/// code, any `sops` opens it, and each value in it is bound to its project, environment and key. Who can open it is said by `recipients`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret keygen\n  towpath secret set staging SESSION_KEY --generate\n  \
                  pass show mail | towpath secret set production MAIL_TOKEN\n  towpath secret list production\n  \
                  towpath secret rotate production MAIL_TOKEN\n  towpath secret edit staging\n  towpath secret import staging .env\n  towpath secret rekey"
)]
pub struct Secret {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Keygen(keygen::Keygen),
    Set(set::Set),
    Get(get::Get),
    List(list::List),
    Rm(rm::Rm),
    Rotate(rotate::Rotate),
    Rekey(rekey::Rekey),
    Reuse(reuse::Reuse),
    Scan(scan::Scan),
    Edit(edit::Edit),
    Import(import::Import),
    Export(export::Export),
    Doctor(doctor::Doctor),
}

impl Secret {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Keygen(verb) => verb.run(global),
            Verb::Set(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Get(verb) => verb.run(Tree::open(global).await?).await,
            Verb::List(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Rm(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Rotate(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Rekey(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Reuse(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Scan(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Edit(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Import(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Export(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Doctor(verb) => verb.run(Tree::open(global).await?).await,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        let exit = match &error {
            ConfigError::Unfilled { .. } | ConfigError::BadReference { .. } => Exit::Refused,
            ConfigError::NoIdentity { .. } => Exit::Refused,
            ConfigError::Elsewhere { .. } => Exit::Errored,
            ConfigError::File(error) if is_about_a_key(error) => Exit::Refused,
            _ => Exit::Disorder,
        };
        CliError::new(exit, error.code(), error.to_string(), error.help())
    }
}

fn is_about_a_key(error: &towpath_secrets::file::FileError) -> bool {
    use towpath_secrets::file::FileError;
    matches!(
        error,
        FileError::NoSuchKey(_)
            | FileError::Rotating(_)
            | FileError::NotRotating(_)
            | FileError::SameValue(_)
            | FileError::BadKey(_)
            | FileError::BadValue { .. }
    )
}

impl From<towpath_secrets::file::FileError> for CliError {
    fn from(error: towpath_secrets::file::FileError) -> CliError {
        ConfigError::from(error).into()
    }
}
