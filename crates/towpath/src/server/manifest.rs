//! The manifest that the server goes by: as it is now, or as it was when it was last valid.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use towpath_core::{
    manifest::{self, Manifest},
    path::Commit,
};

use crate::{
    engine::Place,
    git::{GitError, Mirror},
};

/// The manifest's file name.
const FILE: &str = "towpath.toml";

/// Where the manifest is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestSource {
    /// In a work tree's root, as its files are now.
    WorkTree(PathBuf),
    /// At the tip of the upstream's default branch.
    Upstream,
}

/// The manifest of one source, read again and again.
pub(crate) struct Manifests {
    source: ManifestSource,
    known: Mutex<Known>,
}

struct Known {
    valid: Manifest,
    /// What was read last, valid or not: the same again is not parsed again.
    read: Option<Vec<u8>>,
    /// The commit that it was read at, where it is read from commits.
    at: Option<Commit>,
    wrong: Option<String>,
}

impl Manifests {
    /// Goes on from the manifest of a place: in its work tree, or at the upstream where it has none.
    pub(super) fn of(place: Place) -> Manifests {
        let source = match place.work_tree {
            Some(root) => ManifestSource::WorkTree(root),
            None => ManifestSource::Upstream,
        };
        let known = Known {
            valid: place.manifest,
            read: None,
            at: None,
            wrong: None,
        };
        Manifests {
            source,
            known: Mutex::new(known),
        }
    }

    /// The manifest as it is now; while it is not valid, the last valid one.
    pub(crate) fn read(&self) -> Manifest {
        self.look_at_work_tree();
        self.lock().valid.clone()
    }

    /// Why the last valid manifest is not the one that is there.
    pub(super) fn wrong(&self) -> Option<String> {
        self.look_at_work_tree();
        self.lock().wrong.clone()
    }

    /// Whether somebody has to look at the upstream.
    pub(super) fn is_upstream(&self) -> bool {
        self.source == ManifestSource::Upstream
    }

    fn look_at_work_tree(&self) {
        if let ManifestSource::WorkTree(root) = &self.source {
            let path = root.join(FILE);
            self.take(fs::read(&path).map_err(|error| format!("{}: {error}", path.display())));
        }
    }

    /// Looks at the tip of the upstream's default branch.
    pub(super) async fn look(&self, mirror: &Mirror) -> Result<(), GitError> {
        let Some(tip) = mirror.default_tip().await? else {
            self.take(Err("the repository has no commit yet".into()));
            return Ok(());
        };
        if self.lock().at.as_ref() == Some(&tip) {
            return Ok(());
        }
        mirror.fetch(&tip, None).await?;
        let file = mirror.file(&tip, FILE).await?;
        self.take(file.ok_or_else(|| format!("commit {} has no {FILE}", tip.short())));
        self.lock().at = Some(tip);
        Ok(())
    }

    fn take(&self, read: Result<Vec<u8>, String>) {
        let mut known = self.lock();
        let parsed = match read {
            Ok(bytes) if known.read.as_ref() == Some(&bytes) => return,
            Ok(bytes) => {
                let parsed = parse(&bytes);
                known.read = Some(bytes);
                parsed
            }
            Err(why) => {
                known.read = None;
                Err(why)
            }
        };
        match parsed {
            Ok(valid) => {
                known.valid = valid;
                if known.wrong.take().is_some() {
                    tracing::info!("the manifest is valid again");
                }
            }
            Err(why) => {
                // Once, not at every look.
                if known.wrong.is_none() {
                    tracing::warn!(error = why, "the last valid manifest goes on");
                }
                known.wrong = Some(why);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{FILE} is not UTF-8"))?;
    manifest::parse(text, FILE)
        .map(|parsed| parsed.manifest)
        .map_err(|problems| match problems.as_slice() {
            [only] => only.one_line(),
            [first, others @ ..] => format!("{}, and {} more", first.one_line(), others.len()),
            [] => problems.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "[project]\nname = \"page\"\n[environments.staging]\nbranch = \"main\"\n";

    fn manifests(root: &std::path::Path) -> Manifests {
        Manifests::of(Place {
            manifest: manifest::parse(VALID, FILE).unwrap().manifest,
            work_tree: Some(root.to_owned()),
        })
    }

    #[test]
    fn the_last_valid_one_goes_on_and_what_is_wrong_is_told() {
        let root = tempfile::tempdir().unwrap();
        let manifests = manifests(root.path());
        let write = |text: &str| fs::write(root.path().join(FILE), text).unwrap();

        assert_eq!(manifests.read().environments.len(), 1);
        assert!(manifests.wrong().is_some(), "there is no file");

        write(&format!(
            "{VALID}[environments.production]\nbranch = \"live\"\n"
        ));
        assert_eq!(manifests.read().environments.len(), 2);
        assert_eq!(manifests.wrong(), None);

        write("[project\n");
        assert_eq!(manifests.read().environments.len(), 2);
        assert!(manifests.wrong().is_some());

        fs::write(root.path().join(FILE), b"\xff\xfe").unwrap();
        assert_eq!(manifests.read().environments.len(), 2);
        assert_eq!(
            manifests.wrong().as_deref(),
            Some("towpath.toml is not UTF-8")
        );

        write(VALID);
        assert_eq!(manifests.read().environments.len(), 1);
        assert_eq!(manifests.wrong(), None);
    }
}
