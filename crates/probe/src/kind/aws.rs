//! An account of Amazon Web Services: whether the keys that we have are good, and belong to it.

use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use url::Url;

use crate::{
    Finding, Subject,
    call::{Call, LITTLE, Reply},
    sigv4::{self, Keys, Scope},
};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let subject = call.subject;
    let keys = keys(subject)?;
    let region = region(subject);
    let domain = domain(region);
    let url = subject.base(&format!("https://sts.{region}.{domain}/"))?;
    let reply = identity(call, &url, &keys, region).await?;
    if reply.status != StatusCode::OK {
        return Err(refused(&reply));
    }
    let answer = reply.text();
    let Some(account) = element(&answer, "Account") else {
        return Err(Finding::red(format!(
            "{} answers, but not as AWS does",
            reply.at
        )));
    };
    let finding = match subject.id() {
        // People write the number in groups, as consoles show it.
        Some(id) if plain(id) == account => {
            Finding::green(format!("the keys belong to account {account}"))
        }
        Some(id) => Finding::red(format!("the keys belong to account {account}, not to {id}")),
        None => Finding::green(format!(
            "the keys belong to account {account}; write it as id"
        )),
    };
    let finding = finding.fact("account", account);
    let finding = finding.fact_if("principal", element(&answer, "Arn"));
    Ok(finding.certificate(reply.expires, call.now()))
}

/// Asks AWS whose the keys are: `GetCallerIdentity`, which everybody may.
async fn identity(
    call: &Call<'_>,
    url: &Url,
    keys: &Keys<'_>,
    region: &str,
) -> Result<Reply, Finding> {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let scope = Scope {
        region,
        service: "sts",
        now: call.now(),
    };
    let request = sigv4::Request {
        method: "POST",
        url,
        headers: &[("content-type", form)],
        body: body.as_bytes(),
    };
    let mut sent = call.request(Method::POST, url).header(CONTENT_TYPE, form);
    for (name, value) in sigv4::sign(&request, keys, &scope) {
        sent = sent.header(name, value);
    }
    Ok(call.send(url, sent.body(body), LITTLE).await?)
}

/// The keys among the credentials.
pub(super) fn keys(subject: &Subject) -> Result<Keys<'_>, Finding> {
    let found = |name| subject.credential(name);
    match (found("AWS_ACCESS_KEY_ID"), found("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(Keys {
            id,
            secret,
            token: found("AWS_SESSION_TOKEN"),
        }),
        (id, _) => {
            let missing = match id {
                Some(_) => "AWS_SECRET_ACCESS_KEY",
                None => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            };
            Err(Finding::unknown(format!(
                "there are no keys to ask with; set {missing}"
            )))
        }
    }
}

/// The region among the credentials, or the one that AWS takes for none.
pub(super) fn region(subject: &Subject) -> &str {
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| subject.credential(name));
    region.unwrap_or("us-east-1")
}

/// The domain that a region's services are in.
pub(super) fn domain(region: &str) -> &'static str {
    match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    }
}

/// Why AWS did not say whose the keys are.
fn refused(reply: &Reply) -> Finding {
    let answer = reply.text();
    let code = element(&answer, "Code").unwrap_or_default();
    let finding = match code {
        "InvalidClientTokenId" => {
            Finding::red("AWS does not know the access key: it was deleted, or never was")
        }
        "SignatureDoesNotMatch" => Finding::red(
            "AWS knows the access key, but the secret key is not the one that belongs to it",
        ),
        "ExpiredToken" | "ExpiredTokenException" => {
            Finding::red("the session token has expired; get new keys")
        }
        "" => Finding::red(format!("{} answers {}", reply.at, reply.refusal())),
        code => {
            let words = element(&answer, "Message").unwrap_or("it gives no reason");
            Finding::red(format!("AWS refuses the keys with {code}: {words}"))
        }
    };
    match code {
        "" => finding,
        code => finding.fact("code", code),
    }
}

/// The text of the first element of this name in an answer of AWS, which has neither attributes nor escapes there.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// An account's number without what people put between its digits.
fn plain(id: &str) -> String {
    id.chars().filter(|c| !matches!(c, '-' | ' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_by_name() {
        let xml = "<A><Account> 1234 </Account><Arn>arn:aws:iam::1234:user/x</Arn></A>";
        assert_eq!(element(xml, "Account"), Some("1234"));
        assert_eq!(element(xml, "Code"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
        assert_eq!(plain("1234-5678-9012"), "123456789012");
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut subject = Subject::default();
        let reason = |subject: &Subject| keys(subject).err().unwrap().reason;
        assert!(reason(&subject).ends_with("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
        let credentials = &mut subject.credentials;
        credentials.insert("AWS_ACCESS_KEY_ID".into(), "AKIA".into());
        assert!(reason(&subject).ends_with("set AWS_SECRET_ACCESS_KEY"));
    }
}
