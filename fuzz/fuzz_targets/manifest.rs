//! A manifest's text, whatever it is: it is read or refused, and what is read can be written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use towpath_core::manifest::{parse, write};

fuzz_target!(|text: &str| {
    if let Ok(parsed) = parse(text, "towpath.toml") {
        let written = write(&parsed.manifest);
        let again = parse(&written, "towpath.toml").expect("what is written is valid");
        assert_eq!(again.manifest, parsed.manifest, "{written}");
    }
});
