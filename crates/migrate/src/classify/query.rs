//! Queries: whether they only read. What they call and hold is looked for in their words.

use super::{
    Dialect,
    created::Created,
    effect::Findings,
    split::{self, Piece, Token},
};

/// A query. It only reads, unless it holds a statement that writes, makes a table, or calls a function that may.
pub(super) fn read(
    dialect: Dialect,
    created: &mut Created,
    piece: &Piece<'_>,
    found: &mut Findings,
) {
    let words = words(piece, dialect);
    let has = |word: &str| words.iter().any(|token| token.is(word));
    if has("insert") || has("update") || has("delete") || has("merge") {
        let locks_only = !has("insert") && !has("delete") && !has("merge") && !has("with");
        let adds = words.iter().filter(|token| token.is("insert")).count() == 1;
        if adds && !has("update") && !has("delete") && !has("merge") && !has("replace") {
            found.data("rows are added");
            return;
        }
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
    if calls(piece, dialect).any(|name| name.eq_ignore_ascii_case("set_config")) {
        if !piece.text.contains("search_path") {
            found.unknown("a setting that may change what the statements after it do");
            return;
        }
        // Names mean other objects from here on.
        created.clear();
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

pub(super) fn words<'a>(piece: &Piece<'a>, dialect: Dialect) -> Vec<Token<'a>> {
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
