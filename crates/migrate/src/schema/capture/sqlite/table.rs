//! A table of SQLite that changes: in place where `ALTER TABLE` does it, and what is told of its rows.

use std::collections::BTreeSet;

use crate::{
    classify::Dialect::Sqlite,
    schema::{
        Column, Constraint, ConstraintKind, Name, Table,
        capture::{Steps, order::mentioned},
        sql::words,
    },
};

/// How a table that is on both sides changes.
pub(super) enum Change {
    /// Only its indexes, or nothing.
    Indexes,
    /// By `ALTER TABLE`.
    Columns,
    /// By making a new one.
    Rebuild,
}

impl Change {
    pub(super) fn of(before: &Table, after: &Table) -> Change {
        let (dropped, added) = (gone(before, after), gone(after, before));
        let same = |column: &Column| {
            let other = before.column(&column.name);
            other.is_none_or(|other| other.definition == column.definition)
        };
        if !after.columns.iter().all(same) || before.options != after.options {
            return Change::Rebuild;
        }
        let (leaving, staying) = leaving(before, after);
        let more = lacking(after, &staying);
        let unchanged = without(before, after).is_empty() && without(after, before).is_empty();
        if dropped.is_empty() && added.is_empty() && unchanged {
            return Change::Indexes;
        }
        let within = |constraint: &&Constraint| {
            matches!(
                constraint.kind,
                ConstraintKind::Check | ConstraintKind::ForeignKey
            )
        };
        let goes =
            leaving.iter().all(within) && staying.iter().all(|constraint| has(after, constraint));
        let comes = more
            .iter()
            .all(|constraint| added.iter().any(|column| is_within(constraint, column)));
        let addable = added.iter().all(|column| can_be_added(column, &more));
        let stays =
            |column: &Column| column.generated.is_none() && after.column(&column.name).is_some();
        if goes && comes && addable && before.columns.iter().any(stays) {
            Change::Columns
        } else {
            Change::Rebuild
        }
    }
}

/// The columns that another table does not have.
fn gone<'a>(table: &'a Table, other: &Table) -> Vec<&'a Column> {
    table
        .columns
        .iter()
        .filter(|column| other.column(&column.name).is_none())
        .collect()
}

/// A table's constraints: those that go with columns which another table does not have, and the rest.
fn leaving<'a>(table: &'a Table, other: &Table) -> (Vec<&'a Constraint>, Vec<&'a Constraint>) {
    table.constraints.iter().partition(|constraint| {
        let of = constraint.of_column.as_ref();
        of.is_some_and(|column| other.column(column).is_none())
    })
}

/// A table's constraints that are not among these.
fn lacking<'a>(table: &'a Table, others: &[&Constraint]) -> Vec<&'a Constraint> {
    let among = |constraint: &&Constraint| others.iter().any(|other| same(constraint, other));
    table
        .constraints
        .iter()
        .filter(|constraint| !among(constraint))
        .collect()
}

/// The constraints that another table does not have.
fn without<'a>(table: &'a Table, other: &Table) -> Vec<&'a Constraint> {
    lacking(table, &other.constraints.iter().collect::<Vec<_>>())
}

fn has(table: &Table, constraint: &Constraint) -> bool {
    table
        .constraints
        .iter()
        .any(|other| same(other, constraint))
}

fn same(a: &Constraint, b: &Constraint) -> bool {
    a.name == b.name && a.kind == b.kind && a.definition == b.definition
}

/// Whether a constraint can be written in the definition of a column.
fn is_within(constraint: &Constraint, column: &Column) -> bool {
    match constraint.kind {
        ConstraintKind::ForeignKey => constraint.columns == [column.name.clone()],
        ConstraintKind::Check => match &constraint.of_column {
            Some(of) => *of == column.name,
            None => {
                let name = BTreeSet::from([column.name.key().to_owned()]);
                !mentioned(constraint.definition.as_str(), Sqlite, &name).is_empty()
            }
        },
        _ => false,
    }
}

/// Whether `ALTER TABLE … ADD COLUMN` takes it.
fn can_be_added(column: &Column, constraints: &[&Constraint]) -> bool {
    let default = column
        .default
        .as_ref()
        .map(|default| default.normal().to_owned());
    let default = default.filter(|default| default != "null");
    let constant = default
        .as_ref()
        .is_none_or(|default| !default.starts_with('(') && !default.starts_with("current_"));
    let refers = constraints
        .iter()
        .any(|key| key.kind == ConstraintKind::ForeignKey && is_within(key, column));
    constant
        && (column.nullable || default.is_some() || column.generated.is_some())
        && !(refers && default.is_some())
        && !column
            .generated
            .as_ref()
            .is_some_and(|generated| generated.stored)
}

pub(super) fn alter(steps: &mut Steps, before: &Table, after: &Table) {
    let table = after.name.quoted(Sqlite);
    let mut more = lacking(after, &leaving(before, after).1);
    for column in gone(after, before) {
        let mut text = format!(
            "ALTER TABLE {table} ADD COLUMN {}",
            column.name.quoted(Sqlite)
        );
        if !column.definition.as_str().is_empty() {
            text += &format!(" {}", column.definition);
        }
        let (own, others) = more
            .into_iter()
            .partition::<Vec<_>, _>(|constraint| is_within(constraint, column));
        more = others;
        for constraint in own {
            if let Some(name) = &constraint.name {
                text += &format!(" CONSTRAINT {}", name.quoted(Sqlite));
            }
            let definition = constraint.definition.as_str();
            // Within a column, a foreign key begins with what it refers to.
            let from = definition
                .find(" REFERENCES ")
                .filter(|_| constraint.kind == ConstraintKind::ForeignKey);
            text += &format!(" {}", definition[from.unwrap_or(0)..].trim_start());
        }
        steps.run(text);
    }
    for column in gone(before, after) {
        steps.run(format!(
            "ALTER TABLE {table} DROP COLUMN {}",
            column.name.quoted(Sqlite)
        ));
    }
    about_columns(steps, before, after);
}

/// What changes of columns do to rows.
pub(super) fn about_columns(steps: &mut Steps, before: &Table, after: &Table) {
    let key = after.key();
    let (dropped, added) = (gone(before, after), gone(after, before));
    for column in &dropped {
        steps.note(&key, format!("the values of `{}` are lost", column.name));
        if !added.is_empty() {
            steps.note(
                &key,
                format!(
                    "if `{}` was renamed, write `ALTER TABLE … RENAME COLUMN …` instead: that cannot be told from dropping one and adding another",
                    column.name
                ),
            );
        }
    }
    for column in &added {
        if !column.nullable && column.default.is_none() && column.generated.is_none() {
            steps.note(
                &key,
                format!(
                    "`{}` is NOT NULL without a default: this fails unless the table is empty",
                    column.name
                ),
            );
        }
    }
    for column in &after.columns {
        let Some(old) = before.column(&column.name) else {
            continue;
        };
        if old.nullable && !column.nullable {
            steps.note(
                &key,
                format!(
                    "`{}` becomes NOT NULL: this fails while a row has NULL in it",
                    column.name
                ),
            );
        }
        if old.data_type != column.data_type {
            steps.note(
                &key,
                format!("the values of `{}` are converted as SQLite does it for the new type; check them", column.name),
            );
        }
        if old.generated.is_none() && column.generated.is_some() {
            steps.note(
                &key,
                format!(
                    "the values of `{}` are lost: it is computed from now on",
                    column.name
                ),
            );
        }
    }
}

pub(super) fn about_constraints(steps: &mut Steps, before: &Table, after: &Table) {
    for constraint in without(after, before) {
        steps.note(
            after.key(),
            format!("{}: this fails while rows break it", constraint.definition),
        );
    }
}

/// The name of the rows' own numbers, where both tables have them and no column of the new one is them: another table
/// may refer to rows by them, as one for full-text search does.
pub(super) fn row_number(before: &Table, after: &Table) -> Option<String> {
    let both = [before, after];
    let without = both.iter().any(|table| table.options.contains_key("rowid"));
    let named = both
        .iter()
        .any(|table| table.column(&Name::caseless("rowid")).is_some());
    let keyed = after.constraints.iter().any(|key| {
        key.kind == ConstraintKind::PrimaryKey
            && matches!(&key.columns[..], [column] if after.column(column).is_some_and(|column| column.data_type.normal() == "integer"))
    });
    (!without && !named && !keyed).then(|| "rowid".to_owned())
}

/// Has a table that numbers its rows go on where the old one was.
pub(super) fn keep_number(steps: &mut Steps, old: &Name, new: &str) {
    let text = |name: &str| format!("'{}'", name.replace('\'', "''"));
    let new = text(
        &words(new, Sqlite)
            .first()
            .map(|word| word.name())
            .unwrap_or_default(),
    );
    steps.run(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
    steps.run(format!(
        "INSERT INTO sqlite_sequence (name, seq)\nSELECT {new}, seq FROM sqlite_sequence WHERE name = {}",
        text(old.as_str())
    ));
}

/// A `CREATE TABLE` under another name, which is given as SQL.
pub(super) fn renamed(definition: &str, name: &Name, new: &str) -> String {
    let words = words(definition, Sqlite);
    let mut text = String::new();
    let mut copied = 0;
    for (index, word) in words.iter().enumerate() {
        // Its name, and where a check names the column with its table.
        let own = index == 2
            || word.is_name()
                && Name::caseless(&word.name()) == *name
                && words.get(index + 1).is_some_and(|next| next.text == ".");
        if own {
            text += &definition[copied..word.start];
            text += new;
            copied = word.end();
        }
    }
    text + &definition[copied..]
}
