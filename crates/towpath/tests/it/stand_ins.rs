//! The servers that tests start.

#![expect(dead_code, reason = "some of it is for other tests")]

#[path = "../../../probe/tests/stand-ins/mariadb.rs"]
pub mod mariadb;
#[path = "../../../probe/tests/stand-ins/postgres.rs"]
pub mod postgres;
#[path = "../../../probe/tests/stand-ins/server.rs"]
pub mod server;

use crate::place;
