//! The texts that a line may hold a secret as. A secret has signs of its own, so that no one way to split a line is right.
//! All that is tried is of bounded length, and no part of a line is tried more often than a fixed number of times.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::SHORTEST_VALUE;

/// The longest text that is tried as part of a line, in bytes.
const LONGEST_TOKEN: usize = 1024;
/// The longest text of many lines that is tried, in bytes.
const LONGEST_BLOCK: usize = 16 * 1024;
/// The longest user and password of a URL, in bytes.
const LONGEST_LINK: usize = 256;
/// How many rests of a word or of a line are tried.
const MOST_RESTS: usize = 16;

const SPACE: &str = " \t";
const BRACKETS: &str = " \t\"'`()[]{}<>,;\\";
const SIGNS: &str = " \t\"'`()[]{}<>,;\\=:@&?#|$";
const PATHS: &str = " \t\"'`()[]{}<>,;\\=:@&?#|$/.%+*!~^";
/// What may stand around a value and is seldom part of it.
const AROUND: &[char] = &[
    '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '.', ':', '\\', ' ', '\t',
];

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Tells of each text that a secret may be, and where it begins. The same one may be told more than once.
pub(super) fn each(text: &[u8], mut tell: impl FnMut(usize, &str)) {
    blocks(text, &mut tell);
    let mut at = 0;
    for line in text.split(|byte| *byte < b' ' && *byte != b'\t') {
        let mut begin = at;
        for chunk in line.utf8_chunks() {
            of_line(chunk.valid(), begin, &mut tell);
            begin += chunk.valid().len() + chunk.invalid().len();
        }
        at += line.len() + 1;
    }
}

/// What spans lines: the whole text, and keys between their BEGIN and END.
fn blocks(text: &[u8], tell: &mut impl FnMut(usize, &str)) {
    let mut block = |at: usize, bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        for spelling in [text, text.trim_end(), text.trim()] {
            sized(spelling, LONGEST_BLOCK, |text| tell(at, text));
        }
    };
    if text.len() <= LONGEST_BLOCK {
        block(0, text);
    }
    // Each END is looked for from the last BEGIN before it, so that no byte is looked at twice.
    let mut begin = None;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let start = line
            .windows(11)
            .take(LONGEST_TOKEN)
            .position(|window| window == b"-----BEGIN ");
        if let Some(start) = start {
            begin = Some(at + start);
        }
        let end = line
            .windows(9)
            .take(LONGEST_TOKEN)
            .position(|window| window == b"-----END ");
        if let (Some(from), Some(end)) = (begin, end.map(|end| at + end)) {
            if from < end && end - from <= LONGEST_BLOCK {
                key(text, from, end, &mut block);
            }
            begin = None;
        }
        at += line.len();
    }
}

/// A key whose last line begins at `end`, with the break after it and without.
fn key(text: &[u8], from: usize, end: usize, block: &mut impl FnMut(usize, &[u8])) {
    let rest = &text[end + 9..text.len().min(end + 9 + 100)];
    let Some(frame) = rest.windows(5).position(|window| window == b"-----") else {
        return;
    };
    let last = end + 9 + frame + 5;
    block(from, &text[from..last]);
    for lines in ["\n", "\r\n"] {
        if text[last..].starts_with(lines.as_bytes()) {
            block(from, &text[from..last + lines.len()]);
        }
    }
}

fn of_line(line: &str, begin: usize, tell: &mut impl FnMut(usize, &str)) {
    if line.len() < SHORTEST_VALUE {
        return;
    }
    let mut tell = |text: &str| {
        if text.len() < SHORTEST_VALUE {
            return;
        }
        // Every text here is a part of the line.
        let place = |part: &str| begin + (part.as_ptr().addr() - line.as_ptr().addr());
        for spelling in [text, text.trim_matches(AROUND)] {
            sized(spelling, LONGEST_TOKEN, |part| tell(place(part), part));
        }
    };
    tell(line.trim());
    for signs in [SPACE, BRACKETS, SIGNS, PATHS] {
        let is_sign = |character: char| character.is_ascii() && signs.contains(character);
        line.split(is_sign).for_each(&mut tell);
    }
    for quote in ['"', '\'', '`'] {
        line.split(quote).for_each(&mut tell);
    }
    rests(line, &mut tell);
    links(line, &mut tell);
}

/// What stands behind a sign, to the end of the word or of the line.
fn rests(line: &str, tell: &mut impl FnMut(&str)) {
    for word in line.split([' ', '\t']) {
        behind_signs(word, tell);
    }
    // Of a long line only the end is short enough.
    let near = line.len().saturating_sub(LONGEST_TOKEN);
    let near = (near..=line.len()).find(|at| line.is_char_boundary(*at));
    behind_signs(&line[near.unwrap_or_default()..], tell);
}

fn behind_signs(text: &str, tell: &mut impl FnMut(&str)) {
    for (at, sign) in text.match_indices(['=', ':']).take(MOST_RESTS) {
        let rest = &text[at + sign.len()..];
        if rest.len() <= LONGEST_TOKEN {
            tell(rest.trim());
        }
    }
}

/// User and password of URLs, which may have signs of all kinds.
fn links(line: &str, tell: &mut impl FnMut(&str)) {
    for (at, scheme) in line.match_indices("://") {
        let rest = &line[at + scheme.len()..];
        let near = rest.len().min(LONGEST_LINK);
        let near = (0..=near).rev().find(|end| rest.is_char_boundary(*end));
        let rest = &rest[..near.unwrap_or_default()];
        let rest = rest
            .split([' ', '\t', '"', '\'', '`', '<', '>'])
            .next()
            .unwrap_or_default();
        tell(rest);
        let ends = [rest.find('@'), rest.rfind('@')];
        for user in ends.into_iter().flatten().map(|end| &rest[..end]) {
            if let Some((user, password)) = user.split_once(':') {
                tell(user);
                tell(password);
            }
        }
    }
}

/// Tells of what a text says in another encoding.
pub(super) fn decoded(token: &str, mut tell: impl FnMut(&str)) {
    let mut tell_parts = |bytes: Vec<u8>| {
        let bytes = Zeroizing::new(bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return;
        };
        sized(text, LONGEST_BLOCK, &mut tell);
        sized(text.trim(), LONGEST_BLOCK, &mut tell);
        if let Some((user, password)) = text.split_once(':') {
            sized(user, LONGEST_BLOCK, &mut tell);
            sized(password.trim(), LONGEST_BLOCK, &mut tell);
        }
    };
    // It is borrowed where nothing is encoded in it.
    if let Cow::Owned(bytes) = Cow::from(percent_decode_str(token)) {
        tell_parts(bytes);
    }
    if token.contains('\\') {
        tell_parts(unescaped(token).into_bytes());
    }
    if token.len() >= 8
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
    {
        let engine = if token.contains(['-', '_']) {
            &URL_SAFE
        } else {
            &STANDARD
        };
        if let Ok(bytes) = engine.decode(token) {
            tell_parts(bytes);
        }
    }
}

/// What a text in quotes says, in the languages that escape by a backslash.
fn unescaped(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => text.push(match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            }),
            (other, false) => text.push(other),
        }
    }
    text
}

fn sized(text: &str, longest: usize, tell: impl FnOnce(&str)) {
    if (SHORTEST_VALUE..=longest).contains(&text.len()) {
        tell(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        each(text.as_bytes(), |at, token| {
            found.push((at, token.to_owned()))
        });
        found
    }

    #[test]
    fn a_value_is_tried_wherever_people_write_it() {
        let value = "p@ss:w=rd/+x";
        for line in [
            "p@ss:w=rd/+x",
            "KEY=p@ss:w=rd/+x",
            "export KEY='p@ss:w=rd/+x'",
            "key: p@ss:w=rd/+x",
            "\"key\": \"p@ss:w=rd/+x\",",
            "call(a, `p@ss:w=rd/+x`);",
            "see (p@ss:w=rd/+x), please",
            "postgres://user:p@ss:w=rd/+x@host/db",
        ] {
            assert!(all(line).iter().any(|(_, token)| token == value), "{line}");
        }
    }

    #[test]
    fn values_with_space_are_tried_between_quotes_and_to_the_end_of_the_line() {
        for line in [
            "a=correct horse",
            "a: correct horse ",
            "f(\"correct horse\", 1)",
        ] {
            assert!(
                all(line).iter().any(|(_, token)| token == "correct horse"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_long_line_is_tried_in_linear_time() {
        for unit in [
            "a=",
            "a:",
            "://",
            "'\"",
            "x@y:z://a:b@",
            "-----BEGIN ",
            "%41\\",
        ] {
            let count = |length: usize| {
                let (mut told, mut bytes) = (0_usize, 0_usize);
                each(unit.repeat(length).as_bytes(), |_, token| {
                    told += 1;
                    bytes += token.len();
                });
                told.max(bytes)
            };
            let (small, large) = (count(10_000), count(40_000));
            assert!(large <= 5 * small + 200_000, "{unit}: {small}, {large}");
        }
    }

    #[test]
    fn a_key_is_tried_as_one() {
        let key = "-----BEGIN A KEY-----\nMIIEvQ\n-----END A KEY-----";
        let found = all(&format!("before\n{key}\nafter\n"));
        assert!(found.contains(&(7, key.to_owned())));
        assert!(found.contains(&(7, format!("{key}\n"))));
    }

    #[test]
    fn encodings_are_undone() {
        let says = |token: &str, text: &str| {
            let mut is_there = false;
            decoded(token, |found| is_there |= found == text);
            is_there
        };
        assert!(says("Y29ycmVjdCBob3JzZQ==", "correct horse"));
        assert!(says("Y29ycmVjdCBob3JzZQ", "correct horse"));
        assert!(says("dXNlcjpjb3JyZWN0IGhvcnNl", "correct horse"));
        assert!(says("correct%20horse", "correct horse"));
        assert!(says("correct\\nhorse", "correct\nhorse"));
    }
}
