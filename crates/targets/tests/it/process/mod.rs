//! Jobs and instances as processes.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

mod conformance;
mod instances;
mod jobs;
mod ports;
mod proxy;
mod rig;
