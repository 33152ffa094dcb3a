//! Who acts and where everybody pushes to, as git knows it in a directory. Every command asks that, so it is asked once, and
//! answered while something else is done.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use super::command::{command, git};

/// What is asked for. Git may be told to reach a remote elsewhere than its address says: only git itself knows then.
const KEYS: &str = r"^(user\.email|remote\.origin\.url|url\..*\.insteadof)$";

/// A question that git is answering.
pub struct Question {
    directory: PathBuf,
    child: io::Result<Child>,
}

/// What git says.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// The e-mail address of who acts.
    pub email: Option<String>,
    /// The repository that everybody pushes to: the remote `origin`, or else the directory itself.
    pub upstream: String,
}

impl Question {
    /// Asks it.
    pub fn of(directory: &Path) -> Question {
        let child = command(directory)
            .args(["config", "--null", "--get-regexp", KEYS])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Question {
            directory: directory.to_owned(),
            child,
        }
    }

    /// Waits for the answer. Without git, or where it has nothing to say, nobody is known.
    pub async fn answer(self) -> Identity {
        let output = self.child.and_then(Child::wait_with_output);
        let said = output.map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let said = said.split('\0').filter_map(|line| line.split_once('\n'));
        let (mut email, mut origin, mut is_rewritten) = (None, None, false);
        for (key, value) in said {
            match key {
                // The last one counts, and of addresses of a remote the first one.
                "user.email" => email = Some(value.to_owned()),
                "remote.origin.url" => origin = origin.or_else(|| Some(value.to_owned())),
                _ => is_rewritten = true,
            }
        }
        if is_rewritten && origin.is_some() {
            let rewritten = git(&self.directory, ["remote", "get-url", "origin"]).await;
            origin = rewritten.ok().or(origin);
        }
        Identity {
            email: email.filter(|email| !email.is_empty()),
            upstream: match origin {
                // A relative path is one from the work tree.
                Some(url) if !url.contains(':') => {
                    let path = self.directory.join(&url).canonicalize();
                    path.map_or(url, |path| path.display().to_string())
                }
                Some(url) => url,
                None => self.directory.display().to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(lines: &str) -> (tempfile::TempDir, Identity) {
        let place = tempfile::tempdir().unwrap();
        let made = command(place.path()).args(["init", "-q"]).status().unwrap();
        assert!(made.success());
        let file = place.path().join(".git/config");
        let config = std::fs::read_to_string(&file).unwrap() + lines;
        std::fs::write(file, config).unwrap();
        let identity = Question::of(place.path()).answer().await;
        (place, identity)
    }

    #[tokio::test]
    async fn git_is_believed() {
        let (place, known) =
            told("[user]\n\temail = first@acme.test\n\temail = dana@acme.test\n").await;
        assert_eq!(known.email.as_deref(), Some("dana@acme.test"));
        assert_eq!(known.upstream, place.path().display().to_string());
        let (_, known) =
            told("[remote \"origin\"]\n\turl = git@acme.test:a\n\turl = git@acme.test:b\n").await;
        assert_eq!(known.upstream, "git@acme.test:a");
        let (place, known) = told("[remote \"origin\"]\n\turl = ./.git\n").await;
        assert_eq!(
            known.upstream,
            place
                .path()
                .canonicalize()
                .unwrap()
                .join(".git")
                .display()
                .to_string()
        );
        let (_, known) = told(
            "[remote \"origin\"]\n\turl = acme:ferry\n[url \"ssh://git@acme.test/\"]\n\tinsteadOf = acme:\n",
        )
        .await;
        assert_eq!(known.upstream, "ssh://git@acme.test/ferry");
    }
}
