//! Statements about rows: what they add, overwrite and delete, and queries that only read.

use sqlparser::ast::{
    AssignmentTarget, Delete, Expr, FromTable, GroupByExpr, Insert, ObjectName, OnConflictAction,
    OnInsert, Query, SelectItem, SetExpr, SqliteOnConflict, TableFactor, TableObject,
    TableWithJoins, Truncate, Update,
};

use super::{
    Dialect,
    created::{Created, Kind},
    effect::Findings,
    split::{self, Piece, Token},
};

const OWN: &str = "only rows of a table that this file created";

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
    if hides_writes(piece, dialect) {
        found.data("rows change");
        found.irreversible("rows are changed or deleted on the way");
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
    let table = single(&update.table).filter(|_| !hides_writes(piece, dialect));
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
    let fills = columns.len() == update.assignments.len()
        && table.is_some_and(|table| {
            columns.iter().all(|column| {
                created.has_column(table, column)
                    || update
                        .selection
                        .as_ref()
                        .is_some_and(|filter| demands_null(filter, &column.value))
            })
        });
    if !fills {
        found
            .irreversible("the values of before are overwritten")
            .remedy("write to a new column, or keep the old values in a table of their own");
    }
}

/// Whether a filter lets only rows through in which the column is NULL.
fn demands_null(filter: &Expr, column: &str) -> bool {
    match filter {
        Expr::IsNull(inner) => match inner.as_ref() {
            Expr::Identifier(ident) => ident.value.eq_ignore_ascii_case(column),
            Expr::CompoundIdentifier(parts) => parts
                .last()
                .is_some_and(|ident| ident.value.eq_ignore_ascii_case(column)),
            _ => false,
        },
        Expr::Nested(inner) => demands_null(inner, column),
        Expr::BinaryOp {
            left,
            op: sqlparser::ast::BinaryOperator::And,
            right,
        } => demands_null(left, column) || demands_null(right, column),
        _ => false,
    }
}

fn single(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => Some(name),
        _ => None,
    }
}

pub(super) fn delete(
    dialect: Dialect,
    created: &Created,
    piece: &Piece<'_>,
    delete: &Delete,
    found: &mut Findings,
) {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let own = match from.as_slice() {
        [table] if delete.tables.is_empty() && !hides_writes(piece, dialect) => {
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

/// A query. It only reads, unless it holds a statement that writes, makes a table, or calls a function that may.
pub(super) fn query(dialect: Dialect, piece: &Piece<'_>, found: &mut Findings) {
    let words = words(piece, dialect);
    let has = |word: &str| words.iter().any(|token| token.is(word));
    if has("insert") || has("update") || has("delete") || has("merge") {
        let locks_only = !has("insert") && !has("delete") && !has("merge") && !has("with");
        if !locks_only {
            found.data("rows change");
            found.irreversible("rows are changed or deleted on the way");
            return;
        }
    }
    if has("into") {
        found.unknown("a query that writes its answer somewhere");
        return;
    }
    match calls(piece, dialect).find(|name| !is_pure(name)) {
        Some(name) if name.eq_ignore_ascii_case("setval") => {
            found.data("a sequence counts from another number on");
        }
        Some(name) => {
            found
                .unknown(format!("the function `{name}` may do more than answer"))
                .remedy("read what it does, and declare that");
        }
        None => {
            found.expand("it only reads");
        }
    }
}

/// Whether a statement that writes holds another one that does, in its WITH clause.
fn hides_writes(piece: &Piece<'_>, dialect: Dialect) -> bool {
    let words = words(piece, dialect);
    if !words.iter().any(|token| token.is("with")) {
        return false;
    }
    let writes = |token: &Token<'_>| {
        ["insert", "update", "delete", "merge"]
            .iter()
            .any(|word| token.is(word))
    };
    words.iter().filter(|token| writes(token)).count() > 1
}

fn words<'a>(piece: &Piece<'a>, dialect: Dialect) -> Vec<Token<'a>> {
    split::tokens(piece.text, dialect)
        .filter(|token| token.kind == split::Kind::Word)
        .collect()
}

/// Names that an opening parenthesis follows.
fn calls<'a>(piece: &Piece<'a>, dialect: Dialect) -> impl Iterator<Item = &'a str> {
    let mut before: Option<Token<'a>> = None;
    split::tokens(piece.text, dialect).filter_map(move |token| match token.kind {
        split::Kind::Space | split::Kind::Comment => None,
        split::Kind::Other if token.text == "(" => before
            .take()
            .filter(|token| matches!(token.kind, split::Kind::Word | split::Kind::Quoted))
            .map(|token| token.text),
        _ => {
            before = Some(token);
            None
        }
    })
}

/// Functions that only answer, and keywords that stand before a parenthesis.
fn is_pure(name: &str) -> bool {
    const PURE: &[&str] = &[
        "all",
        "and",
        "any",
        "array",
        "as",
        "between",
        "by",
        "case",
        "cast",
        "count",
        "cross",
        "distinct",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "filter",
        "from",
        "having",
        "in",
        "intersect",
        "is",
        "join",
        "lateral",
        "left",
        "like",
        "limit",
        "materialized",
        "not",
        "offset",
        "on",
        "or",
        "order",
        "over",
        "partition",
        "right",
        "row",
        "select",
        "set",
        "some",
        "then",
        "union",
        "using",
        "values",
        "when",
        "where",
        "within",
        "group",
        "abs",
        "array_agg",
        "avg",
        "bool_and",
        "bool_or",
        "ceil",
        "ceiling",
        "char_length",
        "coalesce",
        "concat",
        "concat_ws",
        "current_setting",
        "date",
        "date_trunc",
        "datetime",
        "encode",
        "every",
        "floor",
        "format",
        "format_type",
        "generate_series",
        "greatest",
        "group_concat",
        "hex",
        "ifnull",
        "iif",
        "instr",
        "json_agg",
        "json_extract",
        "json_object",
        "jsonb_agg",
        "jsonb_build_object",
        "json_build_object",
        "json_each",
        "last_insert_rowid",
        "last_insert_id",
        "least",
        "length",
        "lower",
        "lpad",
        "ltrim",
        "max",
        "md5",
        "min",
        "mod",
        "now",
        "nullif",
        "octet_length",
        "power",
        "quote",
        "random",
        "rank",
        "regexp_replace",
        "replace",
        "round",
        "row_number",
        "rpad",
        "rtrim",
        "set_config",
        "sqlite_version",
        "sqrt",
        "strftime",
        "string_agg",
        "strpos",
        "substr",
        "substring",
        "sum",
        "to_char",
        "to_date",
        "to_regclass",
        "to_timestamp",
        "total",
        "trim",
        "typeof",
        "unicode",
        "unnest",
        "upper",
        "version",
        "database",
        "numeric",
        "decimal",
        "varchar",
        "char",
        "gen_random_uuid",
    ];
    PURE.iter().any(|pure| name.eq_ignore_ascii_case(pure))
}
