//! MySQL's schemas, on a MariaDB server.

use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};
use towpath_migrate::schema::{Schema, capture, diff, mysql};

use crate::mariadb::MariaDb;

async fn run(connection: &mut MySqlConnection, sql: &str) {
    let ran = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    assert!(ran.is_ok(), "{sql}: {ran:?}");
}

async fn read(connection: &mut MySqlConnection) -> Schema {
    mysql::read(connection).await.unwrap()
}

/// A database of this name in which these statements were run.
async fn made(server: &MariaDb, name: &str, statements: &[&str]) -> MySqlConnection {
    let mut connection = MySqlConnection::connect(&server.create(name))
        .await
        .unwrap();
    for statement in statements {
        run(&mut connection, statement).await;
    }
    connection
}

async fn walk(connection: &mut MySqlConnection, statements: &[String], target: &Schema) {
    for statement in statements {
        run(connection, statement).await;
    }
    let left = diff(target, &read(connection).await);
    assert!(left.is_empty(), "{}\n{left}", statements.join(";\n"));
}

const SCHEMAS: [&[&str]; 5] = [
    &[],
    &[
        "CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(40) NOT NULL, mood enum('sad', 'ok') DEFAULT 'ok',
            CHECK (name <> ''))",
        "CREATE TABLE posts (id bigint, author int, title varchar(80) COLLATE utf8mb4_bin, length int AS (length(title)) STORED,
            KEY by_title (title(10)), FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE) COMMENT 'a (b'",
        "CREATE VIEW titles AS SELECT p.title, u.name FROM posts p JOIN users u ON u.id = p.author",
        "CREATE VIEW longest AS SELECT max(title) AS title FROM titles",
        "CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW SET NEW.name = trim(NEW.name)",
        "CREATE FUNCTION half(n int) RETURNS int DETERMINISTIC BEGIN DECLARE x int; SET x = n / 2; RETURN x; END",
    ],
    &[
        "CREATE TABLE users (boss bigint, id bigint, name varchar(20), mood enum('ok', 'glad') NOT NULL DEFAULT 'ok' COMMENT 'so',
            PRIMARY KEY (id, mood), UNIQUE KEY names (name), KEY (boss),
            CONSTRAINT boss FOREIGN KEY (boss) REFERENCES users (id)) DEFAULT CHARSET latin1",
        "CREATE TABLE posts (id bigint PRIMARY KEY AUTO_INCREMENT, author bigint, title text, length int AS (length(title) + 1) VIRTUAL,
            at timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp, FULLTEXT KEY words (title),
            CONSTRAINT written_by FOREIGN KEY (author) REFERENCES users (id) ON UPDATE CASCADE)",
        "CREATE VIEW titles AS SELECT p.title FROM posts p",
        "CREATE FUNCTION half(n int) RETURNS int DETERMINISTIC RETURN n / 2",
        "CREATE PROCEDURE clear() DELETE FROM posts",
        "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM posts",
    ],
    &[
        "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 5",
        "CREATE TABLE users (id int DEFAULT nextval(numbers) PRIMARY KEY, `odd ``name` decimal(10,2) DEFAULT 0.50, area int,
            length int, CHECK (area < 9), doc json) ENGINE MyISAM ROW_FORMAT=DYNAMIC",
        "CREATE TABLE posts (length int, title varchar(80) CHARACTER SET latin1, id bigint, at datetime(3))",
        "CREATE TRIGGER named AFTER DELETE ON posts FOR EACH ROW BEGIN DELETE FROM users; DELETE FROM users; END",
    ],
    &[
        "CREATE TABLE users (id int PRIMARY KEY, area int)",
        "CREATE TABLE areas (id int PRIMARY KEY, leader int, CONSTRAINT led FOREIGN KEY (leader) REFERENCES users (id))",
        "ALTER TABLE users ADD CONSTRAINT within FOREIGN KEY (area) REFERENCES areas (id)",
        "CREATE TABLE parts (id int, n int) PARTITION BY HASH (id) PARTITIONS 3",
    ],
];

#[tokio::test]
async fn every_schema_is_walked_to_from_every_other() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let mut all = Vec::new();
    for (index, statements) in SCHEMAS.iter().enumerate() {
        let mut connection = made(&server, &format!("d{index}"), statements).await;
        let schema = read(&mut connection).await;
        assert_eq!(
            schema.objects.len() + schema.tables.len(),
            statements
                .iter()
                .filter(|sql| sql.starts_with("CREATE"))
                .count()
        );
        // What names its own database would lead back to it from another.
        let text = serde_json::to_string(&schema).unwrap();
        assert!(!text.contains(&format!("`d{index}`")), "{text}");
        all.push((connection, schema));
    }
    for from in 0..all.len() {
        // The way down is the way up from the other side.
        for to in from..all.len() {
            let (expected, found) = (all[from].1.clone(), all[to].1.clone());
            let captured = capture(&expected, &found);
            assert_eq!(captured.is_empty(), from == to);
            walk(&mut all[from].0, &captured.up, &found).await;
            walk(&mut all[from].0, &captured.down, &expected).await;
        }
    }
}

#[tokio::test]
async fn rows_are_kept_and_what_is_not_written_is_told() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let mut connection = made(
        &server,
        "app",
        &[
            "CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(40), KEY by_name (name))",
            "CREATE TABLE schema_migrations (version bigint)",
            "INSERT INTO users (name) VALUES ('Ada'), ('Bo')",
        ],
    )
    .await;
    let before = read(&mut connection).await;
    assert_eq!(before.tables.len(), 1);
    let mut other = made(
        &server,
        "other",
        &[
            "CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, age int NOT NULL, name varchar(20) NOT NULL,
                UNIQUE KEY by_name (name))",
        ],
    )
    .await;
    let after = read(&mut other).await;
    let captured = capture(&before, &after);
    assert_eq!(
        captured.up,
        ["ALTER TABLE `users`
    DROP KEY `by_name`,
    ADD COLUMN `age` int(11) NOT NULL AFTER `id`,
    MODIFY COLUMN `name` varchar(20) NOT NULL,
    ADD UNIQUE KEY `by_name` (`name`)"]
    );
    walk(&mut connection, &captured.up, &after).await;
    walk(&mut connection, &captured.down, &before).await;
    assert_eq!(server.sql("app", "SELECT * FROM users"), "1\tAda\n2\tBo\n");
    let notes: Vec<_> = captured.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "up: table users: the values of `name` are converted, and outside the strict mode cut off where they do not fit; check them",
            "up: table users: `name` becomes NOT NULL: this fails while a row has NULL in it",
            "up: table users: `age` is NOT NULL without a default: rows that are there get zero or an empty text",
            "down: table users: the values of `age` are lost",
            "down: table users: the values of `name` are converted, and outside the strict mode cut off where they do not fit; check them",
        ]
    );
    run(&mut other, "ALTER TABLE users DROP KEY by_name").await;
    run(
        &mut other,
        "ALTER TABLE users PARTITION BY HASH (id) PARTITIONS 2",
    )
    .await;
    let partitioned = read(&mut other).await;
    let notes = capture(&after, &partitioned).notes;
    assert_eq!(
        notes[0].to_string(),
        "up: table users: its option `partition` changes, which is not written"
    );
}
