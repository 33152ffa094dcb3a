//! `towpath config audit`: what code reads and nobody declares, and the other way round.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};
use towpath_core::manifest::{Manifest, nearest};
use towpath_secrets::audit::{self, Limits, Moment, Read, Reason, Skipped};

use crate::cli::{Global, check::plural, context, error::CliError, exit::Exit, style};

/// Compare what the code reads with what is declared
///
/// Code in Rust, JavaScript, TypeScript, Python and Go is parsed: every place where it reads a variable is found, as long as the name is
/// written there. What git ignores is not looked at. Reads in tests and at build time are told apart. Ends with status 1 when code reads a key
/// that nobody declares.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config audit\n  towpath config audit services/worker --all\n  towpath config audit --json"
)]
pub struct Audit {
    /// A directory of the work tree; all of it unless said.
    path: Option<PathBuf>,
    /// Tell also what only tests and builds read, and what was not looked at.
    #[arg(long)]
    all: bool,
}

/// What every program may find in its environment without anybody declaring it: what the system and its shell give, what runtimes
/// themselves look at, and what Towpath gives. One that ends with `*` is a beginning.
const KNOWN: &[&str] = &[
    "PORT",
    "CREDENTIALS_DIRECTORY",
    "TOWPATH_*",
    "HOME",
    "PATH",
    "PWD",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "COLORTERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TMPDIR",
    "TMP",
    "TEMP",
    "HOSTNAME",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "COLUMNS",
    "LINES",
    "DISPLAY",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "XDG_*",
    "CI",
    "GITHUB_ACTIONS",
    "SOURCE_DATE_EPOCH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_MIN_STACK",
    "CARGO_*",
    "CARGO",
    "OUT_DIR",
    "NODE_ENV",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "npm_*",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONHASHSEED",
    "VIRTUAL_ENV",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GODEBUG",
    "GOGC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "INVOCATION_ID",
];

/// What was found.
pub struct Survey {
    /// Read where programs run, and nowhere declared.
    pub undeclared: Vec<Undeclared>,
    /// Likewise, only in tests or at build time.
    pub aside: Vec<Read>,
    /// Declared, and read nowhere.
    pub unread: Vec<String>,
    /// Read by a name that the code computes.
    pub computed: Vec<Read>,
    /// How many files were read.
    pub files: usize,
    /// What could not be.
    pub skipped: Vec<Skipped>,
}

/// A read of a key that nobody declares.
pub struct Undeclared {
    pub key: String,
    pub read: Read,
    /// What was meant, perhaps.
    pub meant: Option<String>,
}

impl Survey {
    /// Of a directory.
    pub fn of(root: &Path, manifest: &Manifest) -> Result<Survey, CliError> {
        let audit = audit::walk(root, Limits::default()).map_err(|error| {
            CliError::new(
                Exit::Disorder,
                "config::audit",
                format!("could not {error}"),
                "name a directory that is there and that you may read",
            )
        })?;
        let declared = declared(manifest);
        let mut survey = Survey {
            undeclared: Vec::new(),
            aside: Vec::new(),
            unread: Vec::new(),
            computed: Vec::new(),
            files: audit.files.len(),
            skipped: audit.skipped,
        };
        let mut seen = BTreeSet::new();
        for read in audit.reads {
            let Some(key) = read.name.clone() else {
                survey.computed.push(read);
                continue;
            };
            let is_declared = declared.contains(key.as_str());
            seen.insert(key.clone());
            if is_declared || is_known(&key) {
                continue;
            }
            if read.in_tests || read.moment == Moment::Build {
                survey.aside.push(read);
                continue;
            }
            let meant = nearest(&key, declared.iter().copied()).map(str::to_owned);
            survey.undeclared.push(Undeclared { key, read, meant });
        }
        // One that is handed over for another program, or that only a template uses, is read by neither.
        let used = used_by_others(manifest);
        let is_unread = |key: &&String| !seen.contains(*key) && !used.contains(key.as_str());
        let unread = manifest.config.keys().filter(is_unread);
        survey.unread = unread.cloned().collect();
        Ok(survey)
    }
}

fn is_known(key: &str) -> bool {
    KNOWN.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => *known == key,
    })
}

/// The variables that services find. Where nothing is declared, whatever a layer of the manifest says counts.
fn declared(manifest: &Manifest) -> BTreeSet<&str> {
    let mut declared: BTreeSet<&str> = manifest.config.keys().map(String::as_str).collect();
    let previous = manifest.config.values();
    declared.extend(previous.filter_map(|key| key.previous.as_deref()));
    let databases = manifest.databases.values();
    declared.extend(databases.map(|database| database.url.as_str()));
    if manifest.config.is_empty() {
        for config in layers(manifest) {
            declared.extend(config.keys().map(String::as_str));
        }
    }
    declared
}

/// What groups, environments and their services say.
pub fn layers(manifest: &Manifest) -> impl Iterator<Item = &BTreeMap<String, String>> {
    let groups = manifest.groups.values().map(|group| &group.config);
    let environments = manifest.environments.iter().flat_map(|environment| {
        std::iter::once(&environment.config).chain(environment.service_config.values())
    });
    groups.chain(environments)
}

/// Keys that other values are made of.
fn used_by_others(manifest: &Manifest) -> BTreeSet<String> {
    use towpath_core::config::{Piece, parse};
    let defaults = manifest.config.values();
    let defaults = defaults.filter_map(|key| key.default.as_ref());
    let values = defaults.chain(layers(manifest).flat_map(BTreeMap::values));
    let pieces = values.filter_map(|value| parse(value).ok()).flatten();
    pieces
        .filter_map(|piece| match piece {
            Piece::Key(key) => Some(key),
            _ => None,
        })
        .collect()
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let root = context::find_root()?;
        let manifest = context::read_manifest(&root.join(context::MANIFEST), global.json)?;
        let (directory, is_whole) = match &self.path {
            Some(path) => (context::here()?.join(path), false),
            None => (root, true),
        };
        let mut survey = Survey::of(&directory, &manifest)?;
        // A part of the code reads a part of the keys.
        if !is_whole {
            survey.unread.clear();
        }
        let is_good = survey.undeclared.is_empty();
        match global.json {
            true => println!("{}", for_scripts(&survey, is_good)),
            false => print(&survey, self.all, is_whole),
        }
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }
}

fn for_scripts(survey: &Survey, is_good: bool) -> Value {
    let read = |read: &Read| {
        json!({
            "key": read.name,
            "file": read.file,
            "line": read.line,
            "column": read.column,
            "has_default": read.has_default,
            "in_tests": read.in_tests,
            "at_build": read.moment == Moment::Build,
        })
    };
    let undeclared: Vec<Value> = survey
        .undeclared
        .iter()
        .map(|one| {
            let mut told = read(&one.read);
            told["meant"] = json!(one.meant);
            told
        })
        .collect();
    let skipped: Vec<Value> = survey
        .skipped
        .iter()
        .map(|one| json!({"path": one.path, "why": reason(&one.reason)}))
        .collect();
    json!({
        "version": 1,
        "ok": is_good,
        "files": survey.files,
        "undeclared": undeclared,
        "aside": survey.aside.iter().map(read).collect::<Vec<_>>(),
        "unread": survey.unread,
        "computed": survey.computed.iter().map(read).collect::<Vec<_>>(),
        "skipped": skipped,
    })
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NotYours => "is of others, or made by a build".into(),
        Reason::TooLarge(bytes) => format!("has {bytes} bytes"),
        Reason::NotText => "is not text in UTF-8".into(),
        Reason::TooHard => "could not be parsed in time".into(),
        Reason::Unreadable(why) => format!("could not be read: {why}"),
    }
}

fn print(survey: &Survey, all: bool, is_whole: bool) {
    let paint = style::of_stdout();
    let place = |read: &Read| format!("{}:{}", read.file.display(), read.line);
    if !survey.undeclared.is_empty() {
        println!("{}", paint.bad("read, and nowhere declared"));
    }
    for one in &survey.undeclared {
        let meant = match &one.meant {
            Some(meant) => format!("; did you mean {meant}?"),
            None => String::new(),
        };
        let place = paint.dim(&format!("{}: ", place(&one.read)));
        println!("  {place}{}{meant}", style::plain(&one.key));
    }
    if !survey.unread.is_empty() {
        println!("{}", paint.waits("declared, and read nowhere"));
        println!("  {}", survey.unread.join(", "));
    }
    if !survey.computed.is_empty() {
        println!("{}", paint.waits("read by a name that the code computes"));
    }
    for read in &survey.computed {
        println!("  {}", paint.dim(&place(read)));
    }
    if all && !survey.aside.is_empty() {
        println!("read only in tests or at build time");
        for read in &survey.aside {
            let name = read.name.as_deref().unwrap_or_default();
            println!(
                "  {}{}",
                paint.dim(&format!("{}: ", place(read))),
                style::plain(name)
            );
        }
    }
    let is_told = |one: &&Skipped| all || one.reason != Reason::NotYours;
    for one in survey.skipped.iter().filter(is_told) {
        eprintln!(
            "not looked at: {} {}",
            one.path.display(),
            reason(&one.reason)
        );
    }
    if survey.undeclared.is_empty() {
        let whole = match is_whole {
            true => "",
            false => " here",
        };
        println!(
            "{} read{whole}: everything that is read is declared",
            plural(survey.files, "file")
        );
    } else {
        println!("declare a key with `[config.KEY]` in towpath.toml");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_program_has_is_known() {
        for key in ["HOME", "TOWPATH_COMMIT", "LC_ALL", "PORT", "RUST_LOG"] {
            assert!(is_known(key), "{key}");
        }
        for key in ["HOMES", "TOWPATH", "PORTS", "LC", "DATABASE_URL"] {
            assert!(!is_known(key), "{key}");
        }
    }
}
