//! Where a manifest says what: for problems that are found among its values, when it is no longer as written.

use std::{collections::HashMap, ops::Range};

use super::{table::At, written};

/// The places of each environment, in the manifest's order.
#[derive(Debug)]
pub(super) struct Places(pub(super) Vec<EnvironmentPlaces>);

/// Where an environment says what.
#[derive(Debug)]
pub(super) struct EnvironmentPlaces {
    /// Its name.
    pub(super) name: Range<usize>,
    /// The name of each resource.
    resources: HashMap<String, Range<usize>>,
    /// Whose each database is, where it says so.
    databases: HashMap<String, Range<usize>>,
    /// The difference of each acceptance, in their order.
    pub(super) accept: Vec<Range<usize>>,
}

impl Places {
    /// Those of a manifest as written.
    pub(super) fn of(written: &written::Written) -> Places {
        Places(written.environments.iter().map(environment).collect())
    }
}

impl EnvironmentPlaces {
    /// Where a resource is named, or else the environment.
    pub(super) fn resource(&self, name: &str) -> &Range<usize> {
        self.resources.get(name).unwrap_or(&self.name)
    }

    /// Where it is said whose a database is, or else the environment.
    pub(super) fn database(&self, name: &str) -> &Range<usize> {
        self.databases.get(name).unwrap_or(&self.name)
    }
}

fn environment(written: &written::Environment) -> EnvironmentPlaces {
    let place = |name: &At<String>| (name.value.clone(), name.span.clone());
    EnvironmentPlaces {
        name: written.name.span.clone(),
        resources: written.resources.iter().map(|r| place(&r.name)).collect(),
        databases: written
            .databases
            .iter()
            .filter_map(|database| {
                let same_as = database.same_as.as_ref()?;
                Some((database.name.value.clone(), same_as.span.clone()))
            })
            .collect(),
        accept: written.accept.iter().map(|at| at.span.clone()).collect(),
    }
}
