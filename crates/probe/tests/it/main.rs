//! Every kind of thing, seen as it should be and as it should not, on servers that are real where there are any.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "../stand-ins/authority.rs"]
mod authority;
mod aws;
mod certificates;
mod docker;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "../stand-ins/mariadb.rs"]
mod mariadb_server;
mod mysql;
mod oidc;
#[expect(dead_code, reason = "what is from crates.io is for other tests")]
#[path = "../stand-ins/place.rs"]
mod place;
mod postgres;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "../stand-ins/postgres.rs"]
mod postgres_server;
mod posthog;
mod resend;
mod rig;
mod secrets;
#[path = "../stand-ins/server.rs"]
mod server;
mod smtp;
mod sqlite;
mod unreachable;
mod web;
mod website;
