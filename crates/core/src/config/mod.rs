//! Configuration: what values must be, in which layers they stand, and what an environment's services find in the end.
//!
//! Pure: [`Resolution::of`] says for each key which layer's value wins, from the manifest and from what is [`Given`];
//! [`Resolution::fill`] puts the values in. Where a value comes from (a secret file, a store elsewhere) is somebody
//! else's to ask.

mod fill;
mod resolve;
mod template;
mod types;

#[cfg(test)]
mod tests;

pub use fill::{Filled, Unfilled, Values, Why};
pub use resolve::{Candidate, Entry, Given, Layer, Resolution, Scope, Source};
pub use template::{BadTemplate, Piece, parse};
pub use types::Type;
pub(crate) use types::{REFERENCES, is_reference};

/// More keys, counted in each environment, than can be looked at in a moment. No project has so many.
pub(crate) const MOST_KEYS: usize = 200_000;
