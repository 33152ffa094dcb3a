//! Names and numbers as types, so that an environment is never mistaken for a service.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text cannot be used as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name: use lower-case letters, digits and hyphens, starting with a letter, at most 40"
)]
pub struct BadName(pub String);

/// Whether `text` may name something: it becomes part of paths, host names and process names.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 40
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.ends_with('-')
}

/// What the name of a clone ends with. No manifest can declare such a name.
const CLONE: &str = "~clone";

fn is_environment_or_clone(text: &str) -> bool {
    is_name(text.strip_suffix(CLONE).unwrap_or(text))
}

impl EnvironmentName {
    /// What the environment's clone is called, which is thrown away after use.
    pub fn of_clone(&self) -> EnvironmentName {
        EnvironmentName(format!("{}{CLONE}", self.declared()))
    }

    /// Whether it is a clone's.
    pub fn is_clone(&self) -> bool {
        self.0.ends_with(CLONE)
    }

    /// The environment that a manifest declares: the one that is cloned, or itself.
    pub fn declared(&self) -> EnvironmentName {
        let name = self.0.strip_suffix(CLONE).unwrap_or(&self.0);
        EnvironmentName(name.to_owned())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_valid:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                if $is_valid(&text) { Ok(Self(text)) } else { Err(BadName(text)) }
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// What one `towpath.toml` owns.
    ProjectName,
    is_name
);
name!(
    /// A group of environments, such as `production`.
    GroupName,
    is_name
);
name!(
    /// An environment, by its own name (an alias is resolved at the edge), or the clone of one.
    EnvironmentName,
    is_environment_or_clone
);
name!(
    /// A role that people hold.
    RoleName,
    is_name
);
name!(
    /// A process that the project runs.
    ServiceName,
    is_name
);
name!(
    /// A database that the project keeps.
    DatabaseName,
    is_name
);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($prefix, "{}"), self.0))
            }
        }
        impl FromStr for $name {
            type Err = BadNumber;
            fn from_str(text: &str) -> Result<Self, BadNumber> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .filter(|number| *number > 0)
                    .map(Self)
                    .ok_or_else(|| BadNumber(text.to_owned(), concat!($prefix, "42")))
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadNumber;
            fn try_from(text: String) -> Result<Self, BadNumber> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(number: $name) -> String {
                number.to_string()
            }
        }
    };
}

/// Why a text is not the number of a release or a deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of the form {1}")]
pub struct BadNumber(pub String, pub &'static str);

number!(
    /// A release's number within its project, written `v42`.
    ReleaseNumber, "v"
);
number!(
    /// A deployment's number within its project, written `d17`.
    DeploymentNumber, "d"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_host_names() {
        for good in ["a", "web", "web-2", "pre-production"] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        let long = "a".repeat(41);
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "2web",
            "a/b",
            "..",
            "a b",
            "a_b",
            long.as_str(),
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_clone_has_a_name_that_nobody_can_declare() {
        let staging: EnvironmentName = "staging".parse().unwrap();
        let clone = staging.of_clone();
        assert!(clone.is_clone() && !staging.is_clone());
        assert_eq!(
            (clone.declared(), staging.declared()),
            (staging.clone(), staging)
        );
        assert_eq!(clone.of_clone(), clone);
        assert_eq!(clone.as_str().parse(), Ok(clone.clone()));
        assert!(!is_name(clone.as_str()));
        assert!("~clone".parse::<EnvironmentName>().is_err());
        assert!("web~clone".parse::<ServiceName>().is_err());
    }

    #[test]
    fn numbers_read_back_what_they_print() {
        assert_eq!("v42".parse::<ReleaseNumber>(), Ok(ReleaseNumber(42)));
        assert_eq!(DeploymentNumber(7).to_string(), "d7");
        for bad in ["42", "v", "v0", "v-1", "v+1", "d1", "v99999999999"] {
            assert!(bad.parse::<ReleaseNumber>().is_err(), "{bad}");
        }
    }
}
