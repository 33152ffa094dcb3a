//! Resend, whose server cannot be had: the stand-in here gives the answers that its documentation has under "List
//! Domains" and "Errors".

use towpath_probe::{Health, Subject};

use crate::{
    rig::{ask, assert_found, subject},
    web::{Answer, Asked, Web, answer},
};

fn resend(asked: &Asked) -> Answer {
    if (asked.method.as_str(), asked.path.as_str()) != ("GET", "/domains") {
        return answer(
            404,
            r#"{"statusCode":404,"message":"The requested endpoint does not exist","name":"not_found"}"#,
        );
    }
    match asked.header("authorization") {
        "Bearer re_full" => answer(
            200,
            r#"{"object":"list","has_more":false,"data":[
                {"id":"d91cd9bd-1176-453e-8fc1-35364d380206","name":"mail.example.test","status":"verified",
                 "created_at":"2026-04-26T20:21:26.347412+00:00","region":"eu-west-1"},
                {"id":"4dd369bc-aa82-4ff3-97de-514ae3000ee0","name":"new.example.test","status":"pending",
                 "created_at":"2026-04-26T20:21:26.347412+00:00","region":"us-east-1"}]}"#,
        ),
        "Bearer re_sending" => answer(
            401,
            r#"{"statusCode":401,"message":"This API key is restricted to only send emails","name":"restricted_api_key"}"#,
        ),
        "" => answer(
            401,
            r#"{"statusCode":401,"message":"Missing API key","name":"missing_api_key"}"#,
        ),
        _ => answer(
            401,
            r#"{"statusCode":401,"message":"API key is invalid","name":"validation_error"}"#,
        ),
    }
}

fn domain(web: &Web, id: &str, key: &str) -> Subject {
    subject("Resend", id, &web.url(""), &[("RESEND_API_KEY", key)])
}

#[tokio::test]
async fn a_domain_is_as_good_as_its_status() {
    let web = Web::start(resend).await;
    for id in ["mail.example.test", "d91cd9bd-1176-453e-8fc1-35364d380206"] {
        let finding = ask(&domain(&web, id, "re_full")).await;
        assert_found(
            &finding,
            Health::Green,
            "domain mail.example.test is verified",
        );
        assert_eq!(finding.facts["region"], "eu-west-1");
    }
    let finding = ask(&domain(&web, "new.example.test", "re_full")).await;
    let reason = "domain new.example.test is not verified: its status is pending";
    assert_found(&finding, Health::Amber, reason);
    let finding = ask(&domain(&web, "gone.example.test", "re_full")).await;
    let reason = "the account of this API key has no domain gone.example.test";
    assert_found(&finding, Health::Red, reason);
}

#[tokio::test]
async fn a_key_is_good_or_not() {
    let web = Web::start(resend).await;
    let finding = ask(&domain(&web, "mail.example.test", "re_wrong")).await;
    let reason = "Resend refuses the API key: 401 (Unauthorized): API key is invalid";
    assert_found(&finding, Health::Red, reason);
    let finding = ask(&domain(&web, "mail.example.test", "re_sending")).await;
    assert_eq!(finding.health, Health::Unknown);
    assert!(finding.reason.contains("may only send"), "{finding:?}");
    let finding = ask(&domain(&web, "mail.example.test", "")).await;
    assert_eq!(finding.health, Health::Unknown);
    assert!(finding.reason.contains("RESEND_API_KEY"), "{finding:?}");
}
