//! Tests of the manifest as a whole: the example, every key, every problem, hostile text.

mod every_key;
mod example;
mod hostile;
mod lints;
mod problems;
mod rendering;

use super::{Parsed, Problems, parse};

/// The manifest that the design shows.
const EXAMPLE: &str = include_str!("example.toml");

/// A manifest that writes every key, each with another value than its default.
const EVERY_KEY: &str = include_str!("every_key.toml");

fn read(text: &str) -> Result<Parsed, Problems> {
    parse(text, "towpath.toml")
}

/// The codes and places of everything that is said about a text, valid or not.
fn said(text: &str) -> Vec<String> {
    let problems = match read(text) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems.into_iter().collect(),
    };
    problems.iter().map(super::Problem::one_line).collect()
}
