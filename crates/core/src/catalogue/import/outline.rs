//! A page as an outline: headings, paragraphs, lists, tables and code, one after the other, each with its line.

use html5ever::{parse_document, tendril::TendrilSink};
use markup5ever_rcdom::RcDom;

use super::{html_of::html_of, rich::Rich, walk::walk};

/// Elements nest no deeper on a page that people write. The HTML parser looks through all that are open at each tag.
pub(super) const MOST_NESTED: usize = 200;

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
    Ok(walk(&document.document))
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
