//! The application: one binary with several roles. The binary itself is `main`; this is what it is made of.

pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod engine;
mod files;
pub mod git;
pub mod home;
pub mod server;
pub mod store;
