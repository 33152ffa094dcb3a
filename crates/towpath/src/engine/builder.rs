//! Builds: in a clean work tree of the release's commit, once.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use towpath_core::{
    manifest::{Manifest, Service},
    names::ServiceName,
    path::{BuiltArtifact, Outcome, Receipt, Release},
    runner::{JobSpec, JobState},
};

use super::{Engine, begun::Begun, failpoint};
use crate::home::lock_file;

/// The cache that builds share. No environment is named so.
const BUILDS: &str = ".builds";

/// How long until somebody else's right to build is asked for again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A service of a release that is to be built.
struct Building<'a> {
    release: &'a Release,
    manifest: &'a Manifest,
    name: &'a ServiceName,
    service: &'a Service,
    tree: &'a Path,
    /// Names the try.
    key: &'a str,
}

impl Engine {
    /// Makes a release's artifacts, or checks those that were made before. `key` names the try.
    pub async fn build(&self, release: &Release, manifest: &Manifest, key: &str) -> Outcome {
        let built = match &release.artifacts {
            Some(artifacts) => self.built_before(artifacts).await,
            None => self.build_all(release, manifest, key).await,
        };
        built.unwrap_or_else(|outcome| outcome)
    }

    async fn built_before(
        &self,
        artifacts: &BTreeMap<ServiceName, BuiltArtifact>,
    ) -> Result<Outcome, Outcome> {
        self.check_artifacts(artifacts).await?;
        Ok(Outcome::Passed {
            detail: "built before; the same bytes".into(),
            receipt: Receipt::Built {
                artifacts: artifacts.clone(),
            },
        })
    }

    async fn build_all(
        &self,
        release: &Release,
        manifest: &Manifest,
        key: &str,
    ) -> Result<Outcome, Outcome> {
        let made = self.make(release, manifest, key).await;
        // Somebody else may have been quicker, and cleared the work tree away.
        if made.is_err()
            && let Some(artifacts) = self.made_since(release).await?
        {
            return self.built_before(&artifacts).await;
        }
        // The tree stays until the journal says that the release is built: a process that ends before that finds it again.
        let artifacts = made?;
        let bytes: u64 = artifacts.values().map(|artifact| artifact.bytes).sum();
        Ok(Outcome::Passed {
            detail: format!("built {} ({})", plural(artifacts.len()), human_bytes(bytes)),
            receipt: Receipt::Built { artifacts },
        })
    }

    async fn make(
        &self,
        release: &Release,
        manifest: &Manifest,
        key: &str,
    ) -> Result<BTreeMap<ServiceName, BuiltArtifact>, Outcome> {
        let tree = self.home.trees().join(release.number.to_string());
        let mut artifacts = BTreeMap::new();
        let mut is_in_use = false;
        for name in &release.source.built_services {
            let Some(service) = manifest.services.get(name) else {
                continue;
            };
            let building = Building {
                release,
                manifest,
                name,
                service,
                tree: &tree,
                key,
            };
            let job = self.begin(&building, is_in_use).await?;
            is_in_use = true;
            failpoint::pass("the build runs");
            self.await_build(&job).await?;
            failpoint::pass("the build has ended");
            if let Some(artifact) = self.keep_artifact(name, service, &tree).await? {
                artifacts.insert(name.clone(), artifact);
            }
        }
        Ok(artifacts)
    }

    /// Starts the build of a service, or finds the one that was begun before; returns the job.
    async fn begin(&self, building: &Building<'_>, is_in_use: bool) -> Result<String, Outcome> {
        let Building {
            release, tree, key, ..
        } = building;
        let mut lock = self.no_build_runs().await?;
        if self.made_since(release).await?.is_some() {
            return Err(errored("somebody else has built it meanwhile"));
        }
        let mut begun = Begun::read(tree).map_err(errored)?;
        let is_of_use = self.is_of_use(&begun, key).await?;
        let job = match begun.job(building.name).filter(|_| is_of_use) {
            Some(earlier) => earlier.to_owned(),
            None => {
                if !is_in_use {
                    begun.forget().map_err(errored)?;
                    self.mirror
                        .check_out(&release.source.commit, tree)
                        .await
                        .map_err(errored)?;
                    self.link_cache(building.manifest, BUILDS, tree)?;
                    failpoint::pass("the build's tree is there");
                }
                format!("{key}.{}", building.name)
            }
        };
        if self.runner.observe(&job).await.map_err(errored)? == JobState::Absent {
            begun.note(building.name, &job).map_err(errored)?;
            lock.set_len(0).map_err(errored)?;
            io::Seek::rewind(&mut *lock).map_err(errored)?;
            lock.write_all(job.as_bytes()).map_err(errored)?;
            self.run_build(building.service, &job, tree).await?;
        }
        Ok(job)
    }

    /// What a release was found to be built as, when it was not before.
    async fn made_since(
        &self,
        release: &Release,
    ) -> Result<Option<BTreeMap<ServiceName, BuiltArtifact>>, Outcome> {
        let now = self.store.release(release.number).await.map_err(errored)?;
        Ok(now.and_then(|release| release.artifacts))
    }

    /// Whether what was begun in a release's tree is gone on with: always by the same try, and by another one unless some of
    /// it did not pass.
    async fn is_of_use(&self, begun: &Begun, key: &str) -> Result<bool, Outcome> {
        for job in begun.jobs() {
            let is_own = job
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('.'));
            let state = self.runner.observe(job).await.map_err(errored)?;
            let is_good = matches!(
                state,
                JobState::Absent | JobState::Running | JobState::Exited { code: Some(0), .. }
            );
            if !is_own && !is_good {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The right to start a build: one runs at a time in a data directory, since they share the cache. Nobody has it while a
    /// build runs: that goes on without whoever started it. The lock's file names the last job that was started.
    async fn no_build_runs(&self) -> Result<Flock<File>, Outcome> {
        loop {
            let file = lock_file(&self.home.build_lock()).map_err(errored)?;
            // Asked for again and again rather than waited for, since nobody can end a thread that waits.
            let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => lock,
                Err((_, Errno::EWOULDBLOCK)) => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                    continue;
                }
                Err((_, errno)) => return Err(errored(errno)),
            };
            let mut last = String::new();
            lock.read_to_string(&mut last).map_err(errored)?;
            if last.is_empty()
                || self.runner.observe(&last).await.map_err(errored)? != JobState::Running
            {
                return Ok(lock);
            }
            drop(lock);
            self.runner.ended(&last).await.map_err(errored)?;
        }
    }

    /// Puts the cache's directories into a work tree. Builds share one, and the tests of each environment another: build
    /// tools go by the times of files, and two trees that use one cache at the same time would get each other's results.
    pub(super) fn link_cache(
        &self,
        manifest: &Manifest,
        user: &str,
        tree: &Path,
    ) -> Result<(), Outcome> {
        let cache = self.home.cache().join(user);
        for directory in &manifest.cache {
            let (Some(kept), Some(link)) = (inside(&cache, directory), inside(tree, directory))
            else {
                return Err(failed(format!(
                    "the cache {directory:?} lies outside the repository"
                )));
            };
            if link.exists() {
                return Err(failed(format!(
                    "the cache {directory:?} is also a file of the commit"
                )));
            }
            fs::create_dir_all(&kept).map_err(errored)?;
            if let Some(parent) = link.parent() {
                fs::create_dir_all(parent).map_err(errored)?;
            }
            symlink(&kept, &link).map_err(errored)?;
        }
        Ok(())
    }

    /// Gives an environment's tests a copy of what builds have made so far, the first time: most of it is the same.
    pub(super) async fn seed_cache(&self, manifest: &Manifest, user: &str) -> Result<(), Outcome> {
        let (builds, own) = (self.home.cache().join(BUILDS), self.home.cache().join(user));
        if manifest.cache.is_empty() || own.exists() || !builds.exists() {
            return Ok(());
        }
        let _none_meanwhile = self.no_build_runs().await?;
        let fresh = own.with_extension("new");
        let _ = fs::remove_dir_all(&fresh);
        // `cp -a` keeps the times that build tools go by, and knows how to copy cheaply where the file system can.
        let copied = tokio::process::Command::new("cp")
            .arg("-a")
            .args([&builds, &fresh])
            .kill_on_drop(true)
            .output()
            .await;
        let copied = copied.map_err(errored)?;
        if !copied.status.success() {
            let _ = fs::remove_dir_all(&fresh);
            return Err(errored(format!(
                "could not copy the cache: {}",
                String::from_utf8_lossy(&copied.stderr).trim()
            )));
        }
        fs::rename(&fresh, &own).map_err(errored)
    }

    async fn run_build(&self, service: &Service, job: &str, tree: &Path) -> Result<(), Outcome> {
        // What an earlier build left in the cache is never taken for this one's.
        if let (Some(_), Some(artifact)) = (&service.build, &service.artifact)
            && let Some(path) = inside(tree, artifact)
        {
            let gone = match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            gone.map_err(errored)?;
        }
        let spec = JobSpec {
            key: job.to_owned(),
            command: service.build.clone().unwrap_or_else(|| "true".into()),
            directory: tree.to_owned(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            credentials: BTreeMap::new(),
        };
        self.runner.start(&spec).await.map_err(errored)
    }

    async fn await_build(&self, job: &str) -> Result<(), Outcome> {
        match self.runner.ended(job).await.map_err(errored)? {
            JobState::Exited { code: Some(0), .. } => Ok(()),
            JobState::Exited { status, tail, .. } => Err(failed(format!(
                "the build ended with {status}{}",
                indented(&tail)
            ))),
            other => Err(Outcome::Errored {
                cause: format!("the build was lost: {}", lost(&other)),
                transient: true,
            }),
        }
    }
}

/// A path below a directory; `None` when it leads out of it.
pub(super) fn inside(directory: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        .then(|| directory.join(path))
}

pub(super) fn failed(finding: String) -> Outcome {
    Outcome::Failed { finding }
}

pub(super) fn errored(cause: impl ToString) -> Outcome {
    Outcome::Errored {
        cause: cause.to_string(),
        transient: true,
    }
}

pub(super) fn lost(state: &JobState) -> String {
    match state {
        JobState::Lost { tail } => format!("nobody knows how it ended{}", indented(tail)),
        _ => "it never ended".into(),
    }
}

/// The end of an output, on lines of its own.
pub(super) fn indented(tail: &str) -> String {
    let lines: Vec<&str> = tail.lines().rev().take(20).collect();
    lines
        .iter()
        .rev()
        .map(|line| format!("\n    {line}"))
        .collect()
}

fn plural(count: usize) -> String {
    if count == 1 {
        "1 artifact".into()
    } else {
        format!("{count} artifacts")
    }
}

fn human_bytes(bytes: u64) -> String {
    match bytes {
        0..=1023 => format!("{bytes} B"),
        1024..=1_048_575 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert!(inside(Path::new("/tree"), "target/release/web").is_some());
        for bad in ["../secret", "/etc/passwd", "a/../../b"] {
            assert_eq!(inside(Path::new("/tree"), bad), None, "{bad}");
        }
    }
}
