//! Colours: only on a terminal, and never with `NO_COLOR`.

use std::{env, io::IsTerminal};

/// Paints, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

/// For standard error.
pub fn of_stderr() -> Paint {
    Paint(wanted() && std::io::stderr().is_terminal())
}

/// For standard output.
pub fn of_stdout() -> Paint {
    Paint(wanted() && std::io::stdout().is_terminal())
}

/// <https://no-color.org>: any value but an empty one.
fn wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Paint {
    /// Never paints.
    #[cfg(test)]
    pub fn none() -> Paint {
        Paint(false)
    }

    /// Whether it paints.
    pub fn is_on(self) -> bool {
        self.0
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Good news.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Bad news.
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// Something that waits.
    pub fn waits(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What matters most.
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// By how something ended.
    pub fn status(self, status: &str) -> String {
        match status {
            "settled" | "passed" => self.good(status),
            "failed" | "errored" | "undo-failed" | "rolled-back" | "refused" => self.bad(status),
            "running" | "queued" | "undoing" | "inconclusive" => self.waits(status),
            _ => self.dim(status),
        }
    }
}

/// Text from elsewhere without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
