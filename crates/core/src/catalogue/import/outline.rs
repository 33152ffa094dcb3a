//! A page as an outline: headings, paragraphs, lists, tables and code, one after the other, each with its line.

use html5ever::{local_name, parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use super::html_of::{LINE, LINE_COMMENT, html_of};

/// Elements nest no deeper on a page that people write. The HTML parser looks through all that are open at each tag.
const MOST_NESTED: usize = 200;

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its line, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Heading(u8, Rich),
    Text(Rich),
    List { is_numbered: bool, items: Vec<Item> },
    Table(Vec<Row>),
    Code { language: String, text: String },
    Rule,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) text: Rich,
    /// What stands below its text.
    pub(super) inner: Vec<Block>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) cells: Vec<Rich>,
}

/// Words, some of which stand out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rich(pub(super) Vec<Span>);

/// Words that look alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) look: Look,
    pub(super) link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Look {
    #[default]
    Plain,
    Strong,
    Emphasis,
    Code,
}

/// Why a page has no outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its HTML is nested more than {MOST_NESTED} deep")]
pub struct TooDeep;

/// The outline of a page.
pub(super) fn outline(text: &str) -> Result<Vec<Block>, TooDeep> {
    let html = html_of(text);
    if nesting(&html) > MOST_NESTED {
        return Err(TooDeep);
    }
    let document = parse_document(RcDom::default(), html5ever::ParseOpts::default()).one(html);
    let mut walker = Walker {
        blocks: Vec::new(),
        loose: Rich::default(),
        line: 1,
        is_in_list: false,
    };
    walker.walk(&document.document, 0);
    walker.flush();
    Ok(walker.blocks)
}

/// How deep elements may nest at most, by their tags alone; those that end by themselves are not counted.
fn nesting(html: &str) -> usize {
    const BY_THEMSELVES: [&str; 32] = [
        "p", "li", "td", "tr", "th", "dt", "dd", "option", "thead", "tbody", "tfoot", "area",
        "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr", "html", "head", "body", "colgroup", "caption", "rp", "rt",
    ];
    let (mut depth, mut most) = (0_usize, 0);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (is_end, name) = match rest.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let length = name
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let name = name[..length].to_ascii_lowercase();
        if name.is_empty() || BY_THEMSELVES.contains(&name.as_str()) {
            continue;
        }
        match is_end {
            true => depth = depth.saturating_sub(1),
            false => depth += 1,
        }
        most = most.max(depth);
    }
    most
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

impl Rich {
    /// Without spaces that are not seen.
    pub(super) fn tidy(self) -> Rich {
        let mut tidy: Vec<Span> = Vec::new();
        let mut was_space = true;
        for span in self.0 {
            let mut text = String::with_capacity(span.text.len());
            for letter in span.text.chars() {
                let is_space = letter.is_whitespace();
                if !is_space {
                    text.push(letter);
                } else if !was_space {
                    text.push(' ');
                }
                was_space = is_space;
            }
            match tidy.last_mut() {
                Some(last) if last.look == span.look && last.link == span.link => {
                    last.text.push_str(&text);
                }
                _ if text.is_empty() => {}
                _ => tidy.push(Span { text, ..span }),
            }
        }
        if let Some(last) = tidy.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        let mut rich = Rich(tidy);
        rich.0.retain(|span| !span.text.is_empty());
        rich
    }

    /// Without `{% … %}`, which GitBook has for what Markdown has not.
    fn without_tags(mut self) -> Rich {
        for span in &mut self.0 {
            while let Some(start) = span.text.find("{%") {
                let Some(length) = span.text[start..].find("%}") else {
                    break;
                };
                span.text.replace_range(start..start + length + 2, "");
            }
        }
        if let Some(first) = self.0.first_mut() {
            first.text = first.text.trim_start().to_owned();
        }
        if let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        self.0.retain(|span| !span.text.is_empty());
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words alone.
    pub(super) fn text(&self) -> String {
        let text: String = self.0.iter().map(|span| span.text.as_str()).collect();
        text.trim().to_owned()
    }

    /// The first way to somewhere else.
    pub(super) fn link(&self) -> Option<&str> {
        self.0.iter().find_map(|span| span.link.as_deref())
    }

    /// What is written as code.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        let codes = self.0.iter().filter(|span| span.look == Look::Code);
        codes.map(|span| span.text.as_str())
    }

    /// The words before the first colon, where they are short or stand out, and those after it.
    pub(super) fn labelled(&self) -> Option<(String, Rich)> {
        let mut label = String::new();
        for (at, span) in self.0.iter().enumerate() {
            if let Some(colon) = span.text.find([':', '：']) {
                label.push_str(&span.text[..colon]);
                let width = span.text[colon..].chars().next().map_or(1, char::len_utf8);
                let mut rest = vec![Span {
                    text: span.text[colon + width..].to_owned(),
                    ..span.clone()
                }];
                rest.extend(self.0[at + 1..].iter().cloned());
                let label = label.trim().to_owned();
                let is_short = !label.is_empty() && label.chars().count() <= 40;
                return is_short.then(|| (label, Rich(rest).tidy()));
            }
            label.push_str(&span.text);
            if label.chars().count() > 60 {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Block> {
        outline(text).unwrap()
    }

    fn text_of(block: &Block) -> String {
        match &block.kind {
            Kind::Heading(_, words) | Kind::Text(words) => words.text(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn tables_of_both_languages_read_alike() {
        let markdown = read("| Name | Link |\n|---|---|\n| AWS | [View](https://a.test) |\n");
        let html = read(
            "<table class=\"x\"><tbody><tr><th><p>Name</p></th><th>Link</th></tr>\n<tr><td><p>AWS</p></td><td><a class=\"l\" href=\"https://a.test\">View</a></td></tr></tbody></table>\n",
        );
        let cells = |blocks: &[Block]| -> Vec<Vec<(String, Option<String>)>> {
            let [
                Block {
                    kind: Kind::Table(rows),
                    ..
                },
            ] = blocks
            else {
                panic!("{blocks:?}")
            };
            let cell = |cell: &Rich| (cell.text(), cell.link().map(str::to_owned));
            rows.iter()
                .map(|row| row.cells.iter().map(cell).collect())
                .collect()
        };
        assert_eq!(cells(&markdown), cells(&html));
        assert_eq!(cells(&html)[1][1].1.as_deref(), Some("https://a.test"));
    }

    #[test]
    fn lists_keep_what_is_below_an_item() {
        let blocks = read("* **Process**:\n  * One.\n  * Two.\n");
        let [
            Block {
                kind: Kind::List { items, .. },
                ..
            },
        ] = blocks.as_slice()
        else {
            panic!("{blocks:?}")
        };
        let (label, rest) = items[0].text.labelled().unwrap();
        assert_eq!((label.as_str(), rest.is_empty()), ("Process", true));
        let [
            Block {
                kind: Kind::List { items: inner, .. },
                ..
            },
        ] = items[0].inner.as_slice()
        else {
            panic!("{items:?}")
        };
        assert_eq!((inner[1].text.text().as_str(), inner[1].line), ("Two.", 3));
    }

    #[test]
    fn gitbooks_tags_are_no_words() {
        let blocks = read("{% hint style=\"info\" %}\nDatabase **LOCAL**\n{% endhint %}\n");
        assert_eq!(text_of(&blocks[0]), "Database LOCAL");
    }

    #[test]
    fn what_nests_without_end_is_refused() {
        assert!(outline(&"<div>\n".repeat(100_000)).is_err());
        assert!(outline(&"> ".repeat(100_000)).is_err());
        assert!(outline(&"<ul><li>".repeat(100_000)).is_err());
        assert!(outline(&"<p>a<li>b<td>".repeat(10_000)).is_ok());
    }
}
