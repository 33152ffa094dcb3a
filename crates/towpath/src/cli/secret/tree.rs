//! The secret files of a work tree: found, opened and written under a lock.

use std::path::PathBuf;

use towpath_core::manifest::{ConfigKey, Environment};
use towpath_secrets::{
    file::{Lock, Opened, Place, Shut},
    fingerprint::FingerprintKey,
    sops::{Identities, Recipient},
};

use super::Recorder;
use crate::{
    cli::{Global, context::Context, error::CliError, exit::Exit},
    config::{ConfigError, identities, place_of, secret_path, shut},
};

/// The work tree, and who works in it.
pub struct Tree {
    pub context: Context,
    pub recorder: Recorder,
}

/// An environment's file, locked and opened to be changed.
pub struct Change {
    pub opened: Opened,
    /// Whether it is a new one.
    pub is_new: bool,
    _lock: Lock,
}

impl Tree {
    pub async fn open(global: &Global) -> Result<Tree, CliError> {
        let context = Context::open(global).await?;
        let recorder = Recorder::open(&context).await?;
        Ok(Tree { context, recorder })
    }

    /// An environment by name or alias.
    pub fn environment(&self, typed: &str) -> Result<&Environment, CliError> {
        Ok(self.context.place.environment(typed)?)
    }

    /// The environments that were named, or all of them.
    pub fn environments(&self, typed: &[String]) -> Result<Vec<&Environment>, CliError> {
        if typed.is_empty() {
            return Ok(self.context.place.manifest.environments.iter().collect());
        }
        typed.iter().map(|typed| self.environment(typed)).collect()
    }

    pub fn path(&self, environment: &Environment) -> PathBuf {
        secret_path(&self.context.root, environment)
    }

    pub fn place(&self, environment: &Environment) -> Place {
        place_of(&self.context.place.manifest, environment)
    }

    /// The environment's file as it lies there, if there is one.
    pub fn shut(&self, environment: &Environment) -> Result<Option<Shut>, CliError> {
        Ok(shut(
            &self.context.root,
            &self.context.place.manifest,
            environment,
        )?)
    }

    /// Likewise; one that is not there is an error.
    pub fn existing(&self, environment: &Environment) -> Result<Shut, CliError> {
        self.shut(environment)?.ok_or_else(|| {
            CliError::new(
                Exit::Refused,
                "secrets::none",
                format!(
                    "{} has no secrets: there is no {}",
                    environment.name,
                    environment.secret_file()
                ),
                format!(
                    "`towpath secret set {} KEY` sets the first one",
                    environment.name
                ),
            )
        })
    }

    /// Whose keys open the environment's file, as the manifest says.
    pub fn recipients(&self, environment: &Environment) -> Result<Vec<Recipient>, CliError> {
        let known = &self.context.place.manifest.recipients;
        let keys = environment
            .recipients
            .iter()
            .filter_map(|name| known.get(name));
        let recipients = keys.map(|recipient| {
            recipient.age.parse::<Recipient>().map_err(|why| {
                CliError::new(
                    Exit::Manifest,
                    "manifest::bad-recipient",
                    why.to_string(),
                    "copy the public key again: a letter of it is wrong",
                )
            })
        });
        let recipients: Vec<Recipient> = recipients.collect::<Result<_, _>>()?;
        if recipients.is_empty() {
            return Err(CliError::new(
                Exit::Refused,
                "secrets::no-recipient",
                format!("nobody could open the secrets of {}", environment.name),
                format!(
                    "`towpath secret keygen` makes a key; describe it with [recipients.NAME] and age = \"age1…\", and add NAME to `recipients` of [environments.{}]",
                    environment.name
                ),
            ));
        }
        Ok(recipients)
    }

    /// The keys of whoever runs this.
    pub fn identities(&self, environment: &Environment) -> Result<Identities, CliError> {
        let identities = identities()?;
        if identities.is_empty() {
            let path = self.path(environment);
            return Err(ConfigError::NoIdentity { path }.into());
        }
        Ok(identities)
    }

    /// Opens the environment's file, which must be there.
    pub fn opened(&self, environment: &Environment) -> Result<Opened, CliError> {
        let shut = self.existing(environment)?;
        Ok(shut.open(&self.identities(environment)?)?)
    }

    /// Opens the environment's file to change it, or begins one. Nobody else changes it until that is done.
    pub fn change(&self, environment: &Environment) -> Result<Change, CliError> {
        let path = self.path(environment);
        let lock = Lock::beside(&path)?;
        let (opened, is_new) = match self.shut(environment)? {
            Some(shut) => (shut.open(&self.identities(environment)?)?, false),
            None => {
                let recipients = self.recipients(environment)?;
                let key = self.fingerprint_key();
                let opened = Opened::new(&path, &self.place(environment), &recipients, key)?;
                (opened, true)
            }
        };
        Ok(Change {
            opened,
            is_new,
            _lock: lock,
        })
    }

    /// The key that other environments' fingerprints are made with, of the first file that opens: values can be compared then.
    pub fn fingerprint_key(&self) -> Option<FingerprintKey> {
        let identities = identities().ok()?;
        let environments = &self.context.place.manifest.environments;
        environments.iter().find_map(|environment| {
            let opened = self.shut(environment).ok()??.open(&identities).ok()?;
            Some(FingerprintKey::from_bytes(
                opened.fingerprint_key().expose(),
            ))
        })
    }

    /// How a key is declared; an error where keys are declared and it is not, or is no secret.
    pub fn declared(&self, key: &str) -> Result<Option<&ConfigKey>, CliError> {
        let declared = &self.context.place.manifest.config;
        match declared.get(key) {
            Some(known) if known.secret => Ok(Some(known)),
            None if declared.is_empty() => Ok(None),
            Some(_) => Err(CliError::new(
                Exit::Refused,
                "secrets::not-secret",
                format!("{key} is declared, and not as a secret"),
                format!(
                    "add `secret = true` to [config.{key}], or write its value into the manifest"
                ),
            )),
            None => Err(CliError::new(
                Exit::Refused,
                "secrets::undeclared",
                format!("the key {key} is nowhere declared"),
                format!("declare it: `[config.{key}]` with `secret = true`"),
            )),
        }
    }
}
