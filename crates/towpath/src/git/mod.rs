//! Git, by its own binary: reading commits, work trees for builds, moving branches.

mod command;
mod identity;
mod mirror;
mod promote;

pub use command::{GitError, committed_file, hooks_of};
pub use identity::{Identity, Question};
pub use mirror::{Mirror, Tip};
pub use promote::Promoted;
