//! Where a manifest says what: for problems that are found among its values, when it is no longer as written.

use std::{collections::HashMap, ops::Range};

use super::{table::At, written};
use crate::config::Layer;

/// Where things are said.
#[derive(Debug)]
pub(super) struct Places {
    /// The places of each environment, in the manifest's order.
    pub(super) environments: Vec<EnvironmentPlaces>,
    /// The default of each key of configuration, or its name.
    defaults: HashMap<String, Range<usize>>,
    /// The values of each group, by group and key.
    groups: HashMap<(String, String), Range<usize>>,
}

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
    /// The value of each key.
    config: HashMap<String, Range<usize>>,
    /// Likewise, of each service, by service and key.
    services: HashMap<(String, String), Range<usize>>,
}

impl Places {
    /// Those of a manifest as written.
    pub(super) fn of(written: &written::Written) -> Places {
        let defaults = written.config.iter().map(|key| {
            let default = key.default.as_ref().map(|default| &default.span);
            let place = default.unwrap_or(&key.name.span).clone();
            (key.name.value.clone(), place)
        });
        let groups = written
            .groups
            .iter()
            .flat_map(|group| values_of(&group.name.value, &group.config));
        Places {
            environments: written.environments.iter().map(environment).collect(),
            defaults: defaults.collect(),
            groups: groups.collect(),
        }
    }

    /// Where a layer's value of a key is written; the environment, where no layer of the manifest has one.
    pub(super) fn value(&self, at: usize, layer: Option<&Layer>, key: &str) -> &Range<usize> {
        let environment = &self.environments[at];
        let owned = |name: &str| (name.to_owned(), key.to_owned());
        let found = match layer {
            Some(Layer::Default) => self.defaults.get(key),
            Some(Layer::Group(name)) => self.groups.get(&owned(name.as_str())),
            Some(Layer::Environment) => environment.config.get(key),
            Some(Layer::Service(name)) => environment.services.get(&owned(name.as_str())),
            _ => None,
        };
        found.unwrap_or(&environment.name)
    }
}

fn values_of<'a>(
    owner: &'a str,
    config: &'a written::Variables,
) -> impl Iterator<Item = ((String, String), Range<usize>)> + 'a {
    let place = move |(key, value): &(At<String>, At<String>)| {
        ((owner.to_owned(), key.value.clone()), value.span.clone())
    };
    config.iter().map(place)
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
        config: written
            .config
            .iter()
            .map(|(key, value)| (key.value.clone(), value.span.clone()))
            .collect(),
        services: written
            .services
            .iter()
            .flat_map(|service| values_of(&service.name.value, &service.config))
            .collect(),
    }
}
