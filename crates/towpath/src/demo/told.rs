//! The demo's voice: a line for each thing that happens, and why.

use std::io::Write;

use super::Report;
use crate::cli::style::{self, Paint};

/// Tells, to standard output or, when that is for the report, to standard error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    json: bool,
    paint: Paint,
}

impl Told {
    pub(super) fn new(json: bool) -> Told {
        let paint = if json {
            style::of_stderr()
        } else {
            style::of_stdout()
        };
        Told { json, paint }
    }

    fn line(&self, text: &str) {
        // Nobody has to listen.
        let _ = match self.json {
            true => writeln!(std::io::stderr(), "{text}"),
            false => writeln!(std::io::stdout(), "{text}"),
        };
    }

    /// A new part of the story.
    pub(super) fn chapter(&self, text: &str) {
        self.line(&format!("\n{}", self.paint.strong(text)));
    }

    /// What somebody does, and what it is for.
    pub(super) fn does(&self, text: &str) {
        self.line(&format!("  {} {text}", self.paint.waits("▸")));
    }

    /// What came of it.
    pub(super) fn good(&self, text: &str) {
        self.line(&format!("  {} {text}", self.paint.good("✓")));
    }

    /// What came of it, when it is a no.
    pub(super) fn no(&self, text: &str) {
        self.line(&format!("  {} {text}", self.paint.bad("✗")));
    }

    /// What is not part of the story.
    pub(super) fn aside(&self, text: &str) {
        self.line(&self.paint.dim(text));
    }

    /// The end.
    pub(super) fn report(&self, report: &Report) {
        self.line("");
        for line in report.table(self.paint) {
            self.line(&line);
        }
    }
}
