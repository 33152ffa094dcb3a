//! Builds: in a clean work tree of the release's commit, once; what they make is kept by its digest.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest as _, Sha256};
use towpath_core::{
    Digest,
    manifest::{Manifest, Service},
    names::ServiceName,
    path::{BuiltArtifact, Outcome, Receipt, Release},
    runner::{JobSpec, JobState},
};

use super::{Engine, begun::Begun, failpoint};
use crate::home::lock_file;

/// The cache that builds share. No environment is named so.
const BUILDS: &str = ".builds";

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
        // One build at a time in a data directory: they share the cache.
        let mut lock = self.lock_builds().await?;
        let since = self.store.release(release.number).await.map_err(errored)?;
        if let Some(artifacts) = since.and_then(|release| release.artifacts) {
            return self.built_before(&artifacts).await;
        }
        self.await_earlier(&mut lock).await?;
        let tree = self.home.trees().join(release.number.to_string());
        let mut begun = Begun::read(&tree).map_err(errored)?;
        let is_of_use = self.is_of_use(&begun, key).await?;
        let mut is_in_use = false;
        let mut artifacts = BTreeMap::new();
        for name in &release.source.built_services {
            let Some(service) = manifest.services.get(name) else {
                continue;
            };
            let job = match begun.job(name).filter(|_| is_of_use) {
                Some(job) => job.to_owned(),
                None => {
                    if !is_in_use {
                        begun.forget().map_err(errored)?;
                        self.mirror
                            .check_out(&release.source.commit, &tree)
                            .await
                            .map_err(errored)?;
                        self.link_cache(manifest, BUILDS, &tree)?;
                        failpoint::pass("the build's tree is there");
                    }
                    format!("{key}.{name}")
                }
            };
            is_in_use = true;
            if self.runner.observe(&job).await.map_err(errored)? == JobState::Absent {
                begun.note(name, &job).map_err(errored)?;
                lock.set_len(0).map_err(errored)?;
                io::Seek::rewind(&mut *lock).map_err(errored)?;
                lock.write_all(job.as_bytes()).map_err(errored)?;
                self.run_build(service, &job, &tree).await?;
                failpoint::pass("the build runs");
            }
            self.await_build(&job).await?;
            failpoint::pass("the build has ended");
            if let Some(artifact) = self.keep_artifact(name, service, &tree).await? {
                artifacts.insert(name.clone(), artifact);
            }
        }
        // The tree stays until the journal says that the release is built: a process that ends before that finds it again.
        let bytes: u64 = artifacts.values().map(|artifact| artifact.bytes).sum();
        Ok(Outcome::Passed {
            detail: format!("built {} ({})", plural(artifacts.len()), human_bytes(bytes)),
            receipt: Receipt::Built { artifacts },
        })
    }

    /// A build whose engine was killed still runs under its shim. The lock's file names the last job that was started.
    async fn await_earlier(&self, lock: &mut Flock<File>) -> Result<(), Outcome> {
        let mut earlier = String::new();
        lock.read_to_string(&mut earlier).map_err(errored)?;
        if !earlier.is_empty() {
            self.runner.ended(&earlier).await.map_err(errored)?;
        }
        Ok(())
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

    async fn lock_builds(&self) -> Result<Flock<File>, Outcome> {
        let path = self.home.build_lock();
        let locked = tokio::task::spawn_blocking(move || {
            let file = lock_file(&path)?;
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))
        });
        locked.await.map_err(errored)?.map_err(errored)
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
        let _no_build_meanwhile = self.lock_builds().await?;
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

    async fn keep_artifact(
        &self,
        name: &ServiceName,
        service: &Service,
        tree: &Path,
    ) -> Result<Option<BuiltArtifact>, Outcome> {
        let Some(artifact) = &service.artifact else {
            return Ok(None);
        };
        let path = inside(tree, artifact).ok_or_else(|| {
            failed(format!(
                "the artifact {artifact:?} lies outside the repository"
            ))
        })?;
        if !tree.exists() {
            return Err(errored(format!("the work tree of {name}'s build is gone")));
        }
        if !path.exists() {
            return Err(failed(format!("the build of {name} made no {artifact:?}")));
        }
        let store = self.home.artifacts();
        let kept = tokio::task::spawn_blocking(move || keep(&store, &path));
        kept.await.map_err(errored)?.map(Some).map_err(errored)
    }

    async fn check_artifacts(
        &self,
        artifacts: &BTreeMap<ServiceName, BuiltArtifact>,
    ) -> Result<(), Outcome> {
        for (service, artifact) in artifacts {
            let path = self.artifact_path(&artifact.digest);
            let digest = tokio::task::spawn_blocking(move || digest_of(&path))
                .await
                .map_err(errored)?;
            match digest {
                Ok(digest) if digest == artifact.digest => {}
                Ok(_) => {
                    return Err(failed(format!(
                        "the stored artifact of {service} is not the one that was built; cut a new release"
                    )));
                }
                Err(error) => {
                    return Err(failed(format!(
                        "the stored artifact of {service} cannot be read: {error}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Where an artifact is kept.
    pub fn artifact_path(&self, digest: &Digest) -> PathBuf {
        self.home.artifacts().join(digest.to_string())
    }
}

/// A path below a directory; `None` when it leads out of it.
pub(super) fn inside(directory: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        .then(|| directory.join(path))
}

/// Keeps a file, or a directory as an archive, under the digest of its bytes.
fn keep(store: &Path, path: &Path) -> io::Result<BuiltArtifact> {
    let mut fresh = tempfile::NamedTempFile::new_in(store)?;
    let directory = path.is_dir();
    let mut out = Hashing {
        to: fresh.as_file_mut(),
        digest: Sha256::new(),
        bytes: 0,
    };
    if directory {
        archive(path, &mut out)?;
    } else {
        io::copy(&mut File::open(path)?, &mut out)?;
    }
    let (digest, bytes) = (Digest::from_raw(out.digest.finalize().into()), out.bytes);
    let kept = store.join(digest.to_string());
    fresh.as_file().sync_all()?;
    fresh.persist(&kept).map_err(|error| error.error)?;
    File::open(store)?.sync_all()?;
    let file_name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(BuiltArtifact {
        digest,
        file_name,
        directory,
        bytes,
    })
}

/// Archives a directory so that the same files are the same bytes: sorted, without owners and times.
fn archive(path: &Path, out: impl Write) -> io::Result<()> {
    let mut builder = tar::Builder::new(out);
    builder.mode(tar::HeaderMode::Deterministic);
    builder.follow_symlinks(false);
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let mut entries: Vec<_> = fs::read_dir(path.join(&relative))?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = relative.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                builder.append_dir(&name, entry.path())?;
                pending.push(name);
            } else {
                builder.append_path_with_name(entry.path(), &name)?;
            }
        }
    }
    builder.finish()
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut out = Hashing {
        to: io::sink(),
        digest: Sha256::new(),
        bytes: 0,
    };
    io::copy(&mut File::open(path)?, &mut out)?;
    Ok(Digest::from_raw(out.digest.finalize().into()))
}

struct Hashing<W> {
    to: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.to.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn failed(finding: String) -> Outcome {
    Outcome::Failed { finding }
}

fn errored(cause: impl ToString) -> Outcome {
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
    fn a_directory_is_the_same_bytes_whenever_and_in_whatever_order_it_was_made() {
        let store = tempfile::tempdir().unwrap();
        let [one, two] = [["a", "b/c"], ["b/c", "a"]].map(|names| {
            let tree = tempfile::tempdir().unwrap();
            for name in names {
                let path = tree.path().join("site").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
            keep(store.path(), &tree.path().join("site")).unwrap()
        });
        assert_eq!(one, two);
        assert!(one.directory);
    }

    #[test]
    fn paths_stay_inside() {
        assert!(inside(Path::new("/tree"), "target/release/web").is_some());
        for bad in ["../secret", "/etc/passwd", "a/../../b"] {
            assert_eq!(inside(Path::new("/tree"), bad), None, "{bad}");
        }
    }
}
