//! `towpath config import`: a dotenv file becomes values of the manifest and secrets of an environment's file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use towpath_core::{
    config::Type,
    manifest::{ConfigChange, ConfigPlace, Environment, Manifest},
};
use towpath_secrets::dotenv::{self, Entry, Expansion};

use super::{audit::layers, guess, set::File};
use crate::{
    cli::{
        Global,
        check::plural,
        context,
        error::CliError,
        exit::Exit,
        secret::{self, Tree, private},
        style, table,
    },
    clock,
};

/// Take over a dotenv file: secrets into the environment's secret file, everything else into the manifest
///
/// The file is read as npm's dotenv and dotenvx read it, and nothing in it is replaced: `$NAME` stays what it is. Keys that nobody declared are
/// refused unless `--declare` declares them, with a type that is guessed and to be looked at. The file itself stays where it is.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config import .env staging --dry-run\n  towpath config import .env staging --declare"
)]
pub struct Import {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// The environment, by name or alias.
    environment: String,
    /// Declare keys that nobody declared.
    #[arg(long)]
    declare: bool,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record of who wrote secrets.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

/// Nothing is lost when it is left out.
const TOWPATHS: &str = "Towpath itself says it";

/// Where an entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    Manifest,
    SecretFile,
    /// Nowhere.
    Left(&'static str),
    Undeclared,
}

/// A variable of the file, and what becomes of it.
struct Taken {
    key: String,
    value: SecretString,
    line: usize,
    value_type: Type,
    goes: Goes,
    is_new: bool,
}

/// Something of the file that is not as it looks.
struct Warning {
    line: usize,
    what: String,
}

impl Import {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let tree = Tree::open(global).await?;
        let file = File::read(global)?;
        let environment = tree.environment(&self.environment)?;
        let text = private::read_text(&self.file)?;
        let (entries, warnings) = read(&text)?;
        let manifest = &tree.context.place.manifest;
        let taken: Vec<Taken> = entries
            .into_iter()
            .map(|entry| take(manifest, entry, self.declare))
            .collect();
        self.refuse_undeclared(&tree, &taken, &warnings)?;
        check_types(manifest, &taken)?;
        let changes = changes(manifest, environment, &taken);
        // Whether the manifest takes them is known before anything is written.
        let edited = file.edited(&changes, global.json)?;
        let has_changed = !self.dry_run && self.write_secrets(&tree, environment, &taken).await?;
        let is_edited = !self.dry_run && file.put(&edited)?;
        tell(
            &tree,
            environment,
            &taken,
            &warnings,
            self.dry_run,
            has_changed || is_edited,
        );
        let is_lost = |one: &Taken| matches!(one.goes, Goes::Left(why) if why != TOWPATHS);
        let is_whole = !taken.iter().any(is_lost);
        Ok(match is_whole {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }

    fn refuse_undeclared(
        &self,
        tree: &Tree,
        taken: &[Taken],
        warnings: &[Warning],
    ) -> Result<(), CliError> {
        let undeclared: Vec<&str> = taken
            .iter()
            .filter(|one| one.goes == Goes::Undeclared)
            .map(|one| one.key.as_str())
            .collect();
        if undeclared.is_empty() {
            return Ok(());
        }
        if !tree.context.json {
            warn(warnings);
        }
        Err(CliError::new(
            Exit::Refused,
            "config::undeclared",
            format!("nobody declared {}", undeclared.join(", ")),
            "`--declare` declares them, with types that are guessed and to be looked at; `--declare --dry-run` shows which",
        ))
    }

    /// Whether anything changed.
    async fn write_secrets(
        &self,
        tree: &Tree,
        environment: &Environment,
        taken: &[Taken],
    ) -> Result<bool, CliError> {
        let secrets: Vec<&Taken> = taken
            .iter()
            .filter(|one| one.goes == Goes::SecretFile)
            .collect();
        if secrets.is_empty() {
            return Ok(false);
        }
        let keys = secrets.iter().map(|one| one.key.clone()).collect();
        let reason = secret::why(self.reason.as_deref(), "taken over from a dotenv file");
        let name = environment.name.as_str();
        let recorder = &tree.recorder;
        recorder.write(name, "config import", keys, &reason).await?;
        let mut change = tree.change(environment)?;
        let now = clock::now().timestamp();
        let mut has_changed = change.is_new;
        for one in secrets {
            has_changed |= change.opened.set(&one.key, &one.value, now)?;
        }
        if has_changed {
            change.opened.save(now)?;
        }
        Ok(has_changed)
    }
}

/// The variables of a file, the last of each name, and what is odd about it.
fn read(text: &str) -> Result<(Vec<Entry>, Vec<Warning>), CliError> {
    let entries = dotenv::parse(text).map_err(|error| {
        CliError::new(
            Exit::Refused,
            "config::bad-file",
            format!("could not {error}"),
            "mend the file",
        )
    })?;
    let mut warnings: Vec<Warning> = dotenv::ignored(text)
        .into_iter()
        .map(|line| Warning {
            line,
            what: "is no assignment: dotenv passes over it".into(),
        })
        .collect();
    let mut last: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in entries {
        warnings.extend(oddities(&entry));
        let line = entry.line;
        if let Some(before) = last.insert(entry.key.clone(), entry) {
            let what = format!("{} is said again in line {line}, which counts", before.key);
            warnings.push(Warning {
                line: before.line,
                what,
            });
        }
    }
    let mut entries: Vec<Entry> = last.into_values().collect();
    entries.sort_by_key(|entry| entry.line);
    warnings.sort_by_key(|warning| warning.line);
    Ok((entries, warnings))
}

fn oddities(entry: &Entry) -> Vec<Warning> {
    let key = &entry.key;
    let mut found = Vec::new();
    match entry.expansion() {
        Some(Expansion::Command) => found.push(format!(
            "dotenvx would run a command in the value of {key}; it is taken as it is written"
        )),
        Some(Expansion::Variable) => found.push(format!(
            "dotenvx would replace a variable in the value of {key}; it is taken as it is written"
        )),
        Some(Expansion::Escape) => found.push(format!(
            "dotenvx would take a backslash out of the value of {key}; it is taken as it is written"
        )),
        None => {}
    }
    if entry.is_unclosed() {
        found.push(format!(
            "the value of {key} begins with a quote that nothing closes"
        ));
    }
    if entry.is_disputed() {
        found.push(format!(
            "dotenv reads another value of {key} than dotenvx; the latter's is taken"
        ));
    }
    let line = entry.line;
    found
        .into_iter()
        .map(|what| Warning { line, what })
        .collect()
}

/// What becomes of a variable.
fn take(manifest: &Manifest, entry: Entry, declares: bool) -> Taken {
    let known = manifest.config.get(&entry.key);
    let value = entry.value.expose_secret();
    let (secret, value_type) = match known {
        Some(known) => (known.secret, known.value_type),
        None => (
            guess::is_secret(&entry.key, value),
            guess::value_type(&entry.key, value),
        ),
    };
    let goes = match left_out(manifest, &entry, secret) {
        Some(why) => Goes::Left(why),
        None if known.is_none() && !declares => Goes::Undeclared,
        None if secret => Goes::SecretFile,
        None => Goes::Manifest,
    };
    Taken {
        goes,
        value_type,
        line: entry.line,
        is_new: known.is_none(),
        key: entry.key,
        value: entry.value,
    }
}

/// Why a variable goes nowhere.
fn left_out(manifest: &Manifest, entry: &Entry, secret: bool) -> Option<&'static str> {
    let key = entry.key.as_str();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = key.chars().all(is_part) && !key.starts_with(|c: char| c.is_ascii_digit());
    let databases = || {
        let mut databases = manifest.databases.values();
        databases.any(|database| database.url == key)
    };
    if !is_name {
        Some("a variable cannot have this name")
    } else if key == "PORT" || key.starts_with("TOWPATH_") || databases() {
        Some(TOWPATHS)
    } else if entry.is_encrypted() {
        Some("it is encrypted by dotenvx: decrypt the file first")
    } else if secret && entry.value.expose_secret().is_empty() {
        Some("a secret cannot be empty")
    } else {
        None
    }
}

fn check_types(manifest: &Manifest, taken: &[Taken]) -> Result<(), CliError> {
    for one in taken
        .iter()
        .filter(|one| !matches!(one.goes, Goes::Left(_)))
    {
        let values = manifest
            .config
            .get(&one.key)
            .map(|known| known.values.as_slice());
        let checked = one
            .value_type
            .check(one.value.expose_secret(), values.unwrap_or_default());
        checked.map_err(|should| {
            CliError::new(
                Exit::Refused,
                "config::bad-value",
                format!("{}, in line {}, must be {should}", one.key, one.line),
                format!("change it there, or the type in [config.{}]", one.key),
            )
        })?;
    }
    Ok(())
}

/// What is to be written into the manifest.
fn changes(manifest: &Manifest, environment: &Environment, taken: &[Taken]) -> Vec<ConfigChange> {
    let mut changes = Vec::new();
    let stays = |one: &&Taken| !matches!(one.goes, Goes::Left(_));
    let new: Vec<&Taken> = taken
        .iter()
        .filter(stays)
        .filter(|one| one.is_new)
        .collect();
    // Once one key is declared, all must be.
    if manifest.config.is_empty() && !new.is_empty() {
        let others: BTreeSet<&String> = layers(manifest).flat_map(BTreeMap::keys).collect();
        let is_other = |key: &&String| !new.iter().any(|one| one.key == **key);
        changes.extend(
            others
                .into_iter()
                .filter(is_other)
                .map(|key| ConfigChange::Declare {
                    key: key.clone(),
                    value_type: Type::String,
                    secret: false,
                }),
        );
    }
    changes.extend(new.into_iter().map(|one| ConfigChange::Declare {
        key: one.key.clone(),
        // What a secret is made of is nobody's to guess.
        value_type: match one.goes {
            Goes::SecretFile => Type::String,
            _ => one.value_type,
        },
        secret: one.goes == Goes::SecretFile,
    }));
    let plain = taken.iter().filter(|one| one.goes == Goes::Manifest);
    changes.extend(plain.map(|one| ConfigChange::Set {
        place: ConfigPlace::Environment(environment.name.clone()),
        key: one.key.clone(),
        // What looks like a placeholder was none.
        value: one.value.expose_secret().replace("${", "$${"),
        value_type: one.value_type,
    }));
    changes
}

fn warn(warnings: &[Warning]) {
    let paint = style::of_stderr();
    for warning in warnings {
        let what = style::plain(&warning.what);
        eprintln!("{} line {}: {what}", paint.waits("note"), warning.line);
    }
}

fn tell(
    tree: &Tree,
    environment: &Environment,
    taken: &[Taken],
    warnings: &[Warning],
    is_dry: bool,
    has_changed: bool,
) {
    let file = environment.secret_file();
    let place = |goes: Goes| match goes {
        Goes::Manifest => context::MANIFEST.to_owned(),
        Goes::SecretFile => file.clone(),
        Goes::Undeclared => "nowhere".into(),
        Goes::Left(why) => format!("left out: {why}"),
    };
    if tree.context.json {
        let entries: Vec<_> = taken
            .iter()
            .map(|one| {
                let left = match one.goes {
                    Goes::Left(why) => Some(why),
                    _ => None,
                };
                json!({
                    "key": one.key,
                    "line": one.line,
                    "to": left.is_none().then(|| place(one.goes)),
                    "left_out": left,
                    "secret": one.goes == Goes::SecretFile,
                    "type": one.value_type,
                    "declared_now": one.is_new && left.is_none(),
                })
            })
            .collect();
        let warnings: Vec<_> = warnings
            .iter()
            .map(|warning| json!({"line": warning.line, "what": warning.what}))
            .collect();
        println!(
            "{}",
            json!({"version": 1, "environment": environment.name, "dry_run": is_dry, "changed": has_changed, "entries": entries, "warnings": warnings})
        );
        return;
    }
    warn(warnings);
    let rows: Vec<Vec<String>> = taken
        .iter()
        .map(|one| {
            let declared = match one.is_new && !matches!(one.goes, Goes::Left(_)) {
                true => format!("declared now, as {}", one.value_type),
                false => String::new(),
            };
            vec![style::plain(&one.key), place(one.goes), declared]
        })
        .collect();
    table::print(&["key", "goes to", ""], &rows);
    let secrets = taken.iter().filter(|one| one.goes == Goes::SecretFile);
    let secrets = secrets.count();
    let plain = taken
        .iter()
        .filter(|one| one.goes == Goes::Manifest)
        .count();
    let counts = format!(
        "{} and {} of {}",
        plural(plain, "value"),
        plural(secrets, "secret"),
        environment.name
    );
    match (is_dry, has_changed) {
        (true, _) => println!("{counts} would be taken over; nothing was written"),
        (false, false) => println!("{counts} are as they were"),
        (false, true) if secrets == 0 => println!("{counts} are taken over"),
        (false, true) => println!(
            "{counts} are taken over; commit {} and {file}, and delete the file that they are from",
            context::MANIFEST
        ),
    }
}
