//! A script cut into statements by the rules of three databases: quotes, comments, bodies of routines.
//!
//! Where this and the parser would disagree, the statement does not parse and is unknown. What a script means to the
//! database that runs it is decided there, not here.

use super::Dialect;

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space.
    Space,
    /// A comment that every server skips.
    Comment,
    /// MySQL's `/*! … */`, which some servers run.
    Conditional,
    /// A keyword, name or number without quotes.
    Word,
    /// A string or a quoted name.
    Quoted,
    /// `;`
    Semicolon,
    /// Any other character.
    Other,
}

/// A stretch of SQL and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Where it begins in the text that was cut.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Where it ends in the text that was cut.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// The line of its first word, from 1.
    pub(crate) line: usize,
    /// From its first word to before its semicolon.
    pub(crate) text: &'a str,
}

/// Cuts a script into statements; empty ones and comments are left out.
pub(crate) fn split(sql: &str, dialect: Dialect) -> impl Iterator<Item = Piece<'_>> {
    let mut tokens = tokens(sql, dialect);
    let mut counted = (0, 1);
    std::iter::from_fn(move || {
        let mut open: Option<(usize, usize)> = None;
        let mut body = Body::default();
        for token in tokens.by_ref() {
            match token.kind {
                Kind::Space | Kind::Comment => continue,
                Kind::Semicolon if open.is_none() => continue,
                Kind::Semicolon if !body.is_open() => break,
                _ => {}
            }
            body.read(&token, dialect);
            let begin = open.map_or(token.start, |(begin, _)| begin);
            open = Some((begin, token.start + token.text.len()));
        }
        let (begin, end) = open?;
        counted.1 += sql[counted.0..begin].matches('\n').count();
        counted.0 = begin;
        Some(Piece {
            line: counted.1,
            text: &sql[begin..end],
        })
    })
}

/// Whether a statement stands within a routine's body, whose semicolons do not end it.
#[derive(Debug, Default)]
struct Body {
    begun: bool,
    create: bool,
    routine: bool,
    depth: usize,
    ended: bool,
}

impl Body {
    fn is_open(&self) -> bool {
        self.depth > 0
    }

    fn read(&mut self, token: &Token<'_>, dialect: Dialect) {
        if token.kind != Kind::Word {
            return;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.create = token.is("create");
        }
        if !self.create {
            return;
        }
        let kinds: &[&str] = match dialect {
            Dialect::Sqlite => &["trigger"],
            Dialect::Postgres => &["function", "procedure"],
            Dialect::Mysql => &["trigger", "function", "procedure", "event"],
        };
        if !self.routine {
            // The kind follows CREATE, OR REPLACE, TEMP, DEFINER = … and the like.
            self.routine = kinds.iter().any(|kind| token.is(kind));
            self.create = !OTHER_KINDS.iter().any(|kind| token.is(kind));
            return;
        }
        let after_end = std::mem::take(&mut self.ended);
        if token.is("begin") || (self.depth > 0 && token.is("case") && !after_end) {
            self.depth += 1;
        } else if self.depth > 0 && token.is("end") {
            self.depth -= 1;
            self.ended = true;
        } else if after_end && is_block(token) {
            // `END IF` closes what never counted as opened.
            self.depth += 1;
        }
    }
}

/// What else can be created; the words that follow are names.
const OTHER_KINDS: [&str; 14] = [
    "table",
    "view",
    "index",
    "type",
    "domain",
    "schema",
    "database",
    "role",
    "user",
    "sequence",
    "extension",
    "policy",
    "rule",
    "as",
];

fn is_block(token: &Token<'_>) -> bool {
    ["if", "loop", "while", "repeat"]
        .iter()
        .any(|word| token.is(word))
}

/// Cuts SQL into tokens; together they are the whole text. What is not closed reaches to the end.
pub(crate) fn tokens(sql: &str, dialect: Dialect) -> impl Iterator<Item = Token<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = sql.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = next(rest, dialect);
        let token = Token {
            kind,
            text: &rest[..length],
            start,
        };
        start += length;
        Some(token)
    })
}

fn next(rest: &str, dialect: Dialect) -> (Kind, usize) {
    let first = rest.chars().next().unwrap_or_default();
    let mysql = dialect == Dialect::Mysql;
    match first {
        _ if is_space(first) => (Kind::Space, length_while(rest, is_space)),
        '-' if is_line_comment(rest, dialect) => (Kind::Comment, line_comment(rest, dialect)),
        '#' if mysql => (Kind::Comment, through(rest, 1, "\n")),
        '/' if mysql && (rest.starts_with("/*!") || rest.starts_with("/*M!")) => {
            (Kind::Conditional, through(rest, 3, "*/"))
        }
        '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(rest, dialect)),
        '\'' => (Kind::Quoted, quoted(rest, 0, '\'', mysql)),
        '"' => (Kind::Quoted, quoted(rest, 0, '"', mysql)),
        '`' => (Kind::Quoted, quoted(rest, 0, '`', false)),
        '[' if dialect == Dialect::Sqlite => (Kind::Quoted, through(rest, 1, "]")),
        '$' if dialect == Dialect::Postgres => dollar_quoted(rest),
        'e' | 'E' if dialect == Dialect::Postgres && rest[1..].starts_with('\'') => {
            (Kind::Quoted, quoted(rest, 1, '\'', true))
        }
        ';' => (Kind::Semicolon, 1),
        _ if is_word(first) => (Kind::Word, length_while(rest, is_word)),
        _ => (Kind::Other, first.len_utf8()),
    }
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}' || c == '\u{feff}'
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || (!c.is_ascii() && c != '\u{feff}')
}

/// To MySQL, `--` opens a comment only before a space.
fn is_line_comment(rest: &str, dialect: Dialect) -> bool {
    let Some(after) = rest.strip_prefix("--") else {
        return false;
    };
    dialect != Dialect::Mysql
        || after
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || c.is_control())
}

/// To PostgreSQL, a carriage return ends a line as well.
fn line_comment(rest: &str, dialect: Dialect) -> usize {
    let end = match dialect {
        Dialect::Postgres => rest.find(['\n', '\r']),
        Dialect::Sqlite | Dialect::Mysql => rest.find('\n'),
    };
    match end {
        Some(end) if rest[end..].starts_with("\r\n") => end + 2,
        Some(end) => end + 1,
        None => rest.len(),
    }
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

/// PostgreSQL's comments nest; the others' do not.
fn block_comment(rest: &str, dialect: Dialect) -> usize {
    if dialect != Dialect::Postgres {
        return through(rest, 2, "*/");
    }
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 && at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// A doubled quote stands for one; so does one after a backslash, where backslashes escape.
fn quoted(rest: &str, skip: usize, quote: char, backslashes: bool) -> usize {
    let mut characters = rest[skip..].char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && backslashes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, c)| *c == quote).is_none() {
            return skip + at + 1;
        }
    }
    rest.len()
}

/// `$$ … $$` or `$tag$ … $tag$`; anything else that begins with `$` is a parameter.
fn dollar_quoted(rest: &str) -> (Kind, usize) {
    let tag = 1 + length_while(&rest[1..], |c| is_word(c) && c != '$');
    let is_tag =
        rest[tag..].starts_with('$') && !rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return (Kind::Other, 1);
    }
    let delimiter = &rest[..=tag];
    (Kind::Quoted, through(rest, delimiter.len(), delimiter))
}
