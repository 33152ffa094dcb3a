//! Names that look like the file's own and are not: harmless only what is surely new.

use towpath_migrate::classify::Dialect;

use super::{Case, check};

#[test]
fn in_postgres() {
    let cases: &[Case] = &[
        (
            "CREATE TABLE t (a int); DROP TABLE public.t",
            "contract irreversible",
            "\"$user\" is searched before public",
        ),
        (
            "CREATE TEMP TABLE t (a int); DROP TABLE public.t",
            "contract irreversible",
            "a temporary table hides another",
        ),
        (
            "CREATE TEMP TABLE t (a int); DROP TABLE t; DROP TABLE t",
            "contract irreversible",
            "the second is the hidden one",
        ),
        (
            "CREATE TABLE \"a.b\" (a int); DROP TABLE a.b",
            "contract irreversible",
            "a dot in a name",
        ),
        (
            "CREATE TABLE t (a int); SELECT set_config('search_path', 's', false); DROP TABLE t",
            "contract irreversible",
            "another t",
        ),
        (
            "CREATE TABLE t (a int); SET ROLE r; DROP TABLE t",
            "contract irreversible",
            "another \"$user\"",
        ),
        (
            "CREATE TABLE t (a int); RESET ALL; DROP TABLE t",
            "contract irreversible",
            "another search_path",
        ),
        (
            "CREATE TABLE t (a int); ROLLBACK; DROP TABLE t",
            "contract irreversible",
            "it is gone, so this is another",
        ),
        (
            "CREATE TABLE t (a int); ALTER TABLE u RENAME TO t; DROP TABLE t",
            "contract irreversible",
            "another took the name",
        ),
        (
            "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; DROP FUNCTION f(text)",
            "contract",
            "told apart by arguments",
        ),
        (
            "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION f(); DROP TRIGGER g ON t",
            "contract",
            "told apart by tables",
        ),
        (
            "CREATE TABLE s.t (a int); CREATE INDEX i ON s.t (a); DROP INDEX i",
            "contract blocking",
            "the index is in s",
        ),
        (
            "ALTER TABLE t ADD COLUMN c text; ALTER TABLE t DROP COLUMN c; ALTER TABLE t RENAME a TO c; ALTER TABLE t DROP COLUMN c",
            "contract irreversible",
            "another took the name",
        ),
        (
            "ALTER TABLE t ADD COLUMN n text; ALTER TABLE t RENAME n TO c; ALTER TABLE t DROP COLUMN c",
            "expand",
            "the file's own under a new name",
        ),
        (
            "UPDATE t SET a = 1 FROM u WHERE u.a IS NULL",
            "data irreversible",
            "another table's column",
        ),
        (
            "UPDATE t SET \"A\" = 1 WHERE a IS NULL",
            "data irreversible",
            "another column",
        ),
        (
            "CREATE TABLE x AS WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
            "data irreversible",
            "a WITH that deletes",
        ),
        ("COPY t FROM PROGRAM 'x'", "unknown", "runs a program"),
    ];
    check(Dialect::Postgres, cases);
}

#[test]
fn in_sqlite() {
    let cases: &[Case] = &[
        (
            "CREATE TEMP TABLE t (a); DROP TABLE main.t",
            "contract irreversible",
            "a temporary table hides another",
        ),
        (
            "CREATE TEMP TABLE t (a); CREATE UNIQUE INDEX main.i ON t (a)",
            "contract blocking",
            "the index is in main, and so is its table",
        ),
        (
            "CREATE TEMP TABLE t (a); CREATE TRIGGER main.g AFTER INSERT ON t BEGIN SELECT 1; END",
            "unknown",
            "the trigger is in main, and so is its table",
        ),
        (
            "CREATE TABLE É (a); DROP TABLE é",
            "contract irreversible",
            "only ASCII is folded",
        ),
    ];
    check(Dialect::Sqlite, cases);
}

#[test]
fn in_mysql() {
    let cases: &[Case] = &[
        (
            "CREATE TABLE t (a INT); USE other; DROP TABLE t",
            "contract irreversible",
            "another database's t",
        ),
        (
            "CREATE TABLE n (a INT); CREATE INDEX i ON n (a); DROP INDEX i ON t",
            "contract",
            "indexes are named within their table",
        ),
        (
            "CREATE TEMPORARY TABLE t (a INT); DROP TEMPORARY TABLE t; DROP TABLE t",
            "contract irreversible",
            "the temporary one is gone",
        ),
        (
            "SET NAMES gbk",
            "unknown",
            "a backslash may be half of a character",
        ),
    ];
    check(Dialect::Mysql, cases);
}
