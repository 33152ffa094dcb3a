//! What services and commands find in their environment: pinned when a deployment is configured, and handed over with the
//! secrets of this moment. What is pinned is kept on disk, and so holds no secret: only which there were, and a keyed hash of each.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use towpath_core::{
    Digest,
    config::{Filled, Scope},
    digest::canonical,
    manifest::{Environment, Handed, Manifest},
    names::{EnvironmentName, ServiceName},
    path::Release,
};
use towpath_secrets::file::Shut;

use super::{Engine, databases::file_urls, secrets::Damaged};
use crate::{
    config::{ConfigError, Gathered, identities},
    home::{Home, HomeError},
};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// A configuration as it is pinned with a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pinned {
    /// What commands find.
    commands: Section,
    /// What each service finds.
    services: BTreeMap<ServiceName, Section>,
}

/// What somebody finds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Section {
    /// Values that are no secrets.
    plain: Variables,
    /// The keyed hash of each secret.
    secrets: BTreeMap<String, Digest>,
}

/// A file of configuration as the data directory holds it.
#[derive(Deserialize)]
struct Kept {
    pinned: Pinned,
}

impl Pinned {
    /// How many values there are, and how many of them are secrets.
    pub fn count(&self) -> (usize, usize) {
        let sections = || self.services.values().chain([&self.commands]);
        let distinct = |names: Vec<&String>| {
            names
                .into_iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        };
        let plain = distinct(
            sections()
                .flat_map(|section| section.plain.keys())
                .collect(),
        );
        let secrets = distinct(
            sections()
                .flat_map(|section| section.secrets.keys())
                .collect(),
        );
        (plain, secrets)
    }

    fn section(&self, service: Option<&ServiceName>) -> &Section {
        let own = service.and_then(|service| self.services.get(service));
        own.unwrap_or(&self.commands)
    }
}

/// What a service or a command is started with.
#[derive(Default)]
pub struct Handover {
    /// Variables.
    pub variables: Variables,
    /// Further variables, which are secrets.
    pub secrets: BTreeMap<String, SecretString>,
    /// The contents of files, by the name of the variable that holds the file's path.
    pub credentials: BTreeMap<String, SecretString>,
}

impl Engine {
    /// Resolves everything that services and commands of a release find in an environment.
    pub(super) async fn configuration(
        &self,
        release: &Release,
        manifest: &Manifest,
        environment: &Environment,
    ) -> Result<Pinned, ConfigError> {
        let key = self.home.key().map_err(|error| ConfigError::Identities {
            place: "the data directory".into(),
            why: error.to_string(),
        })?;
        let mut pinned = Pinned::default();
        let shut = self
            .secret_file(release, manifest, environment, Damaged::Refused)
            .await?;
        let services = manifest.services.keys().map(Some);
        for service in std::iter::once(None).chain(services) {
            let filled = self
                .filled(manifest, environment, service, shut.clone())
                .await?;
            let mut section = Section::default();
            for (name, filled) in filled {
                let value = filled.value.expose_secret();
                match filled.secret {
                    true => drop(section.secrets.insert(name, keyed(&key, value.as_bytes()))),
                    false => drop(section.plain.insert(name, value.to_owned())),
                }
            }
            match service {
                Some(service) => drop(pinned.services.insert(service.clone(), section)),
                None => pinned.commands = section,
            }
        }
        Ok(pinned)
    }

    pub(super) async fn filled(
        &self,
        manifest: &Manifest,
        environment: &Environment,
        service: Option<&ServiceName>,
        shut: Option<Shut>,
    ) -> Result<BTreeMap<String, Filled>, ConfigError> {
        let scope = Scope {
            manifest,
            environment,
            service,
        };
        // What developers set for themselves is of their work tree, and no part of a release.
        let path = environment.secret_file().into();
        let gathered = Gathered::of(scope, shut, BTreeMap::new(), path);
        let databases = file_urls(&self.home, manifest, environment);
        gathered.fill(identities, databases, self.home.root()).await
    }

    /// What a command is started with before anything is pinned: all that its environment has now.
    pub(super) async fn handover_of_now(
        &self,
        release: &Release,
        manifest: &Manifest,
        environment: &Environment,
    ) -> Result<Handover, ConfigError> {
        let shut = self
            .secret_file(release, manifest, environment, Damaged::Refused)
            .await?;
        let mut handover = Handover::default();
        for (name, filled) in self.filled(manifest, environment, None, shut).await? {
            match (filled.handed, filled.secret) {
                (Handed::File, _) => drop(handover.credentials.insert(name, filled.value)),
                (Handed::Variable, true) => drop(handover.secrets.insert(name, filled.value)),
                (Handed::Variable, false) => {
                    let value = filled.value.expose_secret().to_owned();
                    handover.variables.insert(name, value);
                }
            }
        }
        handover.variables = with_place(handover.variables, &environment.name, release);
        Ok(handover)
    }

    /// Whether a service that was started with what is pinned has the secrets of now. Where those cannot be had, it has the last that
    /// anybody knows of: a release must be able to come back while a store does not answer.
    pub(super) async fn is_up_to_date(
        &self,
        config: &Digest,
        release: &Release,
        environment: &EnvironmentName,
        service: &ServiceName,
    ) -> bool {
        let (Ok(pinned), Ok(key)) = (read(&self.home, config), self.home.key()) else {
            return true;
        };
        let now = self.handover(config, release, environment, Some(service));
        let Ok(now) = now.await else {
            return true;
        };
        let now = now.secrets.iter().chain(&now.credentials);
        let hash = |value: &SecretString| keyed(&key, value.expose_secret().as_bytes());
        let now: BTreeMap<String, Digest> = now
            .map(|(name, value)| (name.clone(), hash(value)))
            .collect();
        now == pinned.section(Some(service)).secrets
    }

    /// What a service, or a command, is started with: the values that were pinned, and the secrets as they are now. A
    /// credential that was replaced since must not come back with an older release.
    pub(super) async fn handover(
        &self,
        config: &Digest,
        release: &Release,
        environment: &EnvironmentName,
        service: Option<&ServiceName>,
    ) -> Result<Handover, HandoverError> {
        let declared = &environment.declared();
        let mut handover = self.as_pinned(config, release, declared, service).await?;
        if environment.is_clone() {
            let manifest = self.manifest_of(release);
            let manifest = manifest.map_err(|error| HandoverError::Damaged(error.to_string()))?;
            self.lead_to_clone(&mut handover, &manifest, release, environment)
                .await?;
        }
        Ok(handover)
    }

    async fn as_pinned(
        &self,
        config: &Digest,
        release: &Release,
        environment: &EnvironmentName,
        service: Option<&ServiceName>,
    ) -> Result<Handover, HandoverError> {
        let pinned = read(&self.home, config).map_err(HandoverError::Damaged)?;
        let section = pinned.section(service);
        let mut handover = Handover {
            variables: with_place(section.plain.clone(), environment, release),
            ..Handover::default()
        };
        if section.secrets.is_empty() {
            return Ok(handover);
        }
        let manifest = self
            .manifest_of(release)
            .map_err(|error| HandoverError::Damaged(error.to_string()))?;
        let known = manifest
            .environments
            .iter()
            .find(|e| e.name == *environment);
        let missing = || HandoverError::Damaged(format!("its manifest has no {environment}"));
        let known = known.ok_or_else(missing)?;
        let shut = self
            .secret_file(release, &manifest, known, Damaged::PassedOver)
            .await?;
        let filled = self.filled(&manifest, known, service, shut).await?;
        for (name, filled) in filled.into_iter().filter(|(_, filled)| filled.secret) {
            match filled.handed {
                Handed::File => handover.credentials.insert(name, filled.value),
                Handed::Variable => handover.secrets.insert(name, filled.value),
            };
        }
        Ok(handover)
    }
}

/// Why nothing can be handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// What is kept is not as it was.
    #[error("{0}")]
    Damaged(String),
    /// The secrets of this moment cannot be had.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Keeps a configuration and returns its digest, keyed so that it reveals nothing.
pub fn keep(home: &Home, pinned: &Pinned) -> Result<Digest, HomeError> {
    let bytes = canonical(&serde_json::json!({ "pinned": pinned }));
    let digest = keyed(&home.key()?, &bytes);
    home.keep(&path(home, &digest), &bytes)?;
    Ok(digest)
}

fn keyed(key: &[u8; 32], bytes: &[u8]) -> Digest {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(bytes);
    Digest::from_raw(mac.finalize().into_bytes().into())
}

/// Reads a kept configuration.
pub fn read(home: &Home, digest: &Digest) -> Result<Pinned, String> {
    let path = path(home, digest);
    let bytes = std::fs::read(&path).map_err(|error| {
        format!(
            "could not read the configuration {}: {error}",
            path.display()
        )
    })?;
    if let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) {
        return Ok(kept.pinned);
    }
    // Those of before there were secrets: the same variables for everybody.
    let plain = serde_json::from_slice::<Variables>(&bytes)
        .map_err(|error| format!("the configuration {} is damaged: {error}", path.display()))?;
    Ok(Pinned {
        commands: Section {
            plain,
            ..Section::default()
        },
        ..Pinned::default()
    })
}

fn path(home: &Home, digest: &Digest) -> std::path::PathBuf {
    home.configurations().join(format!("{digest}.json"))
}

/// A configuration together with what says where it is used.
fn with_place(
    mut variables: Variables,
    environment: &EnvironmentName,
    release: &Release,
) -> Variables {
    variables.insert("TOWPATH_ENVIRONMENT".into(), environment.to_string());
    variables.insert("TOWPATH_RELEASE".into(), release.number.to_string());
    variables.insert("TOWPATH_COMMIT".into(), release.source.commit.to_string());
    variables
}
