//! Running git: with a clean environment, never a prompt, and its own words in the error.

use std::{ffi::OsStr, path::Path, process::Stdio};

use tokio::process::Command;

/// Why git could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitError {
    /// It is not there.
    #[error("git is not installed")]
    Missing,
    /// It said no.
    #[error("git {what} failed: {said}")]
    Failed {
        /// The subcommand.
        what: String,
        /// Its own words.
        said: String,
    },
    /// There is no such thing in the repository.
    #[error("{repository} has no commit {revision:?}")]
    NoSuchRevision {
        /// What was asked for.
        revision: String,
        /// Where.
        repository: String,
    },
    /// Someone pushed in between.
    #[error("{branch} moved while it was being updated: {said}")]
    Moved {
        /// The branch.
        branch: String,
        /// Git's own words.
        said: String,
    },
    /// The branches have gone apart.
    #[error(
        "{into} holds changes that {commit} does not have; merging them would make something that nobody verified"
    )]
    Diverged {
        /// The branch.
        into: String,
        /// The verified commit.
        commit: String,
    },
}

impl GitError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            GitError::Missing => "install git with your system's package manager".into(),
            GitError::Failed { said, .. } if said.contains("No space left on device") => {
                "make room on that disk, then run the command again".into()
            }
            GitError::Failed { .. } => "run the same git command by hand to see more".into(),
            GitError::NoSuchRevision { .. } => {
                "`git branch --all` and `git log` show what there is; fetch first if it is elsewhere".into()
            }
            GitError::Moved { .. } => "look at what came in, then try again".into(),
            GitError::Diverged { into, .. } => {
                format!("merge {into} into the branch of the verified release, let that pass, then promote it")
            }
        }
    }
}

/// Git in a directory, with nothing said to it yet.
pub(super) fn command(directory: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("git");
    command
        .arg("-C")
        .arg(directory)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null());
    command
}

/// Runs git in a directory and returns what it printed.
pub(super) async fn git<I, S>(directory: &Path, arguments: I) -> Result<String, GitError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let arguments: Vec<std::ffi::OsString> = arguments
        .into_iter()
        .map(|a| a.as_ref().to_owned())
        .collect();
    let output = Command::from(command(directory))
        .args(&arguments)
        .kill_on_drop(true)
        .output()
        .await;
    let what = || {
        arguments
            .iter()
            .map(|a| a.to_string_lossy())
            .find(|a| !a.starts_with('-') && !a.contains('='))
            .unwrap_or_default()
            .into_owned()
    };
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(GitError::Missing),
        Err(error) => Err(GitError::Failed {
            what: what(),
            said: error.to_string(),
        }),
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let said = if said.is_empty() {
                output.status.to_string()
            } else {
                said
            };
            Err(GitError::Failed { what: what(), said })
        }
    }
}

/// Like `git`, for questions whose answer may be no.
pub(super) async fn asks<I, S>(directory: &Path, arguments: I) -> Result<bool, GitError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    match git(directory, arguments).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The directory of a repository's hooks.
pub async fn hooks_of(work_tree: &Path) -> Result<std::path::PathBuf, GitError> {
    let said = git(work_tree, ["rev-parse", "--git-path", "hooks"]).await?;
    Ok(work_tree.join(said))
}

/// A file of a work tree's last commit, by its path from that directory.
pub async fn committed_file(work_tree: &Path, path: &str) -> Option<String> {
    git(work_tree, ["show", &format!("HEAD:./{path}")])
        .await
        .ok()
}
