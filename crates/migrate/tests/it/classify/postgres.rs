//! PostgreSQL's tables in use, by its manual: ALTER TABLE (locks, rewrites), 13.3 Explicit Locking.

use towpath_migrate::classify::Dialect;

use super::{Case, check};

const COLUMNS: &[Case] = &[
    (
        "ALTER TABLE t ADD COLUMN c text",
        "expand",
        "a column without a default is kept in the catalogue",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text NULL",
        "expand",
        "NULL says what is so anyway",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text NOT NULL",
        "contract",
        "old inserts leave it out",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT NULL",
        "contract",
        "NULL is no value",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT ''",
        "expand",
        "from 11 a constant default rewrites nothing",
    ),
    (
        "ALTER TABLE t ADD COLUMN c int DEFAULT -1",
        "expand",
        "a negative literal is a constant",
    ),
    (
        "ALTER TABLE t ADD COLUMN c jsonb NOT NULL DEFAULT '{}'::jsonb",
        "expand",
        "a cast literal is a constant",
    ),
    (
        "ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now()",
        "expand",
        "now() is stable: one value for all rows",
    ),
    (
        "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT CURRENT_TIMESTAMP",
        "expand",
        "the same as now()",
    ),
    (
        "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp()",
        "expand blocking",
        "volatile: each row is written",
    ),
    (
        "ALTER TABLE t ADD COLUMN c uuid NOT NULL DEFAULT gen_random_uuid()",
        "expand blocking",
        "volatile: each row is written",
    ),
    (
        "ALTER TABLE t ADD COLUMN c jsonb DEFAULT jsonb_build_object('a', random())",
        "expand blocking",
        "volatile within",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text DEFAULT my_function()",
        "expand blocking",
        "functions are volatile unless declared otherwise",
    ),
    (
        "ALTER TABLE t ADD COLUMN c bigserial",
        "expand blocking",
        "nextval is volatile",
    ),
    (
        "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY",
        "expand blocking",
        "identity columns rewrite the table",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text GENERATED ALWAYS AS (lower(a)) STORED",
        "expand blocking",
        "stored generated columns rewrite the table",
    ),
    (
        "ALTER TABLE t ADD COLUMN c bigserial PRIMARY KEY",
        "expand blocking",
        "numbered rows, and an index",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text UNIQUE",
        "expand blocking",
        "NULLs never collide; the index is built under the lock",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text UNIQUE DEFAULT 'a'",
        "contract blocking",
        "the second row with the default collides",
    ),
    (
        "ALTER TABLE t ADD COLUMN c bigint REFERENCES u (id)",
        "expand",
        "a column of NULLs needs no check",
    ),
    (
        "ALTER TABLE t ADD COLUMN c int CHECK (c > 0)",
        "expand blocking",
        "a check reads the table",
    ),
    (
        "ALTER TABLE t ADD COLUMN c text; ALTER TABLE t DROP COLUMN c",
        "expand",
        "the file's own column",
    ),
    (
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS c text; ALTER TABLE t DROP COLUMN c",
        "contract irreversible",
        "it may have been there",
    ),
    (
        "ALTER TABLE t DROP COLUMN c",
        "contract irreversible",
        "old code uses it; its values are gone",
    ),
    (
        "ALTER TABLE t DROP COLUMN IF EXISTS c CASCADE",
        "contract irreversible",
        "the same",
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
        "ALTER TABLE t ALTER COLUMN c SET NOT NULL",
        "contract blocking",
        "a scan under ACCESS EXCLUSIVE, and old inserts",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c DROP NOT NULL",
        "contract",
        "old readers may meet NULL",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c SET DEFAULT 1",
        "expand",
        "existing rows stay as they are",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c SET DEFAULT NULL",
        "contract",
        "as DROP DEFAULT",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c DROP DEFAULT",
        "contract",
        "old inserts relied on it",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE text",
        "contract blocking",
        "no rewrite from varchar, which the file does not say",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE bigint",
        "contract blocking",
        "the table is rewritten; old code reads 32 bits",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE int",
        "contract irreversible blocking",
        "fractions are rounded",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE varchar(10)",
        "contract blocking",
        "PostgreSQL refuses what is too long",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE date",
        "contract irreversible blocking",
        "the time of day is dropped",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c TYPE int USING length(c)",
        "contract irreversible blocking",
        "USING may compute anything",
    ),
];

const CONSTRAINTS: &[Case] = &[
    (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)",
        "contract blocking",
        "a scan under ACCESS EXCLUSIVE",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID",
        "contract",
        "new rows are refused, old ones not read",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u (id)",
        "contract blocking",
        "SHARE ROW EXCLUSIVE on both, and a scan",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u (id) NOT VALID",
        "contract",
        "no scan",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a)",
        "contract blocking",
        "the index is built under ACCESS EXCLUSIVE",
    ),
    (
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "contract blocking",
        "the same",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i",
        "expand",
        "the unique index refused them before",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i",
        "contract blocking",
        "columns become NOT NULL",
    ),
    (
        "ALTER TABLE t VALIDATE CONSTRAINT k",
        "expand",
        "SHARE UPDATE EXCLUSIVE lets others write",
    ),
    (
        "ALTER TABLE t DROP CONSTRAINT k",
        "contract",
        "ON CONFLICT may rely on it",
    ),
    (
        "ALTER TABLE t RENAME CONSTRAINT a TO b",
        "contract",
        "ON CONFLICT ON CONSTRAINT names it",
    ),
    (
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "contract",
        "without a policy no row is seen",
    ),
    (
        "ALTER TABLE t DISABLE TRIGGER ALL",
        "contract",
        "what the triggers did no longer happens",
    ),
    (
        "ALTER TABLE t OWNER TO someone",
        "contract",
        "owners have rights",
    ),
    (
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "expand",
        "for logical replication",
    ),
    ("ALTER TABLE t SET (fillfactor = 70)", "expand", "storage"),
    (
        "ALTER TABLE t ADD CONSTRAINT k EXCLUDE USING gist (a WITH &&)",
        "contract blocking",
        "an index is built under ACCESS EXCLUSIVE",
    ),
    (
        "ALTER TABLE t ALTER CONSTRAINT k DEFERRABLE INITIALLY DEFERRED",
        "contract",
        "refused at the commit and not before",
    ),
    (
        "ALTER TABLE ONLY p.t ALTER CONSTRAINT k NOT DEFERRABLE",
        "contract",
        "SET CONSTRAINTS is refused",
    ),
    (
        "ALTER TABLE t ALTER CONSTRAINT k NOT ENFORCED",
        "contract",
        "PostgreSQL 18: holds nothing any more",
    ),
    (
        "ALTER TABLE t ALTER CONSTRAINT k ENFORCED",
        "contract blocking",
        "PostgreSQL 18: all rows are checked",
    ),
    (
        "ALTER TABLE t ALTER CONSTRAINT k INHERIT",
        "unknown",
        "not read",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k NOT NULL a",
        "contract blocking",
        "PostgreSQL 18: SET NOT NULL by a name",
    ),
    (
        "ALTER TABLE t ADD NOT NULL a NOT VALID",
        "contract",
        "PostgreSQL 18: rows are not checked",
    ),
    (
        "ALTER TABLE t ADD COLUMN b numeric(4, 2) DEFAULT 0, ALTER CONSTRAINT k DEFERRABLE",
        "contract",
        "both",
    ),
    (
        "ALTER TABLE t DROP COLUMN b, ADD CONSTRAINT k NOT NULL a",
        "contract irreversible blocking",
        "both",
    ),
    (
        "ALTER TABLE t ADD COLUMN b int, FROB a",
        "unknown",
        "one is not read",
    ),
    (
        "CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT k NOT NULL a",
        "expand",
        "the file's own table",
    ),
    (
        "ALTER TABLE t ADD COLUMN b int, FROB a; ALTER TABLE t DROP COLUMN b",
        "contract irreversible",
        "nothing is known of b",
    ),
];

#[test]
fn columns_of_a_table_in_use() {
    check(Dialect::Postgres, COLUMNS);
}

#[test]
fn constraints_of_a_table_in_use() {
    check(Dialect::Postgres, CONSTRAINTS);
}
