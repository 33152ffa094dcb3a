//! Artifacts: what builds made, kept by the digest of their bytes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use towpath_core::{
    Digest,
    manifest::Service,
    names::ServiceName,
    path::{BuiltArtifact, Outcome},
};

use super::{
    Engine,
    builder::{errored, failed, inside},
};

impl Engine {
    /// Keeps what the build of a service made, if it makes anything.
    pub(super) async fn keep_artifact(
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
            return Err(failed(match service.build {
                Some(_) => format!("the build of {name} made no {artifact:?}"),
                None => format!(
                    "the commit holds no {artifact:?}, the artifact of {name}, which has no build"
                ),
            }));
        }
        let store = self.home.artifacts();
        let kept = tokio::task::spawn_blocking(move || keep(&store, &path));
        kept.await.map_err(errored)?.map(Some).map_err(errored)
    }

    /// Checks that the artifacts are there, and are what was built.
    pub(super) async fn check_artifacts(
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
                // That says nothing about the release: the disk may be back tomorrow.
                Err(error) => {
                    let stored = self.artifact_path(&artifact.digest);
                    return Err(Outcome::Errored {
                        cause: format!(
                            "the stored artifact of {service} cannot be read: {}: {error}",
                            stored.display()
                        ),
                        transient: false,
                    });
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
}
