//! An OpenID provider: whether its discovery document is its own, and whether it has keys to sign with.
//!
//! The rules are those of OpenID Connect Discovery 1.0: §4.1 says where the document stands, and §4.3 that the issuer
//! in it must be, to the letter, the one that was asked.

use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use crate::{
    Finding, Kind, Subject,
    call::{Call, MUCH, Reply},
    subject::web_address,
};

/// An issuer, as it is written or as a vendor's rule makes it.
#[derive(Debug, PartialEq)]
struct Issuer {
    text: String,
    /// Whether a person wrote it to the letter. What we made of a domain may lack a slash at its end.
    written: bool,
}

pub(super) async fn ask(call: &Call<'_>, vendor: Kind) -> Result<Finding, Finding> {
    let issuer = issuer(call.subject, vendor)?;
    let base = web_address("issuer", &issuer.text)?;
    let reply = call.get(&document(&base), MUCH).await?;
    let discovered = discovery(&reply, &base)?;
    let told = text(&discovered, "issuer").unwrap_or_default();
    let same = match issuer.written {
        true => told == issuer.text,
        false => told.trim_end_matches('/') == issuer.text.trim_end_matches('/'),
    };
    if !same {
        return Err(Finding::red(format!(
            "it calls itself `{told}`, and `{}` was asked: they must be the same to the letter",
            issuer.text
        ))
        .fact("issuer", told));
    }
    let keys = keys(call, &base, &discovered).await;
    let finding = match keys.map_err(|stopped| stopped.fact("issuer", told))? {
        0 => Finding::amber(
            "the issuer is right, but publishes no keys to check its signatures with",
        ),
        count => Finding::green("the issuer is right, and publishes its keys").fact("keys", count),
    };
    let finding = finding.fact("issuer", told);
    Ok(finding.certificate(reply.expires, call.now()))
}

/// Where an issuer's discovery document stands.
fn document(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    url.set_path(&format!("{path}/.well-known/openid-configuration"));
    url
}

/// The discovery document in an answer.
fn discovery(reply: &Reply, base: &Url) -> Result<Value, Finding> {
    let at = &reply.at;
    if let Some(onward) = reply.onward(base) {
        let onward = onward.origin().ascii_serialization();
        return Err(Finding::red(format!(
            "{at} sends us on to {onward} instead of answering; write the issuer as it calls itself"
        )));
    }
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            return Err(Finding::red(format!(
                "no OpenID provider is at this address: {at} has no discovery document"
            )));
        }
        _ => return Err(Finding::red(format!("{at} answers {}", reply.refusal()))),
    }
    let document = reply.json().filter(Value::is_object);
    document.ok_or_else(|| {
        Finding::red(format!(
            "{at} answers with something that is no discovery document"
        ))
    })
}

/// How many keys the provider publishes.
async fn keys(call: &Call<'_>, base: &Url, discovered: &Value) -> Result<usize, Finding> {
    let Some(uri) = text(discovered, "jwks_uri") else {
        return Err(Finding::red(
            "its discovery document does not say where its keys are",
        ));
    };
    let url =
        web_address("address of its keys", uri).map_err(|wrong| Finding::red(wrong.reason))?;
    if base.scheme() == "https" && url.scheme() != "https" {
        return Err(Finding::red(
            "its keys are not behind https, as the issuer itself is",
        ));
    }
    let reply = call.get(&url, MUCH).await?;
    let at = &reply.at;
    if reply.status != StatusCode::OK {
        return Err(Finding::red(format!(
            "its keys cannot be read: {at} answers {}",
            reply.refusal()
        )));
    }
    let set = reply.json();
    let keys = set.as_ref().and_then(|set| set.get("keys")?.as_array());
    let keys =
        keys.ok_or_else(|| Finding::red(format!("what {at} publishes is no set of keys")))?;
    Ok(keys.len())
}

fn text<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document.get(key)?.as_str()
}

/// The issuer that a subject is: as written, or by the vendor's rule for its domains.
fn issuer(subject: &Subject, vendor: Kind) -> Result<Issuer, Finding> {
    let written = [subject.endpoint(), subject.id()].into_iter().flatten();
    if let Some(text) = written.clone().find(|text| text.contains("://")) {
        return Ok(Issuer {
            text: text.to_owned(),
            written: true,
        });
    }
    let of_id = written.clone().next().and_then(|id| of_id(id, vendor));
    let of_link = || of_link(&Url::parse(subject.link()?).ok()?, vendor);
    let text = of_id.or_else(of_link).ok_or_else(|| {
        let what = match vendor {
            Kind::Auth0 => "the tenant's domain as id, such as acme.eu.auth0.com",
            Kind::Okta => "the organisation's domain as id, such as acme.okta.com",
            Kind::Entra => "the tenant's GUID as id",
            Kind::Keycloak => {
                "the realm as endpoint, such as https://login.example.com/realms/acme"
            }
            _ => "its issuer as endpoint, such as https://login.example.com",
        };
        Finding::unknown(format!("its issuer is not known; write {what}"))
    })?;
    let written = false;
    Ok(Issuer { text, written })
}

/// The issuer that an id means which is no URL.
fn of_id(id: &str, vendor: Kind) -> Option<String> {
    match vendor {
        Kind::Entra => is_guid(id).then(|| format!("https://login.microsoftonline.com/{id}/v2.0")),
        Kind::Keycloak => None,
        _ => is_domain(id).then(|| of_domain(id, vendor)),
    }
}

/// The issuer that a link leads to, where it leads to the tenant's own domain and not to a console for all.
fn of_link(link: &Url, vendor: Kind) -> Option<String> {
    let host = link.host_str()?;
    match vendor {
        Kind::Okta => {
            let (organisation, domain) = host.split_once('.')?;
            let known = ["okta.com", "oktapreview.com", "okta-emea.com"].contains(&domain);
            // The console of an organisation has a host of its own.
            let organisation = organisation.strip_suffix("-admin").unwrap_or(organisation);
            let own = known && !["www", "login", "developer", "help"].contains(&organisation);
            own.then(|| of_domain(&format!("{organisation}.{domain}"), vendor))
        }
        Kind::Auth0 => {
            let tenant = host.strip_suffix(".auth0.com")?;
            let own = !["manage", "www", "accounts", "community"].contains(&tenant);
            own.then(|| of_domain(host, vendor))
        }
        Kind::Keycloak => {
            let mut path = link.path_segments()?;
            path.find(|part| *part == "realms")?;
            let realm = path.next().filter(|realm| !realm.is_empty())?;
            let (before, _) = link.path().split_once("/realms/")?;
            let origin = link.origin().ascii_serialization();
            // Until its release 17 everything was under /auth. The console is under /admin, which no issuer is.
            let before = before.strip_suffix("/admin").unwrap_or(before);
            Some(format!("{origin}{before}/realms/{realm}"))
        }
        _ => None,
    }
}

/// The issuer of a domain: Auth0's have a slash at the end.
fn of_domain(domain: &str, vendor: Kind) -> String {
    match vendor {
        Kind::Auth0 => format!("https://{domain}/"),
        _ => format!("https://{domain}"),
    }
}

fn is_domain(text: &str) -> bool {
    let ours = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    text.contains('.') && text.chars().all(ours) && !text.starts_with('.') && !text.ends_with('.')
}

fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &&str| part.chars().all(|c| c.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq(lengths) && parts.iter().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(vendor: Kind, endpoint: &str, id: &str, link: &str) -> Result<String, String> {
        let subject = Subject {
            endpoint: Some(endpoint.into()),
            id: Some(id.into()),
            link: Some(link.into()),
            ..Subject::default()
        };
        let issuer = issuer(&subject, vendor);
        issuer
            .map(|issuer| issuer.text)
            .map_err(|stopped| stopped.reason)
    }

    #[test]
    fn the_issuer_is_written_or_follows_from_the_domain() {
        for (vendor, endpoint, id, link, expected) in [
            (
                Kind::Oidc,
                "http://a.test/x/",
                "b.test",
                "",
                "http://a.test/x/",
            ),
            (Kind::Oidc, "", "https://b.test", "", "https://b.test"),
            (Kind::Oidc, "", "b.test", "", "https://b.test"),
            (
                Kind::Auth0,
                "",
                "acme.eu.auth0.com",
                "",
                "https://acme.eu.auth0.com/",
            ),
            (
                Kind::Okta,
                "",
                "",
                "https://acme-admin.okta.com/admin/users",
                "https://acme.okta.com",
            ),
            (
                Kind::Okta,
                "",
                "0oa1b2c3",
                "https://acme.okta.com",
                "https://acme.okta.com",
            ),
            (
                Kind::Keycloak,
                "",
                "",
                "https://a.test/admin/realms/acme",
                "https://a.test/realms/acme",
            ),
            (
                Kind::Keycloak,
                "",
                "acme",
                "https://a.test/auth/realms/acme/account",
                "https://a.test/auth/realms/acme",
            ),
            (
                Kind::Entra,
                "",
                "72f988bf-86f1-41af-91ab-2d7cd011db47",
                "",
                "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
            ),
        ] {
            assert_eq!(found(vendor, endpoint, id, link).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_console_for_all_is_nobodys_issuer() {
        for (vendor, id, link) in [
            (Kind::Oidc, "acme", "https://console.vendor.test/acme"),
            (
                Kind::Auth0,
                "acme",
                "https://manage.auth0.com/dashboard/eu/acme",
            ),
            (Kind::Okta, "acme", "https://developer.okta.com/"),
            (
                Kind::Entra,
                "contoso.onmicrosoft.com",
                "https://portal.azure.com",
            ),
            (Kind::Keycloak, "acme", "https://a.test/admin/acme/console"),
        ] {
            let reason = found(vendor, "", id, link).unwrap_err();
            assert!(
                reason.starts_with("its issuer is not known; write "),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_document_stands_under_the_path() {
        for issuer in ["https://a.test", "https://a.test/"] {
            let url = document(&issuer.parse().unwrap());
            assert_eq!(
                url.as_str(),
                "https://a.test/.well-known/openid-configuration"
            );
        }
        let url = document(&"https://a.test/realms/b/".parse().unwrap());
        assert_eq!(url.path(), "/realms/b/.well-known/openid-configuration");
    }
}
