//! Files as a whole: what is written opens again, and what was touched does not.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const NOW: &str = "2026-11-21T12:00:00Z";

fn pair() -> (Identities, Recipient) {
    let (secret, recipient) = keygen();
    (
        Identities::from_text(secret.expose_secret()).unwrap(),
        recipient,
    )
}

fn now() -> jiff::Timestamp {
    NOW.parse().unwrap()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn said(document: &Document, path: &[&str]) -> Option<String> {
    let text = document.get(path)?.text()?;
    Some(text.expose_secret().to_owned())
}

fn open(bytes: &[u8], format: Format, identities: &Identities) -> Result<Document, SopsError> {
    Sealed::parse(bytes, format)?.open(identities)
}

const TREES: [Format; 2] = [Format::Yaml, Format::Json];

#[test]
fn what_is_sealed_opens_and_says_in_clear_only_what_it_should() {
    let (identities, recipient) = pair();
    for format in TREES {
        let mut document = Document::new(format, std::slice::from_ref(&recipient)).unwrap();
        let path = ["guestbook", "staging", "KEY"];
        document.set(&path, text("hunter2")).unwrap();
        document
            .set(&["guestbook", "staging", "EMPTY"], text(""))
            .unwrap();
        document
            .set(&["guestbook", "staging", "PORT"], Value::Integer(80))
            .unwrap();
        document
            .set(&["_x_unencrypted", "since"], text("today"))
            .unwrap();
        document
            .set(&["_x_unencrypted", "count"], Value::Integer(3))
            .unwrap();
        let bytes = document.seal(now()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));

        let sealed = Sealed::parse(&bytes, format).unwrap();
        assert_eq!(sealed.recipients(), [recipient.to_string()]);
        assert_eq!(sealed.last_modified(), NOW);
        assert_eq!(
            sealed.keys(&["guestbook", "staging"]),
            ["KEY", "EMPTY", "PORT"]
        );
        assert!(sealed.clear(&path).is_none());
        let since = sealed.clear(&["_x_unencrypted", "since"]).unwrap();
        assert_eq!(since.text().unwrap().expose_secret(), "today");

        let opened = sealed.open(&identities).unwrap();
        assert_eq!(said(&opened, &path).as_deref(), Some("hunter2"));
        assert_eq!(
            said(&opened, &["guestbook", "staging", "EMPTY"]).as_deref(),
            Some("")
        );
        assert_eq!(
            said(&opened, &["guestbook", "staging", "PORT"]).as_deref(),
            Some("80")
        );
        assert_eq!(
            said(&opened, &["_x_unencrypted", "count"]).as_deref(),
            Some("3")
        );
        assert!(matches!(sealed.open(&pair().0), Err(SopsError::NoKey(_))));
    }
}

#[test]
fn what_was_not_changed_keeps_its_ciphertext() {
    let (identities, recipient) = pair();
    for format in TREES {
        let mut document = Document::new(format, std::slice::from_ref(&recipient)).unwrap();
        document.set(&["a", "ONE"], text("1")).unwrap();
        document.set(&["a", "TWO"], text("2")).unwrap();
        let before = String::from_utf8(document.seal(now()).unwrap()).unwrap();
        let mut document = open(before.as_bytes(), format, &identities).unwrap();
        document.set(&["a", "ONE"], text("1")).unwrap();
        document.set(&["a", "TWO"], text("3")).unwrap();
        let after = String::from_utf8(document.seal(now()).unwrap()).unwrap();
        let line = |text: &str, key: &str| {
            text.lines()
                .find(|line| line.contains(key))
                .unwrap()
                .to_owned()
        };
        assert_eq!(line(&before, "ONE"), line(&after, "ONE"));
        assert_ne!(line(&before, "TWO"), line(&after, "TWO"));
    }
}

#[test]
fn who_leaves_gets_a_file_of_another_key() {
    let ((dana, dana_key), (lee, lee_key)) = (pair(), pair());
    let mut document = Document::new(Format::Yaml, std::slice::from_ref(&dana_key)).unwrap();
    document.set(&["a", "KEY"], text("1")).unwrap();
    let first = document.seal(now()).unwrap();
    document
        .seal_for(&[dana_key.clone(), lee_key.clone()])
        .unwrap();
    let both = document.seal(now()).unwrap();
    let key_line = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.lines()
            .find(|line| line.contains("KEY"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        key_line(&first),
        key_line(&both),
        "nobody left: the key is the same"
    );
    open(&both, Format::Yaml, &lee).unwrap();
    let mut document = open(&both, Format::Yaml, &dana).unwrap();
    document.seal_for(&[lee_key]).unwrap();
    let without = document.seal(now()).unwrap();
    assert_ne!(key_line(&both), key_line(&without));
    assert!(matches!(
        open(&without, Format::Yaml, &dana),
        Err(SopsError::NoKey(_))
    ));
    assert_eq!(
        said(&open(&without, Format::Yaml, &lee).unwrap(), &["a", "KEY"]).as_deref(),
        Some("1")
    );
    assert_eq!(
        Document::new(Format::Yaml, &[]).err(),
        Some(SopsError::NoRecipient)
    );
}

#[test]
fn a_value_that_was_moved_is_refused() {
    let (identities, recipient) = pair();
    let mut document = Document::new(Format::Yaml, &[recipient]).unwrap();
    document
        .set(&["guestbook", "staging", "ONE"], text("1"))
        .unwrap();
    document
        .set(&["guestbook", "staging", "TWO"], text("2"))
        .unwrap();
    let bytes = String::from_utf8(document.seal(now()).unwrap()).unwrap();
    let sealed_of = |key: &str| {
        let line = bytes
            .lines()
            .find(|line| line.trim().starts_with(key))
            .unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let (one, two) = (sealed_of("ONE"), sealed_of("TWO"));
    let swapped = bytes
        .replace(&one, "@")
        .replace(&two, &one)
        .replace('@', &two);
    let renamed = bytes.replace("    ONE:", "    THREE:");
    let elsewhere = bytes.replace("    staging:", "    production:");
    let other_project = bytes.replace("guestbook:", "shop:");
    for touched in [&swapped, &renamed, &elsewhere, &other_project] {
        assert_ne!(*touched, bytes);
        let refused = open(touched.as_bytes(), Format::Yaml, &identities);
        assert!(matches!(refused, Err(SopsError::Value(_))), "{touched}");
    }
    // Whole entries that are gone, added or emptied: no value is wrong by itself.
    let gone: String = bytes
        .lines()
        .filter(|line| !line.contains("TWO"))
        .map(|line| format!("{line}\n"))
        .collect();
    let emptied = bytes.replace(&two, "\"\"");
    for touched in [&gone, &emptied] {
        assert_eq!(
            open(touched.as_bytes(), Format::Yaml, &identities).err(),
            Some(SopsError::Mac)
        );
    }
    let clear = bytes.replace(&two, "in clear");
    assert_eq!(
        open(clear.as_bytes(), Format::Yaml, &identities).err(),
        Some(SopsError::Clear("guestbook.staging.TWO".into()))
    );
}

/// Everything that an opened file says.
fn all(document: &Document) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for project in document.keys(&[]) {
        for key in document.keys(&[project]) {
            found.push((format!("{project}.{key}"), said(document, &[project, key])));
        }
        found.push((project.to_owned(), said(document, &[project])));
    }
    found
}

fn small(format: Format) -> (Vec<u8>, Identities) {
    let (identities, recipient) = pair();
    let mut document = Document::new(format, &[recipient]).unwrap();
    match format {
        Format::Dotenv => {
            document.set(&["ONE"], text("1st\nline")).unwrap();
            document.set(&["TWO"], text("2nd")).unwrap();
        }
        _ => {
            document.set(&["a", "ONE"], text("1st")).unwrap();
            document.set(&["a", "TWO"], text("2nd")).unwrap();
        }
    }
    (document.seal(now()).unwrap(), identities)
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_changes_nothing() {
    for format in [Format::Yaml, Format::Json, Format::Dotenv] {
        let (bytes, identities) = small(format);
        let before = all(&open(&bytes, format, &identities).unwrap());
        let mut refused = 0;
        for at in 0..bytes.len() {
            let mut touched = bytes.clone();
            touched[at] ^= 1 << (at % 8);
            match open(&touched, format, &identities) {
                Err(_) => refused += 1,
                // Only what is no part of the values: space, the wrapping of the key, the version.
                Ok(document) => assert_eq!(all(&document), before, "byte {at} of {format:?}"),
            }
        }
        assert!(refused > bytes.len() / 2, "{refused} of {}", bytes.len());
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_or_says_the_same() {
    for format in [Format::Yaml, Format::Json, Format::Dotenv] {
        let (bytes, identities) = small(format);
        let before = all(&open(&bytes, format, &identities).unwrap());
        for length in 0..bytes.len() {
            if let Ok(document) = open(&bytes[..length], format, &identities) {
                assert_eq!(all(&document), before, "{length} bytes of {format:?}");
            }
        }
    }
}

#[test]
fn what_others_wrote_by_hand_stays() {
    let (identities, recipient) = pair();
    let mut document = Document::new(Format::Yaml, &[recipient]).unwrap();
    document.set(&["a", "ONE"], text("1")).unwrap();
    let bytes = String::from_utf8(document.seal(now()).unwrap()).unwrap();
    let noted = bytes
        .replacen("    ONE:", "    # the first\n    ONE:", 1)
        .replacen("sops:", "#after\nsops:", 1);
    let mut document = open(noted.as_bytes(), Format::Yaml, &identities).unwrap();
    document.set(&["a", "TWO"], text("2")).unwrap();
    let written = String::from_utf8(document.seal(now()).unwrap()).unwrap();
    assert!(written.contains("    # the first\n    ONE:"), "{written}");
    assert!(written.contains("#after\n"), "{written}");
    open(written.as_bytes(), Format::Yaml, &identities).unwrap();
}

#[test]
fn what_is_hostile_or_of_several_meanings_is_refused() {
    let (good, _) = small(Format::Yaml);
    let good = String::from_utf8(good).unwrap();
    let deep = format!("{}1{}\nsops: {{}}\n", "{a: ".repeat(200), "}".repeat(200));
    for text in [
        "",
        "a",
        "a: b",
        "- a",
        "a: &x b\nsops: {}",
        "a: *x\nsops: {}",
        "a: !!binary b\nsops: {}",
        "<<: {}\nsops: {}",
        "a: 1\na: 2\nsops: {}",
        "1: a\nsops: {}",
        "a: 2026-11-21\nsops: {}",
        "a: 0x1f\nsops: {}",
        "a: 010\nsops: {}",
        &deep,
        &format!("{good}---\n{good}"),
        &good.replace("version:", "key_groups:\n    - age: []\nversion:"),
        &good.replace("version:", "  encrypted_regex: x\n    version:"),
    ] {
        assert!(
            Sealed::parse(text.as_bytes(), Format::Yaml).is_err(),
            "{text}"
        );
    }
    for text in [
        "{",
        "[]",
        "{\"a\": 1, \"a\": 2, \"sops\": {}}",
        "{\"sops\": {}}",
    ] {
        assert!(
            Sealed::parse(text.as_bytes(), Format::Json).is_err(),
            "{text}"
        );
    }
    for text in [
        "a",
        "a=1\na=2\nsops_mac=x",
        "a=1",
        "sops_age__list_99999999__map_enc=x",
    ] {
        assert!(
            Sealed::parse(text.as_bytes(), Format::Dotenv).is_err(),
            "{text}"
        );
    }
}

#[test]
fn metadata_of_a_dotenv_file_takes_no_more_than_it_says() {
    let many: String = (0..200_000).map(|n| format!("sops_{n:07}=x\n")).collect();
    let wide = format!("sops_a{}=1", "__list_9999".repeat(20_000));
    let deep = format!("sops_a{}=1", "__map_a".repeat(2_000_000));
    let begun = std::time::Instant::now();
    for text in [&many, &wide, &deep] {
        assert!(Sealed::parse(text.as_bytes(), Format::Dotenv).is_err());
    }
    // A square of any of them would take minutes.
    assert!(begun.elapsed().as_secs() < 30);
}

/// A file of one value whose bytes are changed by hand, opened, changed, and written again.
fn through(format: Format, change: impl Fn(&str) -> String) -> Result<String, SopsError> {
    let (bytes, identities) = small(format);
    let changed = change(std::str::from_utf8(&bytes).unwrap());
    let mut document = open(changed.as_bytes(), format, &identities)?;
    Ok(String::from_utf8(document.seal(now())?).unwrap())
}

#[test]
fn where_sops_keeps_what_it_knows_nothing_else_is_put() {
    let (_, recipient) = pair();
    for (format, name) in [
        (Format::Yaml, "sops"),
        (Format::Json, "sops"),
        (Format::Dotenv, "sops_mac"),
    ] {
        let mut document = Document::new(format, std::slice::from_ref(&recipient)).unwrap();
        let set = document.set(&[name], text("1"));
        assert!(matches!(set, Err(SopsError::Unwritable(_))), "{format:?}");
    }
}

#[test]
fn keys_that_an_unknown_service_holds_are_carried_along() {
    let held = "    barbican:\n        - secret_href: there\n          enc: x\n    mac:";
    let written = through(Format::Yaml, |text| text.replacen("    mac:", held, 1)).unwrap();
    assert!(written.contains("secret_href: there"), "{written}");
    let (bytes, identities) = small(Format::Yaml);
    let held = String::from_utf8(bytes)
        .unwrap()
        .replacen("    mac:", held, 1);
    let mut document = open(held.as_bytes(), Format::Yaml, &identities).unwrap();
    let recipients: Vec<Recipient> = identities.recipients().cloned().collect();
    assert!(matches!(
        document.rekey(&recipients),
        Err(SopsError::Unsupported(_))
    ));
}

#[test]
fn a_comment_that_was_encrypted_is_never_written_in_clear() {
    let (identities, recipient) = pair();
    let mut document = Document::new(Format::Yaml, &[recipient]).unwrap();
    document.set(&["a", "ONE"], text("1")).unwrap();
    let bytes = String::from_utf8(document.seal(now()).unwrap()).unwrap();
    let opened = open(bytes.as_bytes(), Format::Yaml, &identities).unwrap();
    let comment = opened.seal_comment("the pin is 4711", &["a"]);
    let noted = bytes.replacen("    ONE:", &format!("    #{comment}\n    ONE:"), 1);
    // Which values are encrypted is not authenticated.
    let ruled = noted.replace(
        "unencrypted_suffix: \"_unencrypted\"",
        "encrypted_regex: ONE",
    );
    assert_ne!(ruled, noted);
    for text in [noted, ruled] {
        let mut document = open(text.as_bytes(), Format::Yaml, &identities).unwrap();
        document.set(&["a", "ONE"], Value::Integer(2)).unwrap();
        let written = String::from_utf8(document.seal(now()).unwrap()).unwrap();
        assert!(!written.contains("4711"), "{written}");
        assert!(written.contains(&comment), "{written}");
    }
}

#[test]
fn clear_values_come_back_as_they_were() {
    let block = "    n_unencrypted: |\n        # no comment\n        a # b\n\n        #c\n";
    let text_of = |path: &[&str], bytes: &[u8], identities: &Identities| {
        said(&open(bytes, Format::Yaml, identities).unwrap(), path).unwrap()
    };
    let (identities, recipient) = pair();
    let mut document = Document::new(Format::Yaml, &[recipient]).unwrap();
    let lines = "# no comment\na # b\n\n#c\n";
    document.set(&["a", "n_unencrypted"], text(lines)).unwrap();
    let bytes = String::from_utf8(document.seal(now()).unwrap()).unwrap();
    let quoted = r##"    n_unencrypted: "# no comment\na # b\n\n#c\n""##;
    let blocked = bytes.replacen(&format!("{quoted}\n"), block, 1);
    assert_ne!(blocked, bytes);
    for _ in 0..2 {
        let mut document = open(blocked.as_bytes(), Format::Yaml, &identities).unwrap();
        let written = document.seal(now()).unwrap();
        assert_eq!(
            text_of(&["a", "n_unencrypted"], &written, &identities),
            lines
        );
        assert!(!String::from_utf8(written).unwrap().contains("    #"));
    }
}

#[test]
fn clear_scalars_are_read_as_sops_reads_them() {
    for (scalar, kind) in [
        ("1.2.3", "text"),
        ("12ab34ef", "text"),
        ("2001:db8::1", "text"),
        ("-x", "text"),
        ("+", "text"),
        ("10.0.0.0/8", "text"),
        ("1e+21", "float"),
        ("1.5e3", "float"),
        ("-3", "integer"),
        ("0.5", "float"),
        ("", "null"),
        ("yes", "text"),
        ("n", "text"),
        ("12:30", ""),
        ("1_000", ""),
        ("0o17", ""),
        ("017", ""),
        ("0b1", ""),
        ("+1", ""),
        ("1.", ""),
        (".5", ""),
        ("-.inf", ""),
        ("2026-01-02", ""),
        ("2026-01-02T03:04:05Z", "text"),
        ("2026-01-02T03:04:05.6Z", ""),
        ("9223372036854775808", ""),
        ("1e999", ""),
    ] {
        let bytes =
            format!("a_unencrypted: {scalar}\nsops:\n  age: []\n  lastmodified: x\n  mac: x\n");
        let found = match Sealed::parse(bytes.as_bytes(), Format::Yaml) {
            Ok(sealed) => format!("{:?}", sealed.clear(&["a_unencrypted"]).unwrap()),
            Err(_) => String::new(),
        };
        assert_eq!(found, kind, "{scalar}");
    }
}

#[test]
fn a_place_far_away_in_a_list_makes_no_long_list() {
    let far = "sops_age__list_4000000000__map_enc=x\n";
    assert!(Sealed::parse(far.as_bytes(), Format::Dotenv).is_err());
    let many: String = (0..4000)
        .map(|at| format!("sops_{at}__list_3999=x\n"))
        .collect();
    assert!(Sealed::parse(many.as_bytes(), Format::Dotenv).is_err());
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(|said| text(&said)),
        "[ -~\n]{0,20}".prop_map(|said| text(&said)),
        prop::sample::select(
            &[
                "true",
                "null",
                "~",
                "1",
                "0x1",
                "2026-01-01",
                "- a",
                "a: b",
                "#c",
                "|",
                "yes",
                "ENC[x]",
                "é",
                "\u{feff}",
                "a\n b\n",
                "a\nb",
                "a\nb\n"
            ][..]
        )
        .prop_map(text),
        (-(1_i64 << 53)..(1 << 53)).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        (-1e9..1e9_f64).prop_map(Value::Float),
        any::<f64>().prop_map(Value::Float),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z_]{1,8}",
        any::<String>(),
        prop::sample::select(
            &[
                "true",
                "1",
                "a b",
                "a:b",
                "x_unencrypted",
                "-",
                "\u{ffff}_unencrypted",
                "\"",
                "'",
                "é",
                "#",
                "? a"
            ][..]
        )
        .prop_map(str::to_owned),
    ]
    .prop_filter("its own", |key| key != "sops" && !key.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tree_comes_back(entries in prop::collection::btree_map((key(), key()), value(), 0..8), json in any::<bool>()) {
        let format = if json { Format::Json } else { Format::Yaml };
        let (identities, recipient) = pair();
        let mut document = Document::new(format, &[recipient]).unwrap();
        for ((above, key), value) in &entries {
            document.set(&[above, key], value.clone()).unwrap();
        }
        let bytes = document.seal(now()).unwrap();
        let opened = open(&bytes, format, &identities);
        prop_assert!(opened.is_ok(), "{:?}\n{}", opened.err(), String::from_utf8_lossy(&bytes));
        let opened = opened.unwrap();
        for ((above, key), value) in &entries {
            let expected = value.text().map(|text| text.expose_secret().to_owned());
            prop_assert_eq!(said(&opened, &[above, key]), expected, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), lines in prop::collection::vec(prop::sample::select(&["a: b", "  - c", "sops:", "  mac: x", "  age:", "    - enc: |", "      x", "#", "{", "}", "\"", ": ", "sops_mac=1", "? ", "- -", "&a", "*a", "---", "..."][..]), 0..12)) {
        for format in [Format::Yaml, Format::Json, Format::Dotenv] {
            let _ = Sealed::parse(&bytes, format);
            let _ = Sealed::parse(lines.join("\n").as_bytes(), format);
        }
    }
}
