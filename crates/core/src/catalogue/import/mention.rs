//! What people call environments and groups, as names.

use crate::{catalogue::page::NOTHING, names::is_name};

/// What people call the same environment, the usual name first.
const ENVIRONMENTS: &[&[&str]] = &[
    &["local", "loc", "localhost", "laptop"],
    &["development", "develop", "dev"],
    &["integration", "int"],
    &["test", "testing", "tst"],
    &["qa", "quality-assurance"],
    &["sandbox", "sbx"],
    &["preview", "review"],
    &["demo"],
    &["uat", "acceptance"],
    &["staging", "stage", "stg"],
    &["pre-production", "preproduction", "preprod", "pre-prod"],
    &["canary"],
    &["production", "prod", "prd", "live"],
    &["disaster-recovery", "dr"],
];

/// What environments people call this: its place in the usual order.
pub(super) fn usual(name: &str) -> Option<usize> {
    ENVIRONMENTS.iter().position(|names| names.contains(&name))
}

/// A mention of an environment or a group as people write it, without what is around the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mention {
    /// The name, as names are written.
    pub(super) name: String,
    /// Short names that stand behind it in brackets.
    pub(super) aliases: Vec<String>,
    /// Whether the words say that it is an environment.
    pub(super) says_so: bool,
}

impl Mention {
    /// What a heading, a cell or the beginning of an item says.
    pub(super) fn of(text: &str) -> Mention {
        let lower = text.to_lowercase();
        let (words, brackets) = match lower.split_once(['(', '[']) {
            Some((words, rest)) => (words, rest.trim_end_matches([')', ']', ' ', ':', '.'])),
            None => (lower.as_str(), ""),
        };
        let mut parts: Vec<&str> = words
            .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_' || c == '.' || c == '/'))
            .map(|part| part.trim_matches(['-', '_', '.', '/']))
            .filter(|part| !part.is_empty())
            .collect();
        // "1. Staging" and "Step 2: Staging" are numbered.
        while parts.len() > 1 && parts[0].bytes().all(|byte| byte.is_ascii_digit()) {
            parts.remove(0);
        }
        let around = ["environment", "env", "environments", "envs", "the", "group"];
        let says_so = parts
            .iter()
            .any(|part| ["environment", "env"].contains(part));
        if parts.iter().any(|part| !around.contains(part)) {
            parts.retain(|part| !around.contains(part));
        }
        let aliases = brackets
            .split([',', '/', ' ', ';'])
            .map(name_of)
            .filter(|alias| is_name(alias) && alias.len() <= 12)
            .collect();
        Mention {
            name: name_of(&parts.join(" ")),
            aliases,
            says_so,
        }
    }

    /// Whether these are the words for an environment, whatever a page has said before.
    pub(super) fn is_usual(&self) -> bool {
        let mut parts = self.name.split('-');
        let is_place = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit())
                || [
                    "eu", "us", "uk", "ap", "asia", "emea", "east", "west", "north", "south",
                    "central", "blue", "green", "a", "b",
                ]
                .contains(&part)
        };
        usual(&self.name).is_some()
            || self.aliases.iter().any(|alias| usual(alias).is_some())
            || (parts.next().is_some_and(|first| usual(first).is_some()) && parts.all(is_place))
    }
}

/// The nearest name to a text: lower-case letters, digits and hyphens; empty where nothing of it can be kept.
pub(super) fn name_of(text: &str) -> String {
    let mut name = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let mut name = name.to_owned();
    name.truncate(40);
    name.trim_end_matches('-').to_owned()
}

/// A resource's name: the text itself where it can be one.
pub(super) fn resource_name_of(text: &str) -> Option<String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_fine = text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_letter);
    if is_fine {
        return Some(text.to_owned());
    }
    let name = name_of(text);
    (!name.is_empty()).then_some(name)
}

/// Whether the words say nothing.
pub(super) fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || NOTHING.contains(&text.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_found_in_what_is_around_them() {
        for (said, name, usual) in [
            ("Production", "production", true),
            ("2. **Staging Environment**", "staging", true),
            ("Staging (stg, stage)", "staging", true),
            ("🚀 PROD", "prod", true),
            ("Prod EU", "prod-eu", true),
            ("Blue environment", "blue", false),
            ("Test users", "test-users", false),
            ("Environments", "environments", false),
            ("بيئة", "", false),
        ] {
            let mention = Mention::of(said);
            assert_eq!(
                (mention.name.as_str(), mention.is_usual()),
                (name, usual),
                "{said}"
            );
        }
        assert_eq!(
            Mention::of("Staging (stg, stage)").aliases,
            ["stg", "stage"]
        );
        assert!(Mention::of("Blue environment").says_so);
    }
}
