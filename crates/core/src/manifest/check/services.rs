//! Services and databases: checks ask one that exists, addresses and variables are used once.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::SocketAddr,
    ops::Range,
};

use crate::manifest::{
    code,
    report::{Draft, Report},
    suggest::{list, nearest},
    written::{Asked, Environment, Name, Variables, Written},
};

pub(super) fn check(written: &Written, report: &Report) {
    let services: Vec<&str> = written
        .services
        .iter()
        .map(|s| s.0.value.as_str())
        .collect();
    let databases: Vec<&str> = written
        .databases
        .iter()
        .map(|d| d.name.value.as_str())
        .collect();
    let urls = check_urls(written, report);
    for environment in &written.environments {
        check_asked(environment, &services, report);
        for service in &environment.services {
            check_service(&service.name, &services, report);
        }
        for database in &environment.databases {
            check_database(&database.name, &databases, report);
        }
        check_config(&environment.config, &urls, report);
        for service in &environment.services {
            check_config(&service.config, &urls, report);
        }
    }
    for group in &written.groups {
        check_config(&group.config, &urls, report);
    }
    check_addresses(written, report);
}

fn check_asked(environment: &Environment, services: &[&str], report: &Report) {
    for asked in environment.asked() {
        match (&asked.service, services) {
            (Some(name), _) => check_service(name, services, report),
            (None, []) => {
                report.add(no_service(&asked.span, "this asks a service"));
                // One is enough: the way out is the same for all.
                return;
            }
            (None, [_]) => {}
            (None, several) => which_service(asked, several, report),
        }
    }
}

fn no_service(span: &Range<usize>, what: &str) -> Draft {
    let message = format!("{what}, and the project has none");
    let help = "describe it: `[services.web]` with `start = \"…\"`";
    Draft::error(code::NO_SERVICE, span, message, help)
}

fn which_service(asked: &Asked, services: &[&str], report: &Report) {
    let message = "this does not say which service it asks";
    let help = format!(
        "add `service = \"{}\"`; the services are {}",
        services.first().unwrap_or(&"web"),
        list(services.iter().copied())
    );
    report.add(Draft::error(
        code::WHICH_SERVICE,
        &asked.span,
        message,
        help,
    ));
}

pub(super) fn check_service(name: &Name, services: &[&str], report: &Report) {
    if report.is_full() || services.contains(&name.value.as_str()) {
        return;
    }
    if services.is_empty() {
        let what = format!("this is about the service `{}`", name.value);
        report.add(no_service(&name.span, &what));
        return;
    }
    report.add(unknown("service", code::UNKNOWN_SERVICE, name, services));
}

fn check_database(name: &Name, databases: &[&str], report: &Report) {
    if !report.is_full() && !databases.contains(&name.value.as_str()) {
        report.add(unknown("database", code::UNKNOWN_DATABASE, name, databases));
    }
}

fn unknown(kind: &str, code: &'static str, name: &Name, known: &[&str]) -> Draft {
    let message = format!("the {kind} `{}` is nowhere described", name.value);
    let help = match nearest(&name.value, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("describe it: `[{kind}s.{}]`", name.value),
        None => format!("the {kind}s are {}", list(known.iter().copied())),
    };
    Draft::error(code, &name.span, message, help)
}

/// The variables that Towpath sets to where a database is, and the database of each.
fn check_urls<'a>(written: &'a Written, report: &Report) -> HashMap<&'a str, &'a str> {
    let mut places: HashMap<&str, (&str, &Range<usize>)> = HashMap::new();
    let mut servers = HashSet::new();
    for written in &written.databases {
        let variable = written.database.url.as_str();
        if written.database.engine.is_server() {
            servers.insert(variable);
        }
        if variable == "PORT" {
            let message =
                "PORT tells a service where to listen; it cannot also be a database's URL";
            let help = "name another variable, such as \"DATABASE_URL\"";
            report.add(Draft::error(
                code::RESERVED_VARIABLE,
                &written.url,
                message,
                help,
            ));
        }
        match places.entry(variable) {
            Entry::Vacant(free) => {
                free.insert((&written.name.value, &written.url));
            }
            Entry::Occupied(taken) if !variable.is_empty() => {
                let (other, first) = *taken.get();
                let message = format!(
                    "the databases `{other}` and `{}` are both found in {variable}",
                    written.name.value
                );
                let upper = written.name.value.to_uppercase().replace('-', "_");
                let help = format!("give each its own variable, such as `url = \"{upper}_URL\"`");
                let draft = Draft::error(code::VARIABLE_TWICE, &written.url, message, help)
                    .also(first, format!("`{other}`"));
                report.add(draft);
            }
            Entry::Occupied(_) => {}
        }
    }
    // Where a server is, is for the configuration to say.
    places
        .into_iter()
        .filter(|(url, _)| !servers.contains(url))
        .map(|(url, (name, _))| (url, name))
        .collect()
}

fn check_config(config: &Variables, urls: &HashMap<&str, &str>, report: &Report) {
    for (key, _) in config {
        let (message, help) = match (key.value.as_str(), urls.get(key.value.as_str())) {
            ("PORT", _) => (
                "PORT is set by Towpath, to where the service must listen".to_owned(),
                "remove it; to choose where end users reach a service, write `services.web = { listen = \"127.0.0.1:8080\" }`".to_owned(),
            ),
            (variable, Some(database)) => (
                format!("{variable} is set by Towpath, to the URL of the database `{database}`"),
                format!("remove it, or give the database another variable with `url` in [databases.{database}]"),
            ),
            _ => continue,
        };
        report.add(Draft::error(
            code::RESERVED_VARIABLE,
            &key.span,
            message,
            help,
        ));
    }
}

/// All environments are on one machine by default, so an address is taken for all of them.
fn check_addresses(written: &Written, report: &Report) {
    let mut taken: HashMap<SocketAddr, (String, &Range<usize>)> = HashMap::new();
    // By port: an address of all interfaces, and any address at all.
    let mut anywhere: HashMap<u16, SocketAddr> = HashMap::new();
    let mut somewhere: HashMap<u16, SocketAddr> = HashMap::new();
    let mut told: HashSet<&Range<usize>> = HashSet::new();
    for environment in &written.environments {
        for service in &environment.services {
            let Some(listen) = &service.listen else {
                continue;
            };
            let address = listen.value;
            let who = format!("`{}` of `{}`", service.name.value, environment.name.value);
            let same = taken.contains_key(&address).then_some(address);
            let clash = same
                .or_else(|| anywhere.get(&address.port()).copied())
                .or_else(|| {
                    let all = address.ip().is_unspecified();
                    all.then(|| somewhere.get(&address.port()).copied())
                        .flatten()
                })
                .and_then(|other| taken.get(&other));
            if let Some((other, first)) = clash
                && told.insert(&listen.span)
            {
                let message = format!("{who} listens on {address}, and so does {other}");
                let help = "give one of them another port, or leave `listen` out for a free one";
                let draft = Draft::error(code::SAME_ADDRESS, &listen.span, message, help)
                    .also(first, format!("{other} is here"));
                report.add(draft);
            }
            if address.ip().is_unspecified() {
                anywhere.entry(address.port()).or_insert(address);
            }
            somewhere.entry(address.port()).or_insert(address);
            taken.entry(address).or_insert((who, &listen.span));
        }
    }
}
