//! Collects problems while a manifest is read and checked; gives them their line and column at the end.

use std::{cell::RefCell, collections::HashSet, ops::Range, sync::Arc};

use miette::NamedSource;

use super::{Problem, Severity, code};

/// As many errors, and as many warnings, are kept; a text that has more is not a manifest.
const MOST: usize = 200;

/// A problem that does not know its line yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) code: &'static str,
    severity: Severity,
    message: String,
    pub(super) span: Range<usize>,
    label: Option<String>,
    help: String,
    also: Vec<(Range<usize>, String)>,
    /// Whether the text at the span must not be shown.
    hides: bool,
}

impl Draft {
    /// An error about the text at `span`, and the way out.
    pub(super) fn error(
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Draft {
        Draft {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: span.clone(),
            label: None,
            help: help.into(),
            also: Vec::new(),
            hides: false,
        }
    }

    /// A warning about the text at `span`, and the way out.
    pub(super) fn warning(
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Draft {
        Draft {
            severity: Severity::Warning,
            ..Draft::error(code, span, message, help)
        }
    }

    /// With a few words beside the text.
    pub(super) fn label(mut self, label: impl Into<String>) -> Draft {
        self.label = Some(label.into());
        self
    }

    /// The text itself is secret, and covered wherever it would be shown.
    pub(super) fn secret(mut self) -> Draft {
        self.hides = true;
        self
    }

    /// With another place that belongs to it.
    pub(super) fn also(mut self, span: &Range<usize>, text: impl Into<String>) -> Draft {
        self.also.push((span.clone(), text.into()));
        self
    }
}

/// The problems found so far.
///
/// Readers and checks share it by reference: each adds what it finds and carries on.
#[derive(Debug, Default)]
pub(super) struct Report(RefCell<Vec<Draft>>);

impl Report {
    /// Adds a problem.
    pub(super) fn add(&self, draft: Draft) {
        let mut drafts = self.0.borrow_mut();
        // Counted apart: a flood of warnings must not hide that there is an error.
        if count(&drafts, draft.severity) <= MOST {
            drafts.push(draft);
        }
    }

    /// Keeps only some of the problems.
    pub(super) fn retain(&self, keep: impl FnMut(&Draft) -> bool) {
        self.0.borrow_mut().retain(keep);
    }

    /// Whether the manifest cannot be used.
    pub(super) fn has_errors(&self) -> bool {
        self.0
            .borrow()
            .iter()
            .any(|draft| draft.severity == Severity::Error)
    }

    /// Whether another error would not be kept: what costs time to tell need not be told.
    pub(super) fn is_full(&self) -> bool {
        count(&self.0.borrow(), Severity::Error) > MOST
    }

    /// The problems in the text's order, each with its line and column.
    pub(super) fn finish(self, text: &str, file_name: &str) -> Vec<Problem> {
        let mut drafts = self.0.into_inner();
        for severity in [Severity::Error, Severity::Warning] {
            if count(&drafts, severity) > MOST {
                let message =
                    format!("there are more than {MOST} {severity}s; the rest is not shown");
                let help = "repair these first, then check again";
                let end = text.len()..text.len();
                drafts.push(Draft {
                    severity,
                    ..Draft::error(code::TOO_MANY, &end, message, help)
                });
            }
        }
        drafts.sort_by_key(|draft| (draft.span.start, draft.span.end));
        let mut seen = HashSet::new();
        drafts.retain(|draft| seen.insert((draft.code, draft.span.clone(), draft.message.clone())));

        let positions = Positions::of(text);
        let file: Arc<str> = Arc::from(file_name);
        let shown = without_secrets(text, &drafts);
        let source = Arc::new(NamedSource::new(file_name, Arc::<str>::from(shown)));
        drafts
            .into_iter()
            .map(|draft| {
                let span = within(text, &draft.span);
                let (line, column) = positions.at(span.start);
                Problem {
                    code: draft.code,
                    severity: draft.severity,
                    message: draft.message,
                    span,
                    label: draft.label,
                    help: draft.help,
                    also: draft
                        .also
                        .into_iter()
                        .map(|(span, text_beside)| (within(text, &span), text_beside))
                        .collect(),
                    file: file.clone(),
                    line,
                    column,
                    source: source.clone(),
                }
            })
            .collect()
    }
}

/// The text as it may be shown, with problems and in logs: what is refused for being secret is covered.
fn without_secrets(text: &str, drafts: &[Draft]) -> String {
    let mut shown = text.to_owned();
    let secret = drafts.iter().filter(|draft| draft.hides);
    for span in secret.map(|draft| within(text, &draft.span)) {
        // As many bytes and lines, so that every other place stays where it is.
        let cover = |byte| if byte == b'\n' { '\n' } else { '*' };
        let covered: String = text[span.clone()].bytes().map(cover).collect();
        shown.replace_range(span, &covered);
    }
    shown
}

fn count(drafts: &[Draft], severity: Severity) -> usize {
    drafts
        .iter()
        .filter(|draft| draft.severity == severity)
        .count()
}

/// The span moved onto character boundaries within the text.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end);
    start..end.max(start)
}

/// Where lines start.
struct Positions<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    fn of(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Positions {
            text,
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    /// Line and column, counted from 1, of a byte on a character boundary.
    fn at(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        (line, self.text[start..byte].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "é = 1\nürü = 2\n";
        let positions = Positions::of(text);
        let two = text.find('2').unwrap();
        assert_eq!(positions.at(two), (2, 7));
        assert_eq!(positions.at(0), (1, 1));
        assert_eq!(positions.at(text.len()), (3, 1));
    }

    #[test]
    fn spans_are_moved_onto_characters() {
        assert_eq!(within("aé", &(2..2)), 1..3);
        assert_eq!(within("aé", &(9..12)), 3..3);
    }

    #[test]
    fn a_flood_of_problems_is_cut() {
        let report = Report::default();
        for at in 0..1000 {
            report.add(Draft::error(code::SYNTAX, &(at..at), "no", "yes"));
        }
        let problems = report.finish(&"x".repeat(2000), "towpath.toml");
        assert_eq!(problems.len(), MOST + 2);
        assert_eq!(problems.last().unwrap().code, code::TOO_MANY);
    }

    #[test]
    fn a_flood_of_warnings_does_not_hide_an_error() {
        let report = Report::default();
        for at in 0..1000 {
            report.add(Draft::warning(code::SAME_BRANCH, &(at..at), "hm", "so"));
        }
        report.add(Draft::error(code::SYNTAX, &(0..0), "no", "yes"));
        assert!(report.has_errors());
    }
}
