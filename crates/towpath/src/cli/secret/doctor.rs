//! `towpath secret doctor`: whether the secret files are as they should be.

use clap::Args;
use serde_json::json;
use towpath_core::manifest::Environment;
use towpath_secrets::{
    file::{FileError, Lock, Opened},
    fingerprint::FingerprintKey,
};

use super::{Tree, rekey, why};
use crate::{
    cli::{error::CliError, exit::Exit, style},
    clock,
    config::identities,
};

/// Look whether secret files are as they should be, and mend what can be
///
/// Looks at each environment's file: that it opens and is whole, that it opens for those whom the manifest names and for nobody else, that
/// what is required is there, what other tools changed, and what people who left have seen. Ends with status 1 when something is wrong.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret doctor\n  towpath secret doctor production --mend"
)]
pub struct Doctor {
    /// Environments, by name or alias; all, unless said.
    environments: Vec<String>,
    /// Write ledgers anew where they are damaged, behind, or cannot be compared with others.
    #[arg(long)]
    mend: bool,
}

/// What is wrong, and whether it is more than worth knowing.
struct Finding {
    environment: String,
    is_wrong: bool,
    what: String,
}

impl Doctor {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let mut findings = Vec::new();
        let mut exposed = Vec::new();
        let mut shared: Option<FingerprintKey> = None;
        for environment in tree.environments(&self.environments)? {
            let name = environment.name.to_string();
            let mut tell = |is_wrong: bool, what: String| {
                findings.push(Finding {
                    environment: name.clone(),
                    is_wrong,
                    what,
                });
            };
            if !self.environments.is_empty() {
                tree.recorder.list(&name).await?;
            } else if !tree.recorder.may_list(&name).await? {
                tell(
                    false,
                    "you may not list its secrets: it is not looked at".into(),
                );
                continue;
            }
            let shut = match tree.shut(environment) {
                Ok(Some(shut)) => shut,
                Ok(None) => {
                    for key in missing(&tree, environment, &[]) {
                        tell(
                            true,
                            format!(
                                "{key} is required and there is no {}",
                                environment.secret_file()
                            ),
                        );
                    }
                    continue;
                }
                Err(error) if self.mend => return Err(error),
                Err(error) => {
                    tell(true, error.to_string());
                    continue;
                }
            };
            for key in missing(&tree, environment, &shut.keys()) {
                tell(true, format!("{key} is required and missing"));
            }
            for what in strangers(&tree, environment, &shut.recipients()) {
                tell(true, what);
            }
            for key in shut.rotating() {
                tell(false, format!("the rotation of {key} is under way"));
            }
            exposed.push((name.clone(), shut.exposed()));
            let ours = identities()?;
            if !ours
                .recipients()
                .any(|one| shut.recipients().contains(&one.to_string()))
            {
                tell(
                    false,
                    "you have no key that opens it: whether it is whole cannot be told".into(),
                );
                continue;
            }
            let opened = match shut.open(&ours) {
                Err(FileError::Ledger { .. }) if self.mend => shut.open_mending(&ours),
                other => other,
            };
            let opened = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    tell(true, error.to_string());
                    continue;
                }
            };
            for key in opened.changed_elsewhere() {
                tell(
                    false,
                    format!("{key} was changed by another tool; its age is not known"),
                );
            }
            let is_behind = shut.ledger().is_none() || !opened.changed_elsewhere().is_empty();
            let key = shared.get_or_insert_with(|| {
                FingerprintKey::from_bytes(opened.fingerprint_key().expose())
            });
            let is_apart = key.id() != opened.fingerprint_key().id();
            if is_apart && !self.mend {
                tell(
                    false,
                    "its fingerprints cannot be compared with those of the others".into(),
                );
            }
            if self.mend {
                mend(&tree, environment, key, is_behind || is_apart).await?;
            }
        }
        Ok(report(&tree, &findings, &exposed))
    }
}

/// Writes a file's ledger anew.
async fn mend(
    tree: &Tree,
    environment: &Environment,
    key: &FingerprintKey,
    is_needed: bool,
) -> Result<(), CliError> {
    let path = tree.path(environment);
    let _lock = Lock::beside(&path)?;
    let shut = tree.existing(environment)?;
    let ours = identities()?;
    let mut opened: Opened = match shut.open(&ours) {
        Ok(_) if !is_needed => return Ok(()),
        Err(FileError::Ledger { .. }) => shut.open_mending(&ours)?,
        other => other?,
    };
    let keys = opened.keys();
    let name = environment.name.as_str();
    tree.recorder
        .write(
            name,
            "doctor --mend",
            keys,
            &why(None, "the ledger is written anew"),
        )
        .await?;
    opened.adopt_fingerprint_key(FingerprintKey::from_bytes(key.expose()));
    opened.save(clock::now().timestamp())?;
    eprintln!(
        "{name}: the ledger is written anew; commit {}",
        environment.secret_file()
    );
    Ok(())
}

fn missing(tree: &Tree, environment: &Environment, present: &[&str]) -> Vec<String> {
    let declared = tree.context.place.manifest.config.iter();
    let is_missing = |key: &str| !present.contains(&key) && !environment.config.contains_key(key);
    // A developer's own file may have what this one has not.
    let has_overrides = tree
        .context
        .place
        .manifest
        .override_file(environment)
        .is_some();
    declared
        .filter(|(key, known)| {
            known.secret && known.required && known.default.is_none() && is_missing(key)
        })
        .filter(|_| !has_overrides)
        .map(|(key, _)| key.clone())
        .collect()
}

/// Those for whom the file is sealed and who are not named, and the other way round.
fn strangers(tree: &Tree, environment: &Environment, sealed_for: &[String]) -> Vec<String> {
    let known = &tree.context.place.manifest.recipients;
    let named: Vec<(&String, &String)> = environment
        .recipients
        .iter()
        .filter_map(|name| Some((name, &known.get(name)?.age)))
        .collect();
    let extra = sealed_for
        .iter()
        .filter(|key| !named.iter().any(|(_, age)| age == key));
    let extra = extra.map(|key| {
        let name = known.iter().find(|(_, recipient)| recipient.age == *key);
        let name = name.map_or(key.as_str(), |(name, _)| name.as_str());
        format!(
            "it opens for {name}, whom the manifest does not name here: `towpath secret rekey {}`",
            environment.name
        )
    });
    let absent = named.iter().filter(|(_, age)| !sealed_for.contains(age));
    let absent = absent.map(|(name, _)| {
        format!(
            "it does not open for {name}, whom the manifest names: `towpath secret rekey {}`",
            environment.name
        )
    });
    extra.chain(absent).collect()
}

fn report(
    tree: &Tree,
    findings: &[Finding],
    exposed: &[(String, Vec<towpath_secrets::file::Exposed>)],
) -> Exit {
    let is_bad = findings.iter().any(|finding| finding.is_wrong)
        || exposed.iter().any(|(_, exposed)| !exposed.is_empty());
    if tree.context.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|one| json!({"environment": one.environment, "wrong": one.is_wrong, "what": one.what}))
            .collect();
        let exposed: serde_json::Map<_, _> = exposed
            .iter()
            .map(|(name, exposed)| (name.clone(), rekey::shown(exposed)))
            .collect();
        println!(
            "{}",
            json!({"version": 1, "ok": !is_bad, "findings": findings, "exposed": exposed})
        );
    } else {
        let paint = style::of_stdout();
        for finding in findings {
            let mark = match finding.is_wrong {
                true => paint.bad("wrong"),
                false => paint.dim("note "),
            };
            println!("{mark}  {}: {}", finding.environment, finding.what);
        }
        rekey::print(tree, exposed);
        if findings.is_empty() && !is_bad {
            println!("all secret files are as they should be");
        }
    }
    match is_bad {
        true => Exit::Failed,
        false => Exit::Done,
    }
}
