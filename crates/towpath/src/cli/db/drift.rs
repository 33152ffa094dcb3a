//! `towpath db drift`: where databases are not what their migrations make.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};
use towpath_core::names::{DatabaseName, EnvironmentName};
use towpath_migrate::schema::Difference;

use super::{Project, look::Refused, open::Opened, reach::Reached};
use crate::cli::{error::CliError, exit::Exit, style};

/// Show where the databases of environments are not what their applied migrations make
///
/// The applied migrations are run on a scratch database, which is compared with the one that is there: `-` is what they make, `+` what is
/// there. Nothing is changed. Ends with status 1 when there is drift, and with 5 when that cannot be told, such as when an applied migration is not in
/// the work tree.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db drift\n  towpath db drift staging\n  towpath db drift production --json"
)]
pub struct Drift {
    /// Environments, by name or alias; all, unless said.
    environments: Vec<String>,
}

/// A database that was looked at.
struct Looked {
    home: EnvironmentName,
    database: DatabaseName,
    /// `None` where the manifest names no migrations.
    drift: Option<Result<Difference, Refused>>,
}

impl Drift {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let environments = project.asked(&self.environments)?;
        let mut seen = BTreeSet::new();
        let look = async |environment: &_| {
            let mut looked = Vec::new();
            for opened in project.open_all(environment, "drift").await? {
                // One that environments share is looked at once.
                if seen.insert((opened.home.clone(), opened.name.clone())) {
                    looked.push(Looked::at(opened).await);
                }
            }
            Ok(looked)
        };
        let reached = Reached::of(&environments, look).await?;
        let looked = &reached.found;
        match project.json {
            true => {
                let databases: Vec<Value> = looked.iter().map(Looked::shown).collect();
                let is_good = looked.iter().all(|one| one.verdict() == Exit::Done);
                println!(
                    "{}",
                    json!({
                        "version": 1,
                        "ok": is_good && reached.unreached.is_empty(),
                        "databases": databases,
                        "unreached": reached.shown(),
                    })
                );
            }
            false if project.place.manifest.databases.is_empty() => {
                println!("no databases are declared");
            }
            false => {
                looked.iter().for_each(Looked::print);
                reached.tell();
            }
        }
        let worst = |status| looked.iter().any(|one| one.verdict() == status);
        let is_unsure = worst(Exit::Errored) || !reached.unreached.is_empty();
        Ok(match (worst(Exit::Failed), is_unsure) {
            (true, _) => Exit::Failed,
            (false, true) => Exit::Errored,
            (false, false) => Exit::Done,
        })
    }
}

impl Looked {
    async fn at(opened: Opened) -> Looked {
        let drift = match &opened.set {
            None => None,
            Some(Err(refused)) => Some(Err(refused.clone())),
            Some(Ok(set)) => {
                let compared = opened.compare(set).await;
                Some(compared.map(|compared| compared.drift()))
            }
        };
        Looked {
            home: opened.home,
            database: opened.name,
            drift,
        }
    }

    fn verdict(&self) -> Exit {
        match &self.drift {
            None => Exit::Done,
            Some(Ok(difference)) if difference.is_empty() => Exit::Done,
            Some(Ok(_)) => Exit::Failed,
            Some(Err(_)) => Exit::Errored,
        }
    }

    /// For scripts.
    fn shown(&self) -> Value {
        let (drift, problem) = match &self.drift {
            None => (Value::Null, Value::Null),
            Some(Ok(difference)) => (json!(difference), Value::Null),
            Some(Err(refused)) => (
                Value::Null,
                json!({"message": refused.why, "help": refused.help}),
            ),
        };
        json!({
            "home": self.home,
            "database": self.database,
            "drift": drift,
            "problem": problem,
        })
    }

    fn print(&self) {
        let paint = style::of_stdout();
        let title = paint.strong(&format!("{} of {}", self.database, self.home));
        match &self.drift {
            None => println!("{title}: the manifest names no migrations for it"),
            Some(Err(refused)) => println!(
                "{title}\n  {} {}\n    {}",
                paint.waits("?"),
                refused.why,
                refused.help
            ),
            Some(Ok(difference)) if difference.is_empty() => println!("{title}: no drift"),
            Some(Ok(difference)) => {
                println!("{title}");
                print_indented(&difference.to_string());
            }
        }
    }
}

/// Prints lines below a title.
fn print_indented(text: &str) {
    for line in text.lines() {
        println!("{}", format!("  {}", style::plain(line)).trim_end());
    }
}
