//! Markdown as HTML that knows its lines: tables, lists and HTML of the page's own then read alike.

use std::{fmt::Write, ops::Range};

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, MetadataBlockKind, Options, Parser, Tag, TagEnd,
};

/// The attribute that holds the line where an element begins.
pub(super) const LINE: &str = "data-line";

/// What a comment begins with that tells the line of the HTML after it.
pub(super) const LINE_COMMENT: &str = "line ";

/// The page as HTML.
pub(super) fn html_of(text: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut writer = Writer {
        lines: Lines::of(text),
        html: String::with_capacity(text.len() * 2),
        is_in_head: false,
        in_comment: false,
    };
    if is_html(text) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            writer.block_html(line, &(start..start + line.len()));
            start += line.len();
        }
        return writer.html;
    }
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        writer.write(event, range);
    }
    writer.html
}

/// Whether it is a page of HTML, and not Markdown.
fn is_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect();
    let start = start.to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines(
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect(),
        )
    }

    /// The line of a byte, from 1.
    fn of_byte(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte).max(1)
    }
}

struct Writer {
    lines: Lines,
    html: String,
    is_in_head: bool,
    /// Whether the page's own HTML is within a comment.
    in_comment: bool,
}

impl Writer {
    fn write(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, &range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                self.html.push_str("<code>");
                self.text(&code);
                self.html.push_str("</code>");
            }
            Event::Html(html) => self.block_html(&html, &range),
            Event::InlineHtml(html) => self.html.push_str(&html),
            Event::SoftBreak => self.html.push('\n'),
            Event::HardBreak => self.html.push_str("<br>"),
            Event::Rule => self.html.push_str("<hr>\n"),
            Event::TaskListMarker(_)
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        escape(&mut self.html, text);
    }

    fn open(&mut self, tag: &str, range: &Range<usize>) {
        let line = self.lines.of_byte(range.start);
        let _ = write!(self.html, "<{tag} {LINE}=\"{line}\">");
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Paragraph => self.open("p", range),
            Tag::Heading { level, .. } => self.open(&level.to_string(), range),
            Tag::BlockQuote(_) => self.open("blockquote", range),
            Tag::CodeBlock(kind) => {
                self.open("pre", range);
                self.html.push_str("<code class=\"language-");
                if let CodeBlockKind::Fenced(language) = kind {
                    self.text(&language);
                }
                self.html.push_str("\">");
            }
            Tag::List(Some(_)) => self.open("ol", range),
            Tag::List(None) => self.open("ul", range),
            Tag::Item => self.open("li", range),
            Tag::Table(alignments) => {
                let _: Vec<Alignment> = alignments;
                self.open("table", range);
            }
            Tag::TableHead => {
                self.is_in_head = true;
                self.open("tr", range);
            }
            Tag::TableRow => self.open("tr", range),
            Tag::TableCell => self
                .html
                .push_str(if self.is_in_head { "<th>" } else { "<td>" }),
            Tag::Emphasis => self.html.push_str("<em>"),
            Tag::Strong => self.html.push_str("<strong>"),
            Tag::Strikethrough => self.html.push_str("<del>"),
            Tag::Link { dest_url, .. } => {
                self.html.push_str("<a href=\"");
                self.text(&dest_url);
                self.html.push_str("\">");
            }
            Tag::Image { .. } => self.html.push_str("<span class=\"image\">"),
            Tag::MetadataBlock(MetadataBlockKind::YamlStyle | MetadataBlockKind::PlusesStyle) => {
                self.open("pre", range);
                self.html.push_str("<code class=\"front-matter\">");
            }
            Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        let close = match tag {
            TagEnd::Paragraph => "</p>\n",
            TagEnd::Heading(level) => {
                let _ = writeln!(self.html, "</{level}>");
                return;
            }
            TagEnd::BlockQuote(_) => "</blockquote>\n",
            TagEnd::CodeBlock | TagEnd::MetadataBlock(_) => "</code></pre>\n",
            TagEnd::List(true) => "</ol>\n",
            TagEnd::List(false) => "</ul>\n",
            TagEnd::Item => "</li>\n",
            TagEnd::Table => "</table>\n",
            TagEnd::TableHead => {
                self.is_in_head = false;
                "</tr>\n"
            }
            TagEnd::TableRow => "</tr>\n",
            TagEnd::TableCell if self.is_in_head => "</th>",
            TagEnd::TableCell => "</td>",
            TagEnd::Emphasis => "</em>",
            TagEnd::Strong => "</strong>",
            TagEnd::Strikethrough => "</del>",
            TagEnd::Link => "</a>",
            // A tag that the page never ends must not take in what follows.
            TagEnd::HtmlBlock if self.html.rfind('<') > self.html.rfind('>') => ">\n",
            TagEnd::Image => "</span>",
            _ => "",
        };
        self.html.push_str(close);
    }

    /// A line of the page's own HTML. Before one that begins with a tag, a comment tells which line it is.
    fn block_html(&mut self, html: &str, range: &Range<usize>) {
        let begins_tag = html.trim_start().starts_with('<')
            && html.trim_start()[1..].starts_with(|c: char| c.is_ascii_alphabetic());
        let is_between_tags = matches!(self.html.trim_end().bytes().last(), None | Some(b'>'));
        if begins_tag && is_between_tags && !self.in_comment {
            let line = self.lines.of_byte(range.start);
            let _ = write!(self.html, "<!--{LINE_COMMENT}{line}-->");
        }
        self.html.push_str(html);
        let mut rest = html;
        loop {
            let mark = if self.in_comment { "-->" } else { "<!--" };
            let Some(at) = rest.find(mark) else { break };
            rest = &rest[at + mark.len()..];
            self.in_comment = !self.in_comment;
        }
    }
}

fn escape(html: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_lines() {
        let html = html_of(
            "# A\r\n\r\ntext\n\n| a |\n|---|\n| b |\n\n<table>\n<tr><td>x</td></tr>\n</table>\n",
        );
        for part in [
            "<h1 data-line=\"1\">",
            "<p data-line=\"3\">",
            "<tr data-line=\"7\">",
            "<!--line 9--><table>",
            "<!--line 10--><tr>",
        ] {
            assert!(html.contains(part), "no {part}: {html}");
        }
    }

    #[test]
    fn addresses_and_words_are_handed_on_as_they_are() {
        let html = html_of("[a](<https://é.test/?a&#124;b&c=\\<>) `x<y`");
        assert!(
            html.contains("href=\"https://é.test/?a|b&amp;c=&lt;\""),
            "{html}"
        );
        assert!(html.contains("<code>x&lt;y</code>"), "{html}");
    }
}
