//! The binary as people use it: real repositories, real processes, real crashes. A module a subject; `project` is the
//! fixture that they share.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod backfills;
mod catalogue;
mod config;
mod crash;
mod databases;
mod db;
mod db_capture;
mod db_command;
mod db_drift;
mod db_reset;
mod db_servers;
mod demo;
mod doctor;
mod drift_gate;
mod flyway;
mod formats;
mod lints;
mod parity;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "../../../probe/tests/stand-ins/place.rs"]
mod place;
mod project;
mod refusals;
mod rehearse;
mod rehearse_clone;
mod secret_scan;
mod secrets;
mod server;
mod stand_ins;
mod store;
mod together;
mod walk;
mod way_back;
