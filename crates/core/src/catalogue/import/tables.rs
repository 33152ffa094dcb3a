//! Tables: of groups, of environments, of what they use, of accounts; or with an environment in each column.

use super::{
    facts::At, mention::Mention, outline::Row, read::Reader, rich::Rich, rows, words::Field,
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
        About::Groups => each(rest, |row| rows::group(reader, row, &columns)),
        About::Homes => each(rest, |row| rows::home(reader, row, &columns)),
        About::Environments => each(rest, |row| rows::environment(reader, row, &columns)),
        About::Resources => each(rest, |row| rows::resource(reader, row, &columns, heading)),
        About::Matrix => rows::matrix(reader, heading, rest),
        About::Users => each(rest, |row| rows::user(reader, row, &columns)),
        About::Fields => each(rows, |row| rows::field(reader, row)),
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

pub(super) type Columns = Vec<Option<Field>>;

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

pub(super) fn has(columns: &Columns, field: Field) -> bool {
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
pub(super) fn environments_of(reader: &Reader<'_>, heading: &Row) -> Vec<(usize, Mention)> {
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
