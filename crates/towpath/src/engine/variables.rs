//! What services and commands find in their environment: configuration, databases, and where they are.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use towpath_core::{
    Digest,
    digest::canonical,
    manifest::{Environment, Manifest},
    names::{DatabaseName, EnvironmentName},
    path::Release,
};

use crate::home::{Home, HomeError};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// The URL of a database that an environment keeps.
pub fn database_url(home: &Home, keeper: &EnvironmentName, database: &DatabaseName) -> String {
    format!(
        "sqlite://{}",
        home.databases(keeper)
            .join(format!("{database}.db"))
            .display()
    )
}

/// An environment's configuration, as it is pinned with a deployment.
pub fn resolve(home: &Home, manifest: &Manifest, environment: &Environment) -> Variables {
    let mut variables = environment.config.clone();
    for (name, database) in &manifest.databases {
        let keeper = manifest.database_home(&environment.name, name);
        variables.insert(database.url.clone(), database_url(home, &keeper, name));
    }
    variables
}

/// Keeps a configuration and returns its digest, keyed so that it reveals nothing.
pub fn keep(home: &Home, variables: &Variables) -> Result<Digest, HomeError> {
    let bytes = canonical(variables);
    let key = home.key()?;
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(&bytes);
    let digest = Digest::from_raw(mac.finalize().into_bytes().into());
    home.keep(&path(home, &digest), &bytes)?;
    Ok(digest)
}

/// Reads a kept configuration.
pub fn read(home: &Home, digest: &Digest) -> Result<Variables, String> {
    let path = path(home, digest);
    let bytes = std::fs::read(&path).map_err(|error| {
        format!(
            "could not read the configuration {}: {error}",
            path.display()
        )
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("the configuration {} is damaged: {error}", path.display()))
}

fn path(home: &Home, digest: &Digest) -> std::path::PathBuf {
    home.configurations().join(format!("{digest}.json"))
}

/// A configuration together with what says where it is used.
pub fn with_place(
    mut variables: Variables,
    environment: &EnvironmentName,
    release: &Release,
) -> Variables {
    variables.insert("TOWPATH_ENVIRONMENT".into(), environment.to_string());
    variables.insert("TOWPATH_RELEASE".into(), release.number.to_string());
    variables.insert("TOWPATH_COMMIT".into(), release.source.commit.to_string());
    variables
}
