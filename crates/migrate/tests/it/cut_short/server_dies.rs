//! The server itself is killed, and started again: what it said that it kept is there, and the lock is free.

use super::{Server, complains, mysql, open, orders, outcome, postgres, usual};
use crate::{
    kit::{Place, apply},
    mariadb::MariaDb,
    postgres::Postgres,
    relay::{Relay, Stop},
};

/// How often; each time costs a recovery.
const ROUNDS: usize = 6;

async fn killed_it_is_gone_on_with<S: Server>(mut server: S, files: &[(&str, &str)]) {
    let place = Place::new();
    let folder = place.migrations(files);
    let set = towpath_migrate::layout::sqlx::load(&folder).unwrap();
    let (expected, _, asked) = usual(&server, &folder).await;
    for round in 0..ROUNDS {
        let at = (2 * round + 1) * asked / (2 * ROUNDS);
        let stop = match round % 2 {
            0 => Stop::After(at),
            _ => Stop::Before(at),
        };
        let name = format!("round_{round}");
        let url = server.create(&name);
        let relay = Relay::start(S::PROTOCOL, server.port(), stop).await;
        let applier = orders(relay.url(&url), &folder).start();
        relay.stopped().await;
        server.crash();
        drop(relay);
        complains(applier);
        let away = open(&url).plan(&set).await.unwrap_err();
        assert!(
            away.to_string()
                .starts_with(&format!("reach the database {name} at 127.0.0.1:")),
            "{away}"
        );
        server.restart().await;

        apply(&open(&url), &set).await.unwrap();
        let found = outcome(&server, &name, &url).await;
        assert_eq!(found, expected, "round {round}, {stop:?}");
        super::prove_records(&open(&url), &set, &format!("round {round}, {stop:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql() {
    if let Some(server) = Postgres::start().await {
        killed_it_is_gone_on_with(server, postgres::FILES).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    if let Some(server) = MariaDb::start().await {
        killed_it_is_gone_on_with(server, mysql::FILES).await;
    }
}
