//! Where services run.
//!
//! `process` runs them on this machine, each under a `shim` that outlives us, behind the traffic `proxy`.

#[cfg(feature = "fake")]
pub mod conformance;
#[cfg(feature = "fake")]
pub mod fake;
pub mod process;
pub mod proxy;
pub mod shim;
