//! `DROP …` and the renaming of whole tables: what old code still uses, and what is lost with it.

use sqlparser::ast::{DropBehavior, ObjectName, ObjectType, Statement};

use super::{
    Dialect,
    created::{Created, Kind},
    effect::Findings,
};

/// Reads a `DROP`; false when it is none of those known here.
pub(super) fn read(
    dialect: Dialect,
    created: &mut Created,
    statement: &Statement,
    found: &mut Findings,
) -> bool {
    match statement {
        Statement::Drop {
            object_type,
            names,
            cascade,
            temporary,
            ..
        } => {
            for name in names {
                if *temporary {
                    created.remove(Kind::Table, name);
                    found.expand("a temporary table is this connection's own");
                } else {
                    object(dialect, created, *object_type, name, found);
                }
            }
            if *cascade {
                cascades(found);
            }
        }
        Statement::DropFunction(drop) => {
            for function in &drop.func_desc {
                routine(&function.name, found);
            }
            behavior(drop.drop_behavior.as_ref(), found);
        }
        Statement::DropProcedure {
            proc_desc,
            drop_behavior,
            ..
        } => {
            for procedure in proc_desc {
                routine(&procedure.name, found);
            }
            behavior(drop_behavior.as_ref(), found);
        }
        Statement::DropTrigger(drop) => {
            // PostgreSQL's triggers are named within their table.
            let own_trigger = match &drop.table_name {
                Some(table) => created.has(Kind::Table, table),
                None => created.has(Kind::Trigger, &drop.trigger_name),
            };
            if own_trigger {
                created.remove(Kind::Trigger, &drop.trigger_name);
                own(&drop.trigger_name, found);
            } else {
                found.contract("what the trigger did when old code writes no longer happens");
            }
        }
        Statement::DropDomain(drop) => {
            object(dialect, created, ObjectType::Type, &drop.name, found);
            behavior(drop.drop_behavior.as_ref(), found);
        }
        Statement::DropPolicy(drop) => {
            found.contract(format!(
                "other rows of {} may be seen and written from now on",
                drop.table_name
            ));
        }
        Statement::DropExtension(drop) => {
            found.contract("old code that uses what the extension brought is refused");
            if drop.cascade_or_restrict.is_some() {
                cascades(found);
            }
        }
        Statement::DropOperator(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropOperatorClass(_) => {
            found.contract("old code that uses it is refused");
        }
        Statement::RenameTable(renames) => {
            for rename in renames {
                if created.has(Kind::Table, &rename.old_name) {
                    created.rename(Kind::Table, &rename.old_name, &rename.new_name);
                    own(&rename.old_name, found);
                } else {
                    created.remove(Kind::Table, &rename.new_name);
                    found.contract(format!("old code that uses {} is refused", rename.old_name));
                }
            }
        }
        _ => return false,
    }
    true
}

fn own(name: &ObjectName, found: &mut Findings) {
    found.expand(format!(
        "this file created {name}, and no running code uses it"
    ));
}

fn behavior(behavior: Option<&DropBehavior>, found: &mut Findings) {
    if behavior == Some(&DropBehavior::Cascade) {
        cascades(found);
    }
}

fn cascades(found: &mut Findings) {
    found
        .irreversible("CASCADE drops whatever depends on it, which this file does not name")
        .remedy("drop what depends on it by name");
    found.contract("old code that uses what depended on it is refused");
}

fn object(
    dialect: Dialect,
    created: &mut Created,
    object_type: ObjectType,
    name: &ObjectName,
    found: &mut Findings,
) {
    let kind = match object_type {
        ObjectType::Table => Some(Kind::Table),
        ObjectType::View | ObjectType::MaterializedView => Some(Kind::View),
        ObjectType::Index => Some(Kind::Index),
        ObjectType::Type => Some(Kind::Type),
        ObjectType::Sequence => Some(Kind::Sequence),
        _ => None,
    };
    if let Some(kind) = kind.filter(|kind| created.has(*kind, name)) {
        created.remove(kind, name);
        own(name, found);
        return;
    }
    match object_type {
        ObjectType::Table => table(dialect, created, name, found),
        ObjectType::View | ObjectType::MaterializedView => {
            found
                .contract(format!("old code that reads {name} is refused"))
                .remedy("release code that does not use it first, and drop it in a later release");
        }
        ObjectType::Index => index(dialect, &name.to_string(), false, found),
        ObjectType::Type => {
            found.contract(format!("old code that uses the type {name} is refused"));
        }
        ObjectType::Sequence => {
            found.contract(format!("old code that counts with {name} is refused"));
            found.irreversible("how far it had counted is lost");
        }
        ObjectType::Schema | ObjectType::Database => {
            found.contract(format!("old code that uses anything in {name} is refused"));
            found.irreversible(format!("everything in {name} is lost"));
        }
        ObjectType::Role | ObjectType::User => {
            found.contract(format!("old code that logs in as {name} is refused"));
        }
        _ => {
            found.unknown("nothing is known about what is dropped here");
        }
    }
}

/// A table that is in use. One whose rows this file copied into another is being rebuilt: SQLite's way to change what
/// `ALTER TABLE` cannot (lang_altertable, section 7).
fn table(dialect: Dialect, created: &mut Created, name: &ObjectName, found: &mut Findings) {
    match created.copy_of(name) {
        Some(whole) => {
            found
                .contract(format!("{name} is rebuilt: what the new table leaves out or demands breaks old code"))
                .remedy("declare `expand` when the new table has every column of before and demands nothing more");
            if !whole {
                found
                    .irreversible(format!("what the copy of {name} leaves out is lost"))
                    .remedy("declare `contract` when the copy names every column of before and has every row");
            }
            if dialect == Dialect::Sqlite {
                found.blocking("every row is copied while other writers wait");
            }
        }
        None => {
            found
                .contract(format!("old code that uses {name} is refused"))
                .remedy("release code that does not use it first, and drop it in a later release");
            found.irreversible(format!("the rows of {name} are lost"));
        }
    }
    created.remove(Kind::Table, name);
}

/// An index that is in use. Whether it is unique is not in the file.
pub(super) fn index(dialect: Dialect, name: &str, concurrently: bool, found: &mut Findings) {
    found
        .contract(format!("if {name} is unique, upserts that rely on it are refused; queries of old code may become slow"))
        .remedy("declare `expand` when it is not unique and no query needs it");
    if dialect == Dialect::Postgres && !concurrently {
        found
            .blocking("the table is locked for everybody, behind whoever reads it now")
            .remedy("DROP INDEX CONCURRENTLY, in a migration of its own that opens with `-- no-transaction`");
    }
}

fn routine(name: &ObjectName, found: &mut Findings) {
    found.contract(format!("old code that calls {name} is refused"));
}
