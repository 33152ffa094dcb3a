//! Several at once on one data directory: each thing is done by one of them, and once.

mod asked_twice;
mod taken_over;
