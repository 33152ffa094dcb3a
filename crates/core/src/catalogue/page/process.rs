//! How a release passes an environment, in words, from what is really done there.

use super::markdown::{code, text};
use crate::{
    manifest::{Environment, HttpCheck, Manifest, OnFailure, Service, Watch},
    names::ServiceName,
    time::human,
};

/// The steps, in the order of the phases.
pub(super) fn of(manifest: &Manifest, environment: &Environment) -> Vec<String> {
    let mut steps = vec![way_in(environment)];
    steps.extend(gates(manifest, environment));
    if manifest
        .services
        .values()
        .any(|service| service.build.is_some())
    {
        steps.push("The release is built once; every environment gets the same bytes.".into());
    }
    steps.extend(migrations(manifest, environment));
    if !environment.config.is_empty() {
        let keys: Vec<String> = environment.config.keys().map(|key| code(key)).collect();
        steps.push(format!("The configuration is pinned: {}.", keys.join(", ")));
    }
    steps.extend(
        manifest
            .services
            .iter()
            .map(|(name, service)| rollout(name, service)),
    );
    let several = manifest.services.len() > 1;
    steps.extend(
        environment
            .smoke
            .iter()
            .map(|check| format!("Smoke test: {}.", request(check, several))),
    );
    steps.extend(environment.test.iter().map(|test| {
        format!(
            "Automated test: {} passes within {}.",
            code(&test.run),
            human(test.within)
        )
    }));
    steps.extend(environment.sign_off.iter().map(|rule| {
        format!(
            "Sign-off {}: someone who is {} signs within {}.",
            code(&rule.name),
            code(rule.role.as_str()),
            human(rule.within)
        )
    }));
    steps.extend(environment.watch.as_ref().map(watch));
    if !manifest.services.is_empty() {
        steps.push(match environment.on_failure {
            OnFailure::Rollback => {
                "When something fails after the traffic has moved, the last verified release takes it back.".into()
            }
            OnFailure::Hold => {
                "When something fails after the traffic has moved, it stays as it is, so that people can look.".into()
            }
        });
    }
    steps
}

fn way_in(environment: &Environment) -> String {
    let after: Vec<&str> = environment.after.iter().map(|name| name.as_str()).collect();
    let verified = match after.as_slice() {
        [] => String::new(),
        after => format!(", if it is verified in {}", after.join(" and ")),
    };
    match &environment.branch {
        Some(branch) => {
            let branch = match branch.exact() {
                Some(branch) => code(branch),
                None => format!("a branch like {}", code(&branch.0)),
            };
            format!("What is pushed to {branch} is deployed{verified}.")
        }
        None if after.is_empty() => "A release is deployed by hand.".into(),
        None => format!("A release is promoted from {}.", after.join(" or ")),
    }
}

fn gates(manifest: &Manifest, environment: &Environment) -> Option<String> {
    let mut freezes = manifest.freezes.iter();
    let names: Vec<String> = freezes
        .by_ref()
        .filter(|freeze| freeze.environments.contains(&environment.name))
        .map(|freeze| match &freeze.reason {
            Some(reason) => format!("{} ({})", code(&freeze.name), text(reason)),
            None => code(&freeze.name),
        })
        .collect();
    match names.as_slice() {
        [] => None,
        names => Some(format!(
            "It waits while a freeze holds: {}.",
            names.join(", ")
        )),
    }
}

fn migrations(manifest: &Manifest, environment: &Environment) -> Vec<String> {
    let migrated = manifest
        .databases
        .iter()
        .filter(|(_, database)| database.migrations.is_some());
    let said = migrated.map(|(name, _)| {
        let home = manifest.database_home(&environment.name, name);
        let whose = match home == environment.name {
            true => String::new(),
            false => format!(" of {home}"),
        };
        format!(
            "Migrations of database {}{whose} are applied, after a snapshot.",
            code(name.as_str())
        )
    });
    said.collect()
}

fn rollout(name: &ServiceName, service: &Service) -> String {
    let copies = match service.instances {
        1 => String::new(),
        copies => format!(" in {copies} copies"),
    };
    let healthy = match &service.health.path {
        Some(path) => format!("{} answers", code(path)),
        None => "it takes connections".into(),
    };
    format!(
        "Service {} starts beside the one that serves{copies}, and gets the traffic once {healthy}, within {}.",
        code(name.as_str()),
        human(service.health.within)
    )
}

fn request(check: &HttpCheck, several: bool) -> String {
    let service = match several {
        true => format!(" of {}", code(check.service.as_str())),
        false => String::new(),
    };
    let contains = check
        .contains
        .as_ref()
        .map_or(String::new(), |words| format!(" with {}", code(words)));
    format!(
        "{}{service} answers {}{contains}",
        code(&check.get),
        check.expect
    )
}

fn watch(watch: &Watch) -> String {
    let probes: Vec<String> = watch
        .probes
        .iter()
        .map(|probe| {
            let check = probe.check.to_string();
            format!(
                "{} every {}",
                code(check.trim_matches('`')),
                human(probe.every)
            )
        })
        .collect();
    format!(
        "It is watched for {}: {}.",
        human(watch.window),
        probes.join(", ")
    )
}
