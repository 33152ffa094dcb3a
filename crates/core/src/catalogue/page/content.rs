//! What stands on the page that describes the environments.

use std::collections::BTreeMap;

use super::{
    boxes,
    document::{Block, Document, Word, Words},
    figure::figure,
    git_graph::git_graph,
    mermaid::mermaid,
    process,
    rest::{self, NOTHING},
};
use crate::{
    catalogue::{self, Entry, Used},
    manifest::{Environment, Group, Manifest},
    names::EnvironmentName,
};

/// How an environment stands just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The environment.
    pub environment: EnvironmentName,
    /// The release that serves, such as `v7`.
    pub release: Option<String>,
    /// Its commit, and the first line of its message.
    pub commit: Option<(String, String)>,
    /// Since when, as people read it.
    pub since: Option<String>,
    /// A deployment that is under way, such as `d12`.
    pub under_way: Option<String>,
}

/// The page. The same manifest makes the same one; `standing` tells what is deployed where, where that is known.
pub fn document(manifest: &Manifest, standing: Option<&[Standing]>) -> Document {
    let mut page = Document {
        title: format!("Environments of {}", manifest.project),
        ..Document::default()
    };
    page.heading(2, page.title.as_str().to_owned().as_str());
    if let Some(description) = &manifest.description {
        page.push(Block::Paragraph(description.as_str().into()));
    }
    let entries = catalogue::entries(manifest);
    pipeline(&mut page, manifest);
    groups(&mut page, manifest);
    overview(&mut page, manifest, &entries);
    if let Some(standing) = standing {
        deployed(&mut page, standing);
    }
    for (environment, entry) in manifest.environments.iter().zip(&entries) {
        one(&mut page, manifest, environment, entry);
    }
    who_uses_what(&mut page, &entries);
    let rest = rest::of(manifest);
    page.heading(3, "Settings");
    page.push(Block::Paragraph(
        Words::from("What is not told above, as it stands in ")
            .code("towpath.toml")
            .plain(":"),
    ));
    page.push(Block::Toml(rest));
    page
}

fn pipeline(page: &mut Document, manifest: &Manifest) {
    if manifest.environments.is_empty() {
        return;
    }
    // A few environments fit a page's width; more are drawn as large as they are, to be scrolled.
    let figure = figure(manifest);
    let drawn = match manifest.environments.len() {
        0..=6 => figure,
        _ => format!("<div class=\"tp-wide\">\n{figure}</div>\n"),
    };
    page.heading(3, "Pipeline");
    page.push(Block::Drawing {
        caption: LANES,
        mermaid: git_graph(manifest),
        drawn,
    });
}

fn groups(page: &mut Document, manifest: &Manifest) {
    if manifest.groups.is_empty() {
        return;
    }
    page.heading(3, "Groups");
    let rows = manifest.groups.iter().map(|(name, group)| {
        vec![
            name.as_str().into(),
            maybe(group.description.as_ref()),
            plain_list(&group.aliases),
        ]
    });
    page.push(Block::Table {
        heading: vec!["Name", "Description", "Other names"],
        rows: rows.collect(),
    });
    if manifest
        .groups
        .values()
        .any(|group| !group.homes.is_empty())
    {
        homes(page, manifest);
    }
}

fn homes(page: &mut Document, manifest: &Manifest) {
    page.heading(4, "Accounts and projects");
    let rows = manifest
        .groups
        .iter()
        .flat_map(|(name, group)| of_group(name.as_str(), group));
    page.push(Block::Table {
        heading: vec![
            "Name",
            "Description",
            "Group",
            "Kind",
            "ID",
            "Link",
            "Holds",
            "Part of",
        ],
        rows: rows.collect(),
    });
}

fn of_group(group_name: &str, group: &Group) -> Vec<Vec<Words>> {
    let rows = group.homes.iter().map(|(name, home)| {
        vec![
            titled(home.title.as_ref(), name),
            maybe(home.description.as_ref()),
            group_name.into(),
            maybe(home.kind.as_ref()),
            maybe_code(home.id.as_ref()),
            view(home.link.as_ref()),
            plain_list(&home.environments),
            maybe_code(home.part_of.as_ref()),
        ]
    });
    rows.collect()
}

fn overview(page: &mut Document, manifest: &Manifest, entries: &[Entry]) {
    page.heading(3, "Core environments");
    page.push(Block::Drawing {
        caption: DRAWN,
        mermaid: mermaid(manifest),
        drawn: boxes::draw(manifest),
    });
    let rows = entries.iter().map(|entry| {
        vec![
            entry.name.as_str().into(),
            maybe(entry.description.as_ref()),
            plain_list(&entry.aliases),
            maybe(entry.group.as_ref().map(ToString::to_string).as_ref()),
            maybe_code(entry.branch.as_ref()),
            plain_list(&entry.after),
            users(entry),
        ]
    });
    page.push(Block::Table {
        heading: vec![
            "Name",
            "Description",
            "Short names",
            "Group",
            "Branch",
            "After",
            "Used by",
        ],
        rows: rows.collect(),
    });
}

fn deployed(page: &mut Document, standing: &[Standing]) {
    page.heading(3, "Deployed");
    let rows = standing.iter().map(|standing| {
        let commit = standing.commit.as_ref().map(|(id, title)| {
            Words::new()
                .code(id.chars().take(10).collect::<String>())
                .plain(format!(" {title}"))
        });
        vec![
            standing.environment.as_str().into(),
            maybe(standing.release.as_ref()),
            commit.unwrap_or_else(Words::dash),
            maybe(standing.since.as_ref()),
            maybe(standing.under_way.as_ref()),
        ]
    });
    page.push(Block::Table {
        heading: vec!["Environment", "Release", "Commit", "Since", "Under way"],
        rows: rows.collect(),
    });
}

fn one(page: &mut Document, manifest: &Manifest, environment: &Environment, entry: &Entry) {
    page.heading(3, capital(entry.name.as_str()).as_str());
    let description = entry.description.as_ref();
    if let Some(description) = description.filter(|said| is_sentence(said)) {
        page.push(Block::Paragraph(description.as_str().into()));
    }
    let said = |label: &str| Words::new().strong(label).plain(": ");
    let mut items = vec![said("Used by").and(users(entry))];
    let purpose = entry.purpose.as_deref();
    items.extend(purpose.map(|purpose| said("Purpose").plain(purpose)));
    let url = entry.url.as_ref();
    items.extend(url.map(|url| said("URL").link(url, url)));
    let mirrored = entry.mirrors.as_ref();
    items.extend(mirrored.map(|mirrored| said("Mirrors").plain(mirrored.as_str())));
    for (database, borrowed) in &environment.databases {
        if let Some(home) = &borrowed.same_as {
            let words = said("Database")
                .code(database.as_str())
                .plain(" is the one of ")
                .code(home.as_str());
            items.push(words);
        }
    }
    page.list(false, items);
    page.push(Block::Paragraph(Words::new().strong(PROCESS).plain(":")));
    page.list(true, process::of(manifest, environment));
    if !entry.by_hand.is_empty() {
        let label = Words::new().strong("By hand").plain(":");
        page.push(Block::Paragraph(label));
        let items = entry.by_hand.iter().map(|step| step.as_str().into());
        page.list(true, items.collect());
    }
    resources(page, entry);
}

/// Whether a text can stand as a paragraph, and is not taken for the label of something else. The table above has it anyway.
fn is_sentence(said: &str) -> bool {
    said.split_whitespace().count() > 2 && !said.contains([':', '：', '{'])
}

/// What stands below the branches and what they feed.
pub(in crate::catalogue) const LANES: &str = "The branches, and what feeds each environment";

/// What stands below the environments in their groups.
pub(in crate::catalogue) const DRAWN: &str = "The environments, by their groups and homes";

/// What stands above a process that is written from what Towpath does.
pub(in crate::catalogue) const PROCESS: &str = "Process, as Towpath runs it";

fn resources(page: &mut Document, entry: &Entry) {
    if entry.resources.is_empty() {
        return;
    }
    page.heading(4, format!("What {} uses", entry.name).as_str());
    let any = |told: fn(&Used) -> bool| entry.resources.iter().any(told);
    let columns = Columns {
        owner: any(|used| used.resource.owner.is_some()),
        keys: any(|used| !used.resource.config.is_empty()),
        endpoint: any(|used| used.resource.endpoint.is_some()),
        shared: any(|used| !used.shared_with.is_empty()),
    };
    let mut heading = vec!["Name", "Description", "Kind", "ID", "Link"];
    heading.extend(columns.owner.then_some("Owner"));
    heading.extend(columns.keys.then_some("Keys"));
    heading.extend(columns.endpoint.then_some("Endpoint"));
    heading.extend(columns.shared.then_some("Shared with"));
    let rows = entry.resources.iter();
    page.push(Block::Table {
        heading,
        rows: rows.map(|used| resource(used, entry, &columns)).collect(),
    });
}

/// Columns that stand there only when a row has something to say.
struct Columns {
    owner: bool,
    keys: bool,
    endpoint: bool,
    shared: bool,
}

fn resource(used: &Used, entry: &Entry, columns: &Columns) -> Vec<Words> {
    let resource = &used.resource;
    let mut row = vec![
        titled(resource.title.as_ref(), &used.name),
        maybe(resource.description.as_ref()),
        maybe(resource.kind.as_ref()),
        maybe_code(resource.id.as_ref()),
        view(resource.link.as_ref()),
    ];
    if columns.owner {
        row.push(maybe(resource.owner.as_ref()));
    }
    if columns.keys {
        row.push(Words::list(resource.config.iter().cloned().map(Word::Code)));
    }
    if columns.endpoint {
        row.push(maybe_code(resource.endpoint.as_ref()));
    }
    if !columns.shared {
        return row;
    }
    // Whoever declares a resource that is shared stands out.
    let shared = used.shared_with.iter().map(|name| {
        let text = name.to_string();
        match *name == used.declared_in && used.declared_in != entry.name {
            true => Word::Strong(text),
            false => Word::Plain(text),
        }
    });
    row.push(Words::list(shared));
    row
}

fn who_uses_what(page: &mut Document, entries: &[Entry]) {
    let mut users: BTreeMap<(bool, &str), Vec<&EnvironmentName>> = BTreeMap::new();
    for entry in entries {
        let roles = entry.used_by.iter().map(|role| (false, role.as_str()));
        let audience = entry.audience.iter().map(|words| (true, words.as_str()));
        for user in roles.chain(audience) {
            users.entry(user).or_default().push(&entry.name);
        }
    }
    if users.is_empty() {
        return;
    }
    page.heading(3, "Who uses what");
    let rows = users.into_iter().map(|((is_words, user), environments)| {
        let user = match is_words {
            true => Words::new().emphasis(user),
            false => Words::new().code(user),
        };
        vec![user, plain_list(&environments)]
    });
    page.push(Block::Table {
        heading: vec!["Who", "Environments"],
        rows: rows.collect(),
    });
}

/// Roles as they are typed, and others in words.
fn users(entry: &Entry) -> Words {
    let roles = entry
        .used_by
        .iter()
        .map(|role| Word::Code(role.to_string()));
    let words = entry.audience.iter().cloned().map(Word::Emphasis);
    Words::list(roles.chain(words))
}

/// What people call it, and its name in the manifest.
fn titled(title: Option<&String>, name: &str) -> Words {
    match title {
        Some(title) => Words::from(title.as_str())
            .plain(" (")
            .code(name)
            .plain(")"),
        // A name that reads as if there were none is written as one types it.
        None if NOTHING.contains(&name.to_lowercase().as_str()) => Words::new().code(name),
        None => name.into(),
    }
}

fn view(link: Option<&String>) -> Words {
    link.map_or_else(Words::dash, |link| Words::new().link("View", link))
}

fn plain_list(names: &[impl ToString]) -> Words {
    Words::list(names.iter().map(|name| Word::Plain(name.to_string())))
}

fn maybe(said: Option<&String>) -> Words {
    said.map_or_else(Words::dash, |said| said.as_str().into())
}

fn maybe_code(said: Option<&String>) -> Words {
    said.map_or_else(Words::dash, |said| Words::new().code(said))
}

pub(super) fn capital(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
