//! The rows of tables, by what the table is about.

use super::{
    facts::{FieldFact, GroupFact, HomeFact, ResourceFact},
    mention::{Mention, is_nothing, name_of},
    outline::Row,
    read::Reader,
    rich::{Look, Rich},
    tables::{Columns, environments_of, has},
    words::Field,
};

/// The cell of a column.
fn cell<'a>(row: &'a Row, columns: &Columns, field: Field) -> Option<&'a Rich> {
    let at = columns.iter().position(|column| *column == Some(field))?;
    let cell = row.cells.get(at)?;
    let is_code = cell.0.iter().any(|span| span.look == Look::Code);
    (!cell.is_empty() && (is_code || !is_nothing(&cell.text()) || cell.link().is_some()))
        .then_some(cell)
}

fn words(row: &Row, columns: &Columns, field: Field) -> Option<String> {
    cell(row, columns, field).map(Rich::text)
}

/// What a cell leads to: its link, or its words where they are one.
fn link(row: &Row, columns: &Columns, field: Field) -> Option<String> {
    let cell = cell(row, columns, field)?;
    let shown = cell.text();
    cell.link()
        .map(str::to_owned)
        .or_else(|| shown.starts_with("http").then_some(shown))
}

/// Names, commas between.
pub(super) fn several(cell: &Rich) -> Vec<String> {
    let text = cell.text();
    let names = text.split([',', ';', '/', '&']);
    let names = names.flat_map(|part| part.split(" and "));
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !is_nothing(name))
        .collect()
}

fn mentions(cell: Option<&Rich>) -> Vec<Mention> {
    let names = cell.map(several).unwrap_or_default();
    names
        .iter()
        .map(|name| Mention::of(name))
        .filter(|mention| !mention.name.is_empty())
        .collect()
}

pub(super) fn group(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
    let at = reader.at(row.line);
    let Some(name) =
        words(row, columns, Field::Name).or_else(|| words(row, columns, Field::Environment))
    else {
        return;
    };
    let aliases = cell(row, columns, Field::Aliases).map(several);
    reader.facts.groups.push(GroupFact {
        mention: Mention::of(&name),
        description: words(row, columns, Field::Description)
            .or_else(|| words(row, columns, Field::Purpose)),
        aliases: aliases.unwrap_or_default(),
        is_listed: true,
        at,
    });
}

pub(super) fn home(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
    let at = reader.at(row.line);
    let Some(named) = cell(row, columns, Field::Name) else {
        return;
    };
    let (title, name) = titled(named);
    let group = words(row, columns, Field::Group).unwrap_or_default();
    reader.facts.homes.push(HomeFact {
        group: Mention::of(&group),
        name: name.clone().unwrap_or_else(|| name_of(&title)),
        title: name.is_some().then_some(title),
        description: words(row, columns, Field::Description),
        kind: words(row, columns, Field::Kind),
        id: words(row, columns, Field::Id),
        link: link(row, columns, Field::Link),
        holds: mentions(cell(row, columns, Field::Holds)),
        part_of: words(row, columns, Field::PartOf),
        is_drawn: false,
        at,
    });
}

/// A title, and the name that stands behind it in brackets, as code.
fn titled(cell: &Rich) -> (String, Option<String>) {
    let text = cell.text();
    if let [.., before, code, after] = cell.0.as_slice()
        && code.look == Look::Code
        && after.text.trim() == ")"
        && before.text.trim_end().ends_with('(')
    {
        let behind = format!("({})", code.text);
        let title = text.strip_suffix(&behind).unwrap_or(&text).trim();
        return (title.to_owned(), Some(code.text.clone()));
    }
    (text, None)
}

/// The fields of a row that is about an environment.
const OF_ENVIRONMENTS: [Field; 16] = [
    Field::Description,
    Field::Purpose,
    Field::Aliases,
    Field::Group,
    Field::Branch,
    Field::After,
    Field::Mirrors,
    Field::UsedBy,
    Field::Url,
    Field::Link,
    Field::Database,
    Field::Deployment,
    Field::Process,
    Field::Id,
    Field::Kind,
    Field::Owner,
];

pub(super) fn environment(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
    let at = reader.at(row.line);
    let named = cell(row, columns, Field::Environment).or_else(|| cell(row, columns, Field::Name));
    let Some(named) = named else {
        return;
    };
    let mention = Mention::of(&named.text());
    if mention.name.is_empty() {
        let why =
            "an environment's name needs letters from a to z; nothing of this one can be kept";
        reader.facts.not_understood(&at, &named.text(), why);
        return;
    }
    reader.facts.list(mention.clone(), at.clone());
    for (column, cell) in columns.iter().zip(&row.cells) {
        let Some(field) = column.filter(|field| OF_ENVIRONMENTS.contains(field)) else {
            let is_name = matches!(column, Some(Field::Name | Field::Environment));
            if !is_name && !is_nothing(&cell.text()) {
                let why = "the column's heading says nothing that is known";
                reader.facts.not_understood(&at, &cell.text(), why);
            }
            continue;
        };
        // That it is in no group is something too.
        if is_nothing(&cell.text()) && cell.link().is_none() && field != Field::Group {
            continue;
        }
        reader.facts.fields.push(FieldFact {
            environment: mention.clone(),
            field: if field == Field::Link {
                Field::Url
            } else {
                field
            },
            value: cell.clone(),
            at: at.clone(),
        });
    }
}

pub(super) fn resource(reader: &mut Reader<'_>, row: &Row, columns: &Columns, heading: &Row) {
    let at = reader.at(row.line);
    let named = cell(row, columns, Field::Name).or_else(|| cell(row, columns, Field::Kind));
    let Some(named) = named else {
        let said: Vec<String> = row.cells.iter().map(Rich::text).collect();
        reader
            .facts
            .not_understood(&at, &said.join(" | "), "it has no name");
        return;
    };
    let (title, name) = titled(named);
    let known = [
        Field::Name,
        Field::Environment,
        Field::Description,
        Field::Purpose,
        Field::Kind,
        Field::Id,
        Field::Link,
        Field::Url,
        Field::Owner,
        Field::Keys,
        Field::Endpoint,
        Field::SharedWith,
    ];
    for (column, (cell, over)) in columns.iter().zip(row.cells.iter().zip(&heading.cells)) {
        let is_known = column.is_some_and(|field| known.contains(&field));
        if !is_known && !is_nothing(&cell.text()) {
            let said = format!("{} ({})", cell.text(), over.text());
            let why = "resources have nothing of that kind";
            reader.facts.not_understood(&at, &said, why);
        }
    }
    let mut places = mentions(cell(row, columns, Field::Environment));
    let all = ["all", "everywhere", "both", "any", "every", "each"];
    for place in &places {
        if !all.contains(&place.name.as_str()) {
            reader.facts.named.push((place.clone(), at.clone()));
        }
    }
    if places.is_empty() {
        places.extend(
            reader
                .environment
                .iter()
                .map(|(mention, _)| mention.clone()),
        );
    }
    let Some(first) = places.first().cloned() else {
        reader
            .facts
            .not_understood(&at, &title, "no environment is said to use it");
        return;
    };
    let mut shared_with = shared(cell(row, columns, Field::SharedWith));
    // One row for several environments is one thing that they share.
    shared_with.extend(places.iter().skip(1).map(|other| (other.clone(), false)));
    let keys = cell(row, columns, Field::Keys).map(several);
    reader.facts.resources.push(ResourceFact {
        environment: Some(first),
        title,
        name,
        description: words(row, columns, Field::Description)
            .or_else(|| words(row, columns, Field::Purpose)),
        kind: has(columns, Field::Kind).then(|| words(row, columns, Field::Kind)),
        id: words(row, columns, Field::Id),
        link: link(row, columns, Field::Link).or_else(|| link(row, columns, Field::Url)),
        owner: words(row, columns, Field::Owner),
        keys: keys.unwrap_or_default(),
        endpoint: words(row, columns, Field::Endpoint),
        shared_with,
        at: Some(at.clone()),
    });
    // A cell that should lead somewhere and does not is told.
    if let Some(said) = words(row, columns, Field::Link)
        && link(row, columns, Field::Link).is_none()
    {
        reader
            .facts
            .not_understood(&at, &said, "this leads nowhere");
    }
}

/// Who uses a thing too; whoever stands out declares it.
fn shared(cell: Option<&Rich>) -> Vec<(Mention, bool)> {
    let Some(cell) = cell else {
        return Vec::new();
    };
    let spans = cell.0.iter().flat_map(|span| {
        let part = Rich(vec![span.clone()]);
        let stands_out = span.look == Look::Strong;
        several(&part)
            .into_iter()
            .map(move |name| (Mention::of(&name), stands_out))
    });
    spans
        .filter(|(mention, _)| {
            !mention.name.is_empty() && !["yes", "no"].contains(&mention.name.as_str())
        })
        .collect()
}

/// A table with what things are in its first column, and how each environment has them in the others.
pub(super) fn matrix(reader: &mut Reader<'_>, heading: &Row, rows: &[Row]) {
    let places = environments_of(reader, heading);
    let at = reader.at(heading.line);
    for (_, mention) in &places {
        reader.facts.list(mention.clone(), at.clone());
    }
    for row in rows {
        let at = reader.at(row.line);
        let Some(first) = row.cells.first() else {
            continue;
        };
        let (title, name) = titled(first);
        let field = Field::of(&title)
            .filter(|field| OF_ENVIRONMENTS.contains(field) && *field != Field::Id);
        for (column, mention) in &places {
            let Some(cell) = row.cells.get(*column) else {
                continue;
            };
            if is_nothing(&cell.text()) && cell.link().is_none() {
                continue;
            }
            if let Some(field) = field {
                reader.facts.fields.push(FieldFact {
                    environment: mention.clone(),
                    field: if field == Field::Link {
                        Field::Url
                    } else {
                        field
                    },
                    value: cell.clone(),
                    at: at.clone(),
                });
                continue;
            }
            let said = cell.text();
            let link = cell
                .link()
                .map(str::to_owned)
                .or_else(|| said.starts_with("http").then(|| said.clone()));
            let id = (link.as_deref() != Some(said.as_str()) && !said.eq_ignore_ascii_case("view"))
                .then_some(said);
            reader.facts.resources.push(ResourceFact {
                environment: Some(mention.clone()),
                title: title.clone(),
                name: name.clone(),
                id,
                link,
                at: Some(at.clone()),
                ..ResourceFact::default()
            });
        }
    }
}

pub(super) fn user(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
    let at = reader.at(row.line);
    let Some(who) = cell(row, columns, Field::UsedBy).cloned() else {
        return;
    };
    for environment in mentions(cell(row, columns, Field::Environment)) {
        reader.facts.fields.push(FieldFact {
            environment,
            field: Field::UsedBy,
            value: who.clone(),
            at: at.clone(),
        });
    }
}

/// A row that has a field's name and its value.
pub(super) fn field(reader: &mut Reader<'_>, row: &Row) {
    let at = reader.at(row.line);
    let (Some(label), Some(value)) = (row.cells.first(), row.cells.get(1)) else {
        return;
    };
    match Field::of(&label.text()) {
        Some(field) => reader.field(field, value.clone(), &at),
        None if ["field", "property", "key", "setting", "item", ""]
            .contains(&label.text().to_lowercase().as_str()) => {}
        None => {
            let said = format!("{}: {}", label.text(), value.text());
            reader
                .facts
                .not_understood(&at, &said, "environments have nothing of that name");
        }
    }
}
