//! A migration's place in the order of its set: a number, a number in parts, or a name whose turn comes after all numbers.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fmt,
    hash::Hash,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digest;

/// How many parts a version has at most.
pub(crate) const MOST_PARTS: usize = 7;

/// What a repeatable migration is written with before its name.
const REPEATABLE: &str = "R__";

/// What tells a migration from the others of its set, and where it stands among them.
///
/// Most are whole numbers. Flyway's may have parts, compared one after the other (`1.2` is between 1 and 2, `1.0` is 1), and
/// its repeatable migrations have none but their names: they come after every number, in the order of their names.
///
/// ```
/// use towpath_migrate::Version;
///
/// let versions = ["1", "1.2", "1.10", "2", "R__views"].map(|text| text.parse::<Version>().unwrap());
/// assert!(versions.is_sorted());
/// assert_eq!(versions[0], 1);
/// assert_eq!("1.0".parse(), Ok(versions[0]));
/// assert!(versions[4].is_repeatable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(Place);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Number {
        first: i64,
        /// Zero is no part: 1.0 is 1.
        rest: [u64; MOST_PARTS - 1],
    },
    Repeatable(&'static str),
}

impl Version {
    /// A number in parts; `None` when there are too many.
    pub(crate) fn of_parts(first: i64, parts: &[u64]) -> Option<Version> {
        let end = parts
            .iter()
            .rposition(|part| *part != 0)
            .map_or(0, |at| at + 1);
        let mut rest = [0; MOST_PARTS - 1];
        rest.get_mut(..end)?.copy_from_slice(&parts[..end]);
        Some(Version(Place::Number { first, rest }))
    }

    /// The version of a migration that is applied again each time it changes.
    pub(crate) fn repeatable(name: &str) -> Version {
        Version(Place::Repeatable(kept(name)))
    }

    /// Whether it is that of a repeatable migration: one that is applied again each time it changes.
    pub fn is_repeatable(self) -> bool {
        self.name().is_some()
    }

    /// The name of a repeatable migration.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self.0 {
            Place::Repeatable(name) => Some(name),
            Place::Number { .. } => None,
        }
    }

    /// The whole number that it is.
    pub fn number(self) -> Option<i64> {
        match self.0 {
            Place::Number { first, rest } if rest == [0; MOST_PARTS - 1] => Some(first),
            Place::Number { .. } | Place::Repeatable(_) => None,
        }
    }

    /// The number under which a table keeps what has no whole number: below zero, where no tool numbers migrations.
    pub(crate) fn key(self) -> i64 {
        self.number().unwrap_or_else(|| {
            let digest = digest::sha256(self.to_string().as_bytes());
            let bits = u64::from_str_radix(&digest[..16], 16).unwrap_or_default();
            bits.cast_signed() | i64::MIN
        })
    }

    /// The one after it, by its last part; `None` after a repeatable one.
    pub(crate) fn next(self) -> Option<Version> {
        let Place::Number {
            mut first,
            mut rest,
        } = self.0
        else {
            return None;
        };
        match rest.iter_mut().rfind(|part| **part != 0) {
            Some(last) => *last = last.checked_add(1)?,
            None => first = first.checked_add(1)?,
        }
        Some(Version(Place::Number { first, rest }))
    }
}

/// A text for as long as the process runs, once for all that are equal. There are as many as there are names of
/// repeatable migrations.
fn kept(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = all.get(text) {
        return there;
    }
    let new: &'static str = Box::leak(text.into());
    all.insert(new);
    new
}

impl From<i64> for Version {
    fn from(number: i64) -> Version {
        Version(Place::Number {
            first: number,
            rest: [0; MOST_PARTS - 1],
        })
    }
}

impl PartialEq<i64> for Version {
    fn eq(&self, number: &i64) -> bool {
        self.number() == Some(*number)
    }
}

impl PartialOrd<i64> for Version {
    fn partial_cmp(&self, number: &i64) -> Option<Ordering> {
        Some(self.cmp(&Version::from(*number)))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        use Place::{Number, Repeatable};
        match (self.0, other.0) {
            (
                Number { first, rest },
                Number {
                    first: other,
                    rest: others,
                },
            ) => first.cmp(&other).then(rest.cmp(&others)),
            (Number { .. }, Repeatable(_)) => Ordering::Less,
            (Repeatable(_), Number { .. }) => Ordering::Greater,
            // As Java compares strings.
            (Repeatable(name), Repeatable(other)) => name.encode_utf16().cmp(other.encode_utf16()),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            Place::Repeatable(name) => format!("{REPEATABLE}{}", name.replace(' ', "_")),
            Place::Number { first, rest } => {
                let end = rest
                    .iter()
                    .rposition(|part| *part != 0)
                    .map_or(0, |at| at + 1);
                let rest = rest[..end].iter().map(|part| format!(".{part}"));
                first.to_string() + &rest.collect::<String>()
            }
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no version. Completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {text:?} as the version of a migration")]
pub struct BadVersion {
    /// What was given.
    pub text: String,
}

impl BadVersion {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        "write it as `towpath db status` shows it, such as 7, 1.2 or R__views".into()
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Version, BadVersion> {
        if let Some(name) = text.strip_prefix(REPEATABLE) {
            return Ok(Version::repeatable(&name.replace('_', " ")));
        }
        let mut parts = text.split('.');
        let first = parts.next().and_then(|first| first.parse().ok());
        let rest = parts.map(|part| match part.starts_with('+') {
            true => None,
            false => part.parse().ok(),
        });
        let rest: Option<Vec<u64>> = rest.collect();
        first
            .zip(rest)
            .and_then(|(first, rest)| Version::of_parts(first, &rest))
            .ok_or_else(|| BadVersion {
                text: text.to_owned(),
            })
    }
}

/// A whole number as a number, and everything else as text.
impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(number) => serializer.serialize_i64(number),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the version of a migration")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Version, E> {
                Ok(number.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Version, E> {
                i64::try_from(number).map(Version::from).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Version, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn parts_are_compared_as_numbers() {
        let ordered = [
            "-1",
            "0",
            "0.0.1",
            "1",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
            "2026.1.1.120000",
            "20260101120000",
            "R__",
            "R__a",
            "R__a_b",
            "R__b",
        ];
        let versions: Vec<Version> = ordered.iter().map(|text| version(text)).collect();
        assert!(
            versions.is_sorted_by(|one, other| one < other),
            "{versions:?}"
        );
        let shown: Vec<String> = versions.iter().map(Version::to_string).collect();
        assert_eq!(shown, ordered);
        assert_eq!(version("001.0.0"), 1);
        assert_eq!(version("1.02.0"), version("1.2"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "1.",
            ".1",
            "1.+2",
            "1.-2",
            "a",
            "r__a",
            "1_2",
            "1.2.3.4.5.6.7.8",
        ] {
            let refused = text.parse::<Version>().unwrap_err();
            assert_eq!(refused.text, text);
        }
        assert_eq!(version("1.2.3.4.5.6.7.0").to_string(), "1.2.3.4.5.6.7");
    }

    #[test]
    fn whole_numbers_are_numbers_wherever_they_are_kept() {
        let kept = |text: &str| serde_json::to_value(version(text)).unwrap();
        assert_eq!(kept("7"), 7);
        assert_eq!(kept("1.2"), "1.2");
        assert_eq!(kept("R__all_views"), "R__all_views");
        assert_eq!(version("7").key(), 7);
        assert!(version("7.1").key() < -1);
    }

    fn any_version() -> impl Strategy<Value = Version> {
        prop_oneof![
            any::<i64>().prop_map(Version::from),
            (0..i64::MAX, vec(any::<u64>(), 0..MOST_PARTS))
                .prop_map(|(first, rest)| Version::of_parts(first, &rest).unwrap()),
            "[a-z0-9. ]{0,5}".prop_map(|name| Version::repeatable(&name)),
        ]
    }

    proptest! {
        #[test]
        fn a_version_is_read_as_it_is_written(one in any_version(), other in any_version()) {
            prop_assert_eq!(version(&one.to_string()), one);
            let written = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<Version>(&written).unwrap(), one);
            prop_assert_eq!(one.key() == other.key(), one == other);
            prop_assert_eq!(one.cmp(&other) == Ordering::Equal, one == other);
            if let Some(next) = one.next() {
                prop_assert!(next > one);
            }
        }
    }
}
