//! Mermaid flowcharts: the groups, the accounts in them, and what these hold.

use super::{
    facts::{At, Facts, GroupFact, HomeFact},
    mention::{Mention, name_of},
    words::vendor_by_name,
};

/// What a line of a flowchart is.
#[derive(Debug, PartialEq, Eq)]
enum Statement {
    Begin { id: String, label: Label },
    End,
    Node { id: String, label: Label },
}

/// What is written in a box: its title, and the words below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Label {
    title: String,
    about: Option<String>,
}

/// Reads a diagram.
pub(super) fn read(facts: &mut Facts, text: &str, at: &At) {
    let lines = lines(text);
    if !lines
        .iter()
        .any(|line| line.starts_with("flowchart") || line.starts_with("graph"))
    {
        let first = lines.first().cloned().unwrap_or_default();
        // Lanes and commits are drawn from what the manifest says anyway.
        if !first.starts_with("gitGraph") && !lines.iter().any(|line| line.starts_with("gitGraph"))
        {
            facts.not_understood(at, &first, "this kind of diagram is not read");
        }
        return;
    }
    let statements: Vec<Statement> = lines.iter().filter_map(|line| statement(line)).collect();
    let is_ours = statements.iter().any(|statement| match statement {
        Statement::Begin { id, .. } => id.starts_with("group-"),
        Statement::Node { id, .. } => id.starts_with("env-"),
        Statement::End => false,
    });
    // What we draw ourselves, the page's tables tell.
    if is_ours {
        return;
    }
    let mut open: Vec<(String, Label)> = Vec::new();
    for statement in statements {
        match statement {
            Statement::Begin { id, label } => {
                begin(facts, &open, &id, &label, at);
                open.push((id, label));
            }
            Statement::End => {
                open.pop();
            }
            Statement::Node { id, label } => node(facts, &open, &id, &label, at),
        }
    }
}

fn group_of(open: &[(String, Label)]) -> Option<Mention> {
    open.first().map(|(_, label)| Mention::of(&label.title))
}

/// The outermost box is a group; those within are homes.
fn begin(facts: &mut Facts, open: &[(String, Label)], id: &str, label: &Label, at: &At) {
    match group_of(open) {
        None => facts.groups.push(GroupFact {
            mention: Mention::of(&label.title),
            description: None,
            aliases: Vec::new(),
            is_listed: false,
            at: at.clone(),
        }),
        Some(group) => home(facts, group, open, id, label, at),
    }
}

fn node(facts: &mut Facts, open: &[(String, Label)], id: &str, label: &Label, at: &At) {
    match group_of(open) {
        Some(group) => home(facts, group, open, id, label, at),
        None => {
            let why = "a box outside of every group says nothing";
            facts.not_understood(at, &label.title, why);
        }
    }
}

fn home(
    facts: &mut Facts,
    group: Mention,
    open: &[(String, Label)],
    id: &str,
    label: &Label,
    at: &At,
) {
    let outer = open.get(1..).and_then(<[_]>::last);
    let (kind, vendor_id) = match label.about.as_deref().and_then(vendor) {
        Some((kind, id)) => (Some(kind.to_owned()), Some(id)),
        None => (None, None),
    };
    let name = match name_of(&label.title) {
        name if name.is_empty() => name_of(id),
        name => name,
    };
    facts.homes.push(HomeFact {
        group,
        name,
        title: Some(label.title.clone()),
        description: label.about.clone().filter(|_| kind.is_none()),
        kind,
        id: vendor_id,
        link: None,
        holds: vec![Mention::of(&label.title)],
        part_of: outer.map(|(id, label)| match name_of(&label.title) {
            name if name.is_empty() => name_of(id),
            name => name,
        }),
        is_drawn: true,
        at: at.clone(),
    });
}

/// `AWS: 1234` is a vendor with an identifier.
fn vendor(about: &str) -> Option<(&'static str, String)> {
    let (vendor, id) = about.split_once(':')?;
    let id = id.trim();
    let kind = vendor_by_name(vendor.trim())?;
    (!id.is_empty() && !id.contains(char::is_whitespace)).then(|| (kind, id.to_owned()))
}

/// The lines of a diagram; one in quotes may span several.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut is_quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => {
                is_quoted = !is_quoted;
                line.push(letter);
            }
            '\n' | ';' if !is_quoted => lines.push(std::mem::take(&mut line)),
            letter => line.push(letter),
        }
    }
    lines.push(line);
    let lines = lines.into_iter().map(|line| line.trim().to_owned());
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    // Front matter has the title.
    if lines.first().is_some_and(|line| line == "---")
        && let Some(end) = lines.iter().skip(1).position(|line| line == "---")
    {
        lines.drain(..end + 2);
    }
    lines
}

fn statement(line: &str) -> Option<Statement> {
    if line == "end" {
        return Some(Statement::End);
    }
    if let Some(rest) = line.strip_prefix("subgraph") {
        let (id, label) = boxed(rest.trim());
        return Some(Statement::Begin { id, label });
    }
    let words = [
        "style ",
        "classDef ",
        "class ",
        "direction ",
        "linkStyle ",
        "click ",
        "%%",
        "flowchart",
        "graph",
        "title",
        "accTitle",
        "accDescr",
    ];
    let is_edge = ["--", "==", "-.", "~~~"]
        .iter()
        .any(|arrow| outside_quotes(line).contains(arrow));
    if words.iter().any(|word| line.starts_with(word)) || is_edge {
        return None;
    }
    let (id, label) = boxed(line);
    Some(Statement::Node { id, label })
}

fn outside_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// `id["label"]`, `id(label)`, or the words alone.
fn boxed(text: &str) -> (String, Label) {
    let Some(at) = text.find(['[', '(', '{']) else {
        return (text.to_owned(), label(text));
    };
    let id = text[..at].trim();
    let inner = text[at..].trim_matches(|c: char| "[](){}/\\>".contains(c) || c.is_whitespace());
    (id.to_owned(), label(inner))
}

/// The title is the first line, the rest is about it.
fn label(text: &str) -> Label {
    let text = text.trim().trim_matches('"').trim().trim_matches('`');
    let text = text
        .replace("<br/>", "\n")
        .replace("<br>", "\n")
        .replace("\\n", "\n");
    let mut lines = text
        .lines()
        .map(|line| line.trim().trim_matches(['*', '_']).trim().to_owned())
        .filter(|line| !line.is_empty());
    let title = lines.next().unwrap_or_default();
    let about: Vec<String> = lines.collect();
    Label {
        title,
        about: (!about.is_empty()).then(|| about.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_read_with_their_labels() {
        let text = "---\ntitle: x\n---\nflowchart TB;\n  subgraph prd[\"Production Group\"]\n    a(\"`**Production**\n_Apps & DB_\n`\")\n    b[\"Static<br/>AWS: dur-1\"]\n  end\n  style prd fill:#fff\n  a --> b\n";
        let mut facts = Facts::default();
        read(&mut facts, text, &At { page: 0, line: 1 });
        assert_eq!(facts.groups[0].mention.name, "production");
        let [apps, fixed] = facts.homes.as_slice() else {
            panic!("{:?}", facts.homes)
        };
        assert_eq!(
            (apps.title.as_deref(), apps.description.as_deref()),
            (Some("Production"), Some("Apps & DB"))
        );
        assert_eq!(
            (fixed.kind.as_deref(), fixed.id.as_deref()),
            (Some("aws"), Some("dur-1"))
        );
        assert!(facts.report.not_understood.is_empty());
    }

    #[test]
    fn what_is_no_flowchart_is_told() {
        let mut facts = Facts::default();
        read(&mut facts, "pie\n \"a\": 1", &At { page: 0, line: 1 });
        assert_eq!(facts.report.not_understood.len(), 1);
        read(&mut facts, "\"", &At { page: 0, line: 1 });
        read(&mut facts, "", &At { page: 0, line: 1 });
    }
}
