//! A page as values: blocks of words, which `markdown` and `html` write in their own way.

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// What stands on it.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading, from 2 for the page's parts to 4.
    Heading(u8, Words),
    /// A paragraph.
    Paragraph(Words),
    /// A list, its items numbered or not.
    List {
        /// Whether they are numbered.
        is_numbered: bool,
        /// The items.
        items: Vec<Words>,
    },
    /// A table.
    Table {
        /// What stands in each column.
        heading: Vec<&'static str>,
        /// As many cells each as there are columns.
        rows: Vec<Vec<Words>>,
    },
    /// Something drawn.
    Drawing {
        /// What it shows.
        caption: &'static str,
        /// How mermaid draws it.
        mermaid: String,
        /// How a page of its own draws it: HTML or SVG.
        drawn: String,
    },
    /// A part of `towpath.toml`.
    Toml(String),
}

/// Words for people, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(pub Vec<Word>);

/// Some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// As they stand.
    Plain(String),
    /// A name or a command, as it is typed.
    Code(String),
    /// With weight.
    Strong(String),
    /// With a little.
    Emphasis(String),
    /// A way to somewhere else.
    Link {
        /// What it is called.
        text: String,
        /// Where it leads.
        to: String,
    },
}

impl Words {
    /// Nothing yet.
    pub fn new() -> Words {
        Words::default()
    }

    /// What stands where there is nothing to tell.
    pub fn dash() -> Words {
        "–".into()
    }

    /// With words as they stand.
    #[must_use]
    pub fn plain(self, text: impl Into<String>) -> Words {
        self.with(Word::Plain(text.into()))
    }

    /// With a name or a command.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Words {
        self.with(Word::Code(text.into()))
    }

    /// With words that have weight.
    #[must_use]
    pub fn strong(self, text: impl Into<String>) -> Words {
        self.with(Word::Strong(text.into()))
    }

    /// With words that have a little.
    #[must_use]
    pub fn emphasis(self, text: impl Into<String>) -> Words {
        self.with(Word::Emphasis(text.into()))
    }

    /// With a way to somewhere else.
    #[must_use]
    pub fn link(self, text: impl Into<String>, to: impl Into<String>) -> Words {
        self.with(Word::Link {
            text: text.into(),
            to: to.into(),
        })
    }

    /// With one more word.
    #[must_use]
    pub fn with(mut self, word: Word) -> Words {
        self.0.push(word);
        self
    }

    /// With others behind them.
    #[must_use]
    pub fn and(mut self, words: Words) -> Words {
        self.0.extend(words.0);
        self
    }

    /// Words one after the other, commas between; a dash where there are none.
    pub fn list(words: impl IntoIterator<Item = Word>) -> Words {
        let mut list = Words::new();
        for word in words {
            if !list.0.is_empty() {
                list = list.plain(", ");
            }
            list = list.with(word);
        }
        match list.0.is_empty() {
            true => Words::dash(),
            false => list,
        }
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Words {
        Words::new().plain(text)
    }
}

impl Document {
    /// With one more part.
    pub(super) fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// With a heading.
    pub(super) fn heading(&mut self, depth: u8, words: impl Into<Words>) {
        self.push(Block::Heading(depth, words.into()));
    }

    /// With a list, unless it is empty.
    pub(super) fn list(&mut self, is_numbered: bool, items: Vec<Words>) {
        if !items.is_empty() {
            self.push(Block::List { is_numbered, items });
        }
    }
}
