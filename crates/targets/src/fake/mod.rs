//! A target and a runner in memory, that do what a test tells them: fail, dawdle, fall ill, lose things.
//!
//! They keep to the same rules as the real ones (the target passes the same conformance suite), so that what is tested
//! with them is tested against something that can exist.

mod faults;
mod runner;
mod target;

pub use faults::{Call, Gate};
pub use runner::FakeRunner;
pub use target::{FakeTarget, Sickness};
