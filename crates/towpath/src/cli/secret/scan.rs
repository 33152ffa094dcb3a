//! `towpath secret scan`: finds secrets that leaked into the work tree, the index or git's history; and the hook that looks
//! before each commit.

mod hook;

use std::io::{IsTerminal, Write};

use clap::Args;
use serde_json::json;
use towpath_core::manifest::Environment;
use towpath_secrets::scan::{
    GitFailed, How, Known, Leak, Report, scan_history, scan_staged, scan_tree,
};

use super::Tree;
use crate::{
    cli::{error::CliError, exit::Exit, style},
    config::identities,
};

/// Find secrets in the work tree, in what is staged, or in git's history
///
/// Every environment's secrets are looked for: by value where you can open the file, otherwise by fingerprint, which needs only that
/// you can open the file of some environment. Ends with status 1 when something is found. What leaked stays leaked: rotate it first, then
/// remove it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret scan\n  towpath secret scan --history\n  towpath secret scan --history main..develop\n  \
                  towpath secret scan --install-hook"
)]
pub struct Scan {
    /// Look through git's history: all of it, or a range of revisions.
    #[arg(long, value_name = "RANGE", num_args = 0..=1, default_missing_value = "", conflicts_with = "staged")]
    history: Option<String>,
    /// Look at what is about to be committed.
    #[arg(long)]
    staged: bool,
    /// Have git look before each commit.
    #[arg(long, conflicts_with_all = ["history", "staged"])]
    install_hook: bool,
}

impl Scan {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let root = tree.context.root.clone();
        if self.install_hook {
            return hook::install(&root, tree.context.json).await;
        }
        let Some(mut known) = known(&tree).await? else {
            match tree.context.json {
                true => println!(
                    "{}",
                    json!({"version": 1, "ok": true, "leaks": [], "files": 0})
                ),
                false => println!("there are no secrets that could have leaked"),
            }
            return Ok(Exit::Done);
        };
        let report = match (&self.history, self.staged) {
            (Some(range), _) => history(&root, range, &mut known).map_err(failed)?,
            (None, true) => scan_staged(&root, &mut known).map_err(failed)?,
            (None, false) => scan_tree(&root, &mut known),
        };
        Ok(told(&report, tree.context.json))
    }
}

/// What is looked for; `None` where no environment has a secret.
async fn known(tree: &Tree) -> Result<Option<Known>, CliError> {
    let ours = identities()?;
    let (mut opened, mut shut) = (Vec::new(), Vec::new());
    for environment in tree.environments(&[])? {
        let name = environment.name.as_str();
        let may_list = tree.recorder.may_list(name).await?;
        let Some(file) = tree.shut(environment)? else {
            continue;
        };
        let mut recipients = ours.recipients();
        let is_ours = recipients.any(|one| file.recipients().contains(&one.to_string()));
        match is_ours {
            true => {
                let keys = file.keys().into_iter().map(str::to_owned).collect();
                // Who may not read its values can still look for them by fingerprint.
                let may_read = tree
                    .recorder
                    .read(name, "scan", keys, "looks for leaks")
                    .await
                    .is_ok();
                opened.push((environment, may_list, file.open(&ours)?, may_read));
            }
            false => shut.push((environment, may_list, file)),
        }
    }
    let Some((_, _, first, _)) = opened.first() else {
        return match shut.is_empty() {
            true => Ok(None),
            false => Err(CliError::new(
                Exit::Refused,
                "secrets::no-key",
                "none of the secret files opens with your keys, so nothing can be compared",
                "name your key file with SOPS_AGE_KEY_FILE, or ask somebody to add you to one environment: `towpath secret rekey`",
            )),
        };
    };
    let mut known = Known::new(first.fingerprint_key());
    for (_, _, file, _) in &opened {
        known.add_key(file.fingerprint_key());
    }
    // Whoever may not see which secrets there are is told of a leak all the same, and not of which.
    let named = |key: &str, environment: &Environment, may_list: bool| match may_list {
        true => format!("{key} of {}", environment.name),
        false => format!("a secret of {}", environment.name),
    };
    for (environment, may_list, file, may_read) in &opened {
        for key in file.keys() {
            let name = named(&key, environment, *may_list);
            if let Some(found) = file.ledger().keys.get(&key) {
                known.add_fingerprint(&name, found.fingerprint);
            }
            for value in [file.get(&key), file.previous(&key)].into_iter().flatten() {
                if *may_read {
                    known.add_value(&name, &value);
                }
            }
        }
    }
    for (environment, may_list, file) in &shut {
        let ledger = file
            .ledger()
            .filter(|ledger| known.has_key(&ledger.fingerprint_key));
        let Some(ledger) = ledger else {
            eprintln!(
                "the secrets of {} are not looked for: their fingerprints are made with another key; whoever can open both runs `towpath secret doctor --mend`",
                environment.name
            );
            continue;
        };
        for (key, found) in &ledger.keys {
            known.add_fingerprint(&named(key, environment, *may_list), found.fingerprint);
        }
    }
    Ok((!known.is_empty()).then_some(known))
}

fn history(root: &std::path::Path, range: &str, known: &mut Known) -> Result<Report, GitFailed> {
    let is_watched = std::io::stderr().is_terminal();
    let range = Some(range).filter(|range| !range.is_empty());
    let mut shown = 0;
    let report = scan_history(root, known, range, |progress| {
        if is_watched && progress.files >= shown + 100 {
            shown = progress.files;
            eprint!(
                "\r\x1b[2K{} files, {} MB",
                progress.files,
                progress.bytes >> 20
            );
            let _ = std::io::stderr().flush();
        }
    });
    if is_watched {
        eprint!("\r\x1b[2K");
    }
    report
}

fn failed(error: GitFailed) -> CliError {
    CliError::new(
        Exit::Disorder,
        "git::failed",
        error.to_string(),
        "look at the revisions with `git log`; without a range all of the history is looked through",
    )
}

fn told(report: &Report, as_json: bool) -> Exit {
    let is_good = report.leaks.is_empty();
    if as_json {
        let leak = |leak: &Leak| {
            json!({
                "secret": leak.name,
                "path": leak.place.path.to_string_lossy(),
                "line": leak.place.line,
                "column": leak.place.column,
                "commit": leak.place.commit,
                "how": match leak.how {
                    How::Value => "value",
                    How::Token => "fingerprint",
                    How::Encoded => "encoded",
                },
            })
        };
        let leaks: Vec<_> = report.leaks.iter().map(leak).collect();
        let skipped = report
            .skipped
            .iter()
            .map(|one| json!({"path": one.path.to_string_lossy(), "why": one.why}));
        let skipped: Vec<_> = skipped.collect();
        println!(
            "{}",
            json!({"version": 1, "ok": is_good, "leaks": leaks, "skipped": skipped, "files": report.files})
        );
    } else {
        let paint = style::of_stdout();
        for leak in &report.leaks {
            let place = &leak.place;
            let path = style::plain(&place.path.to_string_lossy());
            let path = if path.is_empty() {
                "the commit's message".to_owned()
            } else {
                path
            };
            let commit = place.commit.as_deref().map_or_else(String::new, |commit| {
                format!(" in {}", &commit[..commit.len().min(12)])
            });
            let how = match leak.how {
                How::Encoded => ", encoded or in part",
                How::Value | How::Token => "",
            };
            println!(
                "{} {path}:{}:{}{commit}: {}{how}",
                paint.bad("leaked"),
                place.line,
                place.column,
                leak.name
            );
        }
        for skipped in &report.skipped {
            eprintln!(
                "not looked at: {} ({})",
                style::plain(&skipped.path.to_string_lossy()),
                skipped.why
            );
        }
        match is_good {
            true => println!("nothing leaked in {} files", report.files),
            false => eprintln!(
                "rotate what leaked, then remove it: `towpath secret rotate ENVIRONMENT KEY`"
            ),
        }
    }
    match is_good {
        true => Exit::Done,
        false => Exit::Failed,
    }
}
