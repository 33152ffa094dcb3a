//! A page, whatever stands on it: what is made of it is a valid manifest, whose own page is read as the same one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use towpath_core::{
    catalogue::{
        import::{ImportError, Page, import},
        page::{Flavour, document, markdown},
    },
    manifest::parse,
};

fuzz_target!(|text: &str| {
    let imported = match import(&[Page { name: "page.md", text }], None, "guestbook") {
        Ok(imported) => imported,
        Err(ImportError::Invalid(problems)) => panic!("not valid: {problems:#?}"),
        Err(_) => return,
    };
    let parsed = parse(&imported.text, "towpath.toml").expect("what is imported is valid");
    assert_eq!(parsed.manifest, imported.manifest);
    let page = markdown(&document(&imported.manifest, None), Flavour::GitHub);
    let again = import(&[Page { name: "page.md", text: &page }], None, "guestbook")
        .expect("its own page is read");
    assert_eq!(again.manifest, imported.manifest, "{page}");
});
