//! The shim by itself.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod crashing;
mod ending;
mod output;
mod restarting;
mod secrets;
mod starting;
