//! From the manifest as written and checked to its values: references resolved, defaults filled in. Adds no problems.

use std::{collections::BTreeMap, fmt::Debug, str::FromStr};

use super::{
    Allow, BranchPattern, ConfigKey, Environment, EnvironmentDatabase, Freeze, FreezeWindow,
    GoingBack, Group, Home, HttpCheck, Manifest, NoReturnRule, OnFailure, Probe, ProbeCheck,
    Resource, Role, SignOffRule, Watch,
    check::{self, Directory},
    production,
    written::{self, Asked, Http, Name, Written},
};
use crate::names::{EnvironmentName, GroupName, RoleName, ServiceName};

/// Makes the values of a manifest in which no error was found.
pub(super) fn manifest(written: Written) -> Manifest {
    let names = Names {
        directory: Directory::of(&written),
        environments: written
            .environments
            .iter()
            .map(|e| named(&e.name.value))
            .collect(),
        groups: written
            .groups
            .iter()
            .map(|g| named(&g.name.value))
            .collect(),
        production: written
            .groups
            .iter()
            .map(production::is_production)
            .collect(),
        only_service: written.services.first().map(|s| named(&s.0.value)),
    };
    let shared = check::shared(&written);
    let mut environments: Vec<_> = written
        .environments
        .into_iter()
        .map(|environment| names.environment(environment))
        .collect();
    for ((user, resource), declaring) in shared {
        let from = names.environments[declaring].clone();
        if let Some(resource) = environments[user].resources.get_mut(&resource) {
            resource.from = Some(from);
        }
    }
    share_resources(&mut environments);
    let freezes = written
        .freezes
        .into_iter()
        .filter_map(|freeze| names.freeze(freeze, &environments))
        .collect();
    Manifest {
        project: named(&written.project.name),
        description: written.project.description,
        cache: written.project.cache,
        build_within: written.project.build_within,
        groups: written
            .groups
            .into_iter()
            .map(|written| names.group(written))
            .collect(),
        roles: written.roles.into_iter().map(role).collect(),
        services: written
            .services
            .into_iter()
            .map(|(name, service)| (named(&name.value), service))
            .collect(),
        databases: written
            .databases
            .into_iter()
            .map(|written| (named(&written.name.value), written.database))
            .collect(),
        config: written.config.into_iter().map(config_key).collect(),
        recipients: written
            .recipients
            .into_iter()
            .map(|(name, recipient)| (name.value, recipient))
            .collect(),
        environments,
        freezes,
    }
}

fn config_key(written: written::ConfigKey) -> (String, ConfigKey) {
    let default = written.default.map(|default| default.value);
    let key = ConfigKey {
        value_type: written.value_type,
        description: written.description,
        required: written.required.is_none_or(|said| said.value),
        default,
        example: written.example.map(|example| example.value),
        values: written
            .values
            .map(|values| values.value)
            .unwrap_or_default(),
        secret: written.secret,
        services: written
            .services
            .map(|names| distinct(names.iter().map(|name| named(&name.value)))),
        handed: written.handed,
        previous: written.previous.map(|name| name.value),
    };
    (written.name.value, key)
}

fn variables(written: written::Variables) -> BTreeMap<String, String> {
    let plain = |(name, value): (Name, Name)| (name.value, value.value);
    written.into_iter().map(plain).collect()
}

/// The name as its type.
fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse()
        .expect("names were checked when they were read")
}

fn role(role: written::Role) -> (RoleName, Role) {
    let value = Role {
        members: role.members,
        idp_groups: role.idp_groups,
    };
    (named(&role.name.value), value)
}

fn texts(names: Vec<Name>) -> Vec<String> {
    names.into_iter().map(|name| name.value).collect()
}

/// Names as types, each once, in their order.
fn distinct<T: PartialEq>(names: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

fn roles(names: Vec<Name>) -> Vec<RoleName> {
    distinct(names.iter().map(|name| named(&name.value)))
}

/// What references lead to.
struct Names {
    directory: Directory,
    environments: Vec<EnvironmentName>,
    groups: Vec<GroupName>,
    /// Whether each group is the one that serves end users.
    production: Vec<bool>,
    only_service: Option<ServiceName>,
}

impl Names {
    fn resolved(&self, name: &Name) -> Option<EnvironmentName> {
        let at = self.directory.environment(&name.value)?;
        self.environments.get(at).cloned()
    }

    fn group(&self, group: written::Group) -> (GroupName, Group) {
        let homes = group.homes.into_iter().map(|written| {
            let held = written.environments.iter();
            let home = Home {
                environments: distinct(held.filter_map(|name| self.resolved(name))),
                part_of: written.part_of.map(|name| name.value),
                ..written.home
            };
            (written.name.value, home)
        });
        let value = Group {
            description: group.description,
            aliases: texts(group.aliases),
            config: variables(group.config),
            homes: homes.collect(),
        };
        (named(&group.name.value), value)
    }

    fn environment(&self, written: written::Environment) -> Environment {
        let group = written
            .group
            .and_then(|group| self.directory.group(&group.value));
        let in_production = group.is_some_and(|at| self.production[at]);
        let (default, asks) = if in_production {
            (OnFailure::Rollback, NoReturnRule::Ask)
        } else {
            (OnFailure::Hold, NoReturnRule::Allow)
        };
        Environment {
            name: named(&written.name.value),
            description: written.description,
            purpose: written.purpose,
            url: written.url,
            audience: written.audience,
            aliases: texts(written.aliases),
            group: group.map(|at| self.groups[at].clone()),
            branch: written.branch.map(|branch| BranchPattern(branch.value)),
            after: distinct(written.after.iter().filter_map(|name| self.resolved(name))),
            mirrors: written.mirrors.and_then(|name| self.resolved(&name)),
            parity: written.parity.map(|at| at.value),
            accept: written.accept.into_iter().map(|at| at.value).collect(),
            by_hand: written.by_hand,
            used_by: roles(written.used_by),
            allow: Allow {
                deploy: written.allow.deploy.map(roles),
                rollback: written.allow.rollback.map(roles),
                lock: written.allow.lock.map(roles),
                list_secrets: written.allow.list_secrets.map(roles),
                read_secrets: written.allow.read_secrets.map(roles),
                write_secrets: written.allow.write_secrets.map(roles),
            },
            test: written.test,
            smoke: written
                .smoke
                .into_iter()
                .filter_map(|check| self.http(check))
                .collect(),
            sign_off: written.sign_off.into_iter().filter_map(sign_off).collect(),
            watch: written.watch.map(|watch| self.watch(watch)),
            on_failure: written.on_failure.unwrap_or(default),
            keep_warm: written.keep_warm,
            going_back: GoingBack {
                undo: written.undo,
                no_return: written.no_return.unwrap_or(asks),
                keep_safe_back: written.keep_safe_back,
                proven: written.require.iter().any(|word| word == "rollback-proven"),
            },
            no_drift: written.require.iter().any(|word| word == "no-drift"),
            config: variables(written.config),
            secrets: written.secrets,
            recipients: distinct(texts(written.recipients)),
            overrides: written.overrides.map(|path| path.value),
            listen: written
                .services
                .iter()
                .filter_map(|service| {
                    let listen = service.listen.as_ref()?;
                    Some((named(&service.name.value), listen.value))
                })
                .collect(),
            service_config: written
                .services
                .into_iter()
                .filter(|service| !service.config.is_empty())
                .map(|service| (named(&service.name.value), variables(service.config)))
                .collect(),
            databases: self.databases(written.databases),
            resources: written
                .resources
                .into_iter()
                .map(|written| {
                    let from = written.from.and_then(|name| self.resolved(&name));
                    let resource = Resource {
                        from,
                        ..written.resource
                    };
                    (written.name.value, resource)
                })
                .collect(),
        }
    }

    fn databases(
        &self,
        written: Vec<written::EnvironmentDatabase>,
    ) -> BTreeMap<crate::names::DatabaseName, EnvironmentDatabase> {
        let value = |database: &written::EnvironmentDatabase| EnvironmentDatabase {
            same_as: database
                .same_as
                .as_ref()
                .and_then(|name| self.resolved(name)),
        };
        written
            .iter()
            .map(|database| (named(&database.name.value), value(database)))
            .collect()
    }

    fn service(&self, asked: Asked) -> Option<ServiceName> {
        match asked.service {
            Some(name) => Some(named(&name.value)),
            None => self.only_service.clone(),
        }
    }

    fn http(&self, check: Http) -> Option<HttpCheck> {
        Some(HttpCheck {
            get: check.get,
            service: self.service(check.asked)?,
            expect: check.expect,
            contains: check.contains,
            within: check.within,
        })
    }

    fn watch(&self, watch: written::Watch) -> Watch {
        let probe = |probe: written::Probe| {
            Some(Probe {
                check: match probe.check {
                    written::ProbeCheck::Http(check) => ProbeCheck::Http(self.http(check)?),
                    written::ProbeCheck::ErrorRatio { asked, max } => ProbeCheck::ErrorRatio {
                        service: self.service(asked)?,
                        max,
                    },
                    written::ProbeCheck::Command(command) => ProbeCheck::Command(command),
                },
                every: probe.every,
                max_failures: probe.max_failures,
            })
        };
        Watch {
            window: watch.window,
            probes: watch.probes.into_iter().filter_map(probe).collect(),
        }
    }

    /// A freeze that names neither environments nor groups covers everything.
    fn freeze(&self, freeze: written::Freeze, environments: &[Environment]) -> Option<Freeze> {
        let groups: Vec<&GroupName> = freeze
            .groups
            .iter()
            .filter_map(|name| self.groups.get(self.directory.group(&name.value)?))
            .collect();
        let by_name: Vec<EnvironmentName> = freeze
            .environments
            .iter()
            .filter_map(|name| self.resolved(name))
            .collect();
        let everything = freeze.environments.is_empty() && freeze.groups.is_empty();
        let covers = |environment: &&Environment| {
            everything
                || by_name.contains(&environment.name)
                || environment
                    .group
                    .as_ref()
                    .is_some_and(|group| groups.contains(&group))
        };
        let window: FreezeWindow = freeze.window?;
        Some(Freeze {
            name: freeze.name.value,
            reason: freeze.reason,
            environments: environments
                .iter()
                .filter(covers)
                .map(|environment| environment.name.clone())
                .collect(),
            zone: freeze.zone,
            window,
        })
    }
}

/// Says of a resource that is shared what is said of it where it is declared.
fn share_resources(environments: &mut [Environment]) {
    let declared: BTreeMap<(EnvironmentName, String), Resource> = environments
        .iter()
        .flat_map(|environment| {
            let own = environment.resources.iter();
            own.map(|(name, resource)| {
                let place = (environment.name.clone(), name.clone());
                (place, resource.clone())
            })
        })
        .collect();
    for environment in environments {
        for (name, resource) in &mut environment.resources {
            if let Some(from) = resource.from.clone()
                && let Some(declared) = declared.get(&(from.clone(), name.clone()))
            {
                *resource = Resource {
                    from: Some(from),
                    ..declared.clone()
                };
            }
        }
    }
}

fn sign_off(rule: written::SignOff) -> Option<SignOffRule> {
    Some(SignOffRule {
        name: rule.name.value,
        role: named(&rule.role?.value),
        within: rule.within,
    })
}
