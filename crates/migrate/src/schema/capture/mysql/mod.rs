//! The way from one schema of MySQL or MariaDB to another.
//!
//! A table is changed by as few statements as can be: foreign keys and checks go, then everything else in one
//! `ALTER TABLE`, which sees the keys that others need before and after, then they come again. Its statements end
//! transactions: when one fails, those before it stay done.
//!
//! Written: tables, columns, keys, indexes, checks, foreign keys, options of tables that have a value, views, triggers,
//! functions, procedures, events and sequences. Not written, and said so: changes of partitions, of system versioning
//! and periods, and what the server hides from the user who looked.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Steps,
    order::{mentioned, sorted},
};
use table::{Change, defined, written};

use crate::{
    classify::Dialect::Mysql,
    schema::{
        Constraint, ConstraintKind, Name, Object, ObjectKey, Schema, Table, model::Kind,
        mysql::HIDDEN,
    },
};

pub(super) fn steps(from: &Schema, to: &Schema) -> Steps {
    let mut steps = Steps::default();
    let changes: Vec<Change<'_>> = from
        .tables
        .iter()
        .filter_map(|(name, before)| Some(Change::of(before, to.tables.get(name)?)))
        .collect();
    drop_objects(&mut steps, from, to);
    drop_foreign_keys(&mut steps, from, to, &changes);
    drop_tables(&mut steps, from, to);
    create_tables(&mut steps, from, to);
    for change in &changes {
        change.write(&mut steps);
    }
    add_foreign_keys(&mut steps, from, to, &changes);
    drop_sequences(&mut steps, from, to);
    create_objects(&mut steps, from, to);
    steps
}

/// Whether a foreign key can stay while tables change.
fn stays(
    key: &Constraint,
    table: &Name,
    from: &Schema,
    to: &Schema,
    changes: &[Change<'_>],
) -> bool {
    let change = |name: &Name| changes.iter().find(|change| change.before.name == *name);
    let Some(own) = change(table) else {
        return false;
    };
    let touched = key
        .columns
        .iter()
        .any(|column| own.modified.contains(column));
    let other = key.refers_to.as_ref();
    let kept =
        other.is_none_or(|other| from.tables.contains_key(other) == to.tables.contains_key(other));
    // What it refers to, and the key that it leans on there.
    let leans = other.and_then(change).is_some_and(|change| {
        !change.modified.is_empty()
            || change
                .before
                .constraints
                .iter()
                .any(|key| key.kind != ConstraintKind::ForeignKey && !change.keeps(key))
            || change
                .before
                .indexes
                .values()
                .any(|index| !change.keeps_index(index))
    });
    own.keeps(key) && !touched && kept && !leans
}

fn foreign_keys(table: &Table) -> impl Iterator<Item = &Constraint> {
    table
        .constraints
        .iter()
        .filter(|key| key.kind == ConstraintKind::ForeignKey)
}

fn drop_foreign_keys(steps: &mut Steps, from: &Schema, to: &Schema, changes: &[Change<'_>]) {
    for (name, table) in &from.tables {
        let gone = !to.tables.contains_key(name);
        let keys = foreign_keys(table).filter(|key| match gone {
            // Those to a table that goes too are in its way.
            true => key
                .refers_to
                .as_ref()
                .is_some_and(|other| other != name && !to.tables.contains_key(other)),
            false => !stays(key, name, from, to, changes),
        });
        let parts: Vec<String> = keys
            .filter_map(|key| {
                Some(format!(
                    "DROP FOREIGN KEY {}",
                    key.name.as_ref()?.quoted_alone(Mysql)
                ))
            })
            .collect();
        if !parts.is_empty() {
            steps.run(format!(
                "ALTER TABLE {}\n    {}",
                name.quoted(Mysql),
                parts.join(",\n    ")
            ));
        }
    }
}

fn add_foreign_keys(steps: &mut Steps, from: &Schema, to: &Schema, changes: &[Change<'_>]) {
    for (name, table) in &to.tables {
        let keys = foreign_keys(table).filter(|key| !stays(key, name, from, to, changes));
        let parts: Vec<String> = keys.map(|key| format!("ADD {}", defined(key))).collect();
        if !parts.is_empty() {
            steps.run(format!(
                "ALTER TABLE {}\n    {}",
                name.quoted(Mysql),
                parts.join(",\n    ")
            ));
        }
    }
}

fn drop_tables(steps: &mut Steps, from: &Schema, to: &Schema) {
    let created = to.tables.keys().any(|name| !from.tables.contains_key(name));
    for (name, table) in from
        .tables
        .iter()
        .filter(|(name, _)| !to.tables.contains_key(*name))
    {
        steps.run(format!("DROP TABLE {}", name.quoted(Mysql)));
        steps.note(table.key(), "its rows are lost");
        if created {
            steps.note(
                table.key(),
                "if it was renamed, write `RENAME TABLE …` instead: that cannot be told from dropping one and creating another",
            );
        }
    }
}

/// New tables without their foreign keys, which come when all tables are there.
fn create_tables(steps: &mut Steps, from: &Schema, to: &Schema) {
    // Columns may take their numbers from sequences.
    for (key, object) in changed(to, from).filter(|(key, _)| key.kind == Kind::Sequence) {
        let text = object.definition.as_str();
        match from.objects.contains_key(key) {
            true => {
                steps.run(text.replacen("CREATE SEQUENCE", "CREATE OR REPLACE SEQUENCE", 1));
                steps.note(
                    key,
                    "it begins anew: set it after the largest number that was taken",
                );
            }
            false => steps.run(text),
        }
    }
    for (name, table) in to
        .tables
        .iter()
        .filter(|(name, _)| !from.tables.contains_key(*name))
    {
        let columns = table.columns.iter().map(written);
        let keys = table
            .constraints
            .iter()
            .filter(|key| key.kind != ConstraintKind::ForeignKey)
            .map(defined);
        let indexes = table
            .indexes
            .values()
            .map(|index| index.definition.to_string());
        let lines: Vec<String> = columns
            .chain(keys)
            .chain(indexes)
            .map(|line| format!("    {line}"))
            .collect();
        let mut text = format!(
            "CREATE TABLE {} (\n{}\n)",
            name.quoted(Mysql),
            lines.join(",\n")
        );
        for (name, value) in table
            .options
            .iter()
            .filter(|(name, value)| !value.is_empty() && *name != "partition")
        {
            text += &format!(" {name}={value}");
        }
        if let Some(partition) = table.options.get("partition") {
            text += &format!("\n{partition}");
        }
        for name in table
            .options
            .iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(name, _)| name)
        {
            steps.note(table.key(), format!("its option `{name}` is not written"));
        }
        steps.run(text);
    }
}

/// The objects of one schema that the other does not have alike.
fn changed<'a>(
    schema: &'a Schema,
    other: &'a Schema,
) -> impl Iterator<Item = (&'a ObjectKey, &'a Object)> {
    schema.objects.iter().filter(|(key, object)| {
        other
            .objects
            .get(*key)
            .is_none_or(|other| !other.same_as(object))
    })
}

fn drop_objects(steps: &mut Steps, from: &Schema, to: &Schema) {
    for (key, object) in changed(from, to) {
        // A table's triggers go with it.
        let gone = object
            .on
            .as_ref()
            .is_some_and(|on| !to.tables.contains_key(on));
        // Tables may take numbers from a sequence until they have changed.
        if key.kind == Kind::Sequence
            || gone
            || is_hidden(object)
            || to.objects.get(key).is_some_and(is_hidden)
        {
            continue;
        }
        let words = key.kind.to_string().to_uppercase();
        steps.run(format!("DROP {words} {}", key.name.quoted(Mysql)));
    }
}

fn drop_sequences(steps: &mut Steps, from: &Schema, to: &Schema) {
    let gone = from
        .objects
        .keys()
        .filter(|key| key.kind == Kind::Sequence && !to.objects.contains_key(key));
    for key in gone {
        steps.run(format!("DROP SEQUENCE {}", key.name.quoted(Mysql)));
    }
}

fn create_objects(steps: &mut Steps, from: &Schema, to: &Schema) {
    let new: BTreeMap<&ObjectKey, &Object> = changed(to, from)
        .filter(|(key, _)| key.kind != Kind::Sequence)
        .collect();
    let views: BTreeSet<String> = new
        .keys()
        .filter(|key| key.kind == Kind::View)
        .map(|key| key.name.as_str().to_lowercase())
        .collect();
    // Routines are looked into when they run, views when they are made.
    let rank = |key: &ObjectKey| match key.kind {
        Kind::Function | Kind::Procedure => 0,
        Kind::View => 1,
        _ => 2,
    };
    let needs = new.iter().map(|(key, object)| {
        let found = mentioned(object.definition.as_str(), Mysql, &views);
        let needed = new.keys().filter(|other| {
            key.kind == Kind::View
                && other.kind == Kind::View
                && *other != key
                && found.contains(&other.name.as_str().to_lowercase())
        });
        (
            (rank(key), *key),
            needed.map(|other| (rank(other), *other)).collect(),
        )
    });
    for (_, key) in sorted(&needs.collect()) {
        let other = from.objects.get(key).is_some_and(is_hidden);
        match other {
            true => steps.note(
                key,
                "what it was is hidden from this user: it is left as it is",
            ),
            false => create(steps, key, new[key]),
        }
    }
}

fn create(steps: &mut Steps, key: &ObjectKey, object: &Object) {
    match is_hidden(object) {
        true => steps.note(
            key,
            "its definition is hidden from this user, and not written",
        ),
        false => steps.run(object.definition.as_str()),
    }
}

fn is_hidden(object: &Object) -> bool {
    object.definition.as_str() == HIDDEN
}
