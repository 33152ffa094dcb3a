//! OpenID providers: a certified one, and stand-ins for what it would never do.

use std::{fs, process::Command};

use towpath_probe::{Finding, Health};

use crate::{
    place::NODE,
    rig::{Server, ask, assert_found, free_port, packages, program, subject},
    web::{Answer, Asked, Web, answer},
};

/// A certified provider.
struct Provider {
    _server: Server,
    _directory: tempfile::TempDir,
    origin: String,
}

impl Provider {
    async fn start() -> Option<Provider> {
        let node = program("node")?;
        let packages = packages(&NODE)?;
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("oidc.mjs");
        fs::write(&script, include_str!("../stand-ins/node/oidc.mjs")).unwrap();
        let port = free_port();
        let mut command = Command::new(node);
        command
            .arg(script)
            .arg(packages.join("node_modules/oidc-provider/lib/index.js"))
            .arg(port.to_string());
        let mut server = Server::start(directory.path(), "oidc", &mut command);
        server.listening("the OpenID provider", port).await;
        Some(Provider {
            _server: server,
            _directory: directory,
            origin: format!("http://127.0.0.1:{port}"),
        })
    }
}

async fn issuer(kind: &str, endpoint: &str) -> Finding {
    ask(&subject(kind, "", endpoint, &[])).await
}

#[tokio::test]
async fn a_provider_is_the_one_that_was_asked() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    for kind in ["oidc", "Okta", "keycloak"] {
        let finding = issuer(kind, &provider.origin).await;
        let reason = "the issuer is right, and publishes its keys";
        assert_found(&finding, Health::Green, reason);
        assert_eq!(finding.facts["issuer"], provider.origin);
        assert_ne!(finding.facts["keys"], "0");
    }
    // The same server, but by another name than its own.
    let other = provider.origin.replace("127.0.0.1", "localhost");
    for asked in [format!("{}/", provider.origin), other] {
        let finding = issuer("oidc", &asked).await;
        let reason = format!(
            "it calls itself `{}`, and `{asked}` was asked: they must be the same to the letter",
            provider.origin
        );
        assert_found(&finding, Health::Red, &reason);
    }
    let finding = issuer("oidc", &format!("{}/nobody", provider.origin)).await;
    assert_eq!(finding.health, Health::Red);
    assert!(
        finding
            .reason
            .starts_with("no OpenID provider is at this address"),
        "{finding:?}"
    );
}

/// A provider that does what its path says.
fn odd(asked: &Asked) -> Answer {
    let own = format!("http://{}", asked.header("host"));
    let document = |issuer: &str, keys: &str| {
        let body = format!(r#"{{"issuer":"{own}{issuer}","jwks_uri":"{own}/keys/{keys}"}}"#);
        answer(200, body)
    };
    match asked
        .path
        .trim_end_matches("/.well-known/openid-configuration")
    {
        "/empty" => document("/empty", "empty"),
        "/broken" => document("/broken", "broken"),
        "/lost" => document("/lost", "lost"),
        "/without" => answer(200, format!(r#"{{"issuer":"{own}/without"}}"#)),
        "/text" => answer(200, "welcome"),
        "/moved" => answer(301, "").with("location", "https://login.example.test/"),
        "/keys/empty" => answer(200, r#"{"keys":[]}"#),
        "/keys/broken" => answer(200, "[]"),
        _ => answer(
            500,
            r#"{"error":"server_error","error_description":"try later"}"#,
        ),
    }
}

#[tokio::test]
async fn a_provider_without_keys_is_amber() {
    let web = Web::start(odd).await;
    let finding = issuer("oidc", &web.url("/empty")).await;
    let reason = "the issuer is right, but publishes no keys to check its signatures with";
    assert_found(&finding, Health::Amber, reason);
}

#[tokio::test]
async fn a_provider_that_does_not_keep_to_the_rules_is_red() {
    let web = Web::start(odd).await;
    let at = web.at();
    for (path, reason) in [
        ("/broken", format!("what {at} publishes is no set of keys")),
        (
            "/lost",
            format!("its keys cannot be read: {at} answers 500 (Internal Server Error): try later"),
        ),
        (
            "/without",
            "its discovery document does not say where its keys are".into(),
        ),
        (
            "/text",
            format!("{at} answers with something that is no discovery document"),
        ),
        (
            "/moved",
            format!(
                "{at} sends us on to https://login.example.test instead of answering; write the issuer as it calls itself"
            ),
        ),
        (
            "/other",
            format!("{at} answers 500 (Internal Server Error): try later"),
        ),
    ] {
        let finding = issuer("oidc", &web.url(path)).await;
        assert_found(&finding, Health::Red, &reason);
    }
}
