//! The watcher: sees branches move in the repository, and requests what follows. A push is noticed once, across restarts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use towpath_core::{
    manifest::Manifest,
    names::EnvironmentName,
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
    /// Whether there was a look at a repository without branches: the first one that comes is a push.
    has_seen_none: bool,
}

impl Watcher {
    /// A watcher for an engine.
    pub fn new(engine: Arc<Engine>) -> Watcher {
        Watcher {
            engine,
            trouble: None,
            has_seen_none: false,
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
        let _nobody_moves_one = self.engine.branches.lock().await;
        let tips = self.engine.mirror.tips().await?;
        let state = self.engine.store.state().await?;
        if state.branches.is_empty() && !self.has_seen_none {
            self.has_seen_none = tips.is_empty();
            // What was there before anybody watched is taken as it is: nothing moved. All of it at once, or a crash in
            // between would make pushes of the rest.
            let all = tips
                .into_iter()
                .map(|tip| moved(&tip.branch, Some(tip.commit)));
            return self.note(all.collect()).await;
        }
        let now: BTreeMap<&str, &Commit> = tips
            .iter()
            .map(|tip| (tip.branch.as_str(), &tip.commit))
            .collect();
        for Tip { branch, commit } in &tips {
            if state.branches.get(branch) != Some(commit) {
                self.pushed(manifest, branch, commit).await?;
            }
        }
        let gone = state.branches.keys().map(String::as_str);
        let gone = gone.filter(|branch| !now.contains_key(branch));
        self.note(gone.map(|branch| moved(branch, None)).collect())
            .await
    }

    async fn note(&self, commands: Vec<Command>) -> Result<(), EngineError> {
        if !commands.is_empty() {
            self.engine.write(&Actor::Towpath, &commands, None).await?;
        }
        Ok(())
    }

    /// Requests what a branch feeds, and notes where it is: with the last of the requests, so that a crash repeats none.
    async fn pushed(
        &self,
        manifest: &Manifest,
        branch: &str,
        commit: &Commit,
    ) -> Result<(), EngineError> {
        let mut note = Some(moved(branch, Some(commit.clone())));
        let fed: Vec<_> = manifest.fed_by(branch).map(|e| &e.name).collect();
        if let Some((last, others)) = fed.split_last()
            && let Some(release) = self.released(manifest, branch, commit).await?
        {
            for environment in others {
                self.feed(environment, &release, branch, None).await?;
            }
            if self.feed(last, &release, branch, note.clone()).await? {
                note = None;
            }
        }
        self.note(note.into_iter().collect()).await
    }

    /// Requests that an environment gets what its branch holds; says whether it will.
    async fn feed(
        &self,
        environment: &EnvironmentName,
        release: &Release,
        branch: &str,
        also: Option<Command>,
    ) -> Result<bool, EngineError> {
        let trigger = Trigger::Push {
            branch: branch.to_owned(),
        };
        let request = self
            .engine
            .request(&Actor::Towpath, environment, release, trigger, also);
        match request.await {
            Ok(_) => return Ok(true),
            Err(RequestError::Engine(error)) => return Err(error),
            Err(RequestError::Refused(Refusal::AlreadyThere { .. })) => {}
            Err(error) => tracing::warn!(%environment, branch, %error, "not deployed"),
        }
        Ok(false)
    }

    /// The release of what was pushed; `None` for a commit that cannot be released.
    async fn released(
        &self,
        manifest: &Manifest,
        branch: &str,
        commit: &Commit,
    ) -> Result<Option<Release>, EngineError> {
        self.engine.mirror.fetch(commit, None).await?;
        match self.release_of(manifest, branch, commit).await {
            Ok(release) => Ok(Some(release)),
            // It is said; the branch has moved all the same.
            Err(error @ EngineError::Manifest(_)) => {
                tracing::error!(branch, commit = commit.short(), %error, "cannot be released");
                Ok(None)
            }
            Err(error) => Err(error),
        }
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

fn moved(branch: &str, commit: Option<Commit>) -> Command {
    Command::MoveBranch {
        branch: branch.to_owned(),
        commit,
    }
}
