//! Whatever is written: everybody reads it back as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use towpath_secrets::dotenv::{DotenvError, parse, write};

use super::{generated, readings};

/// Values that have to be quoted with care.
const VALUES: &[&str] = &[
    "",
    "plain",
    " ",
    " a b ",
    "a#b",
    "#",
    "it's",
    "'",
    "''",
    "\"",
    "`",
    "'a'",
    "\"a\"",
    "`a`",
    "'\"`",
    "a' \"b\" `c`",
    "$",
    "$A",
    "${A:-b}",
    "$(printf hi)",
    "it's $A",
    "it's $(printf hi)",
    "'$A'",
    "\\$A",
    "pa$$word",
    "\\",
    "a\\",
    "'\\",
    "\\'",
    "\\\"",
    "\\`",
    "\\'\\\"\\`",
    " \\",
    "$A\\",
    "it's\\",
    "'$A\\",
    "a\nb",
    "\n",
    "'\n",
    "\"\n",
    "a\r\nb",
    "\r",
    "'\r",
    "\\n",
    "\\n'",
    "\\t",
    "\\\n",
    "\\\r",
    "\u{2028}",
    "'\u{2028}'",
    "\u{feff}",
    "=",
    "export",
    "{\"a\": \"b's\"}",
    "-----BEGIN KEY-----\nabc\n-----END KEY-----\n",
    "encrypted:abc",
    "é 鍵 🔑",
];

fn round_trip(files: &[Vec<(String, String)>]) {
    let texts: Vec<String> = files
        .iter()
        .map(|file| {
            let entries = file.iter().map(|(key, value)| (&**key, &**value));
            write(entries).unwrap().to_string()
        })
        .collect();
    for (file, text) in files.iter().zip(&texts) {
        let entries = parse(text).unwrap().into_iter();
        let read: Vec<_> = entries
            .map(|entry| {
                let told = entry.is_disputed() || entry.expands();
                assert!(!told, "{} in {text:?}", entry.key);
                (entry.key, entry.value.expose_secret().to_owned())
            })
            .collect();
        assert_eq!(&read, file, "{text:?}");
    }
    let Some(readings) = readings(&texts) else {
        return;
    };
    for ((file, text), readings) in files.iter().zip(&texts).zip(&readings) {
        let expected: BTreeMap<String, String> = file.iter().cloned().collect();
        assert_eq!(readings.dotenvx.read(text), &expected, "{text:?}");
        assert_eq!(readings.dotenv.read(text), &expected, "{text:?}");
        assert_eq!(readings.fast.read(text), &expected, "{text:?}");
    }
}

#[test]
fn every_value_of_a_table_comes_back_whatever_is_behind_it() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut files = Vec::new();
    for first in VALUES {
        for second in VALUES {
            files.push(vec![pair("A", first), pair("B", second)]);
        }
    }
    round_trip(&files);
}

#[test]
fn whatever_can_be_written_comes_back() {
    let letter = prop::sample::select(vec![
        "a", "n", "r", "t", " ", "\n", "\r", "'", "\"", "`", "\\", "\\", "$", "{", "}", "(", ")",
        "#", "=", "\u{2028}", "é",
    ]);
    let value = prop::collection::vec(letter, 0..10).prop_map(|letters| letters.concat());
    let any = prop_oneof![4 => value, 1 => "\\PC{0,12}"];
    let file = prop::collection::vec(any, 1..6);
    let mut refused = 0;
    let mut files = Vec::new();
    for values in generated(file, 6_000) {
        let named = values.into_iter().enumerate();
        let named = named.map(|(number, value)| (format!("K{number}"), value));
        let written = |(key, value): &(String, String)| write([(&**key, &**value)]).is_ok();
        let (file, left): (Vec<_>, Vec<_>) = named.partition(written);
        refused += left.len();
        files.push(file);
    }
    let written: usize = files.iter().map(Vec::len).sum();
    assert!(
        refused < written / 4,
        "{refused} refused, {written} written"
    );
    round_trip(&files);
}

#[test]
fn a_value_with_two_kinds_of_quotes_and_no_more_can_always_be_written() {
    let letters = |quotes: &'static str| format!("[a-z \n#{quotes}]{{0,20}}");
    for quotes in ["'\"", "'`", "\"`"] {
        for value in generated(prop::string::string_regex(&letters(quotes)).unwrap(), 500) {
            write([("A", &*value)]).unwrap();
        }
    }
}

#[test]
fn names_that_make_javascript_stumble_are_refused() {
    let text = |key: &str| format!("{key}=b\nB=1\n");
    let names = [
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
    ];
    for key in names {
        let refused = write([(key, "b")]).err();
        let expected = DotenvError::ReservedKey { key: key.into() };
        assert_eq!(refused, Some(expected));
    }
    // The reason is still there.
    let texts: Vec<String> = names.into_iter().map(text).collect();
    let Some(readings) = readings(&texts) else {
        return;
    };
    for (text, readings) in texts.iter().zip(&readings) {
        let failed = matches!(readings.dotenvx, super::Reading::Failed(_));
        assert!(failed, "{text:?}");
    }
}
