//! Pages that describe environments, as teams write them, to a manifest.
//!
//! `html_of` has Markdown written as HTML, `outline` reads that by `walk`: both languages are one from there on, as blocks of
//! `rich` words. `read` finds which environment each part is about, with `lists`, `tables` and their `rows`, and `diagram`;
//! `facts` is what pages say, by `words` and every `mention`. `resolve` brings it together, with `groups`, `fields`,
//! `branches`, `steps` and `resources`; `draft` is that, and `toml_of` writes it. Nothing is invented: what is not quite said
//! is told as guessed, and what nothing was made of is told too (`report`).

mod branches;
mod diagram;
mod draft;
mod facts;
mod fields;
mod groups;
mod html_of;
mod lists;
mod mention;
mod names;
mod outline;
mod read;
mod report;
mod resolve;
mod resources;
mod rich;
mod rows;
mod steps;
mod tables;
mod toml_of;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use toml_edit::DocumentMut;

use self::{
    draft::Draft,
    facts::{At, Facts},
};
pub use self::{
    outline::TooDeep,
    report::{Note, Report},
};
use crate::manifest::{
    Manifest, Problems, parse,
    write::{sections, text},
};

/// A page to import.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// What the report calls it, such as its file's name.
    pub name: &'a str,
    /// What stands on it.
    pub text: &'a str,
}

/// What came of an import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The manifest's text.
    pub text: String,
    /// The manifest.
    pub manifest: Manifest,
    /// What was understood, guessed, and not understood.
    pub report: Report,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A page is larger than any page.
    #[error("{page} has {bytes} bytes, more than a page has")]
    TooLarge {
        /// The page.
        page: String,
        /// Its length.
        bytes: usize,
    },
    /// A page cannot be read.
    #[error("{page} cannot be read: {cause}")]
    Page {
        /// The page.
        page: String,
        /// Why.
        cause: TooDeep,
    },
    /// The pages tell of no environment.
    #[error("no environment was found")]
    Nothing(Box<Report>),
    /// The manifest to import into is not valid, or what came out is not.
    #[error("{0}")]
    Invalid(Problems),
    /// The manifest to import into could not be read for editing.
    #[error("it could not be read for editing: {0}")]
    Unreadable(#[from] toml_edit::TomlError),
}

/// Pages are at most so long.
const MOST_BYTES: usize = 16 << 20;

/// Imports pages: into the text of a manifest, which keeps what it says, or into a new one.
///
/// `project` is the project's name where neither the pages nor the manifest have one.
///
/// ```
/// use towpath_core::catalogue::import::{Page, import};
///
/// let text = "## Staging\n\n- **Branch**: `develop`\n- **Used by**: QA\n";
/// let imported = import(&[Page { name: "env.md", text }], None, "guestbook").expect("an environment");
/// assert_eq!(imported.manifest.environments[0].branch.as_ref().map(|b| b.0.as_str()), Some("develop"));
/// ```
pub fn import(
    pages: &[Page<'_>],
    into: Option<&str>,
    project: &str,
) -> Result<Imported, ImportError> {
    let mut facts = Facts::default();
    for (at, page) in pages.iter().enumerate() {
        let name = page.name.to_owned();
        facts.pages.push(name.clone());
        if page.text.len() > MOST_BYTES {
            let bytes = page.text.len();
            return Err(ImportError::TooLarge { page: name, bytes });
        }
        let outline = outline::outline(page.text.trim_start_matches('\u{feff}'))
            .map_err(|cause| ImportError::Page { page: name, cause })?;
        read::read(at, &outline, &mut facts);
    }
    let draft = resolve::resolve(&mut facts);
    let order = resolve::order(&draft, pages.len());
    let imported = match into {
        Some(text) => into_manifest(text, &draft, project, &mut facts)?,
        None => new_manifest(&draft, &order, project, &mut facts)?,
    };
    let (text, manifest) = imported;
    facts.report.sort();
    if manifest.environments.is_empty() {
        return Err(ImportError::Nothing(Box::new(facts.report)));
    }
    Ok(Imported {
        text,
        manifest,
        report: facts.report,
    })
}

/// Writes into a manifest that is there: its comments and its order stay.
fn into_manifest(
    text: &str,
    draft: &Draft,
    project: &str,
    facts: &mut Facts,
) -> Result<(String, Manifest), ImportError> {
    parse(text, "towpath.toml").map_err(ImportError::Invalid)?;
    let is_crlf = text.contains("\r\n");
    let mut document: DocumentMut = text.replace("\r\n", "\n").parse()?;
    let whole = At { page: 0, line: 0 };
    for kept in toml_of::fill(&mut document, draft, project) {
        facts.not_understood(
            &whole,
            &kept,
            "the manifest says something else, which stays",
        );
    }
    let written = match is_crlf {
        true => document.to_string().replace('\n', "\r\n"),
        false => document.to_string(),
    };
    let parsed = parse(&written, "towpath.toml").map_err(ImportError::Invalid)?;
    Ok((written, parsed.manifest))
}

/// Makes a new manifest, from the parts of one that stand on the pages and from what these tell beside them.
fn new_manifest(
    draft: &Draft,
    order: &[usize],
    project: &str,
    facts: &mut Facts,
) -> Result<(String, Manifest), ImportError> {
    let mut bases = Vec::new();
    for (text, at) in std::mem::take(&mut facts.manifests) {
        match text.parse::<DocumentMut>() {
            Ok(document) => bases.push((document, at)),
            Err(error) => {
                let why = format!("this is no TOML: {}", error.message());
                facts.not_understood(&at, &text, &why);
            }
        }
    }
    // The first that makes a valid manifest is taken; a part of something else is told.
    let mut made = None;
    for (document, at) in bases {
        let filled = made
            .is_none()
            .then(|| filled(document.clone(), draft, project, facts));
        match filled {
            Some(Ok(manifest)) => {
                facts.understood(&at, "parts of a manifest");
                made = Some(manifest);
            }
            Some(Err(problems)) => {
                let first = problems
                    .iter()
                    .next()
                    .map(|problem| problem.message.clone());
                let why = first.unwrap_or_default();
                facts.not_understood(&at, &document.to_string(), &why);
            }
            None => {
                facts.not_understood(&at, &document.to_string(), "another part is taken already")
            }
        }
    }
    let mut manifest = match made {
        Some(manifest) => manifest,
        None => {
            let whole = At { page: 0, line: 0 };
            facts.guessed(&whole, format!("the project is called {project}"));
            filled(DocumentMut::new(), draft, project, facts).map_err(ImportError::Invalid)?
        }
    };
    let place = |name: &str| {
        let mut places = order.iter();
        places.position(|at| draft.environments[*at].name == name)
    };
    manifest
        .environments
        .sort_by_key(|environment| place(environment.name.as_str()).unwrap_or(usize::MAX));
    let mut sections = sections(&manifest);
    for environment in &draft.environments {
        let path = ["environments", environment.name.as_str()];
        let section = sections.iter_mut().find(|section| section.path == path);
        if let Some(section) = section {
            section.comments.clone_from(&environment.open);
        }
    }
    let written = text(&sections);
    let parsed = parse(&written, "towpath.toml").map_err(ImportError::Invalid)?;
    Ok((written, parsed.manifest))
}

fn filled(
    mut document: DocumentMut,
    draft: &Draft,
    project: &str,
    facts: &mut Facts,
) -> Result<Manifest, Problems> {
    let whole = At { page: 0, line: 0 };
    let kept = toml_of::fill(&mut document, draft, project);
    let manifest = parse(&document.to_string(), "towpath.toml")?.manifest;
    for said in kept {
        facts.not_understood(&whole, &said, "the TOML on the page says something else");
    }
    Ok(manifest)
}
