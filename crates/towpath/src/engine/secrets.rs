//! The secret file that counts now: the newest of what the branch, the release and this data directory have.
//!
//! A release that is returned to brings its own configuration, and an old secret file. The secrets that count are those of
//! now: the branch's, where it contains the release; otherwise the file with more generations. A copy of it is kept, for a day
//! on which git is not there.

use std::path::{Path, PathBuf};

use towpath_core::{
    manifest::{Environment, Manifest},
    path::Release,
};
use towpath_secrets::file::Shut;

use super::Engine;
use crate::config::{ConfigError, place_of};

/// What becomes of a secret file in git that is damaged, where an older one is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damaged {
    /// It is refused: nothing new is begun with secrets that may have been replaced.
    Refused,
    /// The newest that is whole counts: what was configured before goes on, or comes back.
    PassedOver,
}

impl Engine {
    /// An environment's secret file; `None` where there is none anywhere.
    pub(super) async fn secret_file(
        &self,
        release: &Release,
        manifest: &Manifest,
        environment: &Environment,
        damaged: Damaged,
    ) -> Result<Option<Shut>, ConfigError> {
        let file = environment.secret_file();
        let place = place_of(manifest, environment);
        let kept_at = self.kept_secrets(environment);
        let candidates = self.candidates(release, environment, &file, &kept_at).await;
        if let (Damaged::Refused, Some(bytes)) = (damaged, candidates.first()) {
            Shut::of(bytes, file.as_ref(), &place)?;
        }
        let generation = |shut: &Shut| shut.ledger().map_or(0, |ledger| ledger.generation);
        let mut newest: Option<(Vec<u8>, Shut)> = None;
        let mut wrong = None;
        for bytes in candidates {
            match Shut::of(&bytes, file.as_ref(), &place) {
                // Of two that are as new, the branch's wins.
                Ok(shut)
                    if newest
                        .as_ref()
                        .is_none_or(|(_, known)| generation(&shut) > generation(known)) =>
                {
                    newest = Some((bytes, shut));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a secret file is passed over");
                    wrong = wrong.or(Some(error));
                }
            }
        }
        match (newest, wrong) {
            (Some((bytes, shut)), _) => {
                if std::fs::read(&kept_at).ok().as_deref() != Some(&bytes) {
                    self.keep_secrets(&kept_at, &bytes);
                }
                Ok(Some(shut))
            }
            (None, Some(error)) => Err(error.into()),
            (None, None) => Ok(None),
        }
    }

    /// The files that may count, the likeliest first. What the branch has now counts alone for a release that it contains: also where
    /// the file was removed there, or begun anew. A copy that is kept counts where the branch cannot be asked.
    async fn candidates(
        &self,
        release: &Release,
        environment: &Environment,
        file: &str,
        kept_at: &Path,
    ) -> Vec<Vec<u8>> {
        let commit = &release.source.commit;
        let of_release = match self.mirror.file(commit, file).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the release's secret file cannot be read");
                None
            }
        };
        let kept = || std::fs::read(kept_at).ok();
        // A project without secrets asks nobody.
        if of_release.is_none() && !kept_at.exists() {
            return Vec::new();
        }
        let branch = environment
            .branch
            .as_ref()
            .and_then(|branch| branch.exact());
        let tip = match branch {
            Some(branch) => self.mirror.resolve(branch, None).await.ok(),
            None => None,
        };
        let Some(tip) = tip else {
            return of_release.into_iter().chain(kept()).collect();
        };
        let on_branch = self.mirror.file(&tip, file).await.ok().flatten();
        match self.mirror.is_ancestor(commit, &tip).await {
            Ok(true) => on_branch.into_iter().collect(),
            _ => on_branch.into_iter().chain(of_release).collect(),
        }
    }

    fn kept_secrets(&self, environment: &Environment) -> PathBuf {
        self.home
            .root()
            .join("secrets")
            .join(environment.name.as_str())
    }

    /// Keeps a copy; it is sealed as it is in the repository. Without one, a rollback needs git.
    fn keep_secrets(&self, path: &Path, bytes: &[u8]) {
        let kept = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let kept = kept.and_then(|()| crate::files::replace_bytes(path, bytes));
        if let Err(error) = kept {
            tracing::warn!(%error, "the secret file could not be kept");
        }
    }
}
