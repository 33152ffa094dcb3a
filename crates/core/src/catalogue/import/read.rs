//! From a page's outline to what it says: which environment each part is about, its fields, and its steps.

use super::{
    diagram,
    facts::{At, Facts, FieldFact, Sentence},
    mention::{Mention, is_nothing},
    outline::{Block, Kind},
    rich::Rich,
    tables,
    words::Field,
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
pub(super) enum Label {
    Field(Field),
    /// It is written from what Towpath does.
    Generated,
}

/// The level of an item that is a heading in all but name: below every heading.
pub(super) const ITEM: u8 = 7;

impl Reader<'_> {
    pub(super) fn at(&self, line: usize) -> At {
        At {
            page: self.page,
            line,
        }
    }

    pub(super) fn mention(&self) -> Option<Mention> {
        self.environment
            .as_ref()
            .map(|(mention, _)| mention.clone())
    }

    pub(super) fn blocks(&mut self, blocks: &[Block]) {
        for (at, block) in blocks.iter().enumerate() {
            self.block(block, &blocks[at + 1..]);
        }
    }

    pub(super) fn block(&mut self, block: &Block, rest: &[Block]) {
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

    pub(super) fn heading(&mut self, level: u8, words: &Rich, rest: &[Block], at: &At) {
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
    pub(super) fn may_begin(&self, level: u8) -> bool {
        !matches!(self.environment, Some((_, outer)) if level > outer)
    }

    pub(super) fn paragraph(&mut self, words: &Rich, at: &At) {
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

    pub(super) fn sentence(&mut self, words: &Rich, at: &At) {
        self.say(words, true, at);
    }

    /// An item that says nothing of its environment as a whole.
    pub(super) fn remark(&mut self, words: &Rich, at: &At) {
        self.say(words, false, at);
    }

    pub(super) fn say(&mut self, words: &Rich, may_describe: bool, at: &At) {
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

    pub(super) fn code(&mut self, language: &str, text: &str, at: &At) {
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
