//! The catalogue: what the environments are, what each uses, and what is shared. Questions to a manifest, answered as
//! values that the command line prints and scripts read, or as the page that people read.

mod backstage;
mod impact;
pub mod import;
pub mod page;
mod parity;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    manifest::{Environment, Manifest, Resource},
    names::{EnvironmentName, GroupName, RoleName},
};

pub use backstage::backstage;
pub use impact::{Impact, Lent, Touched, impact};
pub use parity::{
    Applied, Comparison, Fact, Judged, Observed, Parity, SecretKeys, Seen, SeenSchema, Subject,
    parity,
};

/// An environment, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: EnvironmentName,
    /// The group it belongs to.
    pub group: Option<GroupName>,
    /// Other names that people type.
    pub aliases: Vec<String>,
    /// What it is.
    pub description: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Where people open it.
    pub url: Option<String>,
    /// The branch, or pattern of branches, that feeds it.
    pub branch: Option<String>,
    /// Where a release must be verified first.
    pub after: Vec<EnvironmentName>,
    /// The environment that it mirrors.
    pub mirrors: Option<EnvironmentName>,
    /// What people do here beside what Towpath does.
    pub by_hand: Vec<String>,
    /// Roles of the people who use it.
    pub used_by: Vec<RoleName>,
    /// Who uses what runs here, in words.
    pub audience: Vec<String>,
    /// Accounts or projects at a cloud that hold it.
    pub homes: Vec<Holds>,
    /// Databases that are another environment's: the database, and whose.
    pub borrowed: Vec<Borrowed>,
    /// What it uses, by name.
    pub resources: Vec<Used>,
}

/// An account or project at a cloud that holds an environment, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// Its name in the manifest.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// The vendor's product.
    pub kind: Option<String>,
    /// The vendor's identifier.
    pub id: Option<String>,
    /// Where people look at it.
    pub link: Option<String>,
}

/// A database of another environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borrowed {
    /// The database.
    pub database: crate::names::DatabaseName,
    /// Who really keeps it.
    pub of: EnvironmentName,
}

/// A resource, as an environment uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Its name in the manifest.
    pub name: String,
    /// What is said of it where it is declared.
    #[serde(flatten)]
    pub resource: Resource,
    /// The environment that declares it.
    pub declared_in: EnvironmentName,
    /// The other environments that use the very same thing, in the manifest's order.
    pub shared_with: Vec<EnvironmentName>,
}

/// Every environment, in the manifest's order.
pub fn entries(manifest: &Manifest) -> Vec<Entry> {
    let sharing = Sharing::of(manifest);
    let environments = manifest.environments.iter();
    environments
        .map(|environment| entry_with(manifest, environment, &sharing))
        .collect()
}

/// One environment.
pub fn entry(manifest: &Manifest, environment: &Environment) -> Entry {
    entry_with(manifest, environment, &Sharing::of(manifest))
}

fn entry_with(manifest: &Manifest, environment: &Environment, sharing: &Sharing<'_>) -> Entry {
    let borrowed = manifest.databases.keys().filter_map(|database| {
        let of = manifest.database_home(&environment.name, database);
        (of != environment.name).then(|| Borrowed {
            database: database.clone(),
            of,
        })
    });
    Entry {
        name: environment.name.clone(),
        group: environment.group.clone(),
        aliases: environment.aliases.clone(),
        description: environment.description.clone(),
        purpose: environment.purpose.clone(),
        url: environment.url.clone(),
        branch: environment.branch.as_ref().map(|branch| branch.0.clone()),
        after: environment.after.clone(),
        mirrors: environment.mirrors.clone(),
        by_hand: environment.by_hand.clone(),
        used_by: environment.used_by.clone(),
        audience: environment.audience.clone(),
        homes: homes_of(manifest, environment),
        borrowed: borrowed.collect(),
        resources: environment
            .resources
            .iter()
            .map(|(name, resource)| sharing.used(environment, name, resource))
            .collect(),
    }
}

fn homes_of(manifest: &Manifest, environment: &Environment) -> Vec<Holds> {
    let group = environment.group.as_ref();
    let group = group.and_then(|name| manifest.groups.get(name));
    let homes = group.into_iter().flat_map(|group| &group.homes);
    homes
        .filter(|(_, home)| home.environments.contains(&environment.name))
        .map(|(name, home)| Holds {
            name: name.clone(),
            title: home.title.clone(),
            kind: home.kind.clone(),
            id: home.id.clone(),
            link: home.link.clone(),
        })
        .collect()
}

/// Which environments use what each of them declares: by who declares it, and by its name.
struct Sharing<'a>(BTreeMap<&'a EnvironmentName, BTreeMap<&'a str, Vec<&'a EnvironmentName>>>);

impl<'a> Sharing<'a> {
    fn of(manifest: &'a Manifest) -> Sharing<'a> {
        let mut users = BTreeMap::<_, BTreeMap<_, Vec<_>>>::new();
        for environment in &manifest.environments {
            for (name, resource) in &environment.resources {
                let declared_in = declared_in(environment, resource);
                let declared = users.entry(declared_in).or_default();
                let users = declared.entry(name.as_str()).or_default();
                users.push(&environment.name);
            }
        }
        Sharing(users)
    }

    /// Who uses a declaration, whoever declares it included.
    fn users(&self, declared_in: &EnvironmentName, name: &str) -> &[&'a EnvironmentName] {
        let declared = self.0.get(declared_in);
        let users = declared.and_then(|declared| declared.get(name));
        users.map_or(&[], Vec::as_slice)
    }

    fn used(&self, environment: &Environment, name: &str, resource: &Resource) -> Used {
        let declared_in = declared_in(environment, resource);
        let others = self.users(declared_in, name).iter();
        Used {
            name: name.to_owned(),
            resource: resource.clone(),
            declared_in: declared_in.clone(),
            shared_with: others
                .filter(|user| **user != &environment.name)
                .map(|user| (*user).clone())
                .collect(),
        }
    }
}

fn declared_in<'a>(environment: &'a Environment, resource: &'a Resource) -> &'a EnvironmentName {
    resource.from.as_ref().unwrap_or(&environment.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    /// Three environments; the mail is one thing for two of them.
    pub(super) const SHARED: &str = r#"
        [project]
        name = "guestbook"
        [services]
        web = { start = "./web" }
        [databases.main]
        [roles]
        developer = { members = ["dana@acme.test"] }
        operator = { members = ["olive@acme.test"] }
        [environments.local]
        used_by = ["developer"]
        databases.main = { same_as = "staging" }
        resources.mail = { from = "stg" }
        [environments.staging]
        aliases = ["stg"]
        branch = "develop"
        used_by = ["developer"]
        resources.mail = { id = "stg-mail", owner = "platform", config = ["MAIL_KEY"] }
        resources.identity = { kind = "okta", id = "stg-id" }
        [environments.production]
        branch = "main"
        after = ["staging"]
        used_by = ["operator"]
        audience = ["end users"]
        resources.identity = { kind = "okta", id = "prd-id" }
    "#;

    pub(super) fn manifest(text: &str) -> Manifest {
        match parse(text, "towpath.toml") {
            Ok(parsed) => parsed.manifest,
            Err(problems) => panic!("{problems}"),
        }
    }

    fn names(names: &[EnvironmentName]) -> Vec<&str> {
        names.iter().map(EnvironmentName::as_str).collect()
    }

    #[test]
    fn what_is_shared_is_the_same_wherever_it_is_used() {
        let all = entries(&manifest(SHARED));
        let [local, staging, production] = all.as_slice() else {
            panic!("{all:?}")
        };
        let [lent] = local.resources.as_slice() else {
            panic!("{local:?}")
        };
        assert_eq!(
            (lent.resource.id.as_deref(), lent.resource.config.len()),
            (Some("stg-mail"), 1)
        );
        assert_eq!(lent.declared_in.as_str(), "staging");
        assert_eq!(names(&lent.shared_with), ["staging"]);
        let [identity, mail] = staging.resources.as_slice() else {
            panic!("{staging:?}")
        };
        assert_eq!(names(&mail.shared_with), ["local"]);
        assert!(
            identity.shared_with.is_empty(),
            "another one of the same name"
        );
        assert_eq!(
            production.resources[0].resource.id.as_deref(),
            Some("prd-id")
        );
    }

    #[test]
    fn a_borrowed_database_is_told() {
        let all = entries(&manifest(SHARED));
        let [borrowed] = all[0].borrowed.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!(
            (borrowed.database.as_str(), borrowed.of.as_str()),
            ("main", "staging")
        );
        assert!(all[1].borrowed.is_empty());
    }
}
