//! The page and the path, as pure values.
//!
//! `manifest` reads `towpath.toml`; `catalogue` answers questions about what it describes; `path` is the
//! state machine that hauls a release through its environments; `journal` is the record of what happened;
//! `target` and `runner` are the traits that drivers implement. Nothing in this crate reads a clock, opens a file or a socket, or knows SQL.

pub mod catalogue;
pub mod config;
pub mod digest;
pub mod journal;
pub mod manifest;
pub mod names;
pub mod path;
pub mod runner;
pub mod target;
pub mod time;
mod version;

pub use digest::Digest;
pub use time::Time;
pub use version::MigrationVersion;
