//! How a reference is taken apart and put together again: percent-encoding, and what stands behind `?`.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What cannot stand for itself anywhere in a reference.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');
/// What cannot stand for itself behind `?`.
const QUERY: &AsciiSet = &RESERVED.add(b'&').add(b'=');
/// What cannot stand for itself in a step of a field.
const STEP: &AsciiSet = &RESERVED.add(b'.');
/// What cannot stand for itself in the first part of a path.
const SEGMENT: &AsciiSet = &RESERVED.add(b'/');

/// A text as it is written before `?`.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as it is written behind `?`.
pub(super) fn encoded_value(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// A step of a field as it is written.
pub(super) fn encoded_step(text: &str) -> String {
    utf8_percent_encode(text, STEP).to_string()
}

/// One part of a path as it is written.
pub(super) fn encoded_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A text whose `%` are undone. Every `%` must be followed by two hexadecimal digits.
pub(super) fn decoded(text: &str) -> Result<String, String> {
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err("`%` is to be followed by two digits; write `%` itself as `%25`".into());
        }
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| "what is written with `%` is not UTF-8".to_owned())?;
    if decoded.contains('\0') {
        return Err("a zero byte cannot be part of it".into());
    }
    Ok(decoded.into_owned())
}

/// A reference in its three parts, none of them decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    pub(super) place: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) field: Option<&'a str>,
}

/// Takes a reference apart. What stands behind `?` may come before the field or after it.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, String> {
    if text.chars().any(char::is_control) {
        return Err("control characters cannot be part of it".into());
    }
    if text != text.trim() {
        return Err("it has spaces around it".into());
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("a reference begins with a scheme, such as `env://`")?;
    let (before, field) = split(rest, '#');
    let (place, query) = split(before, '?');
    let (field, late) = match field {
        Some(field) => {
            let (field, query) = split(field, '?');
            (Some(field), query)
        }
        None => (None, None),
    };
    if query.is_some() && late.is_some() {
        return Err("there is a `?` before the field and one after it".into());
    }
    Ok(Parts {
        scheme,
        place,
        query: query.or(late),
        field,
    })
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// What stands behind `?`, by key, in the order in which it was written.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Reads what stands behind `?`. A `+` is a `+`.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Query, String> {
        let mut query = Query::default();
        let Some(text) = text else {
            return Ok(query);
        };
        for pair in text.split('&') {
            let (key, value) = pair
                .split_once('=')
                .ok_or("behind `?` stand pairs of `key=value`")?;
            if !known.contains(&key) {
                return Err(unknown(known));
            }
            let values = query.0.entry(key.to_owned()).or_default();
            values.push(decoded(value)?);
        }
        Ok(query)
    }

    /// The value of a key that may be given once, and not empty.
    pub(super) fn one(&mut self, key: &str) -> Result<Option<String>, String> {
        let mut values = self.all(key);
        let value = values.pop();
        if !values.is_empty() {
            return Err(format!("`{key}` is given twice"));
        }
        match value {
            Some(value) if value.is_empty() => Err(format!("`{key}` is empty")),
            value => Ok(value),
        }
    }

    /// All values of a key.
    pub(super) fn all(&mut self, key: &str) -> Vec<String> {
        self.0.remove(key).unwrap_or_default()
    }
}

fn unknown(known: &[&str]) -> String {
    if known.is_empty() {
        return "this scheme takes nothing behind `?`".into();
    }
    format!("behind `?` it takes only `{}`", known.join("`, `"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_may_come_before_the_field_or_after_it() {
        let before = parts("vault://a/b?version=2#c").unwrap();
        let after = parts("vault://a/b#c?version=2").unwrap();
        assert_eq!(before, after);
        assert_eq!((before.place, before.field), ("a/b", Some("c")));
        assert!(parts("vault://a/b?version=2#c?version=3").is_err());
    }

    #[test]
    fn what_is_encoded_comes_back() {
        for text in ["", "a b%?#&=./", "ä+\n", "100%25"] {
            for encoded in [encoded, encoded_value, encoded_step, encoded_segment] {
                assert_eq!(decoded(&encoded(text)).unwrap(), text);
            }
        }
        for wrong in ["%", "%2", "%zz", "%ff", "%00"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_known_and_given_once() {
        let mut query = Query::read(Some("arg=1&arg=a%26b&region=x"), &["arg", "region"]).unwrap();
        assert_eq!(query.all("arg"), ["1", "a&b"]);
        assert_eq!(query.one("region").unwrap().unwrap(), "x");
        assert!(Query::read(Some("other=1"), &["region"]).is_err());
        let mut twice = Query::read(Some("region=a&region=b"), &["region"]).unwrap();
        assert!(twice.one("region").unwrap_err().contains("twice"));
    }
}
