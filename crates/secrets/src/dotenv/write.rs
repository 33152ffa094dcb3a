//! Writes dotenv files, so that npm's `dotenv` and `dotenvx` read back exactly what was written. The format has no
//! escape that both know: what a value may hold depends on the quotes around it, and some values fit none.

use std::collections::HashSet;

use zeroize::Zeroizing;

use super::{DotenvError, expand};

/// What every object of JavaScript has. `dotenvx` stumbles over a variable of such a name, and `dotenv` over the last.
const RESERVED: &[&str] = &[
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

/// What is behind a value whose closing quote has a backslash before it. Readers look for one without: they find it here,
/// with something behind it, so that it closes nothing, and go back to the one before.
const GUARD: &str = " # the value ends with a backslash and ";

/// A file that assigns these variables, one after the other.
///
/// # Errors
///
/// A name that dotenv does not take, or that comes twice, and a value that no way of quoting gives back in each reader.
pub fn write<'a>(
    entries: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Zeroizing<String>, DotenvError> {
    let entries: Vec<(&str, &str)> = entries.into_iter().collect();
    // A text that grows leaves copies of itself behind: at most each character is escaped, and there are two quotes.
    let around = "=''\n".len() + GUARD.len() + "'this".len();
    let length = |(key, value): &(&str, &str)| key.len() + 2 * value.len() + around;
    let mut text = Zeroizing::new(String::with_capacity(entries.iter().map(length).sum()));
    let mut keys = HashSet::new();
    for (key, value) in entries {
        check(key, value)?;
        if !keys.insert(key) {
            return Err(DotenvError::Twice { key: key.into() });
        }
        let form = form(value).ok_or_else(|| DotenvError::Inexpressible { key: key.into() })?;
        text.push_str(key);
        text.push('=');
        form.write(value, &mut text);
        text.push('\n');
    }
    Ok(text)
}

/// Whether a name can be written, and a value be one.
fn check(key: &str, value: &str) -> Result<(), DotenvError> {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if key.is_empty() || !key.chars().all(in_key) {
        return Err(DotenvError::Key { key: key.into() });
    }
    if RESERVED.contains(&key) {
        return Err(DotenvError::ReservedKey { key: key.into() });
    }
    if value.contains('\0') {
        return Err(DotenvError::NulInValue { key: key.into() });
    }
    Ok(())
}

/// A way of writing a value.
#[derive(Clone, Copy)]
enum Form {
    Bare,
    Quoted(char),
    Guarded(char),
}

impl Form {
    fn write(self, value: &str, text: &mut String) {
        let (Self::Quoted(quote) | Self::Guarded(quote)) = self else {
            return text.push_str(value);
        };
        text.push(quote);
        for character in value.chars() {
            match (quote, character) {
                ('"', '\n') => text.push_str("\\n"),
                ('"', '\r') => text.push_str("\\r"),
                (_, character) => text.push(character),
            }
        }
        text.push(quote);
        if let Self::Guarded(_) = self {
            text.push_str(GUARD);
            text.push(quote);
            text.push_str("this");
        }
    }
}

/// The first way of writing a value that every reader understands, plain ones before odd ones.
fn form(value: &str) -> Option<Form> {
    if is_plain(value) {
        return Some(Form::Bare);
    }
    let quotes = ['\'', '"', '`'];
    let closed = quotes.into_iter().find(|&quote| is_closed_by(quote, value));
    let by_line = || quotes.into_iter().find(|&quote| is_a_line_in(quote, value));
    let guarded = || quotes.into_iter().find(|&quote| is_whole_in(quote, value));
    closed
        .or_else(by_line)
        .map(Form::Quoted)
        .or_else(|| can_be_bare(value).then_some(Form::Bare))
        .or_else(|| guarded().map(Form::Guarded))
}

/// Whether a value needs no quotes anywhere, also not in a shell.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    !value.is_empty() && value.chars().all(plain)
}

/// Whether a value stays what it is between these quotes, once the readers have found them.
fn keeps(quote: char, value: &str) -> bool {
    match quote {
        '\'' => !value.contains('\r') && !value.contains("\\'"),
        '"' => !["\\n", "\\r", "\\t"].iter().any(|e| value.contains(e)) && !expands(value),
        _ => !value.contains('\r') && !expands(value),
    }
}

fn expands(value: &str) -> bool {
    expand::expansion(value).is_some()
}

/// Whether these quotes end where the value does.
fn is_closed_by(quote: char, value: &str) -> bool {
    is_whole_in(quote, value) && !value.ends_with('\\')
}

/// Whether no such quote is in the value, unless behind a backslash, which stays in the value. A last backslash makes
/// the closing quote look like that too.
fn is_whole_in(quote: char, value: &str) -> bool {
    keeps(quote, value) && !has_bare(quote, value)
}

/// Whether the readers take the value by its line: a quote in the value closes nothing if more follows on the line, and
/// then all to the line's end is the value, from which the outer quotes are taken. A `#` would begin a comment.
fn is_a_line_in(quote: char, value: &str) -> bool {
    let ends: &[char] = match quote {
        '"' => &['#', '\u{2028}', '\u{2029}'],
        _ => &['#', '\u{2028}', '\u{2029}', '\n'],
    };
    keeps(quote, value) && has_bare(quote, value) && !value.contains(ends)
}

/// Whether a quote is in a value without a backslash before it.
fn has_bare(quote: char, value: &str) -> bool {
    value
        .match_indices(quote)
        .any(|(at, _)| !value[..at].ends_with('\\'))
}

/// Whether a value can do without quotes, though it has more than plain characters.
fn can_be_bare(value: &str) -> bool {
    let outer = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '\u{feff}');
    let ends = ['#', '\n', '\r', '\u{2028}', '\u{2029}'];
    !value.is_empty()
        && !value.starts_with(outer)
        && !value.ends_with(outer)
        && !value.contains(ends)
        && !expands(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> Option<String> {
        let text = write([("A", value)]).ok()?;
        Some(text.strip_prefix("A=")?.trim_end().to_owned())
    }

    #[test]
    fn the_plainest_form_is_taken() {
        let cases = [
            ("postgres://u:p@h/db", "postgres://u:p@h/db"),
            ("", "''"),
            ("a b#c", "'a b#c'"),
            ("$A", "'$A'"),
            ("a\nb", "'a\nb'"),
            ("it's", "\"it's\""),
            ("it's\r\n", "\"it's\\r\\n\""),
            ("it's \"so\"", "`it's \"so\"`"),
            ("it's $A", "'it's $A'"),
            ("'\"`", "''\"`'"),
            ("C:\\", "C:\\"),
            ("$A\\", "'$A\\' # the value ends with a backslash and 'this"),
        ];
        for (value, expected) in cases {
            assert_eq!(written(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_fits_no_quotes_is_refused_by_name() {
        for value in ["'$A\n", "'$A#", "\\'$A", "$A\r", "\\n\r", "'\"`#"] {
            let refused = write([("A", value)]).err();
            let expected = DotenvError::Inexpressible { key: "A".into() };
            assert_eq!(refused, Some(expected), "{value:?}");
        }
    }

    #[test]
    fn names_that_would_not_be_read_are_refused() {
        let refused = |key: &str| write([(key, "x")]).unwrap_err().to_string();
        for key in ["", "A B", "A=", "Ä", "A\n"] {
            assert!(refused(key).contains("has only letters"), "{key:?}");
        }
        assert!(refused("__proto__").contains("cannot read"));
        let twice = write([("A", "1"), ("A", "2")]).err();
        assert_eq!(twice, Some(DotenvError::Twice { key: "A".into() }));
        let nul = write([("A", "\0")]).err();
        assert_eq!(nul, Some(DotenvError::NulInValue { key: "A".into() }));
    }
}
