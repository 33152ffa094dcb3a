//! Lints on `ALTER TABLE` and `ALTER TYPE`, for tables and types that are in use.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, AlterTypeOperation, ColumnDef,
    TableConstraint,
};

use super::{Report, columns, words};
use crate::classify::{column::Asked, created::Created, types::Default};

pub(super) fn read(change: &AlterTable, created: &Created, report: &mut Report<'_>) {
    for operation in &change.operations {
        match operation {
            AlterTableOperation::AddColumn { column_def, .. } => added(column_def, report),
            AlterTableOperation::DropColumn { .. } => report.add(
                "ban-drop-column",
                "old code that uses the column is refused",
                "drop it in a release after the one that stopped using it",
            ),
            AlterTableOperation::RenameColumn { .. } => report.add(
                "renaming-column",
                "old code that uses the old name is refused",
                "add a column with the new name, and drop the old one in a later release",
            ),
            AlterTableOperation::RenameTable { .. } => report.add(
                "renaming-table",
                "old code that uses the old name is refused",
                "leave a view under the old name",
            ),
            AlterTableOperation::AlterColumn { column_name, op } => {
                let new = created.has_column(&change.name, column_name);
                altered(op, new, report);
            }
            AlterTableOperation::AddConstraint {
                constraint,
                not_valid,
            } => constrained(constraint, *not_valid, report),
            AlterTableOperation::DropConstraint { .. } => report.add(
                "ban-drop-constraint",
                "rows that it kept out may appear, and old code may not expect them",
                "release code that can read them first",
            ),
            AlterTableOperation::RenameConstraint { .. } => words::renamed(report),
            _ => {}
        }
    }
}

fn added(column: &ColumnDef, report: &mut Report<'_>) {
    columns::kind(column, report);
    let asked = Asked::of(column, column.options.iter().map(|option| &option.option));
    if asked.default == Some(Default::PerRow) {
        report.add(
            "adding-field-with-default",
            "the table is rewritten to give each row its value, and nobody uses it meanwhile",
            "add the column without a default, set the default then, and fill the rows in batches",
        );
    }
    let valued = asked.numbered || matches!(asked.default, Some(Default::Same | Default::PerRow));
    if asked.not_null && !valued {
        report.add(
            "adding-required-field",
            "it fails when the table has rows, and old code that inserts without it is refused",
            "let it be NULL, or give it a constant default",
        );
    }
    if asked.primary {
        serial_key(report);
    }
    if asked.unique {
        unique(report);
    }
    if asked.references {
        foreign_key(report);
    }
}

fn altered(operation: &AlterColumnOperation, new: bool, report: &mut Report<'_>) {
    match operation {
        AlterColumnOperation::SetNotNull => report.add(
            "adding-not-nullable-field",
            "every row is checked while nobody uses the table",
            "validate a CHECK (… IS NOT NULL) first, in a migration of its own",
        ),
        AlterColumnOperation::DropNotNull if !new => report.add(
            "ban-drop-not-null",
            "old code that reads the column may not expect a NULL",
            "release code that can read one first",
        ),
        AlterColumnOperation::DropDefault if !new => report.add(
            "ban-drop-default",
            "old code that inserts without the column gets NULL, or is refused",
            "release code that always writes it first",
        ),
        AlterColumnOperation::AddGenerated { .. } => words::identity(report),
        AlterColumnOperation::SetDataType { .. } => retyped(report),
        _ => {}
    }
}

pub(super) fn retyped(report: &mut Report<'_>) {
    report.add(
        "changing-column-type",
        "the table is rewritten while nobody uses it, and old code reads another type",
        "add a column of the new type, and drop the old one in a later release",
    );
}

fn constrained(constraint: &TableConstraint, not_valid: bool, report: &mut Report<'_>) {
    let checked = matches!(
        constraint,
        TableConstraint::Check(_) | TableConstraint::ForeignKey(_)
    );
    if checked && !not_valid {
        report.add(
            "constraint-missing-not-valid",
            "every row is checked while others wait for the table",
            "add it NOT VALID, and validate it in a later migration",
        );
    }
    match constraint {
        TableConstraint::ForeignKey(_) if !not_valid => foreign_key(report),
        TableConstraint::Unique(_) => unique(report),
        TableConstraint::PrimaryKey(_) => serial_key(report),
        _ => {}
    }
}

fn foreign_key(report: &mut Report<'_>) {
    report.add(
        "adding-foreign-key-constraint",
        "nobody writes either of the two tables meanwhile",
        "add the constraint NOT VALID, and validate it in a later migration",
    );
}

fn unique(report: &mut Report<'_>) {
    report.add(
        "disallowed-unique-constraint",
        "an index is built while nobody uses the table",
        "build a unique index CONCURRENTLY, and add the constraint USING INDEX",
    );
}

fn serial_key(report: &mut Report<'_>) {
    report.add(
        "adding-serial-primary-key-field",
        "an index is built, or the table rewritten, while nobody uses it",
        "build a unique index CONCURRENTLY, and add the key USING INDEX",
    );
}

pub(super) fn kind(operation: &AlterTypeOperation, report: &mut Report<'_>) {
    if let AlterTypeOperation::AddValue(value) = operation
        && value.position.is_none()
    {
        report.add(
            "require-enum-value-ordering",
            "without a place the new value comes last in every ORDER BY",
            "say BEFORE or AFTER which value it stands",
        );
    }
}
