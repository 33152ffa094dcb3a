//! What redaction promises, over random secrets, texts and cuts.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{forms::Forms, *};

fn patterns(secrets: &[(&str, &str)]) -> Arc<Patterns> {
    let owned: Vec<(String, SecretString)> = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
        .collect();
    Arc::new(Patterns::new(
        owned.iter().map(|(name, value)| (name.as_str(), value)),
    ))
}

fn once(secrets: &[(&str, &str)], text: &str) -> String {
    redact(&patterns(secrets), text)
}

/// What comes out of a stream, in the pieces in which it comes out.
fn streamed(patterns: &Arc<Patterns>, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut redactor = Redactor::new(patterns.clone());
    let mut pieces: Vec<Vec<u8>> = chunks
        .iter()
        .map(|chunk| {
            let mut out = Vec::new();
            redactor.push(chunk, &mut out);
            out
        })
        .collect();
    let mut out = Vec::new();
    redactor.finish(&mut out);
    pieces.push(out);
    pieces
}

#[test]
fn each_form_goes() {
    let value = "p\u{e4}ss \"w\\ord'&/+";
    let secrets = [("DB", value)];
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(once(&secrets, &format!("a {value} b")), "a [redacted DB] b");
    assert_eq!(once(&secrets, &json), "\"[redacted DB]\"");
    assert_eq!(once(&secrets, &format!("{value:?}")), "\"[redacted DB]\"");
    assert_eq!(
        once(&secrets, "x=p%c3%a4ss+%22w%5cord%27%26%2f%2b&y"),
        "x=[redacted DB]&y"
    );
    assert_eq!(
        once(&secrets, "70c3a47373202277 70c3a4737320227"),
        "70c3a47373202277 70c3a4737320227"
    );
    assert_eq!(
        once(&secrets, "<70c3a473732022775c6f726427262f2b>"),
        "<[redacted DB]>"
    );
    let header = STANDARD.encode(format!("user:{value}"));
    let shown = once(&secrets, &format!("Authorization: Basic {header}\n"));
    assert!(
        shown.ends_with("[redacted DB]\n") && shown.len() < 45,
        "{shown}"
    );
}

#[test]
fn overlapping_secrets_leave_nothing_of_one_another() {
    let secrets = [("A", "abcdef"), ("B", "defghijk"), ("C", "cdef")];
    assert_eq!(once(&secrets, "<abcdefghijk>"), "<[redacted B]>");
    assert_eq!(once(&secrets, "<abcdefgh>"), "<[redacted A]gh>");
    assert_eq!(once(&secrets, "<cdefabcdef>"), "<[redacted C][redacted A]>");
    let inside = [("SHORT", "word"), ("LONG", "password1")];
    assert_eq!(
        once(&inside, "password1 password word"),
        "[redacted LONG] pass[redacted SHORT] [redacted SHORT]"
    );
}

#[test]
fn what_cannot_become_a_secret_is_let_out_at_once() {
    let pieces = streamed(
        &patterns(&[("KEY", "hunter22"), ("OTHER", "#!?@")]),
        &[
            b"Continue? [y/n] ",
            b"no hunt",
            b"ing, hun",
            b"te",
            b"r22#!?",
            b"@",
            b"hunter2",
        ],
    );
    let texts: Vec<String> = pieces
        .into_iter()
        .map(|piece| String::from_utf8(piece).unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "Continue? [y/n] ",
            "no ",
            "hunting, ",
            "",
            "[redacted KEY]",
            "[redacted OTHER]",
            "",
            "hunter2"
        ]
    );
}

#[test]
fn a_secret_without_end_needs_no_memory() {
    let patterns = patterns(&[("A", "aaaa")]);
    let mut redactor = Redactor::new(patterns);
    let mut out = Vec::new();
    for _ in 0..100 {
        redactor.push(&[b'a'; 100_000], &mut out);
        assert!(out.is_empty());
        assert!(redactor.kept() < 10);
    }
    redactor.push(b"b", &mut out);
    assert_eq!(out, b"[redacted A]b");
}

#[test]
fn a_redactor_begins_anew_after_the_end() {
    let mut redactor = Redactor::new(patterns(&[("A", "abcd")]));
    let mut out = Vec::new();
    redactor.push(b"ab", &mut out);
    redactor.finish(&mut out);
    redactor.push(b"cd abcd", &mut out);
    redactor.finish(&mut out);
    assert_eq!(out, b"abcd [redacted A]");
}

#[test]
fn short_secrets_are_told() {
    let short = patterns(&[("PIN", "123"), ("EMPTY", ""), ("SPACE", " ab\n")]);
    assert!(short.is_empty());
    assert_eq!(short.too_short(), ["PIN", "SPACE"]);
    assert_eq!(redact(&short, "123"), "123");
    assert!(!patterns(&[("PIN", "1234")]).is_empty());
}

#[test]
fn nothing_shows_values() {
    let patterns = patterns(&[("A", "abcd")]);
    let shown = format!("{patterns:?} {:?}", Redactor::new(patterns.clone()));
    assert!(!shown.contains("abcd") && !shown.contains("97"), "{shown}");
}

/// Characters that meet often, that forms escape, and that stand in none of the marks.
fn value() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ABab\"\\\\/'<+ \n\u{e9}\u{1f511}\u{1}%=-]{1,14}").unwrap()
}

/// Text in which forms of the secrets, whole and cut, stand between other things.
fn text(secrets: Vec<String>) -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
    let mut forms = Forms::default();
    for (number, secret) in secrets.iter().enumerate() {
        forms.add(number, secret);
    }
    let forms: Vec<Vec<u8>> = forms
        .finish()
        .iter()
        .map(|(form, _)| form.to_vec())
        .collect();
    let form = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..4,
    )
        .prop_map(move |(which, cut, how)| {
            if forms.is_empty() {
                return Vec::new();
            }
            let form = which.get(&forms);
            let at = cut.index(form.len());
            match how {
                0 => form[..at].to_vec(),
                1 => form[at..].to_vec(),
                _ => form.clone(),
            }
        });
    let piece = prop_oneof![
        form,
        value().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..4)
    ];
    let text = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    (Just(secrets), text)
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len()).any(|window| window == form)
}

proptest! {
    #[test]
    fn no_form_is_left_and_cuts_change_nothing(
        (secrets, text) in prop::collection::vec(value(), 0..5).prop_flat_map(text),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let named: Vec<(&str, &str)> = secrets.iter().map(|secret| ("~", secret.as_str())).collect();
        let patterns = patterns(&named);
        let whole = streamed(&patterns, &[&text]).concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut rest = text.as_slice();
        for (before, at) in [0].iter().chain(&cuts).zip(&cuts) {
            let (chunk, left) = rest.split_at(at - before);
            chunks.push(chunk);
            rest = left;
        }
        chunks.push(rest);
        prop_assert_eq!(&streamed(&patterns, &chunks).concat(), &whole);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        prop_assert_eq!(&streamed(&patterns, &bytes).concat(), &whole);

        let mut forms = Forms::default();
        for secret in &secrets {
            let secret = secret.trim();
            if secret.len() >= SHORTEST_SECRET {
                forms.add(0, secret);
            }
        }
        let forms = forms.finish();
        // Marks apart, what is left was there: no form in any of its pieces, and all bytes that are in none.
        let mark = b"[redacted ~]".as_slice();
        let mut left = whole.as_slice();
        let mut hidden = vec![false; text.len()];
        for (form, _) in &forms {
            for (at, window) in text.windows(form.len()).enumerate() {
                if window == form.as_slice() {
                    hidden[at..at + form.len()].fill(true);
                }
            }
            prop_assert!(!whole.split(|byte| *byte == b'~').any(|piece| contains(piece, form)));
        }
        for (byte, hidden) in text.iter().zip(hidden) {
            if !hidden {
                while let Some(after) = left.strip_prefix(mark) {
                    left = after;
                }
                prop_assert_eq!(left.first(), Some(byte));
                left = &left[1..];
            }
        }
        while let Some(after) = left.strip_prefix(mark) {
            left = after;
        }
        prop_assert!(left.is_empty());
    }

    #[test]
    fn text_without_secrets_passes_as_it_is(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        let secrets = patterns(&[("A", "never in random bytes"), ("B", "0123456789abcdef")]);
        prop_assert_eq!(streamed(&secrets, &[&text]).concat(), text.clone());
        prop_assert_eq!(streamed(&patterns(&[]), &[&text]).concat(), text);
    }
}
