//! Tables: of groups, of environments, of what they use, of accounts; or with an environment in each column.

use super::{
    facts::{At, FieldFact, GroupFact, HomeFact, ResourceFact},
    outline::{Look, Rich, Row},
    read::Reader,
    words::{Field, Mention, is_nothing, name_of},
};

/// What a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Groups,
    Homes,
    Environments,
    Resources,
    /// A column for each environment.
    Matrix,
    /// Fields of the environment that the part is about, a row each.
    Fields,
    /// Who uses which environments.
    Users,
    Derived,
    Nothing,
}

/// Reads a table.
pub(super) fn read(reader: &mut Reader<'_>, rows: &[Row], at: &At) {
    let Some((heading, rest)) = rows.split_first() else {
        return;
    };
    let columns = columns(heading);
    match about(reader, heading, &columns, rest) {
        About::Derived => {}
        About::Groups => each(rest, |row| group(reader, row, &columns)),
        About::Homes => each(rest, |row| home(reader, row, &columns)),
        About::Environments => each(rest, |row| environment(reader, row, &columns)),
        About::Resources => each(rest, |row| resource(reader, row, &columns, heading)),
        About::Matrix => matrix(reader, heading, rest),
        About::Users => each(rest, |row| user(reader, row, &columns)),
        About::Fields => each(rows, |row| field(reader, row)),
        About::Nothing => {
            let said: Vec<String> = heading.cells.iter().map(Rich::text).collect();
            let why = "the table's columns do not say what it is about";
            reader.facts.not_understood(at, &said.join(" | "), why);
            for row in rest {
                let said: Vec<String> = row.cells.iter().map(Rich::text).collect();
                let at = reader.at(row.line);
                reader.facts.not_understood(&at, &said.join(" | "), "");
            }
        }
    }
}

/// Whether a table has what environments use.
pub(super) fn is_of_resources(rows: &[Row]) -> bool {
    rows.first().is_some_and(|heading| {
        let columns = columns(heading);
        has(&columns, Field::Name)
            && (has(&columns, Field::Id) || has(&columns, Field::Link))
            && ![Field::Environment, Field::Holds, Field::PartOf]
                .iter()
                .any(|field| has(&columns, *field))
            && !are_environments(&rows[1..])
    })
}

/// Whether what stands first in each row is what environments are called.
fn are_environments(rows: &[Row]) -> bool {
    let mut names = rows
        .iter()
        .filter_map(|row| row.cells.first())
        .map(|cell| Mention::of(&cell.text()))
        .peekable();
    names.peek().is_some() && names.all(|mention| mention.is_usual())
}

type Columns = Vec<Option<Field>>;

fn columns(heading: &Row) -> Columns {
    let mut columns: Columns = heading
        .cells
        .iter()
        .map(|cell| Field::of(&cell.text()))
        .collect();
    let id_or_link = has(&columns, Field::Id) || has(&columns, Field::Link);
    for at in 0..columns.len() {
        // What stands first and is called by what it is has the names.
        if at == 0 && columns[0] == Some(Field::Kind) && !has(&columns, Field::Name) {
            columns[0] = Some(Field::Name);
        }
        // An environment's address is no link to a console.
        if columns[at] == Some(Field::Link) && has(&columns, Field::Branch) {
            columns[at] = Some(Field::Url);
        }
        // Environments are of a type, what they use is of a kind.
        if columns[at] == Some(Field::Kind) && !id_or_link && has(&columns, Field::Aliases) {
            columns[at] = Some(Field::Group);
        }
    }
    columns
}

fn has(columns: &Columns, field: Field) -> bool {
    columns.contains(&Some(field))
}

fn each(rows: &[Row], mut read: impl FnMut(&Row)) {
    for row in rows {
        if row.cells.iter().any(|cell| !cell.is_empty()) {
            read(row);
        }
    }
}

fn about(reader: &Reader<'_>, heading: &Row, columns: &Columns, rows: &[Row]) -> About {
    let has = |field| has(columns, field);
    let are_environments = are_environments(rows);
    if has(Field::Derived) {
        return About::Derived;
    }
    if has(Field::Holds) || has(Field::PartOf) {
        return About::Homes;
    }
    let places = environments_of(reader, heading);
    if places.len() >= 2 && places.len() + 1 >= heading.cells.len().saturating_sub(1) {
        return About::Matrix;
    }
    if has(Field::Environment)
        && has(Field::UsedBy)
        && columns.len() == 2
        && columns[0] == Some(Field::UsedBy)
    {
        return About::Users;
    }
    let id_or_link = has(Field::Id) || has(Field::Link);
    let named = has(Field::Name) || has(Field::Environment);
    let of_environments = has(Field::Group)
        || has(Field::Branch)
        || has(Field::Purpose)
        || has(Field::UsedBy)
        || has(Field::Url)
        || has(Field::After)
        || (has(Field::Aliases) && are_environments);
    match () {
        () if named
            && reader.heading.contains("group")
            && !id_or_link
            && !has(Field::Group)
            && !has(Field::Branch) =>
        {
            About::Groups
        }
        () if has(Field::Environment) && (has(Field::Name) || has(Field::Kind)) && id_or_link => {
            About::Resources
        }
        () if has(Field::Environment) && !has(Field::Name) => About::Environments,
        () if has(Field::Name)
            && reader.environment.is_some()
            && (id_or_link || has(Field::Description) || has(Field::Kind)) =>
        {
            About::Resources
        }
        () if has(Field::Name) && of_environments && !has(Field::Id) => About::Environments,
        () if has(Field::Name) && are_environments => About::Environments,
        () if columns.len() == 2 && reader.environment.is_some() && are_fields(heading, rows) => {
            About::Fields
        }
        () if has(Field::Name) && has(Field::Environment) => About::Resources,
        () => About::Nothing,
    }
}

/// The columns that are about an environment each.
fn environments_of(reader: &Reader<'_>, heading: &Row) -> Vec<(usize, Mention)> {
    let cells = heading.cells.iter().enumerate().skip(1);
    let mentions = cells.map(|(at, cell)| (at, Mention::of(&cell.text())));
    mentions
        .filter(|(_, mention)| mention.is_usual() || reader.facts.lists(mention))
        .collect()
}

fn are_fields(heading: &Row, rows: &[Row]) -> bool {
    let firsts = std::iter::once(heading).chain(rows);
    let known = firsts
        .filter_map(|row| row.cells.first())
        .filter(|cell| Field::of(&cell.text()).is_some());
    known.count() >= 2
}

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

fn group(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
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

fn home(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
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

fn environment(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
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

fn resource(reader: &mut Reader<'_>, row: &Row, columns: &Columns, heading: &Row) {
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
fn matrix(reader: &mut Reader<'_>, heading: &Row, rows: &[Row]) {
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

fn user(reader: &mut Reader<'_>, row: &Row, columns: &Columns) {
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
fn field(reader: &mut Reader<'_>, row: &Row) {
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
