//! `CREATE …`: new objects, which old code does not use, and indexes and policies on those it does.

use sqlparser::ast::{
    CreateIndex, CreateTable, CreateTrigger, CreateView, IndexType, ObjectName, Statement,
};

use super::{
    Dialect, alter,
    created::{Created, Kind},
    effect::Findings,
    rows,
    split::Piece,
};

const NEW: &str = "it is new, and no running code uses it";

/// Reads a `CREATE`; false when it is none of those known here.
pub(super) fn read(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    statement: &Statement,
    found: &mut Findings,
) -> bool {
    match statement {
        Statement::CreateTable(create) => table(dialect, created, piece, create, found),
        Statement::CreateVirtualTable {
            name,
            if_not_exists,
            ..
        } => new(created, Kind::Table, name, *if_not_exists, found),
        Statement::CreateView(create) => view(created, create, found),
        Statement::CreateIndex(create) => index(dialect, created, create, found),
        Statement::CreateTrigger(create) => trigger(created, create, found),
        Statement::CreateFunction(create) => {
            if create.or_replace {
                replaced_body(&create.name, found);
            } else {
                found.expand(NEW);
            }
        }
        Statement::CreateProcedure { .. } => {
            found.expand(NEW);
        }
        Statement::CreateType { name, .. } => new(created, Kind::Type, name, false, found),
        Statement::CreateDomain(create) => new(created, Kind::Type, &create.name, false, found),
        Statement::CreateSequence {
            name,
            if_not_exists,
            ..
        } => new(created, Kind::Sequence, name, *if_not_exists, found),
        Statement::CreatePolicy(create) => {
            let table_name = &create.table_name;
            if created.has(Kind::Table, table_name) {
                found.expand(NEW);
            } else {
                found.contract(format!(
                    "other rows of {table_name} may be seen and written from now on"
                ));
            }
        }
        Statement::CreateSchema { .. }
        | Statement::CreateDatabase {
            or_replace: false, ..
        }
        | Statement::CreateExtension(_)
        | Statement::CreateRole(_)
        | Statement::CreateUser(_)
        | Statement::CreateServer(_)
        | Statement::CreateOperator(_)
        | Statement::CreateOperatorFamily(_)
        | Statement::CreateOperatorClass(_) => {
            found.expand(NEW);
        }
        _ => return false,
    }
    true
}

/// A new object. With IF NOT EXISTS it may be there already and in use, so later statements do not count on it.
fn new(
    created: &mut Created,
    kind: Kind,
    name: &ObjectName,
    perhaps_there: bool,
    found: &mut Findings,
) {
    if !perhaps_there {
        created.add(kind, name);
    }
    found.expand(NEW);
}

fn table(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    create: &CreateTable,
    found: &mut Findings,
) {
    if create.or_replace && !created.has(Kind::Table, &create.name) {
        found.contract(format!(
            "old code meets another table under the name {}",
            create.name
        ));
        found.irreversible("the rows of a table of that name are lost");
        created.add(Kind::Table, &create.name);
        return;
    }
    new(
        created,
        Kind::Table,
        &create.name,
        create.if_not_exists,
        found,
    );
    if create.query.is_some() && rows::hides_writes(dialect, piece) {
        found.data("rows change");
        found.irreversible("rows are changed or deleted on the way");
    }
    let parent = create.partition_of.as_ref();
    if dialect == Dialect::Postgres && parent.is_some_and(|name| !created.has(Kind::Table, name)) {
        found
            .blocking("a partition that is created in place locks its table for everybody, and checks the default partition's rows")
            .remedy("create a plain table, and ATTACH it");
    }
}

fn view(created: &mut Created, create: &CreateView, found: &mut Findings) {
    if create.or_replace && !created.has(Kind::View, &create.name) {
        found
            .contract(format!(
                "old code that reads {} gets what the new query says",
                create.name
            ))
            .remedy("create a view with a new name, and drop the old one in a later release");
        return;
    }
    new(
        created,
        Kind::View,
        &create.name,
        create.if_not_exists,
        found,
    );
}

/// An index of a table that is in use.
fn index(dialect: Dialect, created: &mut Created, create: &CreateIndex, found: &mut Findings) {
    let name = create.name.as_ref();
    // SQLite takes the table from the index's schema.
    let elsewhere = name.is_some_and(|name| name.0.len() > 1);
    let own = !elsewhere
        && (created.has(Kind::Table, &create.table_name)
            || created.has(Kind::View, &create.table_name));
    // An index is in its table's schema, and in MySQL two tables may have one of the same name.
    if let (Some(name), false) = (name, create.if_not_exists || dialect == Dialect::Mysql) {
        created.add(Kind::Index, &alter::qualified(&create.table_name, name));
    }
    if own {
        found.expand(NEW);
        return;
    }
    if create.unique {
        found
            .contract("old code that writes a value twice is refused")
            .remedy("release code that never does first");
    } else {
        found.expand("an index changes no answers");
    }
    let special = matches!(&create.using, Some(IndexType::Custom(name))
        if ["fulltext", "spatial"].iter().any(|kind| name.value.eq_ignore_ascii_case(kind)));
    match dialect {
        Dialect::Postgres if !create.concurrently => found
            .blocking("nobody writes the table while the index is built")
            .remedy("CREATE INDEX CONCURRENTLY, in a migration of its own that opens with `-- no-transaction`"),
        Dialect::Sqlite => {
            found.blocking("other writers wait while the index is built");
        }
        Dialect::Mysql if special => {
            found.blocking("nobody writes the table while this kind of index is built");
        }
        _ => {}
    }
    for option in &create.alter_options {
        alter::algorithm(option, found);
    }
    if create.alter_options.iter().any(alter::refuses_to_wait) {
        found.never_blocking();
    }
}

fn trigger(created: &mut Created, create: &CreateTrigger, found: &mut Findings) {
    // SQLite takes the table from the trigger's schema.
    let own = create.name.0.len() == 1
        && (created.has(Kind::Table, &create.table_name)
            || created.has(Kind::View, &create.table_name));
    created.add(Kind::Trigger, &create.name);
    body_of_trigger(&create.table_name, own, found);
}

/// A trigger's body may do anything to what old code writes, and it is not looked into.
pub(super) fn body_of_trigger(table: &ObjectName, own: bool, found: &mut Findings) {
    if own {
        found.expand(NEW);
        return;
    }
    found
        .unknown(format!(
            "what old code writes to {table} runs a body that is not looked into"
        ))
        .remedy("read the body, and declare what it does");
}

/// What is replaced runs at once wherever it is called, in old code, triggers and defaults.
pub(super) fn replaced_body(name: &ObjectName, found: &mut Findings) {
    found
        .unknown(format!(
            "old code that calls {name} runs a body that is not looked into"
        ))
        .remedy("read the body, and declare what it does");
}
