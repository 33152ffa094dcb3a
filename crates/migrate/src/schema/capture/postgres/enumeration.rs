//! Enumerations: values are added; what else changes makes a new type in place of the old one.

use super::{Way, table, word};
use crate::{
    classify::Dialect::Postgres,
    schema::{Column, Name, Object, Schema, capture::Steps, postgres::literal},
};

/// Whether `after` has only more values, and nothing uses one of them yet: PostgreSQL refuses that before the
/// transaction that adds it has ended.
pub(super) fn is_only_extended(to: &Schema, before: &Object, after: &Object) -> bool {
    let mut rest = after.labels.iter();
    if !before
        .labels
        .iter()
        .all(|label| rest.any(|other| other == label))
    {
        return false;
    }
    let new = after
        .labels
        .iter()
        .filter(|label| !before.labels.contains(label));
    let used: Vec<String> = new.map(|label| format!("{}::", literal(label))).collect();
    let used = |text: &str| used.iter().any(|label| text.contains(label.as_str()));
    let objects = to.objects.values().map(|object| object.definition.as_str());
    let columns = to
        .tables
        .values()
        .flat_map(|table| &table.columns)
        .map(|column| column.definition.as_str());
    let constraints = to
        .tables
        .values()
        .flat_map(|table| &table.constraints)
        .map(|key| key.definition.as_str());
    let indexes = to
        .tables
        .values()
        .flat_map(|table| table.indexes.values())
        .map(|index| index.definition.as_str());
    !objects
        .chain(columns)
        .chain(constraints)
        .chain(indexes)
        .any(used)
}

pub(super) fn extend(steps: &mut Steps, before: &Object, after: &Object) {
    let name = after.key.name.quoted(Postgres);
    for (index, label) in after.labels.iter().enumerate() {
        if before.labels.contains(label) {
            continue;
        }
        // Those before it are there by now.
        let place = match index.checked_sub(1) {
            Some(previous) => format!(" AFTER {}", literal(&after.labels[previous])),
            None => match before.labels.first() {
                Some(first) => format!(" BEFORE {}", literal(first)),
                None => String::new(),
            },
        };
        steps.run(format!(
            "ALTER TYPE {name} ADD VALUE {}{place}",
            literal(label)
        ));
    }
}

/// Makes the type anew and has every column that is kept use it.
pub(super) fn replace(way: &Way<'_>, steps: &mut Steps, before: &Object, after: &Object) {
    let name = after.key.name.quoted(Postgres);
    let old = old(after);
    steps.run(format!(
        "ALTER TYPE {name} RENAME TO {}",
        old.quoted_alone(Postgres)
    ));
    steps.run(after.definition.as_str());
    for (table_before, table_after) in way.both() {
        for column in &table_before.columns {
            let Some(kept) = table_after.column(&column.name) else {
                continue;
            };
            if !uses(column, before) || !uses(kept, before) || table::is_partition(table_before) {
                continue;
            }
            let (table, column_name) = (
                table_before.name.quoted(Postgres),
                column.name.quoted_alone(Postgres),
            );
            let alter = format!("ALTER TABLE {table} ALTER COLUMN {column_name}");
            if column.default.is_some() {
                steps.run(format!("{alter} DROP DEFAULT"));
            }
            let array = if column.data_type.as_str().ends_with("[]") {
                "[]"
            } else {
                ""
            };
            steps.run(format!(
                "{alter} TYPE {} USING {column_name}::text{array}::{}",
                kept.data_type, kept.data_type
            ));
            if let Some(default) = &kept.default {
                steps.run(format!("{alter} SET DEFAULT {default}"));
            }
        }
    }
    for label in before
        .labels
        .iter()
        .filter(|label| !after.labels.contains(label))
    {
        steps.note(
            &after.key,
            format!(
                "it loses the value {}: this fails while a row has it",
                literal(label)
            ),
        );
    }
}

/// What a type is called that goes, while columns still have it.
fn old(enumeration: &Object) -> Name {
    let name = &enumeration.key.name;
    name.beside(&format!("old_{}", name.as_str()))
}

/// Drops the old type, when the columns that had it have changed or are gone.
pub(super) fn drop_old(steps: &mut Steps, enumeration: &Object) {
    steps.run(format!("DROP TYPE {}", old(enumeration).quoted(Postgres)));
}

/// Whether a column is of the type, or of its arrays.
pub(super) fn uses(column: &Column, enumeration: &Object) -> bool {
    let data_type = column.data_type.as_str().trim_end_matches("[]");
    data_type == enumeration.key.name.quoted(Postgres)
        || data_type.to_lowercase() == word(&enumeration.key.name)
}
