//! What code reads from its environment: a table for each language, code that is broken or hostile, and directories.

mod directories;
mod go;
mod hostile;
mod javascript;
mod python;
mod rust;

use std::path::Path;

use towpath_secrets::audit::{Language, Moment, Read, read_source};

/// Asserts what is found in each of these texts. A read is written as its name, `-` where it has none, and behind it `?`
/// for a default, `!` for one of the compiler or bundler, and `~` for one in tests.
#[track_caller]
fn assert_table(language: Language, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(code, expected)| {
            let found = read_source(language, Path::new("src/a"), code).unwrap();
            let found: Vec<String> = found.iter().map(told).collect();
            let found = found.join(" ");
            (found != *expected).then(|| format!("{code}\n  is `{found}`, not `{expected}`"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.len() >= 15);
}

fn told(read: &Read) -> String {
    let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
    [
        read.name.as_deref().unwrap_or("-"),
        mark(read.has_default, "?"),
        mark(read.moment == Moment::Build, "!"),
        mark(read.in_tests, "~"),
    ]
    .concat()
}
