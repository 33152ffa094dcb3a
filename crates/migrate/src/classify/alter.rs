//! `ALTER TABLE` on a table that is in use. On a table that the same file created, everything is harmless.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableAlgorithm, AlterTableLock, AlterTableOperation,
    ColumnOption, DataType, Expr, Ident, ObjectName, RenameTableNameKind,
};

use super::{
    Dialect, column, constraint,
    created::{Created, Kind},
    effect::Findings,
    types::{self, Default},
};

/// Reads one `ALTER TABLE`, which may hold several operations.
pub(super) fn read(
    dialect: Dialect,
    created: &mut Created,
    alter: &AlterTable,
    found: &mut Findings,
) {
    let table = &alter.name;
    // PostgreSQL alters views, indexes and sequences under the same words.
    let own = [Kind::Table, Kind::View, Kind::Index, Kind::Sequence]
        .into_iter()
        .find(|kind| created.has(*kind, table));
    for operation in &alter.operations {
        match own {
            Some(kind) => {
                found.expand(format!(
                    "this file created {table}, and no running code uses it"
                ));
                if let AlterTableOperation::RenameTable { table_name } = operation {
                    created.rename(kind, table, &qualified(table, new_name(table_name)));
                }
            }
            None => {
                let mut target = Target {
                    dialect,
                    created,
                    table,
                };
                target.operation(operation, found);
            }
        }
    }
    if alter.operations.iter().any(refuses_to_wait) {
        found.never_blocking();
    }
}

fn new_name(kind: &RenameTableNameKind) -> &ObjectName {
    let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = kind;
    name
}

/// A new name without a schema stays in the old one's.
pub(super) fn qualified(old: &ObjectName, new: &ObjectName) -> ObjectName {
    if new.0.len() > 1 {
        return new.clone();
    }
    let schema = old.0.iter().take(old.0.len().saturating_sub(1));
    ObjectName(schema.chain(&new.0).cloned().collect())
}

/// `ALGORITHM=INSTANT` and `LOCK=NONE`: MySQL refuses the statement rather than let others wait.
pub(super) fn refuses_to_wait(operation: &AlterTableOperation) -> bool {
    matches!(
        operation,
        AlterTableOperation::Algorithm {
            algorithm: AlterTableAlgorithm::Instant,
            ..
        } | AlterTableOperation::Lock {
            lock: AlterTableLock::None,
            ..
        }
    )
}

/// `ALGORITHM=COPY`, `LOCK=SHARED` and `LOCK=EXCLUSIVE` ask for waiting.
pub(super) fn algorithm(operation: &AlterTableOperation, found: &mut Findings) {
    match operation {
        AlterTableOperation::Algorithm {
            algorithm: AlterTableAlgorithm::Copy,
            ..
        } => found.blocking("ALGORITHM=COPY copies the table, and nobody writes it meanwhile"),
        AlterTableOperation::Lock {
            lock: AlterTableLock::Shared | AlterTableLock::Exclusive,
            ..
        } => found.blocking("the LOCK clause keeps others from writing the table"),
        _ => found.expand("how the change is made, and not what it is"),
    };
}

/// A table that is in use.
struct Target<'a> {
    dialect: Dialect,
    created: &'a mut Created,
    table: &'a ObjectName,
}

impl Target<'_> {
    fn operation(&mut self, operation: &AlterTableOperation, found: &mut Findings) {
        use AlterTableOperation as Op;
        match operation {
            Op::AddColumn {
                column_def,
                if_not_exists,
                ..
            } => {
                column::add(self.dialect, column_def, found);
                if !if_not_exists {
                    self.created.add_column(self.table, &column_def.name);
                }
            }
            Op::DropColumn { column_names, .. } => {
                for name in column_names {
                    self.drop_column(name, found);
                    self.created.remove_column(self.table, name);
                }
            }
            Op::RenameColumn {
                old_column_name,
                new_column_name,
            } => self.rename_column(old_column_name, new_column_name, found),
            Op::RenameTable { table_name } => {
                found
                    .contract(format!("old code that uses {} is refused", self.table))
                    .remedy("create the new table or a view beside the old one, and drop the old one in a later release");
                let new = qualified(self.table, new_name(table_name));
                self.created.remove(Kind::Table, &new);
            }
            Op::AlterColumn { column_name, op } => self.alter_column(column_name, op, found),
            Op::ModifyColumn {
                col_name,
                data_type,
                options,
                ..
            } => self.redefine(col_name, data_type, options, found),
            Op::ChangeColumn {
                old_name,
                new_name,
                data_type,
                options,
                ..
            } => {
                if !self.created.same(old_name, new_name) {
                    self.rename_column(old_name, new_name, found);
                }
                self.redefine(new_name, data_type, options, found);
            }
            Op::AddConstraint {
                constraint,
                not_valid,
            } => constraint::add(self.dialect, constraint, *not_valid, found),
            Op::Algorithm { .. } | Op::Lock { .. } => algorithm(operation, found),
            other => self.other(other, found),
        }
    }

    fn drop_column(&self, name: &Ident, found: &mut Findings) {
        if self.created.has_column(self.table, name) {
            found.expand(format!(
                "this file added `{name}`, and no running code uses it"
            ));
            return;
        }
        found
            .contract(format!("old code that reads or writes `{name}` is refused"))
            .remedy("release code that does not use it first, and drop it in a later release");
        found.irreversible(format!("what `{name}` holds is lost"));
        if self.dialect == Dialect::Sqlite {
            found.blocking("every row is rewritten while other writers wait");
        }
    }

    fn rename_column(&mut self, old: &Ident, new: &Ident, found: &mut Findings) {
        let own = self.created.has_column(self.table, old);
        self.created.remove_column(self.table, old);
        self.created.remove_column(self.table, new);
        if own {
            self.created.add_column(self.table, new);
            found.expand(format!(
                "this file added `{old}`, and no running code uses it"
            ));
            return;
        }
        found
            .contract(format!("old code that reads or writes `{old}` is refused"))
            .remedy("add a column with the new name, write both for a release, and drop the old one later");
    }

    fn alter_column(&self, name: &Ident, operation: &AlterColumnOperation, found: &mut Findings) {
        if self.dialect == Dialect::Sqlite {
            found.unknown("SQLite alters columns in few of its versions, and this is not read");
            return;
        }
        let new = self.created.has_column(self.table, name);
        match operation {
            AlterColumnOperation::SetNotNull => not_null(&name.value, false, found),
            _ if new => {
                found.expand(format!(
                    "this file added `{name}`, and no running code uses it"
                ));
                if matches!(operation, AlterColumnOperation::SetDataType { .. }) {
                    found.blocking(
                        "the table is rewritten, and nobody reads or writes it meanwhile",
                    );
                }
            }
            AlterColumnOperation::DropNotNull => {
                found
                    .contract(format!(
                        "old code that reads `{name}` may meet a NULL that new code wrote"
                    ))
                    .remedy("release code that can read a NULL first");
            }
            AlterColumnOperation::SetDefault { value }
                if types::default(value) != Default::Null =>
            {
                found.expand(format!(
                    "a row without `{name}` gets another value from now on"
                ));
            }
            AlterColumnOperation::SetDefault { .. } | AlterColumnOperation::DropDefault => {
                found
                    .contract(format!(
                        "old code that inserts without `{name}` gets NULL, or is refused"
                    ))
                    .remedy("release code that always writes it first");
            }
            AlterColumnOperation::SetDataType {
                data_type, using, ..
            } => set_type(name, data_type, using.as_ref(), found),
            AlterColumnOperation::AddGenerated { .. } => {
                found.contract(format!(
                    "old code that inserts its own `{name}` may be refused, or numbers twice"
                ));
            }
        }
    }

    /// MySQL's MODIFY and CHANGE give a column's whole definition; what is not said again is gone.
    fn redefine(
        &self,
        name: &Ident,
        data_type: &DataType,
        options: &[ColumnOption],
        found: &mut Findings,
    ) {
        if self.created.has_column(self.table, name) {
            found.expand(format!(
                "this file added `{name}`, and no running code uses it"
            ));
            return;
        }
        let asked = column::Asked::by_options(options.iter());
        found
            .contract(format!("`{name}` gets a new definition: what the old one allowed or filled in, this may not"))
            .remedy("add a column with the new definition, write both for a release, and drop the old one later");
        if asked.not_null && asked.default.is_none() && !asked.numbered {
            found.contract(format!("old code that inserts without `{name}` is refused"));
        }
        // MySQL's TEXT ends at 64 KiB.
        if types::name(data_type) != "LONGTEXT" {
            found.irreversible(format!(
                "values of `{name}` that {data_type} cannot hold are cut or rounded where the server is not strict"
            ));
        }
        found
            .blocking("when the type changes, the table is copied and nobody writes it meanwhile")
            .remedy("end the statement with `, LOCK=NONE`: MySQL then refuses rather than let others wait");
    }

    fn other(&self, operation: &AlterTableOperation, found: &mut Findings) {
        use AlterTableOperation as Op;
        match operation {
            Op::ValidateConstraint { .. } => {
                found.expand("rows are checked while others read and write; what the constraint refuses does not change");
            }
            Op::DropConstraint { name, .. } | Op::DropForeignKey { name, .. } => {
                found.contract(format!("rows that `{name}` kept out may appear, and upserts that rely on it are refused"));
            }
            Op::DropPrimaryKey { .. } => {
                found.contract("rows that the key kept out may appear, and upserts that rely on it are refused");
                found.blocking("the table is copied, and nobody writes it meanwhile");
            }
            Op::DropIndex { name } => super::drop::index(self.dialect, &name.value, false, found),
            Op::RenameConstraint { old_name, .. } => {
                found.contract(format!(
                    "old code that names `{old_name}`, in an upsert or to read an error, is refused"
                ));
            }
            Op::EnableRowLevelSecurity => {
                found
                    .contract("rows for which no policy speaks disappear from old code")
                    .remedy("create the policies first, and try them under the role of the running code");
            }
            Op::DisableRowLevelSecurity => {
                found.contract("old code sees rows that were hidden from it");
            }
            Op::EnableTrigger { .. }
            | Op::EnableAlwaysTrigger { .. }
            | Op::EnableReplicaTrigger { .. }
            | Op::EnableRule { .. }
            | Op::EnableAlwaysRule { .. }
            | Op::EnableReplicaRule { .. }
            | Op::DisableTrigger { .. }
            | Op::DisableRule { .. } => {
                found.contract("what old code writes is treated otherwise from now on");
            }
            Op::OwnerTo { .. } => {
                found.contract("a role that had its rights by owning the table loses them");
            }
            Op::ReplicaIdentity { .. } | Op::SetOptionsParens { .. } | Op::AutoIncrement { .. } => {
                found.expand("how rows are stored or copied, and not what they are");
            }
            _ => {
                found.unknown("nothing is known about this change of a table");
            }
        }
    }
}

/// `SET NOT NULL`, and a constraint that demands it.
pub(super) fn not_null(column: &str, not_valid: bool, found: &mut Findings) {
    found
        .contract(format!("old code that leaves `{column}` out is refused"))
        .remedy("release code that always writes it first");
    if not_valid {
        found.expand("NOT VALID: the rows that are there are not checked");
        return;
    }
    found
        .blocking("every row is checked while nobody reads or writes the table")
        .remedy("add CHECK (… IS NOT NULL) NOT VALID and validate it in a migration of its own; then nothing is checked again");
}

/// A type that PostgreSQL converts to. The type of before is not in the file, so the worse case counts.
fn set_type(name: &Ident, data_type: &DataType, using: Option<&Expr>, found: &mut Findings) {
    if types::is_any_text(data_type) && using.is_none() {
        found
            .contract(format!(
                "old code that reads `{name}` as what it was meets text, unless it was varchar"
            ))
            .remedy(
                "from varchar nothing is rewritten and old code keeps working: declare `expand`",
            );
        found.blocking(
            "unless it was varchar, the table is rewritten and nobody reads or writes it meanwhile",
        );
        return;
    }
    found
        .contract(format!(
            "old code reads and writes `{name}` as the type of before"
        ))
        .remedy(
            "add a column of the new type, write both for a release, and drop the old one later",
        );
    if using.is_some() || types::may_round(data_type) {
        found.irreversible(format!("what {data_type} cannot hold of `{name}` is lost"));
    }
    found
        .blocking(
            "the table and its indexes are rewritten, and nobody reads or writes it meanwhile",
        )
        .remedy("add a column of the new type and fill it in batches");
}
