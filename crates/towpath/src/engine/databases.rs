//! Where databases are: files in the data directory, and servers of which an environment's configuration says where.

use std::{collections::BTreeMap, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use towpath_core::{
    manifest::{self, Environment, Manifest},
    names::{DatabaseName, EnvironmentName},
    path::Release,
};
use towpath_migrate::{Database, DatabaseError};

use super::{Engine, releases::dialect_of, secrets::Damaged};
use crate::{config::ConfigError, home::Home};

/// Why a database could not be had. Its message says what could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// The manifest does not know it.
    #[error(
        "could not find the database {database}: the manifest of {environment} has none of that name"
    )]
    Undeclared {
        /// The database.
        database: DatabaseName,
        /// The environment that is to keep it.
        environment: EnvironmentName,
    },
    /// The release's manifest cannot be read.
    #[error("could not find the database {database}: {why}")]
    Manifest {
        /// The database.
        database: DatabaseName,
        /// What is wrong with it.
        why: String,
    },
    /// A clone of its environment has none of it.
    #[error(
        "could not find the clone of the database {database}: there is none in the clone of {environment}"
    )]
    Uncloned {
        /// The database.
        database: DatabaseName,
        /// The environment that was cloned.
        environment: EnvironmentName,
    },
    /// The configuration that says where it is cannot be had.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It is nowhere said.
    #[error("could not find the database {database}: {environment} has no value for {variable}")]
    Nowhere {
        /// The database.
        database: DatabaseName,
        /// The environment that is to keep it.
        environment: EnvironmentName,
        /// The key that is to say where it is.
        variable: String,
    },
    /// What is said there is not where such a database could be.
    #[error("could not {0}")]
    Database(DatabaseError),
    /// It is one of another engine.
    #[error(
        "could not use the database {database} of {environment}: {variable} is not the URL of a {engine} database"
    )]
    Engine {
        /// The database.
        database: DatabaseName,
        /// The environment that keeps it.
        environment: EnvironmentName,
        /// The key that says where it is.
        variable: String,
        /// The engine that the manifest names.
        engine: &'static str,
    },
}

impl Unreached {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Unreached::Undeclared { database, .. } => {
                format!("describe it in towpath.toml: `[databases.{database}]`")
            }
            Unreached::Manifest { .. } => {
                "the data directory keeps each release's manifest: restore it from a backup, or deploy another release"
                    .into()
            }
            Unreached::Uncloned { environment, .. } => {
                format!("`towpath rehearse {environment} --clone` makes a new one")
            }
            Unreached::Config(error) => error.help(),
            Unreached::Nowhere {
                environment,
                variable,
                ..
            } => format!("`towpath secret set {environment} {variable}`"),
            Unreached::Database(error) => error.remedy(),
            Unreached::Engine { database, .. } => {
                format!("correct its value, or `engine` in [databases.{database}]")
            }
        }
    }
}

/// Where a database is to be looked for, by its engine.
pub enum Kept<'a> {
    /// In a file of the data directory.
    InFile(&'a Home),
    /// On the server that the configuration names, if it names one.
    OnServer(Option<SecretString>),
}

/// A database where it is kept: `keeper` is the environment.
pub fn open(
    kept: Kept<'_>,
    manifest: &Manifest,
    keeper: &EnvironmentName,
    name: &DatabaseName,
) -> Result<Database, Unreached> {
    let declared = declared(manifest, keeper, name)?;
    let opened = match kept {
        Kept::InFile(home) => Database::open(&file_url(home, keeper, name)),
        Kept::OnServer(Some(url)) => Database::open(url.expose_secret()),
        Kept::OnServer(None) => {
            return Err(Unreached::Nowhere {
                database: name.clone(),
                environment: keeper.clone(),
                variable: declared.url.clone(),
            });
        }
    };
    let database = opened.map_err(Unreached::Database)?;
    if database.dialect() != dialect_of(declared.engine) {
        return Err(Unreached::Engine {
            database: name.clone(),
            environment: keeper.clone(),
            variable: declared.url.clone(),
            engine: declared.engine.as_str(),
        });
    }
    Ok(database.timeouts(declared.lock_timeout, Some(declared.statement_timeout)))
}

fn declared<'a>(
    manifest: &'a Manifest,
    keeper: &EnvironmentName,
    name: &DatabaseName,
) -> Result<&'a manifest::Database, Unreached> {
    let found = manifest.databases.get(name);
    found.ok_or_else(|| Unreached::Undeclared {
        database: name.clone(),
        environment: keeper.clone(),
    })
}

/// Where a database is that is a file.
pub fn database_file(home: &Home, keeper: &EnvironmentName, database: &DatabaseName) -> PathBuf {
    home.databases(keeper).join(format!("{database}.db"))
}

/// The URL of a database that is a file.
fn file_url(home: &Home, keeper: &EnvironmentName, database: &DatabaseName) -> String {
    format!(
        "sqlite://{}",
        database_file(home, keeper, database).display()
    )
}

/// The URLs of the databases that are files, as an environment's services find them.
pub fn file_urls(
    home: &Home,
    manifest: &Manifest,
    environment: &Environment,
) -> BTreeMap<DatabaseName, String> {
    let files = manifest.databases.iter();
    files
        .filter(|(_, database)| !database.engine.is_server())
        .map(|(name, _)| {
            let keeper = manifest.database_home(&environment.name, name);
            (name.clone(), file_url(home, &keeper, name))
        })
        .collect()
}

impl Engine {
    /// A database of an environment, as a release says where it is.
    pub(super) async fn database(
        &self,
        release: &Release,
        keeper: &EnvironmentName,
        name: &DatabaseName,
    ) -> Result<Database, Unreached> {
        let manifest = self
            .manifest_of(release)
            .map_err(|error| Unreached::Manifest {
                database: name.clone(),
                why: error.to_string(),
            })?;
        let is_on_server = declared(&manifest, keeper, name)?.engine.is_server();
        if !keeper.is_clone() || !is_on_server {
            return self.kept(release, &manifest, keeper, name).await;
        }
        let (home, clone) = self.copy_in(keeper, name).await?;
        let original = self.kept(release, &manifest, &home, name).await?;
        Ok(original.on_clone(&clone))
    }

    /// The database that an environment keeps, or its clone's file.
    pub(super) async fn kept(
        &self,
        release: &Release,
        manifest: &Manifest,
        keeper: &EnvironmentName,
        name: &DatabaseName,
    ) -> Result<Database, Unreached> {
        let undeclared = || Unreached::Undeclared {
            database: name.clone(),
            environment: keeper.clone(),
        };
        let declared = declared(manifest, keeper, name)?;
        let mut kept = Kept::InFile(&self.home);
        if declared.engine.is_server() {
            let mut environments = manifest.environments.iter();
            let environment = environments.find(|environment| environment.name == *keeper);
            let environment = environment.ok_or_else(undeclared)?;
            let shut = self
                .secret_file(release, manifest, environment, Damaged::Refused)
                .await?;
            let mut filled = self.filled(manifest, environment, None, shut).await?;
            let url = filled.remove(&declared.url);
            kept = Kept::OnServer(url.map(|filled| filled.value));
        }
        open(kept, manifest, keeper, name)
    }
}
