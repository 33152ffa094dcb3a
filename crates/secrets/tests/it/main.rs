//! The integration tests of secrets: a module per subject.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod dotenv;
#[expect(dead_code, reason = "what is from PyPI is for other tests")]
#[path = "../../../probe/tests/stand-ins/place.rs"]
mod place;
