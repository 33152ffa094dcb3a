//! The library from outside, on real SQLite files and with real processes that are killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod apply;
#[path = "../../../probe/tests/stand-ins/authority.rs"]
mod authority;
mod backfill;
mod child;
mod classify;
mod clone;
mod concurrent;
mod crash;
mod cut_short;
mod disk;
mod flyway;
mod histories;
mod hostile;
mod kill_points;
mod kit;
mod layouts;
#[path = "../../../probe/tests/stand-ins/mariadb.rs"]
mod mariadb;
mod mysql_engine;
mod no_transaction;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "../../../probe/tests/stand-ins/place.rs"]
mod place;
#[path = "../../../probe/tests/stand-ins/postgres.rs"]
mod postgres;
mod postgres_engine;
mod record;
mod refusals;
mod relay;
mod schema;
#[path = "../../../probe/tests/stand-ins/server.rs"]
mod server;
mod servers;
mod snapshot;
mod sqlx_interop;
mod tls;
mod tools;
