//! A page as Markdown, in the flavour that GitHub and GitLab show, or in GitBook's.

use std::fmt::Write;

use super::document::{Block, Document, Word, Words};

/// Whose Markdown it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Tables and mermaid, as GitHub and GitLab show them.
    GitHub,
    /// Likewise, with front matter and the page's title as GitBook has them.
    GitBook,
}

/// Writes a page. The same page makes the same bytes.
pub fn markdown(page: &Document, flavour: Flavour) -> String {
    let mut out = String::new();
    if flavour == Flavour::GitBook {
        let _ = writeln!(
            out,
            "---\ndescription: {}\n---",
            serde_json::Value::from(page.title.as_str())
        );
    }
    for block in &page.blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        write_block(&mut out, block, flavour);
    }
    out
}

fn write_block(out: &mut String, block: &Block, flavour: Flavour) {
    let _ = match block {
        // GitBook's pages begin with their title, at depth 1.
        Block::Heading(depth, words) => {
            let up = usize::from(flavour == Flavour::GitBook);
            let depth = usize::from(*depth).saturating_sub(up).max(1);
            writeln!(out, "{} {}", "#".repeat(depth), inline(words, false))
        }
        Block::Paragraph(words) => writeln!(out, "{}", inline(words, false)),
        Block::List { is_numbered, items } => {
            for (at, item) in items.iter().enumerate() {
                let mark = match is_numbered {
                    true => format!("{}.", at + 1),
                    false => "-".to_owned(),
                };
                let _ = writeln!(out, "{mark} {}", inline(item, false));
            }
            Ok(())
        }
        Block::Table { heading, rows } => {
            let _ = writeln!(out, "| {} |", heading.join(" | "));
            let _ = writeln!(out, "|{}", "---|".repeat(heading.len()));
            for row in rows {
                let cells: Vec<String> = row.iter().map(|cell| inline(cell, true)).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
            Ok(())
        }
        Block::Drawing { mermaid, .. } => {
            writeln!(out, "```mermaid\n{}\n```", mermaid.trim_end())
        }
        Block::Toml(text) => writeln!(out, "```toml\n{}\n```", text.trim_end()),
    };
}

fn inline(words: &Words, is_cell: bool) -> String {
    let mut line = String::new();
    let count = words.0.len();
    for (at, word) in words.0.iter().enumerate() {
        line.push_str(&match word {
            Word::Plain(said) => plain(said, line.is_empty(), at + 1 == count),
            Word::Code(said) if is_cell => code(said).replace('|', "\\|"),
            Word::Code(said) => code(said),
            Word::Strong(said) | Word::Emphasis(said) if escaped(said).is_empty() => String::new(),
            Word::Strong(said) => format!("**{}**", text(said)),
            Word::Emphasis(said) => format!("_{}_", text(said)),
            Word::Link { text: shown, to } => format!("[{}](<{}>)", text(shown), address(to)),
        });
    }
    line
}

/// People's words beside others: the spaces at their ends stay where they join.
fn plain(said: &str, is_first: bool, is_last: bool) -> String {
    let space = |is_there: bool, is_edge: bool| if is_there && !is_edge { " " } else { "" };
    let before = space(said.starts_with(char::is_whitespace), is_first);
    let after = space(said.ends_with(char::is_whitespace), is_last);
    let words = match is_first {
        true => text(said),
        false => escaped(said),
    };
    match words.is_empty() {
        true => before.to_owned(),
        false => format!("{before}{words}{after}"),
    }
}

/// People's words, in one line, none of it taken for markup.
pub(super) fn text(said: &str) -> String {
    let escaped = escaped(said);
    // A line that begins like a list or the line below a heading is neither.
    let digits = escaped.chars().take_while(char::is_ascii_digit).count();
    let mark = escaped[digits..].chars().next();
    match (digits, mark) {
        (0, Some('-' | '+' | '=')) => format!("\\{escaped}"),
        (1.., Some('.' | ')')) => format!("{}\\{}", &escaped[..digits], &escaped[digits..]),
        _ => escaped,
    }
}

fn escaped(said: &str) -> String {
    let mut escaped = String::with_capacity(said.len());
    let is_between = |c: char| c.is_whitespace() || c.is_control();
    for word in said.split(is_between).filter(|word| !word.is_empty()) {
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        for letter in word.chars() {
            if "\\`*_[]<>|#~&!".contains(letter) {
                escaped.push('\\');
            }
            escaped.push(letter);
        }
    }
    escaped
}

/// A name or a command, as it is typed.
fn code(said: &str) -> String {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = said.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if said.starts_with('`') || said.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{said}{pad}{fence}")
}

/// A web address, without what would end it or the cell that it stands in.
fn address(link: &str) -> String {
    let mut address = String::with_capacity(link.len());
    for letter in link.chars() {
        match letter {
            '&' | '<' | '>' | '\\' | '|' | '`' => {
                let _ = write!(address, "&#{};", u32::from(letter));
            }
            letter => address.push(letter),
        }
    }
    address
}
