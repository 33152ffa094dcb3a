//! `towpath secret import`: values of a file, or of somebody else's secret file, become an environment's secrets.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use towpath_core::manifest::Environment;
use towpath_secrets::{
    dotenv,
    file::is_key,
    sops::{self, Document, Sealed, SopsError},
};

use super::{Tree, private, why};
use crate::{
    cli::{check::plural, error::CliError, exit::Exit, style},
    clock,
};

/// Take over values from a file as an environment's secrets
///
/// The file is dotenv, JSON or YAML, in clear or encrypted by SOPS; one that is encrypted is opened with your keys. In maps within maps, the
/// innermost names count. All values are written at once, with one record. The file itself stays where it is.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret import staging .env.staging --dry-run\n  towpath secret import staging old.enc.yaml --format sops\n  \
                  vault kv get -format=json -field=data app | towpath secret import staging - --format json --overwrite"
)]
pub struct Import {
    /// The environment, by name or alias.
    environment: String,
    /// The file; `-` is standard input.
    file: PathBuf,
    /// What the file is.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Replace the values of secrets that are there.
    #[arg(long)]
    overwrite: bool,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As its name and its text tell.
    Auto,
    /// As npm's dotenv and dotenvx read it.
    Dotenv,
    /// An object, in clear.
    Json,
    /// A map, in clear.
    Yaml,
    /// Encrypted by SOPS, in any of these.
    Sops,
}

/// A key and its value.
type Pair = (String, SecretString);

impl Import {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?.clone();
        let bytes = private::read(&self.file)?;
        let (pairs, is_sealed) = self.pairs(&tree, &environment, &bytes)?;
        check(&tree, &pairs)?;
        let name = environment.name.as_str();
        tree.recorder.list(name).await?;
        let shut = tree.shut(&environment)?;
        let known: BTreeSet<String> = shut
            .iter()
            .flat_map(|shut| shut.keys())
            .map(str::to_owned)
            .collect();
        let (kept, taken): (Vec<Pair>, Vec<Pair>) = pairs
            .into_iter()
            .partition(|(key, _)| known.contains(key) && !self.overwrite);
        let names = |pairs: &[Pair]| pairs.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let (kept, keys) = (names(&kept), names(&taken));
        let changed = match self.dry_run || taken.is_empty() {
            true => Vec::new(),
            false => self.write(&tree, &environment, &taken).await?,
        };
        let file = environment.secret_file();
        if tree.context.json {
            println!(
                "{}",
                json!({"version": 1, "environment": name, "file": file, "dry_run": self.dry_run, "taken": keys, "kept": kept, "changed": changed})
            );
            return Ok(Exit::Done);
        }
        let list = |what: &str, keys: &[String]| {
            if !keys.is_empty() {
                println!("{what}: {}", keys.join(", "));
            }
        };
        if self.dry_run {
            list("would be taken over", &keys);
        } else {
            list("taken over", &changed);
        }
        list(
            "there already, and kept (`--overwrite` replaces them)",
            &kept,
        );
        match (self.dry_run, changed.len()) {
            (true, _) => println!("nothing was written"),
            (false, 0) => println!("{name} is as it was"),
            (false, count) => println!("{} of {name} set; commit {file}", plural(count, "secret")),
        }
        if !is_sealed && !self.dry_run && self.file.as_os_str() != "-" {
            let path = self.file.display();
            eprintln!("{path} holds them in clear: delete it, and look for copies");
        }
        Ok(Exit::Done)
    }

    async fn write(
        &self,
        tree: &Tree,
        environment: &Environment,
        taken: &[Pair],
    ) -> Result<Vec<String>, CliError> {
        let keys = taken.iter().map(|(key, _)| key.clone()).collect();
        let reason = why(self.reason.as_deref(), "taken over from a file");
        let name = environment.name.as_str();
        tree.recorder.write(name, "import", keys, &reason).await?;
        let mut change = tree.change(environment)?;
        let now = clock::now().timestamp();
        let mut changed = Vec::new();
        for (key, value) in taken {
            if change.opened.set(key, value, now)? {
                changed.push(key.clone());
            }
        }
        if !changed.is_empty() || change.is_new {
            change.opened.save(now)?;
        }
        Ok(changed)
    }

    /// What the file holds, and whether it is encrypted.
    fn pairs(
        &self,
        tree: &Tree,
        environment: &Environment,
        bytes: &[u8],
    ) -> Result<(Vec<Pair>, bool), CliError> {
        let form = form_of(&self.file, bytes);
        if matches!(self.format, Format::Auto | Format::Sops) {
            match sealed(bytes, form) {
                Ok(sealed) => {
                    let identities = tree.identities(environment)?;
                    let document = sealed.open(&identities).map_err(|error| self.bad(&error))?;
                    let mut found = Vec::new();
                    leaves(&document, &mut Vec::new(), &mut found);
                    return Ok((distinct(found)?, true));
                }
                // One that was encrypted and is damaged is no file in clear.
                Err(error) if self.format == Format::Sops || is_ciphertext(bytes) => {
                    return Err(self.bad(&error));
                }
                Err(_) => {}
            }
        }
        let form = match self.format {
            Format::Dotenv => sops::Format::Dotenv,
            Format::Json => sops::Format::Json,
            Format::Yaml => sops::Format::Yaml,
            Format::Auto | Format::Sops => form,
        };
        let pairs = match form {
            sops::Format::Dotenv => self.dotenv(bytes)?,
            form => {
                let found = sops::plain(bytes, form).map_err(|error| self.bad(&error))?;
                let last =
                    |(mut path, value): (Vec<String>, SecretString)| Some((path.pop()?, value));
                found.into_iter().filter_map(last).collect()
            }
        };
        Ok((distinct(pairs)?, false))
    }

    fn dotenv(&self, bytes: &[u8]) -> Result<Vec<Pair>, CliError> {
        let text = std::str::from_utf8(bytes).map_err(|error| self.bad(&error))?;
        let entries = dotenv::parse(text).map_err(|error| self.bad(&error))?;
        if let Some(entry) = entries.iter().find(|entry| entry.is_encrypted()) {
            let why = format!("{} is encrypted by dotenvx", entry.key);
            return Err(self.bad(&why));
        }
        for entry in entries.iter().filter(|entry| entry.expands()) {
            let (key, line) = (style::plain(&entry.key), entry.line);
            eprintln!(
                "line {line}: dotenvx would replace something in {key}; it is taken as it is written"
            );
        }
        for line in dotenv::ignored(text) {
            eprintln!("line {line}: is no assignment, and passed over");
        }
        // The last one of a name counts.
        let mut pairs: Vec<Pair> = Vec::new();
        for entry in entries {
            pairs.retain(|(key, _)| *key != entry.key);
            pairs.push((entry.key, entry.value));
        }
        Ok(pairs)
    }

    fn bad(&self, why: &dyn std::fmt::Display) -> CliError {
        CliError::new(
            Exit::Refused,
            "secrets::bad-file",
            format!("could not take over {}: {why}", self.file.display()),
            "`--format` says what the file is; one that is encrypted needs a key that opens it",
        )
    }
}

/// By the file's name; where that says nothing, by what the text begins with.
fn form_of(path: &Path, bytes: &[u8]) -> sops::Format {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match extension {
        Some("json") => sops::Format::Json,
        Some("yaml" | "yml") => sops::Format::Yaml,
        _ if start == Some(&b'{') => sops::Format::Json,
        _ => sops::Format::Dotenv,
    }
}

/// What is encrypted tells its format by being one.
fn sealed(bytes: &[u8], likely: sops::Format) -> Result<Sealed, SopsError> {
    let others = [sops::Format::Yaml, sops::Format::Json, sops::Format::Dotenv];
    let first = Sealed::parse(bytes, likely);
    let mut others = others.into_iter().filter(|form| *form != likely);
    match first {
        Ok(sealed) => Ok(sealed),
        Err(error) => others
            .find_map(|form| Sealed::parse(bytes, form).ok())
            .ok_or(error),
    }
}

fn is_ciphertext(bytes: &[u8]) -> bool {
    let mark = b"ENC[AES256_GCM,";
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// The values of a tree, each by its own name; what Towpath keeps about a file of its own is none.
fn leaves(document: &Document, path: &mut Vec<String>, found: &mut Vec<Pair>) {
    let keys: Vec<String> = {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        document
            .keys(&path)
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    for key in keys {
        if path.is_empty() && key.starts_with("_towpath") {
            continue;
        }
        path.push(key.clone());
        let at: Vec<&str> = path.iter().map(String::as_str).collect();
        match document.get(&at) {
            Some(value) => found.extend(value.text().map(|text| (key, text))),
            None => leaves(document, path, found),
        }
        path.pop();
    }
}

fn distinct(pairs: Vec<Pair>) -> Result<Vec<Pair>, CliError> {
    let mut seen = BTreeSet::new();
    for (count, (key, _)) in (1..).zip(&pairs) {
        if !is_key(key) {
            // Not shown: where a file is not what it was taken for, a value stands in the place of a name.
            return Err(CliError::new(
                Exit::Refused,
                "secrets::bad-name",
                format!("the name of value {count} in the file is no name of a variable"),
                "use letters, digits and underscores, not starting with a digit",
            ));
        }
        if !seen.insert(key.as_str()) {
            return Err(CliError::new(
                Exit::Refused,
                "secrets::twice",
                format!("the file has two values for {}", style::plain(key)),
                "take one of them out",
            ));
        }
    }
    Ok(pairs)
}

/// Every key is declared as a secret, and every value is what its type wants; otherwise nothing is taken over.
pub(super) fn check(tree: &Tree, pairs: &[Pair]) -> Result<(), CliError> {
    for (key, value) in pairs {
        let Some(declared) = tree.declared(key)? else {
            continue;
        };
        let checked = declared
            .value_type
            .check(value.expose_secret(), &declared.values);
        checked.map_err(|should| {
            CliError::new(
                Exit::Refused,
                "config::bad-value",
                format!("{key} must be {should}"),
                format!("change it in the file, or the type in [config.{key}]"),
            )
        })?;
    }
    Ok(())
}
