//! A project of PostHog: whether it is there, and whether the key that we have may see it. PostHog's documentation has
//! the call under "API", "Projects".

use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::{
    Finding, Subject,
    call::{Call, MUCH},
    subject::web_address,
};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let subject = call.subject;
    let Some(id) = subject.id() else {
        return Err(Finding::unknown("it has no id; write the project's number"));
    };
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Finding::unknown(format!(
            "`{id}` is no project's number; write that as id"
        )));
    }
    let key = key(subject)?;
    let mut url = base(subject)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}/api/projects/{id}/"));
    let request = call.request(Method::GET, &url).bearer_auth(key);
    let reply = call.send(&url, request, MUCH).await?;
    let finding = match reply.status {
        StatusCode::OK => judge(id, reply.json().as_ref(), &reply.at.to_string()),
        StatusCode::NOT_FOUND => Finding::red(format!("there is no project {id} at {}", reply.at)),
        StatusCode::UNAUTHORIZED => {
            Finding::red(format!("PostHog refuses the API key: {}", reply.refusal()))
        }
        StatusCode::FORBIDDEN => Finding::red(format!(
            "the API key may not see project {id}: {}",
            reply.refusal()
        )),
        _ => Finding::red(format!("{} answers {}", reply.at, reply.refusal())),
    };
    Ok(finding.certificate(reply.expires, call.now()))
}

/// Whether the project that was shown is the one that was asked for.
fn judge(id: &str, answer: Option<&Value>, at: &str) -> Finding {
    let shown = |key: &str| match answer?.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let name = shown("name");
    match (shown("id"), shown("uuid")) {
        (Some(number), uuid) if number == id || uuid.as_deref() == Some(id) => {
            let named = name
                .as_deref()
                .map_or(String::new(), |name| format!(" ({name})"));
            Finding::green(format!(
                "project {id}{named} is there, and the API key may see it"
            ))
            .fact_if("name", name)
        }
        (Some(number), _) => Finding::red(format!("{at} shows project {number} and not {id}")),
        (None, _) => Finding::red(format!("{at} answers, but not as PostHog does")),
    }
}

/// The key to ask with: a personal one. A project's own key may only send events.
fn key(subject: &Subject) -> Result<&str, Finding> {
    let mut keys = subject
        .naming(&["PERSONAL", "API_KEY", "KEY", "TOKEN"])
        .filter(|key| !key.starts_with("phc_"));
    keys.next().ok_or_else(|| {
        Finding::unknown(
            "there is no personal API key to ask with; set one that may read projects, such as \
             POSTHOG_PERSONAL_API_KEY (a key that begins with phc_ may only send events)",
        )
    })
}

/// Where the project is: the endpoint, the host that events are sent to, or the link's.
fn base(subject: &Subject) -> Result<Url, Finding> {
    if subject.endpoint().is_some() {
        return subject.base("");
    }
    if let Some(host) = subject.credential("POSTHOG_HOST") {
        // Events go to a host of their own in PostHog's cloud.
        return web_address("host", &host.replace(".i.posthog.com", ".posthog.com"));
    }
    let link = subject.link().and_then(|link| Url::parse(link).ok());
    let link = link.filter(|link| link.path().starts_with("/project/"));
    let link = link.map(|link| link.origin().ascii_serialization());
    subject.base(link.as_deref().unwrap_or("https://us.posthog.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_host_or_of_the_link() {
        let mut subject = Subject::default();
        let of = |subject: &Subject| base(subject).unwrap().to_string();
        assert_eq!(of(&subject), "https://us.posthog.com/");
        subject.link = Some("https://eu.posthog.com/project/123/dashboard".into());
        assert_eq!(of(&subject), "https://eu.posthog.com/");
        let host = (
            "NEXT_PUBLIC_POSTHOG_HOST".to_owned(),
            "https://eu.i.posthog.com".into(),
        );
        subject.credentials = [host].into();
        assert_eq!(of(&subject), "https://eu.posthog.com/");
        subject.endpoint = Some("https://analytics.example.test".into());
        assert_eq!(of(&subject), "https://analytics.example.test/");
    }

    #[test]
    fn a_key_that_only_sends_is_not_tried() {
        let mut subject = Subject {
            credentials: [
                ("POSTHOG_KEY".to_owned(), "phc_1".into()),
                ("POSTHOG_PERSONAL_API_KEY".to_owned(), "phx_2".into()),
            ]
            .into(),
            ..Subject::default()
        };
        assert_eq!(key(&subject), Ok("phx_2"));
        subject.credentials.remove("POSTHOG_PERSONAL_API_KEY");
        assert!(key(&subject).is_err());
    }
}
