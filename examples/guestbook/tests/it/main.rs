//! Tests over HTTP. `deployed` asks the instance that `TOWPATH_URL` names, or where there is none one of its own;
//! `failing` and `stopping` always have their own, since they break and end it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod deployed;
mod failing;
mod instance;
#[path = "../../src/scratch.rs"]
mod scratch;
mod stopping;
