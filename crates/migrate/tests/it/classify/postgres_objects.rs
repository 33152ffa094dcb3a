//! PostgreSQL's other objects, rows, and what is not schema; by the manual's pages of each statement.

use towpath_migrate::classify::Dialect;

use super::{Case, check};

const OBJECTS: &[Case] = &[
    (
        "CREATE TABLE t (id bigint PRIMARY KEY, a text NOT NULL)",
        "expand",
        "new",
    ),
    (
        "CREATE TABLE IF NOT EXISTS t (id bigint)",
        "expand",
        "new, or nothing happens",
    ),
    ("CREATE TABLE t AS SELECT * FROM u", "expand", "new"),
    (
        "CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (2)",
        "expand blocking",
        "ACCESS EXCLUSIVE on the parent",
    ),
    (
        "CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int NOT NULL",
        "expand",
        "the file's own table",
    ),
    (
        "CREATE TABLE s.t (a int); DROP TABLE s.t",
        "expand",
        "the file's own table",
    ),
    (
        "CREATE TABLE \"T\" (a int); DROP TABLE t",
        "contract irreversible",
        "quoted names are not folded",
    ),
    (
        "CREATE TABLE T (a int); DROP TABLE t",
        "expand",
        "unquoted names are",
    ),
    (
        "CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE t",
        "contract irreversible",
        "it may have been there",
    ),
    (
        "CREATE TABLE t (a int); SET search_path = other; DROP TABLE t",
        "contract irreversible",
        "another t",
    ),
    (
        "CREATE TABLE t (a int); ALTER TABLE t RENAME TO u; CREATE UNIQUE INDEX i ON u (a)",
        "expand",
        "followed through its new name",
    ),
    (
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a)",
        "expand",
        "an empty table",
    ),
    (
        "CREATE INDEX i ON t (a)",
        "expand blocking",
        "SHARE lock: writes wait",
    ),
    (
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "expand",
        "writes go on",
    ),
    (
        "CREATE UNIQUE INDEX i ON t (a)",
        "contract blocking",
        "old code may write twice",
    ),
    (
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
        "contract",
        "the same without waiting",
    ),
    (
        "DROP INDEX i",
        "contract blocking",
        "ACCESS EXCLUSIVE; it may be what ON CONFLICT needs",
    ),
    (
        "DROP INDEX CONCURRENTLY IF EXISTS i",
        "contract",
        "without waiting",
    ),
    ("REINDEX TABLE t", "expand blocking", "writes wait"),
    ("REINDEX TABLE CONCURRENTLY t", "expand", "writes go on"),
    (
        "DROP TABLE t",
        "contract irreversible",
        "old code, and the rows",
    ),
    (
        "DROP TABLE IF EXISTS t CASCADE",
        "contract irreversible",
        "and what depends on it",
    ),
    ("CREATE VIEW v AS SELECT 1", "expand", "new"),
    (
        "CREATE OR REPLACE VIEW v AS SELECT 1 AS a",
        "contract",
        "old readers get another answer",
    ),
    (
        "CREATE VIEW v AS SELECT 1 AS a; CREATE OR REPLACE VIEW v AS SELECT 2 AS a",
        "expand",
        "the file's own view",
    ),
    ("DROP VIEW v", "contract", "old readers"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", "expand", "new"),
    (
        "REFRESH MATERIALIZED VIEW v",
        "data blocking",
        "ACCESS EXCLUSIVE on the view",
    ),
    (
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "data",
        "readers go on",
    ),
    ("CREATE TYPE mood AS ENUM ('a', 'b')", "expand", "new"),
    ("ALTER TYPE mood ADD VALUE 'c'", "expand", "old values stay"),
    (
        "ALTER TYPE mood RENAME VALUE 'a' TO 'd'",
        "contract",
        "old code writes 'a'",
    ),
    ("DROP TYPE mood", "contract", "old code casts to it"),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$",
        "expand",
        "new",
    ),
    (
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 2; $$",
        "unknown",
        "callers run the new body at once",
    ),
    ("DROP FUNCTION f()", "contract", "callers"),
    (
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "unknown",
        "old writes run it",
    ),
    (
        "CREATE TABLE t (a int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "expand",
        "the file's own table",
    ),
    ("DROP TRIGGER g ON t", "contract", "old writes relied on it"),
    ("CREATE EXTENSION IF NOT EXISTS pgcrypto", "expand", "new"),
    ("DROP EXTENSION pgcrypto", "contract", "its functions go"),
    ("CREATE SCHEMA s", "expand", "new"),
    (
        "DROP SCHEMA s CASCADE",
        "contract irreversible",
        "everything in it",
    ),
    ("CREATE SEQUENCE q", "expand", "new"),
    ("DROP SEQUENCE q", "contract irreversible", "its position"),
    (
        "CREATE POLICY p ON t USING (a = 1)",
        "contract",
        "other rows are seen",
    ),
    ("GRANT SELECT ON t TO r", "expand", "more rights"),
    ("REVOKE SELECT ON t FROM r", "contract", "fewer rights"),
    ("COMMENT ON TABLE t IS 'x'", "expand", "a comment"),
    (
        "CREATE SEQUENCE s AS integer START WITH 1 INCREMENT BY 1 NO MAXVALUE CACHE 1",
        "expand",
        "options in any order",
    ),
    (
        "CREATE SEQUENCE s INCREMENT BY 2 MINVALUE 1; ALTER SEQUENCE s RENAME TO r",
        "expand",
        "the file's own sequence",
    ),
    (
        "ALTER SEQUENCE s RENAME TO r",
        "contract",
        "nextval('s') is refused",
    ),
    (
        "ALTER SEQUENCE IF EXISTS p.s SET SCHEMA q",
        "contract",
        "nextval('p.s') is refused",
    ),
    (
        "ALTER SEQUENCE s OWNED BY t.id",
        "expand",
        "goes when the column goes",
    ),
    (
        "ALTER SEQUENCE s OWNER TO r",
        "contract",
        "an owner's rights",
    ),
    ("ALTER SEQUENCE s RESTART WITH 1000", "data", "as setval"),
    (
        "ALTER SEQUENCE s MAXVALUE 10 RESTART",
        "contract",
        "nextval fails at the end",
    ),
    (
        "ALTER SEQUENCE s CACHE 20",
        "expand",
        "how many are kept at hand",
    ),
    (
        "ALTER TRIGGER g ON t RENAME TO h",
        "expand",
        "nobody calls a trigger",
    ),
    (
        "ALTER FUNCTION f(a int, rename text) RENAME TO g",
        "contract",
        "calls of f are refused",
    ),
    (
        "ALTER PROCEDURE p.f() SET SCHEMA q",
        "contract",
        "calls of p.f are refused",
    ),
    (
        "ALTER FUNCTION f() OWNER TO r",
        "contract",
        "an owner's rights",
    ),
    (
        "ALTER FUNCTION f(rename int) STRICT",
        "unknown",
        "it may answer otherwise",
    ),
    (
        "CREATE FUNCTION f() RETURNS void AS $$ SELECT 1 $$ LANGUAGE sql VOLATILE COST 100",
        "expand",
        "new",
    ),
    (
        "CREATE OR REPLACE FUNCTION u.f() RETURNS void AS $$ SELECT 1 $$ LANGUAGE sql COST 100",
        "unknown",
        "another body",
    ),
    ("DROP STATISTICS s", "expand", "for the planner"),
    (
        "CREATE TABLE t (a timestamp with time zone REFERENCES u ON DELETE CASCADE, CONSTRAINT n NOT NULL a)",
        "expand",
        "PostgreSQL 18 names NOT NULL",
    ),
    (
        "CREATE TABLE t (a int) FROB AS WITH x AS (DELETE FROM u RETURNING a) TABLE x",
        "unknown",
        "a query that writes",
    ),
];

const ROWS: &[Case] = &[
    ("INSERT INTO t (a) VALUES (1)", "data", "rows"),
    (
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
        "data",
        "nothing is overwritten",
    ),
    (
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "INSERT INTO t WITH d AS (DELETE FROM u RETURNING *) SELECT * FROM d",
        "data irreversible",
        "a WITH that deletes",
    ),
    (
        "UPDATE t SET a = 1",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "UPDATE t SET a = 1 WHERE a IS NULL",
        "data",
        "only what was empty is filled",
    ),
    (
        "UPDATE t SET a = 1, b = 2 WHERE a IS NULL",
        "data irreversible",
        "b had a value",
    ),
    (
        "UPDATE t SET a = 1 WHERE a IS NULL OR b = 1",
        "data irreversible",
        "OR lets other rows through",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text; UPDATE t SET c = a",
        "data",
        "the file's own column",
    ),
    (
        "DELETE FROM t WHERE a = 1",
        "data irreversible",
        "rows are gone",
    ),
    (
        "CREATE TABLE t (a int); DELETE FROM t",
        "expand",
        "the file's own rows",
    ),
    (
        "TRUNCATE t",
        "data irreversible blocking",
        "ACCESS EXCLUSIVE",
    ),
    (
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "data irreversible",
        "rows are gone",
    ),
    ("SELECT 1", "expand", "reads"),
    (
        "SELECT count(*) FROM t WHERE a IN (SELECT max(a) FROM u)",
        "expand",
        "reads",
    ),
    ("SELECT setval('s', 1)", "data", "a sequence moves"),
    (
        "SELECT do_something()",
        "unknown",
        "a function may do anything",
    ),
    (
        "WITH d AS (DELETE FROM t RETURNING *) SELECT count(*) FROM d",
        "data irreversible",
        "a WITH that deletes",
    ),
    ("SELECT * INTO u FROM t", "unknown", "makes a table"),
    ("EXPLAIN SELECT 1", "expand", "plans only"),
    ("EXPLAIN ANALYZE DELETE FROM t", "unknown", "runs it"),
    (
        "DO $$ BEGIN DROP TABLE t; END $$",
        "unknown",
        "a block of code",
    ),
    ("CALL p()", "unknown", "a procedure"),
    ("SET lock_timeout = '1s'", "expand", "how long to wait"),
    (
        "SET LOCAL statement_timeout = '5s'",
        "expand",
        "how long to run",
    ),
    (
        "SET session_replication_role = replica",
        "unknown",
        "triggers stop for this session",
    ),
    (
        "SET standard_conforming_strings = off",
        "unknown",
        "strings are read otherwise",
    ),
    (
        "LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
        "expand blocking",
        "everybody waits",
    ),
    ("VACUUM FULL t", "expand blocking", "rewrites the table"),
    ("BEGIN", "expand", "a transaction"),
    ("COMMIT", "expand", "a transaction"),
    ("NOTIFY c", "expand", "a message"),
    (
        "UPDATE pg_index SET indisready = false",
        "unknown",
        "the catalog",
    ),
    (
        "DELETE FROM pg_catalog.pg_enum WHERE enumlabel = 'a'",
        "unknown",
        "the catalog",
    ),
    ("INSERT INTO pg_enum SELECT 1", "unknown", "the catalog"),
];

#[test]
fn objects_come_and_go() {
    check(Dialect::Postgres, OBJECTS);
}

#[test]
fn rows_and_what_is_not_schema() {
    check(Dialect::Postgres, ROWS);
}
