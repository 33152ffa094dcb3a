//! Signs requests to AWS and to what speaks like it: Signature Version 4, as the AWS documentation has it under
//! "Create a signed AWS API request". It signs paths as they are, so they must need no escaping.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Whose signature it is.
pub(crate) struct Keys<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    /// What comes with keys that hold for a while.
    pub(crate) token: Option<&'a str>,
}

/// What the signature is for.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) now: Timestamp,
}

/// The request to sign.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    /// The headers to sign besides those that signing adds: names in lower case.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// The headers to add to the request: its date, its token if there is one, and who signed it.
pub(crate) fn sign(
    request: &Request<'_>,
    keys: &Keys<'_>,
    scope: &Scope<'_>,
) -> Vec<(&'static str, String)> {
    let moment = scope.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut added = vec![("x-amz-date", moment.clone())];
    if let Some(token) = keys.token {
        added.push(("x-amz-security-token", token.to_owned()));
    }
    let host = host(request.url);
    let mut headers: Vec<(&str, &str)> = vec![("host", &host)];
    headers.extend(request.headers);
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");

    let date = &moment[..8];
    let within = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = hex(&Sha256::digest(canonical(request, &headers, &names)));
    let text = format!("{ALGORITHM}\n{moment}\n{within}\n{digest}");

    let first = format!("AWS4{}", keys.secret);
    let key = [date, scope.region, scope.service, "aws4_request"]
        .into_iter()
        .fold(first.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let id = keys.id;
    let line = format!(
        "{ALGORITHM} Credential={id}/{within}, SignedHeaders={names}, Signature={signature}"
    );
    added.push(("authorization", line));
    added
}

/// The request in the form that both sides digest.
fn canonical(request: &Request<'_>, headers: &[(&str, &str)], names: &str) -> String {
    let mut query: Vec<&str> = request.url.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    [
        request.method,
        request.url.path(),
        &query.join("&"),
        &lines,
        names,
        &digest(request.body),
    ]
    .join("\n")
}

/// The digest of a body, as signatures and the header `x-amz-content-sha256` have it.
pub(crate) fn digest(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The header `Host` for a URL: with its port, unless that is its scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature alone.
    fn signature(request: &Request<'_>, keys: &Keys<'_>, service: &str, now: &str) -> String {
        let scope = Scope {
            region: "us-east-1",
            service,
            now: now.parse().unwrap(),
        };
        let headers = sign(request, keys, &scope);
        let line = &headers.last().unwrap().1;
        line.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    const KEYS: Keys<'_> = Keys {
        id: "AKIDEXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        token: None,
    };

    /// AWS's test suite for Signature Version 4: `get-vanilla`, `post-vanilla`, `get-vanilla-query-order-key-case`.
    #[test]
    fn the_test_suite() {
        for (method, url, expected) in [
            (
                "GET",
                "https://example.amazonaws.com/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "https://example.amazonaws.com/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let url = url.parse().unwrap();
            let request = Request {
                method,
                url: &url,
                headers: &[],
                body: b"",
            };
            let found = signature(&request, &KEYS, "service", "2015-08-30T12:36:00Z");
            assert_eq!(found, expected, "{method} {url}");
        }
    }

    /// The example of the IAM documentation, which signs a header of the request.
    #[test]
    fn the_example_of_iam() {
        let url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
            .parse()
            .unwrap();
        let request = Request {
            method: "GET",
            url: &url,
            headers: &[(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )],
            body: b"",
        };
        assert_eq!(
            signature(&request, &KEYS, "iam", "2015-08-30T12:36:00Z"),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// The example of the S3 documentation, "GET Object".
    #[test]
    fn the_example_of_s3() {
        let url = "https://examplebucket.s3.amazonaws.com/test.txt"
            .parse()
            .unwrap();
        let digest = digest(b"");
        let request = Request {
            method: "GET",
            url: &url,
            headers: &[("range", "bytes=0-9"), ("x-amz-content-sha256", &digest)],
            body: b"",
        };
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            token: None,
        };
        assert_eq!(
            signature(&request, &keys, "s3", "2013-05-24T00:00:00Z"),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn a_token_is_signed_and_sent() {
        let url = "http://127.0.0.1:5000/".parse().unwrap();
        let request = Request {
            method: "POST",
            url: &url,
            headers: &[],
            body: b"Action=GetCallerIdentity",
        };
        let keys = Keys {
            token: Some("token"),
            ..KEYS
        };
        let scope = Scope {
            region: "us-east-1",
            service: "sts",
            now: Timestamp::UNIX_EPOCH,
        };
        let headers = sign(&request, &keys, &scope);
        assert_eq!(headers[0], ("x-amz-date", "19700101T000000Z".into()));
        assert_eq!(headers[1], ("x-amz-security-token", "token".into()));
        assert!(
            headers[2]
                .1
                .contains("SignedHeaders=host;x-amz-date;x-amz-security-token,")
        );
    }
}
