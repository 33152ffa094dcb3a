//! Reads dotenv files. The grammar is the regular expression of npm's `dotenv` (18.0), which `dotenvx` (2.38) shares; here
//! it is read by hand, in time that grows with the text and not with its square.

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{DotenvError, Entry, Quote};

/// The variables that a text assigns, in its order. Of two with one name dotenv takes the later; both are here.
///
/// A line that is neither an assignment nor a comment is passed over, as dotenv does: [`ignored`] tells them.
pub fn parse(text: &str) -> Result<Vec<Entry>, DotenvError> {
    let text = with_plain_line_ends(text);
    if let Some(at) = text.find('\0') {
        let line = 1 + text[..at].matches('\n').count();
        return Err(DotenvError::NulInText { line });
    }
    let entries = Scanner::new(&text).filter_map(|found| match found {
        Found::Assignment { key, raw, line } => Some(entry(key, raw, line)),
        Found::Ignored { .. } => None,
    });
    Ok(entries.collect())
}

/// The lines, from 1, that say something which is neither an assignment nor a comment. Dotenv passes over them without
/// a word: `NAME:value` without a space, a name without a value, a name with a space in it.
pub fn ignored(text: &str) -> Vec<usize> {
    let text = with_plain_line_ends(text);
    let lines = Scanner::new(&text).filter_map(|found| match found {
        Found::Ignored { line } => Some(line),
        Found::Assignment { .. } => None,
    });
    lines.collect()
}

/// Line ends of Windows and of old Macs become those of Unix, also within quotes.
fn with_plain_line_ends(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut lines = text.split('\r');
    plain.push_str(lines.next().unwrap_or_default());
    for line in lines {
        plain.push('\n');
        plain.push_str(line.strip_prefix('\n').unwrap_or(line));
    }
    plain
}

/// What the text of a value means.
fn entry(key: &str, raw: &str, line: usize) -> Entry {
    let raw = raw.trim_matches(is_space);
    let quote = match raw.chars().next() {
        Some('\'') => Quote::Single,
        Some('"') => Quote::Double,
        Some('`') => Quote::Backtick,
        _ => Quote::None,
    };
    let value = without_quotes(raw);
    let unclosed = quote != Quote::None && value.len() == raw.len();
    let (value, disputed) = unescaped(value, quote);
    Entry {
        key: key.to_owned(),
        value: SecretString::from(value.as_str()),
        line,
        quote,
        unclosed,
        disputed,
    }
}

/// A value with its escapes replaced, and whether npm's `dotenv` leaves one of them alone.
fn unescaped(value: Zeroizing<String>, quote: Quote) -> (Zeroizing<String>, bool) {
    let replace = |value: Zeroizing<String>, escape: &str, meant: &str| {
        let found = value.contains(escape);
        match found {
            true => (Zeroizing::new(value.replace(escape, meant)), true),
            false => (value, false),
        }
    };
    match quote {
        Quote::Single => replace(value, "\\'", "'"),
        Quote::Double => {
            let (value, _) = replace(value, "\\n", "\n");
            let (value, _) = replace(value, "\\r", "\r");
            replace(value, "\\t", "\t")
        }
        Quote::None | Quote::Backtick => (value, false),
    }
}

/// A value without the quotes around it. JavaScript's `^` and `$` hold at each line of the value, so that a value with
/// U+2028 in it may lose several pairs.
fn without_quotes(raw: &str) -> Zeroizing<String> {
    let mut value = Zeroizing::new(String::with_capacity(raw.len()));
    let last = ["'", "\"", "`"].map(|quote| last_at_line_end(raw, quote));
    let (mut at, mut at_line_start) = (0, true);
    while let Some(character) = raw[at..].chars().next() {
        let next = at + character.len_utf8();
        let kind = ['\'', '"', '`']
            .iter()
            .position(|&quote| quote == character);
        let end = kind.and_then(|kind| last[kind]).filter(|&end| end > at);
        if let (true, Some(end)) = (at_line_start, end) {
            value.push_str(&raw[next..end]);
            (at, at_line_start) = (end + 1, false);
            continue;
        }
        value.push(character);
        (at, at_line_start) = (next, ends_line(character));
    }
    value
}

/// Where a quote is the last of its kind that a line of the text ends with.
fn last_at_line_end(text: &str, quote: &str) -> Option<usize> {
    let mut places = text.rmatch_indices(quote).map(|(at, _)| at);
    places.find(|at| text[at + 1..].chars().next().is_none_or(ends_line))
}

/// JavaScript's `\s`.
fn is_space(character: char) -> bool {
    match character {
        '\u{feff}' => true,
        '\u{85}' => false,
        other => other.is_whitespace(),
    }
}

/// Where JavaScript sees a line end.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// What is found in a text.
enum Found<'a> {
    Assignment {
        key: &'a str,
        /// What is behind the sign, with its quotes, and without its comment.
        raw: &'a str,
        line: usize,
    },
    Ignored {
        line: usize,
    },
}

/// Finds assignments in a text with plain line ends.
struct Scanner<'a> {
    text: &'a str,
    /// Where the search goes on: the begin or the end of a line.
    at: usize,
    /// The line of `counted`, which never is behind `at`.
    line: usize,
    counted: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            counted: 0,
        }
    }

    fn line_of(&mut self, at: usize) -> usize {
        self.line += self.text[self.counted..at].matches('\n').count();
        self.counted = at;
        self.line
    }

    fn after_space(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        at + rest.find(|c| !is_space(c)).unwrap_or(rest.len())
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        at + rest.find(ends_line).unwrap_or(rest.len())
    }

    /// The assignment that begins here: its key, the bounds of its value, and where it ends.
    fn assignment(&self, start: usize) -> Option<(&'a str, (usize, usize), usize)> {
        // The word is a prefix, or, with no name behind it, a name itself.
        let prefixed = self.text[start..]
            .starts_with("export")
            .then(|| self.after_space(start + 6))
            .filter(|&name| name > start + 6);
        prefixed
            .and_then(|name| self.named(name))
            .or_else(|| self.named(start))
    }

    fn named(&self, start: usize) -> Option<(&'a str, (usize, usize), usize)> {
        let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let rest = &self.text[start..];
        let length = rest.find(|c| !in_key(c)).unwrap_or(rest.len());
        if length == 0 {
            return None;
        }
        let (key, end) = (&rest[..length], start + length);
        let value = self.after_sign(end)?;
        let (value_end, end) = self.quoted(value).unwrap_or_else(|| self.bare(value));
        Some((key, (value, value_end), end))
    }

    /// Where a value begins: behind `=` with or without space before it, or behind `:` and a space.
    fn after_sign(&self, key_end: usize) -> Option<usize> {
        let sign = self.after_space(key_end);
        if self.text[sign..].starts_with('=') {
            return Some(sign + 1);
        }
        let rest = self.text[key_end..].strip_prefix(':')?;
        let space = rest.chars().next().filter(|&c| is_space(c))?;
        Some(key_end + 1 + space.len_utf8())
    }

    /// Where a value in quotes ends, and the assignment with it. The closing quote is the first without a backslash
    /// before it; where something follows that one, the last before it that a comment or a line end follows.
    fn quoted(&self, value: usize) -> Option<(usize, usize)> {
        let open = self.after_space(value);
        let quote = self.text[open..]
            .chars()
            .next()
            .filter(|c| matches!(c, '\'' | '"' | '`'))?;
        let mut closed = None;
        for (at, _) in self.text[open + 1..].match_indices(quote) {
            let at = open + 1 + at;
            if let Some(end) = self.tail(at + 1) {
                closed = Some((at + 1, end));
            }
            if !self.text[..at].ends_with('\\') {
                break;
            }
        }
        closed
    }

    /// Where a value without quotes ends, and the assignment with it.
    fn bare(&self, value: usize) -> (usize, usize) {
        let rest = &self.text[value..];
        let end = value + rest.find(['#', '\n']).unwrap_or(rest.len());
        (end, self.tail(end).unwrap_or(end))
    }

    /// Where an assignment ends whose value ends here: nothing but space may follow on the line, or a comment.
    fn tail(&self, at: usize) -> Option<usize> {
        let end = self.after_space(at);
        match self.text[end..].chars().next() {
            None => Some(end),
            Some('#') => Some(self.line_end(end)),
            Some(_) => self.text[at..end].rfind(ends_line).map(|line| at + line),
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.after_space(self.at);
            let first = self.text[start..].chars().next()?;
            if let Some((key, (from, to), end)) = self.assignment(start) {
                self.at = end;
                let (raw, line) = (&self.text[from..to], self.line_of(start));
                return Some(Found::Assignment { key, raw, line });
            }
            self.at = self.line_end(start);
            if first != '#' {
                let line = self.line_of(start);
                return Some(Found::Ignored { line });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use secrecy::ExposeSecret;

    use super::*;

    fn one(text: &str) -> Entry {
        let mut entries = parse(text).unwrap();
        assert_eq!(entries.len(), 1, "{text:?}");
        entries.remove(0)
    }

    #[test]
    fn order_lines_and_duplicates_are_told() {
        let text = "\u{feff}# first\r\nA='1\r\n2'\r\n\r\nexport B: x\rA=3";
        let entries = parse(text).unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|entry| (&*entry.key, entry.value.expose_secret(), entry.line))
            .collect();
        assert_eq!(told, [("A", "1\n2", 2), ("B", "x", 5), ("A", "3", 6)]);
    }

    #[test]
    fn what_dotenv_passes_over_is_told() {
        let text = "A=1\nB\n# C\n\nD:2\nE F=3\nG=\"\n=4\n";
        assert_eq!(ignored(text), [2, 5, 6, 8]);
    }

    #[test]
    fn the_quote_is_told_and_whether_it_is_closed() {
        let told = |text| (one(text).quote, one(text).is_unclosed());
        assert_eq!(told("A=b"), (Quote::None, false));
        assert_eq!(told("A='b' # c"), (Quote::Single, false));
        assert_eq!(told("A=\"b"), (Quote::Double, true));
        assert_eq!(told("A=`b` c"), (Quote::Backtick, true));
        assert_eq!(told("A=''"), (Quote::Single, false));
    }

    #[test]
    fn a_ciphertext_is_told() {
        assert!(one("A=\"encrypted:BDqDBibm4wsYqMpCjTQ6BsDHmMadg9K3dAt+\"").is_encrypted());
        assert!(!one("A=\"not encrypted:\"").is_encrypted());
    }

    #[test]
    fn a_nul_is_refused() {
        let refused = parse("A=1\nB=\0").err();
        assert_eq!(refused, Some(DotenvError::NulInText { line: 2 }));
    }

    #[test]
    fn hostile_files_are_read_in_a_time_that_grows_with_them() {
        let begun = Instant::now();
        let lines = 200_000;
        for text in [
            "A='".repeat(lines),
            "A=\"\\\"\n".repeat(lines),
            "A='\nB=\"\nC=`\n".repeat(lines),
            "\n".repeat(lines) + "!",
            "A\n\n\n".repeat(lines),
            "export ".repeat(lines),
            "A='\\' \\' \\' ".repeat(lines),
            "\u{2028}'".repeat(lines),
            format!("A={}", "\u{2028}'x".repeat(lines)),
        ] {
            let _ = (parse(&text).unwrap(), ignored(&text));
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
