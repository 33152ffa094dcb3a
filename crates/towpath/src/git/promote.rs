//! Promotion in the repository: a branch takes in exactly the verified commit, or nothing happens.

use towpath_core::path::Commit;

use super::{
    Mirror,
    command::{GitError, asks, git},
};

/// What became of the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promoted {
    /// It held the commit already.
    Already,
    /// It was moved forward to the commit.
    FastForward,
    /// A merge of the commit was put on it; the merge holds the same files as the commit.
    Merge(Commit),
}

impl Mirror {
    /// Moves the upstream's `branch` to hold `commit`.
    pub async fn promote(&self, commit: &Commit, branch: &str) -> Result<Promoted, GitError> {
        match self.promote_from_its_tip(commit, branch).await {
            // Somebody else was quicker, perhaps with the very same.
            Err(GitError::Moved { .. }) => self.promote_from_its_tip(commit, branch).await,
            promoted => promoted,
        }
    }

    async fn promote_from_its_tip(
        &self,
        commit: &Commit,
        branch: &str,
    ) -> Result<Promoted, GitError> {
        let tip = self
            .tips()
            .await?
            .into_iter()
            .find(|tip| tip.branch == branch);
        let Some(tip) = tip else {
            self.push(commit, branch, None).await?;
            return Ok(Promoted::FastForward);
        };
        self.fetch(&tip.commit, None).await?;
        if self.is_ancestor(commit, &tip.commit).await?
            && self.same_tree(commit, &tip.commit).await?
        {
            return Ok(Promoted::Already);
        }
        if self.is_ancestor(&tip.commit, commit).await? {
            self.push(commit, branch, Some(&tip.commit)).await?;
            return Ok(Promoted::FastForward);
        }
        let merge = self.merge(commit, &tip.commit, branch).await?;
        self.push(&merge, branch, Some(&tip.commit)).await?;
        Ok(Promoted::Merge(merge))
    }

    /// Whether two commits hold the same files.
    pub async fn same_tree(&self, one: &Commit, other: &Commit) -> Result<bool, GitError> {
        Ok(self.about(one).await?.tree == self.about(other).await?.tree)
    }

    /// Whether a commit is another, or one that came before it.
    pub async fn is_ancestor(&self, ancestor: &Commit, of: &Commit) -> Result<bool, GitError> {
        asks(
            self.path(),
            ["merge-base", "--is-ancestor", &ancestor.0, &of.0],
        )
        .await
    }

    /// A merge of `commit` into `tip` that holds exactly the files of `commit`; refused when a real merge would not.
    async fn merge(&self, commit: &Commit, tip: &Commit, branch: &str) -> Result<Commit, GitError> {
        let diverged = || GitError::Diverged {
            into: branch.to_owned(),
            commit: commit.short().to_owned(),
        };
        let merged = git(
            self.path(),
            ["merge-tree", "--write-tree", &tip.0, &commit.0],
        )
        .await;
        let tree = self.about(commit).await?.tree;
        match merged {
            Ok(merged) if merged.lines().next() == Some(&tree) => {}
            Ok(_) | Err(GitError::Failed { .. }) => return Err(diverged()),
            Err(error) => return Err(error),
        }
        let message = format!("Promote {} to {branch}", commit.short());
        let identity = [
            "-c",
            "user.name=Towpath",
            "-c",
            "user.email=towpath@localhost",
        ];
        let arguments = [
            "commit-tree",
            &tree,
            "-p",
            &tip.0,
            "-p",
            &commit.0,
            "-m",
            &message,
        ];
        Ok(Commit(
            git(self.path(), identity.into_iter().chain(arguments)).await?,
        ))
    }

    /// Moves the branch, only from where it was seen.
    async fn push(
        &self,
        commit: &Commit,
        branch: &str,
        from: Option<&Commit>,
    ) -> Result<(), GitError> {
        let expected = from.map_or("", |commit| &commit.0);
        let lease = format!("--force-with-lease=refs/heads/{branch}:{expected}");
        let refspec = format!("{commit}:refs/heads/{branch}");
        match git(
            self.path(),
            ["push", "--quiet", &lease, self.upstream(), &refspec],
        )
        .await
        {
            // The other side's words for a branch that is not where it was expected, or that is being moved right now.
            Err(GitError::Failed { said, .. })
                if said.contains("stale info") || said.contains("cannot lock ref") =>
            {
                Err(GitError::Moved {
                    branch: branch.to_owned(),
                    said,
                })
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}
