//! Words for messages about tables: where a key is, what its value should be, how it is written.

use crate::manifest::{
    format::Format,
    keys::{Key, Kind},
};

/// `[services]` and `web` make `[services.web]`.
pub(super) fn join(place: &str, name: &str) -> String {
    let name: String = name.chars().take(60).collect();
    match plain(place) {
        "" => format!("[{name}]"),
        place => format!("[{place}.{name}]"),
    }
}

pub(super) fn plain(place: &str) -> &str {
    place
        .strip_prefix('[')
        .and_then(|place| place.strip_suffix(']'))
        .unwrap_or(place)
}

pub(super) fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}

pub(super) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "a string",
        Kind::Texts(_) => "a list of strings",
        Kind::Duration | Kind::DurationOrZero => "a duration in quotes",
        Kind::Integer(..) => "an integer",
        Kind::Ratio => "a number",
        Kind::Boolean => "a boolean",
        Kind::Scalar => "a string, an integer or a boolean",
        Kind::Table(_) | Kind::Tables(..) | Kind::Variables => "a table",
        Kind::List(_) => "a list of tables",
        Kind::Commands(_) => "a list of commands",
    }
}

/// How a key is written.
pub(super) fn example(key: &Key) -> String {
    let name = key.name;
    match key.kind {
        Kind::Text(Format::Choice(words)) => {
            format!("`{name} = {:?}`", words.first().unwrap_or(&""))
        }
        Kind::Text(Format::UrlPath) => format!("`{name} = \"/healthz\"`"),
        Kind::Text(_) => format!("`{name} = \"…\"`"),
        Kind::Texts(_) | Kind::Commands(_) => format!("`{name} = [\"…\"]`"),
        Kind::Duration | Kind::DurationOrZero => format!("`{name} = \"30s\"`"),
        Kind::Integer(least, _) => format!("`{name} = {least}`"),
        Kind::Ratio => format!("`{name} = 0.01`"),
        Kind::Boolean => format!("`{name} = true`"),
        Kind::Scalar => format!("`{name} = \"…\"`"),
        Kind::Table(_) => format!("`[{name}]`"),
        Kind::Tables(..) => format!("`[{name}.…]`"),
        Kind::List(_) => format!("`{name} = [ {{ … }} ]`"),
        Kind::Variables => format!("`{name} = {{ KEY = \"…\" }}`"),
    }
}
