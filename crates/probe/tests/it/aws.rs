//! Accounts and buckets of AWS, on moto, which checks signatures as AWS does once it is told to.

use std::process::Command;

use tokio_rustls::rustls::crypto::ring;
use towpath_probe::{Finding, Health, Subject};

use crate::{
    place::PYTHON,
    rig::{Server, ask, assert_found, free_port, packages, subject},
    web::{Web, answer},
};

/// The number that moto gives its account.
const ACCOUNT: &str = "123456789012";

/// A server that behaves like AWS, with a user who has keys.
struct Aws {
    _server: Server,
    _directory: tempfile::TempDir,
    endpoint: String,
    id: String,
    secret: String,
}

impl Aws {
    async fn start() -> Option<Aws> {
        let python = packages(&PYTHON)?.join("bin/python");
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new(python);
        command
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .current_dir(directory.path());
        let mut server = Server::start(directory.path(), "moto", &mut command);
        server.listening("moto", port).await;
        let mut aws = Aws {
            _server: server,
            _directory: directory,
            endpoint: format!("http://127.0.0.1:{port}"),
            id: String::new(),
            secret: String::new(),
        };
        aws.iam("Action=CreateUser&UserName=towpath").await;
        let policy = "Action=PutUserPolicy&UserName=towpath&PolicyName=all&PolicyDocument=\
            %7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B\
            %7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%5D%7D";
        aws.iam(policy).await;
        let keys = aws.iam("Action=CreateAccessKey&UserName=towpath").await;
        aws.id = element(&keys, "AccessKeyId");
        aws.secret = element(&keys, "SecretAccessKey");
        Some(aws)
    }

    /// Asks for something without a signature that would stand a look.
    async fn iam(&self, body: &'static str) -> String {
        let scope = "Credential=test/20260101/us-east-1/iam/aws4_request";
        let signed = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let request = client().post(&self.endpoint).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(request.header("authorization", signed)).await
    }

    /// From here on, signatures are looked at.
    async fn check_signatures(&self) {
        let path = "/moto-api/reset-auth";
        let request = client().post(format!("{}{path}", self.endpoint));
        send(request.body("0")).await;
    }

    async fn ask(&self, kind: &str, id: &str, key: &str, secret: &str) -> Finding {
        let keys = [
            ("PROD_AWS_ACCESS_KEY_ID", key),
            ("PROD_AWS_SECRET_ACCESS_KEY", secret),
            ("PROD_AWS_REGION", "eu-west-1"),
        ];
        ask(&subject(kind, id, &self.endpoint, &keys)).await
    }
}

fn client() -> reqwest::Client {
    // Somebody has to say who does cryptography, even where there is none.
    let _ = ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn send(request: reqwest::RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    text
}

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

#[tokio::test]
async fn keys_belong_to_the_account_or_not() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.check_signatures().await;
    for id in [ACCOUNT, "1234-5678-9012"] {
        let finding = aws.ask("aws", id, &aws.id, &aws.secret).await;
        let reason = format!("the keys belong to account {ACCOUNT}");
        assert_found(&finding, Health::Green, &reason);
        assert_eq!(finding.facts["account"], ACCOUNT);
        assert!(
            finding.facts["principal"].ends_with(":user/towpath"),
            "{finding:?}"
        );
    }
    let finding = aws
        .ask("aws-account", "999999999999", &aws.id, &aws.secret)
        .await;
    let reason = format!("the keys belong to account {ACCOUNT}, not to 999999999999");
    assert_found(&finding, Health::Red, &reason);

    let finding = aws
        .ask("AWS", ACCOUNT, "AKIAIOSFODNN7EXAMPLE", &aws.secret)
        .await;
    let reason = "AWS does not know the access key: it was deleted, or never was";
    assert_found(&finding, Health::Red, reason);
    assert_eq!(finding.facts["code"], "InvalidClientTokenId");
    let finding = aws.ask("aws", ACCOUNT, &aws.id, "not the secret").await;
    let reason = "AWS knows the access key, but the secret key is not the one that belongs to it";
    assert_found(&finding, Health::Red, reason);
}

#[tokio::test]
async fn without_keys_nobody_is_asked() {
    let subject = Subject {
        kind: Some("aws".into()),
        ..Subject::default()
    };
    let finding = ask(&subject).await;
    let reason = "there are no keys to ask with; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    assert_found(&finding, Health::Unknown, reason);
}

#[tokio::test]
async fn what_is_not_aws_is_red() {
    let web = Web::start(|_| answer(200, "welcome")).await;
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let finding = ask(&subject("aws", ACCOUNT, &web.url(""), &keys)).await;
    let reason = format!("{} answers, but not as AWS does", web.at());
    assert_found(&finding, Health::Red, &reason);
}

#[tokio::test]
async fn a_bucket_is_there_or_not() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let made = client()
        .put(format!("{}/guestbook-files", aws.endpoint))
        .body("<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>");
    send(made).await;
    aws.check_signatures().await;
    for id in ["guestbook-files", "arn:aws:s3:::guestbook-files"] {
        let finding = aws.ask("s3", id, &aws.id, &aws.secret).await;
        let reason = "bucket guestbook-files is there, and the keys may see it";
        assert_found(&finding, Health::Green, reason);
    }
    let finding = aws
        .ask("S3-bucket", "no-such-files", &aws.id, &aws.secret)
        .await;
    assert_found(&finding, Health::Red, "there is no bucket no-such-files");
    let finding = aws
        .ask("s3", "guestbook-files", &aws.id, "not the secret")
        .await;
    assert_eq!(finding.health, Health::Red);
    assert!(
        finding.reason.starts_with("the keys may not see bucket"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_bucket_in_another_region_is_told() {
    for (status, health, reason) in [
        (
            200,
            Health::Amber,
            "bucket a is there, but in another region than AWS_REGION says: eu-north-1",
        ),
        (
            301,
            Health::Red,
            "bucket a is in another region than AWS_REGION says: eu-north-1",
        ),
        (
            400,
            Health::Red,
            "bucket a is in another region than AWS_REGION says: eu-north-1",
        ),
    ] {
        let web =
            Web::start(move |_| answer(status, "").with("x-amz-bucket-region", "eu-north-1")).await;
        let keys = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let finding = ask(&subject("s3", "a", &web.url(""), &keys)).await;
        assert_found(&finding, health, reason);
    }
}
