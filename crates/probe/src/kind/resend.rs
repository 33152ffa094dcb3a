//! A sending domain at Resend: whether it is verified. Resend's documentation has the calls under "List Domains" and
//! "Errors".

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    Finding,
    call::{Call, MUCH, Reply},
};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let subject = call.subject;
    let Some(key) = subject.naming(&["API_KEY", "KEY", "TOKEN"]).next() else {
        return Err(Finding::unknown(
            "there is no API key to ask with; set one whose name contains KEY or TOKEN, such as RESEND_API_KEY",
        ));
    };
    let mut url = subject.base("https://api.resend.com")?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}/domains"));
    // As many as Resend gives at once.
    url.set_query(Some("limit=100"));
    let request = call.request(Method::GET, &url).bearer_auth(key);
    let reply = call.send(&url, request, MUCH).await?;
    if reply.status != StatusCode::OK {
        return Err(refused(&reply));
    }
    let answer = reply.json();
    let domains = answer
        .as_ref()
        .and_then(|answer| answer.get("data")?.as_array());
    let Some(domains) = domains else {
        return Err(Finding::red(format!(
            "{} answers, but not as Resend does",
            reply.at
        )));
    };
    let more = answer
        .as_ref()
        .and_then(|answer| answer.get("has_more")?.as_bool());
    let finding = judge(subject.id(), domains, more == Some(true));
    Ok(finding.certificate(reply.expires, call.now()))
}

/// What the domains of an account say of the one that is meant.
fn judge(id: Option<&str>, domains: &[Value], more: bool) -> Finding {
    let Some(id) = id else {
        return Finding::unknown(
            "the API key is good; write the domain as id to have it looked at",
        );
    };
    let is =
        |domain: &&Value, key| text(domain, key).is_some_and(|text| text.eq_ignore_ascii_case(id));
    let found = domains
        .iter()
        .find(|domain| is(domain, "name") || is(domain, "id"));
    match found {
        Some(domain) => {
            let status = text(domain, "status").unwrap_or("unknown");
            let name = text(domain, "name").unwrap_or(id);
            let finding = match status {
                "verified" => Finding::green(format!("domain {name} is verified")),
                other => Finding::amber(format!(
                    "domain {name} is not verified: its status is {other}"
                )),
            };
            let finding = finding.fact("domain", name).fact("status", status);
            finding.fact_if("region", text(domain, "region"))
        }
        None if more => Finding::unknown(format!(
            "domain {id} is not among the first hundred of this account"
        )),
        None => Finding::red(format!("the account of this API key has no domain {id}")),
    }
}

/// Why Resend did not show its domains.
fn refused(reply: &Reply) -> Finding {
    let answer = reply.json();
    let name = answer.as_ref().and_then(|answer| text(answer, "name"));
    match (reply.status, name) {
        // A key with sending access only, as an application should have it: that it is told so proves it good.
        (StatusCode::UNAUTHORIZED, Some("restricted_api_key")) => Finding::unknown(
            "the API key is good, but may only send; a key with full access could see whether the domain is verified",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Finding::red(format!("Resend refuses the API key: {}", reply.refusal()))
        }
        _ => Finding::red(format!("{} answers {}", reply.at, reply.refusal())),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}
