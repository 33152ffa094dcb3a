//! A page as one HTML file: no script, nothing from elsewhere; light and dark, wide and narrow, on paper too.

use std::fmt::Write;

use super::document::{Block, Document, Word, Words};

const STYLE: &str = include_str!("style.css");

/// Writes a page. The same page makes the same bytes.
pub fn html(page: &Document) -> String {
    let title = escape(&page.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    for block in &page.blocks {
        write_block(&mut out, block);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn write_block(out: &mut String, block: &Block) {
    let _ = match block {
        // A page of its own begins at depth 1.
        Block::Heading(depth, words) => {
            let depth = depth.saturating_sub(1).max(1);
            let words_html = inline(words);
            writeln!(
                out,
                "<h{depth} id=\"{}\">{words_html}</h{depth}>",
                id(words)
            )
        }
        Block::Paragraph(words) => writeln!(out, "<p>{}</p>", inline(words)),
        Block::List { is_numbered, items } => {
            let tag = if *is_numbered { "ol" } else { "ul" };
            let items: String = items
                .iter()
                .map(|item| format!("<li>{}</li>\n", inline(item)))
                .collect();
            writeln!(out, "<{tag}>\n{items}</{tag}>")
        }
        Block::Table { heading, rows } => write_table(out, heading, rows),
        Block::Drawing { caption, drawn, .. } => writeln!(
            out,
            "<figure>\n{drawn}<figcaption>{}</figcaption>\n</figure>",
            escape(caption)
        ),
        Block::Toml(text) => writeln!(
            out,
            "<details><summary>towpath.toml</summary><pre><code class=\"language-toml\">{}</code></pre></details>",
            escape(text)
        ),
    };
}

fn write_table(out: &mut String, heading: &[&str], rows: &[Vec<Words>]) -> std::fmt::Result {
    let head: String = heading
        .iter()
        .map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell)))
        .collect();
    writeln!(
        out,
        "<div class=\"tp-table\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>"
    )?;
    for row in rows {
        let cells: String = row
            .iter()
            .map(|cell| format!("<td>{}</td>", inline(cell)))
            .collect();
        writeln!(out, "<tr>{cells}</tr>")?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

fn inline(words: &Words) -> String {
    let word = |word: &Word| match word {
        Word::Plain(said) => escape(said),
        Word::Code(said) => format!("<code>{}</code>", escape(said)),
        Word::Strong(said) => format!("<strong>{}</strong>", escape(said)),
        Word::Emphasis(said) => format!("<em>{}</em>", escape(said)),
        Word::Link { text, to } => format!("<a href=\"{}\">{}</a>", escape(to), escape(text)),
    };
    words.0.iter().map(word).collect()
}

/// Where a link within the page leads: the heading's words, joined.
fn id(words: &Words) -> String {
    let said = inline(words).to_lowercase();
    let parts = said.split(|c: char| !c.is_alphanumeric());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// Text in HTML, also within quotes.
pub(super) fn escape(said: &str) -> String {
    let mut escaped = String::with_capacity(said.len());
    for letter in said.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
