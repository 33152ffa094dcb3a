//! MariaDB: changes of the schema, each of which ends a transaction, among changes of rows; and what a session keeps for
//! later statements.

use super::{Server, cut_short_at_any_point};
use crate::{mariadb::MariaDb, relay::Protocol};

impl Server for MariaDb {
    const PROTOCOL: Protocol = Protocol::Mysql;
    const CONTENT: &str = "SELECT * FROM log ORDER BY version, n;
        SELECT count(*), sum(crc32(concat_ws('|', name, coalesce(boss > 0, '-'), coalesce(mood, '-')))), sum(n - id) FROM guests;
        SELECT ben.name, bosses.name, nobody, share FROM bosses JOIN guests AS ben ON ben.boss = bosses.id
          JOIN guests AS ada ON ada.id = bosses.id AND ada.name LIKE 'Ada%';
        SELECT ben.friend > 0, ben.friend = cleo.id FROM guests AS ben JOIN guests AS cleo ON ben.name = 'Ben' AND cleo.name = 'Cleo';
        SELECT count(*), min(id) FROM zeros;
        SELECT * FROM children ORDER BY id;
        SELECT * FROM kept ORDER BY x;
        SELECT * FROM emptied ORDER BY x;
        SELECT version, description, success, hex(checksum) FROM _sqlx_migrations ORDER BY 1;
        SELECT version, name, checksum, contract, state, down_sql, done FROM _towpath_receipts ORDER BY 1;";

    fn port(&self) -> u16 {
        self.port()
    }

    fn create(&self, database: &str) -> String {
        self.create(database)
    }

    fn drop_database(&self, database: &str) {
        self.sql("", &format!("DROP DATABASE {database}"));
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        self.sql(database, sql)
    }

    fn disconnect(&self, database: &str) {
        let find = "SELECT id FROM information_schema.processlist WHERE db =";
        for id in self.sql("", &format!("{find} '{database}'")).lines() {
            // It may be gone by now, and then this fails.
            let mut kill = self.command("mariadb").unwrap();
            kill.arg("-e").arg(format!("KILL {id}")).output().unwrap();
        }
    }

    fn crash(&mut self) {
        self.crash();
    }

    async fn restart(&mut self) {
        self.restart().await;
    }
}

/// Every statement that is not harmless to run twice leaves a trace that would be there twice.
pub const FILES: &[(&str, &str)] = &[
    (
        "01_log.up.sql",
        "CREATE TABLE log (version int NOT NULL, n bigint NOT NULL);
         CREATE TABLE guests (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(200) NOT NULL);
         INSERT INTO log VALUES (1, 1);",
    ),
    ("01_log.down.sql", "DROP TABLE guests; DROP TABLE log;"),
    (
        "02_fill.up.sql",
        "SET @start = 41;
         INSERT INTO guests (name) SELECT concat('guest ', seq) FROM seq_1_to_2000;
         INSERT INTO log VALUES (2, @start);
         ALTER TABLE guests ADD COLUMN n bigint;
         UPDATE guests SET n = @start + id;
         INSERT INTO log VALUES (2, @start + 1);",
    ),
    (
        // What the session keeps is of its moment: asked again, it would be something else.
        "03_variables.up.sql",
        "INSERT INTO guests (name) VALUES ('Ada');
         SET @boss = last_insert_id(), @`who is it` = 'Ada', @nobody = NULL, @share = 0.25;
         ALTER TABLE guests ADD COLUMN boss bigint;
         INSERT INTO guests (name, boss) VALUES ('Ben', @boss);
         SELECT count(*), max(name) INTO @count, @last FROM guests WHERE boss IS NULL;
         CREATE TABLE bosses (id bigint, name varchar(200), nobody int, share decimal(4, 2));
         DELETE FROM guests WHERE name LIKE '%5';
         INSERT INTO bosses VALUES (@boss, @`who is it`, @nobody, @share);
         CREATE INDEX bosses_id ON bosses (id);
         INSERT INTO log VALUES (3, @count), (3, length(@last));
         SET @logged = row_count();
         ALTER TABLE log ADD COLUMN note varchar(20) NOT NULL DEFAULT '';
         INSERT INTO log (version, n) VALUES (3, 100 + @logged);
         ALTER TABLE log DROP COLUMN note;
         INSERT INTO guests (name) VALUES ('Cleo');
         ALTER TABLE guests ADD COLUMN friend bigint;
         UPDATE guests SET friend = last_insert_id() WHERE name = 'Ben';",
    ),
    (
        "04_dump.up.sql",
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
         /*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
         CREATE TABLE children (id bigint PRIMARY KEY, parent bigint REFERENCES parents (id));
         INSERT INTO children VALUES (1, 7);
         CREATE TABLE zeros (id bigint AUTO_INCREMENT PRIMARY KEY);
         INSERT INTO zeros VALUES (0);
         CREATE TABLE parents (id bigint PRIMARY KEY);
         INSERT INTO parents VALUES (7);
         /*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
         /*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
         INSERT INTO zeros VALUES (0);
         ALTER TABLE zeros COMMENT = 'with a zero';
         INSERT INTO log VALUES (4, 1);",
    ),
    (
        "05_prepared.up.sql",
        "SET @ddl = (SELECT if(count(*) = 0, 'ALTER TABLE guests ADD COLUMN mood int', 'DO 0')
                     FROM information_schema.columns
                     WHERE table_schema = database() AND table_name = 'guests' AND column_name = 'mood');
         PREPARE change_it FROM @ddl;
         EXECUTE change_it;
         DEALLOCATE PREPARE change_it;
         PREPARE note FROM 'INSERT INTO log VALUES (5, ?)';
         SET @n = 8;
         EXECUTE note USING @n;
         CREATE INDEX guests_mood ON guests (mood);
         EXECUTE note USING @n;
         DEALLOCATE PREPARE note;
         INSERT INTO log VALUES (5, 1);",
    ),
    (
        "06_rows.up.sql",
        "UPDATE guests SET name = concat(name, '!') WHERE name LIKE '%2';
         INSERT INTO log VALUES (6, 1);
         INSERT INTO log VALUES (6, 2);",
    ),
    (
        "07_routines.up.sql",
        "CREATE PROCEDURE note(IN n int) BEGIN INSERT INTO log VALUES (7, n); END;
         CALL note(1);
         CREATE PROCEDURE alter_it() BEGIN ALTER TABLE guests ADD COLUMN called int; END;
         CALL alter_it();
         CREATE TRIGGER noted AFTER INSERT ON bosses FOR EACH ROW BEGIN
           CALL note(new.id);
           CALL note(2);
         END;
         INSERT INTO bosses (id) VALUES (77);
         DROP PROCEDURE alter_it;
         INSERT INTO log VALUES (7, 3);",
    ),
    (
        "08_names.up.sql",
        "CREATE TABLE old (x int); CREATE TABLE older (x int); CREATE TABLE kept (x int);
         INSERT INTO kept VALUES (1);
         DROP TABLE old, older;
         RENAME TABLE kept TO kept_for_long, bosses TO bosses_before;
         INSERT INTO kept_for_long VALUES (2);
         RENAME TABLE kept_for_long TO kept, bosses_before TO bosses;
         INSERT INTO log VALUES (8, 1);",
    ),
    (
        "09_block.up.sql",
        "CREATE TABLE emptied (x int);
         INSERT INTO emptied VALUES (1), (2);
         START TRANSACTION;
         INSERT INTO log VALUES (9, 1);
         UPDATE guests SET n = n + 1;
         COMMIT;
         TRUNCATE emptied;
         INSERT INTO emptied VALUES (3);
         ALTER TABLE emptied ENGINE = InnoDB;
         INSERT INTO log VALUES (9, 2);",
    ),
    (
        "10_view.up.sql",
        "CREATE VIEW regulars AS SELECT name FROM guests;
         INSERT INTO log VALUES (10, 1);
         CREATE OR REPLACE VIEW regulars AS SELECT id, name FROM guests;
         INSERT INTO log VALUES (10, 2);",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_run_exactly_once() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    cut_short_at_any_point(&server, FILES).await;
}
