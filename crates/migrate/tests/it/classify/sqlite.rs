//! SQLite, by lang_altertable, lang_createindex, lang_conflict and pragma.

use towpath_migrate::{
    ContractKind,
    classify::{Dialect, Effect, classify},
};

use super::{Case, check};

const CASES: &[Case] = &[
    (
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL)",
        "expand",
        "new",
    ),
    (
        "CREATE TABLE t (a TEXT) STRICT, WITHOUT ROWID",
        "expand",
        "new",
    ),
    (
        "CREATE TABLE IF NOT EXISTS t (a TEXT); DROP TABLE t",
        "contract irreversible",
        "it may have been there",
    ),
    (
        "CREATE TABLE t (a TEXT); ALTER TABLE T ADD COLUMN b TEXT NOT NULL",
        "expand",
        "names are compared without case",
    ),
    (
        "ALTER TABLE t ADD COLUMN c TEXT",
        "expand",
        "the text of the schema changes, and no row",
    ),
    (
        "ALTER TABLE t ADD COLUMN c TEXT NOT NULL",
        "contract",
        "old inserts leave it out",
    ),
    (
        "ALTER TABLE t ADD COLUMN c TEXT NOT NULL DEFAULT ''",
        "expand",
        "a constant default",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INTEGER NOT NULL DEFAULT 0",
        "expand",
        "a constant default",
    ),
    (
        "ALTER TABLE t ADD COLUMN c TEXT DEFAULT CURRENT_TIMESTAMP",
        "expand",
        "refused when there are rows",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INTEGER REFERENCES u (id)",
        "expand",
        "NULL refers to nothing",
    ),
    (
        "ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = a",
        "data",
        "the file's own column",
    ),
    (
        "ALTER TABLE t DROP COLUMN c",
        "contract irreversible blocking",
        "every row is rewritten",
    ),
    (
        "ALTER TABLE t RENAME COLUMN a TO b",
        "contract",
        "old code uses the old name",
    ),
    (
        "ALTER TABLE t RENAME TO u",
        "contract",
        "old code uses the old name",
    ),
    (
        "DROP TABLE t",
        "contract irreversible",
        "old code, and the rows",
    ),
    (
        "DROP TABLE IF EXISTS t",
        "contract irreversible",
        "old code, and the rows",
    ),
    (
        "CREATE INDEX i ON t (a)",
        "expand blocking",
        "one writer at a time",
    ),
    (
        "CREATE INDEX IF NOT EXISTS i ON t (a) WHERE a > 0",
        "expand blocking",
        "one writer at a time",
    ),
    (
        "CREATE UNIQUE INDEX i ON t (a)",
        "contract blocking",
        "old code may write twice",
    ),
    (
        "CREATE TABLE t (a TEXT); CREATE UNIQUE INDEX i ON t (a)",
        "expand",
        "an empty table",
    ),
    ("DROP INDEX i", "contract", "upserts may need it"),
    (
        "CREATE INDEX i ON t (a); DROP INDEX i",
        "expand",
        "the file's own index",
    ),
    ("CREATE VIEW v AS SELECT 1", "expand", "new"),
    ("DROP VIEW v", "contract", "old readers"),
    (
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END",
        "unknown",
        "old writes run it",
    ),
    (
        "CREATE TABLE t (a TEXT); CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; DELETE FROM t; END",
        "expand",
        "the file's own table",
    ),
    ("DROP TRIGGER g", "contract", "old writes relied on it"),
    (
        "CREATE VIRTUAL TABLE f USING fts5(a, tokenize = 'porter')",
        "expand",
        "new",
    ),
    ("INSERT INTO t (a) VALUES (1)", "data", "rows"),
    (
        "INSERT OR IGNORE INTO t (a) VALUES (1)",
        "data",
        "nothing is overwritten",
    ),
    (
        "INSERT OR REPLACE INTO t (a) VALUES (1)",
        "data irreversible",
        "rows are replaced",
    ),
    (
        "REPLACE INTO t (a) VALUES (1)",
        "data irreversible",
        "rows are replaced",
    ),
    (
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "UPDATE t SET a = 1",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "UPDATE t SET a = 'x' WHERE a IS NULL AND b = 2",
        "data",
        "only what was empty is filled",
    ),
    ("DELETE FROM t", "data irreversible", "rows are gone"),
    (
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "data",
        "rows",
    ),
    (
        "WITH x AS (SELECT 1) UPDATE t SET a = 1",
        "data irreversible",
        "old values are overwritten",
    ),
    ("SELECT 1", "expand", "reads"),
    ("SELECT load_extension('x')", "unknown", "runs a library"),
    ("PRAGMA foreign_keys = OFF", "expand", "this connection"),
    ("PRAGMA table_info(t)", "expand", "reads"),
    ("PRAGMA user_version = 3", "data", "a number in the file"),
    ("PRAGMA user_version", "expand", "reads"),
    (
        "PRAGMA writable_schema = ON",
        "unknown",
        "the schema itself may be written",
    ),
    (
        "PRAGMA journal_mode = WAL",
        "expand",
        "how the file is written",
    ),
    ("VACUUM", "expand blocking", "the file is rewritten"),
    ("REINDEX", "expand blocking", "indexes are built anew"),
    ("ANALYZE", "expand", "statistics"),
    ("ATTACH 'other.db' AS other", "unknown", "another database"),
    ("BEGIN", "expand", "a transaction"),
    (
        "ALTER TABLE t ALTER COLUMN c SET NOT NULL",
        "unknown",
        "in few versions",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)",
        "unknown",
        "SQLite has no such statement",
    ),
    (
        "CREATE TABLE [a;b] (x); DROP TABLE [a;b]",
        "expand",
        "brackets quote",
    ),
];

#[test]
fn statements_one_by_one() {
    check(Dialect::Sqlite, CASES);
}

const REBUILD: &str = "
    PRAGMA foreign_keys = OFF;
    CREATE TABLE new_t (id INTEGER PRIMARY KEY, a TEXT NOT NULL);
    INSERT INTO new_t SELECT COLUMNS FROM t WHERE_CLAUSE;
    DROP TABLE t;
    ALTER TABLE new_t RENAME TO t;
    CREATE INDEX t_a ON t (a);";

#[test]
fn a_table_that_is_rebuilt_is_not_lost() {
    let kind = |columns: &str, rows: &str| {
        let sql = REBUILD
            .replace("COLUMNS", columns)
            .replace("WHERE_CLAUSE", rows);
        let read = classify(&sql, Dialect::Sqlite);
        let harmless = |index: usize| !read.statements[index].has(Effect::Contract);
        assert!(harmless(2) && harmless(4) && harmless(5), "{read:#?}");
        read.kind()
    };
    assert_eq!(kind("*", ""), ContractKind::Contract);
    assert_eq!(
        kind("id, a", ""),
        ContractKind::Irreversible,
        "a column may be left out"
    );
    assert_eq!(
        kind("*", "WHERE a IS NOT NULL"),
        ContractKind::Irreversible,
        "rows are left out"
    );
}

#[test]
fn a_rebuild_that_renames_the_old_table_first_is_one_too() {
    let sql = "ALTER TABLE t RENAME TO old_t; CREATE TABLE t (a TEXT); INSERT INTO t SELECT * FROM old_t; DROP TABLE old_t;";
    let read = classify(sql, Dialect::Sqlite);
    assert_eq!(read.kind(), ContractKind::Contract);
}
