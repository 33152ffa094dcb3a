//! What `rops` writes is read here, and what is written here is read by it.

use super::*;

/// As `rops` writes it.
const YAML: &str = r#"a:
  s: hello
  e: ''
  u: é ☃ 😀
  m: |
    l1
    # l2
  q: it's "q" \n
  i: 42
  n: -7
  f: 1.5
  big: 1e21
  w: 2.0
  b: true
  nul: null
  x_unencrypted: shown
  list:
  - 1
  - two
  - true
  - - x
    - y
  - k: v
    l: w
  s_s: last"#;

const JSON: &str = r#"{"a": {
    "s": "hello", "e": "", "u": "é ☃ 😀", "m": "l1\n# l2\n", "q": "it's \"q\" \\n", "i": 42, "n": -7, "f": 1.5,
    "big": 1e21, "w": 2.0, "b": true, "nul": null, "x_unencrypted": "shown",
    "list": [1, "two", true, ["x", "y"], {"k": "v", "l": "w"}], "s_s": "last"
}}"#;

/// Which values are encrypted. Without any rule `rops` encrypts everything, and SOPS leaves in clear what ends in
/// `_unencrypted`: such a key is in no file that both read.
const RULES: [&[&str]; 7] = [
    &["--unencrypted-suffix", "_unencrypted"],
    &["--encrypted-suffix", "s"],
    &["--encrypted-regex", "^(s|list)$"],
    &["--unencrypted-regex", "^(i|list|big|m|w)$"],
    &["--encrypted-regex", "^(s|list)$", "--mac-only-encrypted"],
    &[
        "--unencrypted-suffix",
        "_unencrypted",
        "--mac-only-encrypted",
    ],
    &[],
];

fn plain(format: Format, rule: &[&str]) -> String {
    let plain = match format {
        Format::Json => JSON,
        _ => YAML,
    };
    match rule {
        [] => plain.replace("x_unencrypted", "x"),
        _ => plain.to_owned(),
    }
}

#[track_caller]
fn is_read(document: &Document) {
    for (key, value) in [
        ("s", "hello"),
        ("e", ""),
        ("u", "é ☃ 😀"),
        ("m", "l1\n# l2\n"),
        ("q", "it's \"q\" \\n"),
        ("i", "42"),
        ("n", "-7"),
        ("f", "1.5"),
        ("big", "1000000000000000000000"),
        ("w", "2"),
        ("b", "true"),
        ("s_s", "last"),
    ] {
        assert_eq!(said(document, &["a", key]).as_deref(), Some(value), "{key}");
    }
    assert!(matches!(document.get(&["a", "nul"]), Some(Value::Null)));
    assert!(matches!(document.get(&["a", "i"]), Some(Value::Integer(_))));
    assert!(matches!(document.get(&["a", "f"]), Some(Value::Float(_))));
    assert!(matches!(document.get(&["a", "b"]), Some(Value::Boolean(_))));
}

#[test]
fn what_it_writes_is_read_and_what_is_changed_here_it_reads() {
    let Some(rops) = Rops::installed() else {
        return;
    };
    let person = person();
    for rule in RULES {
        let plain = plain(Format::Yaml, rule);
        let theirs = rops.encrypt(&plain, Format::Yaml, &person, rule);
        let mut document = open(theirs.as_bytes(), Format::Yaml, &person.identities);
        is_read(&document);
        document
            .set(&["a", "s_s"], text("longer: \"1\"\n"))
            .unwrap();
        let ours = seal(&mut document);
        let last = "s_s: |\n    longer: \"1\"";
        let expected = plain.replace("s_s: last", last);
        assert_eq!(rops.decrypt(&ours, Format::Yaml, &person), expected);
    }
}

#[test]
fn the_same_as_json() {
    let Some(rops) = Rops::installed() else {
        return;
    };
    let person = person();
    for rule in RULES {
        let plain = plain(Format::Json, rule);
        let theirs = rops.encrypt(&plain, Format::Json, &person, rule);
        let mut document = open(theirs.as_bytes(), Format::Json, &person.identities);
        is_read(&document);
        document.set(&["a", "s_s"], text("longer\n")).unwrap();
        let read = rops.decrypt(&seal(&mut document), Format::Json, &person);
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&plain).unwrap();
        expected["a"]["s_s"] = "longer\n".into();
        assert_eq!(read, expected);
    }
}

/// There is no empty value in it: `rops` cannot read those as SOPS writes them.
#[test]
fn a_new_file_of_ours_is_read_by_it() {
    let Some(rops) = Rops::installed() else {
        return;
    };
    let (one, other) = (person(), person());
    let person = one;
    for format in [Format::Yaml, Format::Json] {
        let recipients = [other.recipient.clone(), person.recipient.clone()];
        let mut document = Document::new(format, &recipients).unwrap();
        for (path, value) in [
            (["guestbook", "staging", "TEXT"], text("hunter2")),
            (["guestbook", "staging", "LINES"], text("a\n b\n")),
            (["guestbook", "staging", "NOTE_unencrypted"], text("#: no")),
            (["guestbook", "staging", "NUMBER"], Value::Integer(-3)),
            (["guestbook", "staging", "HALF"], Value::Float(0.5)),
            (["guestbook", "staging", "WHOLE"], Value::Float(3.0)),
            (["guestbook", "staging", "YES"], Value::Boolean(true)),
            (["guestbook", "staging", "NOTHING"], Value::Null),
            (["guestbook", "a b: c", "é"], text("é")),
        ] {
            document.set(&path, value).unwrap();
        }
        let read = rops.decrypt(&seal(&mut document), format, &person);
        if format == Format::Json {
            let read: serde_json::Value = serde_json::from_str(&read).unwrap();
            let expected = serde_json::json!({"guestbook": {
                "staging": {
                    "TEXT": "hunter2", "LINES": "a\n b\n", "NOTE_unencrypted": "#: no", "NUMBER": -3,
                    "HALF": 0.5, "WHOLE": 3.0, "YES": true, "NOTHING": null,
                },
                "a b: c": {"é": "é"},
            }});
            assert_eq!(read, expected);
        } else {
            insta::assert_snapshot!(read);
        }
    }
}

#[test]
fn what_was_touched_both_refuse() {
    let Some(rops) = Rops::installed() else {
        return;
    };
    let person = person();
    let rule = ["--unencrypted-suffix", "_unencrypted"];
    let sealed = rops.encrypt(YAML, Format::Yaml, &person, &rule);
    let touched = sealed.replace("x_unencrypted: shown", "x_unencrypted: other");
    assert_ne!(touched, sealed);
    let parsed = Sealed::parse(touched.as_bytes(), Format::Yaml).unwrap();
    assert!(parsed.open(&person.identities).is_err());
    let mut command = rops.command("decrypt", Format::Yaml);
    let file = rops.directory.path().join("touched.yaml");
    fs::write(&file, touched).unwrap();
    let refused = command
        .env("ROPS_AGE", person.secret.expose_secret())
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(!refused.status.success());
}
