//! What an import tells: what it understood, what it guessed, and what it could not make anything of.

use serde::Serialize;

/// What became of the pages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// What the pages say, and is in the manifest.
    pub understood: Vec<Note>,
    /// What they do not quite say, and is in the manifest too.
    pub guessed: Vec<Note>,
    /// What they say, and is not.
    pub not_understood: Vec<Note>,
}

/// Something on a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The page.
    pub page: String,
    /// Its line, from 1; 0 for the page as a whole.
    pub line: usize,
    /// What is told of it.
    pub text: String,
}

impl Report {
    /// In the pages' order, each note once.
    pub(super) fn sort(&mut self) {
        for notes in [
            &mut self.understood,
            &mut self.guessed,
            &mut self.not_understood,
        ] {
            notes.sort();
            notes.dedup();
        }
    }
}

/// So much of a text that people recognise it.
pub(super) fn excerpt(text: &str) -> String {
    const MOST: usize = 100;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST) {
        None => words,
        Some((at, _)) => format!("{}…", words[..at].trim_end()),
    }
}
