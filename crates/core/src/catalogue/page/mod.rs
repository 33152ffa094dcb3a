//! The page that describes the environments, made from the manifest: what is on it is what is done.

mod markdown;
mod marks;
mod mermaid;
mod process;

pub use markdown::markdown;
pub use marks::{MarkError, put_into};
pub use mermaid::mermaid;

#[cfg(test)]
mod tests;
