//! Git, by its own binary: reading commits, work trees for builds, moving branches.

mod command;
mod mirror;
mod promote;

pub use command::{GitError, committed_file, hooks_of, upstream_of, user_email};
pub use mirror::{Mirror, Tip};
pub use promote::Promoted;
