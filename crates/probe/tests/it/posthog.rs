//! PostHog, whose server cannot be had here: the stand-in gives the answers that its documentation has under "API",
//! "Projects", and those of its framework for errors.

use towpath_probe::{Health, Subject};

use crate::{
    rig::{ask, assert_found, subject},
    web::{Answer, Asked, Web, answer},
};

fn posthog(asked: &Asked) -> Answer {
    let refusal = |status, code: &str, detail: &str| {
        let body = format!(
            r#"{{"type":"authentication_error","code":"{code}","detail":"{detail}","attr":null}}"#
        );
        answer(status, body)
    };
    match (asked.header("authorization"), asked.path.as_str()) {
        ("Bearer phx_good", "/api/projects/4711/") => answer(
            200,
            r#"{"id":4711,"uuid":"019a","organization":"0187","name":"Guestbook","timezone":"UTC"}"#,
        ),
        ("Bearer phx_good", "/api/projects/4712/") => {
            answer(200, r#"{"id":4711,"name":"Guestbook"}"#)
        }
        ("Bearer phx_good", _) => refusal(404, "not_found", "Not found."),
        ("Bearer phx_narrow", _) => refusal(
            403,
            "permission_denied",
            "API key missing required scope 'project:read'",
        ),
        _ => refusal(
            401,
            "authentication_failed",
            "Personal API key found in request Authorization header is invalid.",
        ),
    }
}

fn project(web: &Web, id: &str, key: &str) -> Subject {
    subject(
        "posthog",
        id,
        &web.url(""),
        &[("POSTHOG_PERSONAL_API_KEY", key)],
    )
}

#[tokio::test]
async fn a_project_is_there_or_not() {
    let web = Web::start(posthog).await;
    let finding = ask(&project(&web, "4711", "phx_good")).await;
    let reason = "project 4711 (Guestbook) is there, and the API key may see it";
    assert_found(&finding, Health::Green, reason);
    let finding = ask(&project(&web, "4242", "phx_good")).await;
    assert_found(
        &finding,
        Health::Red,
        &format!("there is no project 4242 at {}", web.at()),
    );
    let finding = ask(&project(&web, "4712", "phx_good")).await;
    assert_found(
        &finding,
        Health::Red,
        &format!("{} shows project 4711 and not 4712", web.at()),
    );
}

#[tokio::test]
async fn a_key_is_good_or_not() {
    let web = Web::start(posthog).await;
    let finding = ask(&project(&web, "4711", "phx_wrong")).await;
    assert_eq!(finding.health, Health::Red);
    assert!(
        finding
            .reason
            .starts_with("PostHog refuses the API key: 401"),
        "{finding:?}"
    );
    let finding = ask(&project(&web, "4711", "phx_narrow")).await;
    assert_eq!(finding.health, Health::Red);
    assert!(
        finding
            .reason
            .ends_with("missing required scope 'project:read'"),
        "{finding:?}"
    );
    let finding = ask(&project(&web, "4711", "phc_public")).await;
    assert_eq!(finding.health, Health::Unknown);
}
