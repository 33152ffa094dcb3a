//! Names of tables, columns and the like: how they are written, and which of them are one.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Serialize, Serializer};

use crate::classify::Dialect;

/// A name, with the namespace it is in where the engine has such. Names that the engine does not tell apart are equal,
/// whatever their letters' case.
#[derive(Debug, Clone)]
pub struct Name {
    namespace: Option<String>,
    name: String,
    key: String,
}

impl Name {
    /// A name of which the engine keeps the letters' case, but does not compare it: SQLite's, and MySQL's columns.
    pub(crate) fn caseless(name: &str) -> Name {
        Name {
            namespace: None,
            name: name.to_owned(),
            key: name.to_ascii_lowercase(),
        }
    }

    /// A name that is another one in other letters.
    pub(crate) fn exact(name: &str) -> Name {
        Name {
            namespace: None,
            name: name.to_owned(),
            key: name.to_owned(),
        }
    }

    /// A name in a namespace.
    pub(crate) fn within(namespace: &str, name: &str) -> Name {
        Name {
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
            key: format!("{namespace}.{name}"),
        }
    }

    /// The same namespace, another name.
    pub(crate) fn beside(&self, name: &str) -> Name {
        match &self.namespace {
            Some(namespace) => Name::within(namespace, name),
            None => Name::exact(name),
        }
    }

    /// The namespace; none where the engine has none within a database.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name itself, as it is kept.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What is compared.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The name as SQL has it, with its namespace.
    pub(crate) fn quoted(&self, dialect: Dialect) -> String {
        let name = quote(&self.name, dialect);
        match &self.namespace {
            Some(namespace) => format!("{}.{name}", quote(namespace, dialect)),
            None => name,
        }
    }

    /// The name as SQL has it, without its namespace.
    pub(crate) fn quoted_alone(&self, dialect: Dialect) -> String {
        quote(&self.name, dialect)
    }
}

/// A name between quotes, unless it needs none.
pub(crate) fn quote(name: &str, dialect: Dialect) -> String {
    let mark = match dialect {
        Dialect::Mysql => '`',
        Dialect::Sqlite | Dialect::Postgres => '"',
    };
    let plain = is_plain(name) && !name.contains(|c: char| c.is_ascii_uppercase());
    if plain && dialect != Dialect::Mysql {
        return name.to_owned();
    }
    let doubled = format!("{mark}{mark}");
    format!("{mark}{}{mark}", name.replace(mark, &doubled))
}

/// Whether a name needs no quotes: it is a word, and no keyword.
fn is_plain(name: &str) -> bool {
    is_word(name) && KEYWORDS.binary_search(&name).is_err()
}

/// Every keyword of SQLite (<https://www.sqlite.org/lang_keywords.html>) and the reserved ones of PostgreSQL
/// (<https://www.postgresql.org/docs/current/sql-keywords-appendix.html>), sorted.
const KEYWORDS: [&str; 183] = [
    "abort",
    "action",
    "add",
    "after",
    "all",
    "alter",
    "always",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "attach",
    "authorization",
    "autoincrement",
    "before",
    "begin",
    "between",
    "binary",
    "both",
    "by",
    "cascade",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "conflict",
    "constraint",
    "create",
    "cross",
    "current",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "database",
    "default",
    "deferrable",
    "deferred",
    "delete",
    "desc",
    "detach",
    "distinct",
    "do",
    "drop",
    "each",
    "else",
    "end",
    "escape",
    "except",
    "exclude",
    "exclusive",
    "exists",
    "explain",
    "fail",
    "false",
    "fetch",
    "filter",
    "first",
    "following",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "generated",
    "glob",
    "grant",
    "group",
    "groups",
    "having",
    "if",
    "ignore",
    "ilike",
    "immediate",
    "in",
    "index",
    "indexed",
    "initially",
    "inner",
    "insert",
    "instead",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "key",
    "last",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "materialized",
    "natural",
    "no",
    "not",
    "nothing",
    "notnull",
    "null",
    "nulls",
    "of",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "others",
    "outer",
    "over",
    "overlaps",
    "partition",
    "placing",
    "plan",
    "pragma",
    "preceding",
    "primary",
    "query",
    "raise",
    "range",
    "recursive",
    "references",
    "regexp",
    "reindex",
    "release",
    "rename",
    "replace",
    "restrict",
    "returning",
    "right",
    "rollback",
    "row",
    "rows",
    "savepoint",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "temp",
    "temporary",
    "then",
    "ties",
    "to",
    "trailing",
    "transaction",
    "trigger",
    "true",
    "unbounded",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "vacuum",
    "values",
    "variadic",
    "verbose",
    "view",
    "virtual",
    "when",
    "where",
    "window",
    "with",
    "without",
];

/// Whether a name has only the characters that one without quotes can have.
pub(crate) fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}.")?;
        }
        f.write_str(&self.name)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.key == other.key
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        let cases = [
            ("users", "users", "`users`"),
            ("Users", "\"Users\"", "`Users`"),
            ("order", "\"order\"", "`order`"),
            ("a b", "\"a b\"", "`a b`"),
            ("a\"b`", "\"a\"\"b`\"", "`a\"b```"),
            ("1st", "\"1st\"", "`1st`"),
            ("", "\"\"", "``"),
        ];
        for (name, standard, mysql) in cases {
            assert_eq!(quote(name, Dialect::Sqlite), standard);
            assert_eq!(quote(name, Dialect::Postgres), standard);
            assert_eq!(quote(name, Dialect::Mysql), mysql);
        }
        assert_eq!(
            Name::within("a b", "t").quoted(Dialect::Postgres),
            "\"a b\".t"
        );
    }

    #[test]
    fn keywords_are_found() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn case_counts_where_the_engine_counts_it() {
        assert_eq!(Name::caseless("Users"), Name::caseless("users"));
        assert_ne!(Name::exact("Users"), Name::exact("users"));
        assert_ne!(Name::within("a", "t"), Name::within("b", "t"));
    }
}
