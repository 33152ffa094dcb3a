//! What a vendor's product is, by the kind that a manifest gives it: the one table of those that production does not share.

use crate::manifest::Resource;

/// Products in which people and their rights are kept.
const IDENTITY: &[&str] = &[
    "auth0",
    "azure-ad",
    "clerk",
    "cognito",
    "entra",
    "fusionauth",
    "identity",
    "keycloak",
    "ldap",
    "oauth",
    "oidc",
    "okta",
    "onelogin",
    "openid",
    "openid-connect",
    "saml",
    "stytch",
    "workos",
    "zitadel",
];

/// Products in which data is kept.
const DATABASE: &[&str] = &[
    "aurora",
    "cassandra",
    "clickhouse",
    "cloudsql",
    "cockroachdb",
    "database",
    "dynamodb",
    "firestore",
    "mariadb",
    "mongodb",
    "mssql",
    "mysql",
    "neon",
    "planetscale",
    "postgres",
    "postgresql",
    "rds",
    "redis",
    "spanner",
    "sqlite",
    "sqlserver",
    "supabase",
    "valkey",
];

/// What of a resource must not be shared with those who develop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitive {
    /// Where people and their rights are kept.
    Identity,
    /// Where data is kept.
    Database,
    /// What lets in whoever has it.
    Credentials,
}

/// Why a resource must not be shared with those who develop; `None` where it may.
pub(super) fn sensitive(resource: &Resource) -> Option<Sensitive> {
    let kind = resource.kind.as_deref().unwrap_or_default().to_lowercase();
    let is = |table: &[&str]| {
        let mut words = kind.split(|c: char| !c.is_alphanumeric());
        words.any(|word| table.contains(&word)) || table.contains(&kind.as_str())
    };
    if is(IDENTITY) {
        Some(Sensitive::Identity)
    } else if is(DATABASE) {
        Some(Sensitive::Database)
    } else if !resource.config.is_empty() {
        Some(Sensitive::Credentials)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, config: &[&str]) -> Option<Sensitive> {
        sensitive(&Resource {
            title: None,
            description: None,
            kind: Some(kind.to_owned()),
            id: None,
            link: None,
            owner: None,
            config: config.iter().map(|&key| key.to_owned()).collect(),
            from: None,
            endpoint: None,
        })
    }

    #[test]
    fn kinds_are_told_by_their_words() {
        for identity in ["okta", "Auth0", "aws-cognito", "Microsoft Entra ID"] {
            assert_eq!(of(identity, &[]), Some(Sensitive::Identity), "{identity}");
        }
        assert_eq!(of("aws/rds", &["KEY"]), Some(Sensitive::Database));
        assert_eq!(of("resend", &["MAIL_KEY"]), Some(Sensitive::Credentials));
        assert_eq!(of("resend", &[]), None);
        assert_eq!(of("", &[]), None);
    }

    #[test]
    fn the_tables_are_in_order_and_in_lower_case() {
        for table in [IDENTITY, DATABASE] {
            assert!(table.is_sorted());
            assert!(table.iter().all(|kind| *kind == kind.to_lowercase()));
        }
    }
}
