//! Text that was not written by somebody who means well: it is unknown, soon, and breaks nothing.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use towpath_migrate::{
    ContractKind,
    classify::{Classification, Dialect, Effect, classify},
};

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Sqlite, Dialect::Mysql];

/// Far more than is needed, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(60);

fn soon(sql: &str) -> Vec<Classification> {
    let begun = Instant::now();
    let read = DIALECTS.map(|dialect| classify(sql, dialect)).to_vec();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    read
}

fn all_unknown(sql: &str) {
    for read in soon(sql) {
        assert_eq!(read.kind(), ContractKind::Unknown);
    }
}

#[test]
fn parentheses_may_nest_as_deep_as_they_like() {
    all_unknown(&format!(
        "SELECT {}1{}",
        "(".repeat(10_000),
        ")".repeat(10_000)
    ));
    all_unknown(&format!("SELECT {}", "(".repeat(100_000)));
    all_unknown(&format!(
        "SELECT * FROM {}t{}",
        "(".repeat(39),
        ")".repeat(38)
    ));
    all_unknown(&format!("SELECT {}1", "CASE WHEN ".repeat(10_000)));
    all_unknown(&format!("SELECT {}1", "NOT ".repeat(20_000)));
    all_unknown(&format!("SELECT {}1", "- ".repeat(20_000)));
    all_unknown(&format!("CREATE VIEW v AS {}1", "SELECT (".repeat(39)));
}

#[test]
fn nothing_is_tried_over_and_over_as_it_nests() {
    let nests = [
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("SELECT * FROM ", "(t JOIN ", "t", ")"),
        ("SELECT * FROM ", "((", "t", "))"),
        ("SELECT * FROM ", "(SELECT * FROM ", "t", ")"),
        ("SELECT ", "CAST(", "1", " AS int)"),
        ("SELECT ", "ARRAY[", "1", "]"),
        ("SELECT ", "(1 + (1 + ", "1", "))"),
        ("SELECT ", "f(a => ", "1", ")"),
        ("SELECT 1 WHERE ", "EXISTS(SELECT 1 WHERE ", "1", ")"),
        ("SELECT 1 WHERE ", "a IN (", "1", ")"),
        ("SELECT 1 UNION ", "(SELECT 1 UNION ", "SELECT 1", ")"),
        ("", "WITH a AS (", "SELECT 1", ") SELECT 1"),
        ("", "EXPLAIN ", "SELECT 1", ""),
        ("SELECT ", "INTERVAL ", "1", ""),
    ];
    for (before, open, inner, close) in nests {
        for closes in [0, 38] {
            let nested = format!("{}{inner}{}", open.repeat(38), close.repeat(closes));
            soon(&format!("{before}{nested}"));
        }
    }
}

#[test]
fn a_chain_is_as_deep_as_it_is_long_and_overflows_nothing() {
    let links = 60_000;
    soon(&format!("SELECT 1{}", "+1".repeat(links)));
    soon(&format!("SELECT a{}", " AND a".repeat(links / 2)));
    soon(&format!("SELECT 1{}", " UNION SELECT 1".repeat(15_000)));
    soon(&format!("SELECT a{}", "::int".repeat(links / 2)));
    soon(&format!("SELECT a{}", " IS NULL".repeat(30_000)));
    soon(&format!("SELECT a{}", "[1]".repeat(links)));
    soon(&format!(
        "ALTER TABLE t ADD COLUMN c int DEFAULT 1{}",
        "+1".repeat(links)
    ));
    soon(&format!(
        "UPDATE t SET a = 1 WHERE a IS NULL{}",
        " AND b".repeat(links / 2)
    ));
}

#[test]
fn ten_megabytes_are_read_or_refused() {
    let megabytes = 10 * 1024 * 1024;
    all_unknown(&format!(
        "INSERT INTO t VALUES ('{}')",
        "x".repeat(megabytes)
    ));
    all_unknown(&"a;".repeat(megabytes / 2));
    all_unknown(&"x".repeat(megabytes));
    let inserts = "INSERT INTO t (a) VALUES (1);\n".repeat(1_000);
    for read in soon(&inserts) {
        assert_eq!(
            (read.statements.len(), read.kind()),
            (1_000, ContractKind::Data)
        );
        assert_eq!(read.statements[999].line, 1_000);
    }
    for read in soon(&";".repeat(megabytes)) {
        assert_eq!(read.statements, []);
    }
    for read in soon(&"-- comment\n".repeat(megabytes / 11)) {
        assert_eq!(read.statements, []);
    }
}

#[test]
fn what_is_not_closed_hides_nothing() {
    for open in ["'", "\"", "/*", "`", "$$", "E'", "["] {
        for read in soon(&format!("SELECT 1; SELECT {open} ; DROP TABLE t; ")) {
            let kind = read.kind();
            // Where it opens nothing, the DROP is seen.
            assert!(
                matches!(kind, ContractKind::Unknown | ContractKind::Irreversible),
                "{open} {read:#?}"
            );
        }
    }
}

#[test]
fn a_statement_that_some_databases_run_is_never_hidden() {
    let hidden = [
        "SELECT 1 --; \nDROP TABLE t",
        "SELECT 1; /* /* */ DROP TABLE t; */",
        "SELECT '\\'; DROP TABLE t; --'",
        "SELECT 1 -- \u{2028} DROP TABLE t\n; DROP TABLE t",
        "SELECT 1\0; DROP TABLE t",
        "SELECT $a$; DROP TABLE t; SELECT $a$",
        "SELECT 1 -- x\r; DROP TABLE t",
        "ALTER TABLE t ADD COLUMN a int -- x\r, DROP COLUMN b",
        "SELECT E'a'\n'\\'x'; DROP TABLE t; SELECT ''",
        "DELIMITER //\nDROP TABLE t//",
    ];
    for sql in hidden {
        for (read, dialect) in soon(sql).iter().zip(DIALECTS) {
            let hides = match (dialect, sql) {
                // To these, the DROP is in a comment or in a string.
                (Dialect::Postgres, _) if sql.contains("/* /*") || sql.contains("$a$") => true,
                // Only to PostgreSQL does a carriage return end a comment.
                (Dialect::Sqlite | Dialect::Mysql, _) if sql.contains('\r') => true,
                (Dialect::Mysql, _) => sql.contains("SELECT '\\'"),
                _ => false,
            };
            let worse = matches!(
                read.kind(),
                ContractKind::Irreversible | ContractKind::Unknown
            );
            assert_eq!(worse, !hides, "{dialect:?} {sql:?} {read:#?}");
        }
    }
}

#[test]
fn every_statement_of_too_many_is_accounted_for() {
    for read in soon(&"SELECT 1;".repeat(20_003)) {
        assert_eq!(read.statements.len(), 20_001);
        assert!(read.statements[20_000].has(Effect::Unknown));
    }
}

/// Statements and shards of them, in any order.
fn shards() -> impl Strategy<Value = String> {
    let shard = prop::sample::select(vec![
        "CREATE",
        "TABLE",
        "t",
        "(",
        ")",
        "ALTER",
        "ADD",
        "COLUMN",
        "c",
        "text",
        "NOT",
        "NULL",
        "DEFAULT",
        "1",
        "'a'",
        "DROP",
        "INDEX",
        "UNIQUE",
        "ON",
        ",",
        ";",
        ";",
        "TRIGGER",
        "BEGIN",
        "END",
        "CASE",
        "--",
        "\n",
        "/*",
        "*/",
        "$$",
        "\"",
        "`",
        "[",
        "]",
        "\\",
        "E'",
        "INSERT",
        "INTO",
        "SELECT",
        "FROM",
        "*",
        "é",
        "\u{feff}",
        "SET",
        "UPDATE",
        "PRAGMA",
        "TYPE",
        "RENAME",
        "TO",
        "CONSTRAINT",
        "CHECK",
        "REFERENCES",
        "VIEW",
        "AS",
        "OR",
        "REPLACE",
        "WITH",
        "DELETE",
        "#",
    ]);
    prop::collection::vec(shard, 0..40).prop_map(|shards| shards.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_classified_without_panic(sql in "\\PC{0,80}") {
        for dialect in DIALECTS {
            let read = classify(&sql, dialect);
            prop_assert!(read.statements.iter().all(|statement| !statement.findings.is_empty()));
        }
    }

    #[test]
    fn any_shards_are_classified_without_panic(sql in shards()) {
        for dialect in DIALECTS {
            let read = classify(&sql, dialect);
            for statement in &read.statements {
                prop_assert!(!statement.findings.is_empty());
                prop_assert!(statement.beginning.chars().count() <= 61);
                prop_assert!(statement.line <= sql.matches('\n').count() + 1);
                prop_assert!(!statement.findings.iter().any(|finding| finding.reason == "it could not be read"));
            }
        }
    }

    #[test]
    fn each_statement_has_its_entry(
        statements in prop::collection::vec(
            (
                prop::sample::select(vec![
                    ("CREATE TABLE a (x int)", ContractKind::Expand),
                    ("INSERT INTO b VALUES (1, ';')", ContractKind::Data),
                    ("ALTER TABLE b ADD COLUMN c text NOT NULL", ContractKind::Contract),
                    ("DROP TABLE d", ContractKind::Irreversible),
                    ("FROBNICATE 'x'", ContractKind::Unknown),
                ]),
                prop::sample::select(vec!["", "\n", " /* ; */ ", "-- ;\n", ";"]),
            ),
            0..12,
        ),
    ) {
        let sql: String = statements.iter().map(|((sql, _), gap)| format!("{gap}{sql};")).collect();
        for dialect in DIALECTS {
            let read = classify(&sql, dialect);
            let kinds: Vec<_> = read.statements.iter().map(|statement| statement.kind()).collect();
            let expected: Vec<_> = statements.iter().map(|((_, kind), _)| *kind).collect();
            prop_assert_eq!(kinds, expected);
        }
    }
}
