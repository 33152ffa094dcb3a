//! The secret file of one environment: a file in the SOPS format whose tree is project → environment → key.
//!
//! The path is part of what authenticates each value, so one that was moved to another key, another environment's file
//! or another project does not open. Beside the values, in clear and authenticated by a digest of its own, stands a
//! [`Ledger`]: when each value was set, its fingerprint, and who could open the file and no longer can.
//! A change is one file in place of another: at every moment there is the one or the other, whole.

mod change;
mod error;
mod ledger;
mod replace;
mod shut;

#[cfg(test)]
mod tests;

pub use change::{Exposed, Opened, is_key};
pub use error::FileError;
pub use ledger::{Departed, Known, Ledger, Removed};
pub use replace::Lock;
pub use shut::Shut;

/// Whose secrets a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
}

/// The map of what is encrypted and is no secret of the environment.
const OWN: &str = "_towpath";
/// The map of the ledger. SOPS leaves in clear what has this ending, and has its code over it.
const LEDGER: &str = "_towpath_unencrypted";
/// The largest value.
const MOST_VALUE_BYTES: usize = 1 << 20;
