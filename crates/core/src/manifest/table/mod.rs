//! A table of the manifest, read key by key: types, formats and defaults as `keys` has them, every problem recorded.
//!
//! `scalars` reads texts and numbers, `nested` reads tables and lists of them, `words` has the words for messages.

mod nested;
mod scalars;
mod words;

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use self::words::{example, expected, join, plain, with_article};
use super::{
    code,
    format::Fault,
    keys::{Absent, Key, Kind, TableSpec},
    report::{Draft, Report},
    suggest::{list, nearest, quoted},
};

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> At<T> {
    pub(super) fn new(value: T, span: Range<usize>) -> At<T> {
        At { value, span }
    }
}

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A table as written. One that is of a wrong type reads as empty, its required keys not missed.
#[derive(Debug)]
pub(super) struct Table<'a> {
    spec: &'static TableSpec,
    entries: Option<&'a DeTable<'a>>,
    /// How messages name it, such as `[services.web]`.
    place: String,
    /// Its header, or all of it when it is written in one line.
    pub(super) span: Range<usize>,
    pub(super) report: &'a Report,
}

impl<'a> Table<'a> {
    /// The whole document.
    pub(super) fn root(
        entries: &'a DeTable<'a>,
        spec: &'static TableSpec,
        report: &'a Report,
    ) -> Table<'a> {
        let table = Table {
            spec,
            entries: Some(entries),
            place: String::new(),
            span: 0..0,
            report,
        };
        table.refuse_unknown_keys();
        table
    }

    fn open(
        value: &'a Value<'a>,
        spec: &'static TableSpec,
        place: String,
        report: &'a Report,
    ) -> Table<'a> {
        let entries = value.get_ref().as_table();
        if entries.is_none() {
            let found = value.get_ref().type_str();
            let message = format!(
                "{} must be a table, not {}",
                plain(&place),
                with_article(found)
            );
            let keys = list(spec.names());
            let help = format!("write {{ … }} with these keys: {keys}");
            report.add(Draft::error(code::WRONG_TYPE, &value.span(), message, help));
        }
        let table = Table {
            spec,
            entries,
            place,
            span: value.span(),
            report,
        };
        table.refuse_unknown_keys();
        table
    }

    fn refuse_unknown_keys(&self) {
        for (key, _) in self.in_order() {
            if self.spec.find(key.get_ref()).is_some() {
                continue;
            }
            let typed = quoted(key.get_ref()).replace('"', "`");
            let message = match self.place.as_str() {
                "" => format!("unknown key {typed}"),
                place => format!("unknown key {typed} in {place}"),
            };
            let draft = match nearest(key.get_ref(), self.spec.names()) {
                Some(name) => Draft::error(
                    code::UNKNOWN_KEY,
                    &key.span(),
                    message,
                    format!("did you mean `{name}`?"),
                )
                .label(format!("perhaps `{name}`")),
                None => Draft::error(
                    code::UNKNOWN_KEY,
                    &key.span(),
                    message,
                    format!("the keys here are {}", list(self.spec.names())),
                ),
            };
            self.report.add(draft);
        }
    }

    /// The entries in the text's order.
    fn in_order(&self) -> Vec<(&'a Spanned<DeString<'a>>, &'a Value<'a>)> {
        let mut entries: Vec<_> = self.entries.into_iter().flat_map(|t| t.iter()).collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    fn key(&self, name: &str) -> &'static Key {
        self.spec
            .find(name)
            .expect("readers ask for keys that their table has")
    }

    fn entry(&self, name: &str) -> Option<(&'a Spanned<DeString<'a>>, &'a Value<'a>)> {
        self.entries?.get_key_value(name)
    }

    fn value(&self, name: &str) -> Option<&'a Value<'a>> {
        self.entry(name).map(|(_, value)| value)
    }

    /// Where the key is written, if it is.
    pub(super) fn written(&self, name: &str) -> Option<Range<usize>> {
        self.entry(name).map(|(key, _)| key.span())
    }

    /// Whether the key is written and its value is not an empty list.
    pub(super) fn says(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| {
            value
                .get_ref()
                .as_array()
                .is_none_or(|list| !list.is_empty())
        })
    }

    /// Whether it is of a wrong type, which has been told.
    pub(super) fn is_broken(&self) -> bool {
        self.entries.is_none()
    }

    /// The value, or `None` after telling that a required one is missing.
    fn wanted(&self, name: &str) -> Option<&'a Value<'a>> {
        let value = self.value(name);
        let key = self.key(name);
        if value.is_none() && self.entries.is_some() && matches!(key.absent, Absent::Refused) {
            let message = match self.place.as_str() {
                "" => format!("`{name}` is missing"),
                place => format!("`{name}` is missing in {place}"),
            };
            let help = format!("add {}. {}", example(key), key.doc);
            self.report
                .add(Draft::error(code::MISSING_KEY, &self.span, message, help));
        }
        value
    }

    fn wrong_type(&self, key: &Key, value: &Value<'_>) {
        let found = with_article(value.get_ref().type_str());
        let message = format!("`{}` must be {}, not {found}", key.name, expected(key.kind));
        let help = match (key.kind, value.get_ref()) {
            // The commonest slip: one text where a list of them belongs.
            (Kind::Texts(_) | Kind::Commands(_), DeValue::String(text)) => {
                format!("put it in brackets: `{} = [{}]`", key.name, quoted(text))
            }
            _ => format!("write it like {}", example(key)),
        };
        self.report
            .add(Draft::error(code::WRONG_TYPE, &value.span(), message, help));
    }

    fn fault(&self, span: &Range<usize>, fault: Fault) {
        let draft = Draft::error(fault.code, span, fault.message, fault.help);
        // It may be the secret half of a pair.
        self.report.add(match fault.code {
            code::BAD_RECIPIENT => draft.secret(),
            _ => draft,
        });
    }

    fn place_of(&self, name: &str) -> String {
        join(&self.place, name)
    }
}
