//! The traffic proxy: a process of its own, with a state file of its own, that users' requests go through.

pub mod control;
