//! Walks through a page's elements: what nests in HTML stands one after the other in the outline.

use html5ever::local_name;
use markup5ever_rcdom::{Handle, NodeData};

use super::{
    html_of::{LINE, LINE_COMMENT},
    outline::{Block, Item, Kind, MOST_NESTED, Row},
    rich::{Look, Rich, Span},
};

/// Everything below a node, block by block.
pub(super) fn walk(node: &Handle) -> Vec<Block> {
    let mut walker = Walker {
        blocks: Vec::new(),
        loose: Rich::default(),
        line: 1,
        is_in_list: false,
    };
    walker.walk(node, 0);
    walker.flush();
    walker.blocks
}

struct Walker {
    blocks: Vec<Block>,
    /// Words that stand in no block of their own yet.
    loose: Rich,
    line: usize,
    /// Whether it is within a list; GitBook has its tags around lists, not in them.
    is_in_list: bool,
}

impl Walker {
    fn push(&mut self, line: usize, kind: Kind) {
        self.blocks.push(Block { line, kind });
    }

    /// Ends a paragraph of words that stood in none.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.loose).tidy();
        let words = self.without_tags(words);
        if !words.is_empty() {
            self.push(self.line, Kind::Text(words));
        }
    }

    fn without_tags(&self, words: Rich) -> Rich {
        match self.is_in_list {
            true => words,
            false => words.without_tags(),
        }
    }

    fn children(&mut self, node: &Handle, depth: usize) {
        // What the parser makes of the tags nests a little deeper than they do; nothing of it is lost below.
        if depth > MOST_NESTED * 3 {
            return;
        }
        for child in node.children.borrow().iter() {
            self.walk(child, depth + 1);
        }
    }

    fn walk(&mut self, node: &Handle, depth: usize) {
        match &node.data {
            NodeData::Comment { contents } => self.note_line(contents),
            NodeData::Text { contents } => {
                let span = Span {
                    text: contents.borrow().to_string(),
                    ..Span::default()
                };
                self.loose.0.push(span);
            }
            NodeData::Document => self.children(node, depth),
            // What the page draws it tells in its tables too.
            NodeData::Element { .. } if attribute(node, "class").as_deref() == Some("tp-boxes") => {
            }
            NodeData::Element { name, .. } => {
                self.line = line_of(node).unwrap_or(self.line);
                self.element(&name.local, node, depth);
            }
            NodeData::Doctype { .. } | NodeData::ProcessingInstruction { .. } => {}
        }
    }

    fn note_line(&mut self, comment: &str) {
        let line = comment.strip_prefix(LINE_COMMENT);
        if let Some(line) = line.and_then(|line| line.parse().ok()) {
            self.flush();
            self.line = line;
        }
    }

    fn element(&mut self, name: &str, node: &Handle, depth: usize) {
        let line = self.line;
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                let level = name.as_bytes()[1] - b'0';
                let words = self.rich(node);
                self.push(line, Kind::Heading(level, words));
            }
            "p" | "summary" | "figcaption" | "caption" => {
                self.flush();
                let words = self.rich(node);
                let words = self.without_tags(words);
                if !words.is_empty() {
                    self.push(line, Kind::Text(words));
                }
            }
            "ul" | "ol" | "menu" => {
                self.flush();
                let items = self.items(node, depth);
                let is_numbered = name == "ol";
                self.push(line, Kind::List { is_numbered, items });
            }
            "dl" => {
                self.flush();
                let items = self.definitions(node);
                self.push(
                    line,
                    Kind::List {
                        is_numbered: false,
                        items,
                    },
                );
            }
            "table" => {
                self.flush();
                let mut rows = Vec::new();
                self.rows(node, &mut rows, depth);
                self.push(line, Kind::Table(rows));
            }
            "pre" => {
                self.flush();
                let (language, text) = code(node);
                self.push(line, Kind::Code { language, text });
            }
            "hr" => {
                self.flush();
                self.push(line, Kind::Rule);
            }
            "script" | "style" | "head" | "template" | "svg" | "math" | "noscript" => {}
            "a" | "abbr" | "b" | "bdi" | "bdo" | "big" | "br" | "cite" | "code" | "del" | "em"
            | "font" | "i" | "img" | "ins" | "kbd" | "label" | "mark" | "q" | "s" | "samp"
            | "small" | "span" | "strong" | "sub" | "sup" | "tt" | "u" | "var" => {
                let mut rich = Rich::default();
                gather(node, Look::Plain, None, &mut rich, 0);
                self.loose.0.extend(rich.0);
            }
            _ => {
                self.flush();
                self.children(node, depth);
                self.flush();
            }
        }
    }

    fn rich(&mut self, node: &Handle) -> Rich {
        let mut rich = Rich::default();
        for child in node.children.borrow().iter() {
            gather(child, Look::Plain, None, &mut rich, 0);
        }
        rich.tidy()
    }

    fn items(&mut self, list: &Handle, depth: usize) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for child in list.children.borrow().iter() {
            let NodeData::Element { name, .. } = &child.data else {
                if let NodeData::Comment { contents } = &child.data {
                    self.note_line(contents);
                }
                continue;
            };
            self.line = line_of(child).unwrap_or(self.line);
            match (&*name.local, items.last_mut()) {
                ("li", _) => {
                    let item = self.item(child, depth);
                    items.push(item);
                }
                // A list right within a list belongs to the item before.
                (_, Some(_)) => {
                    let inner = self.inner(child, depth);
                    if let Some(last) = items.last_mut() {
                        last.inner.extend(inner);
                    }
                }
                (_, None) => {
                    let inner = self.inner(child, depth);
                    let line = self.line;
                    items.push(Item {
                        line,
                        text: Rich::default(),
                        inner,
                    });
                }
            }
        }
        items
    }

    /// An item: its first words, and the blocks below them.
    fn item(&mut self, node: &Handle, depth: usize) -> Item {
        let line = self.line;
        let mut inner = self.inner(node, depth);
        let text = match inner.first() {
            Some(Block {
                kind: Kind::Text(_),
                ..
            }) => match inner.remove(0).kind {
                Kind::Text(words) => words,
                _ => Rich::default(),
            },
            _ => Rich::default(),
        };
        Item { line, text, inner }
    }

    /// The blocks within a node.
    fn inner(&mut self, node: &Handle, depth: usize) -> Vec<Block> {
        let mut walker = Walker {
            blocks: Vec::new(),
            loose: Rich::default(),
            line: self.line,
            is_in_list: true,
        };
        let is_list =
            matches!(&node.data, NodeData::Element { name, .. } if name.local != local_name!("li"));
        match is_list {
            true => walker.walk(node, depth + 1),
            false => walker.children(node, depth + 1),
        }
        walker.flush();
        walker.blocks
    }

    /// Terms with their definitions, as items that say `term: definition`.
    fn definitions(&mut self, list: &Handle) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for child in list.children.borrow().iter() {
            let NodeData::Element { name, .. } = &child.data else {
                continue;
            };
            self.line = line_of(child).unwrap_or(self.line);
            let words = self.rich(child);
            match (&*name.local, items.last_mut()) {
                ("dd", Some(item)) => {
                    let colon = Span {
                        text: ": ".into(),
                        ..Span::default()
                    };
                    item.text.0.push(colon);
                    item.text.0.extend(words.0);
                }
                _ => items.push(Item {
                    line: self.line,
                    text: words,
                    inner: Vec::new(),
                }),
            }
        }
        items
    }

    fn rows(&mut self, node: &Handle, rows: &mut Vec<Row>, depth: usize) {
        if depth > MOST_NESTED * 3 {
            return;
        }
        for child in node.children.borrow().iter() {
            match &child.data {
                NodeData::Comment { contents } => self.note_line(contents),
                NodeData::Element { name, .. } => {
                    self.line = line_of(child).unwrap_or(self.line);
                    match &*name.local {
                        "tr" => {
                            let line = self.line;
                            let cells = self.cells(child);
                            rows.push(Row { line, cells });
                        }
                        "caption" => {
                            let words = self.rich(child);
                            let line = self.line;
                            self.push(line, Kind::Text(words));
                        }
                        _ => self.rows(child, rows, depth + 1),
                    }
                }
                _ => {}
            }
        }
    }

    fn cells(&mut self, row: &Handle) -> Vec<Rich> {
        let mut cells = Vec::new();
        for child in row.children.borrow().iter() {
            let NodeData::Element { name, .. } = &child.data else {
                continue;
            };
            if ["td", "th"].contains(&&*name.local) {
                cells.push(self.rich(child));
            }
        }
        cells
    }
}

fn line_of(node: &Handle) -> Option<usize> {
    attribute(node, LINE)?.parse().ok()
}

fn attribute(node: &Handle, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else {
        return None;
    };
    let attrs = attrs.borrow();
    let found = attrs.iter().find(|attr| &*attr.name.local == wanted);
    found.map(|attr| attr.value.to_string())
}

/// The words within a node, with how they look.
fn gather(node: &Handle, look: Look, link: Option<&str>, rich: &mut Rich, depth: usize) {
    if depth > MOST_NESTED * 3 {
        return;
    }
    match &node.data {
        NodeData::Text { contents } => rich.0.push(Span {
            text: contents.borrow().to_string(),
            look,
            link: link.map(str::to_owned),
        }),
        NodeData::Element { name, .. } => {
            let name = &*name.local;
            let space = || Span {
                text: " ".into(),
                ..Span::default()
            };
            let look = match name {
                "script" | "style" | "template" => return,
                "br" => {
                    rich.0.push(space());
                    return;
                }
                "b" | "strong" => Look::Strong,
                "i" | "em" if look == Look::Plain => Look::Emphasis,
                "code" | "kbd" | "tt" | "samp" => Look::Code,
                _ => look,
            };
            let is_block = ["p", "div", "li", "ul", "ol", "tr", "td", "table"].contains(&name);
            if is_block {
                rich.0.push(space());
            }
            let href = attribute(node, "href").filter(|_| name == "a");
            let link = href.as_deref().or(link);
            for child in node.children.borrow().iter() {
                gather(child, look, link, rich, depth + 1);
            }
            if is_block {
                rich.0.push(space());
            }
        }
        _ => {}
    }
}

/// The language and the text of a block of code.
fn code(node: &Handle) -> (String, String) {
    let mut rich = Rich::default();
    gather(node, Look::Plain, None, &mut rich, 0);
    let text: String = rich.0.iter().map(|span| span.text.as_str()).collect();
    let children = node.children.borrow();
    let class = children
        .iter()
        .find_map(|child| attribute(child, "class"))
        .or_else(|| attribute(node, "class"))
        .unwrap_or_default();
    let language = match class.as_str() {
        "front-matter" => "front-matter",
        class => {
            let mut classes = class.split_whitespace();
            classes
                .find_map(|class| class.strip_prefix("language-"))
                .unwrap_or_default()
        }
    };
    (language.to_lowercase(), text)
}
