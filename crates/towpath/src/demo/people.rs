//! Those who work on the guestbook: what they do with git, in a clone of the repository that everybody pushes to.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{DemoError, sources};

/// The developer.
pub(super) const DANA: &str = "dana";
/// Whose role is `qa`.
pub(super) const QUINN: &str = "quinn";
/// Whose role is `leader`.
pub(super) const LEE: &str = "lee";
/// The operator.
pub(super) const OLIVE: &str = "olive";

/// Their repository and their clone.
#[derive(Debug, Clone)]
pub(super) struct People {
    repository: PathBuf,
    clone: PathBuf,
}

impl People {
    pub(super) fn new(repository: PathBuf, clone: PathBuf) -> People {
        People { repository, clone }
    }

    /// Makes the repository with its two branches, before anything is in it.
    pub(super) async fn begin(&self) -> Result<(), DemoError> {
        let (repository, clone) = (path(&self.repository)?, path(&self.clone)?);
        let here = Path::new("/");
        git(
            here,
            &["init", "-q", "--bare", "--initial-branch=main", repository],
        )
        .await?;
        git(here, &["init", "-q", "--initial-branch=main", clone]).await?;
        let email = format!("{DANA}@acme.test");
        self.git(&["config", "user.name", "Dana"]).await?;
        self.git(&["config", "user.email", &email]).await?;
        self.git(&["remote", "add", "origin", repository]).await?;
        let readme = "# Guestbook\n\nNothing yet.\n";
        fs::write(self.clone.join("README.md"), readme).map_err(write_failed)?;
        self.commit("Begin").await?;
        self.git(&["branch", "develop"]).await?;
        self.git(&["push", "-q", "-u", "origin", "main", "develop"])
            .await
    }

    /// Branches off develop, commits what `change` writes (which says the message), and pushes the branch.
    pub(super) async fn push_feature(
        &self,
        branch: &str,
        change: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<(), DemoError> {
        self.git(&["checkout", "-q", "develop"]).await?;
        self.git(&["pull", "-q", "--rebase", "origin", "develop"])
            .await?;
        self.git(&["checkout", "-q", "-b", branch]).await?;
        let message = change(&self.clone).map_err(write_failed)?;
        self.commit(&message).await?;
        self.git(&["push", "-q", "-u", "origin", branch]).await
    }

    /// Pulls and rebases the branch that is checked out, merges it into develop, and pushes that.
    pub(super) async fn merge(&self, branch: &str) -> Result<(), DemoError> {
        self.git(&["pull", "-q", "--rebase", "origin", "develop"])
            .await?;
        self.git(&["checkout", "-q", "develop"]).await?;
        self.git(&["merge", "-q", "--ff-only", branch]).await?;
        self.git(&["push", "-q", "origin", "develop"]).await
    }

    /// Pushes the branch that is checked out straight to main.
    pub(super) async fn push_to_main(&self) -> Result<(), DemoError> {
        self.git(&["push", "-q", "origin", "HEAD:main"]).await
    }

    async fn commit(&self, message: &str) -> Result<(), DemoError> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "-q", "-m", message]).await
    }

    async fn git(&self, arguments: &[&str]) -> Result<(), DemoError> {
        git(&self.clone, arguments).await
    }
}

/// The first release's files with the message of their commit.
pub(super) fn first_files(clone: &Path) -> io::Result<String> {
    sources::write_first(clone)?;
    Ok(
        "A guestbook for the lock house\n\nVisitors sign it on its page; it is kept in SQLite."
            .into(),
    )
}

fn write_failed(error: io::Error) -> DemoError {
    let what = format!("could not write the guestbook's files: {error}");
    DemoError::new("demo::place", what, "make room on the disk")
}

fn path(path: &Path) -> Result<&str, DemoError> {
    path.to_str().ok_or_else(|| {
        DemoError::new(
            "demo::place",
            format!("{} is not text", path.display()),
            "name a directory that is: --keep DIR",
        )
    })
}

/// Runs git as somebody with no settings of their own, and out of reach of a Ctrl-C that is meant for us.
async fn git(directory: &Path, arguments: &[&str]) -> Result<(), DemoError> {
    let trouble = |said: &str| {
        let what = format!("git {} failed: {}", arguments.join(" "), said.trim());
        DemoError::new(
            "demo::git",
            what,
            "run `git --version`: 2.38 or later is needed",
        )
    };
    let mut command = Command::new("git");
    // As in a hook, where these point to another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output = command
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| trouble(&error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(trouble(&String::from_utf8_lossy(&output.stderr)))
    }
}
