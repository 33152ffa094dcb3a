//! From the text of `towpath.toml` to a valid manifest, or to everything that is wrong with it.

use std::collections::HashSet;

use toml::de::DeTable;
use toml_parser::{Source, lexer::TokenKind};

use super::{
    Manifest, Problem, Problems, Severity, build, check, code, lints,
    places::Places,
    read,
    report::{Draft, Report},
    written::Written,
};
use crate::Digest;

/// A manifest is a page; whatever is larger was not written by people.
const MOST_BYTES: usize = 1 << 20;

/// The longest key of a manifest has five parts. The TOML parser has no bound of its own and would
/// nest, and then drop, as many tables as a key has parts: enough of them overflow the stack.
const MOST_PARTS: usize = 16;

/// A manifest that can be used.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub manifest: Manifest,
    /// The SHA-256 of the text's bytes.
    pub digest: Digest,
    /// What is likely not meant, in the text's order.
    pub warnings: Vec<Problem>,
}

/// Reads a manifest.
///
/// `file_name` is what messages call the text. All problems are found in one run, warnings included.
///
/// ```
/// let text = "[project]\nname = \"guestbook\"\n[environments.production]\nbranch = \"main\"\n";
/// let parsed = towpath_core::manifest::parse(text, "towpath.toml").expect("valid");
/// assert_eq!(parsed.manifest.environments[0].name.as_str(), "production");
///
/// let problems = towpath_core::manifest::parse(&text.replace("branch", "brnach"), "towpath.toml").unwrap_err();
/// assert!(problems.iter().any(|problem| problem.one_line()
///     == "towpath.toml:4:1: error[manifest::unknown-key]: unknown key `brnach` in [environments.production]"));
/// ```
pub fn parse(text: &str, file_name: &str) -> Result<Parsed, Problems> {
    let report = Report::default();
    let read = manifest(text, &report);
    let problems = report.finish(text, file_name);
    match read {
        Some((manifest, _)) => Ok(Parsed {
            manifest,
            digest: Digest::of_bytes(text.as_bytes()),
            warnings: problems,
        }),
        None => Err(Problems(problems)),
    }
}

/// A manifest that was looked at on a day.
#[derive(Debug, Clone)]
pub struct Linted {
    /// What it says; `None` when it cannot be used.
    pub manifest: Option<Manifest>,
    /// Everything that is wrong with it, in the text's order. A manifest that can be used may have errors here: deployments
    /// go on, and whoever maintains it is told.
    pub problems: Vec<Problem>,
}

impl Linted {
    /// Whether there is no error.
    pub fn is_good(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.all(|problem| problem.severity == Severity::Warning)
    }
}

/// Reads a manifest as [`parse`] does, and looks further: at what is shared and with whom, at who answers for it, and at
/// what is accepted on this day, which is one of UTC.
pub fn lint(text: &str, file_name: &str, today: jiff::civil::Date) -> Linted {
    let report = Report::default();
    let manifest = manifest(text, &report).map(|(manifest, places)| {
        lints::manifest(&manifest, &places, today, &report);
        manifest
    });
    Linted {
        manifest,
        problems: report.finish(text, file_name),
    }
}

/// The manifest and where it says what, or `None` after adding at least one error.
fn manifest(text: &str, report: &Report) -> Option<(Manifest, Places)> {
    let written = written(text, report)?;
    let places = Places::of(&written);
    let manifest = build::manifest(written);
    check::values(&manifest, &places, report);
    (!report.has_errors()).then_some((manifest, places))
}

/// The manifest as written, or `None` after adding at least one error.
fn written(text: &str, report: &Report) -> Option<Written> {
    if !is_reasonable(text, report) {
        return None;
    }
    let (root, syntax) = DeTable::parse_recoverable(text);
    let written = read::manifest(root.get_ref(), report);
    if !syntax.is_empty() {
        add_syntax_errors(text, &syntax, report);
        return None;
    }
    check::manifest(&written, report);
    if report.has_errors() {
        return None;
    }
    Some(written)
}

/// Whether the text may be given to the TOML parser.
fn is_reasonable(text: &str, report: &Report) -> bool {
    if text.len() > MOST_BYTES {
        let message = format!(
            "this file has {} bytes, far more than a manifest",
            text.len()
        );
        let help = format!("keep it below {MOST_BYTES} bytes; is this the right file?");
        report.add(Draft::error(code::TOO_LARGE, &(0..0), message, help));
        return false;
    }
    let mut parts = 1;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => parts += 1,
            // Dots beyond these belong to another key or value.
            TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::Newline
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket => parts = 1,
            _ => {}
        }
        if parts > MOST_PARTS {
            let at = token.span().start()..token.span().end();
            let message = format!("this key has more than {MOST_PARTS} parts");
            let help = "the keys of a manifest have at most five, such as `environments.production.services.web.listen`";
            report.add(Draft::error(code::TOO_DEEP, &at, message, help));
            return false;
        }
    }
    true
}

/// Adds what the TOML parser refused, and keeps of the rest what its recovery did not cause.
fn add_syntax_errors(text: &str, errors: &[toml::de::Error], report: &Report) {
    let line_of = |byte: usize| {
        text.as_bytes()[..byte.min(text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
    };
    let end = text.len()..text.len();
    let broken: HashSet<usize> = errors
        .iter()
        .take(200)
        .map(|error| line_of(error.span().unwrap_or(end.clone()).start))
        .collect();
    // Recovery leaves out values and puts in others; what is said about those would only mislead.
    report.retain(|draft| {
        ![code::MISSING_KEY, code::WRONG_TYPE].contains(&draft.code)
            && !broken.contains(&line_of(draft.span.start))
    });
    for error in errors {
        let span = error.span().unwrap_or(end.clone());
        let help = help_for(error.message());
        report.add(Draft::error(code::SYNTAX, &span, error.message(), help));
    }
}

/// The way out of a syntax error, by the TOML parser's message.
fn help_for(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "it is written twice: keep one, or bring both together"
    } else if message.contains("must be quoted") {
        "put the text in quotes, such as name = \"guestbook\""
    } else if message.contains("cannot extend") {
        "write this table either in one line or under its own header, not both"
    } else if message.contains("recurse") {
        "nest less deeply: a manifest never needs more than a few levels"
    } else {
        "check quotes, brackets, commas and `=` around this place; TOML is described at https://toml.io"
    }
}
