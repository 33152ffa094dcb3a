//! The kinds of things that can be asked, each in a file of its own, and their names.

mod aws;
mod docker;
mod mysql;
mod oidc;
mod postgres;
mod posthog;
mod resend;
mod s3;
mod smtp;
mod sql;
mod sqlite;
mod website;

use crate::{Finding, call::Call};

/// How a thing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An account of Amazon Web Services.
    Aws,
    /// A tenant of Auth0.
    Auth0,
    /// A Docker engine.
    Docker,
    /// A tenant of Microsoft Entra.
    Entra,
    /// A realm of Keycloak.
    Keycloak,
    /// A MySQL or MariaDB server.
    Mysql,
    /// Any OpenID provider.
    Oidc,
    /// An organisation at Okta.
    Okta,
    /// A PostgreSQL server.
    Postgres,
    /// A project of PostHog.
    Posthog,
    /// A sending domain at Resend.
    Resend,
    /// A bucket of S3, or of what speaks like it.
    S3,
    /// A mail server.
    Smtp,
    /// A SQLite database.
    Sqlite,
    /// A page.
    Website,
}

/// What is to be known of a kind by those who write catalogues.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// How it is asked.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// Its other names.
    pub aliases: &'static [&'static str],
    /// What is asked, to complete "it is green if …".
    pub green_if: &'static str,
    /// What must be written for that.
    pub needs: &'static str,
}

/// Every kind that is known, by name. A thing of any other kind is asked by its link, as a page.
pub const KINDS: &[Known] = &[
    Known {
        kind: Kind::Auth0,
        name: "auth0",
        aliases: &[],
        green_if: "its discovery document names it as the issuer, and it has keys to sign with",
        needs: "the tenant's domain as id, such as acme.eu.auth0.com, or its issuer as endpoint",
    },
    Known {
        kind: Kind::Aws,
        name: "aws",
        aliases: &["aws-account"],
        green_if: "the keys belong to the account",
        needs: "the account's number as id, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    },
    Known {
        kind: Kind::Docker,
        name: "docker",
        aliases: &["docker-engine"],
        green_if: "the engine answers",
        needs: "an endpoint or DOCKER_HOST, unless it is at /var/run/docker.sock",
    },
    Known {
        kind: Kind::Entra,
        name: "entra",
        aliases: &["azure-ad", "entra-id"],
        green_if: "its discovery document names it as the issuer, and it has keys to sign with",
        needs: "the tenant's GUID as id, or its issuer as endpoint",
    },
    Known {
        kind: Kind::Keycloak,
        name: "keycloak",
        aliases: &[],
        green_if: "its discovery document names it as the issuer, and it has keys to sign with",
        needs: "the realm's address as id, endpoint or link, such as https://login.example.com/realms/acme",
    },
    Known {
        kind: Kind::Mysql,
        name: "mysql",
        aliases: &["mariadb"],
        green_if: "it lets us in and answers a query",
        needs: "a mysql:// URL in a key whose name contains URL or DSN, or as endpoint",
    },
    Known {
        kind: Kind::Oidc,
        name: "oidc",
        aliases: &["openid", "openid-connect"],
        green_if: "its discovery document names it as the issuer, and it has keys to sign with",
        needs: "the issuer, as id or endpoint",
    },
    Known {
        kind: Kind::Okta,
        name: "okta",
        aliases: &[],
        green_if: "its discovery document names it as the issuer, and it has keys to sign with",
        needs: "the organisation's domain as id, such as acme.okta.com, or the issuer as endpoint",
    },
    Known {
        kind: Kind::Postgres,
        name: "postgres",
        aliases: &["postgresql"],
        green_if: "it lets us in and answers a query",
        needs: "a postgres:// URL in a key whose name contains URL or DSN, or as endpoint",
    },
    Known {
        kind: Kind::Posthog,
        name: "posthog",
        aliases: &[],
        green_if: "the key may see the project",
        needs: "the project's number as id, and a personal API key in a key whose name contains KEY or TOKEN",
    },
    Known {
        kind: Kind::Resend,
        name: "resend",
        aliases: &[],
        green_if: "the domain is verified",
        needs: "the domain as id, and an API key with full access in a key whose name contains KEY or TOKEN",
    },
    Known {
        kind: Kind::S3,
        name: "s3",
        aliases: &["s3-bucket"],
        green_if: "the bucket is there and the keys may see it",
        needs: "the bucket's name as id, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION; an endpoint for \
                other vendors",
    },
    Known {
        kind: Kind::Smtp,
        name: "smtp",
        aliases: &["mail", "mail-server"],
        green_if: "it greets us, over TLS if it can, and takes the user and the password if there are any",
        needs: "an smtp:// URL or host:port as endpoint or id or in a key whose name contains URL, or SMTP_HOST",
    },
    Known {
        kind: Kind::Sqlite,
        name: "sqlite",
        aliases: &["sqlite3"],
        green_if: "its file is there and is a database",
        needs: "the file as endpoint, or a sqlite: URL in a key whose name contains URL or DSN",
    },
    Known {
        kind: Kind::Website,
        name: "website",
        aliases: &["http", "https"],
        green_if: "the page is there, or asks for a login, and its certificate holds for two weeks",
        needs: "a link, or an endpoint",
    },
];

impl Kind {
    /// The kind of a name or an alias, in any case.
    pub fn named(name: &str) -> Option<Kind> {
        let is = |known: &&str| known.eq_ignore_ascii_case(name.trim());
        let mut kinds = KINDS.iter();
        let known = kinds.find(|known| is(&known.name) || known.aliases.iter().any(is));
        known.map(|known| known.kind)
    }
}

/// Asks a thing of whatever kind.
pub(crate) async fn ask(call: &Call<'_>) -> Finding {
    let written = call.subject.kind.as_deref().unwrap_or_default();
    let found = match Kind::named(written) {
        Some(Kind::Aws) => aws::ask(call).await,
        Some(Kind::Docker) => docker::ask(call).await,
        Some(Kind::Mysql) => mysql::ask(call).await,
        Some(vendor @ (Kind::Auth0 | Kind::Entra | Kind::Keycloak | Kind::Oidc | Kind::Okta)) => {
            oidc::ask(call, vendor).await
        }
        Some(Kind::Postgres) => postgres::ask(call).await,
        Some(Kind::Posthog) => posthog::ask(call).await,
        Some(Kind::Resend) => resend::ask(call).await,
        Some(Kind::S3) => s3::ask(call).await,
        Some(Kind::Smtp) => smtp::ask(call).await,
        Some(Kind::Sqlite) => sqlite::ask(call).await,
        Some(Kind::Website) => website::ask(call).await,
        None if call.subject.link().is_some() => website::ask(call).await,
        None if written.trim().is_empty() => Err(Finding::unknown(
            "it has neither a kind nor a link; write one of them",
        )),
        None => Err(Finding::unknown(format!(
            "nothing is known of the kind `{written}`, and there is no link to look at; write a link, or one of {}",
            KINDS
                .iter()
                .map(|known| known.name)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    };
    found.unwrap_or_else(|stopped| stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_one_kind_in_any_case() {
        let mut names = Vec::new();
        for known in KINDS {
            names.push(known.name);
            names.extend(known.aliases);
            for name in [&[known.name], known.aliases].concat() {
                assert_eq!(Kind::named(name), Some(known.kind), "{name}");
                assert_eq!(
                    Kind::named(&name.to_uppercase()),
                    Some(known.kind),
                    "{name}"
                );
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name means two kinds");
        assert_eq!(Kind::named("email"), None);
        assert!(KINDS.is_sorted_by_key(|known| known.name));
    }
}
