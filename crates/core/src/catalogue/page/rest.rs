//! What the page's tables do not tell of a manifest, as TOML: together they are all of it.

use std::collections::BTreeSet;

use crate::manifest::{
    Manifest,
    write::{Section, sections, text},
};

/// Words that stand where there is nothing to tell.
pub(in crate::catalogue) const NOTHING: &[&str] = &[
    "-", "–", "—", "--", "---", "n/a", "na", "none", "tbd", "todo", "?", "…", "...", "null", "nil",
];

/// The tables and keys that only the TOML tells.
pub(super) fn of(manifest: &Manifest) -> String {
    let untold = sections(manifest).into_iter().filter_map(|section| {
        let place = Place::of(&section)?;
        let had_keys = !section.keys.is_empty();
        let keys: Vec<_> = section
            .keys
            .into_iter()
            .filter(|(key, value)| !place.tells(key, value))
            .collect();
        let is_told = keys.is_empty() && (had_keys || place.tells_itself());
        (!is_told).then_some(Section { keys, ..section })
    });
    text(&untold.collect::<Vec<_>>())
}

/// A table of the manifest, by what the page tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Group,
    Home,
    Environment,
    SameAs,
    Resource,
    Other,
}

impl Place {
    fn of(section: &Section) -> Option<Place> {
        let path: Vec<&str> = section.path.iter().map(String::as_str).collect();
        Some(match path.as_slice() {
            ["groups", _] => Place::Group,
            ["groups", _, "homes", _] => Place::Home,
            ["environments", _] => Place::Environment,
            ["environments", _, "databases", _] => Place::SameAs,
            ["environments", _, "resources", _] => Place::Resource,
            _ => Place::Other,
        })
    }

    /// Whether the page tells that there is such a table, whatever is in it.
    fn tells_itself(self) -> bool {
        matches!(
            self,
            Place::Group | Place::Home | Place::Environment | Place::Resource
        )
    }

    /// Whether the page tells this value, exactly.
    fn tells(self, key: &str, value: &str) -> bool {
        let is_told = match self {
            Place::Group => ["description", "aliases"].contains(&key),
            Place::Home => true,
            Place::Environment => [
                "description",
                "purpose",
                "url",
                "audience",
                "aliases",
                "group",
                "branch",
                "after",
                "mirrors",
                "by_hand",
                "used_by",
            ]
            .contains(&key),
            Place::SameAs => key == "same_as",
            Place::Resource => true,
            Place::Other => false,
        };
        is_told && is_plain(value)
    }
}

/// Whether a value comes back from the words on a page as it is. What is written strangely stands in the TOML instead.
fn is_plain(value: &str) -> bool {
    // Without an escape, what stands between the quotes is the text.
    if value.contains('\\') {
        return false;
    }
    let inner = |open: &str, close: &str| value.strip_prefix(open)?.strip_suffix(close);
    match (inner("[\"", "\"]"), inner("\"", "\"")) {
        (Some(texts), _) => {
            let mut seen = BTreeSet::new();
            let mut texts = texts.split("\", \"");
            // What is said twice is told once.
            texts.all(|text| is_plain_text(text) && seen.insert(text))
        }
        (None, Some(text)) => is_plain_text(text),
        (None, None) => false,
    }
}

fn is_plain_text(text: &str) -> bool {
    let is_strange = |c: char| c.is_control() || c == '`' || c == '|';
    let is_spaced = text.split(' ').all(|word| !word.is_empty())
        && !text.contains(|c: char| c.is_whitespace() && c != ' ');
    let is_nothing = text.len() <= 4 && NOTHING.contains(&text.to_lowercase().as_str());
    is_spaced && !is_nothing && !text.contains(is_strange) && !text.contains("{%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_strangely_is_not_plain() {
        for value in [r#""a b""#, r#"["a", "b"]"#, r#""é (x)""#, r#""{ }""#] {
            assert!(is_plain(value), "{value}");
        }
        for value in [
            r#""""#,
            r#""a  b""#,
            r#"" a""#,
            r#""a\nb""#,
            r#""a\"b""#,
            r#""a|b""#,
            r#""N/A""#,
            r#"["a", ""]"#,
            r#"["a", "a"]"#,
            "[]",
            "true",
            "\"a\u{a0}b\"",
        ] {
            assert!(!is_plain(value), "{value}");
        }
    }
}
