//! Tests over HTTP. `deployed` asks the instance that `TOWPATH_URL` names, or where there is none one of its own;
//! `stopping` always has its own, since it ends it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod deployed;
mod instance;
#[path = "../../src/scratch.rs"]
mod scratch;
mod stopping;
