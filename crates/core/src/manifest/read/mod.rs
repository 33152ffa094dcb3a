//! From the TOML document to the manifest as written: a file for each part.

mod checks;
mod config;
mod environment;
mod freeze;
mod project;

use toml::de::DeTable;

use super::{
    keys::ROOT,
    report::Report,
    table::Table,
    written::{Name, Written},
};

/// Reads the whole document.
pub(super) fn manifest<'a>(root: &'a DeTable<'a>, report: &'a Report) -> Written {
    let root = Table::root(root, &ROOT, report);
    Written {
        project: project::project(&root),
        groups: project::groups(&root),
        roles: project::roles(&root),
        services: project::services(&root),
        databases: project::databases(&root),
        config: config::keys(&root),
        recipients: config::recipients(&root),
        environments: environment::environments(&root),
        freezes: freeze::freezes(&root),
    }
}

/// The texts without their places.
fn values(names: Option<Vec<Name>>) -> Vec<String> {
    names.into_iter().flatten().map(|name| name.value).collect()
}
