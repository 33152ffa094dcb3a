//! On MariaDB.

use std::sync::Arc;

use super::*;
use crate::mariadb::MariaDb;

#[derive(Clone)]
struct Home {
    server: Arc<MariaDb>,
    name: &'static str,
    url: String,
}

impl Home {
    fn new(server: &Arc<MariaDb>, name: &'static str) -> Home {
        Home {
            url: server.create(name),
            server: server.clone(),
            name,
        }
    }
}

impl Store for Home {
    fn database(&self) -> Database {
        Database::open(&self.url).unwrap()
    }

    fn sql(&self, sql: &str) -> Vec<String> {
        let sql = format!("SET NAMES utf8mb4; {sql}");
        let answer = self.server.sql(self.name, &sql);
        answer.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn rows_are_changed_in_batches() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let server = Arc::new(server);
    let home = |name| Home::new(&server, name);
    every_row_is_met_once(&home("once")).await;
    an_empty_table_is_done_at_once(&home("empty")).await;
    what_is_paused_goes_on_where_it_was(&home("paused")).await;
    a_batch_that_fails_keeps_those_before_it(&home("fails")).await;
    text_is_a_key_as_well(&home("text"), "varchar(200) CHARACTER SET utf8mb4").await;
    rows_are_copied_and_deleted(&home("copied")).await;
    services_write_on(&home("meanwhile")).await;
    keys_of_every_type(&home("types")).await;
    what_has_no_transactions_is_refused(&home("myisam")).await;
}

async fn keys_of_every_type(store: &Home) {
    let types = [
        (
            "latin",
            "varchar(20) CHARACTER SET latin1",
            "concat('é', n)",
        ),
        ("bytes", "binary(16)", "unhex(md5(n))"),
        ("uuids", "uuid", "uuid()"),
        ("large", "bigint unsigned", "18446744073709551615 - n"),
        ("decimals", "decimal(10, 3)", "n / 7"),
    ];
    let mut files = Vec::new();
    for (index, (table, kind, value)) in types.iter().enumerate() {
        let make = format!(
            "CREATE TABLE {table} (k {kind} NOT NULL PRIMARY KEY, n bigint NOT NULL);
INSERT INTO {table} SELECT {value}, n FROM (SELECT seq AS n FROM seq_1_to_40) AS s;
UPDATE {table} SET n = 0;"
        );
        let add = format!("-- towpath: data, batch = 7, pause = 0ms\nUPDATE {table} SET n = n + 1");
        files.push((format!("{}_{table}.sql", 2 * index + 1), make));
        files.push((format!("{}_add.sql", 2 * index + 2), add));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, sql)| (name.as_str(), sql.as_str()))
        .collect();
    apply(&store.database(), &set(&files)).await.unwrap();
    for (table, ..) in types {
        let met = format!("SELECT count(*) FROM {table} WHERE n = 1");
        assert_eq!(store.one(&met), 40, "{table}");
    }
}

async fn what_has_no_transactions_is_refused(store: &Home) {
    let table = "CREATE TABLE boats (id bigint PRIMARY KEY, n bigint) ENGINE = MyISAM;";
    let set = with(store, table, "2_add.sql", ADD_ONE).await;
    let error = apply(&store.database(), &set).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.ends_with("boats is kept by MyISAM, which has no transactions"),
        "{said}"
    );
}
