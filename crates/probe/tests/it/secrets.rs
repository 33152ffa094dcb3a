//! Credentials are in no answer, whatever servers do with them.

use towpath_probe::{Finding, Health, Subject};

use crate::{
    rig::{ask, subject},
    web::{Answer, Asked, Web, answer},
};

const SECRET: &str = "re_open-sesame/4711";

/// A server that repeats what it was told wherever it can: it answers as its path begins.
fn echo(asked: &Asked) -> Answer {
    let told = asked.header("authorization").to_owned();
    let key = told.trim_start_matches("Bearer ").to_owned();
    let body = format!(
        r#"{{"message":"who is {told}?","detail":"{told}","issuer":"{key}","name":"{key}"}}"#
    );
    let status = asked
        .path
        .split('/')
        .nth(1)
        .and_then(|status| status.parse().ok());
    answer(status.unwrap_or(400), body)
        .with(
            "location",
            format!("https://{key}:{key}@elsewhere.example.test/{key}?key={key}"),
        )
        .with("x-amz-bucket-region", key.clone())
        .with("server", key)
}

#[track_caller]
fn assert_clean(finding: &Finding, secrets: &[&str]) {
    for secret in secrets {
        let shown = format!("{finding:?}");
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_show_it() {
    let web = Web::start(echo).await;
    for status in [200, 301, 307, 400, 401, 403, 404, 500] {
        for kind in [
            "resend", "posthog", "oidc", "docker", "website", "aws", "s3",
        ] {
            let credentials = [
                ("API_KEY", SECRET),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
            ];
            let endpoint = web.url(&format!("/{status}"));
            let finding = ask(&subject(kind, "4711", &endpoint, &credentials)).await;
            assert_clean(
                &finding,
                &["open-sesame", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI"],
            );
        }
    }
    let endpoint = web.url("/401");
    let finding = ask(&subject(
        "resend",
        "a.test",
        &endpoint,
        &[("API_KEY", SECRET)],
    ))
    .await;
    assert_eq!(
        finding.reason,
        "Resend refuses the API key: 401 (Unauthorized): who is Bearer ***?"
    );
}

#[tokio::test]
async fn a_password_in_an_address_is_not_shown() {
    let web = Web::start(echo).await;
    let with_password = |path: &str| web.url(path).replace("://", "://me:open-sesame@");
    // base64 of `me:open-sesame`, which the server repeats.
    let sent = "bWU6b3Blbi1zZXNhbWU";
    for path in ["/200", "/301", "/404", "/429", "/500"] {
        let subject = Subject {
            link: Some(format!("{}?token=abracadabra", with_password(path))),
            ..Subject::default()
        };
        assert_clean(&ask(&subject).await, &["open-sesame", sent, "abracadabra"]);
    }
    for kind in [
        "oidc", "aws", "resend", "docker", "posthog", "s3", "smtp", "postgres", "mysql", "sqlite",
    ] {
        let finding = ask(&subject(
            kind,
            "4711",
            &with_password("/500"),
            &[("A_KEY", "a-key")],
        ))
        .await;
        assert_clean(&finding, &["open-sesame", sent]);
    }
}

#[tokio::test]
async fn a_key_goes_to_no_other_server() {
    let other = Web::start(|asked| {
        assert_eq!(asked.header("authorization"), "");
        answer(
            200,
            r#"{"id":4711,"data":[{"name":"a.test","status":"verified"}]}"#,
        )
    })
    .await;
    let onward = other.url("/domains");
    let web = Web::start(move |_| answer(307, "").with("location", onward.clone())).await;
    for kind in ["resend", "posthog"] {
        let finding = ask(&subject(kind, "4711", &web.url(""), &[("API_KEY", SECRET)])).await;
        assert_eq!(finding.health, Health::Red, "{finding:?}");
    }
    let link = web.url("/").replace("://", "://me:open-sesame@");
    let subject = Subject {
        link: Some(link),
        ..Subject::default()
    };
    let finding = ask(&subject).await;
    assert_eq!(finding.health, Health::Green, "{finding:?}");
    assert_eq!(finding.facts["sent-to"], other.url("/domains"));
}
