//! Names of things that pages mention, by whatever words: each mention leads to one of them, or to none.

use std::collections::HashMap;

use super::mention::{Mention, usual};

/// Things by their names, other names, and usual names.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: HashMap<String, usize>,
    aliases: HashMap<String, usize>,
    /// By what is usually meant; `None` where several are.
    usual: HashMap<usize, Option<usize>>,
}

impl Names {
    /// A new thing of that name.
    pub(super) fn add(&mut self, name: &str, at: usize) {
        self.names.insert(name.to_owned(), at);
        if let Some(meaning) = usual(name) {
            let only = match self.usual.contains_key(&meaning) {
                true => None,
                false => Some(at),
            };
            self.usual.insert(meaning, only);
        }
    }

    /// Another name for it; `false` where the name is taken.
    pub(super) fn alias(&mut self, alias: &str, at: usize) -> bool {
        if self.names.contains_key(alias) {
            return false;
        }
        *self.aliases.entry(alias.to_owned()).or_insert(at) == at
    }

    /// What has exactly this name.
    pub(super) fn exact(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// What the words mean.
    pub(super) fn find(&self, mention: &Mention) -> Option<usize> {
        let by = |name: &str| {
            let exact = self.exact(name).or_else(|| self.aliases.get(name).copied());
            exact.or_else(|| self.usual.get(&usual(name)?).copied().flatten())
        };
        by(&mention.name).or_else(|| {
            let behind = mention.aliases.iter();
            behind.filter_map(|alias| self.exact(alias)).next()
        })
    }

    /// Every one that a text mentions, in the text's order, each once.
    pub(super) fn within(&self, text: &str) -> Vec<usize> {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        let mut found = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            if let Some(at) = self.find(&Mention::of(word))
                && !found.contains(&at)
            {
                found.push(at);
            }
        }
        found
    }
}
