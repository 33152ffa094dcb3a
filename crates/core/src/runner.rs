//! What runs a step's command to its end: the trait of builds, tests and command probes.

use std::{collections::BTreeMap, path::PathBuf};

use secrecy::SecretString;

use crate::target::{BoxFuture, TargetError};

/// One command of one attempt; its key names it for good, so that it is never run twice. Never stored: it
/// holds secrets.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// The attempt's idempotency key. Safe as a file name.
    pub key: String,
    /// The command line, run by `sh -c`.
    pub command: String,
    /// Where it runs.
    pub directory: PathBuf,
    /// What it finds in its environment, beside the machine's own variables.
    pub variables: BTreeMap<String, String>,
    /// Further variables that nobody but the command gets to see, see [`InstanceSpec::secrets`].
    ///
    /// [`InstanceSpec::secrets`]: crate::target::InstanceSpec::secrets
    pub secrets: BTreeMap<String, SecretString>,
    /// The contents of credential files, see [`InstanceSpec::credentials`].
    ///
    /// [`InstanceSpec::credentials`]: crate::target::InstanceSpec::credentials
    pub credentials: BTreeMap<String, SecretString>,
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// It was never started.
    Absent,
    /// It runs.
    Running,
    /// It ended by itself.
    Exited {
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// How it ended, for people.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// It was started and is gone, and nobody knows how it ended (the machine went down).
    Lost {
        /// The end of its output.
        tail: String,
    },
}

/// Runs commands that outlive the engine.
pub trait Runner: Send + Sync {
    /// Starts the job unless its key was started before.
    fn start<'a>(&'a self, spec: &'a JobSpec) -> BoxFuture<'a, Result<(), TargetError>>;

    /// Asks what became of it.
    fn observe<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>>;

    /// Returns when the job is no longer running, at once when it is not.
    fn ended<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<JobState, TargetError>>;

    /// Ends the job and everything it started, and returns when it is verified gone.
    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>>;

    /// Removes what is kept of a job that has ended. A job of the same key could be started anew.
    fn forget<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), TargetError>>;

    /// The file that holds its output.
    fn output(&self, key: &str) -> PathBuf;
}
