//! A piece of SQL, written one way and compared by what it means.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Serialize, Serializer};

use super::name::is_word;
use crate::classify::{
    Dialect,
    split::{Kind, tokens},
};

/// A piece of SQL. Two are equal when they are the same words, whatever the layout, the comments, and quotes that a name
/// does not need.
#[derive(Debug, Clone)]
pub struct Sql {
    written: String,
    normal: String,
}

impl Sql {
    /// SQL as the database prints it, which is always in one way.
    pub(crate) fn printed(text: impl Into<String>) -> Sql {
        let text = text.into();
        Sql {
            normal: text.clone(),
            written: text,
        }
    }

    /// SQL as somebody wrote it: kept as it is, and compared by its words.
    pub(crate) fn written(text: &str, dialect: Dialect) -> Sql {
        Sql {
            written: text.trim().to_owned(),
            normal: normal(&words(text, dialect)),
        }
    }

    /// SQL of these words.
    pub(crate) fn of_words(words: &[Word<'_>]) -> Sql {
        Sql {
            written: joined(words, |word| word.text.to_owned()),
            normal: normal(words),
        }
    }

    /// The SQL, to be shown and run.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What is compared.
    pub(crate) fn normal(&self) -> &str {
        &self.normal
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for Sql {
    fn eq(&self, other: &Sql) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Sql {}

impl Hash for Sql {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl Serialize for Sql {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

/// A word, a number, something quoted, or an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    bare: bool,
}

impl Word<'_> {
    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.bare && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Where it ends, in bytes.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The name that it writes, without its quotes.
    pub(crate) fn name(&self) -> String {
        let mut characters = self.text.chars();
        let (open, close) = match characters.next() {
            Some(mark @ ('"' | '`' | '\'')) => (mark, mark),
            Some('[') => ('[', ']'),
            _ => return self.text.to_owned(),
        };
        let inner = self.text[1..]
            .strip_suffix(close)
            .unwrap_or(&self.text[1..]);
        match open {
            '[' => inner.to_owned(),
            mark => inner.replace(&format!("{mark}{mark}"), &mark.to_string()),
        }
    }

    /// Whether it can be a name: a word, or something in quotes.
    pub(crate) fn is_name(&self) -> bool {
        let first = self.text.chars().next().unwrap_or_default();
        "\"`['".contains(first) || self.bare && !first.is_ascii_digit()
    }

    fn normal(&self) -> String {
        match self.text.chars().next() {
            Some('"' | '`' | '[') => {
                let name = self.name().to_ascii_lowercase();
                match is_word(&name) {
                    true => name,
                    false => format!("\"{}\"", name.replace('"', "\"\"")),
                }
            }
            Some('\'') => self.text.to_owned(),
            _ => self.text.to_ascii_lowercase(),
        }
    }
}

/// Operators of more than one character, the longest first.
const OPERATORS: [&str; 11] = [
    "->>", "->", "<=", ">=", "<>", "!=", "==", "||", "<<", ">>", "::",
];

/// SQL as words, without layout and comments.
pub(crate) fn words(sql: &str, dialect: Dialect) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::new();
    for token in tokens(sql, dialect) {
        if matches!(token.kind, Kind::Space | Kind::Comment) {
            continue;
        }
        let word = Word {
            text: token.text,
            start: token.start,
            bare: token.kind == Kind::Word,
        };
        match found.last_mut() {
            Some(last) if last.end() == word.start && belongs(last, &word) => {
                last.text = &sql[last.start..word.end()];
            }
            _ => found.push(word),
        }
    }
    found
}

/// Whether a token continues the one right before it.
fn belongs(last: &Word<'_>, next: &Word<'_>) -> bool {
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let exponent =
        |text: &str| number(text) && !text.starts_with("0x") && text.ends_with(['e', 'E']);
    let digits = next.text.starts_with(|c: char| c.is_ascii_digit());
    if last.bare && last.text.eq_ignore_ascii_case("x") && next.text.starts_with('\'') {
        return true;
    }
    if number(last.text) && last.text.len() + next.text.len() > 1 {
        let whole = last.text.bytes().all(|byte| byte.is_ascii_digit());
        return match next.text {
            "." => whole,
            "+" | "-" => exponent(last.text),
            _ if last.text.ends_with(['+', '-']) => digits,
            _ if last.text.ends_with('.') => digits,
            _ => false,
        };
    }
    let both = [last.text, next.text].concat();
    OPERATORS.iter().any(|operator| operator.starts_with(&both))
}

/// Keywords after which an opening parenthesis is set off.
const APART: [&str; 26] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "like",
    "glob",
    "between",
    "when",
    "then",
    "else",
    "case",
    "as",
    "exists",
    "values",
    "on",
    "using",
    "from",
    "select",
    "where",
    "by",
    "check",
    "key",
    "unique",
    "references",
    "default",
];

fn is_apart(word: &Word<'_>) -> bool {
    APART.iter().any(|keyword| word.is(keyword))
}

/// Words with the same space between them, however they were written.
fn joined(words: &[Word<'_>], shown: impl Fn(&Word<'_>) -> String) -> String {
    let mut text = String::new();
    // Whether the word before is a sign, or stands where one would be.
    let (mut after_operand, mut tight) = (false, true);
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| &words[index]);
        let opens_call = word.text == "("
            && before.is_some_and(|before| {
                before.is_name() && !is_apart(before) && !before.text.starts_with('\'')
            });
        let closes = matches!(word.text, ")" | "," | "." | ";");
        if !(tight || closes || opens_call) {
            text.push(' ');
        }
        text += &shown(word);
        // Two of them would be a comment.
        let sign = matches!(word.text, "-" | "+")
            && !after_operand
            && words.get(index + 1).is_some_and(|next| next.text != "-");
        tight = sign || matches!(word.text, "(" | ".");
        after_operand = word.text == ")"
            || word
                .text
                .starts_with(|c: char| c.is_alphanumeric() || "\"'`[_.".contains(c))
                && !is_apart(word);
    }
    text
}

fn normal(words: &[Word<'_>]) -> String {
    joined(words, |word| word.normal())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sqlite(sql: &str) -> Sql {
        Sql::of_words(&words(sql, Dialect::Sqlite))
    }

    #[test]
    fn layout_comments_case_and_needless_quotes_mean_nothing() {
        let plain = sqlite("CHECK (age>=1.5 AND length(name) <> -1)");
        assert_eq!(plain.as_str(), "CHECK (age >= 1.5 AND length(name) <> -1)");
        assert_eq!(
            plain,
            sqlite("check( \"Age\" >= 1.5 -- years\n and LENGTH ( [name] )<>-1 )")
        );
        assert_ne!(plain, sqlite("check (age >= 15 and length(name) <> -1)"));
        assert_ne!(sqlite("'A  b'"), sqlite("'a b'"));
        assert_ne!(sqlite("\"a b\""), sqlite("a b"));
        assert_eq!(
            sqlite("x'00ff' || 1e-3 - .5").as_str(),
            "x'00ff' || 1e-3 - .5"
        );
    }

    #[test]
    fn names_come_without_their_quotes() {
        let names: Vec<_> = words("a \"b\"\"c\" [d] `e``f` 'g'", Dialect::Sqlite)
            .iter()
            .map(Word::name)
            .collect();
        assert_eq!(names, ["a", "b\"c", "d", "e`f", "g"]);
    }

    proptest! {
        #[test]
        fn what_is_written_again_is_read_as_the_same(
            sql in "([a-c]|1\\.5|2e-3| |-|\\+|<=|=|\\|\\||\\(|\\)|,| 'x' | \"b\" | x'0f' ){0,20}",
        ) {
            let once = sqlite(&sql);
            let again = sqlite(once.as_str());
            prop_assert_eq!(once.as_str(), again.as_str());
            prop_assert_eq!(once, again);
        }
    }
}
