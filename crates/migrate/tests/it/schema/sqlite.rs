//! SQLite's schemas: what is read, told apart and captured, on databases in memory.

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use towpath_migrate::schema::{Captured, Change, Difference, Schema, capture, diff, sqlite};

/// A database in memory in which this was run.
pub async fn made(sql: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    run(&mut connection, "PRAGMA foreign_keys = OFF").await;
    run(&mut connection, sql).await;
    connection
}

pub async fn run(connection: &mut SqliteConnection, sql: &str) {
    let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    assert!(ran.is_ok(), "{sql}: {ran:?}");
}

pub async fn read(connection: &mut SqliteConnection) -> Schema {
    sqlite::read(connection).await.unwrap()
}

async fn schema(sql: &str) -> Schema {
    read(&mut made(sql).await).await
}

async fn difference(expected: &str, found: &str) -> Difference {
    diff(&schema(expected).await, &schema(found).await)
}

/// Captures the way from one to the other, walks it there and back, and answers with it.
async fn walked(expected: &str, found: &str) -> Captured {
    let mut connection = made(expected).await;
    let (before, after) = (read(&mut connection).await, schema(found).await);
    let captured = capture(&before, &after);
    walk(&mut connection, &captured.up).await;
    let difference = diff(&after, &read(&mut connection).await);
    assert!(
        difference.is_empty(),
        "up\n{}\n{difference}",
        captured.up.join(";\n")
    );
    walk(&mut connection, &captured.down).await;
    let difference = diff(&before, &read(&mut connection).await);
    assert!(
        difference.is_empty(),
        "down\n{}\n{difference}",
        captured.down.join(";\n")
    );
    captured
}

/// Runs statements in one transaction, as a migration is run.
pub async fn walk(connection: &mut SqliteConnection, statements: &[String]) {
    run(connection, "BEGIN").await;
    for statement in statements {
        run(connection, statement).await;
    }
    run(connection, "COMMIT").await;
}

fn notes(captured: &Captured) -> Vec<String> {
    captured.notes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_means_the_same_is_the_same() {
    let plain = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE CHECK (a <> ''), b INT REFERENCES u(id) ON DELETE CASCADE,
                 c VARCHAR(10) DEFAULT 'x' NOT NULL COLLATE NOCASE, d AS (b + 1) STORED);";
    let same = [
        "create table \"T\" ([ID] integer, A text, b INT, c varchar ( 10 ) not null collate \"nocase\" default ('x'),
         d generated always as (b+1) stored, -- and so on
         primary key (id asc), foreign key (b) references [u] ( id ) on delete cascade on update no action,
         unique (a) check (a<>''));",
        "CREATE TABLE t (b INT REFERENCES u(id) ON DELETE CASCADE, id INTEGER PRIMARY KEY, a TEXT UNIQUE CHECK (a <> ''));
         ALTER TABLE t ADD COLUMN c VARCHAR(10) CONSTRAINT filled NOT NULL DEFAULT \"x\" COLLATE NOCASE;
         CREATE TABLE schema_migrations (version TEXT); CREATE INDEX i ON schema_migrations (version);
         CREATE TABLE _towpath_receipts (version INT);
         CREATE TABLE new AS SELECT 1; DROP TABLE new; ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME TO t;",
    ];
    let left = difference(plain, same[0]).await;
    assert!(left.is_empty(), "{left}");
    // Without the one that ALTER TABLE cannot add.
    let plain = plain.replace(", d AS (b + 1) STORED", "");
    let left = difference(&plain, same[1]).await;
    assert!(left.is_empty(), "{left}");
    assert_eq!(left.reordered[0].found, ["b", "id", "a", "c"]);
    assert_eq!(
        schema(&plain).await.fingerprint(),
        schema(same[1]).await.fingerprint()
    );
    assert_eq!(schema(&plain).await, schema(same[1]).await);
}

#[tokio::test]
async fn everything_that_means_something_differs() {
    let plain = schema("CREATE TABLE t (a INT, b INT); CREATE TABLE u (a INT PRIMARY KEY);").await;
    let others = [
        "CREATE TABLE t (a INT, b TEXT)",
        "CREATE TABLE t (a INT, b INT, c)",
        "CREATE TABLE t (a INT)",
        "CREATE TABLE t (a INT, b INT NOT NULL)",
        "CREATE TABLE t (a INT, b INT NOT NULL ON CONFLICT IGNORE)",
        "CREATE TABLE t (a INT, b INT DEFAULT 1)",
        "CREATE TABLE t (a INT, b INT COLLATE NOCASE)",
        "CREATE TABLE t (a INT, b INT AS (a))",
        "CREATE TABLE t (a INT, b INT AS (a) STORED)",
        "CREATE TABLE t (a INT, b INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, b INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (a INT, b INTEGER PRIMARY KEY DESC)",
        "CREATE TABLE t (a INT, b INTEGER, PRIMARY KEY (b DESC))",
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b))",
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (b, a))",
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE TABLE t (a INT, b INT) STRICT",
        "CREATE TABLE t (a INT, b INT UNIQUE)",
        "CREATE TABLE t (a INT, b INT, UNIQUE (b) ON CONFLICT REPLACE)",
        "CREATE TABLE t (a INT, b INT CHECK (b > 0))",
        "CREATE TABLE t (a INT, b INT CONSTRAINT positive CHECK (b > 0))",
        "CREATE TABLE t (a INT, b INT REFERENCES u)",
        "CREATE TABLE t (a INT, b INT REFERENCES u (a))",
        "CREATE TABLE t (a INT, b INT REFERENCES u ON DELETE SET NULL)",
        "CREATE TABLE t (a INT, b INT REFERENCES u ON UPDATE SET NULL)",
        "CREATE TABLE t (a INT, b INT REFERENCES u DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TABLE t (a INT, b INT); CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a INT, b INT); CREATE UNIQUE INDEX i ON t (a)",
        "CREATE TABLE t (a INT, b INT); CREATE INDEX i ON t (a) WHERE b > 0",
        "CREATE TABLE t (a INT, b INT); CREATE VIEW v AS SELECT a FROM t",
        "CREATE TABLE t (a INT, b INT); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE t USING fts5 (a, b)",
    ];
    let mut seen = vec![plain.clone()];
    for other in others {
        let found = schema(&format!("{other}; CREATE TABLE u (a INT PRIMARY KEY);")).await;
        for before in &seen {
            assert_ne!(before.fingerprint(), found.fingerprint(), "{other}");
            let difference = diff(before, &found);
            assert!(!difference.is_empty(), "{other}");
            assert_eq!(diff(&found, before), difference.swapped());
        }
        assert!(diff(&found, &found).is_empty());
        seen.push(found);
    }
}

#[tokio::test]
async fn a_difference_reads_like_a_patch() {
    let difference = difference(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT, CHECK (name <> ''));
         CREATE VIEW names AS\nSELECT name\nFROM users;
         CREATE TABLE a (x, y);",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, age INT, name TEXT);
         CREATE INDEX by_email ON users (email);
         CREATE TABLE a (y, x);
         CREATE TABLE guests (name TEXT UNIQUE) STRICT;",
    )
    .await;
    assert_eq!(
        difference.to_string(),
        "table guests: unexpected
+ column name: TEXT
+ UNIQUE (name)
+ option strict: STRICT

table users: different
+ column age: INT
- column email: TEXT NOT NULL
+ column email: TEXT
- CHECK (name <> '')
+ index by_email: CREATE INDEX by_email ON users (email)

view names: missing
- CREATE VIEW names AS
- SELECT name
- FROM users

table a: its columns stand in another order, which is no difference
- x, y
+ y, x
"
    );
    assert_eq!(difference.objects[2].change, Change::Missing);
}

#[tokio::test]
async fn plain_columns_are_added_and_dropped_in_place() {
    let captured = walked(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT '', \"b c\" INT CONSTRAINT few CHECK (\"b c\" < 9),
         d INT REFERENCES u (id) ON DELETE CASCADE, e AS (id + 1));
         CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE INDEX by_a ON t (a, e);",
    )
    .await;
    assert_eq!(
        captured.up,
        [
            "ALTER TABLE t ADD COLUMN a TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE t ADD COLUMN \"b c\" INT CONSTRAINT few CHECK (\"b c\" < 9)",
            "ALTER TABLE t ADD COLUMN d INT REFERENCES u(id) ON DELETE CASCADE",
            "ALTER TABLE t ADD COLUMN e GENERATED ALWAYS AS (id + 1)",
            "CREATE INDEX by_a ON t (a, e)",
        ]
    );
    assert_eq!(captured.down[0], "DROP INDEX by_a");
    assert_eq!(captured.down.len(), 5);
    assert_eq!(
        notes(&captured),
        ["a", "b c", "d", "e"]
            .map(|column| format!("down: table t: the values of `{column}` are lost"))
    );
}

#[tokio::test]
async fn other_changes_make_a_table_anew_and_keep_its_rows() {
    let before = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b INT CHECK (t.b > 0), c TEXT);
         CREATE TABLE child (t INT REFERENCES t (id) ON DELETE CASCADE);
         CREATE INDEX by_a ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v;
         CREATE VIEW other AS SELECT * FROM child;
         CREATE TRIGGER r AFTER INSERT ON child BEGIN UPDATE t SET a = 'x' WHERE id = new.t; END;";
    let after = before.replace(
        "a TEXT, b INT CHECK (t.b > 0)",
        "a TEXT NOT NULL, b REAL CHECK (t.b > 0)",
    );
    let mut connection = made(before).await;
    run(
        &mut connection,
        "INSERT INTO t VALUES (7, 'seven', 7, 'c'), (9, 'nine', 9, 'c'); DELETE FROM t WHERE id = 9; INSERT INTO child VALUES (7)",
    )
    .await;
    let captured = capture(&read(&mut connection).await, &schema(&after).await);
    assert_eq!(
        captured.up,
        [
            "DROP TRIGGER r",
            "DROP VIEW v",
            "DROP VIEW w",
            "CREATE TABLE new_t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL, b REAL CHECK (new_t.b > 0), c TEXT)",
            "INSERT INTO new_t (id, a, b, c)\nSELECT id, a, b, c FROM t",
            "DELETE FROM sqlite_sequence WHERE name = 'new_t'",
            "INSERT INTO sqlite_sequence (name, seq)\nSELECT 'new_t', seq FROM sqlite_sequence WHERE name = 't'",
            "DROP TABLE t",
            "ALTER TABLE new_t RENAME TO t",
            "CREATE INDEX by_a ON t (a)",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE VIEW w AS SELECT * FROM v",
            "CREATE TRIGGER r AFTER INSERT ON child BEGIN UPDATE t SET a = 'x' WHERE id = new.t; END",
        ]
    );
    walk(&mut connection, &captured.up).await;
    run(&mut connection, "INSERT INTO t (a, b) VALUES ('ten', 1)").await;
    let rows: Vec<(i64, String, f64)> = sqlx::query_as("SELECT id, a, b FROM t")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(rows, [(7, "x".into(), 7.0), (10, "ten".into(), 1.0)]);
    let children: Vec<i64> = sqlx::query_scalar("SELECT t FROM child")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(children, [7]);
    let said = notes(&captured);
    assert!(
        said[0]
            .starts_with("up: table t: it is made anew, which is safe while foreign keys are off"),
        "{said:?}"
    );
    assert_eq!(
        said[1],
        "up: table t: `a` becomes NOT NULL: this fails while a row has NULL in it"
    );
    walked(before, &after).await;
}

#[tokio::test]
async fn rows_keep_their_numbers() {
    let mut connection = made(
        "CREATE TABLE t (a TEXT, b INT); INSERT INTO t (rowid, a) VALUES (3, 'three'), (7, 'seven');
         CREATE VIRTUAL TABLE words USING fts5 (a, content = 't'); INSERT INTO words (rowid, a) SELECT rowid, a FROM t;",
    )
    .await;
    let after = "CREATE TABLE t (a TEXT NOT NULL, b INT); CREATE VIRTUAL TABLE words USING fts5 (a, content = 't');";
    let captured = capture(&read(&mut connection).await, &schema(after).await);
    walk(&mut connection, &captured.up).await;
    let found: Vec<String> = sqlx::query_scalar("SELECT a FROM words WHERE words MATCH 'seven'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(found, ["seven"]);
}

#[tokio::test]
async fn what_may_be_a_rename_is_told() {
    let captured = walked(
        "CREATE TABLE t (a INT, b INT);",
        "CREATE TABLE t (a INT, c INT); CREATE TABLE v (x);",
    )
    .await;
    assert_eq!(
        captured.up[..2],
        [
            "ALTER TABLE t ADD COLUMN c INT",
            "ALTER TABLE t DROP COLUMN b"
        ]
    );
    assert_eq!(
        notes(&captured)[1],
        "up: table t: if `b` was renamed, write `ALTER TABLE … RENAME COLUMN …` instead: \
         that cannot be told from dropping one and adding another"
    );
    let captured = walked("CREATE TABLE t (a INT);", "CREATE TABLE u (a INT);").await;
    assert_eq!(captured.up, ["DROP TABLE t", "CREATE TABLE u (a INT)"]);
    assert!(
        notes(&captured)[1]
            .contains("if it was renamed, write `ALTER TABLE … RENAME TO …` instead")
    );
}

#[tokio::test]
async fn odd_schemas_are_walked_between() {
    let schemas = [
        "",
        "CREATE TABLE a (x INT, p INT CHECK (x > 0));",
        "CREATE TABLE a (x INT, q INT CHECK (x > 0));",
        "CREATE TABLE a (x INTEGER PRIMARY KEY, b INT REFERENCES b (x)); CREATE TABLE b (x INTEGER PRIMARY KEY, a INT REFERENCES a (x));",
        "CREATE VIEW a AS SELECT 1 AS x; CREATE TRIGGER on_a INSTEAD OF INSERT ON a BEGIN SELECT 1; END;",
        "CREATE TABLE a (x INT, new_a INT, CHECK (a.x > 0)); CREATE TABLE new_a (x); CREATE INDEX new_a_ ON a (x);",
        "CREATE TABLE a (x TEXT, new_a INT, CHECK (a.x > 0)); CREATE TABLE new_a (x);",
        "CREATE VIRTUAL TABLE a USING fts5 (x); CREATE VIEW b AS SELECT x FROM a;",
        "CREATE TABLE a (\"check\" TEXT, \"b\"\"c\" INT DEFAULT -1, d TEXT DEFAULT 'it''s (', e INT NOT NULL DEFAULT (1 + 1));
         CREATE TABLE \"it's\" (id INTEGER PRIMARY KEY AUTOINCREMENT);",
        "CREATE TABLE a (\"check\" TEXT, \"b\"\"c\" INT DEFAULT 1, d TEXT DEFAULT 'it''s )', e INT NOT NULL DEFAULT (1 + 2), f);
         CREATE TABLE \"it's\" (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE);
         CREATE INDEX odd ON a (lower(\"check\") DESC) WHERE d IS NOT NULL;",
        "CREATE TABLE a (x INT PRIMARY KEY, y BLOB DEFAULT x'00ff') STRICT, WITHOUT ROWID; CREATE VIEW c AS SELECT y FROM a;
         CREATE VIEW b AS SELECT y FROM c;",
        "CREATE TABLE a (x INT PRIMARY KEY, y BLOB DEFAULT x'00fe') WITHOUT ROWID; CREATE VIEW c AS SELECT x, y FROM a;
         CREATE VIEW b AS SELECT y FROM c;",
    ];
    for before in schemas {
        for after in schemas {
            let captured = walked(before, after).await;
            assert_eq!(captured.is_empty(), before == after);
        }
    }
}
