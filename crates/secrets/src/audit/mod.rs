//! Which variables source code reads from its environment, and where: Rust, JavaScript, TypeScript, Python and Go. The
//! code is parsed, not searched: a comment or a string that looks like a read is none, and names are followed through
//! imports, aliases and constants of the same file.
//!
//! What is not seen: reads of the whole environment (`env::vars()`, `{...process.env}`), libraries that make names from
//! prefixes and fields (envy, figment, pydantic, viper), names that another file defines, and every other language,
//! shell scripts and single-file components among them. A read whose name is computed is told without a name.

mod go;
mod javascript;
mod names;
mod python;
mod rust;
mod syntax;
mod walk;

use std::path::{Path, PathBuf};

pub use walk::{Audit, Limits, Reason, Skipped, walk};

/// A place where code reads a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The variable; none where the code computes it.
    pub name: Option<String>,
    /// The file, as it was given.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in bytes from 1.
    pub column: usize,
    /// Whether the code says there what it does without the variable: a default value is given, or it only asks whether
    /// the variable is there. That a later line copes with its absence is not seen.
    pub has_default: bool,
    /// When it is read.
    pub moment: Moment,
    /// Whether this is code that only tests run.
    pub in_tests: bool,
    /// The file's language.
    pub language: Language,
}

/// When a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// By the running program.
    Run,
    /// By the compiler or the bundler, which puts the value into what it makes.
    Build,
}

/// A language that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Go.
    Go,
    /// JavaScript, with JSX.
    JavaScript,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
}

impl Language {
    /// The language of a file, by the end of its name.
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "go" => Some(Self::Go),
            "js" | "mjs" | "cjs" | "jsx" => Some(Self::JavaScript),
            "py" => Some(Self::Python),
            "rs" => Some(Self::Rust),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "tsx" => Some(Self::Tsx),
            _ => None,
        }
    }
}

/// Why code could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The directory is not there, or is not one.
    #[error("read the source code in {}: {cause}", root.display())]
    Root {
        /// The directory.
        root: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The parser took longer than code of this size needs: the text is broken, or made to be hard.
    #[error("parse it within the time that code of its size may take")]
    TooHard,
}

/// The reads in a text, in its order. The file is only looked at for its name, which tells tests; it need not be there.
///
/// # Errors
///
/// [`AuditError::TooHard`] where the text is not parsed within a time that grows with its size, five seconds for a small
/// one. Text with mistakes in it is read as far as it can be understood.
pub fn read_source(language: Language, file: &Path, text: &str) -> Result<Vec<Read>, AuditError> {
    // Whatever is read has this in it: `env`, `environ`, `Getenv`. Most files have not, and need no parser.
    let mentions = text
        .as_bytes()
        .windows(3)
        .any(|three| three.eq_ignore_ascii_case(b"env"));
    if !mentions {
        return Ok(Vec::new());
    }
    let grammar: &dyn syntax::Grammar = match language {
        Language::Go => &go::Go,
        Language::JavaScript | Language::TypeScript | Language::Tsx => &javascript::JavaScript,
        Language::Python => &python::Python,
        Language::Rust => &rust::Rust,
    };
    let tree = syntax::parse(language, text).ok_or(AuditError::TooHard)?;
    let file_of_tests = is_of_tests(file);
    let reads = syntax::find(grammar, &tree, text)
        .into_iter()
        .map(|found| Read {
            name: found.name.filter(|name| !name.is_empty()),
            file: file.to_owned(),
            line: found.at.row + 1,
            column: found.at.column + 1,
            has_default: found.has_default,
            moment: found.moment,
            in_tests: file_of_tests || found.in_tests,
            language,
        });
    let mut reads: Vec<Read> = reads.collect();
    reads.sort_by_key(|read| (read.line, read.column));
    Ok(reads)
}

/// Whether a file has only tests in it, by the names that the languages' tools give meaning to.
fn is_of_tests(file: &Path) -> bool {
    let mut directories = file.parent().into_iter().flat_map(Path::components);
    let among = directories.any(|part| {
        let part = part.as_os_str().to_str();
        matches!(
            part,
            Some("tests" | "test" | "__tests__" | "benches" | "testdata")
        )
    });
    let name = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    among
        || name.starts_with("test_")
        || name == "conftest"
        || [".test", ".spec", "_test"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_tests_are_told_by_their_names() {
        for file in [
            "tests/it/a.rs",
            "a/__tests__/b.js",
            "a_test.go",
            "test_a.py",
            "a.spec.ts",
            "conftest.py",
        ] {
            assert!(is_of_tests(Path::new(file)), "{file}");
        }
        for file in [
            "src/a.rs",
            "latest.js",
            "contest.py",
            "test.rs",
            "attest/a.go",
        ] {
            assert!(!is_of_tests(Path::new(file)), "{file}");
        }
    }
}
