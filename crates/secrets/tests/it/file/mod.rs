//! The file of an environment, changed by processes that die and by processes at once.

mod child;
mod kill;
