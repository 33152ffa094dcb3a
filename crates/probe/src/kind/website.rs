//! A page: whether it is there, and whether its certificate holds. The way to ask whatever has a link and nothing
//! better.

use reqwest::StatusCode;
use url::Url;

use crate::{
    Finding,
    call::{Call, NOTHING, Reply, status},
    subject::web_address,
};

/// How often a page may send us on.
const HOPS: usize = 5;

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let subject = call.subject;
    let mut url = match (subject.endpoint(), subject.link(), subject.id()) {
        (Some(endpoint), _, _) => web_address("endpoint", endpoint)?,
        (_, Some(link), _) => web_address("link", link)?,
        (_, _, Some(id)) if id.contains("://") => web_address("id", id)?,
        _ => {
            return Err(Finding::unknown(
                "it has no link; write the address of its page",
            ));
        }
    };
    let asked = url.clone();
    for _ in 0..=HOPS {
        let reply = call.get(&url, NOTHING).await?;
        match reply.onward(&url) {
            Some(onward) if !matches!(onward.scheme(), "http" | "https") => {
                return Ok(Finding::amber(format!(
                    "{} sends us on to something that is no page, by {}:",
                    reply.at,
                    onward.scheme()
                )));
            }
            // A user in the address stays with it where the server stays the same, and is in no other address.
            Some(onward) => url = onward,
            None => {
                let finding = judge(&reply).certificate(reply.expires, call.now());
                let elsewhere = (url != asked).then(|| shown(&url));
                return Ok(finding.fact_if("sent-to", elsewhere));
            }
        }
    }
    Ok(Finding::red(format!(
        "{} sends us on and on; {HOPS} times are enough",
        shown(&asked)
    )))
}

/// What a page's status says of it.
fn judge(reply: &Reply) -> Finding {
    let (at, answer) = (&reply.at, status(reply.status));
    let finding = match reply.status {
        code if code.is_success() => Finding::green(format!("{at} answers {answer}")),
        // Without an address to go on to, such as 304, there is still somebody who answers.
        code if code.is_redirection() => Finding::green(format!("{at} answers {answer}")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Finding::green(format!("{at} asks for a login"))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Finding::red(format!("there is no such page: {at} answers {answer}"))
        }
        code if code.is_server_error() => {
            Finding::red(format!("{at} is in trouble and answers {answer}"))
        }
        _ => Finding::amber(format!("{at} answers {answer}")),
    };
    finding.fact("status", reply.status.as_u16())
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}{}", url.path())
}
