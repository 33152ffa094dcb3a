//! Checks across the manifest: that names are used once, references lead somewhere, and what it asks for can happen.

mod config;
mod cycles;
mod databases;
mod environments;
mod names;
mod people;
mod resources;
mod services;

pub(super) use config::values;
pub(super) use names::Directory;
pub(super) use resources::shared;

use super::{report::Report, written::Written};

/// Adds every problem of a manifest whose parts are each well-formed.
pub(super) fn manifest(written: &Written, report: &Report) {
    let directory = Directory::of(written);
    names::check(written, report);
    environments::check(written, &directory, report);
    cycles::check(written, &directory, report);
    people::check(written, report);
    services::check(written, report);
    databases::check(written, report);
    config::check(written, &directory, report);
    resources::check(written, &directory, report);
}
