//! From what pages say to one draft: mentions become environments, groups and resources; what does not fit is told.

use std::collections::HashSet;

use super::{
    draft::{Draft, DraftEnvironment},
    facts::{At, Facts, FieldFact, Sentence},
    fields,
    mention::{Mention, name_of, usual},
    names::Names,
    read::is_remark,
    resources, steps,
};
use crate::{
    catalogue::page::{DRAWN, LANES},
    names::is_name,
};

/// What is being brought together.
pub(super) struct Resolver<'a> {
    pub(super) facts: &'a mut Facts,
    pub(super) draft: Draft,
    pub(super) environments: Names,
    pub(super) groups: Names,
    /// What manifests on the pages say that the project is.
    described: Vec<String>,
    /// Environments that a note has said share something.
    pub(super) noted: HashSet<Vec<usize>>,
    /// Who is said to use which environment, in words.
    pub(super) heard: HashSet<(usize, String)>,
}

/// Brings everything together.
pub(super) fn resolve(facts: &mut Facts) -> Draft {
    let described = facts.manifests.iter().filter_map(|(text, _)| {
        let table: toml::Table = text.parse().ok()?;
        let words = table.get("project")?.get("description")?.as_str()?;
        Some(words.to_owned())
    });
    let described = described.collect();
    let mut resolver = Resolver {
        facts,
        described,
        noted: HashSet::new(),
        heard: HashSet::new(),
        draft: Draft::default(),
        environments: Names::default(),
        groups: Names::default(),
    };
    resolver.name_environments();
    resolver.name_groups();
    for fact in std::mem::take(&mut resolver.facts.fields) {
        resolver.field(&fact);
    }
    for fact in std::mem::take(&mut resolver.facts.steps) {
        steps::step(&mut resolver, &fact);
    }
    let sentences = std::mem::take(&mut resolver.facts.sentences);
    let is_unreal = |sentence: &Sentence| {
        let said = sentence.words.text().to_lowercase();
        said.contains("diagram")
            && [
                "not real",
                "n't real",
                "just a demo",
                "only an example",
                "just an example",
            ]
            .iter()
            .any(|words| said.contains(words))
    };
    let unreal: Vec<usize> = sentences
        .iter()
        .filter(|sentence| is_unreal(sentence))
        .map(|sentence| sentence.at.page)
        .collect();
    for fact in std::mem::take(&mut resolver.facts.resources) {
        resources::resource(&mut resolver, fact);
    }
    resources::share_as_said(&mut resolver);
    for sentence in &sentences {
        if is_unreal(sentence) {
            let why = "so its accounts are left out of the manifest";
            let said = sentence.words.text();
            resolver.facts.not_understood(&sentence.at, &said, why);
        } else {
            resolver.sentence(sentence);
        }
    }
    for fact in std::mem::take(&mut resolver.facts.homes) {
        match fact.is_drawn && unreal.contains(&fact.at.page) {
            true => {
                let title = fact.title.unwrap_or(fact.name);
                let why = "the page says that this diagram is not real";
                resolver.facts.not_understood(&fact.at, &title, why);
            }
            false => resolver.home(fact),
        }
    }
    resolver.nest_homes();
    resolver.guess_groups();
    resolver.guess_order();
    resolver.free_names();
    resolver.gather_roles();
    resources::settle(&mut resolver);
    resolver.draft
}

impl Resolver<'_> {
    /// The environments: those that tables list, and then those that parts of pages are about.
    fn name_environments(&mut self) {
        for (mention, at) in std::mem::take(&mut self.facts.listed) {
            if self.environments.exact(&mention.name).is_none() {
                self.add_environment(&mention, &at);
            }
            self.add_brackets(&mention, &at);
        }
        for (mention, at) in std::mem::take(&mut self.facts.named) {
            match self.environments.find(&mention) {
                None => self.add_environment(&mention, &at),
                Some(found) => {
                    let first = &mut self.draft.environments[found].at;
                    if at < *first {
                        *first = at.clone();
                    }
                }
            }
            self.add_brackets(&mention, &at);
        }
    }

    fn add_environment(&mut self, mention: &Mention, at: &At) {
        if !is_name(&mention.name) {
            let why = "an environment's name needs letters from a to z";
            self.facts.not_understood(at, &mention.name, why);
            return;
        }
        self.environments
            .add(&mention.name, self.draft.environments.len());
        self.draft
            .environments
            .push(DraftEnvironment::new(&mention.name, at.clone()));
        self.facts
            .understood(at, format!("environment {}", mention.name));
    }

    fn add_brackets(&mut self, mention: &Mention, at: &At) {
        if let Some(found) = self.environments.find(mention) {
            for alias in &mention.aliases {
                self.add_alias(found, alias, at);
            }
        }
    }

    /// Another name for an environment, unless it is taken.
    pub(super) fn add_alias(&mut self, environment: usize, alias: &str, at: &At) {
        let name = name_of(alias);
        let found = &mut self.draft.environments[environment];
        if name == found.name || found.aliases.contains(&name) {
            return;
        }
        if !is_name(&name) {
            self.facts
                .not_understood(at, alias, "this cannot be a short name");
            return;
        }
        if self.environments.alias(&name, environment) {
            found.aliases.push(name);
        } else {
            let why = format!("{name} names something else already");
            self.facts.not_understood(at, alias, &why);
        }
    }

    fn field(&mut self, fact: &FieldFact) {
        match self.environments.find(&fact.environment) {
            Some(environment) => fields::field(self, environment, fact),
            None => {
                let why = format!("no environment is called {}", fact.environment.name);
                let said = fact.value.text();
                self.facts.not_understood(&fact.at, &said, &why);
            }
        }
    }

    /// A sentence that stands by itself.
    fn sentence(&mut self, sentence: &Sentence) {
        let text = sentence.words.text();
        let lower = text.to_lowercase();
        let about = sentence
            .environment
            .as_ref()
            .and_then(|mention| self.environments.find(mention));
        let description = about.and_then(|at| self.draft.environments[at].description.as_ref());
        if description == Some(&text) {
            return;
        }
        let places = self.environments.within(&text);
        if lower.contains("database") && places.len() == 2 && says_same(&lower) {
            fields::same_as(self, places[0], places[1], None, &sentence.at);
            return;
        }
        if lower.contains("shared") && places.len() >= 2 {
            resources::share_as_noted(self, &text, &places, &sentence.at);
            return;
        }
        // Words that the page has of its own.
        let is_own = lower.starts_with("what is not told above")
            || ["towpath.toml", DRAWN, LANES].contains(&text.as_str());
        if is_own || self.is_of_manifest(&text) {
            return;
        }
        let Some(environment) = about else {
            self.facts.not_understood(&sentence.at, &text, "");
            return;
        };
        fields::mirrors(self, environment, &text, &sentence.at);
        let label = sentence.words.labelled();
        let is_note = label.is_some_and(|(label, _)| is_remark(&label));
        let found = &mut self.draft.environments[environment];
        match &found.description {
            None if !is_note && sentence.may_describe && text.contains(' ') => {
                found.description = Some(text);
                let name = found.name.clone();
                self.facts
                    .understood(&sentence.at, format!("what {name} is"));
            }
            Some(description) if repeats(&text, description) => {
                let rest = text[common(&text, description)..].trim_start_matches(['.', ' ']);
                if !rest.is_empty() {
                    let rest = rest.to_owned();
                    self.facts.not_understood(&sentence.at, &rest, "");
                }
            }
            _ => self.facts.not_understood(&sentence.at, &text, ""),
        }
    }

    /// Whether the manifest on the page says so.
    fn is_of_manifest(&self, text: &str) -> bool {
        let said = || text.split_whitespace();
        self.described
            .iter()
            .any(|words| words.split_whitespace().eq(said()))
    }

    /// A release is verified where the branch that is merged comes from, and several pages have the usual order.
    fn guess_order(&mut self) {
        for at in 0..self.draft.environments.len() {
            let Some((source, place)) = self.draft.environments[at].merged_from.clone() else {
                continue;
            };
            let fed = self
                .draft
                .environments
                .iter()
                .position(|e| e.branch.as_deref() == Some(source.as_str()));
            let Some(earlier) = fed.filter(|earlier| *earlier != at) else {
                continue;
            };
            if self.draft.environments[at].after.is_empty() && !self.comes_after(earlier, at) {
                let note = format!(
                    "a release is verified in {} before it comes to {}: its branch is merged from {source}",
                    self.draft.environments[earlier].name, self.draft.environments[at].name
                );
                self.draft.environments[at].after.push(earlier);
                self.facts.guessed(&place, note);
            }
        }
    }

    /// Whether one comes after another, if in several steps.
    pub(super) fn comes_after(&self, one: usize, other: usize) -> bool {
        let mut open = vec![one];
        let mut seen = HashSet::new();
        while let Some(at) = open.pop() {
            if at == other {
                return true;
            }
            if seen.insert(at) {
                open.extend(&self.draft.environments[at].after);
            }
        }
        false
    }

    /// What names one thing is no other name for another, whichever was read first.
    fn free_names(&mut self) {
        let mut taken = Vec::new();
        for environment in &mut self.draft.environments {
            let at = environment.at.clone();
            let names = &self.environments;
            environment.aliases.retain(|alias| {
                let is_free = names.exact(alias).is_none();
                if !is_free {
                    taken.push((at.clone(), alias.clone()));
                }
                is_free
            });
        }
        for group in &mut self.draft.groups {
            let names = &self.groups;
            group.aliases.retain(|alias| {
                let is_free = names.exact(alias).is_none();
                if !is_free {
                    taken.push((At { page: 0, line: 0 }, alias.clone()));
                }
                is_free
            });
        }
        for (at, alias) in taken {
            let why = "it is the name of something else";
            self.facts.not_understood(&at, &alias, why);
        }
    }

    fn gather_roles(&mut self) {
        for environment in &self.draft.environments {
            let signing = environment.sign_off.iter().map(|(_, role)| role);
            for role in environment.used_by.iter().chain(signing) {
                if !self.draft.roles.contains(role) {
                    self.draft.roles.push(role.clone());
                }
            }
        }
    }
}

/// The order in which environments stand in the manifest: the page's, or, of several pages, the usual one.
pub(super) fn order(draft: &Draft, pages: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..draft.environments.len()).collect();
    match pages {
        0 | 1 => order.sort_by_key(|at| &draft.environments[*at].at),
        _ => order.sort_by_key(|at| {
            let environment = &draft.environments[*at];
            let rank = usual(&environment.name).unwrap_or(usize::MAX);
            (rank, environment.name.clone())
        }),
    }
    order
}

/// Whether a sentence says that two things are one.
pub(super) fn says_same(lower: &str) -> bool {
    [
        "correspond",
        "same as",
        "same database",
        "is the one of",
        "the one of",
        "uses",
        "equals",
        " = ",
        "→",
        "->",
        "points to",
        "maps to",
        "shares",
        "shared with",
        "identical",
    ]
    .iter()
    .any(|words| lower.contains(words))
}

/// Whether a text begins like a description.
fn repeats(text: &str, description: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('.').to_lowercase();
    plain(text).starts_with(&plain(description))
}

/// How many bytes of a text repeat a description; whole letters of it.
fn common(text: &str, description: &str) -> usize {
    let said = description.trim_end_matches('.').chars().count();
    text.char_indices()
        .nth(said)
        .map_or(text.len(), |(at, _)| at)
}
