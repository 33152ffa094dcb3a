//! Lists: of environments, of their fields, of what they use, and of the steps of a process.

use super::{
    facts::{At, ResourceFact, StepFact},
    mention::Mention,
    outline::{Block, Item, Kind},
    read::{ITEM, Label, Reader, is_remark},
    rich::{Look, Rich},
    words::Field,
};

impl Reader<'_> {
    pub(super) fn list(&mut self, is_numbered: bool, items: &[Item], label: Option<Label>) {
        for item in items {
            let at = self.at(item.line);
            if self.item_names_environment(is_numbered, item, &at) {
                continue;
            }
            match label {
                Some(Label::Field(Field::Process | Field::ByHand)) => {
                    let is_by_hand = label == Some(Label::Field(Field::ByHand));
                    self.step(item, is_by_hand, &at);
                }
                Some(Label::Field(field)) => {
                    self.field(field, item.text.clone(), &at);
                    self.blocks(&item.inner);
                }
                _ => self.item(item, &at),
            }
        }
    }

    /// `1. **Staging Environment**`, or `- **staging** (stg): where QA tests`.
    fn item_names_environment(&mut self, is_numbered: bool, item: &Item, at: &At) -> bool {
        let Some(first) = item.text.0.first() else {
            return false;
        };
        let whole = item.text.text();
        let (named, about) = match item.text.labelled() {
            Some((label, about)) => (label, about),
            None => match whole.split_once(" – ").or_else(|| whole.split_once(" - ")) {
                Some((name, _)) if first.look != Look::Plain || Mention::of(name).is_usual() => {
                    (name.to_owned(), behind_dash(&item.text))
                }
                _ => (whole.clone(), Rich::default()),
            },
        };
        let mention = Mention::of(&named);
        let stands_out = first.look == Look::Strong || first.look == Look::Code || is_numbered;
        let is_one = !mention.name.is_empty()
            && Field::of(&named).is_none()
            && (mention.is_usual() || mention.says_so)
            && mention.name.split('-').count() <= 3
            && (stands_out || !item.inner.is_empty() || !about.is_empty());
        if !is_one {
            return false;
        }
        // Within an environment's part, an item that names another one is a remark about it.
        if matches!(self.environment, Some((_, level)) if level < ITEM) {
            return false;
        }
        self.facts.named.push((mention.clone(), at.clone()));
        let is_alone = item.inner.is_empty() && about.is_empty();
        self.environment = Some((mention, ITEM));
        if !about.is_empty() {
            self.field(Field::Description, about, at);
        }
        self.blocks(&item.inner);
        // What follows `1. **Staging**` is about it; what follows an item that has told all is not.
        if !is_alone {
            self.environment = None;
        }
        true
    }

    fn item(&mut self, item: &Item, at: &At) {
        if let Some((label, value)) = item.text.labelled()
            && let Some(field) = Field::of(&label)
            && self.environment.is_some()
            && !is_remark(&label)
        {
            if matches!(field, Field::Process | Field::ByHand) {
                self.steps_of(field, &value, item, at);
                return;
            }
            self.field(field, value, at);
            self.blocks(&item.inner);
            return;
        }
        // "Process", and the steps below it.
        if let Some(field) = Field::of(&item.text.text())
            && self.environment.is_some()
            && !item.inner.is_empty()
        {
            match field {
                Field::Process | Field::ByHand => self.steps_of(field, &Rich::default(), item, at),
                _ => self.below(field, &item.inner),
            }
            return;
        }
        let shown = item.text.text();
        let mut words = shown.split_whitespace();
        let bare = words.find(|word| word.starts_with("https://") || word.starts_with("http://"));
        let link = item.text.link().or(bare).map(str::to_owned);
        match (&self.environment, link) {
            (Some(_), Some(link)) => self.linked(item, link, at),
            _ => self.remark(&item.text, at),
        }
        self.blocks(&item.inner);
    }

    /// A field's values, an item each.
    fn below(&mut self, field: Field, blocks: &[Block]) {
        for block in blocks {
            match &block.kind {
                Kind::List { items, .. } => {
                    for item in items {
                        let at = self.at(item.line);
                        self.field(field, item.text.clone(), &at);
                        self.blocks(&item.inner);
                    }
                }
                Kind::Text(words) => {
                    let at = self.at(block.line);
                    self.field(field, words.clone(), &at);
                }
                _ => self.block(block, &[]),
            }
        }
    }

    /// `Process: …`, and the steps below it.
    fn steps_of(&mut self, field: Field, value: &Rich, item: &Item, at: &At) {
        let is_by_hand = field == Field::ByHand;
        if !value.is_empty() {
            self.push_step(value, is_by_hand, at);
        }
        for block in &item.inner {
            match &block.kind {
                Kind::List { items, .. } => {
                    for step in items {
                        let at = self.at(step.line);
                        self.step(step, is_by_hand, &at);
                    }
                }
                _ => self.block(block, &[]),
            }
        }
    }

    fn step(&mut self, item: &Item, is_by_hand: bool, at: &At) {
        if !item.text.is_empty() {
            self.push_step(&item.text, is_by_hand, at);
        }
        for block in &item.inner {
            match &block.kind {
                Kind::List { items, .. } => {
                    for step in items {
                        let at = self.at(step.line);
                        self.step(step, is_by_hand, &at);
                    }
                }
                _ => self.block(block, &[]),
            }
        }
    }

    fn push_step(&mut self, words: &Rich, is_by_hand: bool, at: &At) {
        let Some(environment) = self.mention() else {
            self.sentence(words, at);
            return;
        };
        self.facts.steps.push(StepFact {
            environment,
            words: words.clone(),
            is_by_hand,
            at: at.clone(),
        });
    }

    /// An item with a link, in an environment's part: something that it uses.
    fn linked(&mut self, item: &Item, link: String, at: &At) {
        let spans = &item.text.0;
        let shown = spans.iter().find(|span| span.link.is_some());
        let mut title = shown
            .map(|span| span.text.trim().to_owned())
            .unwrap_or_default();
        let mut description = None;
        // "AWS: the account, https://…" is called by what stands before the colon.
        if let Some((label, rest)) = item.text.labelled()
            && !label.contains("://")
            && !label.ends_with("http")
            && !label.ends_with("https")
        {
            title = label;
            let words: String = rest
                .0
                .iter()
                .filter(|span| span.link.is_none() && span.look != Look::Code)
                .map(|span| span.text.replace(&link, ""))
                .collect();
            let words = words.replace("()", "");
            let words = words.trim().trim_matches([',', ';', '–', '-']).trim();
            description = (!words.is_empty()).then(|| words.to_owned());
        }
        let id = item.text.codes().next().map(str::to_owned);
        self.facts.guessed(
            at,
            format!("\"{title}\" is something that it uses: the item has a link"),
        );
        self.facts.resources.push(ResourceFact {
            environment: self.mention(),
            title,
            description,
            id,
            link: Some(link),
            at: Some(at.clone()),
            ..ResourceFact::default()
        });
    }
}

/// What stands behind the first dash.
fn behind_dash(words: &Rich) -> Rich {
    let mut rest = words.0.clone();
    while let Some(span) = rest.first_mut() {
        let found = [" – ", " - "]
            .iter()
            .filter_map(|dash| Some((span.text.find(dash)?, dash.len())))
            .min();
        match found {
            Some((at, length)) => {
                span.text.replace_range(..at + length, "");
                break;
            }
            // The dash may stand right behind a name that stands out.
            None if span.text.starts_with("– ") || span.text.starts_with("- ") => {
                let width = span.text.chars().next().map_or(1, char::len_utf8);
                span.text.replace_range(..=width, "");
                break;
            }
            None => {
                rest.remove(0);
            }
        }
    }
    Rich(rest).tidy()
}
