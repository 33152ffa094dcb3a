//! The keys that resources are asked with: an environment's configuration and secrets, as far as they can be had here.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use towpath_core::{
    config::{Filled, Scope, Values},
    manifest::{Environment, Manifest},
    names::EnvironmentName,
};

use super::subjects::{given_in, keys_of};
use crate::{
    cli::{
        Global,
        context::{self, Context},
        error::CliError,
        secret::Recorder,
    },
    config::{Gathered, identities},
};

/// Values of environments, by key.
pub(super) struct Known(BTreeMap<EnvironmentName, BTreeMap<String, Filled>>);

impl Known {
    /// An environment's value of a key; what this process was given for it comes first.
    pub(super) fn value(&self, environment: &Environment, key: &str) -> Option<String> {
        let given = std::env::var(given_in(environment, key)).ok();
        let filled = || {
            Some(
                self.0
                    .get(&environment.name)?
                    .get(key)?
                    .value
                    .expose_secret()
                    .to_owned(),
            )
        };
        given.or_else(filled)
    }
}

/// Finds what can be found. Secrets are read only where the manifest lets this person, and that is recorded; what cannot be
/// had is told, and the resources that need it answer for themselves.
pub(super) async fn known(global: &Global, manifest: &Manifest) -> Result<Known, CliError> {
    let root = context::find_root()?;
    let identities = identities().unwrap_or_default();
    let mut known = BTreeMap::new();
    let mut recorder = None;
    for environment in &manifest.environments {
        let keys = keys_of(environment);
        if keys.is_empty() {
            continue;
        }
        let name = &environment.name;
        let scope = Scope {
            manifest,
            environment,
            service: None,
        };
        let gathered = match Gathered::in_tree(scope, &root) {
            Ok(gathered) => gathered,
            Err(error) => {
                eprintln!("the secrets of {name} are not used: {error}");
                continue;
            }
        };
        let secrets: Vec<String> = gathered
            .secrets()
            .into_iter()
            .filter(|key| keys.contains(key))
            .collect();
        let mut may_read = true;
        if !secrets.is_empty() {
            if recorder.is_none() {
                recorder = Some(Recorder::open(&Context::open(global).await?).await?);
            }
            if let Some(recorder) = &recorder
                && let Err(error) = recorder
                    .read(
                        name.as_str(),
                        "doctor",
                        secrets,
                        "asks what is behind the environment",
                    )
                    .await
            {
                eprintln!("the secrets of {name} are not used: {error}");
                may_read = false;
            }
        }
        let (filled, trouble) = match may_read {
            true => gathered.reach(&keys, &identities, &root).await,
            false => (gathered.without_asking(&keys, &Values::default()), None),
        };
        if let Some(trouble) = trouble {
            eprintln!("not all secrets of {name} are used: {trouble}");
        }
        known.insert(name.clone(), filled);
    }
    Ok(Known(known))
}
