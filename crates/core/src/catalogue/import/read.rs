//! From a page's outline to what it says: which environment each part is about, its fields, and its steps.

use super::{
    diagram,
    facts::{At, Facts, FieldFact, ResourceFact, Sentence, StepFact},
    outline::{Block, Item, Kind, Look, Rich},
    tables,
    words::{Field, Mention, is_nothing},
};
use crate::catalogue::page::PROCESS;

/// Reads a page.
pub(super) fn read(page: usize, blocks: &[Block], facts: &mut Facts) {
    let mut reader = Reader {
        page,
        environment: None,
        label: None,
        heading: String::new(),
        facts,
    };
    reader.blocks(blocks);
}

/// Where a reader is.
pub(super) struct Reader<'a> {
    pub(super) page: usize,
    /// The environment that this part is about, and the level of the heading that says so.
    pub(super) environment: Option<(Mention, u8)>,
    /// What the next list is about.
    label: Option<Label>,
    /// The heading before, in lower case.
    pub(super) heading: String,
    pub(super) facts: &'a mut Facts,
}

/// What a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Field(Field),
    /// It is written from what Towpath does.
    Generated,
}

/// The level of an item that is a heading in all but name: below every heading.
const ITEM: u8 = 7;

impl Reader<'_> {
    pub(super) fn at(&self, line: usize) -> At {
        At {
            page: self.page,
            line,
        }
    }

    fn mention(&self) -> Option<Mention> {
        self.environment
            .as_ref()
            .map(|(mention, _)| mention.clone())
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for (at, block) in blocks.iter().enumerate() {
            self.block(block, &blocks[at + 1..]);
        }
    }

    fn block(&mut self, block: &Block, rest: &[Block]) {
        let at = self.at(block.line);
        let label = self.label.take();
        match &block.kind {
            Kind::Heading(level, words) => self.heading(*level, words, rest, &at),
            Kind::Rule => {
                if matches!(self.environment, Some((_, ITEM))) {
                    self.environment = None;
                }
            }
            Kind::Text(words) => self.paragraph(words, &at),
            Kind::Table(rows) => tables::read(self, rows, &at),
            Kind::Code { language, text } => self.code(language, text, &at),
            Kind::List { is_numbered, items } => {
                if label != Some(Label::Generated) {
                    self.list(*is_numbered, items, label);
                }
            }
        }
    }

    fn heading(&mut self, level: u8, words: &Rich, rest: &[Block], at: &At) {
        let text = words.text();
        self.heading = text.to_lowercase();
        let mention = Mention::of(&text);
        let names_field = Field::of(&text).is_some() || text.to_lowercase().contains("groups");
        let is_listed = self.facts.lists(&mention);
        let is_environment = is_listed
            || (!names_field && mention.is_usual())
            || (mention.says_so && self.may_begin(level))
            || (!names_field && self.may_begin(level) && !is_all(&mention) && is_about_one(rest));
        if is_environment && !mention.name.is_empty() {
            if !is_listed && !mention.is_usual() && !mention.says_so {
                let name = &mention.name;
                self.facts.guessed(
                    at,
                    format!("\"{text}\" is an environment, {name}: its part of the page has what they have"),
                );
            }
            self.facts.named.push((mention.clone(), at.clone()));
            self.environment = Some((mention, level));
            return;
        }
        if matches!(self.environment, Some((_, outer)) if level <= outer) {
            self.environment = None;
        }
        if self.environment.is_some() {
            self.label = Field::of(&text).map(Label::Field);
        }
    }

    /// Whether a heading of this level may begin a part about another environment than the one that it stands in.
    fn may_begin(&self, level: u8) -> bool {
        !matches!(self.environment, Some((_, outer)) if level > outer)
    }

    fn paragraph(&mut self, words: &Rich, at: &At) {
        let text = words.text();
        if text.is_empty() {
            return;
        }
        if text.trim_end_matches(':') == PROCESS {
            self.label = Some(Label::Generated);
            return;
        }
        if let Some((label, value)) = words.labelled()
            && let Some(field) = Field::of(&label)
            && self.environment.is_some()
            && !is_remark(&label)
        {
            match value.is_empty() {
                true => self.label = Some(Label::Field(field)),
                false => self.field(field, value, at),
            }
            return;
        }
        // "## Process", and under it a paragraph.
        if let Some(field) = Field::of(text.trim_end_matches(':'))
            && self.environment.is_some()
        {
            self.label = Some(Label::Field(field));
            return;
        }
        self.sentence(words, at);
    }

    /// A field of the environment that this part is about.
    pub(super) fn field(&mut self, field: Field, value: Rich, at: &At) {
        let Some(environment) = self.mention() else {
            return;
        };
        if is_nothing(&value.text()) && value.link().is_none() {
            return;
        }
        self.facts.fields.push(FieldFact {
            environment,
            field,
            value,
            at: at.clone(),
        });
    }

    fn sentence(&mut self, words: &Rich, at: &At) {
        self.say(words, true, at);
    }

    /// An item that says nothing of its environment as a whole.
    fn remark(&mut self, words: &Rich, at: &At) {
        self.say(words, false, at);
    }

    fn say(&mut self, words: &Rich, may_describe: bool, at: &At) {
        if words.is_empty() {
            return;
        }
        let environment = self.mention();
        self.facts.sentences.push(Sentence {
            words: words.clone(),
            environment,
            may_describe,
            at: at.clone(),
        });
    }

    fn code(&mut self, language: &str, text: &str, at: &At) {
        match language {
            "mermaid" => diagram::read(self.facts, text, at),
            "toml" => self.facts.manifests.push((text.to_owned(), at.clone())),
            "front-matter" => {
                let why = "front matter says nothing of environments";
                self.facts.not_understood(at, text, why);
            }
            _ => {
                self.facts
                    .not_understood(at, text, "a block of code says nothing of environments")
            }
        }
    }

    fn list(&mut self, is_numbered: bool, items: &[Item], label: Option<Label>) {
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

/// Whether what follows a heading, up to the next one, is what environments have: a table of things with links, or
/// two fields of theirs.
fn is_about_one(rest: &[Block]) -> bool {
    let own = rest
        .iter()
        .take_while(|block| !matches!(block.kind, Kind::Heading(..)));
    let mut fields = 0;
    for block in own {
        match &block.kind {
            Kind::Table(rows) if tables::is_of_resources(rows) => return true,
            Kind::List { items, .. } => {
                let labelled = items.iter().filter_map(|item| item.text.labelled());
                fields += labelled
                    .filter(|(label, _)| is_of_environments(label))
                    .count();
            }
            Kind::Text(words) => {
                let labelled = words.labelled();
                fields +=
                    usize::from(labelled.is_some_and(|(label, _)| is_of_environments(&label)));
            }
            _ => {}
        }
    }
    fields >= 2
}

/// Whether a sentence that begins so is a remark, whatever a column of that name has.
pub(super) fn is_remark(label: &str) -> bool {
    let label = label.to_lowercase();
    [
        "note",
        "notes",
        "comment",
        "warning",
        "important",
        "tip",
        "info",
        "todo",
    ]
    .contains(&label.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Whether the words mean all environments together, all groups, or things that environments use.
fn is_all(mention: &Mention) -> bool {
    let things = [
        "vendors",
        "accounts",
        "systems",
        "tools",
        "services",
        "resources",
        "links",
        "providers",
        "integrations",
        "applications",
        "projects",
        "parties",
        "dependencies",
        "contacts",
        "references",
        "overview",
        "uses",
    ];
    let last = mention.name.rsplit('-').next().unwrap_or_default();
    if things.contains(&last) {
        return true;
    }
    [
        "",
        "environment",
        "environments",
        "env",
        "envs",
        "group",
        "groups",
    ]
    .contains(&mention.name.as_str())
}

fn is_of_environments(label: &str) -> bool {
    matches!(
        Field::of(label),
        Some(
            Field::Purpose
                | Field::Branch
                | Field::UsedBy
                | Field::Url
                | Field::Link
                | Field::Deployment
                | Field::Process
                | Field::Database
                | Field::Group
        )
    )
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
