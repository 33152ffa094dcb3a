//! Column types and defaults: what a change of type may lose, and what the value of a default depends on.

use sqlparser::ast::{DataType, Expr, UnaryOperator, Value};

/// The word or words of a type, in upper case and without its arguments.
pub(super) fn name(data_type: &DataType) -> String {
    let text = data_type.to_string().to_uppercase();
    let base = text.split('(').next().unwrap_or_default().trim();
    base.trim_start_matches("PG_CATALOG.").to_owned()
}

/// Whether a type takes any text, of any length.
pub(super) fn is_any_text(data_type: &DataType) -> bool {
    let bounded = data_type.to_string().contains('(');
    !bounded
        && matches!(
            name(data_type).as_str(),
            "TEXT" | "VARCHAR" | "CHARACTER VARYING" | "CITEXT" | "LONGTEXT"
        )
}

/// Whether a value that is converted to this type can lose something without an error: a fraction, a time of day, digits.
///
/// PostgreSQL refuses a value that is too long for `varchar(n)` and a number out of range; it rounds fractions and drops
/// times of day in assignments (manual, 10.4 and 8.1). `bigint` counts as the wider integer that it nearly always is.
pub(super) fn may_round(data_type: &DataType) -> bool {
    const EXACT: [&str; 16] = [
        "BIGINT",
        "INT8",
        "TEXT",
        "VARCHAR",
        "CHARACTER VARYING",
        "CITEXT",
        "BYTEA",
        "JSON",
        "JSONB",
        "XML",
        "UUID",
        "DOUBLE PRECISION",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMPTZ",
        "LONGTEXT",
        "BOOLEAN",
    ];
    let exact = EXACT.contains(&name(data_type).as_str());
    let unbounded_number = matches!(name(data_type).as_str(), "NUMERIC" | "DECIMAL")
        && !data_type.to_string().contains('(');
    !exact && !unbounded_number
}

/// `smallserial`, `serial` and `bigserial`: an integer with a sequence as its default, and not null.
pub(super) fn is_serial(data_type: &DataType) -> bool {
    matches!(
        name(data_type).as_str(),
        "SERIAL" | "BIGSERIAL" | "SMALLSERIAL" | "SERIAL2" | "SERIAL4" | "SERIAL8"
    )
}

/// What the value of a default depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Default {
    /// `DEFAULT NULL`: as if there were none.
    Null,
    /// One value for every row: a literal, or the time of the statement.
    Same,
    /// It may be another for each row: a call of a volatile or unknown function.
    PerRow,
}

/// Reads a default. What is not known to give one value for all rows counts as giving one for each.
pub(super) fn default(expression: &Expr) -> Default {
    match expression {
        Expr::Value(value) if matches!(value.value, Value::Null) => Default::Null,
        Expr::Cast { expr, .. } | Expr::Nested(expr) => default(expr),
        _ if is_same(expression) => Default::Same,
        _ => Default::PerRow,
    }
}

fn is_same(expression: &Expr) -> bool {
    match expression {
        Expr::Value(_) | Expr::TypedString { .. } | Expr::Interval(_) => true,
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::Collate { expr, .. } => is_same(expr),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => is_same(expr),
        Expr::BinaryOp { left, right, .. } => is_same(left) && is_same(right),
        Expr::Array(array) => array.elem.iter().all(is_same),
        // SQLite reads TRUE and FALSE as names in some places, and a bare word as a string.
        Expr::Identifier(ident) => ["true", "false"]
            .iter()
            .any(|word| ident.value.eq_ignore_ascii_case(word)),
        // Stable within a statement (manual of PostgreSQL, 9.9.5).
        Expr::Function(function) => STABLE
            .iter()
            .any(|name| function.name.to_string().eq_ignore_ascii_case(name)),
        _ => false,
    }
}

/// Functions that give one value for all rows of a statement, whatever they are given.
const STABLE: [&str; 10] = [
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "transaction_timestamp",
    "statement_timestamp",
    "current_user",
    "session_user",
];

/// Whether SQLite takes a default for a new column of a table with rows: a constant, which the time is not.
pub(super) fn is_constant(expression: &Expr) -> bool {
    matches!(default(expression), Default::Null | Default::Same)
        && !matches!(expression, Expr::Function(_) | Expr::Nested(_))
}
