//! How text is escaped: in JSON, in a URL, for a shell, and by the debug output of languages.

use std::fmt::Write;

use zeroize::Zeroizing;

use super::forms::Form;

/// The characters that are left as they are in a URL, beside letters and digits, by those who encode.
const KEPT_IN_URLS: [&str; 8] = [
    // The crate `percent-encoding` at its strictest.
    "",
    // RFC 3986: unreserved.
    "-._~",
    // Python's `quote`.
    "-._~/",
    // `encodeURIComponent` (ECMA-262).
    "-_.!~*'()",
    // HTML forms (the URL standard's application/x-www-form-urlencoded), Java.
    "*-._",
    // `encodeURI` (ECMA-262).
    "-_.!~*'();/?:@&=+$,#",
    // The URL standard's user information: a password before `@`.
    "-_.!~*'()&+$,%",
    // The URL standard's query: what must be encoded in any URL is.
    "-_.!~*'();/?:@&=+$,[]\\^`{|}%",
];

/// Percent-encoded, in both cases of digits, with both spellings of a space.
pub(super) fn url(value: &str) -> impl Iterator<Item = Form> {
    KEPT_IN_URLS.into_iter().flat_map(move |kept| {
        [
            percent(value, kept, b"0123456789ABCDEF", false),
            percent(value, kept, b"0123456789abcdef", false),
            percent(value, kept, b"0123456789ABCDEF", true),
            percent(value, kept, b"0123456789abcdef", true),
        ]
    })
}

fn percent(value: &str, kept: &str, digits: &[u8; 16], plus: bool) -> Form {
    // Never more than three bytes for one: nothing is left behind where it grew.
    let mut form = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            form.push(byte);
        } else if plus && byte == b' ' {
            form.push(b'+');
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|half| digits[usize::from(half)]);
            form.extend_from_slice(&[b'%', high, low]);
        }
    }
    form
}

/// Which characters are escaped in a JSON string although they need not be.
#[derive(Clone, Copy)]
enum Beyond {
    Nothing,
    /// All that is not ASCII: Python.
    Wide,
    /// What could end a script in HTML: Go.
    Html,
    /// Both of these, and single quotes: Ruby on Rails, PHP with all its switches.
    WideAndHtml,
}

impl Beyond {
    fn includes(self, character: char) -> bool {
        let wide = !character.is_ascii() || character == '\u{7f}';
        match self {
            Beyond::Nothing => false,
            Beyond::Wide => wide,
            Beyond::Html => matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
            Beyond::WideAndHtml => wide || matches!(character, '<' | '>' | '&' | '\''),
        }
    }
}

/// Inside a JSON string (RFC 8259), with digits in both cases, and with slashes escaped and not.
pub(super) fn json(value: &str) -> impl Iterator<Item = Form> {
    use Beyond::{Html, Nothing, Wide, WideAndHtml};
    [Nothing, Wide, Html, WideAndHtml]
        .into_iter()
        .flat_map(move |beyond| {
            [(false, false), (false, true), (true, false), (true, true)]
                .map(|(upper, slash)| json_string(value, beyond, upper, slash))
        })
}

fn json_string(value: &str, beyond: Beyond, upper: bool, slash: bool) -> Form {
    writing(value, |text, character| match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        '/' if slash => text.push_str("\\/"),
        _ if u32::from(character) < 0x20 || beyond.includes(character) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = match upper {
                    true => write!(text, "\\u{unit:04X}"),
                    false => write!(text, "\\u{unit:04x}"),
                };
            }
        }
        _ => text.push(character),
    })
}

/// As Rust's `{:?}` writes it, and others that differ in quotes and control characters.
pub(super) fn debug(value: &str) -> impl Iterator<Item = Form> {
    let quoted = Zeroizing::new(format!("{value:?}"));
    let bytes = writing(value, |text, character| {
        let mut room = [0; 4];
        let bytes = character.encode_utf8(&mut room).as_bytes();
        let _ = write!(text, "{}", bytes.escape_ascii());
    });
    // Python's `repr` and Node's `inspect`: one kind of quote is escaped, or none.
    let simple = writing(value, |text, character| match character {
        '"' => text.push('"'),
        '\'' => text.push_str("\\'"),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        control if control.is_ascii_control() => {
            let _ = write!(text, "\\x{:02x}", u32::from(control));
        }
        _ => text.push(character),
    });
    [
        Zeroizing::new(quoted.as_bytes()[1..quoted.len() - 1].to_vec()),
        bytes,
        simple,
    ]
    .into_iter()
}

/// As a word of a POSIX shell: with backslashes before all that is special, in double quotes, and in single quotes that
/// are left and entered again at each single quote, in the two usual ways.
pub(super) fn shell(value: &str) -> impl Iterator<Item = Form> {
    let marked = |common: &'static str| {
        writing(value, move |text, character| {
            if character.is_ascii()
                && !character.is_ascii_alphanumeric()
                && !common.contains(character)
            {
                text.push('\\');
            }
            text.push(character);
        })
    };
    let double = writing(value, |text, character| {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    });
    let single = |quote: &'static str| {
        writing(value, move |text, character| match character {
            '\'' => text.push_str(quote),
            _ => text.push(character),
        })
    };
    [
        // Bash's `printf %q`, and those who escape all but the characters of a path.
        marked("%+-./:=@_,"),
        marked("%+-./:=@_"),
        marked("-./_"),
        marked("_"),
        double,
        single("'\\''"),
        single("'\"'\"'"),
    ]
    .into_iter()
}

/// A text made character by character; wiped, also where it has outgrown its room.
fn writing(value: &str, each: impl Fn(&mut String, char)) -> Form {
    // The longest escape is `\uXXXX`: six for a character of one byte, twelve for one of four.
    let mut text = Zeroizing::new(String::with_capacity(value.len() * 6));
    for character in value.chars() {
        each(&mut text, character);
    }
    Zeroizing::new(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(forms: impl Iterator<Item = Form>) -> Vec<String> {
        forms
            .map(|form| String::from_utf8(form.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn urls() {
        let forms = texts(url("a b/c:d@\u{e9}+%~"));
        for expected in [
            "a%20b%2Fc%3Ad%40%C3%A9%2B%25~",
            "a%20b%2fc%3ad%40%c3%a9%2b%25~",
            "a+b%2Fc%3Ad%40%C3%A9%2B%25%7E",
            "a%20b/c%3Ad%40%C3%A9%2B%25~",
            "a%20b/c:d@%C3%A9+%25~",
            "a%20b/c:d@%C3%A9+%~",
            "a%20b%2Fc%3Ad%40%C3%A9+%~",
        ] {
            assert!(
                forms.contains(&expected.to_owned()),
                "{expected} of {forms:?}"
            );
        }
    }

    #[test]
    fn json_as_its_writers_write_it() {
        let value = "a\"b\\c\nd\u{1b}</\u{1f511}>\u{7f}'";
        let forms = texts(json(value));
        let written = serde_json::to_string(value).unwrap();
        for expected in [
            &written[1..written.len() - 1],
            r#"a\"b\\c\nd\u001b</\ud83d\udd11>\u007f'"#,
            r#"a\"b\\c\nd\u001B</\uD83D\uDD11>\u007F'"#,
            "a\\\"b\\\\c\\nd\\u001b\\u003c/\u{1f511}\\u003e\u{7f}'",
            r#"a\"b\\c\nd\u001b<\/\ud83d\udd11>\u007f'"#,
        ] {
            assert!(
                forms.contains(&expected.to_owned()),
                "{expected} of {forms:?}"
            );
        }
    }

    #[test]
    fn debug_output() {
        let forms = texts(debug("it's \"\u{1b}\u{e9}\"\n"));
        for expected in [
            "it's \\\"\\u{1b}\u{e9}\\\"\\n",
            r#"it\'s \"\x1b\xc3\xa9\"\n"#,
            "it\\'s \"\\x1b\u{e9}\"\\n",
        ] {
            assert!(
                forms.contains(&expected.to_owned()),
                "{expected} of {forms:?}"
            );
        }
    }

    #[test]
    fn shells_read_every_word_back() {
        let value = "a b'c\"d$e`f\\g!h*i;j(k)[l]{m}~n#o&p|q<r>s?t=u%v,w.x/y:z@0_1-2+3^4";
        let forms = texts(shell(value));
        let said = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "printf '%s\\n' {} {} {} {} \"{}\" '{}' '{}'",
                forms[0], forms[1], forms[2], forms[3], forms[4], forms[5], forms[6]
            ))
            .output()
            .unwrap();
        let lines = String::from_utf8(said.stdout).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), vec![value; 7]);
    }
}
