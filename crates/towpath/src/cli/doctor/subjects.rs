//! What is asked: each resource once, wherever it is used, with the credentials of the environment that declares it.

use std::collections::{BTreeMap, BTreeSet};

use towpath_core::{
    catalogue,
    manifest::{Environment, Manifest},
    names::EnvironmentName,
};
use towpath_probe::{Secret, Subject};

/// A resource to ask.
pub(super) struct Asked {
    /// Its name in the manifest.
    pub(super) resource: String,
    /// The environment that declares it.
    pub(super) declared_in: EnvironmentName,
    /// The environments that use it, the one that declares it first.
    pub(super) environments: Vec<EnvironmentName>,
    /// What is asked of it.
    pub(super) subject: Subject,
}

impl Asked {
    /// Which one it is.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.declared_in, self.resource)
    }
}

/// The keys that belong to the resources of an environment that declares them.
pub(super) fn keys_of(environment: &Environment) -> BTreeSet<String> {
    let own = environment
        .resources
        .values()
        .filter(|resource| resource.from.is_none());
    own.flat_map(|resource| resource.config.iter().cloned())
        .collect()
}

/// Every resource that is declared, or those that one environment uses. `given` knows an environment's value of a key.
pub(super) fn subjects(
    manifest: &Manifest,
    only: Option<&EnvironmentName>,
    given: impl Fn(&Environment, &str) -> Option<String>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for entry in catalogue::entries(manifest) {
        for used in entry.resources {
            let is_wanted = match only {
                Some(only) => *only == entry.name,
                None => used.declared_in == entry.name,
            };
            let mut environments = manifest.environments.iter();
            let declaring = environments.find(|e| e.name == used.declared_in);
            let Some(declaring) = declaring.filter(|_| is_wanted) else {
                continue;
            };
            let mut users = vec![entry.name.clone()];
            users.extend(used.shared_with);
            users.sort_by_key(|name| *name != used.declared_in);
            let resource = used.resource;
            asked.push(Asked {
                subject: Subject {
                    credentials: credentials(declaring, &resource.config, &given),
                    kind: resource.kind,
                    id: resource.id,
                    link: resource.link,
                    endpoint: resource.endpoint,
                },
                resource: used.name,
                declared_in: used.declared_in,
                environments: users,
            });
        }
    }
    asked
}

/// The values of the keys that belong to a resource.
fn credentials(
    environment: &Environment,
    keys: &[String],
    given: impl Fn(&Environment, &str) -> Option<String>,
) -> BTreeMap<String, Secret> {
    let value = |key: &String| given(environment, key).filter(|value| !value.is_empty());
    keys.iter()
        .filter_map(|key| Some((key.clone(), Secret::new(value(key)?))))
        .collect()
}

/// The variable in which this process finds a value of an environment, so that one environment's is never used for another.
pub(super) fn given_in(environment: &Environment, key: &str) -> String {
    let name = environment.name.as_str().to_uppercase().replace('-', "_");
    format!("TOWPATH_SECRET_{name}__{key}")
}

#[cfg(test)]
mod tests {
    use towpath_core::manifest::parse;

    use super::*;

    const TEXT: &str = r#"
        project = { name = "guestbook" }
        [environments.local]
        used_by = []
        branch = "x"
        resources.mail = { from = "staging" }
        [environments.staging]
        branch = "develop"
        config = { MAIL_HOST = "mail.test" }
        resources.mail = { kind = "smtp", config = ["MAIL_HOST", "MAIL_KEY"] }
        [environments.prod-eu]
        branch = "main"
        resources.mail = { kind = "smtp", config = ["MAIL_KEY"] }
    "#;

    fn asked(only: Option<&str>) -> Vec<Asked> {
        let manifest = parse(TEXT, "towpath.toml").unwrap().manifest;
        let only = only.map(|name| name.parse().unwrap());
        let given = |environment: &Environment, key: &str| {
            let variable = given_in(environment, key);
            let known = ["TOWPATH_SECRET_STAGING__MAIL_KEY", "MAIL_KEY"];
            let own = environment.config.get(key).cloned();
            own.or_else(|| known.contains(&variable.as_str()).then_some(variable))
        };
        subjects(&manifest, only.as_ref(), given)
    }

    #[test]
    fn each_is_asked_once_with_its_own_credentials() {
        let all = asked(None);
        let places: Vec<_> = all.iter().map(Asked::place).collect();
        assert_eq!(places, ["staging/mail", "prod-eu/mail"]);
        let users: Vec<_> = all[0].environments.iter().map(|e| e.as_str()).collect();
        assert_eq!(users, ["staging", "local"]);
        let keys: Vec<_> = all[0].subject.credentials.iter().collect();
        assert_eq!(
            (keys[0].0.as_str(), keys[0].1.expose()),
            ("MAIL_HOST", "mail.test")
        );
        assert_eq!(keys[1].1.expose(), "TOWPATH_SECRET_STAGING__MAIL_KEY");
        assert!(
            all[1].subject.credentials.is_empty(),
            "another one's are not used"
        );
    }

    #[test]
    fn what_an_environment_shares_is_asked_for_it_too() {
        let local = asked(Some("local"));
        assert_eq!(local.len(), 1);
        assert_eq!(local[0].place(), "staging/mail");
        assert_eq!(local[0].subject.credentials.len(), 2);
    }
}
