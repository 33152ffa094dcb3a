//! `towpath secret rekey`: lets people in, and shuts people out.

use clap::Args;
use serde_json::json;
use towpath_secrets::file::Exposed;

use super::{Tree, why};
use crate::{
    cli::{error::CliError, exit::Exit, style, table},
    clock,
};

/// Seal secret files for those whom the manifest names, and for nobody else
///
/// Where somebody is left out, the file gets a new key and everything in it is encrypted anew. What they have seen they know: every value
/// that has not been rotated since is listed, until it is.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret rekey\n  towpath secret rekey production --new-key -m 'a laptop was stolen'"
)]
pub struct Rekey {
    /// Environments, by name or alias; all that have secrets, unless said.
    environments: Vec<String>,
    /// Take a new key also where nobody is left out.
    #[arg(long)]
    new_key: bool,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

impl Rekey {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let reason = why(self.reason.as_deref(), "people come and go");
        let mut told = Vec::new();
        let mut exposed = Vec::new();
        for environment in tree.environments(&self.environments)? {
            let Some(shut) = tree.shut(environment)? else {
                continue;
            };
            let name = environment.name.as_str();
            let recipients = tree.recipients(environment)?;
            let before = shut.recipients();
            let after: Vec<String> = recipients.iter().map(ToString::to_string).collect();
            let new: Vec<&String> = after.iter().filter(|one| !before.contains(one)).collect();
            let gone: Vec<&String> = before.iter().filter(|one| !after.contains(one)).collect();
            let is_same = new.is_empty() && gone.is_empty() && !self.new_key;
            if !is_same {
                let keys = shut.keys().into_iter().map(str::to_owned).collect();
                tree.recorder.write(name, "rekey", keys, &reason).await?;
                let mut change = tree.change(environment)?;
                match self.new_key {
                    true => change.opened.rekey(&recipients)?,
                    false => change.opened.seal_for(&recipients)?,
                }
                change.opened.save(clock::now().timestamp())?;
                exposed.push((name.to_owned(), change.opened.exposed()));
            } else {
                exposed.push((name.to_owned(), shut.exposed()));
            }
            let file = environment.secret_file();
            if !tree.context.json {
                match is_same {
                    true => println!("{name} opens for those whom the manifest names already"),
                    false => println!(
                        "{name} opens for {} now ({} new, {} gone); commit {file}",
                        people(after.len()),
                        new.len(),
                        gone.len()
                    ),
                }
            }
            told.push(json!({
                "environment": name,
                "changed": !is_same,
                "new": new,
                "gone": gone,
                "exposed": exposed.last().map(|(_, exposed)| shown(exposed)),
                "file": file,
            }));
        }
        match tree.context.json {
            true => println!("{}", json!({"version": 1, "environments": told})),
            false => print(&tree, &exposed),
        }
        Ok(Exit::Done)
    }
}

fn people(count: usize) -> String {
    match count {
        1 => "1 key".into(),
        count => format!("{count} keys"),
    }
}

/// What somebody has seen, for scripts.
pub(super) fn shown(exposed: &[Exposed]) -> serde_json::Value {
    let one = |one: &Exposed| json!({"key": one.key, "to": one.to, "left": one.left, "since": one.since, "removed": one.removed});
    exposed.iter().map(one).collect()
}

/// Likewise, for people.
pub(super) fn print(tree: &Tree, exposed: &[(String, Vec<Exposed>)]) {
    let known = &tree.context.place.manifest.recipients;
    let name = |key: &str| {
        let found = known.iter().find(|(_, recipient)| recipient.age == key);
        found.map_or_else(
            || format!("{}…", &key[..key.len().min(14)]),
            |(name, _)| name.clone(),
        )
    };
    let row = |environment: &str, one: &Exposed| {
        let state = match one.removed {
            true => "removed here; is it revoked where it was used?",
            false => "not rotated since",
        };
        vec![
            environment.to_owned(),
            one.key.clone(),
            name(&one.to),
            one.left.clone(),
            state.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = exposed
        .iter()
        .flat_map(|(environment, exposed)| exposed.iter().map(|one| row(environment, one)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let paint = style::of_stdout();
    println!(
        "\n{}",
        paint.strong("Seen by those who have left, and valid until they are rotated:")
    );
    table::print(&["environment", "secret", "seen by", "left", ""], &rows);
}
