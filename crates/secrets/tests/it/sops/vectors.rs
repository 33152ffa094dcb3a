//! Files that SOPS itself wrote; `vectors/README.md` says where they are from.

use super::*;

const KEYS: &str = include_str!("vectors/keys.txt");

/// Opens one, writes it without a change, and opens that.
#[track_caller]
fn vector(text: &str, format: Format, values: &[(&[&str], &str)]) -> Document {
    let identities = Identities::from_text(KEYS).unwrap();
    let mut document = open(text.as_bytes(), format, &identities);
    let again = seal(&mut document);
    let again = open(again.as_bytes(), format, &identities);
    for document in [&document, &again] {
        for (path, value) in values {
            assert_eq!(said(document, path).as_deref(), Some(*value), "{path:?}");
        }
    }
    // Any value in another's place is refused, as is one that is left out.
    let lines: Vec<&str> = text.lines().collect();
    let sealed = |line: &&str| line.contains("ENC[") && !line.contains("mac");
    let at = lines.iter().position(sealed).unwrap();
    let without = [&lines[..at], &lines[at + 1..]].concat().join("\n");
    let opened = Sealed::parse(without.as_bytes(), format).and_then(|it| it.open(&identities));
    assert!(opened.is_err(), "{without}");
    again
}

#[test]
fn types() {
    let text = include_str!("vectors/sops-age.yaml");
    let document = vector(
        text,
        Format::Yaml,
        &[
            (&["string"], "string"),
            (&["float"], "3.14"),
            (&["boolean"], "true"),
        ],
    );
    assert!(matches!(document.get(&["int"]), Some(Value::Integer(_))));
    assert!(matches!(document.get(&["float"]), Some(Value::Float(_))));
    assert_eq!(document.recipients().len(), 3);
}

#[test]
fn suffixes_patterns_and_a_code_over_what_is_encrypted() {
    let yaml = Format::Yaml;
    vector(
        include_str!("vectors/age_example.yaml"),
        yaml,
        &[
            (&["hello"], "Welcome to SOPS! Edit this file as you please!"),
            (&["example_key"], "example_value"),
            (&["example_number"], "1234.56789"),
        ],
    );
    vector(
        include_str!("vectors/age_encrypted_suffix.yaml"),
        yaml,
        &[
            (&["a", "1_encrypted", "a"], "xxx"),
            (&["a", "2_plain"], "aaa"),
            (&["a", "3_nested_encrypted", "b", "ii"], "xxx"),
            (&["b_encrypted"], "xxx"),
        ],
    );
    vector(
        include_str!("vectors/age_encrypted_regex.yaml"),
        yaml,
        &[(&["a", "encrypted_1", "b"], "xxx"), (&["b"], "aaa")],
    );
    vector(
        include_str!("vectors/age_unencrypted_regex.yaml"),
        yaml,
        &[(&["a", "encrypted"], "xxx"), (&["b"], "xxx")],
    );
    vector(
        include_str!("vectors/age_unencrypted_suffix.yaml"),
        yaml,
        &[
            (&["a", "c_encrypted"], "xxx"),
            (&["a", "b_unencrypted", "b"], "aaa"),
        ],
    );
    let clear = include_str!("vectors/age_mac_only_encrypted.yaml");
    let values: [(&[&str], &str); 2] = [(&["a_encrypted"], "xxx"), (&["d_unencrypted"], "aaa")];
    vector(clear, yaml, &values);
    // The code is not over what is in clear, and is another one for that.
    let other = clear.replace("d_unencrypted: aaa", "d_unencrypted: bbb");
    let identities = Identities::from_text(KEYS).unwrap();
    open(other.as_bytes(), yaml, &identities);
    let over_all = clear.replace("mac_only_encrypted: true", "mac_only_encrypted: false");
    let parsed = Sealed::parse(over_all.as_bytes(), yaml).unwrap();
    assert!(parsed.open(&identities).is_err());
}

#[test]
fn dotenv_json_and_a_manifest_of_kubernetes() {
    let dotenv = include_str!("vectors/flux.env");
    vector(dotenv, Format::Dotenv, &[(&["key"], "value")]);
    vector(
        include_str!("vectors/flux.json"),
        Format::Json,
        &[(&["data"], "value")],
    );
    vector(
        include_str!("vectors/flux.yaml"),
        Format::Yaml,
        &[
            (&["kind"], "Secret"),
            (&["stringData", "key"], "global-value"),
        ],
    );
}
