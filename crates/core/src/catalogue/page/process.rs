//! How a release passes an environment, in words, from what is really done there.

use super::document::{Word, Words};
use crate::{
    manifest::{Environment, HttpCheck, Manifest, OnFailure, Probe, ProbeCheck, Service, Watch},
    names::ServiceName,
    time::human,
};

/// The steps, in the order of the phases.
pub(super) fn of(manifest: &Manifest, environment: &Environment) -> Vec<Words> {
    let mut steps = vec![way_in(manifest, environment)];
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
        let keys = environment.config.keys().cloned().map(Word::Code);
        let keys = Words::list(keys).plain(".");
        steps.push(Words::from("The configuration is pinned: ").and(keys));
    }
    steps.extend(
        manifest
            .services
            .iter()
            .map(|(name, service)| rollout(name, service)),
    );
    let several = manifest.services.len() > 1;
    let smoke = environment.smoke.iter();
    steps.extend(smoke.map(|check| {
        Words::from("Smoke test: ")
            .and(request(check, several))
            .plain(".")
    }));
    steps.extend(environment.test.iter().map(|test| {
        Words::from("Automated test: ")
            .code(&test.run)
            .plain(format!(" passes within {}.", human(test.within)))
    }));
    steps.extend(environment.sign_off.iter().map(|rule| {
        Words::from("Sign-off ")
            .code(&rule.name)
            .plain(": someone who is ")
            .code(rule.role.as_str())
            .plain(format!(" signs within {}.", human(rule.within)))
    }));
    steps.extend(environment.watch.as_ref().map(watch));
    if !manifest.services.is_empty() {
        steps.push(Words::from(match environment.on_failure {
            OnFailure::Rollback => {
                "When something fails after the traffic has moved, the last verified release takes it back."
            }
            OnFailure::Hold => {
                "When something fails after the traffic has moved, it stays as it is, so that people can look."
            }
        }));
    }
    steps
}

fn way_in(manifest: &Manifest, environment: &Environment) -> Words {
    let after: Vec<&str> = environment.after.iter().map(|name| name.as_str()).collect();
    let verified = match after.as_slice() {
        [] => String::new(),
        after => format!(", if it is verified in {}", after.join(" and ")),
    };
    match &environment.branch {
        Some(branch) => {
            let words = match branch.exact() {
                Some(_) => Words::from("What is pushed to "),
                None => Words::from("What is pushed to a branch like "),
            };
            words
                .code(&branch.0)
                .plain(format!(" is deployed{verified}."))
        }
        None if after.is_empty() => {
            let may_nobody = environment.used_by.is_empty() && environment.allow.deploy.is_none();
            match may_nobody && !manifest.roles.is_empty() {
                true => "Nothing is deployed to it.".into(),
                false => "A release is deployed by hand.".into(),
            }
        }
        None => format!("A release is promoted from {}.", after.join(" or "))
            .as_str()
            .into(),
    }
}

fn gates(manifest: &Manifest, environment: &Environment) -> Option<Words> {
    let holding = manifest
        .freezes
        .iter()
        .filter(|freeze| freeze.environments.contains(&environment.name));
    let mut words = Words::new();
    for freeze in holding {
        words = match words.0.is_empty() {
            true => words.plain("It waits while a freeze holds: "),
            false => words.plain(", "),
        };
        words = words.code(&freeze.name);
        if let Some(reason) = &freeze.reason {
            words = words.plain(format!(" ({reason})"));
        }
    }
    (!words.0.is_empty()).then(|| words.plain("."))
}

fn migrations(manifest: &Manifest, environment: &Environment) -> Vec<Words> {
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
        Words::from("Migrations of database ")
            .code(name.as_str())
            .plain(format!("{whose} are applied, after a snapshot."))
    });
    said.collect()
}

fn rollout(name: &ServiceName, service: &Service) -> Words {
    let copies = match service.instances {
        1 => String::new(),
        copies => format!(" in {copies} copies"),
    };
    let words = Words::from("Service ").code(name.as_str()).plain(format!(
        " starts beside the one that serves{copies}, and gets the traffic once "
    ));
    let words = match &service.health.path {
        Some(path) => words.code(path).plain(" answers"),
        None => words.plain("it takes connections"),
    };
    words.plain(format!(", within {}.", human(service.health.within)))
}

fn request(check: &HttpCheck, several: bool) -> Words {
    let mut words = Words::new().code(&check.get);
    if several {
        words = words.plain(" of ").code(check.service.as_str());
    }
    words = words.plain(format!(" answers {}", check.expect));
    match &check.contains {
        Some(text) => words.plain(" with ").code(text),
        None => words,
    }
}

fn watch(watch: &Watch) -> Words {
    let mut words = Words::from(format!("It is watched for {}", human(watch.window)).as_str());
    for (at, one) in watch.probes.iter().enumerate() {
        words = words.plain(if at == 0 { ": " } else { ", " });
        words = probe(words, one);
    }
    words.plain(".")
}

fn probe(words: Words, probe: &Probe) -> Words {
    let words = match &probe.check {
        ProbeCheck::Command(command) => words.code(&command.run),
        check => words.code(check.to_string()),
    };
    words.plain(format!(" every {}", human(probe.every)))
}
