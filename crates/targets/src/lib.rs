//! Where services run.
//!
//! `process` runs them on this machine, each under a `shim` that outlives us, behind the traffic `proxy`.

pub mod process;
pub mod proxy;
pub mod shim;
