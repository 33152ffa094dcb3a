//! What people's words mean: the names of environments, of columns and of fields, of vendors and of roles.

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

/// What a column of a table, or a field of an environment, is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Environment,
    Description,
    Purpose,
    Aliases,
    Group,
    Branch,
    After,
    Mirrors,
    UsedBy,
    Url,
    Kind,
    Id,
    Link,
    Owner,
    Keys,
    Endpoint,
    SharedWith,
    Database,
    Deployment,
    Process,
    ByHand,
    Holds,
    PartOf,
    /// Made from the manifest; read elsewhere on the page.
    Derived,
}

/// Words for each; a word of one is a word of no other.
const FIELDS: &[(Field, &[&str])] = &[
    (
        Field::Name,
        &[
            "name",
            "system",
            "service",
            "tool",
            "resource",
            "vendor",
            "product",
            "what",
            "provider",
            "application",
            "app",
            "component",
            "integration",
            "third party",
            "saas",
        ],
    ),
    (
        Field::Environment,
        &[
            "environment",
            "env",
            "environments",
            "envs",
            "stage",
            "environment name",
        ],
    ),
    (
        Field::Description,
        &[
            "description",
            "details",
            "about",
            "notes",
            "note",
            "comment",
            "comments",
            "summary",
            "what it does",
            "what it is",
        ],
    ),
    (
        Field::Purpose,
        &["purpose", "used for", "use", "goal", "intended use", "why"],
    ),
    (
        Field::Aliases,
        &[
            "shorthand",
            "short hand",
            "short name",
            "short names",
            "other names",
            "other name",
            "alias",
            "aliases",
            "abbreviation",
            "abbreviations",
            "also called",
            "aka",
            "short",
        ],
    ),
    (
        Field::Group,
        &[
            "group",
            "group (type)",
            "tier",
            "class",
            "environment group",
            "environment type",
            "group type",
        ],
    ),
    (
        Field::Branch,
        &[
            "branch",
            "git branch",
            "branches",
            "source branch",
            "git branches",
            "git",
        ],
    ),
    (Field::After, &["after", "promoted from", "comes after"]),
    (Field::Mirrors, &["mirrors", "mirror of"]),
    (
        Field::UsedBy,
        &[
            "used by",
            "users",
            "audience",
            "who",
            "who uses it",
            "access",
            "people",
            "accessible to",
            "available to",
        ],
    ),
    (
        Field::Url,
        &[
            "website",
            "public url",
            "app url",
            "domain",
            "base url",
            "host",
        ],
    ),
    (Field::Kind, &["kind", "type", "category"]),
    (
        Field::Id,
        &[
            "id",
            "identifier",
            "account",
            "account id",
            "tenant",
            "tenant id",
            "project id",
            "account number",
            "key id",
        ],
    ),
    (
        Field::Link,
        &[
            "link",
            "links",
            "url",
            "console",
            "dashboard",
            "address",
            "href",
            "console link",
            "where",
            "admin",
        ],
    ),
    (
        Field::Owner,
        &[
            "owner",
            "owned by",
            "team",
            "responsible",
            "maintainer",
            "contact",
            "maintained by",
        ],
    ),
    (
        Field::Keys,
        &[
            "keys",
            "config keys",
            "secrets",
            "config",
            "variables",
            "environment variables",
        ],
    ),
    (Field::Endpoint, &["endpoint", "api endpoint"]),
    (
        Field::SharedWith,
        &["shared with", "shared", "also used by", "shared by"],
    ),
    (Field::Database, &["database", "databases", "db", "data"]),
    (
        Field::Deployment,
        &["deployment", "deployments", "deploy", "deploys", "deployed"],
    ),
    (
        Field::Process,
        &[
            "process",
            "workflow",
            "steps",
            "flow",
            "pipeline",
            "release process",
        ],
    ),
    (Field::ByHand, &["by hand", "manual steps"]),
    (Field::Holds, &["holds"]),
    (Field::PartOf, &["part of"]),
    (Field::Derived, &["release", "commit", "since", "under way"]),
];

impl Field {
    /// What a heading of a column or a label of a field means.
    pub(super) fn of(text: &str) -> Option<Field> {
        let lower = text.to_lowercase();
        let text = lower.trim_matches(|c: char| !(c.is_alphanumeric() || c == ')'));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = FIELDS
            .iter()
            .find(|(_, words)| words.contains(&text.as_str()));
        found.map(|(field, _)| *field)
    }
}

/// Vendors by the words for them, and by the hosts of their consoles.
const VENDORS: &[(&str, &[&str], &[&str])] = &[
    ("aws", &["aws", "amazon web services"], &["aws.amazon.com"]),
    (
        "gcp",
        &["gcp", "google cloud"],
        &["console.cloud.google.com"],
    ),
    ("azure", &["azure"], &["portal.azure.com"]),
    ("okta", &["okta"], &["okta.com", "oktapreview.com"]),
    ("auth0", &["auth0"], &["auth0.com"]),
    ("resend", &["resend"], &["resend.com"]),
    ("posthog", &["posthog"], &["posthog.com"]),
    ("docker", &["docker"], &[]),
    ("sentry", &["sentry"], &["sentry.io"]),
    ("stripe", &["stripe"], &["stripe.com"]),
    ("sendgrid", &["sendgrid"], &["sendgrid.com"]),
    ("datadog", &["datadog"], &["datadoghq.com", "datadoghq.eu"]),
    ("cloudflare", &["cloudflare"], &["cloudflare.com"]),
    ("postgres", &["postgres", "postgresql"], &[]),
    ("mysql", &["mysql", "mariadb"], &[]),
];

/// The vendor that a name stands for.
pub(super) fn vendor_by_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let found = VENDORS
        .iter()
        .find(|(_, names, _)| names.contains(&name.as_str()));
    found.map(|(vendor, ..)| *vendor)
}

/// The vendor whose console a link leads to.
pub(super) fn vendor_by_link(link: &str) -> Option<&'static str> {
    let host = link
        .split("://")
        .nth(1)?
        .split(['/', '?', '#', ':'])
        .next()?;
    let is_of = |domain: &&&str| {
        host == **domain
            || host
                .strip_suffix(**domain)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    let found = VENDORS
        .iter()
        .find(|(_, _, domains)| domains.iter().any(|domain| is_of(&domain)));
    found.map(|(vendor, ..)| *vendor)
}

/// Words for people who work on a product; others are its audience.
const ROLES: &[&str] = &[
    "developer",
    "engineer",
    "qa",
    "tester",
    "operation",
    "operator",
    "ops",
    "devops",
    "sre",
    "leader",
    "lead",
    "internal team",
    "team",
    "product",
    "product owner",
    "product manager",
    "support",
    "designer",
    "admin",
    "administrator",
    "dev",
    "dev team",
    "development team",
    "release manager",
    "security",
    "data team",
    "stakeholder",
];

/// The role that a few words name, if they name people who work on the product.
pub(super) fn role(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let text = lower.trim_matches(|c: char| !c.is_alphanumeric());
    let one = text.strip_suffix('s').unwrap_or(text);
    let is_role = ROLES.contains(&text) || ROLES.contains(&one);
    let name = name_of(text);
    (is_role && is_name(&name)).then_some(name)
}

/// The first word in a sentence that names people who work on the product.
pub(super) fn role_within(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let generic = ["team", "dev", "product", "security", "development"];
    let known = |word: &str| role(word).filter(|role| !generic.contains(&role.as_str()));
    let pairs = words.windows(2).map(|pair| pair.join(" "));
    pairs
        .filter_map(|pair| known(&pair))
        .next()
        .or_else(|| words.iter().find_map(|word| known(word)))
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

    #[test]
    fn columns_have_a_meaning() {
        assert_eq!(Field::of("Group (Type)"), Some(Field::Group));
        assert_eq!(Field::of(" Git branch "), Some(Field::Branch));
        assert_eq!(Field::of("**Used by**"), Some(Field::UsedBy));
        assert_eq!(Field::of("Colour"), None);
        let mut seen = std::collections::BTreeSet::new();
        for word in FIELDS.iter().flat_map(|(_, words)| *words) {
            assert!(seen.insert(word), "{word} twice");
        }
    }

    #[test]
    fn vendors_are_known_by_name_and_link() {
        assert_eq!(vendor_by_name("Okta"), Some("okta"));
        assert_eq!(vendor_by_link("https://us.posthog.com"), Some("posthog"));
        assert_eq!(vendor_by_link("https://notposthog.com/x"), None);
    }

    #[test]
    fn roles_are_people_who_work_on_it() {
        assert_eq!(role("Developers.").as_deref(), Some("developers"));
        assert_eq!(role("Internal Team").as_deref(), Some("internal-team"));
        assert_eq!(role("End-users"), None);
        assert_eq!(
            role_within("Leader perform final acceptance").as_deref(),
            Some("leader")
        );
    }
}
