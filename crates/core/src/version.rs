//! What tells a migration from the others of its set.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a repeatable migration is written with before its name.
const REPEATABLE: &str = "R__";

/// The version of a migration: a whole number, numbers between dots (`1.2`), or the name of a repeatable migration
/// (`R__views`), which has none and is applied again each time that its text changes.
///
/// Numbers are compared part by part; repeatable ones come after them, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MigrationVersion(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Number(i64),
    Text(String),
}

impl MigrationVersion {
    /// The version that is written like this.
    pub fn new(text: &str) -> MigrationVersion {
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => MigrationVersion(Kind::Text(text.to_owned())),
        }
    }

    /// Whether it is that of a repeatable migration.
    pub fn is_repeatable(&self) -> bool {
        matches!(&self.0, Kind::Text(text) if text.starts_with(REPEATABLE))
    }

    /// The whole number that it is.
    pub fn number(&self) -> Option<i64> {
        match self.0 {
            Kind::Number(number) => Some(number),
            Kind::Text(_) => None,
        }
    }

    /// Whether it is made of the migration's name, and says nothing to people: those of a project's own tool are from 2^52 to 2^53.
    pub fn is_of_name(&self) -> bool {
        let number = self.number();
        number.is_some_and(|number| (1 << 52..1 << 53).contains(&number))
    }

    fn parts(&self) -> Vec<i128> {
        match &self.0 {
            Kind::Number(number) => vec![(*number).into()],
            Kind::Text(text) => {
                let parts = text.split('.').map(str::parse);
                parts.map(Result::unwrap_or_default).collect()
            }
        }
    }
}

impl From<i64> for MigrationVersion {
    fn from(number: i64) -> MigrationVersion {
        MigrationVersion(Kind::Number(number))
    }
}

impl PartialEq<i64> for MigrationVersion {
    fn eq(&self, number: &i64) -> bool {
        self.0 == Kind::Number(*number)
    }
}

impl Ord for MigrationVersion {
    fn cmp(&self, other: &MigrationVersion) -> Ordering {
        let repeatable = self.is_repeatable().cmp(&other.is_repeatable());
        repeatable.then_with(|| match self.is_repeatable() {
            true => self.to_string().cmp(&other.to_string()),
            false => self.parts().cmp(&other.parts()),
        })
    }
}

impl PartialOrd for MigrationVersion {
    fn partial_cmp(&self, other: &MigrationVersion) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for MigrationVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Number(number) => fmt::Display::fmt(number, f),
            Kind::Text(text) => f.pad(text),
        }
    }
}

/// A whole number as a number, and everything else as text.
impl Serialize for MigrationVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Number(number) => serializer.serialize_i64(*number),
            Kind::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for MigrationVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MigrationVersion, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = MigrationVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the version of a migration")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MigrationVersion, E> {
                Ok(number.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MigrationVersion, E> {
                i64::try_from(number)
                    .map(MigrationVersion::from)
                    .map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MigrationVersion, E> {
                Ok(MigrationVersion::new(text))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_numbers_and_all_have_an_order() {
        let ordered = ["-1", "7", "7.2", "7.10", "8", "R__a", "R__b"];
        let versions = ordered.map(MigrationVersion::new);
        assert!(versions.is_sorted());
        for (version, text) in versions.iter().zip(ordered) {
            assert_eq!(version.to_string(), text);
            let written = serde_json::to_string(version).unwrap();
            assert_eq!(written.starts_with('"'), text.parse::<i64>().is_err());
            let read: MigrationVersion = serde_json::from_str(&written).unwrap();
            assert_eq!(read, *version);
        }
        assert_eq!(versions[1], 7);
        assert_eq!(versions.iter().filter(|one| one.is_repeatable()).count(), 2);
    }
}
