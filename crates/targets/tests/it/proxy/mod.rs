//! The proxy over real sockets: real instances behind it, real clients before it.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod control;
mod failure;
mod http;
mod restart;
mod rig;
mod smuggling;
mod switching;
mod upgrade;
