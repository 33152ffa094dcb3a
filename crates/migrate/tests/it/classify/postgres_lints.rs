//! Lints under the names of squawk's rules.

use towpath_migrate::classify::{Dialect, classify};

/// The rules that a script breaks, without the one on timeouts, which nearly all do.
fn rules(sql: &str) -> Vec<&'static str> {
    let mut rules: Vec<_> = classify(sql, Dialect::Postgres)
        .lints
        .iter()
        .map(|lint| lint.rule)
        .filter(|rule| *rule != "require-timeout-settings")
        .collect();
    rules.sort_unstable();
    rules
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let cases: &[(&str, &[&str])] = &[
        (
            "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()",
            &["adding-field-with-default"],
        ),
        ("ALTER TABLE t ADD COLUMN c bigint DEFAULT 1", &[]),
        (
            "ALTER TABLE t ADD COLUMN c bigint REFERENCES u (id)",
            &["adding-foreign-key-constraint"],
        ),
        (
            "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u (id)",
            &[
                "adding-foreign-key-constraint",
                "constraint-missing-not-valid",
            ],
        ),
        (
            "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u (id) NOT VALID",
            &[],
        ),
        (
            "ALTER TABLE t ALTER COLUMN c SET NOT NULL",
            &["adding-not-nullable-field"],
        ),
        (
            "ALTER TABLE t ADD COLUMN c text NOT NULL",
            &["adding-required-field"],
        ),
        (
            "ALTER TABLE t ADD PRIMARY KEY (id)",
            &["adding-serial-primary-key-field"],
        ),
        (
            "ALTER TABLE t ADD COLUMN id serial PRIMARY KEY",
            &[
                "adding-serial-primary-key-field",
                "prefer-bigint-over-int",
                "prefer-identity",
            ],
        ),
        (
            "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0)",
            &["ban-alter-domain-with-add-constraint"],
        ),
        (
            "CREATE DOMAIN d AS bigint CHECK (VALUE > 0)",
            &["ban-create-domain-with-constraint"],
        ),
        ("CREATE TABLE t (a char(3))", &["ban-char-field"]),
        (
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            &["ban-concurrent-index-creation-in-transaction"],
        ),
        (
            "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            &[],
        ),
        (
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a)",
            &["prefer-robust-stmts"],
        ),
        ("ALTER TABLE t DROP COLUMN c", &["ban-drop-column"]),
        ("DROP DATABASE d", &["ban-drop-database"]),
        (
            "ALTER TABLE t ALTER COLUMN c DROP NOT NULL",
            &["ban-drop-not-null"],
        ),
        ("DROP TABLE t", &["ban-drop-table"]),
        ("TRUNCATE t CASCADE", &["ban-truncate-cascade"]),
        (
            "-- no-transaction\nBEGIN; SELECT 1",
            &["ban-uncommitted-transaction"],
        ),
        ("-- no-transaction\nBEGIN; SELECT 1; COMMIT", &[]),
        (
            "ALTER TABLE t ALTER COLUMN c TYPE text",
            &["changing-column-type"],
        ),
        (
            "ALTER TABLE t ADD CHECK (a > 0)",
            &["constraint-missing-not-valid"],
        ),
        (
            "ALTER TABLE t ADD UNIQUE (a)",
            &["disallowed-unique-constraint"],
        ),
        ("ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i", &[]),
        ("CREATE TABLE t (a int)", &["prefer-bigint-over-int"]),
        (
            "CREATE TABLE t (a smallint)",
            &["prefer-bigint-over-smallint"],
        ),
        ("CREATE TABLE t (a bigserial)", &["prefer-identity"]),
        ("CREATE TABLE t (a varchar(9))", &["prefer-text-field"]),
        ("CREATE TABLE t (a timestamp)", &["prefer-timestamp-tz"]),
        (
            "CREATE TABLE t (a timestamptz, b timestamp with time zone, c text, d bigint)",
            &[],
        ),
        ("ALTER TABLE t RENAME COLUMN a TO b", &["renaming-column"]),
        ("ALTER TABLE t RENAME TO u", &["renaming-table"]),
        (
            "CREATE INDEX i ON t (a)",
            &["require-concurrent-index-creation"],
        ),
        ("CREATE TABLE t (a text); CREATE INDEX i ON t (a)", &[]),
        ("DROP INDEX i", &["require-concurrent-index-deletion"]),
        (
            "ALTER TYPE m ADD VALUE 'c'",
            &["require-enum-value-ordering"],
        ),
        ("ALTER TYPE m ADD VALUE 'c' AFTER 'b'", &[]),
        (
            "BEGIN; COMMIT",
            &["transaction-nesting", "transaction-nesting"],
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(rules(sql), *expected, "{sql}");
    }
}

#[test]
fn a_limit_on_waiting_is_asked_for_once() {
    let asked = |sql: &str| {
        let read = classify(sql, Dialect::Postgres);
        let lints = read
            .lints
            .iter()
            .filter(|lint| lint.rule == "require-timeout-settings");
        lints.map(|lint| lint.line).collect::<Vec<_>>()
    };
    assert_eq!(
        asked("SELECT 1;\nALTER TABLE t DROP COLUMN a;\nALTER TABLE t DROP COLUMN b;"),
        [2]
    );
    let limits = "SET lock_timeout = '1s'; SET statement_timeout = '5s';";
    assert_eq!(
        asked(&format!("{limits} ALTER TABLE t DROP COLUMN a;")),
        [0; 0]
    );
    assert_eq!(
        asked("CREATE TABLE t (a text); ALTER TABLE t DROP COLUMN a;"),
        [0; 0]
    );
}

#[test]
fn other_databases_have_no_lints() {
    assert_eq!(classify("DROP TABLE t", Dialect::Sqlite).lints, []);
    assert_eq!(classify("DROP TABLE t", Dialect::Mysql).lints, []);
}
