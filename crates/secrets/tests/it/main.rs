//! The integration tests of secrets: a module per subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod audit;
mod dotenv;
#[path = "../../../probe/tests/stand-ins/place.rs"]
mod place;
mod provider;
mod scan;
#[expect(dead_code, reason = "some of it is for other tests")]
#[path = "../../../probe/tests/stand-ins/server.rs"]
mod server;
mod sops;
