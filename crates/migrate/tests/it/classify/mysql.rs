//! MySQL 8 with InnoDB, by the manual's tables of online DDL operations (17.12.1).

use towpath_migrate::classify::Dialect;

use super::{Case, check};

const CASES: &[Case] = &[
    (
        "CREATE TABLE t (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(20)) ENGINE=InnoDB",
        "expand",
        "new",
    ),
    (
        "CREATE TABLE t (a INT, event INT, begin INT); INSERT INTO u VALUES (1)",
        "data",
        "names that look like a routine's words",
    ),
    (
        "CREATE TABLE t (a INT); ALTER TABLE t ADD COLUMN b INT NOT NULL",
        "expand",
        "the file's own table",
    ),
    (
        "CREATE TABLE t (a INT); DROP TABLE T",
        "contract irreversible",
        "names of tables differ by case on most servers",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT",
        "expand",
        "instant from 8.0.12",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT NOT NULL",
        "contract",
        "strict mode refuses old inserts",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 0",
        "expand",
        "instant",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT AFTER a",
        "expand",
        "instant from 8.0.29",
    ),
    (
        "ALTER TABLE t ADD COLUMN c BIGINT NOT NULL AUTO_INCREMENT UNIQUE",
        "expand blocking",
        "no concurrent writes while rows are numbered",
    ),
    (
        "ALTER TABLE t ADD COLUMN c CHAR(36) DEFAULT (uuid())",
        "expand blocking",
        "an expression is computed for each row",
    ),
    (
        "ALTER TABLE t ADD COLUMN c DATETIME DEFAULT CURRENT_TIMESTAMP",
        "expand",
        "one value for all rows",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT GENERATED ALWAYS AS (a + 1) STORED",
        "expand blocking",
        "the table is copied",
    ),
    (
        "ALTER TABLE t ADD COLUMN c INT GENERATED ALWAYS AS (a + 1) VIRTUAL",
        "expand",
        "instant",
    ),
    (
        "ALTER TABLE t DROP COLUMN c",
        "contract irreversible",
        "in place; others go on",
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
        "RENAME TABLE t TO u",
        "contract",
        "old code uses the old name",
    ),
    (
        "CREATE TABLE a (x INT); RENAME TABLE a TO b; DROP TABLE b",
        "expand",
        "the file's own table",
    ),
    (
        "ALTER TABLE t MODIFY COLUMN c VARCHAR(10) NOT NULL",
        "contract irreversible blocking",
        "what it was is not in the file; a change of type copies",
    ),
    (
        "ALTER TABLE t MODIFY COLUMN c LONGTEXT",
        "contract blocking",
        "the longest there is",
    ),
    (
        "ALTER TABLE t MODIFY COLUMN c TEXT",
        "contract irreversible blocking",
        "it ends at 64 KiB",
    ),
    (
        "ALTER TABLE t MODIFY COLUMN c INT, ALGORITHM=INSTANT",
        "contract irreversible",
        "refused rather than waited for",
    ),
    (
        "ALTER TABLE t CHANGE COLUMN a b INT",
        "contract irreversible blocking",
        "renamed and redefined",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c SET DEFAULT 1",
        "expand",
        "instant",
    ),
    (
        "ALTER TABLE t ALTER COLUMN c DROP DEFAULT",
        "contract",
        "old inserts relied on it",
    ),
    (
        "ALTER TABLE t ADD INDEX i (a)",
        "expand",
        "in place; others write",
    ),
    (
        "ALTER TABLE t ADD KEY i (a), ALGORITHM=COPY",
        "expand blocking",
        "asked to copy",
    ),
    (
        "ALTER TABLE t ADD INDEX i (a), LOCK=SHARED",
        "expand blocking",
        "asked to lock",
    ),
    (
        "ALTER TABLE t ADD UNIQUE KEY i (a)",
        "contract",
        "old code may write twice",
    ),
    (
        "ALTER TABLE t ADD FULLTEXT INDEX i (a)",
        "expand blocking",
        "no concurrent writes",
    ),
    (
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "contract",
        "old code may write twice; rebuilt while others write",
    ),
    (
        "ALTER TABLE t DROP PRIMARY KEY",
        "contract blocking",
        "the table is copied",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u (id)",
        "contract blocking",
        "copied unless foreign_key_checks is off",
    ),
    (
        "ALTER TABLE t DROP FOREIGN KEY k",
        "contract",
        "rows it kept out",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)",
        "contract blocking",
        "the table is copied",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT ENFORCED",
        "expand",
        "nothing is checked",
    ),
    (
        "ALTER TABLE t DROP INDEX i",
        "contract",
        "it may be unique, and hinted at",
    ),
    ("ALTER TABLE t AUTO_INCREMENT = 100", "expand", "a counter"),
    (
        "CREATE INDEX i ON t (a)",
        "expand",
        "in place; others write",
    ),
    (
        "CREATE UNIQUE INDEX i ON t (a)",
        "contract",
        "old code may write twice",
    ),
    (
        "CREATE INDEX i ON t (a) ALGORITHM=COPY",
        "expand blocking",
        "asked to copy",
    ),
    (
        "CREATE FULLTEXT INDEX i ON t (a)",
        "expand blocking",
        "no concurrent writes",
    ),
    ("DROP INDEX i ON t", "contract", "it may be unique"),
    (
        "DROP TABLE t",
        "contract irreversible",
        "old code, and the rows",
    ),
    ("DROP TEMPORARY TABLE t", "expand", "this connection's own"),
    ("CREATE VIEW v AS SELECT 1", "expand", "new"),
    (
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "contract",
        "old readers get another answer",
    ),
    (
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END",
        "unknown",
        "old writes run it",
    ),
    (
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
        "unknown",
        "old writes run it",
    ),
    (
        "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; END",
        "expand",
        "new",
    ),
    ("INSERT INTO t (a) VALUES (1)", "data", "rows"),
    (
        "INSERT IGNORE INTO t (a) VALUES (1)",
        "data",
        "nothing is overwritten",
    ),
    (
        "INSERT INTO t (a) VALUES ('it\\'s; --')",
        "data",
        "backslashes escape",
    ),
    (
        "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "REPLACE INTO t (a) VALUES (1)",
        "data irreversible",
        "rows are replaced",
    ),
    (
        "UPDATE t SET a = 1 WHERE b = 2",
        "data irreversible",
        "old values are overwritten",
    ),
    (
        "UPDATE t SET a = 1 WHERE a IS NULL",
        "data",
        "only what was empty is filled",
    ),
    (
        "UPDATE t JOIN u ON t.a = u.a SET t.b = u.b",
        "data irreversible",
        "old values are overwritten",
    ),
    ("DELETE FROM t", "data irreversible", "rows are gone"),
    ("TRUNCATE TABLE t", "data irreversible", "rows are gone"),
    ("SELECT 1 # comment; DROP TABLE t", "expand", "a comment"),
    ("SET NAMES utf8mb4", "expand", "this connection"),
    ("SET foreign_key_checks = 0", "expand", "this connection"),
    ("SET GLOBAL max_connections = 1", "unknown", "the server"),
    (
        "SET sql_mode = 'ANSI_QUOTES'",
        "unknown",
        "quotes are read otherwise",
    ),
    ("SET @a = 1", "expand", "a variable"),
    ("USE other", "unknown", "another database"),
    ("LOCK TABLES t WRITE", "expand blocking", "others wait"),
    (
        "OPTIMIZE TABLE t",
        "expand blocking",
        "the table is rebuilt",
    ),
    ("/*!40101 DROP TABLE t */", "unknown", "run by some servers"),
    (
        "SELECT 1 /*! INTO OUTFILE 'x' */",
        "unknown",
        "run by some servers",
    ),
    (
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        "unknown",
        "not known to the parser",
    ),
    ("GRANT SELECT ON t TO r", "expand", "more rights"),
    ("CALL p()", "unknown", "a procedure"),
];

#[test]
fn statements_one_by_one() {
    check(Dialect::Mysql, CASES);
}
