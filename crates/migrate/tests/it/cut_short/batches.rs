//! Backfills that are cut short at every request: every row is met once, and how far it was is true at any moment.

use super::*;
use crate::{mariadb::MariaDb, postgres::Postgres};

const TABLE: &str = "CREATE TABLE boats (id bigint NOT NULL PRIMARY KEY, n bigint NOT NULL);";

fn files() -> [(&'static str, String); 2] {
    let rows: Vec<String> = (1..=120).map(|id| format!("({id}, 0)")).collect();
    let fill = format!("{TABLE}\nINSERT INTO boats VALUES {};", rows.join(", "));
    let add = "-- towpath: data, batch = 10, pause = 0ms\nUPDATE boats SET n = n + 1;";
    [("1_boats.sql", fill), ("2_add.sql", add.into())]
}

async fn every_row_is_met_once<S: Server>(server: &S) {
    let place = Place::new();
    let files = files();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, sql)| (*name, sql.as_str()))
        .collect();
    let folder = place.migrations(&files);
    let set = layout::sqlx::load(&folder).unwrap();
    let url = server.create("usual");
    let relay = Relay::start(S::PROTOCOL, server.port(), Stop::Never).await;
    orders(relay.url(&url), &folder).start().wait_for("done");
    let asked = relay.asked();
    let rounds = rounds();
    let mut between = 0;
    for round in 0..rounds {
        let at = round * asked / rounds;
        let cut = match round % 4 {
            0 => Cut::KilledAt(Stop::Before(at)),
            1 => Cut::GivenUp(Stop::After(at)),
            2 => Cut::Disconnected(Stop::After(at)),
            _ => Cut::KilledAt(Stop::After(at)),
        };
        let name = format!("round_{round}");
        let url = server.create(&name);
        cut_short(server, &name, &url, &folder, cut).await;
        let database = open(&url);
        let plan = database.plan(&set).await.unwrap();
        if plan.history.begun(2).is_some() {
            // As of one instant: the server may be at it still.
            let told = "SELECT coalesce(sum(n), 0), coalesce((SELECT batched FROM _towpath_receipts WHERE version = 2), \
                        '120 120 120') FROM boats";
            let told = server.sql(&name, told).replace('|', "\t");
            let (changed, batched) = told.split_once('\t').unwrap();
            assert_eq!(
                batched.split(' ').nth(1),
                Some(changed),
                "round {round}, {cut:?}"
            );
            between += usize::from(!["0", "120"].contains(&changed));
        }
        let error = apply(&database, &set)
            .await
            .err()
            .map(|error| error.to_string());
        assert_eq!(error, None, "round {round}, {cut:?}");
        let counts = server.sql(&name, "SELECT n, count(*) FROM boats GROUP BY n");
        let counts = counts.replace('|', "\t");
        assert_eq!(counts, "1\t120\n", "round {round}, {cut:?}");
        prove_records(&database, &set, &format!("round {round}, {cut:?}")).await;
        server.drop_database(&name);
    }
    assert!(between > 0, "none was cut short between two batches");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql() {
    if let Some(server) = Postgres::start().await {
        every_row_is_met_once(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb() {
    if let Some(server) = MariaDb::start().await {
        every_row_is_met_once(&server).await;
    }
}
