//! Pages in many shapes, and pages made from manifests.

mod pages;
mod round_trip;

use super::{Imported, Page, import};

/// What a page says, as a manifest and a report.
fn imported(text: &str) -> Imported {
    match import(
        &[Page {
            name: "page.md",
            text,
        }],
        None,
        "guestbook",
    ) {
        Ok(imported) => imported,
        Err(error) => panic!("{error}: {text}"),
    }
}
