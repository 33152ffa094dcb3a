//! The YAML store: one document of maps, lists and scalars, without anchors and tags. Comments stay where they are.

use std::{fmt::Write, sync::LazyLock};

use regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    DEEPEST, json,
    tree::{Element, Item, Node, Raw},
};

/// The tree, and what SOPS keeps about it.
pub(super) fn read(text: &str) -> Result<(Node<Raw>, Option<Node<Raw>>), String> {
    let mut builder = Builder::new(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        builder.take(event, span)?;
    }
    match builder.root {
        Some(Node::Map(items)) => Ok(json::split(items)),
        Some(_) => Err("its top is no map".into()),
        None => Err("it is empty".into()),
    }
}

/// A map or list that is being read.
struct Open {
    /// The column where its keys or dashes stand.
    column: usize,
    part: Part,
}

enum Part {
    Map {
        items: Vec<Item<Raw>>,
        seen: std::collections::HashSet<String>,
        key: Option<String>,
    },
    List(Vec<Element<Raw>>),
}

/// A comment whose place is not known yet.
struct Comment {
    column: usize,
    text: Raw,
}

struct Builder<'a> {
    text: &'a str,
    /// The byte of each character: the parser counts characters.
    bytes: Vec<usize>,
    /// Where the part before ends, in bytes.
    end: usize,
    open: Vec<Open>,
    /// Comments since the last key, element or end.
    comments: Vec<Comment>,
    root: Option<Node<Raw>>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Builder<'a> {
        Builder {
            text,
            bytes: text.char_indices().map(|(at, _)| at).collect(),
            end: 0,
            open: Vec::new(),
            comments: Vec::new(),
            root: None,
        }
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes
            .get(character)
            .copied()
            .unwrap_or(self.text.len())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let line = span.start.line();
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        self.find_comments(start);
        self.end = self.end.max(end);
        let plain = |anchor: usize, tagged: bool| match (anchor, tagged) {
            (0, false) => Ok(()),
            _ => Err(format!("line {line} has an anchor or a tag")),
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.scalar(&text, style, line)
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                let map = Part::Map {
                    items: Vec::new(),
                    seen: Default::default(),
                    key: None,
                };
                self.descend(map, span.start.col(), line)
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some())?;
                self.descend(Part::List(Vec::new()), span.start.col(), line)
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let column = self.open.last().map_or(0, |open| open.column);
                self.place_comments(|comment| comment.column >= column);
                let node = match self.open.pop().map(|open| open.part) {
                    Some(Part::Map { items, .. }) => Node::Map(items),
                    Some(Part::List(elements)) => Node::List(elements),
                    None => return Err("it ends more than it begins".into()),
                };
                self.put(node, line)
            }
            Event::Alias(_) => Err(format!("line {line} refers to an anchor")),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(format!("line {line} begins a second document"))
            }
            _ => Ok(()),
        }
    }

    fn descend(&mut self, part: Part, column: usize, line: usize) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err(format!("line {line} is nested too deeply"));
        }
        match self.open.last() {
            Some(Open {
                part: Part::Map { key: None, .. },
                ..
            }) => return Err(format!("line {line} has a key that is no text")),
            // What stands above a dash belongs to the list, what stands behind it to the element.
            Some(Open {
                part: Part::List(_),
                column,
            }) => {
                let dash = *column;
                self.place_comments(|comment| comment.column <= dash);
            }
            _ => {}
        }
        self.open.push(Open { column, part });
        Ok(())
    }

    fn is_metadata(&self) -> bool {
        let top = self.open.first().map(|open| &open.part);
        matches!(top, Some(Part::Map { key: Some(key), .. }) if key == "sops")
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, line: usize) -> Result<(), String> {
        let is_metadata = self.is_metadata();
        let is_key = matches!(
            self.open.last().map(|open| &open.part),
            Some(Part::Map { key: None, .. } | Part::List(_))
        );
        if is_key {
            self.place_comments(|_| true);
        }
        if let Some(Part::Map {
            seen,
            key: key @ None,
            ..
        }) = self.open.last_mut().map(|open| &mut open.part)
        {
            let is_text =
                style != ScalarStyle::Plain || matches!(resolved(text), Some(Raw::Text(_)));
            if !is_text || text == "<<" {
                return Err(format!(
                    "line {line} has a key that is no text; write it in quotes"
                ));
            }
            if !seen.insert(text.to_owned()) {
                return Err(format!("the key {text:.80?} of line {line} is there twice"));
            }
            *key = Some(text.to_owned());
            return Ok(());
        }
        let raw = match style {
            ScalarStyle::Plain => match resolved(text) {
                Some(raw) => raw,
                // Moments and versions of SOPS are texts to it.
                None if is_metadata => Raw::Text(text.to_owned()),
                None => {
                    return Err(format!(
                        "the value of line {line} is read in several ways; write it in quotes"
                    ));
                }
            },
            _ => Raw::Text(text.to_owned()),
        };
        self.put(Node::Leaf(raw), line)
    }

    fn put(&mut self, node: Node<Raw>, line: usize) -> Result<(), String> {
        match self.open.last_mut().map(|open| &mut open.part) {
            Some(Part::Map { items, key, .. }) => match key.take() {
                Some(key) => items.push(Item::Entry(key, node)),
                None => return Err(format!("line {line} has a key that is no text")),
            },
            Some(Part::List(elements)) => elements.push(Element::Node(node)),
            None => self.root = Some(node),
        }
        Ok(())
    }

    /// Puts comments where they belong: into what is open now.
    fn place_comments(&mut self, belongs: impl Fn(&Comment) -> bool) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let count = self
            .comments
            .iter()
            .take_while(|comment| belongs(comment))
            .count();
        for comment in self.comments.drain(..count) {
            match &mut open.part {
                Part::Map { items, .. } => items.push(Item::Comment(comment.text)),
                Part::List(elements) => elements.push(Element::Comment(comment.text)),
            }
        }
    }

    /// Comments between the part before and what begins at `start`: nothing else there can have a `#` after a space.
    fn find_comments(&mut self, start: usize) {
        if start <= self.end {
            return;
        }
        let mut at = self.end;
        while let Some(found) = self.text[at..start].find('#') {
            let mark = at + found;
            at = mark + 1;
            let is_apart = self.text[..mark]
                .chars()
                .next_back()
                .is_none_or(char::is_whitespace);
            if !is_apart {
                continue;
            }
            let line = self.text[..mark].rfind('\n').map_or(0, |end| end + 1);
            let end = self.text[mark..]
                .find('\n')
                .map_or(self.text.len(), |length| mark + length);
            let text = self.text[mark + 1..end].trim_end_matches('\r');
            self.comments.push(Comment {
                column: self.text[line..mark].chars().count(),
                text: Raw::Text(text.to_owned()),
            });
            at = end.min(start);
        }
    }
}

/// What a plain scalar is to SOPS; `None` where its readers differ, as on dates, octal numbers and infinity. `yes`, `n` and
/// their like are texts to it, though they were booleans in older YAML: they are read so, and written in quotes.
fn resolved(text: &str) -> Option<Raw> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Raw::Null),
        "true" | "True" | "TRUE" => return Some(Raw::Boolean(true)),
        "false" | "False" | "FALSE" => return Some(Raw::Boolean(false)),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Some(Raw::Text(text.to_owned()));
    }
    if WHOLE.is_match(text) {
        return text.parse().ok().map(Raw::Integer);
    }
    if FLOAT.is_match(text) {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        return number.map(Raw::Float);
    }
    match NUMBER_TO_SOME.is_match(text) && !MOMENT.is_match(text) {
        true => None,
        false => Some(Raw::Text(text.to_owned())),
    }
}

/// A whole number to every reader.
static WHOLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^-?(0|[1-9][0-9]*)$"));
/// Any other number, as the readers of SOPS take it.
static FLOAT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$"));
/// Numbers in other writings, and dates: some readers take them for what others have as a text. A version (`1.2.3`), an
/// address or a digest is a text to all of them.
static NUMBER_TO_SOME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[-+]?(0[xob][0-9a-f_]*|[0-9][0-9_]*(:[0-9_]+)*(\.[0-9_]*)?(e[-+]?[0-9_]*)?|\.[0-9_]*(e[-+]?[0-9_]*)?|\.inf|\.nan|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)$",
    )
});

/// A moment whose text is the same to who takes it for a moment; tools write ours without quotes.
static MOMENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is one of those above, which are tested")
}

pub(super) fn write(tree: &Node<Raw>, sops: &Node<Raw>) -> String {
    let mut out = String::new();
    if let Node::Map(items) = tree {
        map(items, 0, &mut out);
    }
    out.push_str("sops:\n");
    if let Node::Map(items) = sops {
        map(items, 1, &mut out);
    }
    out
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("    ");
    }
}

fn map(items: &[Item<Raw>], depth: usize, out: &mut String) {
    for item in items {
        indent(depth, out);
        match item {
            Item::Comment(text) => comment(text, out),
            Item::Entry(key, node) => {
                let key = match is_bare(key) {
                    true => key.clone(),
                    false => quoted(key),
                };
                out.push_str(&key);
                out.push(':');
                value(node, depth, out);
            }
        }
    }
}

fn comment(text: &Raw, out: &mut String) {
    if let Raw::Text(text) = text {
        let _ = writeln!(out, "#{}", text.replace(['\n', '\r'], " "));
    }
}

/// What stands behind a key's colon or an element's dash.
fn value(node: &Node<Raw>, depth: usize, out: &mut String) {
    match node {
        Node::Leaf(leaf) => {
            let _ = writeln!(out, " {}", scalar(leaf, depth + 1));
        }
        Node::Map(items) if items.is_empty() => out.push_str(" {}\n"),
        Node::List(elements) if elements.is_empty() => out.push_str(" []\n"),
        Node::Map(items) => {
            out.push('\n');
            map(items, depth + 1, out);
        }
        Node::List(elements) => {
            out.push('\n');
            list(elements, depth + 1, out);
        }
    }
}

fn list(elements: &[Element<Raw>], depth: usize, out: &mut String) {
    for element in elements {
        indent(depth, out);
        match element {
            Element::Comment(text) => comment(text, out),
            Element::Node(Node::Map(items)) if !items.is_empty() => {
                // The first entry stands behind the dash, the others below it.
                let mut inner = String::new();
                map(items, 0, &mut inner);
                let mut lines = inner.lines();
                let _ = writeln!(out, "- {}", lines.next().unwrap_or_default());
                for line in lines {
                    if !line.is_empty() {
                        indent(depth, out);
                        out.push_str("  ");
                    }
                    out.push_str(line);
                    out.push('\n');
                }
            }
            Element::Node(node) => {
                out.push('-');
                value(node, depth, out);
            }
        }
    }
}

fn scalar(leaf: &Raw, depth: usize) -> String {
    match leaf {
        Raw::Null => "null".into(),
        Raw::Boolean(yes) => yes.to_string(),
        Raw::Integer(number) => number.to_string(),
        Raw::Float(number) if number.fract() == 0.0 => format!("{number}.0"),
        Raw::Float(number) => number.to_string(),
        Raw::Text(text) if is_plain(text) => text.clone(),
        Raw::Text(text) if is_block(text) => block(text, depth),
        Raw::Text(text) => quoted(text),
    }
}

/// Whether a text can stand without quotes, whoever reads it.
fn is_plain(text: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_/+=.,@[]()-: ".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_safe)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && is_text_to_all(text)
}

/// Whether older readers take it for a text too.
fn is_text_to_all(text: &str) -> bool {
    const ONCE_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    matches!(resolved(text), Some(Raw::Text(_)))
        && !ONCE_BOOLEANS.contains(&text.to_ascii_lowercase().as_str())
}

fn is_bare(key: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(is_safe)
        && is_text_to_all(key)
}

/// Whether a text reads well as lines, as the armour of age does.
fn is_block(text: &str) -> bool {
    let is_line = |line: &str| {
        !line.is_empty()
            && !line.starts_with(' ')
            && !line.ends_with(' ')
            && line.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    };
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n') && body.split('\n').all(is_line)
}

fn block(text: &str, depth: usize) -> String {
    let mut out = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        indent(depth, &mut out);
        out.push_str(line);
    }
    out
}

/// What YAML does not have as it is, or takes for a line's end.
const UNSEEN: [char; 6] = [
    '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}', '\u{ffff}',
];

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || UNSEEN.contains(&c) => {
                let _ = match u32::from(c) {
                    code @ ..=0xffff => write!(out, "\\u{code:04X}"),
                    code => write!(out, "\\U{code:08X}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
