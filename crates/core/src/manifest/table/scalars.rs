//! Reads texts, lengths of time and numbers.

use std::{ops::Range, time::Duration};

use toml::de::DeValue;

use super::{At, Table, Value, words::with_article};
use crate::{
    manifest::{
        code,
        format::{Fault, Format},
        keys::{Absent, Kind},
        suggest::quoted,
    },
    time::parse_duration,
};

impl<'a> Table<'a> {
    /// A text in its format, or its default.
    pub(in crate::manifest) fn text(&self, name: &str) -> Option<At<String>> {
        let key = self.key(name);
        let Kind::Text(format) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let Some(value) = self.wanted(name) else {
            return match key.absent {
                Absent::Text(text) => Some(At::new(text.to_owned(), self.span.clone())),
                _ => None,
            };
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.clone().into_owned(),
            // A TOML date reads as well as one in quotes.
            DeValue::Datetime(date) if [Format::Moment, Format::Date].contains(&format) => {
                date.to_string()
            }
            _ => {
                self.wrong_type(key, value);
                return None;
            }
        };
        self.formatted(format, text, value.span())
    }

    pub(super) fn formatted(
        &self,
        format: Format,
        text: String,
        span: Range<usize>,
    ) -> Option<At<String>> {
        if self.report.is_full() {
            return None;
        }
        match format.check(&text) {
            Ok(()) => Some(At::new(text, span)),
            Err(fault) => {
                self.fault(&span, fault);
                None
            }
        }
    }

    /// A text without its place.
    pub(in crate::manifest) fn plain(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.value)
    }

    /// A list of texts, or its default; those that do not have their format are left out.
    pub(in crate::manifest) fn texts(&self, name: &str) -> Option<Vec<At<String>>> {
        let key = self.key(name);
        let Kind::Texts(format) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let Some(value) = self.wanted(name) else {
            let Absent::Texts(texts) = key.absent else {
                return None;
            };
            let at = |text: &&str| At::new((*text).to_owned(), self.span.clone());
            return Some(texts.iter().map(at).collect());
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value);
            return None;
        };
        let read = |item: &Value<'a>| match item.get_ref() {
            DeValue::String(text) => self.formatted(format, text.clone().into_owned(), item.span()),
            _ => {
                self.wrong_type(key, item);
                None
            }
        };
        Some(items.iter().filter_map(read).collect())
    }

    /// A length of time, or its default.
    pub(in crate::manifest) fn duration(&self, name: &str) -> Duration {
        let key = self.key(name);
        let default = match key.absent {
            Absent::Text(text) => parse_duration(text).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let Some(value) = self.wanted(name) else {
            return default;
        };
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value);
            return default;
        };
        let refuse = |message: String, help: &str| {
            self.fault(&value.span(), Fault::new(code::BAD_DURATION, message, help));
            default
        };
        match parse_duration(text) {
            Ok(Duration::ZERO) if matches!(key.kind, Kind::Duration) => refuse(
                format!("`{name}` must be longer than nothing"),
                "write a length of time such as \"20s\"",
            ),
            Ok(duration) => duration,
            Err(_) => refuse(
                format!("{} is not a duration", quoted(text)),
                "write it like \"250ms\", \"20s\", \"10m\", \"1h 30m\" or \"7d\"",
            ),
        }
    }

    /// A whole number in its range, or its default.
    pub(in crate::manifest) fn integer(&self, name: &str) -> i64 {
        let key = self.key(name);
        let Kind::Integer(least, most) = key.kind else {
            unreachable!("`{name}` is read as what it is")
        };
        let default = match key.absent {
            Absent::Integer(number) => number,
            _ => least,
        };
        let Some(value) = self.wanted(name) else {
            return default;
        };
        let DeValue::Integer(digits) = value.get_ref() else {
            self.wrong_type(key, value);
            return default;
        };
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => number,
            None => {
                let message = format!("`{name}` must be from {least} to {most}");
                let help = format!("write a number from {least} to {most}");
                self.fault(&value.span(), Fault::new(code::BAD_NUMBER, message, help));
                default
            }
        }
    }

    /// A number from 0 to 1, if it is written.
    pub(in crate::manifest) fn ratio(&self, name: &str) -> Option<f64> {
        let value = self.wanted(name)?;
        let number: Option<f64> = match value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) => digits.as_str().parse().ok(),
            _ => {
                self.wrong_type(self.key(name), value);
                return None;
            }
        };
        let number = number.filter(|number| (0.0..=1.0).contains(number));
        if number.is_none() {
            let message = format!("`{name}` must be from 0 to 1");
            let help = "write a share, such as 0.01 for one in a hundred";
            self.fault(&value.span(), Fault::new(code::BAD_NUMBER, message, help));
        }
        number
    }

    /// Yes or no, and where it is said.
    pub(in crate::manifest) fn boolean(&self, name: &str) -> Option<At<bool>> {
        let value = self.wanted(name)?;
        match value.get_ref() {
            DeValue::Boolean(yes) => Some(At::new(*yes, value.span())),
            _ => {
                self.wrong_type(self.key(name), value);
                None
            }
        }
    }

    /// A text, an integer or a boolean, as the text that a process gets.
    pub(in crate::manifest) fn scalar(&self, name: &str) -> Option<At<String>> {
        let value = self.wanted(name)?;
        let text = self.variable(value)?;
        Some(At::new(text, value.span()))
    }

    pub(super) fn variable(&self, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => self
                .formatted(Format::Prose, text.clone().into_owned(), value.span())
                .map(|text| text.value),
            DeValue::Boolean(yes) => Some(yes.to_string()),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
                if number.is_none() {
                    let help = "put it in quotes, to hand it over as it stands";
                    let fault = Fault::new(code::BAD_NUMBER, "this number is too large", help);
                    self.fault(&value.span(), fault);
                }
                number.map(|number| number.to_string())
            }
            other => {
                let found = with_article(other.type_str());
                let message =
                    format!("a variable must be a string, an integer or a boolean, not {found}");
                let help = "put it in quotes: variables are texts";
                self.fault(&value.span(), Fault::new(code::WRONG_TYPE, message, help));
                None
            }
        }
    }
}
