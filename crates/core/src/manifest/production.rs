//! Which group serves end users, and which environments are in it.

use super::{Environment, Group, Manifest, written};
use crate::names::GroupName;

/// Names of the group that serves end users.
const NAMES: [&str; 2] = ["production", "prod"];

/// Whether a group is the one that serves end users, by its name and aliases.
pub(super) fn is_production(group: &written::Group) -> bool {
    let mut names = std::iter::once(&group.name).chain(&group.aliases);
    names.any(|name| NAMES.contains(&name.value.as_str()))
}

impl Group {
    /// Whether the group of this name is the one that serves end users.
    pub(super) fn is_production(&self, name: &GroupName) -> bool {
        let aliases = self.aliases.iter().map(String::as_str);
        let mut names = std::iter::once(name.as_str()).chain(aliases);
        names.any(|name| NAMES.contains(&name))
    }
}

impl Manifest {
    /// Whether an environment is in the group that is named or aliased `production` or `prod`.
    pub fn is_production(&self, environment: &Environment) -> bool {
        let group = environment.group.as_ref();
        let described = group.and_then(|name| self.groups.get_key_value(name));
        described.is_some_and(|(name, group)| group.is_production(name))
    }
}
