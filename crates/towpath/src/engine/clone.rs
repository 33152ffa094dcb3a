//! Throw-away clones of environments: which databases they have, what leads to them, and how nothing of them is left.

use std::{collections::BTreeMap, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use towpath_core::{
    manifest::Manifest,
    names::{DatabaseName, EnvironmentName},
    path::{Actor, ClonedDatabase, Command, Plan, Release, State, clone_to_remove},
    target::{Route, TargetError},
};
use towpath_migrate::{CloneError, CloneName, DatabaseError};

use super::{
    Engine, EngineError,
    databases::{Unreached, database_file},
    failpoint,
    variables::{Handover, HandoverError},
};
use crate::{clock::now, store::Lease};

/// Why a clone is still there.
#[derive(Debug, thiserror::Error)]
pub(super) enum StillThere {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Unreached(#[from] Unreached),
    #[error("could not {0}")]
    Clone(#[from] CloneError),
    #[error("could not remove {path}: {source}")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Somebody else is at it.
    #[error("another process removes it")]
    Elsewhere,
}

/// The databases that a clone of an environment has: what the rehearsed release uses there, and what those use that can be returned to.
pub(super) fn copies(state: &State, plan: &Plan) -> BTreeMap<DatabaseName, ClonedDatabase> {
    let original = state.environment(&plan.environment);
    let standing = original.live.iter().chain(&original.verified);
    let launches = standing.map(|standing| &standing.launch);
    let used = launches.chain([&plan.launch]);
    let homes: BTreeMap<_, _> = used.flat_map(|launch| launch.databases.clone()).collect();
    let made = now().0;
    let named = homes.into_iter().enumerate();
    let copies = named.map(|(number, (database, home))| {
        let name = CloneName::new(made, number).as_str().to_owned();
        (database, ClonedDatabase { home, name })
    });
    copies.collect()
}

impl Engine {
    /// What a database's copy is in a clone.
    pub(super) async fn copy_in(
        &self,
        clone: &EnvironmentName,
        database: &DatabaseName,
    ) -> Result<(EnvironmentName, CloneName), Unreached> {
        let gone = || Unreached::Uncloned {
            database: database.clone(),
            environment: clone.declared(),
        };
        let state = self.store.state().await.map_err(|_| gone())?;
        let cloned = state.environment(clone).cloned.ok_or_else(gone)?;
        let copy = cloned.databases.get(database).ok_or_else(gone)?;
        let name = CloneName::parse(&copy.name).ok_or_else(gone)?;
        Ok((copy.home.clone(), name))
    }

    /// A release that uses a database in a clone, and so knows where it is: the rehearsed one, or one that can be returned to.
    pub(super) fn user_in<'a>(
        &self,
        state: &'a State,
        clone: &EnvironmentName,
        database: &DatabaseName,
    ) -> Result<Option<(&'a Release, Manifest)>, EngineError> {
        let Some(there) = state.environments.get(clone) else {
            return Ok(None);
        };
        let standing = there.live.iter().chain(&there.verified);
        let rehearsed = there.cloned.iter().map(|cloned| cloned.release);
        let numbers = rehearsed.chain(standing.map(|standing| standing.release));
        for release in numbers.filter_map(|number| state.releases.get(&number)) {
            let manifest = self.manifest_of(release)?;
            if manifest.databases.contains_key(database) {
                return Ok(Some((release, manifest)));
            }
        }
        Ok(None)
    }

    /// Has everything that led to a database lead to its copy: the value under which services find it, and every other one that would
    /// lead there. What does not lead where the manifest says is not handed over, because nobody knows what it would reach.
    pub(super) async fn lead_to_clone(
        &self,
        handover: &mut Handover,
        manifest: &Manifest,
        release: &Release,
        clone: &EnvironmentName,
    ) -> Result<(), HandoverError> {
        let damaged = |error: Unreached| HandoverError::Damaged(error.to_string());
        for (database, declared) in &manifest.databases {
            let (home, name) = self.copy_in(clone, database).await.map_err(damaged)?;
            if !declared.engine.is_server() {
                let file = |keeper| database_file(&self.home, keeper, database);
                let (from, to) = (file(&home), file(clone));
                let (from, to) = (from.display().to_string(), to.display().to_string());
                handover
                    .replace(|_, value| value.contains(&from).then(|| value.replace(&from, &to)));
                continue;
            }
            let original = self.kept(release, manifest, &home, database).await;
            let original = original.map_err(damaged)?;
            let mut astray = false;
            handover.replace(|key, value| {
                let led = original.url_on_clone(value, &name);
                astray |= led.is_none() && key == declared.url;
                led
            });
            if astray {
                return Err(HandoverError::Damaged(format!(
                    "{} of {} does not lead to the database {database} of {home}, of which there is a clone",
                    declared.url,
                    clone.declared()
                )));
            }
        }
        Ok(())
    }

    /// Takes a clone down that is of no use any more, and all that belongs to it. May be called again after a crash.
    pub(super) async fn take_down(&self, clone: &EnvironmentName) -> Result<(), StillThere> {
        let _one_at_a_time = self.clones.lock().await;
        let state = self.state().await?;
        let last = state.environment(clone).last;
        let (Some(_), Some(last)) = (clone_to_remove(&state, clone, now()), last) else {
            return Ok(());
        };
        let lease = self.lease(last).await.map_err(EngineError::from)?;
        let lease = lease.ok_or(StillThere::Elsewhere)?;
        let removed = self.remove(clone, &lease).await;
        self.store
            .release_lease(&lease)
            .await
            .map_err(EngineError::from)?;
        removed
    }

    async fn remove(&self, clone: &EnvironmentName, lease: &Lease) -> Result<(), StillThere> {
        // Somebody may have been faster, and the next one have made a clone since.
        let state = self.state().await?;
        let Some(cloned) = clone_to_remove(&state, clone, now()) else {
            return Ok(());
        };
        let routes = self.target.traffic(clone).await?.into_iter();
        let routes: Vec<Route> = routes
            .map(|traffic| Route {
                service: traffic.service,
                listen: None,
                release: traffic.release,
                instances: Vec::new(),
            })
            .collect();
        if !routes.is_empty() {
            self.target.route(clone, &routes, lease.token).await?;
        }
        failpoint::pass("the clone has no traffic");
        for key in self.target.instances(clone).await? {
            self.is_ours(lease).await?;
            self.target.stop(&key).await?;
        }
        failpoint::pass("nothing of the clone runs");
        for (database, copy) in &cloned.databases {
            self.is_ours(lease).await?;
            self.drop_copy(&state, clone, database, copy).await?;
        }
        let folder = self.home.databases(clone);
        if folder.exists() {
            let removed = std::fs::remove_dir_all(&folder);
            removed.map_err(|source| StillThere::Folder {
                path: folder,
                source,
            })?;
        }
        failpoint::pass("nothing of the clone is left");
        let clone = clone.clone();
        let command = Command::RemoveClone { clone };
        let written = self.write(&Actor::Towpath, &[command], Some(lease)).await;
        written.map_err(EngineError::from)?;
        Ok(())
    }

    async fn drop_copy(
        &self,
        state: &State,
        clone: &EnvironmentName,
        database: &DatabaseName,
        copy: &ClonedDatabase,
    ) -> Result<(), StillThere> {
        let Some((release, manifest)) = self.user_in(state, clone, database)? else {
            return Ok(());
        };
        let is_on_server = manifest.databases[database].engine.is_server();
        let (true, Some(name)) = (is_on_server, CloneName::parse(&copy.name)) else {
            return Ok(());
        };
        let original = self.kept(release, &manifest, &copy.home, database).await?;
        match original.drop_clone(&name).await {
            // Where there is no database, nothing was copied.
            Err(CloneError::Drop {
                error: DatabaseError::Absent { .. },
                ..
            }) => Ok(()),
            dropped => Ok(dropped?),
        }
    }

    async fn state(&self) -> Result<State, EngineError> {
        Ok(self.store.state().await?)
    }

    async fn is_ours(&self, lease: &Lease) -> Result<(), StillThere> {
        let renewed = self.store.renew(lease, now(), failpoint::lease()).await;
        match renewed.map_err(EngineError::from)? {
            true => Ok(()),
            false => Err(StillThere::Elsewhere),
        }
    }
}

impl Handover {
    /// Replaces values, whichever way they are handed over.
    fn replace(&mut self, mut with: impl FnMut(&str, &str) -> Option<String>) {
        for (key, value) in &mut self.variables {
            if let Some(other) = with(key, value) {
                *value = other;
            }
        }
        for (key, value) in self.secrets.iter_mut().chain(&mut self.credentials) {
            if let Some(other) = with(key, value.expose_secret()) {
                *value = SecretString::from(other);
            }
        }
    }
}
