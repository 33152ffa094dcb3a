//! Starting shims, from a process that may die at any moment.

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};
use towpath_secrets::hygiene;

use super::{
    FROM_STANDARD_INPUT, Run, absolute, answer, handover::Confidential, handover::Handover,
};

/// Starts shims from an executable that calls [`super::main`] for its argument `shim`.
#[derive(Debug, Clone)]
pub struct Launcher {
    executable: PathBuf,
}

/// What came of starting a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launched {
    /// The child runs, or ran.
    Started,
    /// Another process looks after this run already, or is clearing it away.
    Held,
    /// The run is over, or must not be started again.
    Over,
}

/// Why a shim could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The executable could not be run.
    #[error("could not start a shim: {0}")]
    Spawn(#[from] io::Error),
    /// The shim said why.
    #[error("the shim {0}")]
    Refused(String),
    /// It was killed before it said anything.
    #[error("the shim ended before it had started the command")]
    Silent,
}

impl Launcher {
    /// Starts shims from `executable`.
    pub fn new(executable: impl Into<PathBuf>) -> Launcher {
        Launcher {
            executable: executable.into(),
        }
    }

    /// Starts shims from the running executable, even if its file has since been replaced.
    pub fn this() -> Launcher {
        Launcher::new("/proc/self/exe")
    }

    /// Starts the shim of a prepared run, whose child gets exactly these variables; returns once the child executes.
    pub async fn launch(
        &self,
        run: &Run,
        variables: &BTreeMap<String, String>,
    ) -> Result<Launched, LaunchError> {
        self.launch_with(run, variables, Confidential::default())
            .await
    }

    /// The same with what nobody else gets to see: further variables and credential files of the child, handed to the
    /// shim in memory and taken out of the child's output.
    pub async fn launch_with(
        &self,
        run: &Run,
        variables: &BTreeMap<String, String>,
        confidential: Confidential,
    ) -> Result<Launched, LaunchError> {
        confidential.check()?;
        let handover = Handover {
            confidential,
            core_limit: hygiene::ordinary_core_limit(),
        };
        let handover = handover.to_bytes()?;
        let mut child = Command::new(&self.executable)
            .arg0("towpath")
            .args([OsString::from("shim"), absolute(run.directory()).into()])
            .arg(FROM_STANDARD_INPUT)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A shim that ends without reading says why, or nothing.
            let _ = stdin.write_all(&handover).await;
        }
        drop(handover);
        let mut said = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut said).await?;
        }
        // The shim outlives us; while we live it is ours to collect.
        tokio::spawn(async move { child.wait().await });
        match said.trim_end() {
            answer::STARTED => Ok(Launched::Started),
            answer::HELD => Ok(Launched::Held),
            answer::OVER => Ok(Launched::Over),
            "" => Err(LaunchError::Silent),
            refused => Err(LaunchError::Refused(refused.to_owned())),
        }
    }
}
