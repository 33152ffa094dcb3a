//! SQLite's tokens, by the rules of its `tokenize.c`: just enough to know where statements, comments and quotes end.

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space, or a byte order mark.
    Space,
    /// `-- …` up to the end of its line, or `/* … */`.
    Comment,
    /// A keyword, name or number without quotes.
    Word,
    /// Something in `'…'`, `"…"`, `` `…` `` or `[…]`.
    Quoted,
    /// `;`
    Semicolon,
    /// Any other character.
    Other,
}

/// A stretch of SQL and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

/// Cuts SQL into tokens; together they are the whole text. What is not closed reaches to the end.
pub(super) fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = sql.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = next(rest);
        let token = Token {
            kind,
            text: &rest[..length],
            start,
        };
        start += length;
        Some(token)
    })
}

fn next(rest: &str) -> (Kind, usize) {
    let first = rest.chars().next().unwrap_or_default();
    match first {
        _ if is_space(first) => (Kind::Space, length_while(rest, is_space)),
        '-' if rest.starts_with("--") => (Kind::Comment, through(rest, 2, "\n")),
        // At the very end it is a division and a multiplication.
        '/' if rest.starts_with("/*") && rest.trim_end() != "/*" => {
            (Kind::Comment, through(rest, 2, "*/"))
        }
        '\'' | '"' | '`' => (Kind::Quoted, quoted(rest, first)),
        '[' => (Kind::Quoted, through(rest, 1, "]")),
        ';' => (Kind::Semicolon, 1),
        _ if is_word(first) => (Kind::Word, length_while(rest, is_word)),
        _ => (Kind::Other, first.len_utf8()),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c' | '\u{feff}')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || (!c.is_ascii() && c != '\u{feff}')
}

fn length_while(rest: &str, accept: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !accept(c)).unwrap_or(rest.len())
}

/// Up to and with `end`, looked for after the first `skip` bytes.
fn through(rest: &str, skip: usize, end: &str) -> usize {
    rest[skip..]
        .find(end)
        .map_or(rest.len(), |found| skip + found + end.len())
}

/// A doubled quote stands for one, and does not end it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut from = 1;
    while let Some(found) = rest[from..].find(quote) {
        from += found + 1;
        if !rest[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        tokens(sql).map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn quotes_and_comments_hide_what_is_in_them() {
        use Kind::*;
        assert_eq!(
            kinds("a 'it''s;' --;'\n/* ; */[b];"),
            [
                (Word, "a"),
                (Space, " "),
                (Quoted, "'it''s;'"),
                (Space, " "),
                (Comment, "--;'\n"),
                (Comment, "/* ; */"),
                (Quoted, "[b]"),
                (Semicolon, ";"),
            ]
        );
        assert_eq!(kinds("'open;"), [(Quoted, "'open;")]);
        assert_eq!(kinds("/* open;"), [(Comment, "/* open;")]);
        assert_eq!(kinds("/*"), [(Other, "/"), (Other, "*")]);
        assert_eq!(
            kinds("\u{feff}é-"),
            [(Space, "\u{feff}"), (Word, "é"), (Other, "-")]
        );
    }

    proptest! {
        #[test]
        fn tokens_are_the_whole_text(sql in "[a;'\"`\\[\\]\\-/* \n\u{feff}é]{0,40}") {
            prop_assert_eq!(tokens(&sql).map(|token| token.text).collect::<String>(), &sql[..]);
            prop_assert!(tokens(&sql).all(|token| sql[token.start..].starts_with(token.text)));
        }
    }
}
