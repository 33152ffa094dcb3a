//! Configuration: keys are declared, secrets are not in the manifest, values are what their types want, and none is missing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Directory;
use crate::{
    config::{
        Entry, Given, MOST_KEYS, Piece, REFERENCES, Resolution, Scope, Source, Type, Unfilled,
        Values, Why, is_reference, parse,
    },
    manifest::{
        Manifest, code,
        places::Places,
        production,
        report::{Draft, Report},
        suggest::{list, nearest},
        table::At,
        written::{ConfigKey, Environment, Name, Variables, Written},
    },
};

type Declared<'a> = BTreeMap<&'a str, &'a ConfigKey>;

/// The variables that say where servers are.
type Servers<'a> = HashSet<&'a str>;

pub(super) fn check(written: &Written, directory: &Directory, report: &Report) {
    let declared: Declared<'_> = written
        .config
        .iter()
        .map(|key| (key.name.value.as_str(), key))
        .collect();
    let keys = declared.len().max(1);
    if keys.saturating_mul(written.environments.len()) > MOST_KEYS {
        let (count, environments) = (declared.len(), written.environments.len());
        let message =
            format!("{count} keys in {environments} environments are more than can be looked at");
        let help = "declare fewer keys";
        report.add(Draft::error(code::TOO_LARGE, &(0..0), message, help));
        return;
    }
    for key in &written.config {
        check_key(key, written, report);
    }
    let servers: Servers<'_> = written
        .databases
        .iter()
        .filter(|written| written.database.engine.is_server())
        .map(|written| written.database.url.as_str())
        .collect();
    let check_layer = |config: &Variables| check_layer(config, &declared, &servers, report);
    for group in &written.groups {
        check_layer(&group.config);
    }
    let mut files: HashMap<String, &Name> = HashMap::new();
    for environment in &written.environments {
        check_layer(&environment.config);
        for service in &environment.services {
            check_layer(&service.config);
        }
        check_recipients(environment, written, report);
        check_overrides(environment, written, directory, report);
        check_file(environment, &mut files, report);
    }
}

fn check_key(key: &ConfigKey, written: &Written, report: &Report) {
    for service in key.services.iter().flatten() {
        let known: Vec<&str> = written
            .services
            .iter()
            .map(|s| s.0.value.as_str())
            .collect();
        super::services::check_service(service, &known, report);
    }
    let add = |code, span, message: String, help: &str| {
        report.add(Draft::error(code, span, message, help));
    };
    match (key.value_type, &key.values) {
        (Type::Enum, None) => add(
            code::MISSING_KEY,
            &key.name.span,
            format!(
                "`values` is missing: {} is an enum of nothing",
                key.name.value
            ),
            "add `values = [\"…\", \"…\"]`",
        ),
        (Type::Enum, Some(_)) | (_, None) => {}
        (other, Some(values)) => add(
            code::KEY_DOES_NOT_FIT,
            &values.span,
            format!("`values` has no meaning beside the type {other}"),
            "write `type = \"enum\"`, or remove it",
        ),
    }
    if let Some(default) = &key.default {
        check_value(key, default, report);
    }
    if let Some(example) = &key.example {
        check_type(key, example, "example", report);
    }
    if let Some(previous) = &key.previous
        && !key.secret
    {
        add(
            code::KEY_DOES_NOT_FIT,
            &previous.span,
            "`previous` has no meaning where nothing is secret".to_owned(),
            "add `secret = true`, or remove it: only secrets are rotated",
        );
    }
    if let Some(required) = &key.required
        && required.value
        && key.default.is_some()
    {
        let message = format!("{} has a default, so it cannot be missing", key.name.value);
        let help = "remove `required`, or the default";
        report.add(Draft::warning(
            code::KEY_DOES_NOT_FIT,
            &required.span,
            message,
            help,
        ));
    }
}

fn check_layer(
    config: &Variables,
    declared: &Declared<'_>,
    servers: &Servers<'_>,
    report: &Report,
) {
    for (name, value) in config {
        let is_server = servers.contains(name.value.as_str());
        if is_server && has_password(&value.value) {
            report.add(secret_in_manifest(&name.value, value));
            continue;
        }
        match declared.get(name.value.as_str()) {
            None if is_server => {
                check_template(value, report);
            }
            Some(key) => check_value(key, value, report),
            None if declared.is_empty() => {
                check_template(value, report);
            }
            None => undeclared(name, declared, report),
        }
    }
}

fn undeclared(name: &Name, declared: &Declared<'_>, report: &Report) {
    if report.is_full() {
        return;
    }
    let message = format!("the key {} is nowhere declared", name.value);
    let help = match nearest(&name.value, declared.keys().copied()) {
        Some(meant) => format!(
            "did you mean {meant}? Otherwise declare it: `[config.{}]`",
            name.value
        ),
        None => format!("declare it: `[config.{}]`", name.value),
    };
    report.add(Draft::error(
        code::UNDECLARED_KEY,
        &name.span,
        message,
        help,
    ));
}

/// A value of the manifest, whichever layer it is in.
fn check_value(key: &ConfigKey, value: &At<String>, report: &Report) {
    if !key.secret {
        if check_template(value, report) {
            check_type(key, value, "value", report);
        }
        return;
    }
    if is_reference(&value.value) {
        return;
    }
    report.add(secret_in_manifest(&key.name.value, value));
}

fn secret_in_manifest(name: &str, value: &At<String>) -> Draft {
    let message = format!("{name} is a secret, and its value is in the manifest");
    let help = format!(
        "remove it (and change the secret: it is known now), then `towpath secret set`; or say where it is kept, with one of {}",
        list(REFERENCES)
    );
    Draft::error(code::SECRET_IN_MANIFEST, &value.span, message, help).secret()
}

/// Whether a URL has a password written out in it.
fn has_password(url: &str) -> bool {
    let after = url.split_once("://").map_or("", |(_, after)| after);
    let user = after
        .split('/')
        .next()
        .and_then(|host| host.rsplit_once('@'));
    let password = user.and_then(|(user, _)| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("${"))
}

/// Whether its placeholders are some.
fn check_template(value: &At<String>, report: &Report) -> bool {
    match parse(&value.value) {
        Ok(_) => true,
        Err(error) => {
            let help = "write `${OTHER_KEY}`, `${resource.NAME.id}`, `${database.NAME.url}`, `${environment.url}` or `${project.name}`; `$${` stands for `${`";
            let draft = Draft::error(code::BAD_PLACEHOLDER, &value.span, error.to_string(), help);
            report.add(draft);
            false
        }
    }
}

/// Whether a value without placeholders is what it should be; one with them is looked at when they are replaced.
fn check_type(key: &ConfigKey, value: &At<String>, what: &str, report: &Report) {
    let text = match parse(&value.value).as_deref() {
        Ok([]) => "",
        Ok([Piece::Text(text)]) => &text.clone(),
        _ => return,
    };
    let allowed = key.values.as_ref().map(|values| values.value.as_slice());
    if let Err(should) = key.value_type.check(text, allowed.unwrap_or_default()) {
        report.add(bad_value(&key.name.value, what, &should, &value.span));
    }
}

fn bad_value(key: &str, what: &str, should: &str, span: &std::ops::Range<usize>) -> Draft {
    let message = format!("the {what} of {key} must be {should}");
    let help = format!("change it, or the type in `[config.{key}]`");
    Draft::error(code::BAD_VALUE, span, message, help)
}

fn check_recipients(environment: &Environment, written: &Written, report: &Report) {
    let known: HashSet<&str> = written
        .recipients
        .iter()
        .map(|(name, _)| name.value.as_str())
        .collect();
    for name in &environment.recipients {
        if known.contains(name.value.as_str()) || report.is_full() {
            continue;
        }
        let message = format!("the recipient `{}` is nowhere described", name.value);
        let names = written
            .recipients
            .iter()
            .map(|(name, _)| name.value.as_str());
        let help = match nearest(&name.value, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "describe it: `[recipients.{}]` with `age = \"age1…\"`",
                name.value
            ),
        };
        report.add(Draft::error(
            code::UNKNOWN_RECIPIENT,
            &name.span,
            message,
            help,
        ));
    }
}

fn check_overrides(
    environment: &Environment,
    written: &Written,
    directory: &Directory,
    report: &Report,
) {
    let group = environment.group.as_ref();
    let group = group.and_then(|name| written.groups.get(directory.group(&name.value)?));
    let Some(overrides) = &environment.overrides else {
        return;
    };
    if group.is_some_and(production::is_production) {
        let message = format!(
            "whoever deploys `{}` could change its values",
            environment.name.value
        );
        let help =
            "remove `overrides`: what runs in production is what everybody sees in the manifest";
        report.add(Draft::error(
            code::OVERRIDES_IN_PRODUCTION,
            &overrides.span,
            message,
            help,
        ));
    }
}

/// A file opens for those whom one environment names; it cannot be two's.
fn check_file<'a>(
    environment: &'a Environment,
    files: &mut HashMap<String, &'a Name>,
    report: &Report,
) {
    let default = || format!("secrets/{}.yaml", environment.name.value);
    let file = environment.secrets.clone().unwrap_or_else(default);
    let plain = file.trim_start_matches("./").to_owned();
    if let Some(other) = files.insert(plain, &environment.name) {
        let message = format!(
            "`{}` and `{}` keep their secrets in the same file, {file}",
            other.value, environment.name.value
        );
        let help = "give each a file of its own: who may open it is said for each environment";
        let draft = Draft::error(
            code::SECRET_FILE_TWICE,
            &environment.name.span,
            message,
            help,
        )
        .also(&other.span, format!("`{}`", other.value));
        report.add(draft);
    }
}

/// Adds every problem of the values that environments find in the end, as far as a manifest can tell: secrets are taken
/// for being there.
pub(in crate::manifest) fn values(manifest: &Manifest, places: &Places, report: &Report) {
    let secret = manifest.config.iter().filter(|(_, key)| key.secret);
    let servers = manifest.databases.values();
    let servers = servers.filter(|database| database.engine.is_server());
    let given = Given {
        in_file: secret
            .map(|(key, _)| key)
            .chain(servers.map(|database| &database.url))
            .cloned()
            .collect(),
        ..Given::default()
    };
    let some = || "sqlite:///somewhere".to_owned();
    let values = Values {
        file: given
            .in_file
            .iter()
            .map(|key| (key.clone(), "x".into()))
            .collect(),
        databases: manifest
            .databases
            .keys()
            .map(|name| (name.clone(), some()))
            .collect(),
        ..Values::default()
    };
    for (at, environment) in manifest.environments.iter().enumerate() {
        let services = environment.service_config.keys().map(Some);
        for service in std::iter::once(None).chain(services) {
            if report.is_full() {
                return;
            }
            let scope = Scope {
                manifest,
                environment,
                service,
            };
            let resolution = Resolution::of(scope, &given);
            let (_, unfilled) = resolution.fill_some(&values);
            for one in unfilled {
                let entry = &resolution.entries[&one.key];
                tell(manifest, places, at, entry, &one, report);
            }
        }
    }
}

fn tell(
    manifest: &Manifest,
    places: &Places,
    at: usize,
    entry: &Entry<'_>,
    unfilled: &Unfilled,
    report: &Report,
) {
    let environment = &manifest.environments[at];
    let (name, key) = (environment.name.as_str(), unfilled.key.as_str());
    let chosen = entry.chosen();
    let span = places.value(at, chosen.map(|chosen| &chosen.layer), key);
    let draft = match &unfilled.why {
        // A developer's own file may have it, and is nobody else's to read.
        Why::Missing if manifest.override_file(environment).is_some() => return,
        Why::Missing => {
            let message = format!("`{name}` has no value for {key}");
            let help = format!(
                "add it to `config` of [environments.{name}], give [config.{key}] a default, or write `required = false` there"
            );
            Draft::error(code::MISSING_VALUE, span, message, help)
        }
        Why::Unknown(what) => {
            let message = format!("{key} is made of {what}, which `{name}` does not have");
            let help = "declare it there, or give this environment a value of its own";
            Draft::error(code::BAD_PLACEHOLDER, span, message, help)
        }
        Why::Circle(way) => {
            let message = format!("these values are made of one another: {way}");
            Draft::error(
                code::PLACEHOLDER_CYCLE,
                span,
                message,
                "give one of them a value of its own",
            )
        }
        // What secrets are is not known here; what a reference brings, likewise.
        Why::Type(_) | Why::Nul | Why::TooLong if is_made_of_secrets(entry) => return,
        Why::Type(should) => bad_value(key, &format!("value in `{name}`"), should, span),
        Why::TooLong | Why::Nul => {
            let message = format!("{key} {} in `{name}`", unfilled.why);
            Draft::error(code::BAD_VALUE, span, message, "make it shorter")
        }
        // The one that it needs is told.
        Why::Needs(_) => return,
    };
    report.add(draft);
}

fn is_made_of_secrets(entry: &Entry<'_>) -> bool {
    let is_elsewhere = |source: &Source| matches!(source, Source::Reference(_) | Source::File(_));
    entry.secret
        || entry
            .chosen()
            .is_some_and(|chosen| is_elsewhere(&chosen.source))
}
