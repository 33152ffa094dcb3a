//! Our own copy of the repository: what was released stays there, whatever happens to branches elsewhere.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use towpath_core::path::Commit;

use super::command::{GitError, asks, git};

/// How often a work tree is tried to be made, and how long between tries.
const CHECK_OUT_TRIES: u32 = 5;
const CHECK_OUT_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// A bare repository in the data directory.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    upstream: String,
}

fn failed(what: &str) -> impl Fn(io::Error) -> GitError {
    move |error| GitError::Failed {
        what: what.into(),
        said: error.to_string(),
    }
}

/// The name under which a commit is kept.
fn kept(commit: &Commit) -> String {
    format!("refs/towpath/commits/{commit}")
}

/// A branch and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The branch.
    pub branch: String,
    /// Its commit.
    pub commit: Commit,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The commit.
    pub commit: Commit,
    /// Its tree.
    pub tree: String,
    /// Its parents.
    pub parents: Vec<Commit>,
    /// `Name <address>`.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

impl Mirror {
    /// Opens the copy at `path` of the repository `upstream`, and makes it when it is not there.
    pub async fn open(path: &Path, upstream: &str) -> Result<Mirror, GitError> {
        if !path.join("HEAD").exists() {
            let parent = path.parent().unwrap_or(Path::new("."));
            // Under a name of its own first: an aborted start leaves nothing that looks like a repository, and of two starts
            // at once one is quicker.
            let fresh = tempfile::Builder::new()
                .prefix("repository.new-")
                .tempdir_in(parent)
                .map_err(failed("init"))?;
            git(
                fresh.path(),
                ["init", "--quiet", "--bare", "--initial-branch=main"],
            )
            .await?;
            match fs::rename(fresh.path(), path) {
                Err(_) if path.join("HEAD").exists() => {}
                renamed => renamed.map_err(failed("init"))?,
            }
        }
        Ok(Mirror {
            path: path.to_owned(),
            upstream: upstream.to_owned(),
        })
    }

    /// The copy's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the project's repository is.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The upstream's branches as they are now.
    pub async fn tips(&self) -> Result<Vec<Tip>, GitError> {
        let listed = git(&self.path, ["ls-remote", "--heads", &self.upstream]).await?;
        Ok(listed
            .lines()
            .filter_map(|line| {
                let (commit, reference) = line.split_once('\t')?;
                let branch = reference.strip_prefix("refs/heads/")?;
                Some(Tip {
                    branch: branch.to_owned(),
                    commit: Commit(commit.to_owned()),
                })
            })
            .collect())
    }

    /// The tip of the upstream's default branch as it is now; `None` while it has no commit.
    pub async fn default_tip(&self) -> Result<Option<Commit>, GitError> {
        let listed = git(&self.path, ["ls-remote", &self.upstream, "HEAD"]).await?;
        let tip = listed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, reference)| *reference == "HEAD");
        Ok(tip.map(|(commit, _)| Commit(commit.to_owned())))
    }

    /// Resolves a revision: in the user's repository when there is one, then among the upstream's branches, then here.
    pub async fn resolve(&self, revision: &str, local: Option<&Path>) -> Result<Commit, GitError> {
        let wanted = format!("{revision}^{{commit}}");
        let parse = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ];
        if let Some(local) = local
            && let Ok(commit) = git(local, parse).await
        {
            let commit = Commit(commit);
            self.fetch(&commit, Some(local)).await?;
            return Ok(commit);
        }
        if let Some(tip) = self
            .tips()
            .await?
            .into_iter()
            .find(|tip| tip.branch == revision)
        {
            self.fetch(&tip.commit, None).await?;
            return Ok(tip.commit);
        }
        match git(&self.path, parse).await {
            Ok(commit) => Ok(Commit(commit)),
            Err(GitError::Failed { .. }) => Err(GitError::NoSuchRevision {
                revision: revision.to_owned(),
                repository: local.map_or(self.upstream.clone(), |l| l.display().to_string()),
            }),
            Err(error) => Err(error),
        }
    }

    /// Brings a commit in, and keeps it.
    pub async fn fetch(&self, commit: &Commit, from: Option<&Path>) -> Result<(), GitError> {
        if self.keeps(commit).await? {
            return Ok(());
        }
        let source = from.map_or(self.upstream.clone(), |path| path.display().to_string());
        let refspec = format!("{commit}:{}", kept(commit));
        let options = ["--quiet", "--no-tags", "--no-write-fetch-head"];
        let arguments = ["fetch"].into_iter().chain(options);
        match git(&self.path, arguments.chain([&*source, &*refspec])).await {
            // Two at once: git lets one of them write.
            Err(error) if !self.keeps(commit).await? => Err(error),
            _ => Ok(()),
        }
    }

    async fn keeps(&self, commit: &Commit) -> Result<bool, GitError> {
        let wanted = format!("{}^{{commit}}", kept(commit));
        asks(&self.path, ["rev-parse", "--verify", "--quiet", &wanted]).await
    }

    /// What a commit that is here says of itself.
    pub async fn about(&self, commit: &Commit) -> Result<About, GitError> {
        let shown = git(
            &self.path,
            [
                "log",
                "-1",
                "--format=%H%x00%T%x00%P%x00%an <%ae>%x00%s",
                &commit.0,
            ],
        )
        .await?;
        let mut fields = shown.split('\0').map(str::to_owned);
        let mut field = || fields.next().unwrap_or_default();
        Ok(About {
            commit: Commit(field()),
            tree: field(),
            parents: field()
                .split_whitespace()
                .map(|p| Commit(p.to_owned()))
                .collect(),
            author: field(),
            subject: field(),
        })
    }

    /// A file of a commit; `None` when it has none of that name.
    pub async fn file(&self, commit: &Commit, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let object = format!("{commit}:{path}");
        if !asks(&self.path, ["cat-file", "-e", &object]).await? {
            return Ok(None);
        }
        let output = tokio::process::Command::new("git")
            .arg("-C")
            .arg(&self.path)
            .args(["cat-file", "blob", &object])
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .map_err(failed("cat-file"))?;
        match output.status.success() {
            true => Ok(Some(output.stdout)),
            false => Err(GitError::Failed {
                what: "cat-file".into(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            }),
        }
    }

    /// The paths of the files below a directory of a commit, from that directory.
    pub async fn files(&self, commit: &Commit, directory: &str) -> Result<Vec<String>, GitError> {
        let path = match directory.trim_end_matches('/') {
            "" => String::new(),
            directory => format!("{directory}/"),
        };
        let mut arguments = vec!["ls-tree", "-r", "-z", "--name-only", &commit.0];
        if !path.is_empty() {
            arguments.extend(["--", &path]);
        }
        let listed = git(&self.path, arguments).await?;
        Ok(listed
            .split('\0')
            .filter_map(|name| name.strip_prefix(&path))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Makes a clean work tree of a commit at `path`, in place of whatever is there.
    pub async fn check_out(&self, commit: &Commit, path: &Path) -> Result<(), GitError> {
        let mut tries = 1;
        loop {
            let made = async {
                self.remove_tree(path).await?;
                self.add_tree(commit, path).await
            };
            match made.await {
                // The git of a process that was killed may still be at it, in the same place; it soon ends.
                Err(GitError::Failed { .. }) if tries < CHECK_OUT_TRIES => {
                    tries += 1;
                    tokio::time::sleep(CHECK_OUT_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// A work tree is a repository of its own, which borrows our objects: nothing is registered here, so that whoever is
    /// killed while he makes one leaves nothing behind that stands in the way of the next.
    async fn add_tree(&self, commit: &Commit, path: &Path) -> Result<(), GitError> {
        self.lay_out(commit, path).map_err(failed("checkout"))?;
        git(path, ["read-tree", "--reset", "-u", &commit.0]).await?;
        Ok(())
    }

    /// What git asks of a repository, without the samples and hooks that `git init` may bring.
    fn lay_out(&self, commit: &Commit, path: &Path) -> io::Result<()> {
        let git = path.join(".git");
        fs::create_dir_all(git.join("objects/info"))?;
        fs::create_dir(git.join("refs"))?;
        let objects = std::path::absolute(self.path.join("objects"))?;
        let alternates = [objects.as_os_str().as_encoded_bytes(), b"\n"].concat();
        fs::write(git.join("objects/info/alternates"), alternates)?;
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";
        fs::write(git.join("config"), config)?;
        // Last: from here on it is a repository.
        fs::write(git.join("HEAD"), format!("{commit}\n"))
    }

    /// Removes a work tree.
    pub async fn remove_tree(&self, path: &Path) -> Result<(), GitError> {
        match tokio::fs::remove_dir_all(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("checkout")(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    async fn said(directory: &Path, line: &str) -> String {
        let identity = ["-c", "user.name=Dana", "-c", "user.email=dana@acme.test"];
        let arguments = identity.into_iter().chain(line.split(' '));
        git(directory, arguments).await.unwrap()
    }

    /// A repository with a commit, and our copy of it.
    async fn copied(place: &Path) -> (Mirror, Commit) {
        let work = place.join("work");
        fs::create_dir_all(work.join("bin")).unwrap();
        said(&work, "init --quiet --initial-branch=main").await;
        fs::write(work.join("notes"), "one").unwrap();
        fs::write(work.join("bin/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(work.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("notes", work.join("link")).unwrap();
        said(&work, "add --all").await;
        said(&work, "commit --quiet --message one").await;
        let upstream = work.display().to_string();
        let mirror = Mirror::open(&place.join("copy"), &upstream).await.unwrap();
        let commit = mirror.resolve("main", None).await.unwrap();
        (mirror, commit)
    }

    #[tokio::test]
    async fn a_work_tree_is_clean_and_knows_its_commit() {
        let place = tempfile::tempdir().unwrap();
        let (mirror, commit) = copied(place.path()).await;
        let tree = place.path().join("trees/v1");
        mirror.check_out(&commit, &tree).await.unwrap();
        assert_eq!(fs::read_to_string(tree.join("link")).unwrap(), "one");
        let mode = fs::metadata(tree.join("bin/run")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o755);
        assert_eq!(said(&tree, "rev-parse HEAD").await, commit.0);
        assert_eq!(said(&tree, "status --porcelain").await, "");
        assert_eq!(said(&tree, "log -1 --format=%s").await, "one");
        // Whatever somebody did there is gone the next time.
        fs::write(tree.join("notes"), "two").unwrap();
        fs::write(tree.join("more"), "more").unwrap();
        mirror.check_out(&commit, &tree).await.unwrap();
        assert_eq!(fs::read_to_string(tree.join("notes")).unwrap(), "one");
        assert!(!tree.join("more").exists());
        mirror.remove_tree(&tree).await.unwrap();
        mirror.remove_tree(&tree).await.unwrap();
        assert!(!tree.exists());
    }

    #[tokio::test]
    async fn a_work_tree_is_made_again_however_far_the_last_one_came() {
        let place = tempfile::tempdir().unwrap();
        let (mirror, commit) = copied(place.path()).await;
        let tree = place.path().join("trees/v1");
        mirror.lay_out(&commit, &tree).unwrap();
        mirror.check_out(&commit, &tree).await.unwrap();
        fs::write(tree.join(".git/index.lock"), "").unwrap();
        mirror.check_out(&commit, &tree).await.unwrap();
        for tenths in 0..40 {
            let made = mirror.check_out(&commit, &tree);
            let soon = std::time::Duration::from_micros(tenths * 100);
            let _ = tokio::time::timeout(soon, made).await;
        }
        mirror.check_out(&commit, &tree).await.unwrap();
        assert_eq!(said(&tree, "status --porcelain").await, "");
    }
}
