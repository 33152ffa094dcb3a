//! Where a command runs: the project found upwards from here, its data directory, and who acts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use towpath_core::{manifest, path::Actor};

use super::{Global, error::CliError, exit::Exit};
use crate::{
    engine::Place,
    git::{self, Identity, Question},
    home::Home,
};

/// The manifest's file name.
pub const MANIFEST: &str = "towpath.toml";

/// Everything that a verb needs to begin.
pub struct Context {
    /// The directory of `towpath.toml`.
    pub root: PathBuf,
    /// The project as it is in the work tree.
    pub place: Place,
    /// The data directory.
    pub home: Home,
    /// The repository that everybody pushes to.
    pub upstream: String,
    /// Who acts.
    pub actor: Actor,
    /// Whether to print JSON.
    pub json: bool,
}

/// A verb that has begun, while git is still asked who acts and where everybody pushes to: that takes longer than all else.
pub struct Begun {
    root: PathBuf,
    /// The project as it is in the work tree.
    pub place: Place,
    question: Option<Question>,
}

impl Begun {
    /// Asks git, and reads the manifest meanwhile.
    pub async fn of(global: &Global) -> Result<Begun, CliError> {
        let root = find_root()?;
        let question = question(global, &root);
        let manifest = match read_manifest(&root.join(MANIFEST), global.json) {
            Ok(manifest) => manifest,
            // Somebody is in the middle of editing it; that must not stand in the way of a rollback.
            Err(error) => match committed_manifest(&root).await {
                Some(manifest) => {
                    eprintln!("going on with the {MANIFEST} of the last commit");
                    manifest
                }
                None => return Err(error),
            },
        };
        Ok(Begun {
            place: Place {
                manifest,
                work_tree: Some(root.clone()),
            },
            root,
            question,
        })
    }

    /// The directory of `towpath.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Waits for what git says, and opens the data directory.
    pub async fn finish(self, global: &Global) -> Result<Context, CliError> {
        let known = match self.question {
            Some(question) => Some(question.answer().await),
            None => None,
        };
        let upstream = upstream(global, known.as_ref());
        let data = data_of(global, &self.place.manifest, &self.root, &upstream)?;
        let email = global.actor.clone();
        Ok(Context {
            actor: actor(email.or_else(|| known?.email))?,
            place: self.place,
            json: global.json,
            root: self.root,
            home: Home::open(&data)?,
            upstream,
        })
    }
}

/// What is to be asked of git, if anything: both may have been said. It answers while something else is done.
pub fn question(global: &Global, root: &Path) -> Option<Question> {
    let is_said = global.repository.is_some() && global.actor.is_some();
    (!is_said).then(|| Question::of(root))
}

fn upstream(global: &Global, known: Option<&Identity>) -> String {
    let said = global.repository.as_ref();
    said.or(known.map(|known| &known.upstream))
        .cloned()
        .unwrap_or_default()
}

impl Context {
    /// Finds all of it.
    pub async fn open(global: &Global) -> Result<Context, CliError> {
        Begun::of(global).await?.finish(global).await
    }
}

/// The repository that everybody pushes to, and the data directory.
async fn places(
    global: &Global,
    manifest: &manifest::Manifest,
    root: &Path,
    question: Option<Question>,
) -> Result<(String, PathBuf), CliError> {
    let known = match question {
        Some(question) => Some(question.answer().await),
        None => None,
    };
    let upstream = upstream(global, known.as_ref());
    let data = data_of(global, manifest, root, &upstream)?;
    Ok((upstream, data))
}

fn data_of(
    global: &Global,
    manifest: &manifest::Manifest,
    root: &Path,
    upstream: &str,
) -> Result<PathBuf, CliError> {
    match &global.data {
        Some(data) => Ok(data.clone()),
        None => default_data(manifest.project.as_str(), root, upstream),
    }
}

/// Whether anything was ever released or deployed here. Looking makes nothing.
pub async fn is_used(global: &Global, manifest: &manifest::Manifest) -> Result<bool, CliError> {
    let root = find_root()?;
    let (_, data) = places(global, manifest, &root, question(global, &root)).await?;
    Ok(Home::is_used(&data))
}

/// The data directory, made where it is not there.
pub async fn home(global: &Global, manifest: &manifest::Manifest) -> Result<Home, CliError> {
    let root = find_root()?;
    let (_, data) = places(global, manifest, &root, question(global, &root)).await?;
    Ok(Home::open(&data)?)
}

/// The data directory for whoever only looks, by what git was asked before if it was. Looking makes nothing.
pub async fn home_to_look_at(
    global: &Global,
    manifest: &manifest::Manifest,
    root: &Path,
    asked: Option<Question>,
) -> Result<Home, CliError> {
    if let Some(data) = &global.data {
        return Ok(Home::at(data)?);
    }
    let question = asked.or_else(|| question(global, root));
    let (_, data) = places(global, manifest, root, question).await?;
    Ok(Home::at(&data)?)
}

/// The directory of the nearest manifest upwards.
pub fn find_root() -> Result<PathBuf, CliError> {
    let here = here()?;
    let mut directory = here.as_path();
    loop {
        if directory.join(MANIFEST).is_file() {
            return Ok(directory.to_owned());
        }
        directory = directory.parent().ok_or_else(|| {
            CliError::new(
                Exit::Manifest,
                "manifest::missing",
                format!("there is no {MANIFEST} in {} or above it", here.display()),
                "`towpath init` writes one; `-C DIR` works elsewhere",
            )
        })?;
    }
}

/// The manifest alone, for verbs that ask nothing else.
pub fn manifest(global: &Global) -> Result<manifest::Manifest, CliError> {
    read_manifest(&find_root()?.join(MANIFEST), global.json)
}

/// The directory that the command works in.
pub fn here() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(|error| no_directory(Path::new("."), &error))
}

/// Works as if started in that directory.
pub fn enter(directory: &Path) -> Result<(), CliError> {
    std::env::set_current_dir(directory).map_err(|error| no_directory(directory, &error))
}

fn no_directory(directory: &Path, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "cli::directory",
        format!("could not work in {}: {error}", directory.display()),
        "name a directory that is there and that you may read",
    )
}

/// Reads and checks the manifest; problems are printed here, all of them.
pub fn read_manifest(path: &Path, json: bool) -> Result<manifest::Manifest, CliError> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| {
        CliError::new(
            Exit::Manifest,
            "manifest::unreadable",
            format!("could not read {shown}: {error}"),
            "",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::new(
            Exit::Manifest,
            "manifest::not-utf-8",
            format!("{shown} is not UTF-8 (byte {at})"),
            "save it as UTF-8; TOML is always UTF-8",
        )
    })?;
    manifest::parse(&text, MANIFEST)
        .map(|parsed| parsed.manifest)
        .map_err(|problems| {
            if !json {
                super::check::print(problems.as_slice());
            }
            CliError::new(
                Exit::Manifest,
                "manifest::invalid",
                problems.to_string(),
                if json {
                    "`towpath check --json` lists the problems"
                } else {
                    "mend it, then run the command again"
                },
            )
        })
}

/// The manifest of the work tree's last commit, when it is valid.
async fn committed_manifest(root: &Path) -> Option<manifest::Manifest> {
    let text = git::committed_file(root, MANIFEST).await?;
    manifest::parse(&text, MANIFEST)
        .ok()
        .map(|parsed| parsed.manifest)
}

fn default_data(project: &str, root: &Path, upstream: &str) -> Result<PathBuf, CliError> {
    // Clones of one repository on one machine are one project; where there is no other repository, the work tree is it.
    let place = fs::canonicalize(upstream).unwrap_or_else(|_| {
        if upstream.is_empty() {
            root.to_owned()
        } else {
            PathBuf::from(upstream)
        }
    });
    Home::default_root(project, &place).ok_or_else(|| {
        CliError::new(
            Exit::Disorder,
            "home::nowhere",
            "there is no home directory to keep data in",
            "name a data directory: --data DIR",
        )
    })
}

fn actor(email: Option<String>) -> Result<Actor, CliError> {
    match email {
        Some(email) if email.contains('@') && !email.contains(char::is_whitespace) => {
            Ok(Actor::person(&email))
        }
        Some(email) => Err(CliError::new(
            Exit::Usage,
            "cli::actor",
            format!("{email:?} is not an e-mail address"),
            "say who acts: --as you@example.com",
        )),
        None => Err(CliError::new(
            Exit::Usage,
            "cli::actor",
            "nobody knows who you are",
            "set `git config user.email`, or say who acts: --as you@example.com",
        )),
    }
}
