//! A table of PostgreSQL: made, and changed column by column.

use std::collections::BTreeSet;

use super::{Way, enumeration, word};
use crate::{
    classify::Dialect::Postgres,
    schema::{Column, Constraint, ConstraintKind, Name, Table, capture::Steps},
};

/// The statement that makes a table with its keys and checks; foreign keys come later.
pub(super) fn definition(table: &Table) -> Option<String> {
    let options = &table.options;
    if options.contains_key("foreign server") || options.contains_key("inherits") {
        return None;
    }
    let unlogged = if options.contains_key("persistence") {
        "UNLOGGED "
    } else {
        ""
    };
    let name = table.name.quoted(Postgres);
    let mut text = match options.get("partition of") {
        Some(of) => {
            let (parent, bound) = of
                .split_once(" FOR VALUES")
                .map_or((of.as_str(), None), |(a, b)| (a, Some(b)));
            let bound = bound.map(|bound| format!("FOR VALUES{bound}"));
            let (parent, bound) = match bound {
                Some(bound) => (parent, bound),
                None => (parent.trim_end_matches(" DEFAULT"), "DEFAULT".to_owned()),
            };
            format!("CREATE {unlogged}TABLE {name} PARTITION OF {parent} {bound}")
        }
        None => {
            let columns = table.columns.iter().map(column);
            let keys = table
                .constraints
                .iter()
                .filter(|key| key.kind != ConstraintKind::ForeignKey)
                .map(constraint);
            let lines: Vec<String> = columns
                .chain(keys)
                .map(|line| format!("    {line}"))
                .collect();
            match lines.is_empty() {
                true => format!("CREATE {unlogged}TABLE {name} ()"),
                false => format!("CREATE {unlogged}TABLE {name} (\n{}\n)", lines.join(",\n")),
            }
        }
    };
    if let Some(key) = options.get("partition by") {
        text += &format!(" PARTITION BY {key}");
    }
    let with = options
        .iter()
        .filter_map(|(name, value)| Some(format!("{}={value}", name.strip_prefix("with ")?)));
    let with: Vec<_> = with.collect();
    if !with.is_empty() {
        text += &format!(" WITH ({})", with.join(", "));
    }
    Some(text)
}

/// A column as in a `CREATE TABLE`.
fn column(column: &Column) -> String {
    format!(
        "{} {}",
        column.name.quoted_alone(Postgres),
        column.definition
    )
}

/// A constraint as in a `CREATE TABLE`.
pub(super) fn constraint(constraint: &Constraint) -> String {
    match &constraint.name {
        Some(name) => format!(
            "CONSTRAINT {} {}",
            name.quoted_alone(Postgres),
            constraint.definition
        ),
        None => constraint.definition.to_string(),
    }
}

pub(super) fn is_partition(table: &Table) -> bool {
    table.options.contains_key("partition of")
}

/// Whether a table's columns are its parent's, and change with them.
fn inherits(table: &Table) -> bool {
    is_partition(table) || table.options.contains_key("inherits")
}

/// The tables among these that a table takes its columns from.
pub(super) fn parents<'a>(table: &Table, among: &BTreeSet<&'a Name>) -> Vec<&'a Name> {
    let of = table
        .options
        .get("partition of")
        .or_else(|| table.options.get("inherits"));
    let text = of.map(String::as_str).unwrap_or_default();
    let names: BTreeSet<String> = among.iter().map(|name| word(name)).collect();
    let found = super::mentioned(text, Postgres, &names);
    among
        .iter()
        .copied()
        .filter(|name| **name != table.name && found.contains(&word(name)))
        .collect()
}

/// Columns that are dropped or change their type: what names them has to go for a while.
pub(super) fn disturbed_columns<'a>(
    way: &Way<'a>,
    before: &'a Table,
    after: &Table,
) -> Vec<&'a Name> {
    let remade = remade_columns(way, before, after);
    let disturbed = |column: &&Column| match after.column(&column.name) {
        None => true,
        Some(other) => {
            is_retyped(column, other) || remade.iter().any(|name| name == column.name.as_str())
        }
    };
    before
        .columns
        .iter()
        .filter(disturbed)
        .map(|column| &column.name)
        .collect()
}

/// Columns after whose change keys, checks and indexes on them have to be made again.
pub(super) fn remade_columns(way: &Way<'_>, before: &Table, after: &Table) -> Vec<String> {
    let remade = |column: &&Column| {
        let other = after.column(&column.name);
        other.is_some_and(|other| {
            is_computed_anew(way, before, after, column, other) || of_replaced(way, column)
        })
    };
    before
        .columns
        .iter()
        .filter(remade)
        .map(|column| column.name.as_str().to_owned())
        .collect()
}

fn of_replaced(way: &Way<'_>, column: &Column) -> bool {
    way.replaced
        .iter()
        .any(|key| enumeration::uses(column, &way.from.objects[*key]))
}

fn is_retyped(old: &Column, new: &Column) -> bool {
    old.data_type != new.data_type || old.collation != new.collation
}

/// Whether only dropping a column and adding it again makes it what it is to be: one that is computed otherwise than
/// before, or from a column that changes its type.
fn is_computed_anew(
    way: &Way<'_>,
    before: &Table,
    after: &Table,
    old: &Column,
    new: &Column,
) -> bool {
    let Some(generated) = &new.generated else {
        return false;
    };
    if old.generated != new.generated || is_retyped(old, new) {
        return true;
    }
    let retyped = before.columns.iter().filter(|column| {
        let other = after.column(&column.name);
        other.is_some_and(|other| is_retyped(column, other) || of_replaced(way, column))
    });
    let names = retyped.map(|column| word(&column.name)).collect();
    !super::mentioned(generated.expression.as_str(), Postgres, &names).is_empty()
}

/// Takes the numbering from columns that get another or none, and with it the sequences, whose names may be wanted.
pub(super) fn drop_identities(steps: &mut Steps, before: &Table, after: &Table) {
    for old in before
        .columns
        .iter()
        .filter(|column| column.identity.is_some() && !inherits(before))
    {
        if after
            .column(&old.name)
            .is_some_and(|new| new.identity != old.identity)
        {
            let (table, name) = (after.name.quoted(Postgres), old.name.quoted_alone(Postgres));
            steps.run(format!(
                "ALTER TABLE {table} ALTER COLUMN {name} DROP IDENTITY"
            ));
        }
    }
}

/// Says which columns of a table that has its parent's are otherwise than there and have changed.
pub(super) fn own_columns(way: &Way<'_>, steps: &mut Steps, before: Option<&Table>, after: &Table) {
    let parents = parents(after, &way.to.tables.keys().collect());
    for column in after.columns.iter().filter(|_| inherits(after)) {
        let same = |table: &Table| {
            let other = table.column(&column.name);
            other.is_some_and(|other| other.definition == column.definition)
        };
        let inherited = parents.iter().any(|parent| same(&way.to.tables[*parent]));
        if !inherited && !before.is_some_and(same) {
            steps.note(
                after.key(),
                format!("`{}` is otherwise than in the table that it is a part of, which is not written", column.name),
            );
        }
    }
}

pub(super) fn alter(way: &Way<'_>, steps: &mut Steps, before: &Table, after: &Table) {
    options(steps, before, after);
    if inherits(before) || inherits(after) {
        own_columns(way, steps, Some(before), after);
        return;
    }
    let table = after.name.quoted(Postgres);
    let added: Vec<_> = after
        .columns
        .iter()
        .filter(|column| before.column(&column.name).is_none())
        .collect();
    // What is computed goes before what it is computed from, and comes after it.
    for old in before
        .columns
        .iter()
        .filter(|column| column.generated.is_some())
    {
        let name = old.name.quoted_alone(Postgres);
        match after.column(&old.name) {
            None => drop_column(steps, after, old, &added),
            Some(new) if is_computed_anew(way, before, after, old, new) => {
                steps.run(format!("ALTER TABLE {table} DROP COLUMN {name}"));
            }
            Some(new) if new.generated.is_none() => {
                steps.run(format!(
                    "ALTER TABLE {table} ALTER COLUMN {name} DROP EXPRESSION"
                ));
            }
            Some(_) => {}
        }
    }
    for new in added.iter().filter(|column| column.generated.is_none()) {
        steps.run(format!("ALTER TABLE {table} ADD COLUMN {}", column(new)));
        if !new.nullable && new.default.is_none() && new.identity.is_none() {
            steps.note(
                after.key(),
                format!(
                    "`{}` is NOT NULL without a default: this fails unless the table is empty",
                    new.name
                ),
            );
        }
    }
    for old in &before.columns {
        match after.column(&old.name) {
            Some(new) if new.generated.is_none() => alter_column(way, steps, after, old, new),
            Some(new) if old.generated.is_none() => {
                drop_column(steps, after, new, &[]);
            }
            None if old.generated.is_none() => drop_column(steps, after, old, &added),
            _ => {}
        }
    }
    for new in after
        .columns
        .iter()
        .filter(|column| column.generated.is_some())
    {
        let old = before.column(&new.name);
        if old.is_none_or(|old| is_computed_anew(way, before, after, old, new)) {
            steps.run(format!("ALTER TABLE {table} ADD COLUMN {}", column(new)));
        } else if let Some(old) = old.filter(|old| old.nullable != new.nullable) {
            let change = if old.nullable { "SET" } else { "DROP" };
            let name = new.name.quoted_alone(Postgres);
            steps.run(format!(
                "ALTER TABLE {table} ALTER COLUMN {name} {change} NOT NULL"
            ));
        }
    }
}

fn drop_column(steps: &mut Steps, table: &Table, column: &Column, added: &[&Column]) {
    let name = column.name.quoted_alone(Postgres);
    steps.run(format!(
        "ALTER TABLE {} DROP COLUMN {name}",
        table.name.quoted(Postgres)
    ));
    steps.note(
        table.key(),
        format!("the values of `{}` are lost", column.name),
    );
    if !added.is_empty() {
        steps.note(
            table.key(),
            format!(
                "if `{}` was renamed, write `ALTER TABLE … RENAME COLUMN …` instead: that cannot be told from dropping one and adding another",
                column.name
            ),
        );
    }
}

fn alter_column(way: &Way<'_>, steps: &mut Steps, table: &Table, old: &Column, new: &Column) {
    let name = new.name.quoted_alone(Postgres);
    let quoted = table.name.quoted(Postgres);
    let mut alter =
        |text: String| steps.run(format!("ALTER TABLE {quoted} ALTER COLUMN {name} {text}"));
    // A replaced enumeration's columns have theirs by now.
    let replaced = of_replaced(way, old) && old.data_type == new.data_type;
    let retyped = is_retyped(old, new) && !replaced;
    let default_goes = old.default.is_some() && (retyped || new.default.is_none()) && !replaced;
    if default_goes {
        alter("DROP DEFAULT".into());
    }
    if retyped {
        let collation = new
            .collation
            .as_ref()
            .map(|collation| format!(" COLLATE {collation}"))
            .unwrap_or_default();
        alter(format!(
            "TYPE {}{collation} USING {name}::{}",
            new.data_type, new.data_type
        ));
    }
    if let Some(default) = &new.default
        && !replaced
        && (default_goes || old.default != new.default)
    {
        alter(format!("SET DEFAULT {default}"));
    }
    match (old.nullable, new.nullable) {
        (true, false) => alter("SET NOT NULL".into()),
        // A primary key that is still to go has been dropped by now.
        (false, true) => alter("DROP NOT NULL".into()),
        _ => {}
    }
    if let Some(identity) = &new.identity
        && old.identity != new.identity
    {
        alter(format!("ADD {identity}"));
    }
    if old.nullable && !new.nullable {
        steps.note(
            table.key(),
            format!(
                "`{}` becomes NOT NULL: this fails while a row has NULL in it",
                new.name
            ),
        );
    }
    if retyped && old.data_type != new.data_type {
        steps.note(
            table.key(),
            format!(
                "the values of `{}` are cast from {} to {}: check them, and write another USING where there is no such cast",
                new.name, old.data_type, new.data_type
            ),
        );
    }
    if old.identity != new.identity && new.identity.is_some() {
        steps.note(
            table.key(),
            format!(
                "`{}` numbers from its beginning: set its sequence after its largest value",
                new.name
            ),
        );
    }
}

/// What a new table has besides what the statement that makes it can say.
pub(super) fn settle(steps: &mut Steps, table: &Table) {
    let said = |name: &String| {
        name == "persistence" || name.starts_with("with ") || name.starts_with("partition ")
    };
    let mut before = table.clone();
    before.options.retain(|name, _| said(name));
    options(steps, &before, table);
}

fn options(steps: &mut Steps, before: &Table, after: &Table) {
    let table = after.name.quoted(Postgres);
    let names: BTreeSet<&String> = before.options.keys().chain(after.options.keys()).collect();
    for name in names {
        let (old, new) = (before.options.get(name), after.options.get(name));
        if old == new {
            continue;
        }
        let text = match (name.as_str(), new.map(String::as_str)) {
            ("persistence", Some(_)) => "SET UNLOGGED".to_owned(),
            ("persistence", None) => "SET LOGGED".to_owned(),
            ("row security", Some(_)) => "ENABLE ROW LEVEL SECURITY".to_owned(),
            ("row security", None) => "DISABLE ROW LEVEL SECURITY".to_owned(),
            ("row security of the owner", Some(_)) => "FORCE ROW LEVEL SECURITY".to_owned(),
            ("row security of the owner", None) => "NO FORCE ROW LEVEL SECURITY".to_owned(),
            ("replica identity", None) => "REPLICA IDENTITY DEFAULT".to_owned(),
            ("replica identity", Some(which @ ("FULL" | "NOTHING"))) => {
                format!("REPLICA IDENTITY {which}")
            }
            (name, new) => match (name.strip_prefix("with "), new) {
                (Some(option), Some(value)) => format!("SET ({option} = {value})"),
                (Some(option), None) => format!("RESET ({option})"),
                (None, _) => {
                    steps.note(
                        after.key(),
                        format!("its `{name}` changes, which is not written"),
                    );
                    continue;
                }
            },
        };
        steps.run(format!("ALTER TABLE {table} {text}"));
    }
}
