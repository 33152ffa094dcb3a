//! Takes what is secret out of texts before anybody sees them. Probes take care themselves; this is for what servers
//! and libraries put into their answers, which nobody can foresee.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;
use zeroize::Zeroizing;

use crate::{Finding, Subject};

/// What stands where something was taken out.
const STARS: &str = "***";
/// A shorter text would be found in every other word, and is no secret worth the name.
const SHORTEST: usize = 4;
/// How much of a text is kept, in characters: a server may say a lot.
const LONGEST: usize = 400;

/// The texts that must not be seen.
pub(crate) struct Scrub {
    /// As they are, and as URLs have them; the longest first.
    plain: Vec<Zeroizing<String>>,
    /// What base64 makes of them wherever they stand in a longer text.
    encoded: Vec<Zeroizing<String>>,
}

impl Scrub {
    /// The credentials, and the passwords in its URLs.
    pub(crate) fn of(subject: &Subject) -> Self {
        let credentials = subject.credentials.iter();
        let values = credentials
            .map(|(key, value)| (key, value.expose()))
            .filter(|(key, value)| !is_open(subject, key, value))
            .map(|(_, value)| value);
        let urls = [subject.endpoint(), subject.link()].into_iter().flatten();
        let mut plain: Vec<Zeroizing<String>> = Vec::new();
        for value in values.clone() {
            // Lines are joined before anything is looked for.
            plain.push(Zeroizing::new(joined(value)));
            plain.push(Zeroizing::new(value.trim().to_owned()));
        }
        for url in values.chain(urls) {
            plain.extend(password(url));
        }
        plain.retain(|value| value.chars().count() >= SHORTEST);
        let encoded = plain
            .iter()
            .flat_map(|value| within_base64(value))
            .collect();
        let of_urls = |value: &Zeroizing<String>| {
            Zeroizing::new(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())
        };
        plain.extend(plain.iter().map(of_urls).collect::<Vec<_>>());
        plain.sort_by_key(|value| std::cmp::Reverse(value.len()));
        plain.dedup();
        Scrub { plain, encoded }
    }

    /// The finding as it may be shown.
    pub(crate) fn finding(&self, finding: Finding) -> Finding {
        let facts = finding.facts.into_iter();
        Finding {
            reason: self.text(&finding.reason),
            facts: facts
                .map(|(name, value)| (name, self.text(&value)))
                .collect(),
            ..finding
        }
    }

    /// The text in one line, without secrets and without anything that a terminal would obey, cut if it is long. It is
    /// cut last: half a secret would not be found.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = joined(text);
        for value in &self.plain {
            text = text.replace(value.as_str(), STARS);
        }
        for part in &self.encoded {
            text = without_runs(text, part);
        }
        text = without_url_secrets(&text);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// Whether a value is no secret although it stands among the credentials: people would not understand a reason without
/// the id that the catalogue shows them, or without the host that does not answer.
fn is_open(subject: &Subject, key: &str, value: &str) -> bool {
    let key = key.to_uppercase();
    let last = key.rsplit('_').next();
    let place = last.is_some_and(|last| ["HOST", "PORT", "REGION"].contains(&last));
    let of_names = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    subject.id() == Some(value.trim()) || (place && value.trim().chars().all(of_names))
}

/// The text in one line.
fn joined(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// The password in a URL, as it is written and as it is meant.
fn password(url: &str) -> Vec<Zeroizing<String>> {
    let url = Url::parse(url.trim()).ok();
    let Some(password) = url.as_ref().and_then(Url::password) else {
        return Vec::new();
    };
    let meant = percent_decode_str(password).decode_utf8_lossy();
    vec![
        Zeroizing::new(password.to_owned()),
        Zeroizing::new(meant.into_owned()),
    ]
}

/// The characters that base64 makes of a value whatever stands before and after it, for each of the three ways in
/// which it may lie across the groups of three bytes, in both alphabets of RFC 4648.
fn within_base64(value: &str) -> Vec<Zeroizing<String>> {
    let ways = (0..3).flat_map(|before| [(before, &STANDARD_NO_PAD), (before, &URL_SAFE_NO_PAD)]);
    let parts = ways.map(|(before, alphabet)| {
        let padded = Zeroizing::new([&vec![0; before], value.as_bytes()].concat());
        let text = Zeroizing::new(alphabet.encode(&*padded));
        // Six bits a character: those that also hold bits of something else are left out.
        let from = (before * 8).div_ceil(6);
        let to = (before + value.len()) * 8 / 6;
        Zeroizing::new(text.get(from..to).unwrap_or_default().to_owned())
    });
    parts.collect()
}

/// The text without every unbroken run of base64 that holds this part.
fn without_runs(mut text: String, part: &str) -> String {
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    while let Some(at) = text.find(part) {
        let start = text[..at]
            .rfind(|c| !of_base64(c))
            .map_or(0, |before| before + char_length(&text, before));
        let end = text[at..]
            .find(|c| !of_base64(c))
            .map_or(text.len(), |after| at + after);
        text.replace_range(start..end, STARS);
    }
    text
}

fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// The text with neither users nor questions in its URLs: libraries like to quote those they could not reach.
fn without_url_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "\"'`<>()[]{}".contains(c))
            .unwrap_or(after.len());
        let host = after[..end].find(['/', '?', '#']).unwrap_or(end);
        let user = after[..host].rfind('@');
        if user.is_some() {
            out.push_str(STARS);
        }
        out.push_str(&after[user.unwrap_or(0)..host]);
        // What stands behind the host may be another URL.
        let tail = &after[host..end];
        rest = match tail.find('?') {
            Some(question) if !tail[..question].contains("://") => {
                out.push_str(&tail[..=question]);
                out.push_str(STARS);
                &after[end..]
            }
            _ => &after[host..],
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn scrub(values: &[&str]) -> Scrub {
        let named = values.iter().enumerate();
        Scrub::of(&Subject {
            credentials: named
                .map(|(n, &value)| (n.to_string(), value.into()))
                .collect(),
            ..Subject::default()
        })
    }

    #[test]
    fn values_of_four_characters_or_more_are_taken_out() {
        let scrub = scrub(&["pass", "passage", "abc", "ü€€ü", ""]);
        assert_eq!(scrub.text("Bearer passage, pass"), "Bearer ***, ***");
        assert_eq!(scrub.text("abc ü€€ü €"), "abc *** €");
        assert_eq!(scrub.text(""), "");
    }

    #[test]
    fn an_id_and_the_name_of_a_host_are_no_secrets() {
        let scrub = Scrub::of(&Subject {
            id: Some("files".into()),
            credentials: [
                ("BUCKET".to_owned(), "files".into()),
                ("SMTP_HOST".to_owned(), "mail.test".into()),
                ("API_HOST".to_owned(), "https://key@api.test".into()),
                ("PASSPORT".to_owned(), "abracadabra".into()),
            ]
            .into(),
            ..Subject::default()
        });
        let shown = scrub.text("files mail.test https://key@api.test abracadabra");
        assert_eq!(shown, "files mail.test *** ***");
    }

    #[test]
    fn values_are_found_as_urls_have_them() {
        let scrub = scrub(&["a b/c?d"]);
        assert_eq!(scrub.text("at a%20b%2Fc%3Fd!"), "at ***!");
    }

    #[test]
    fn values_are_found_within_base64() {
        let scrub = scrub(&["open?>~sesame"]);
        for before in ["", "a", "ab", "abc", "somebody:"] {
            for after in ["", "z", "zz"] {
                let text = format!("{before}open?>~sesame{after}");
                for alphabet in [&STANDARD, &URL_SAFE_NO_PAD] {
                    let sent = alphabet.encode(&text);
                    let shown = scrub.text(&format!("who is “Basic {sent}”?"));
                    assert_eq!(shown, "who is “Basic ***”?", "{text}");
                }
            }
        }
    }

    #[test]
    fn passwords_of_urls_are_secrets_of_their_own() {
        let scrub = scrub(&["postgres://me:s3%2Fcret@db.example.test/app"]);
        assert_eq!(
            scrub.text("password \"s3/cret\" (s3%2Fcret) refused by db.example.test"),
            "password \"***\" (***) refused by db.example.test"
        );
    }

    #[test]
    fn urls_keep_neither_users_nor_questions() {
        let scrub = scrub(&[]);
        assert_eq!(
            scrub.text(
                "error for url (https://me:p@ss@example.test/a?key=1&b=2), see http://x.test/y@z"
            ),
            "error for url (https://***@example.test/a?***), see http://x.test/y@z"
        );
        assert_eq!(
            scrub.text("https://a.test/to/https://me:p@b.test/c?d=e f"),
            "https://a.test/to/https://***@b.test/c?*** f"
        );
    }

    #[test]
    fn a_text_is_one_line_that_no_terminal_obeys() {
        let scrub = scrub(&["two\nlines"]);
        assert_eq!(scrub.text(" a\u{1b}[31m\r\n\tb\u{7} "), "a [31m b");
        assert_eq!(scrub.text("two lines, two\r\nlines"), "***, ***");
    }

    #[test]
    fn a_long_text_is_cut_after_it_was_cleaned() {
        let scrub = scrub(&["open sesame"]);
        let text = format!("{}open sesame and more", "x".repeat(LONGEST - 5));
        let shown = scrub.text(&text);
        assert!(
            shown.ends_with("xxx*** …") || shown.ends_with("***…") || shown.ends_with("x*** a…")
        );
        assert!(!shown.contains("open"));
    }
}
