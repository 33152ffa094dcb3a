//! A field of a secret that is JSON: `a.b.0`, a name or a number per step.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::{ProviderError, written};

/// The way to a field: names of an object's members, and numbers of a list's items, with dots between them. A dot that
/// is part of a name is written `%2E`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(Vec<String>);

impl Field {
    /// Reads what stands behind `#`.
    pub(super) fn read(text: &str) -> Result<Field, String> {
        let steps: Vec<String> = text
            .split('.')
            .map(written::decoded)
            .collect::<Result<_, _>>()?;
        if steps.iter().any(String::is_empty) {
            return Err(
                "a field is names with a dot between them, such as `#database.password`".into(),
            );
        }
        Ok(Field(steps))
    }

    /// This field of a text that is JSON. A text comes without its quotes, everything else as it is written there.
    pub(super) fn of(&self, text: &SecretString) -> Result<SecretString, ProviderError> {
        let mut at: &RawValue = serde_json::from_str(text.expose_secret()).map_err(|_| {
            ProviderError::malformed(format!("it is not JSON, so it has no field `{self}`"))
        })?;
        for step in &self.0 {
            at = inside(at, step).ok_or_else(|| self.missing())?;
        }
        let written = at.get();
        if written == "null" {
            return Err(self.missing());
        }
        // Only a text begins with a quote; one that JSON's own rules allow but Rust's do not, half a pair of
        // surrogates, cannot be a value.
        if written.starts_with('"') {
            let value: String = serde_json::from_str(written)
                .map_err(|_| ProviderError::malformed(format!("its field `{self}` is not text")))?;
            return Ok(value.into());
        }
        Ok(written.to_owned().into())
    }

    fn missing(&self) -> ProviderError {
        ProviderError::not_found(format!("it has no field `{self}`"))
            .with_help("look at the names of its fields, and at those within them")
    }
}

/// What a step leads to: nothing is copied, so that nothing of it stays behind.
fn inside<'a>(at: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    if at.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(at.get()).ok()?;
        return items.get(step.parse::<usize>().ok()?).copied();
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(at.get()).ok()?;
    members.get(step).copied()
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self
            .0
            .iter()
            .map(|step| written::encoded_step(step))
            .collect();
        f.write_str(&steps.join("."))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::provider::Kind;

    const TEXT: &str = r#"{"a":{"b":["x",{"c.d":"y\n\u00e9"}]},"n":12345678901234567890.10,"t":true,"z":null,"":"e"}"#;

    #[rstest]
    #[case("a.b.0", "x")]
    #[case("a.b.1.c%2Ed", "y\né")]
    #[case("n", "12345678901234567890.10")]
    #[case("t", "true")]
    #[case("a.b", r#"["x",{"c.d":"y\n\u00e9"}]"#)]
    fn fields_are_found(#[case] field: &str, #[case] value: &str) {
        let found = Field::read(field).unwrap().of(&TEXT.into()).unwrap();
        assert_eq!(found.expose_secret(), value);
    }

    #[rstest]
    #[case("q")]
    #[case("a.b.2")]
    #[case("a.b.x")]
    #[case("a.b.0.c")]
    #[case("z")]
    #[case("n.a")]
    fn a_field_that_is_not_there_is_named(#[case] field: &str) {
        let error = Field::read(field).unwrap().of(&TEXT.into()).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert_eq!(
            error.to_string(),
            format!("find the value: it has no field `{field}`")
        );
    }

    #[test]
    fn what_is_not_json_is_not_shown() {
        for text in ["hunter2", r#""hunter2"x"#, r#"{"a":"hunter2"#] {
            let error = Field::read("a").unwrap().of(&text.into()).unwrap_err();
            assert_eq!(error.kind(), Kind::Malformed);
            assert!(!format!("{error:?} {error}").contains("hunter2"));
        }
    }

    #[test]
    fn steps_are_not_empty() {
        for wrong in ["", ".", "a.", ".a", "a..b"] {
            assert!(Field::read(wrong).is_err(), "{wrong}");
        }
    }
}
