//! The process target: services as processes on this machine, each under a shim, behind the proxy.
//!
//! Everything lies below one root: `jobs/KEY` and `instances/KEY` are run directories of the shim, `proxy` is the
//! proxy's own, `old/KEY.log` is the output of instances that are gone. Ports are reserved for all roots of a user.

mod artifact;
pub mod environment;
mod health;
mod history;
mod instance;
mod ports;
mod runner;
mod target;
mod traffic;

pub use runner::ProcessRunner;
pub use target::ProcessTarget;

use std::{fmt::Display, io};

use serde_json::Value;
use towpath_core::target::{InstanceKey, TargetError};

use crate::shim::LaunchError;

/// A failure of this machine, which may pass.
fn unavailable(what: impl Display) -> impl FnOnce(io::Error) -> TargetError {
    move |cause| TargetError::Unavailable(format!("{what}: {cause}"))
}

/// Why a shim did not start what it was to start.
fn not_launched(what: impl Display) -> impl FnOnce(LaunchError) -> TargetError {
    move |cause| {
        let text = format!("{what}: {cause}");
        match cause {
            // A variable with a name or a value that no variable can have.
            LaunchError::Spawn(cause) if cause.kind() == io::ErrorKind::InvalidInput => {
                TargetError::Invalid(text)
            }
            _ => TargetError::Unavailable(text),
        }
    }
}

/// Whether a key may be the name of a directory.
fn safe(key: &str) -> Result<(), TargetError> {
    let good = !key.is_empty()
        && key.len() <= 200
        && !key.starts_with('.')
        && !key.contains(['/', '\0', '\n']);
    match good {
        true => Ok(()),
        false => Err(TargetError::Invalid(format!(
            "{key:?} cannot be the name of a directory"
        ))),
    }
}

/// The key that a directory or a route is named after.
fn instance_key(name: &str) -> Option<InstanceKey> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leaves_its_directory() {
        let long = "k".repeat(201);
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "a\0", &long] {
            assert!(safe(bad).is_err(), "{bad:?}");
        }
        assert!(safe("staging.web.v3.d7.0").is_ok());
    }
}
