//! `towpath secret edit`: an environment's secrets in an editor.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::IsTerminal,
    path::Path,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use towpath_core::manifest::Environment;
use towpath_secrets::dotenv;
use zeroize::Zeroizing;

use super::{Tree, import, memory::Text, why};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock,
    config::KEY_VARIABLES,
};

/// Edit an environment's secrets in your editor
///
/// Opens VISUAL, or EDITOR, on a text with a line for each secret, in memory and never on a disk. What you set, change and take out is written at
/// once, with one record; a text that is not understood comes back with the reason on top.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret edit staging\n  EDITOR='code --wait' towpath secret edit local"
)]
pub struct Edit {
    /// The environment, by name or alias.
    environment: String,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

/// Without a person at the editor, a text that is not understood comes back so often, and no more.
const MOST_ROUNDS: usize = 3;

/// A line that tells what is wrong begins so, and is taken out again.
const MARK: &str = "#! ";

type Values = BTreeMap<String, SecretString>;

/// What was done to the text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

impl Edit {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?.clone();
        let name = environment.name.as_str();
        let path = tree.path(&environment);
        let before_bytes = fs::read(&path).ok();
        let before = self.values(&tree, &environment).await?;
        let (text, shown) = as_text(&environment, &before);
        let file = Text::new(&format!("{name}.env"))?;
        let after = edited(&tree, &file, text).await?;
        let changes = compare(&shown, &after);
        if changes == Changes::default() {
            match tree.context.json {
                true => println!("{}", told(name, &environment, &changes)),
                false => println!("nothing was changed"),
            }
            return Ok(Exit::Done);
        }
        // What is gone from the text and from memory cannot be had back by a crash from here on.
        drop(file);
        if !tree.context.json {
            summary(&changes);
        }
        let keys = changes.keys().cloned().collect();
        let reason = why(self.reason.as_deref(), "edited by hand");
        tree.recorder.write(name, "edit", keys, &reason).await?;
        write(&tree, &environment, before_bytes, &changes, &after)?;
        match tree.context.json {
            true => println!("{}", told(name, &environment, &changes)),
            false => println!("commit {}", environment.secret_file()),
        }
        Ok(Exit::Done)
    }

    async fn values(&self, tree: &Tree, environment: &Environment) -> Result<Values, CliError> {
        let Some(shut) = tree.shut(environment)? else {
            return Ok(Values::new());
        };
        let keys: Vec<String> = shut.keys().into_iter().map(str::to_owned).collect();
        let reason = why(self.reason.as_deref(), "edited by hand");
        let name = environment.name.as_str();
        tree.recorder.read(name, "edit", keys, &reason).await?;
        let opened = shut.open(&tree.identities(environment)?)?;
        let keys = opened.keys().into_iter();
        Ok(keys
            .filter_map(|key| Some((key.clone(), opened.get(&key)?)))
            .collect())
    }
}

impl Changes {
    fn keys(&self) -> impl Iterator<Item = &String> {
        let all = self.added.iter().chain(&self.changed);
        all.chain(&self.removed)
    }
}

/// The text, and the secrets that are in it: one whose value a dotenv file cannot hold stays as it is.
fn as_text(environment: &Environment, values: &Values) -> (Zeroizing<String>, Values) {
    let mut text = Zeroizing::new(format!(
        "# The secrets of {}, a line each: KEY=value, in quotes where it needs them.\n\
         # A line that you take out is a secret removed. Save and leave to write them; leave as it is to change nothing.\n",
        environment.name
    ));
    let mut shown = Values::new();
    for (key, value) in values {
        match dotenv::write([(key.as_str(), value.expose_secret())]) {
            Ok(line) => {
                text.push_str(&line);
                shown.insert(key.clone(), value.clone());
            }
            Err(_) => text.push_str(&format!(
                "# {key} cannot be written here, and stays as it is; `towpath secret set` changes it\n"
            )),
        }
    }
    (text, shown)
}

/// Has the text edited until it is understood, or given up.
async fn edited(tree: &Tree, file: &Text, mut text: Zeroizing<String>) -> Result<Values, CliError> {
    let is_attended = std::io::stdin().is_terminal();
    for round in 1.. {
        file.write(&text)?;
        run_editor(&file.path()).await?;
        let after = file.read()?;
        let why = match understood(tree, &after) {
            Ok(values) => return Ok(values),
            Err(why) => why,
        };
        if *after == *text || (!is_attended && round == MOST_ROUNDS) {
            return Err(CliError::new(
                Exit::Refused,
                "secrets::not-understood",
                format!("the text was left so that it is not understood: {why}"),
                "nothing was written; edit again, or set secrets one by one",
            ));
        }
        eprintln!("the text is not understood: {why}");
        text = with_reason(&after, &why);
    }
    unreachable!("rounds end only by returning")
}

/// The text with a reason on top, and without the one before.
fn with_reason(text: &str, why: &str) -> Zeroizing<String> {
    let mut with = Zeroizing::new(format!("{MARK}{}\n", why.replace('\n', " ")));
    for line in text.lines().filter(|line| !line.starts_with(MARK)) {
        with.push_str(line);
        with.push('\n');
    }
    with
}

/// What a text says, or why that is not clear. No reason holds a value.
fn understood(tree: &Tree, text: &str) -> Result<Values, String> {
    let entries = dotenv::parse(text).map_err(|error| format!("could not {error}"))?;
    // The reason on top is one line.
    let above = usize::from(text.starts_with(MARK));
    if let Some(line) = dotenv::ignored(text).first() {
        let line = line.saturating_sub(above);
        return Err(format!(
            "line {line} is no assignment: KEY=value, or a comment"
        ));
    }
    let mut values = Values::new();
    for entry in entries {
        let line = entry.line.saturating_sub(above);
        if entry.is_unclosed() {
            return Err(format!(
                "the quote in line {line} is not closed, or something follows it"
            ));
        }
        if entry.value.expose_secret().is_empty() {
            let key = &entry.key;
            return Err(format!(
                "{key}, in line {line}, is empty: take the line out to remove it"
            ));
        }
        let pair = [(entry.key, entry.value)];
        import::check(tree, &pair).map_err(|error| format!("line {line}: {error}"))?;
        let [(key, value)] = pair;
        if values.contains_key(&key) {
            return Err(format!("{key} is there twice, in line {line} again"));
        }
        values.insert(key, value);
    }
    Ok(values)
}

/// Runs the editor and waits. Ctrl-C is its to handle; whatever ends us ends it first.
async fn run_editor(path: &Path) -> Result<(), CliError> {
    let said = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = said("VISUAL").or_else(|| said("EDITOR")).ok_or_else(|| {
        CliError::new(
            Exit::Refused,
            "secrets::no-editor",
            "nobody said which editor to use",
            "set VISUAL or EDITOR, such as `EDITOR=nano`",
        )
    })?;
    let failed = |why: String| {
        CliError::new(
            Exit::Failed,
            "secrets::editor",
            format!("nothing was written: the editor {why}"),
            "VISUAL or EDITOR says which it is; it must wait until the text is edited, as `code --wait` does",
        )
    };
    let listen = |kind| signal(kind).map_err(|error| failed(error.to_string()));
    let mut interrupted = listen(SignalKind::interrupt())?;
    let (mut ended, mut hung_up) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    );
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .kill_on_drop(true);
    for name in KEY_VARIABLES {
        command.env_remove(name);
    }
    let started = command.spawn();
    let mut child = started.map_err(|error| failed(format!("could not be started: {error}")))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| failed(error.to_string()))?;
                return match status.success() {
                    true => Ok(()),
                    false => Err(failed(format!("ended with {status}"))),
                };
            }
            _ = interrupted.recv() => {}
            _ = ended.recv() => break,
            _ = hung_up.recv() => break,
        }
    }
    let _ = child.kill().await;
    Err(failed("was ended with Towpath".into()))
}

fn compare(before: &Values, after: &Values) -> Changes {
    let mut changes = Changes::default();
    for (key, value) in after {
        match before.get(key) {
            None => changes.added.push(key.clone()),
            Some(old) if old.expose_secret() != value.expose_secret() => {
                changes.changed.push(key.clone());
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    changes.removed = gone.cloned().collect();
    changes
}

/// All of it in one write, unless somebody else wrote the file meanwhile.
fn write(
    tree: &Tree,
    environment: &Environment,
    before: Option<Vec<u8>>,
    changes: &Changes,
    after: &Values,
) -> Result<(), CliError> {
    let mut change = tree.change(environment)?;
    if fs::read(tree.path(environment)).ok() != before {
        return Err(CliError::new(
            Exit::Refused,
            "secrets::changed-meanwhile",
            format!("{} was changed while you edited", environment.secret_file()),
            "nothing was written; edit again, from what is there now",
        ));
    }
    let now = clock::now().timestamp();
    let set: BTreeSet<&String> = changes.added.iter().chain(&changes.changed).collect();
    for key in set {
        change.opened.set(key, &after[key], now)?;
    }
    for key in &changes.removed {
        change.opened.remove(key, now)?;
    }
    change.opened.save(now)?;
    Ok(())
}

fn summary(changes: &Changes) {
    let parts = [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ];
    for (what, keys) in parts {
        if !keys.is_empty() {
            println!("{what}: {}", keys.join(", "));
        }
    }
}

fn told(name: &str, environment: &Environment, changes: &Changes) -> serde_json::Value {
    json!({
        "version": 1,
        "environment": name,
        "file": environment.secret_file(),
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
    })
}
