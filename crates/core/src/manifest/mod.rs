//! `towpath.toml`: what a team's environments are.
//!
//! [`parse`] goes from text to values in four steps: `parse` has the TOML read, `read` takes each key
//! (by `table`, from the one list of them in `keys`), `check` looks across the whole, `build` resolves.
//! [`lint`] has it looked at on a day as well, by `lints`.
//! `model` are the values; `problem` is what is told to people when something is wrong.

mod acceptance;
mod build;
mod check;
mod code;
mod edit;
mod edit_config;
mod format;
mod keys;
mod link;
mod lints;
mod model;
mod moment;
mod parse;
mod pattern;
mod places;
mod problem;
mod production;
mod read;
mod report;
mod schema;
mod starter;
mod suggest;
mod table;
pub(crate) mod write;
mod written;

#[cfg(test)]
mod tests;

pub use acceptance::{Acceptances, Accepted};
pub use code::CODES;
pub use edit::{Change, EditError, Said, Users, Words, edit_resource};
pub use edit_config::{ConfigChange, ConfigEditError, ConfigPlace, edit_config};
pub(crate) use format::{is_branch, is_endpoint, is_link, is_variable};
pub use model::*;
pub use parse::{Linted, Parsed, lint, parse};
pub use problem::{Problem, Problems, Severity};
pub use schema::schema;
pub use starter::starter;
pub use suggest::nearest;
pub use write::write;
