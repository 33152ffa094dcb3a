//! Which group serves end users, and which environments are in it.

use super::{Environment, Manifest, written};

/// Names of the group that serves end users.
const NAMES: [&str; 2] = ["production", "prod"];

/// Whether a group is the one that serves end users, by its name and aliases.
pub(super) fn is_production(group: &written::Group) -> bool {
    let mut names = std::iter::once(&group.name).chain(&group.aliases);
    names.any(|name| NAMES.contains(&name.value.as_str()))
}

impl Manifest {
    /// Whether an environment is in the group that is named or aliased `production` or `prod`.
    pub fn is_production(&self, environment: &Environment) -> bool {
        environment.group.as_ref().is_some_and(|group| {
            let aliases = self.groups.get(group).into_iter().flat_map(|g| &g.aliases);
            let mut names = std::iter::once(group.as_str()).chain(aliases.map(String::as_str));
            names.any(|name| NAMES.contains(&name))
        })
    }
}
