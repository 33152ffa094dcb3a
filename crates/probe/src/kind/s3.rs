//! A bucket of S3, or of what speaks like it: whether it is there, and whether the keys that we have may see it.

use reqwest::{Method, StatusCode};
use url::Url;

use super::aws;
use crate::{
    Finding, Subject,
    call::{Call, NOTHING, Reply},
    sigv4::{self, Scope},
};

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let subject = call.subject;
    let bucket = bucket(subject)?;
    let keys = aws::keys(subject)?;
    let region = aws::region(subject);
    let url = address(subject, bucket, region)?;
    let digest = sigv4::digest(b"");
    let headers = [("x-amz-content-sha256", digest.as_str())];
    let request = sigv4::Request {
        method: "HEAD",
        url: &url,
        headers: &headers,
        body: b"",
    };
    let scope = Scope {
        region,
        service: "s3",
        now: call.now(),
    };
    let mut sent = call
        .request(Method::HEAD, &url)
        .header(headers[0].0, headers[0].1);
    for (name, value) in sigv4::sign(&request, &keys, &scope) {
        sent = sent.header(name, value);
    }
    let reply = call.send(&url, sent, NOTHING).await?;
    let finding = judge(&reply, bucket, region).fact("bucket", bucket);
    Ok(finding.certificate(reply.expires, call.now()))
}

/// What the answer says of the bucket: the table of errors under "HeadBucket" in the S3 documentation.
fn judge(reply: &Reply, bucket: &str, region: &str) -> Finding {
    let home = reply.headers.get("x-amz-bucket-region");
    let home = home.and_then(|home| home.to_str().ok());
    match (reply.status, home) {
        (StatusCode::OK, Some(home)) if home != region => Finding::amber(format!(
            "bucket {bucket} is there, but in another region than AWS_REGION says: {home}"
        )),
        (StatusCode::OK, _) => {
            Finding::green(format!("bucket {bucket} is there, and the keys may see it"))
        }
        (StatusCode::NOT_FOUND, _) => Finding::red(format!("there is no bucket {bucket}")),
        (StatusCode::MOVED_PERMANENTLY | StatusCode::BAD_REQUEST, Some(home)) if home != region => {
            Finding::red(format!(
                "bucket {bucket} is in another region than AWS_REGION says: {home}"
            ))
        }
        (StatusCode::FORBIDDEN, _) => Finding::red(format!(
            "the keys may not see bucket {bucket}: they are wrong, lack s3:ListBucket, or it is somebody else's"
        )),
        _ => Finding::red(format!("{} answers {}", reply.at, reply.refusal())),
    }
}

/// The bucket's name, of a name, an ARN or an `s3://` URL.
fn bucket(subject: &Subject) -> Result<&str, Finding> {
    let Some(id) = subject.id() else {
        return Err(Finding::unknown("it has no id; write the bucket's name"));
    };
    let name = id.rsplit(":::").next().unwrap_or(id);
    let name = name.strip_prefix("s3://").unwrap_or(name);
    let name = name.trim_end_matches('/');
    // The characters that a bucket's name may have, and a path without escaping.
    let ours = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let good = !name.is_empty() && name.chars().all(ours) && !name.contains("..") && name != ".";
    match good {
        true => Ok(name),
        false => Err(Finding::unknown(format!(
            "`{id}` is no bucket's name; write that as id"
        ))),
    }
}

/// Where a bucket is asked: in its own host at AWS, and in the path elsewhere, where not everybody has such hosts. A
/// host with more dots would not be one of AWS's certificate.
fn address(subject: &Subject, bucket: &str, region: &str) -> Result<Url, Finding> {
    let domain = aws::domain(region);
    match subject.endpoint() {
        None if !bucket.contains('.') => {
            subject.base(&format!("https://{bucket}.s3.{region}.{domain}/"))
        }
        _ => {
            let mut url = subject.base(&format!("https://s3.{region}.{domain}/"))?;
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{path}/{bucket}"));
            Ok(url)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> Subject {
        Subject {
            id: Some(id.into()),
            ..Subject::default()
        }
    }

    #[test]
    fn a_bucket_is_named_in_three_ways() {
        for id in ["acme-files", "arn:aws:s3:::acme-files", "s3://acme-files/"] {
            assert_eq!(bucket(&named(id)), Ok("acme-files"));
        }
        for id in ["", "a/b", "..", "a b", "https://a.test"] {
            assert!(bucket(&named(id)).is_err(), "{id}");
        }
    }

    #[test]
    fn a_bucket_is_asked_in_its_host_or_in_the_path() {
        let of = |subject: &Subject, bucket: &str, region: &str| {
            address(subject, bucket, region).unwrap().to_string()
        };
        let mut subject = named("x");
        assert_eq!(
            of(&subject, "a", "eu-west-1"),
            "https://a.s3.eu-west-1.amazonaws.com/"
        );
        assert_eq!(
            of(&subject, "a.b", "eu-west-1"),
            "https://s3.eu-west-1.amazonaws.com/a.b"
        );
        assert_eq!(
            of(&subject, "a", "cn-north-1"),
            "https://a.s3.cn-north-1.amazonaws.com.cn/"
        );
        subject.endpoint = Some("http://127.0.0.1:9000/s3/".into());
        assert_eq!(of(&subject, "a", "eu-west-1"), "http://127.0.0.1:9000/s3/a");
    }
}
