//! What pages say, one thing after the other, before it is brought together.

use std::collections::HashSet;

use super::{
    mention::Mention,
    report::{Note, Report, excerpt},
    rich::Rich,
    words::Field,
};

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) page: usize,
    pub(super) line: usize,
}

/// Everything that pages say.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The pages' names.
    pub(super) pages: Vec<String>,
    pub(super) groups: Vec<GroupFact>,
    /// Environments that a table of them lists.
    pub(super) listed: Vec<(Mention, At)>,
    listed_names: HashSet<String>,
    /// Environments that a heading or an item is about.
    pub(super) named: Vec<(Mention, At)>,
    pub(super) fields: Vec<FieldFact>,
    pub(super) steps: Vec<StepFact>,
    pub(super) resources: Vec<ResourceFact>,
    pub(super) homes: Vec<HomeFact>,
    /// Sentences that are about several environments.
    pub(super) sentences: Vec<Sentence>,
    /// Parts of a manifest.
    pub(super) manifests: Vec<(String, At)>,
    pub(super) report: Report,
}

#[derive(Debug)]
pub(super) struct GroupFact {
    pub(super) mention: Mention,
    pub(super) description: Option<String>,
    pub(super) aliases: Vec<String>,
    /// Whether a table of groups lists it.
    pub(super) is_listed: bool,
    pub(super) at: At,
}

/// A field of an environment.
#[derive(Debug)]
pub(super) struct FieldFact {
    pub(super) environment: Mention,
    pub(super) field: Field,
    pub(super) value: Rich,
    pub(super) at: At,
}

/// A step of an environment's process.
#[derive(Debug)]
pub(super) struct StepFact {
    pub(super) environment: Mention,
    pub(super) words: Rich,
    /// Whether the page says that people do it by hand.
    pub(super) is_by_hand: bool,
    pub(super) at: At,
}

/// Something that an environment uses.
#[derive(Debug, Default)]
pub(super) struct ResourceFact {
    pub(super) environment: Option<Mention>,
    /// What people call it, and the name that stands behind it in brackets.
    pub(super) title: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    /// Its kind; the outer is `None` where the page does not tell kinds.
    pub(super) kind: Option<Option<String>>,
    pub(super) id: Option<String>,
    pub(super) link: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) endpoint: Option<String>,
    /// Who uses it too, and whether the page says that it is theirs.
    pub(super) shared_with: Vec<(Mention, bool)>,
    pub(super) at: Option<At>,
}

/// An account or project that holds environments.
#[derive(Debug)]
pub(super) struct HomeFact {
    pub(super) group: Mention,
    pub(super) title: Option<String>,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) link: Option<String>,
    pub(super) holds: Vec<Mention>,
    pub(super) part_of: Option<String>,
    /// Whether it is taken from a drawing.
    pub(super) is_drawn: bool,
    pub(super) at: At,
}

/// A sentence, and the environment in whose part of the page it stands.
#[derive(Debug)]
pub(super) struct Sentence {
    pub(super) words: Rich,
    pub(super) environment: Option<Mention>,
    /// Whether it may be what the environment is.
    pub(super) may_describe: bool,
    pub(super) at: At,
}

impl Facts {
    /// A table lists an environment.
    pub(super) fn list(&mut self, mention: Mention, at: At) {
        self.listed_names.insert(mention.name.clone());
        self.listed.push((mention, at));
    }

    /// Whether a table has listed it.
    pub(super) fn lists(&self, mention: &Mention) -> bool {
        self.listed_names.contains(&mention.name)
    }

    fn note(&self, at: &At, text: String) -> Note {
        Note {
            page: self.pages.get(at.page).cloned().unwrap_or_default(),
            line: at.line,
            text,
        }
    }

    pub(super) fn understood(&mut self, at: &At, text: impl Into<String>) {
        let note = self.note(at, text.into());
        self.report.understood.push(note);
    }

    pub(super) fn guessed(&mut self, at: &At, text: impl Into<String>) {
        let note = self.note(at, text.into());
        self.report.guessed.push(note);
    }

    /// Nothing was made of the words, for this reason.
    pub(super) fn not_understood(&mut self, at: &At, words: &str, why: &str) {
        let text = match (words.is_empty(), why.is_empty()) {
            (true, _) => why.to_owned(),
            (_, true) => excerpt(words),
            _ => format!("{}: {why}", excerpt(words)),
        };
        let note = self.note(at, text);
        self.report.not_understood.push(note);
    }
}
