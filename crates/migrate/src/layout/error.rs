//! Why a folder is not a migration set, whatever its layout.

use std::{io, path::PathBuf};

use super::LayoutProblem;
use crate::{Version, contract::BadContract};

/// Why a folder is not a migration set. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The folder cannot be listed.
    #[error("read the migration folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("read the migration {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name with a folder in it was given where only file names belong.
    #[error("use {name:?} as a migration: it is a path and not a file name")]
    Path {
        /// What was given.
        name: String,
    },
    /// The part before the first underscore is not a version.
    #[error("use {file} as a migration: {prefix:?} is not a version number")]
    NotNumeric {
        /// The file.
        file: String,
        /// What stands where the version belongs.
        prefix: String,
    },
    /// The file is not text.
    #[error("use {file} as a migration: it is not UTF-8 (line {line})")]
    NotUtf8 {
        /// The file.
        file: String,
        /// The line of the first bad byte, from 1.
        line: usize,
    },
    /// The file contains a NUL.
    #[error("use {file} as a migration: it contains a NUL character (line {line})")]
    Nul {
        /// The file.
        file: String,
        /// The line of the first one, from 1.
        line: usize,
    },
    /// Two files apply, or two files undo, the same version.
    #[error("use {second} as a migration: {first} has version {version} too")]
    Duplicate {
        /// The version of both.
        version: Version,
        /// The file whose name sorts first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A file undoes what no file does.
    #[error("use {file} as a migration: no file applies version {version}, which it undoes")]
    DownWithoutUp {
        /// The version.
        version: Version,
        /// The file that undoes it.
        file: String,
    },
    /// The tool's own rules refuse the file, or ours where they are stricter.
    #[error("use {file} as a migration: {}{problem}", at(*line))]
    Rule {
        /// The file.
        file: String,
        /// The line that is meant, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        problem: LayoutProblem,
    },
    /// Two files are the same migration to the tool that applies them.
    #[error("use {second} as a migration: {first} is {name} too")]
    SameName {
        /// The name of both.
        name: String,
        /// The file whose path sorts first.
        first: String,
        /// The other one.
        second: String,
    },
    /// The project's own tool writes its migrations.
    #[error("write a migration: its tool has them in a language of its own")]
    OfTool,
    /// The contract's line was not understood.
    #[error("read the contract of {file}: {problem}")]
    Contract {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        problem: BadContract,
    },
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: "))
        .unwrap_or_default()
}

impl LayoutError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            LayoutError::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "create the folder, or name the right one".into()
            }
            LayoutError::Folder { .. } => "make it a folder that this user may read".into(),
            LayoutError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "it is a link to nothing: restore what it points to, or remove it".into()
            }
            LayoutError::File { .. } => "make it a file that this user may read".into(),
            LayoutError::Path { .. } => "give the file's name without its folder".into(),
            LayoutError::NotNumeric { .. } => {
                "rename it to VERSION_name.sql with digits before the first underscore, or move it elsewhere".into()
            }
            LayoutError::NotUtf8 { .. } => "save it as UTF-8".into(),
            LayoutError::Nul { .. } => {
                "remove the NUL (a file saved as UTF-16 is full of them: save it as UTF-8); the database would stop \
                 reading there"
                    .into()
            }
            LayoutError::Duplicate { second, .. } => {
                format!("give {second} a version of its own, later than every other")
            }
            LayoutError::DownWithoutUp { file, .. } => {
                format!("restore the file that applies it, or remove {file}")
            }
            LayoutError::SameName { .. } => {
                "write a pattern as `migrations` that names the one of the two that the tool applies".into()
            }
            LayoutError::OfTool => {
                "make it with the tool, such as with `python manage.py makemigrations`".into()
            }
            LayoutError::Rule { problem, .. } => problem.remedy(),
            LayoutError::Contract { problem, .. } => problem.remedy(),
        }
    }
}
