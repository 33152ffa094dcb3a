//! The shim by itself.

mod ending;
mod output;
mod restarting;
mod starting;
