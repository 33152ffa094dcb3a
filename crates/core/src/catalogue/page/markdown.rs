//! The page as Markdown, in the flavour that GitHub and GitLab show: tables, and a diagram in mermaid.

use std::fmt::Write;

use super::{mermaid::mermaid, process};
use crate::{
    catalogue::{self, Entry, Used},
    manifest::{Environment, Manifest},
};

/// The whole page. The same manifest makes the same bytes.
pub fn markdown(manifest: &Manifest) -> String {
    let mut page = Page::default();
    page.heading(2, &format!("Environments of {}", manifest.project));
    if let Some(description) = &manifest.description {
        page.block(&text(description));
    }
    groups(&mut page, manifest);
    let entries = catalogue::entries(manifest);
    overview(&mut page, &entries);
    page.fenced("mermaid", &mermaid(manifest));
    for (environment, entry) in manifest.environments.iter().zip(&entries) {
        one(&mut page, manifest, environment, entry);
    }
    page.text
}

fn groups(page: &mut Page, manifest: &Manifest) {
    if manifest.groups.is_empty() {
        return;
    }
    page.heading(3, "Groups");
    let rows = manifest.groups.iter().map(|(name, group)| {
        vec![
            name.to_string(),
            maybe(&group.description),
            list(&group.aliases),
        ]
    });
    page.table(&["Name", "Description", "Other names"], rows);
}

fn overview(page: &mut Page, entries: &[Entry]) {
    page.heading(3, "Core environments");
    let rows = entries.iter().map(|entry| {
        vec![
            entry.name.to_string(),
            maybe(&entry.description),
            list(&entry.aliases),
            entry.group.as_ref().map_or_else(dash, ToString::to_string),
            entry.branch.as_deref().map_or_else(dash, code_in_cell),
            users(entry),
        ]
    });
    let heading = [
        "Name",
        "Description",
        "Short names",
        "Group",
        "Branch",
        "Used by",
    ];
    page.table(&heading, rows);
}

fn one(page: &mut Page, manifest: &Manifest, environment: &Environment, entry: &Entry) {
    page.heading(3, &capital(entry.name.as_str()));
    for said in [&entry.description, &entry.purpose].into_iter().flatten() {
        page.block(&text(said));
    }
    if let Some(url) = &entry.url {
        page.block(&format!("<{}>", address(url)));
    }
    page.item("-", &format!("**Used by**: {}", users(entry)));
    if let Some(mirrored) = &entry.mirrors {
        page.item("-", &format!("**Mirrors**: {mirrored}"));
    }
    for borrowed in &entry.borrowed {
        page.item(
            "-",
            &format!(
                "**Database**: {} is the one of {}",
                code(borrowed.database.as_str()),
                borrowed.of
            ),
        );
    }
    page.block("**Process**:");
    for (number, step) in process::of(manifest, environment).iter().enumerate() {
        page.item(&format!("{}.", number + 1), step);
    }
    if entry.resources.is_empty() {
        return;
    }
    page.heading(4, &format!("What {} uses", entry.name));
    let owned = entry
        .resources
        .iter()
        .any(|used| used.resource.owner.is_some());
    let mut heading = vec!["Name", "Description", "Kind", "ID", "Link", "Shared with"];
    if owned {
        heading.push("Owner");
    }
    let rows = entry.resources.iter().map(|used| resource(used, owned));
    page.table(&heading, rows);
}

fn resource(used: &Used, owned: bool) -> Vec<String> {
    let name = match &used.resource.title {
        Some(title) => format!("{} ({})", text(title), code_in_cell(&used.name)),
        None => text(&used.name),
    };
    let link = |link: &String| format!("[View](<{}>)", address(link));
    let mut row = vec![
        name,
        maybe(&used.resource.description),
        maybe(&used.resource.kind),
        used.resource.id.as_deref().map_or_else(dash, code_in_cell),
        used.resource.link.as_ref().map_or_else(dash, link),
        list(&used.shared_with),
    ];
    if owned {
        row.push(maybe(&used.resource.owner));
    }
    row
}

/// Roles, and who is told in words.
fn users(entry: &Entry) -> String {
    let roles = entry.used_by.iter().map(ToString::to_string);
    let words = entry.audience.iter().map(|words| text(words));
    let users: Vec<String> = roles.chain(words).collect();
    match users.as_slice() {
        [] => dash(),
        users => users.join(", "),
    }
}

fn list(names: &[impl ToString]) -> String {
    match names {
        [] => dash(),
        names => names
            .iter()
            .map(|name| text(&name.to_string()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn maybe(said: &Option<String>) -> String {
    said.as_deref().map_or_else(dash, text)
}

fn dash() -> String {
    "–".into()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// People's words, in one line, none of it taken for markup.
pub(super) fn text(said: &str) -> String {
    let mut escaped = String::with_capacity(said.len());
    for word in said.split_whitespace() {
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
    // A line that begins like a list or the line below a heading is neither.
    let digits = escaped.chars().take_while(char::is_ascii_digit).count();
    let mark = escaped[digits..].chars().next();
    match (digits, mark) {
        (0, Some('-' | '+' | '=')) => format!("\\{escaped}"),
        (1.., Some('.' | ')')) => format!("{}\\{}", &escaped[..digits], &escaped[digits..]),
        _ => escaped,
    }
}

/// A name or a command, as it is typed.
pub(super) fn code(said: &str) -> String {
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

/// Likewise, in a table: there the bar ends a cell, also within code.
fn code_in_cell(said: &str) -> String {
    code(said).replace('|', "\\|")
}

/// A web address, without what would end it or the cell that it stands in.
fn address(link: &str) -> String {
    link.replace('|', "%7C")
        .replace('<', "%3C")
        .replace('>', "%3E")
}

/// Markdown, block by block, an empty line between.
#[derive(Default)]
struct Page {
    text: String,
    is_in_list: bool,
}

impl Page {
    fn block(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
        self.is_in_list = false;
    }

    fn heading(&mut self, depth: usize, text: &str) {
        self.block(&format!("{} {text}", "#".repeat(depth)));
    }

    fn fenced(&mut self, language: &str, text: &str) {
        self.block(&format!("```{language}\n{}\n```", text.trim_end()));
    }

    /// An item of a list, which ends with whatever else comes.
    fn item(&mut self, mark: &str, text: &str) {
        match self.is_in_list {
            true => {
                let _ = writeln!(self.text, "{mark} {text}");
            }
            false => self.block(&format!("{mark} {text}")),
        }
        self.is_in_list = true;
    }

    fn table(&mut self, heading: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let rows = rows.map(|row| line(&row)).collect::<Vec<_>>().join("\n");
        let heading = format!(
            "| {} |\n|{}",
            heading.join(" | "),
            "---|".repeat(heading.len())
        );
        self.block(&format!("{heading}\n{rows}"));
    }
}
