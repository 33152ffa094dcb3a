//! PostgreSQL: migrations in one transaction, and in steps of which some cannot be in any.

use super::{Server, cut_short_at_any_point};
use crate::{postgres::Postgres, relay::Protocol};

impl Server for Postgres {
    const PROTOCOL: Protocol = Protocol::Postgres;
    const CONTENT: &str = "SELECT * FROM log ORDER BY version, n;
        SELECT count(*), md5(string_agg(name || coalesce(mood::text, '-'), ',' ORDER BY name)) FROM guests;
        SELECT md5(string_agg(n::text, ',' ORDER BY n)) FROM side.tally;
        SELECT count(*) FROM trail;
        SELECT version, description, success, encode(checksum, 'hex') FROM _sqlx_migrations ORDER BY 1;
        SELECT version, name, checksum, contract, state, down_sql, done FROM _towpath_receipts ORDER BY 1;";

    fn port(&self) -> u16 {
        self.port()
    }

    fn create(&self, database: &str) -> String {
        self.create(database)
    }

    fn drop_database(&self, database: &str) {
        self.sql(
            "postgres",
            &format!("DROP DATABASE {database} WITH (FORCE)"),
        );
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        self.sql(database, sql)
    }

    fn disconnect(&self, database: &str) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
        self.sql("postgres", &format!("{sql} '{database}'"));
    }

    fn crash(&mut self) {
        self.crash();
    }

    async fn restart(&mut self) {
        self.restart().await;
    }
}

/// Every statement that is not harmless to run twice is followed or preceded by a trace that would be there twice.
pub const FILES: &[(&str, &str)] = &[
    (
        "01_log.up.sql",
        "CREATE TABLE log (version int NOT NULL, n int NOT NULL);
         CREATE TABLE guests (id bigserial PRIMARY KEY, name text NOT NULL);
         INSERT INTO log VALUES (1, 1);",
    ),
    ("01_log.down.sql", "DROP TABLE guests; DROP TABLE log;"),
    (
        "02_fill.up.sql",
        "INSERT INTO guests (name) SELECT 'guest ' || i FROM generate_series(1, 20000) AS i;
         INSERT INTO log VALUES (2, 1);",
    ),
    (
        "03_index.up.sql",
        "-- no-transaction
         INSERT INTO log VALUES (3, 1);
         CREATE INDEX CONCURRENTLY guests_name ON guests (name);
         INSERT INTO log VALUES (3, 2);",
    ),
    (
        "04_type.up.sql",
        "CREATE TYPE mood AS ENUM ('glad', 'sad');
         ALTER TABLE guests ADD COLUMN mood mood;
         INSERT INTO log VALUES (4, 1);",
    ),
    (
        "05_block.up.sql",
        "-- no-transaction
         INSERT INTO log VALUES (5, 1);
         BEGIN;
         UPDATE guests SET mood = 'glad' WHERE name LIKE '%3';
         INSERT INTO log VALUES (5, 2);
         INSERT INTO log VALUES (5, 3);
         COMMIT;
         CREATE UNIQUE INDEX CONCURRENTLY ON guests (id, name);
         CREATE INDEX CONCURRENTLY IF NOT EXISTS \"Guests of a mood\" ON guests (mood) WHERE mood IS NOT NULL;
         INSERT INTO log VALUES (5, 4);",
    ),
    (
        "06_settings.up.sql",
        "-- no-transaction
         CREATE SCHEMA side;
         SET search_path TO side, public;
         CREATE TABLE tally (n bigint NOT NULL);
         INSERT INTO tally SELECT i FROM generate_series(1, 1000) AS i;
         CREATE INDEX CONCURRENTLY tally_n ON tally (n);
         INSERT INTO log VALUES (6, 1);
         SELECT set_config('search_path', 'side', false);
         INSERT INTO tally SELECT n + 1000 FROM tally;
         INSERT INTO public.log VALUES (6, 2);",
    ),
    (
        "07_drop.up.sql",
        "-- no-transaction
         INSERT INTO log VALUES (7, 1);
         DROP INDEX CONCURRENTLY guests_name;
         INSERT INTO log VALUES (7, 2);
         REINDEX INDEX CONCURRENTLY guests_id_name_idx;
         INSERT INTO log VALUES (7, 3);",
    ),
    (
        "08_trigger.up.sql",
        "CREATE TABLE trail (guest bigint NOT NULL);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO trail VALUES (new.id);
             RETURN new;
         END $$;
         CREATE TRIGGER noted AFTER INSERT ON guests FOR EACH ROW EXECUTE FUNCTION note();
         INSERT INTO guests (name) VALUES ('the last');
         INSERT INTO log VALUES (8, 1);",
    ),
    (
        "09_data.up.sql",
        "UPDATE guests SET name = name || '!' WHERE name LIKE '%2';
         INSERT INTO log VALUES (9, 1);
         INSERT INTO log VALUES (9, 2);",
    ),
    (
        "10_vacuum.up.sql",
        "-- no-transaction
         INSERT INTO log VALUES (10, 1);
         VACUUM guests;
         CREATE VIEW regulars AS SELECT name FROM guests;
         INSERT INTO log VALUES (10, 2);",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_run_exactly_once() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    cut_short_at_any_point(&server, FILES).await;
}
