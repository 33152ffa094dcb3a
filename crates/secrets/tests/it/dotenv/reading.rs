//! Whatever is in a file: what is read is what `dotenvx` and npm's `dotenv` read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use towpath_secrets::dotenv::{Entry, parse};

use super::{Readings, generated, readings};

/// Texts, each of them one question about the grammar.
const TABLE: &[&str] = &[
    // Plain values, and space around them.
    "A=b",
    "A=",
    "A=\nB=1",
    "A = b ",
    "  A=b",
    "\tA\t=\tb\t",
    "A=b c",
    "A=1 B=2",
    "A=\u{a0}b\u{3000}",
    "A=\u{85}b",
    "A=a=b=",
    "A==b",
    // Names, and what is before them.
    "export A=b",
    "export\tA=b",
    "export  \n A=b",
    "exportA=b",
    "export=b",
    "export =b",
    "export: b",
    "export export A=b",
    "A.b-c_1=d",
    "1=d",
    "Ä=d\nB=1",
    "foo A=b",
    "A B=c",
    "A",
    "A\n=b",
    "=b",
    // The other sign.
    "A: b",
    "A:b",
    "A : b",
    "A:\tb",
    "A:\nb",
    "A: 'b' # c",
    "A:=b",
    "A: = b",
    // Quotes.
    "A='b'",
    "A=\"b\"",
    "A=`b`",
    "A= 'b' ",
    "A=''",
    "A=\"\"",
    "A=``",
    "A=' b '",
    "A='b\"c`d'",
    "A=\"b'c`d\"",
    "A='it's'",
    "A='it\\'s'",
    "A=\"a\\\"b\"",
    "A=`a\\`b`",
    "A='''",
    "A=''''",
    "A='a'b'",
    "A=\"a\" b",
    "A=\"a\" \"b\"",
    "A='a\"",
    "A='a",
    "A='a\nB=1",
    "A=a'b'",
    "A=a\"",
    "A='a\\'\nB='c'",
    "A='a\\'\nB='\n'",
    "A=\n'b'",
    "A=\n\n \"b\"\nB=1",
    "A= \n b",
    // Several lines.
    "A='a\nb'\nB=1",
    "A=\"a\nb # c\n\"\nB=1",
    "A=`a\n\nb`\nB=1",
    "A='a\nb'c\nB=1",
    "A=\"a\n'b'\n\"",
    "A='-----BEGIN KEY-----\nabc\n-----END KEY-----\n'",
    // Comments.
    "# A=b\nB=1",
    "A=b # c",
    "A=b#c",
    "A= # c",
    "A=# c",
    "A='b' # c",
    "A='b'#c",
    "A='b # c'",
    "A=\"b\" # c 'd\" e",
    "A='b # c\nB='d'",
    "A='b'\n# 'c\nB=d",
    "A=b # 'c\nB='d'",
    "A=it's # c\nB='d'",
    // Escapes.
    "A=\"a\\nb\\rc\\td\"",
    "A='a\\nb\\rc\\td'",
    "A=`a\\nb\\rc\\td`",
    "A=a\\nb",
    "A=\"a\\\\nb\"",
    "A=\"a\\\\tb\"",
    "A=\"a\\\\\"",
    "A=\"a\\nb",
    "A='a\\'b",
    // Line ends, and what else JavaScript takes for one.
    "A=b\r\nB=c\r\n",
    "A=b\rB=c",
    "A='b\r\nc\rd'",
    "A=\"b\r\n\"\r\n#\r\nB=1",
    "\u{feff}A=b",
    "A=b\u{feff}",
    "A=b\u{2028}B=c",
    "A='b'\u{2028}'c'",
    "A=x\u{2028}'b'\u{2029}\"c\"",
    "# a\u{2028}B=c",
    // Twice.
    "A=1\nB=2\nA=3",
    // What dotenvx replaces, and what it does not.
    "A=$B",
    "B=1\nA=$B",
    "A=\"x${B}y\"",
    "A=`$B`",
    "A='$B'",
    "A='$B",
    "A=${B:-c}",
    "A=${B-c}",
    "B=1\nA=${B:+c}",
    "A=\\$B",
    "A=\"\\${B}\"",
    "A='\\$B'",
    "A=$",
    "A=$1",
    "A=a$$",
    "A=${}",
    "A=${B",
    "A=$(printf hi)",
    "A=\"\\$(printf hi)\"",
    "A=`x$(printf hi)y`",
    "A='$(printf hi)'",
    "A=$(printf",
    "A=encrypted:$B",
    "A=\"encrypted:abc\"",
];

#[test]
fn a_table_of_questions_is_answered_as_they_do() {
    let texts: Vec<String> = TABLE.iter().map(|&text| text.to_owned()).collect();
    let Some(readings) = readings(&texts) else {
        return;
    };
    for (text, readings) in texts.iter().zip(&readings) {
        compare(text, readings);
        let entries = last(parse(text).unwrap());
        for (key, seen) in readings.dotenvx.read(text) {
            let entry = &entries[key];
            let same = entry.value.expose_secret() == seen;
            assert_eq!(entry.expands(), !same, "{text:?}: {seen:?}");
        }
    }
    assert!(texts.len() >= 60);
}

#[test]
fn whatever_a_file_holds_is_read_as_they_do() {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "A", "B=", "\nA=", "\nB=", "\n", "\n", " ", "'", "\"", "`", "\\", "#", "=", ":", "$", "{", "}",
        ]),
        1 => prop::sample::select(vec![
            "n", "r", "t", "\r", "\r\n", "\u{2028}", "\u{feff}", "\u{85}", "\t", "export ", "export", "\\'", "\\\"",
            "é", "-", ".", "#\n", "'\n", "\"\n", "(", ")",
        ]),
    ];
    let text = prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat());
    // No command comes out of these letters.
    let texts = generated(text, 20_000)
        .into_iter()
        .filter(|text| !text.contains("$("))
        .collect::<Vec<_>>();
    let Some(readings) = readings(&texts) else {
        return;
    };
    for (text, readings) in texts.iter().zip(&readings) {
        compare(text, readings);
    }
}

/// Asserts that a text was read as they read it, and that it was told where they disagree.
#[track_caller]
fn compare(text: &str, readings: &Readings) {
    let entries = parse(text).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &entries {
        let value = entry.value.expose_secret().to_owned();
        found.entry(entry.key.clone()).or_default().push(value);
    }
    assert_eq!(&found, readings.found.read(text), "{text:?}");

    let entries = last(entries);
    let (dotenvx, dotenv) = (readings.dotenvx.read(text), readings.dotenv.read(text));
    assert_eq!(dotenvx.len(), entries.len(), "{text:?}");
    assert_eq!(dotenv.len(), entries.len(), "{text:?}");
    for (key, entry) in &entries {
        let value = entry.value.expose_secret();
        let said = format!("{key} in {text:?}");
        assert_eq!(entry.is_disputed(), dotenv[key] != value, "{said}");
        assert!(entry.expands() || dotenvx[key] == value, "{said}");
    }
}

/// Of two with one name, the later.
fn last(entries: Vec<Entry>) -> BTreeMap<String, Entry> {
    entries
        .into_iter()
        .map(|entry| (entry.key.clone(), entry))
        .collect()
}
