//! The watcher: sees branches move in the repository, and requests what follows. A push is noticed once, across restarts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use towpath_core::{
    manifest::Manifest,
    path::{Actor, Command, Commit, Refusal, Release, Trigger},
};

use super::{Engine, EngineError, RequestError};
use crate::git::Tip;

/// How often the repository is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Watches the upstream's branches.
pub struct Watcher {
    engine: Arc<Engine>,
    trouble: Option<String>,
}

impl Watcher {
    /// A watcher for an engine.
    pub fn new(engine: Arc<Engine>) -> Watcher {
        Watcher {
            engine,
            trouble: None,
        }
    }

    /// Watches until the future is dropped. A repository that does not answer is asked again.
    pub async fn run(&mut self, manifest: impl Fn() -> Option<Manifest>) {
        loop {
            if let Some(manifest) = manifest() {
                let seen = self.look(&manifest).await;
                let trouble = seen.err().map(|error| error.to_string());
                // Said once, not every second.
                if trouble != self.trouble {
                    match &trouble {
                        Some(error) => tracing::warn!(error, "could not watch the repository"),
                        None => tracing::info!("the repository answers again"),
                    }
                    self.trouble = trouble;
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Looks once.
    pub async fn look(&mut self, manifest: &Manifest) -> Result<(), EngineError> {
        let tips = self.engine.mirror.tips().await?;
        let state = self.engine.store.state().await?;
        let first = state.branches.is_empty();
        let now: BTreeMap<&str, &Commit> = tips
            .iter()
            .map(|tip| (tip.branch.as_str(), &tip.commit))
            .collect();
        for Tip { branch, commit } in &tips {
            if state.branches.get(branch) == Some(commit) {
                continue;
            }
            // What was there before anybody watched is taken as it is: nothing moved.
            if !first {
                self.pushed(manifest, branch, commit).await?;
            }
            // After the request: a crash in between repeats it, and a repeated one is refused as on its way.
            self.moved(branch, Some(commit.clone())).await?;
        }
        for branch in state
            .branches
            .keys()
            .filter(|branch| !now.contains_key(branch.as_str()))
        {
            self.moved(branch, None).await?;
        }
        Ok(())
    }

    async fn moved(&self, branch: &str, commit: Option<Commit>) -> Result<(), EngineError> {
        let command = Command::MoveBranch {
            branch: branch.to_owned(),
            commit,
        };
        self.engine.write(&Actor::Towpath, &[command], None).await?;
        Ok(())
    }

    async fn pushed(
        &self,
        manifest: &Manifest,
        branch: &str,
        commit: &Commit,
    ) -> Result<(), EngineError> {
        let fed: Vec<_> = manifest.fed_by(branch).map(|e| e.name.clone()).collect();
        if fed.is_empty() {
            return Ok(());
        }
        self.engine.mirror.fetch(commit, None).await?;
        let release = match self.release_of(manifest, branch, commit).await {
            Ok(release) => release,
            // A commit that cannot be released says so; the branch has moved all the same.
            Err(error @ EngineError::Manifest(_)) => {
                tracing::error!(branch, commit = commit.short(), %error, "cannot be released");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for environment in fed {
            let trigger = Trigger::Push {
                branch: branch.to_owned(),
            };
            match self
                .engine
                .request(&Actor::Towpath, &environment, &release, trigger)
                .await
            {
                Ok(_) => {}
                Err(RequestError::Engine(error)) => return Err(error),
                Err(RequestError::Refused(Refusal::AlreadyThere { .. })) => {}
                Err(error) => tracing::warn!(%environment, branch, %error, "not deployed"),
            }
        }
        Ok(())
    }

    /// The release of a commit; for a merge that holds the files of a verified one, that one.
    async fn release_of(
        &self,
        manifest: &Manifest,
        branch: &str,
        commit: &Commit,
    ) -> Result<Release, EngineError> {
        let about = self.engine.mirror.about(commit).await?;
        let upstream = manifest
            .fed_by(branch)
            .flat_map(|e| &e.after)
            .collect::<Vec<_>>();
        // Only a merge that nobody has released stands for what it merges.
        let is_own =
            about.parents.len() < 2 || !self.engine.store.releases_of(commit).await?.is_empty();
        if is_own {
            return self.engine.cut(&Actor::Towpath, commit).await;
        }
        for parent in &about.parents {
            for release in self.engine.store.releases_of(parent).await? {
                let verified = upstream
                    .iter()
                    .any(|name| release.verified.contains_key(*name));
                if verified && release.source.tree == about.tree {
                    return Ok(release);
                }
            }
        }
        self.engine.cut(&Actor::Towpath, commit).await
    }
}
