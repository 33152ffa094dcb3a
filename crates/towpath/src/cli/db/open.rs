//! The databases of an environment, opened where they are kept: from the work tree's manifest, and with the environment's
//! configuration where that says where a server is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use secrecy::SecretString;
use towpath_core::{
    config::Scope,
    manifest::{Environment, Manifest, MigrationTool},
    names::{DatabaseName, EnvironmentName},
};
use towpath_migrate::{Database, Layout, MigrationSet, PlanError, layout};

use super::{Project, look::Refused};
use crate::{
    cli::{context::Context, error::CliError, exit::Exit, secret::Recorder},
    config::{ConfigError, Gathered, identities, secret_path},
    engine::{
        databases::{self, Kept},
        releases,
    },
};

/// A database, and what the work tree has for it.
pub struct Opened {
    /// The environment that was asked about.
    pub environment: EnvironmentName,
    /// The database.
    pub name: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// The directory of its migrations.
    pub directory: Option<String>,
    /// The tool whose rules its migrations follow.
    pub layout: Layout,
    /// The project's own tool, where that applies them.
    pub tool: Option<MigrationTool>,
    /// Whether nothing is deployed there: it is somebody's own.
    pub is_own: bool,
    /// Whether it is copied before it is changed.
    pub is_copied: bool,
    pub database: Database,
    /// Its migrations; `None` where the manifest names no directory.
    pub set: Option<Result<MigrationSet, Refused>>,
}

/// The migrations of each database that the work tree has, by the rules of its tool.
pub fn sets(
    manifest: &Manifest,
    root: &Path,
) -> BTreeMap<DatabaseName, Result<MigrationSet, Refused>> {
    let declared = manifest.databases.iter();
    declared
        .filter_map(|(name, declared)| {
            let directory = declared.migrations.as_ref()?;
            let loaded = match releases::layout_of(declared.layout) {
                Layout::Command => layout::command::load(root, directory),
                layout => layout::load(layout, root.join(directory)),
            };
            let set = loaded.map_err(|error| Refused {
                why: format!("could not {error}"),
                help: error.remedy(),
            });
            Some((name.clone(), set))
        })
        .collect()
}

/// Whether nothing is deployed to an environment: it is a developer's own.
pub fn is_own(environment: &Environment) -> bool {
    environment.branch.is_none() && environment.after.is_empty()
}

impl Opened {
    /// Why its migrations cannot be applied, and the way out: what only its owner has applied need not stay as it is.
    pub fn refused(&self, error: PlanError) -> Refused {
        let edited = match &error {
            PlanError::Edited { version, .. } if self.is_own => Some(*version),
            _ => None,
        };
        let mut refused = Refused::from(error);
        if let (Some(edited), Some(Ok(set))) = (edited, &self.set) {
            let home = &self.home;
            let versions = set.migrations().iter().map(|one| one.version);
            let way = match versions.filter(|version| *version < edited).max() {
                Some(before) => format!("`towpath db undo {home} --to {before}`"),
                None => format!("`towpath db reset {home}`"),
            };
            refused.help += &format!("; or, where it was applied to {home} alone, {way} first");
        }
        refused
    }
}

impl Project {
    /// Every database that an environment uses. That a secret is read to reach one is recorded, as what `verb` does.
    pub async fn open_all(
        &self,
        environment: &Environment,
        verb: &str,
    ) -> Result<Vec<Opened>, CliError> {
        let manifest = &self.place.manifest;
        let mut known: BTreeMap<EnvironmentName, BTreeMap<String, SecretString>> = BTreeMap::new();
        let mut opened = Vec::new();
        for (name, declared) in &manifest.databases {
            let home = manifest.database_home(&environment.name, name);
            if declared.engine.is_server() && !known.contains_key(&home) {
                let urls = self.urls_of(&home, verb).await?;
                known.insert(home.clone(), urls);
            }
            let kept = match declared.engine.is_server() {
                true => Kept::OnServer(
                    known
                        .get(&home)
                        .and_then(|urls| urls.get(&declared.url))
                        .cloned(),
                ),
                false => Kept::InFile(self.home().await?),
            };
            let database = databases::open(kept, manifest, &home, name);
            let database = database.map_err(|error| {
                CliError::new(
                    Exit::Disorder,
                    "db::failed",
                    error.to_string(),
                    error.help(),
                )
            })?;
            opened.push(Opened {
                environment: environment.name.clone(),
                name: name.clone(),
                directory: declared.migrations.clone(),
                layout: releases::layout_of(declared.layout),
                tool: declared.tool.clone(),
                is_own: manifest.environment(home.as_str()).is_some_and(is_own),
                is_copied: declared.snapshot,
                database,
                set: self.sets.get(name).cloned(),
                home,
            });
        }
        Ok(opened)
    }

    /// The values that say where servers are.
    async fn urls_of(
        &self,
        home: &EnvironmentName,
        verb: &str,
    ) -> Result<BTreeMap<String, SecretString>, CliError> {
        let manifest = &self.place.manifest;
        let environment = self.place.environment(home.as_str())?;
        let scope = Scope {
            manifest,
            environment,
            service: None,
        };
        let servers = manifest.databases.values();
        let keys: BTreeSet<String> = servers
            .filter(|database| database.engine.is_server())
            .map(|database| database.url.clone())
            .collect();
        let gathered = Gathered::in_tree(scope, &self.root)?;
        let mut secrets = gathered.secrets();
        secrets.retain(|key| keys.contains(key));
        if !secrets.is_empty() {
            let recorder = Recorder::open(&Context::open(&self.global).await?).await?;
            let reason = format!("reaches its databases for `towpath db {verb}`");
            recorder.read(home.as_str(), "db", secrets, &reason).await?;
        }
        let identities = identities()?;
        let in_file = gathered.resolution.in_file();
        if identities.is_empty() && keys.iter().any(|key| in_file.contains(key.as_str())) {
            let path = secret_path(&self.root, environment);
            return Err(ConfigError::NoIdentity { path }.into());
        }
        let (filled, trouble) = gathered.reach(&keys, &identities, &self.root).await;
        if let (true, Some(trouble)) = (filled.is_empty(), trouble) {
            return Err(trouble.into());
        }
        let filled = filled.into_iter();
        Ok(filled.map(|(key, filled)| (key, filled.value)).collect())
    }
}
