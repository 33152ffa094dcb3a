//! A file of SOPS, whatever it says: reading it never panics, and one that opens is written and opens to the same.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;
use towpath_secrets::sops::{Document, Format, Identities, Sealed, Value};

/// Of the files in the corpus, whose keys are published.
static IDENTITIES: LazyLock<Identities> = LazyLock::new(|| {
    let keys = include_str!("../../crates/secrets/tests/it/sops/vectors/keys.txt");
    Identities::from_text(keys).expect("they are keys")
});

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Yaml, Format::Json, Format::Dotenv] {
        let Ok(sealed) = Sealed::parse(bytes, format) else {
            continue;
        };
        let Ok(mut document) = sealed.open(&IDENTITIES) else {
            continue;
        };
        let before = all(&document);
        // What came in one format may not be sayable in it, such as a key of dotenv with a line's end.
        let Ok(written) = document.seal(jiff::Timestamp::UNIX_EPOCH) else {
            continue;
        };
        let again = Sealed::parse(&written, format).and_then(|sealed| sealed.open(&IDENTITIES));
        let again = again.expect("what was written opens");
        assert_eq!(all(&again), before, "{}", String::from_utf8_lossy(&written));
    }
});

/// Everything that it says, outside of lists.
fn all(document: &Document) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let at: Vec<&str> = path.iter().map(String::as_str).collect();
        for key in document.keys(&at) {
            let inner: Vec<&str> = at.iter().copied().chain([key]).collect();
            let path: Vec<String> = inner.iter().map(ToString::to_string).collect();
            if let Some(value) = document.get(&inner) {
                found.push((path.clone(), said(value)));
            }
            paths.push(path);
        }
    }
    found
}

fn said(value: &Value) -> String {
    let text = value.text();
    format!(
        "{value:?} {}",
        text.as_ref().map_or("", |text| text.expose_secret())
    )
}
