//! The page that describes the environments, made from the manifest: what is on it is what is done.
//!
//! `content` says what stands on it, `document` is that as values, `markdown` and `html` write it. What the tables do not tell
//! stands on it as TOML (`rest`), so that [`import`](super::import) reads the same manifest from it.

mod boxes;
mod content;
mod document;
mod figure;
mod git_graph;
mod html;
mod lanes;
mod markdown;
mod marks;
mod mermaid;
mod process;
mod rest;

pub use content::{Standing, document};
pub use document::{Block, Document, Word, Words};
pub use figure::figure;
pub use git_graph::git_graph;
pub use html::html;
pub use markdown::{Flavour, markdown};
pub use marks::{MarkError, put_into};
pub use mermaid::mermaid;

pub(super) use content::{DRAWN, LANES, PROCESS};
pub(super) use rest::NOTHING;

#[cfg(test)]
mod tests;
