//! What a resource touches: the blast radius of a shared one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Sharing, declared_in};
use crate::{
    manifest::{Manifest, Resource},
    names::{DatabaseName, EnvironmentName, RoleName, ServiceName},
};

/// Everything that one declared resource touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// Its name in the manifest.
    pub resource: String,
    /// Where it is declared.
    pub declared_in: EnvironmentName,
    /// The vendor's identifier.
    pub id: Option<String>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// What it touches, an environment each, in the manifest's order.
    pub touches: Vec<Touched>,
}

/// An environment that a resource touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The environment.
    pub environment: EnvironmentName,
    /// The services that run there.
    pub services: Vec<ServiceName>,
    /// Keys of the environment's configuration that belong to the resource and are set in the manifest.
    pub config: Vec<String>,
    /// Databases that are kept there and used from elsewhere too.
    pub lent: Vec<Lent>,
    /// Roles of the people who use the environment.
    pub roles: Vec<RoleName>,
    /// Who uses what runs there, in words.
    pub audience: Vec<String>,
    /// Environments that its releases come to next.
    pub then: Vec<EnvironmentName>,
}

/// A database that is used from another environment too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lent {
    /// The database.
    pub database: DatabaseName,
    /// Who uses it.
    pub to: EnvironmentName,
}

/// What the resources of that name touch: one for each environment that declares one. `place` chooses among them, by who
/// declares or uses it.
pub fn impact(manifest: &Manifest, name: &str, place: Option<&EnvironmentName>) -> Vec<Impact> {
    let sharing = Sharing::of(manifest);
    let declaring = manifest.environments.iter().filter_map(|environment| {
        let resource = environment.resources.get(name)?;
        (declared_in(environment, resource) == &environment.name).then_some((environment, resource))
    });
    declaring
        .map(|(environment, resource)| of(manifest, &sharing, &environment.name, name, resource))
        .filter(|impact| {
            let mut touched = impact.touches.iter();
            place.is_none_or(|place| touched.any(|touched| touched.environment == *place))
        })
        .collect()
}

fn of(
    manifest: &Manifest,
    sharing: &Sharing<'_>,
    declaring: &EnvironmentName,
    name: &str,
    resource: &Resource,
) -> Impact {
    let users: BTreeSet<&EnvironmentName> =
        sharing.users(declaring, name).iter().copied().collect();
    let touched = manifest
        .environments
        .iter()
        .filter(|e| users.contains(&e.name));
    let touches = touched.map(|environment| {
        let others = || {
            manifest
                .environments
                .iter()
                .filter(|e| e.name != environment.name)
        };
        let lent = manifest.databases.keys().flat_map(|database| {
            let used_by = others().filter(move |other| {
                manifest.database_home(&other.name, database) == environment.name
            });
            used_by.map(|other| Lent {
                database: database.clone(),
                to: other.name.clone(),
            })
        });
        let then = others().filter(|other| other.after.contains(&environment.name));
        Touched {
            environment: environment.name.clone(),
            services: manifest.services.keys().cloned().collect(),
            config: resource
                .config
                .iter()
                .filter(|key| environment.config.contains_key(*key))
                .cloned()
                .collect(),
            lent: lent.collect(),
            roles: environment.used_by.clone(),
            audience: environment.audience.clone(),
            then: then.map(|other| other.name.clone()).collect(),
        }
    });
    Impact {
        resource: name.to_owned(),
        declared_in: declaring.clone(),
        id: resource.id.clone(),
        owner: resource.owner.clone(),
        touches: touches.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    #[test]
    fn a_shared_resource_touches_everyone_who_uses_it() {
        let manifest = manifest(SHARED);
        let found = impact(&manifest, "mail", None);
        let [mail] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(mail.declared_in.as_str(), "staging");
        let touched: Vec<_> = mail
            .touches
            .iter()
            .map(|t| t.environment.as_str())
            .collect();
        assert_eq!(touched, ["local", "staging"]);
        let staging = &mail.touches[1];
        assert_eq!(staging.lent[0].to.as_str(), "local");
        assert_eq!(staging.then[0].as_str(), "production");
    }

    #[test]
    fn resources_of_one_name_are_told_apart_by_place() {
        let manifest = manifest(SHARED);
        let ids = |place: Option<&str>| -> Vec<_> {
            let place = place.map(|place| place.parse().unwrap());
            let found = impact(&manifest, "identity", place.as_ref());
            found.into_iter().filter_map(|impact| impact.id).collect()
        };
        assert_eq!(ids(None), ["stg-id", "prd-id"]);
        assert_eq!(ids(Some("production")), ["prd-id"]);
        assert!(ids(Some("local")).is_empty());
        assert!(impact(&manifest, "analytics", None).is_empty());
    }
}
