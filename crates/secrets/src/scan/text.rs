//! The secrets of one text.

use std::{collections::BTreeMap, ops::Range};

use super::{How, Known, tokens};

/// How many findings are told of one text.
const MOST_FINDINGS: usize = 1000;
/// A value that is shorter, in bytes, must not stand in the middle of a word.
const SHORTEST_IN_A_WORD: usize = 12;
/// The shortest stretch without space, in bytes, by which a part of a secret is known.
const SHORTEST_PART: usize = 32;
/// The shortest encoded form, in bytes.
const SHORTEST_ENCODED: usize = 8;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How it was recognised.
    pub how: How,
}

/// Finds secrets in a text, or in any bytes. A secret is told once a line.
pub fn scan_text(known: &mut Known, text: &[u8]) -> Vec<Found> {
    if known.is_empty() {
        return Vec::new();
    }
    let mut places: BTreeMap<(usize, usize), How> = BTreeMap::new();
    let mut note = |at: usize, secret: usize, how: How| {
        if places.len() < MOST_FINDINGS {
            let kept = places.entry((at, secret)).or_insert(how);
            *kept = how.min(*kept);
        }
    };
    known.find(text, |known, range, secret| {
        if let Some(how) = recognise(known, text, &range, secret) {
            note(range.start, secret, how);
        }
    });
    tokens::each(text, |at, token| {
        try_token(known, token, &mut |secret, how| note(at, secret, how));
    });
    tell(known, text, &places)
}

/// Whether a form of a value is more than chance, and which it is.
fn recognise(known: &Known, text: &[u8], range: &Range<usize>, secret: usize) -> Option<How> {
    let form = &text[range.clone()];
    let (length, has_lines) = (known.secret(secret).length, known.secret(secret).has_lines);
    let is_value = form.len() == length
        && std::str::from_utf8(form).is_ok_and(|form| known.compare(form) == Some(secret));
    if is_value {
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = range.start.checked_sub(1).and_then(|at| text.get(at));
        let is_inside = is_word(before) || is_word(text.get(range.end));
        let is_chance = form.len() < SHORTEST_IN_A_WORD && is_inside;
        return (!is_chance).then_some(How::Value);
    }
    let is_much = form.len() >= length.max(SHORTEST_ENCODED);
    (is_much || (!has_lines && form.len() >= SHORTEST_ENCODED) || is_dense(form))
        .then_some(How::Encoded)
}

/// Whether there is a stretch in it that nobody writes by hand. Lines such as `"type": "service_account"` are in
/// everybody's file.
fn is_dense(form: &[u8]) -> bool {
    let is_of_key =
        |byte: &u8| byte.is_ascii_alphanumeric() || [b'+', b'/', b'=', b'_', b'-'].contains(byte);
    form.split(|byte| !is_of_key(byte)).any(|run| {
        run.len() >= SHORTEST_PART
            && run.iter().any(u8::is_ascii_digit)
            && run.iter().any(u8::is_ascii_uppercase)
            && run.iter().any(u8::is_ascii_lowercase)
    })
}

fn try_token(known: &mut Known, token: &str, tell: &mut impl FnMut(usize, How)) {
    if known.remembers(token) {
        return;
    }
    let mut is_none = true;
    if let Some(secret) = known.compare(token) {
        tell(secret, How::Token);
        is_none = false;
    }
    tokens::decoded(token, |text| {
        if let Some(secret) = known.compare(text) {
            tell(secret, How::Encoded);
            is_none = false;
        }
    });
    if is_none {
        known.remember(token);
    }
}

/// From places in bytes to lines and columns, in one pass.
fn tell(known: &Known, text: &[u8], places: &BTreeMap<(usize, usize), How>) -> Vec<Found> {
    let (mut line, mut begins, mut read) = (1, 0, 0);
    // By line and secret.
    let mut found: BTreeMap<(usize, usize), (usize, How)> = BTreeMap::new();
    for ((at, secret), how) in places {
        for (offset, byte) in text[read..*at].iter().enumerate() {
            if *byte == b'\n' {
                line += 1;
                begins = read + offset + 1;
            }
        }
        read = *at;
        let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
        let column = || text[begins..*at].iter().filter(is_first).count() + 1;
        let kept = found
            .entry((line, *secret))
            .or_insert_with(|| (column(), *how));
        kept.1 = kept.1.min(*how);
    }
    let named = found
        .into_iter()
        .flat_map(|((line, secret), (column, how))| {
            let names = known.secret(secret).names.iter();
            names.map(move |name| Found {
                name: name.clone(),
                line,
                column,
                how,
            })
        });
    named.collect()
}
