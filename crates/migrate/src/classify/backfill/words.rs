//! What of a statement is told by its words: which tables it reads, whether it asks for one value of many rows, where its
//! condition stands.

use crate::classify::{
    Dialect,
    split::{Kind, Piece, Token, tokens},
};

/// Functions that make one value of many rows: over ranges, they make one for each. A team's own are not known.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "group_concat",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_object_agg_unique_strict",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict",
    "max",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "total",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// How often a table is among those that a statement reads from.
pub(super) fn reads(piece: &Piece<'_>, dialect: Dialect, table: &str) -> usize {
    const LISTS: &[&str] = &["from", "join", "using"];
    const ENDS: &[&str] = &[
        "where", "group", "order", "having", "limit", "union", "on", "set", "select",
    ];
    let tokens = meaningful(piece, dialect);
    let mut among = vec![false];
    let mut found = 0;
    for (index, token) in tokens.iter().enumerate() {
        let now = among.last_mut();
        match token.text {
            "(" => {
                let open = now.is_some_and(|now| *now);
                among.push(open);
            }
            ")" => {
                among.pop();
            }
            _ if LISTS.iter().any(|word| token.is(word)) => {
                now.into_iter().for_each(|now| *now = true);
            }
            _ if ENDS.iter().any(|word| token.is(word)) => {
                now.into_iter().for_each(|now| *now = false);
            }
            text => {
                let name = unquoted(text);
                let qualifies = tokens.get(index + 1).is_some_and(|next| next.text == ".");
                if now.is_some_and(|now| *now) && !qualifies && name.eq_ignore_ascii_case(table) {
                    found += 1;
                }
            }
        }
    }
    found
}

/// Whether a query's own list asks for one value of many rows. What a query within it counts is its own.
pub(super) fn looks_at_all(piece: &Piece<'_>, dialect: Dialect) -> bool {
    let tokens = meaningful(piece, dialect);
    let next = |index: usize| tokens.get(index + 1);
    let follows = |index: usize, text: &str| next(index).is_some_and(|next| next.text == text);
    let mut within: Vec<bool> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "(" => {
                let queries = next(index).is_some_and(|next| next.is("select") || next.is("with"));
                within.push(queries);
            }
            ")" => {
                within.pop();
                // `f(…) FILTER (WHERE …)`, whatever the function is.
                let filters = next(index).is_some_and(|next| next.is("filter"));
                if filters && follows(index + 1, "(") && !within.contains(&true) {
                    return true;
                }
            }
            _ if within.contains(&true) => {}
            _ if token.is("over") => return true,
            _ if token.is("within") && next(index).is_some_and(|next| next.is("group")) => {
                return true;
            }
            text if follows(index, "(") && is_aggregate(text) => return true,
            _ => {}
        }
    }
    false
}

fn is_aggregate(name: &str) -> bool {
    let name = unquoted(name);
    AGGREGATES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn unquoted(name: &str) -> &str {
    name.trim_matches(['"', '`', '[', ']'])
}

fn meaningful<'a>(piece: &Piece<'a>, dialect: Dialect) -> Vec<Token<'a>> {
    tokens(piece.text, dialect)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment))
        .collect()
}

/// Cuts a statement around its own condition: no other stands outside parentheses.
pub(super) fn cut<'a>(piece: &Piece<'a>, dialect: Dialect) -> (&'a str, Option<&'a str>, &'a str) {
    let tokens = meaningful(piece, dialect);
    let (mut depth, mut condition, mut end) = (0_usize, None, piece.text.len());
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if token.is("where") && condition.is_none() => condition = Some(token),
            _ if token.is("on")
                && tokens
                    .get(index + 1)
                    .is_some_and(|next| next.is("conflict") || next.is("duplicate")) =>
            {
                end = token.start;
                break;
            }
            _ => {}
        }
    }
    let tail = &piece.text[end..];
    match condition {
        Some(word) => (
            &piece.text[..word.start],
            Some(&piece.text[word.start + word.text.len()..end]),
            tail,
        ),
        None => (&piece.text[..end], None, tail),
    }
}
