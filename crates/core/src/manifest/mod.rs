//! `towpath.toml`: what a team's environments are. Reading it is in `parse` and `validate`; these are its values.

mod model;

pub use model::*;
