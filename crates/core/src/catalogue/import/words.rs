//! What people's words mean: the names of environments, of columns and of fields, of vendors and of roles.

use super::mention::name_of;
use crate::names::is_name;

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
