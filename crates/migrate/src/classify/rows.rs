//! Statements about rows: what they add, overwrite and delete.

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, GroupByExpr, Ident, Insert,
    ObjectName, ObjectNamePart, OnConflictAction, OnInsert, Query, SelectItem, SetExpr,
    SqliteOnConflict, TableFactor, TableObject, TableWithJoins, Truncate, Update,
};

use super::{
    Dialect,
    created::{Created, Kind},
    effect::Findings,
    query::words,
    split::{Piece, Token},
};

const OWN: &str = "only rows of a table that this file created";
const CATALOG: &str =
    "it writes what PostgreSQL keeps of itself, and may change what any statement does";

pub(super) fn insert(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    insert: &Insert,
    found: &mut Findings,
) {
    let TableObject::TableName(table) = &insert.table else {
        found.unknown("rows are inserted into something that is not a table");
        return;
    };
    if hides_writes(dialect, piece) {
        found.data("rows change");
        found.irreversible("rows are changed or deleted on the way");
        return;
    }
    if is_catalog(dialect, table) {
        found.unknown(CATALOG);
        return;
    }
    if created.has(Kind::Table, table) {
        if let Some((from, whole)) = insert.source.as_deref().and_then(copied_table)
            && !created.has(Kind::Table, from)
        {
            created.copied(from, whole);
        }
        found.expand(OWN);
        return;
    }
    found.data(format!("rows are added to {table}"));
    let conflict = match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(_)) => true,
        Some(OnInsert::OnConflict(on)) => matches!(on.action, OnConflictAction::DoUpdate(_)),
        _ => false,
    };
    if conflict || insert.replace_into || insert.or == Some(SqliteOnConflict::Replace) {
        found.irreversible("the values of rows that are there already are overwritten");
    }
}

/// The one table whose rows a query reads as they are, and whether it reads all rows with all columns.
fn copied_table(query: &Query) -> Option<(&ObjectName, bool)> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
        return None;
    };
    let TableFactor::Table { name, .. } = relation else {
        return None;
    };
    let all_columns = matches!(select.projection.as_slice(), [SelectItem::Wildcard(_)]);
    let all_rows = joins.is_empty()
        && select.selection.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.with.is_none();
    Some((name, all_columns && all_rows))
}

pub(super) fn update(
    dialect: Dialect,
    created: &Created,
    piece: &Piece<'_>,
    update: &Update,
    found: &mut Findings,
) {
    let table = single(&update.table).filter(|_| !hides_writes(dialect, piece));
    if single(&update.table).is_some_and(|table| is_catalog(dialect, table)) {
        found.unknown(CATALOG);
        return;
    }
    if table.is_some_and(|table| created.has(Kind::Table, table)) {
        found.expand(OWN);
        return;
    }
    found.data("rows change");
    let columns: Vec<_> = update
        .assignments
        .iter()
        .filter_map(|assignment| match &assignment.target {
            AssignmentTarget::ColumnName(name) => name.0.last()?.as_ident(),
            AssignmentTarget::Tuple(_) => None,
        })
        .collect();
    // With FROM, a column of that name may be another table's.
    let fills = columns.len() == update.assignments.len()
        && update.from.is_none()
        && table.is_some_and(|table| {
            columns.iter().all(|column| {
                created.has_column(table, column)
                    || update
                        .selection
                        .as_ref()
                        .is_some_and(|filter| demands_null(created, filter, column))
            })
        });
    if !fills {
        found
            .irreversible("the values of before are overwritten")
            .remedy("write to a new column, or keep the old values in a table of their own");
    }
}

/// Whether a filter lets only rows through in which the column is NULL.
fn demands_null(created: &Created, filter: &Expr, column: &Ident) -> bool {
    match filter {
        Expr::IsNull(inner) => match inner.as_ref() {
            Expr::Identifier(ident) => created.same(ident, column),
            Expr::CompoundIdentifier(parts) => parts
                .last()
                .is_some_and(|ident| created.same(ident, column)),
            _ => false,
        },
        Expr::Nested(inner) => demands_null(created, inner, column),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => demands_null(created, left, column) || demands_null(created, right, column),
        _ => false,
    }
}

fn single(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => Some(name),
        _ => None,
    }
}

/// Whether a table is one of PostgreSQL's own.
fn is_catalog(dialect: Dialect, table: &ObjectName) -> bool {
    let begins = |part: Option<&Ident>| {
        part.is_some_and(|part| part.value.to_ascii_lowercase().starts_with("pg_"))
    };
    let part = |part: Option<&ObjectNamePart>| begins(part.and_then(ObjectNamePart::as_ident));
    dialect == Dialect::Postgres && (part(table.0.first()) || part(table.0.last()))
}

pub(super) fn delete(
    dialect: Dialect,
    created: &Created,
    piece: &Piece<'_>,
    delete: &Delete,
    found: &mut Findings,
) {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    if from
        .iter()
        .filter_map(single)
        .any(|table| is_catalog(dialect, table))
    {
        found.unknown(CATALOG);
        return;
    }
    let own = match from.as_slice() {
        [table] if delete.tables.is_empty() && !hides_writes(dialect, piece) => {
            single(table).is_some_and(|table| created.has(Kind::Table, table))
        }
        _ => false,
    };
    if own {
        found.expand(OWN);
        return;
    }
    found.data("rows are deleted");
    found
        .irreversible("the deleted rows are lost")
        .remedy("mark them instead, or keep them in a table of their own");
}

pub(super) fn truncate(
    dialect: Dialect,
    created: &Created,
    truncate: &Truncate,
    found: &mut Findings,
) {
    let own = truncate
        .table_names
        .iter()
        .all(|target| created.has(Kind::Table, &target.name));
    if own && truncate.cascade.is_none() {
        found.expand(OWN);
        return;
    }
    found.data("every row is deleted");
    found
        .irreversible("the deleted rows are lost")
        .remedy("keep them in a table of their own first");
    if dialect == Dialect::Postgres {
        found.blocking("the table is locked for everybody, behind whoever reads it now");
    }
}

/// Whether a statement that writes holds another one that does, in its WITH clause.
pub(super) fn hides_writes(dialect: Dialect, piece: &Piece<'_>) -> bool {
    let words = words(piece, dialect);
    if !words.iter().any(|token| token.is("with")) {
        return false;
    }
    let own = usize::from(!words.iter().any(|token| token.is("create")));
    let writes = |token: &Token<'_>| {
        ["insert", "update", "delete", "merge"]
            .iter()
            .any(|word| token.is(word))
    };
    words.iter().filter(|token| writes(token)).count() > own
}
