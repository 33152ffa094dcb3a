//! What `towpath check` looks at beside the manifest's own text: the code, the secret files, references and recipients.

use std::{collections::BTreeMap, path::Path};

use miette::MietteDiagnostic;
use serde::Serialize;
use towpath_core::{
    config::Scope,
    manifest::{Environment, Manifest, Severity},
};
use towpath_secrets::{provider, sops::Recipient};

use super::audit::{Survey, Undeclared, layers};
use crate::{
    cli::{context::MANIFEST, error::CliError},
    config::{Gathered, secret_path, shut},
};

/// Something that is wrong, as the manifest's own problems are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub help: String,
}

impl Finding {
    fn error(code: &'static str, file: String, message: String, help: String) -> Finding {
        Finding {
            file,
            line: 1,
            column: 1,
            code,
            severity: Severity::Error,
            message,
            help,
        }
    }

    /// For a person's terminal.
    pub fn diagnostic(&self) -> MietteDiagnostic {
        let place = format!("{}:{}:{}", self.file, self.line, self.column);
        MietteDiagnostic::new(format!("{place}: {}", self.message))
            .with_code(self.code)
            .with_help(self.help.as_str())
    }
}

/// Everything that is wrong around a manifest that is valid itself.
pub fn findings(
    root: &Path,
    text: &str,
    manifest: &Manifest,
    audits: bool,
) -> Result<Vec<Finding>, CliError> {
    let mut findings = recipients(text, manifest);
    findings.extend(references(text, manifest));
    for environment in &manifest.environments {
        findings.extend(secrets(root, text, manifest, environment));
    }
    if audits && !manifest.config.is_empty() {
        let survey = Survey::of(root, manifest)?;
        findings.extend(survey.undeclared.into_iter().map(undeclared));
    }
    Ok(findings)
}

fn undeclared(one: Undeclared) -> Finding {
    let declare = format!("declare it: `[config.{}]`", one.key);
    let help = match &one.meant {
        Some(meant) => format!("did you mean {meant}? Otherwise {declare}"),
        None => declare,
    };
    let file = one.read.file.display().to_string();
    let message = format!("the code reads {}, which is nowhere declared", one.key);
    Finding {
        line: one.read.line,
        column: one.read.column,
        ..Finding::error("config::undeclared-read", file, message, help)
    }
}

/// A finding of the manifest, at the first place where it has this text.
fn in_manifest(text: &str, what: &str, finding: Finding) -> Finding {
    let at = text.find(what).unwrap_or(0);
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Finding {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        ..finding
    }
}

fn recipients(text: &str, manifest: &Manifest) -> Vec<Finding> {
    let recipients = manifest.recipients.iter();
    let finding = |(name, recipient): (&String, &towpath_core::manifest::Recipient)| {
        let why = recipient.age.parse::<Recipient>().err()?;
        let message = format!("the key of [recipients.{name}] cannot be used: {why}");
        let help = "copy the public key again: a letter of it is wrong".to_owned();
        let finding = Finding::error("manifest::bad-recipient", MANIFEST.into(), message, help);
        Some(in_manifest(text, &recipient.age, finding))
    };
    recipients.filter_map(finding).collect()
}

/// Values of secrets that should say where they are kept, and do not.
fn references(text: &str, manifest: &Manifest) -> Vec<Finding> {
    let defaults: BTreeMap<String, String> = manifest
        .config
        .iter()
        .filter_map(|(key, declared)| Some((key.clone(), declared.default.clone()?)))
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for config in layers(manifest).chain([&defaults]) {
        for (key, value) in config {
            if !manifest.config.get(key).is_some_and(|known| known.secret) {
                continue;
            }
            let Err(why) = provider::check(value) else {
                continue;
            };
            let message = format!("{key} is kept at {value:?}, which is no reference: {why}");
            let help = "the guide's page on secrets has them all".to_owned();
            let finding = Finding::error("secrets::bad-reference", MANIFEST.into(), message, help);
            findings.push(in_manifest(text, value, finding));
        }
    }
    findings
}

/// What is wrong with an environment's secrets, as far as that can be told without opening them.
fn secrets(
    root: &Path,
    text: &str,
    manifest: &Manifest,
    environment: &Environment,
) -> Vec<Finding> {
    let file = environment.secret_file();
    let shut = match shut(root, manifest, environment) {
        Ok(shut) => shut,
        Err(error) => {
            let (code, help) = (error.code(), error.help());
            return vec![Finding::error(code, file, error.to_string(), help)];
        }
    };
    // A developer's own file may have what is missing, and is nobody else's to read.
    if manifest.override_file(environment).is_some() {
        return Vec::new();
    }
    let scope = Scope {
        manifest,
        environment,
        service: None,
    };
    let path = secret_path(root, environment);
    let gathered = Gathered::of(scope, shut, BTreeMap::new(), path);
    let name = &environment.name;
    let missing = gathered.resolution.missing();
    let is_secret = |key: &&str| {
        let entry = gathered.resolution.entries.get(*key);
        entry.is_some_and(|entry| entry.secret)
    };
    let finding = |key: &str| {
        let message = format!("`{name}` has no value for the secret {key}");
        let otherwise = match manifest.config.contains_key(key) {
            true => format!("or write `required = false` into [config.{key}]"),
            false => "it says where a database's server is".into(),
        };
        let help = format!(
            "`towpath secret set {name} {key}` puts it into {file}; or say where it is kept, {otherwise}"
        );
        let finding = Finding::error("config::missing", MANIFEST.into(), message, help);
        in_manifest(text, &format!("[environments.{name}"), finding)
    };
    missing.filter(is_secret).map(finding).collect()
}
