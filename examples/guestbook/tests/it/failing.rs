//! When the database fails, visitors are told kindly and whoever watches is told clearly.

use rusqlite::Connection;

use crate::{client, instance::Instance};

#[test]
fn a_lost_table_is_no_healthy_service() {
    let instance = Instance::start("failing");
    assert_eq!(client::get(&instance.url, "/").status, 200);
    let database = Connection::open(instance.database.path()).unwrap();
    database.execute_batch("DROP TABLE entries").unwrap();
    for path in ["/", "/api/entries", "/feed.xml"] {
        let answer = client::get(&instance.url, path);
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.body.contains("come back in a minute"));
        assert!(!answer.body.contains("entries"), "no inner workings");
    }
    let health = client::get(&instance.url, "/healthz");
    assert_eq!(health.status, 503);
    assert!(health.body.contains("no such table: entries"));
}
