//! The binary as people use it: real repositories, real processes, real crashes. A module a subject; `project` is the
//! fixture that they share.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod catalogue;
mod crash;
mod demo;
mod doctor;
mod lints;
mod parity;
mod project;
mod refusals;
mod server;
mod store;
mod together;
mod walk;
