//! AWS Secrets Manager and Parameter Store, on moto. The libraries of AWS look at the environment of the process, so
//! who asks is a process of its own: this executable, told to run one test.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use hyper::{Request, body::Bytes};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use towpath_secrets::provider::{Providers, Settings};

use super::{
    ask,
    keeper::{Answer, Keeper, raw},
};
use crate::{
    place::PYTHON,
    server::{Server, free_port, packages},
};

const REFERENCES: &str = "TOWPATH_TEST_REFERENCES";
const ANSWERS: &str = "TOWPATH_TEST_ANSWERS";
const MILLISECONDS: &str = "TOWPATH_TEST_MILLISECONDS";

/// A server that behaves like AWS.
struct Aws {
    _server: Server,
    directory: tempfile::TempDir,
    endpoint: String,
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
        let endpoint = format!("http://127.0.0.1:{port}");
        Some(Aws {
            _server: server,
            directory,
            endpoint,
        })
    }

    /// Calls something as its owner.
    async fn call(&self, target: &str, body: Value) -> Value {
        let service = if target.starts_with("AmazonSSM") {
            "ssm"
        } else {
            "secretsmanager"
        };
        let scope = format!("Credential=test/20260101/eu-central-1/{service}/aws4_request");
        let answer = client()
            .post(&self.endpoint)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
            )
            .body(body.to_string());
        serde_json::from_str(&send(answer).await).unwrap()
    }

    async fn secret(&self, name: &str, value: &str) -> String {
        let answer = self
            .call(
                "secretsmanager.CreateSecret",
                json!({"Name": name, "SecretString": value}),
            )
            .await;
        answer["ARN"].as_str().unwrap().to_owned()
    }

    async fn parameter(&self, name: &str, value: &str) {
        let body = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.call("AmazonSSM.PutParameter", body).await;
    }

    /// From here on, signatures and rights are looked at.
    async fn check(&self) {
        send(
            client()
                .post(format!("{}/moto-api/reset-auth", self.endpoint))
                .body("0"),
        )
        .await;
    }

    /// How many calls there were.
    fn calls(&self) -> usize {
        let log = fs::read_to_string(self.directory.path().join("moto.log")).unwrap();
        log.matches("POST / ").count()
    }

    fn ask(&self, references: &[&str]) -> BTreeMap<String, Result<String, String>> {
        fetched(&self.endpoint, &[], references, 60_000)
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

/// Fetches in a process of its own, with this environment besides what everybody has who uses AWS.
fn fetched(
    endpoint: &str,
    variables: &[(&str, &str)],
    references: &[&str],
    milliseconds: u64,
) -> BTreeMap<String, Result<String, String>> {
    let directory = tempfile::tempdir().unwrap();
    let answers = directory.path().join("answers");
    let usual = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "open-sesame"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let status = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "provider::aws::in_a_process_of_its_own",
            "--ignored",
        ])
        .env_clear()
        .env("HOME", directory.path())
        .envs(usual)
        .envs(variables.iter().copied())
        .env(REFERENCES, references.join("\n"))
        .env(ANSWERS, &answers)
        .env(MILLISECONDS, milliseconds.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    serde_json::from_str(&fs::read_to_string(answers).unwrap()).unwrap()
}

#[tokio::test]
#[ignore = "the other tests of AWS run it"]
async fn in_a_process_of_its_own() {
    let Ok(references) = env::var(REFERENCES) else {
        return;
    };
    let references: Vec<&str> = references.lines().collect();
    let milliseconds = env::var(MILLISECONDS).unwrap().parse().unwrap();
    let settings = Settings {
        timeout: Duration::from_millis(milliseconds),
        ..Settings::default()
    };
    let answers = ask(&Providers::new(settings), &references).await;
    let told: BTreeMap<String, Result<String, String>> = answers
        .into_iter()
        .map(|(reference, answer)| {
            (
                reference,
                answer.map_err(|error| format!("{:?}: {error}; {}", error.kind(), error.help())),
            )
        })
        .collect();
    fs::write(
        Path::new(&env::var(ANSWERS).unwrap()),
        serde_json::to_string(&told).unwrap(),
    )
    .unwrap();
}

#[track_caller]
fn assert_told(answer: &Result<String, String>, parts: &[&str]) {
    let told = answer.as_ref().unwrap_err();
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    assert!(
        !told.contains("open-sesame") && !told.contains("hunter2"),
        "{told}"
    );
}

#[tokio::test]
async fn secrets_have_versions_and_fields() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let arn = aws.secret("prod/db", r#"{"password":"first"}"#).await;
    let body = json!({"SecretId": "prod/db", "SecretString": r#"{"password":"second","n":1.50}"#});
    let version = aws.call("secretsmanager.PutSecretValue", body).await["VersionId"]
        .as_str()
        .unwrap()
        .to_owned();
    aws.call(
        "secretsmanager.CreateSecret",
        json!({"Name": "bytes", "SecretBinary": "aHVudGVyMv8="}),
    )
    .await;
    aws.secret("gone", "hunter2").await;
    aws.call("secretsmanager.DeleteSecret", json!({"SecretId": "gone"}))
        .await;
    let (by_arn, by_id) = (
        format!("aws-sm://{arn}#n"),
        format!("aws-sm://prod/db?version={version}#n"),
    );
    let references = [
        "aws-sm://prod/db#password",
        "aws-sm://prod/db",
        "aws-sm://prod/db?version=AWSPREVIOUS#password",
        by_arn.as_str(),
        by_id.as_str(),
        "aws-sm://bytes",
        "aws-sm://prod/db#none",
        "aws-sm://none",
        "aws-sm://gone",
        "aws-sm://prod/db?version=NONE",
        "aws-sm://prod/db?region=eu-west-1",
    ];
    let answers = aws.ask(&references);
    assert_eq!(answers["aws-sm://prod/db#password"], Ok("second".into()));
    assert_eq!(
        answers["aws-sm://prod/db"],
        Ok(r#"{"password":"second","n":1.50}"#.into())
    );
    assert_eq!(
        answers["aws-sm://prod/db?version=AWSPREVIOUS#password"],
        Ok("first".into())
    );
    assert_eq!(answers[&by_arn], Ok("1.50".into()));
    assert_eq!(answers[&by_id], Ok("1.50".into()));
    assert_eq!(answers["aws-sm://bytes"], Ok("aHVudGVyMv8=".into()));
    assert_told(
        &answers["aws-sm://prod/db#none"],
        &["NotFound", "no field `none`"],
    );
    assert_told(&answers["aws-sm://none"], &["NotFound", "in eu-central-1"]);
    assert_told(
        &answers["aws-sm://gone"],
        &["NotFound", "marked as deleted"],
    );
    assert_told(&answers["aws-sm://prod/db?version=NONE"], &["NotFound"]);
    assert_told(
        &answers["aws-sm://prod/db?region=eu-west-1"],
        &["NotFound", "in eu-west-1", "look at the name"],
    );
}

#[tokio::test]
async fn parameters_are_decrypted() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.parameter("/prod/db", "first").await;
    aws.parameter("/prod/db", r#"{"password":"second"}"#).await;
    aws.parameter("plain", "plain").await;
    let references = [
        "aws-ssm:///prod/db#password",
        "aws-ssm:///prod/db:1",
        "aws-ssm://plain",
        "aws-ssm://arn:aws:ssm:eu-central-1:123456789012:parameter/prod/db#password",
        "aws-ssm:///prod/none",
        "aws-ssm:///prod/db?region=eu-west-1",
    ];
    let answers = aws.ask(&references);
    assert_eq!(answers[references[0]], Ok("second".into()));
    assert_eq!(answers[references[1]], Ok("first".into()));
    assert_eq!(answers[references[2]], Ok("plain".into()));
    assert_eq!(answers[references[3]], Ok("second".into()));
    assert_told(&answers[references[4]], &["NotFound", "in eu-central-1"]);
    assert_told(&answers[references[5]], &["NotFound", "in eu-west-1"]);
}

#[tokio::test]
async fn a_hundred_are_few_calls() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let mut references = Vec::new();
    for number in 0..50 {
        aws.secret(&format!("s{number}"), &format!("secret {number}"))
            .await;
        aws.parameter(&format!("/p{number}"), &format!("parameter {number}"))
            .await;
        references.extend([
            format!("aws-sm://s{number}"),
            format!("aws-ssm:///p{number}"),
        ]);
    }
    let before = aws.calls();
    let answers = aws.ask(&references.iter().map(String::as_str).collect::<Vec<_>>());
    for number in 0..50 {
        assert_eq!(
            answers[&format!("aws-sm://s{number}")],
            Ok(format!("secret {number}"))
        );
        assert_eq!(
            answers[&format!("aws-ssm:///p{number}")],
            Ok(format!("parameter {number}"))
        );
    }
    assert_eq!(aws.calls() - before, 3 + 5);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.secret("a", "hunter2").await;
    aws.check().await;
    let answers = aws.ask(&["aws-sm://a", "aws-ssm:///a"]);
    for answer in answers.values() {
        assert_told(
            answer,
            &[
                "Denied",
                "AWS does not take our credentials",
                "sign in to AWS",
            ],
        );
    }
}

/// What AWS answers somebody who may read single secrets and parameters, but not many, and not all.
fn grudging(request: &Request<Bytes>) -> Answer {
    let target = request.headers()["x-amz-target"].to_str().unwrap();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let denied = || {
        let words = "User: arn:aws:iam::123456789012:user/towpath is not authorized";
        (
            400,
            json!({"__type": "AccessDeniedException", "Message": words}).to_string(),
        )
    };
    let answer = match target {
        "secretsmanager.GetSecretValue" => match body["SecretId"].as_str().unwrap() {
            "theirs" => return denied(),
            "huge" => json!({"Name": "huge", "SecretString": "x".repeat(2 << 20)}),
            name => json!({"Name": name, "SecretString": name}),
        },
        "AmazonSSM.GetParameters" if body["Names"] == json!(["/ours"]) => {
            assert_eq!(body["WithDecryption"], true);
            json!({"Parameters": [{"Name": "/ours", "Value": "ours"}], "InvalidParameters": []})
        }
        _ => return denied(),
    };
    (200, answer.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_together_is_asked_for_alone() {
    let keeper = Keeper::start(None, grudging).await;
    let references = [
        "aws-sm://ours",
        "aws-sm://theirs",
        "aws-sm://huge",
        "aws-ssm:///ours",
        "aws-ssm:///theirs",
    ];
    let answers = fetched(
        &format!("http://{}", keeper.address),
        &[],
        &references,
        60_000,
    );
    assert_eq!(answers["aws-sm://ours"], Ok("ours".into()));
    assert_eq!(answers["aws-ssm:///ours"], Ok("ours".into()));
    for reference in ["aws-sm://theirs", "aws-ssm:///theirs"] {
        let parts = ["Denied", "user/towpath is not authorized"];
        assert_told(&answers[reference], &parts);
    }
    assert_told(
        &answers["aws-sm://huge"],
        &["Malformed", "larger than 1 MiB"],
    );
    assert_eq!(keeper.times("/"), 4 + 3, "two for many, and one for each");
}

#[tokio::test]
async fn who_cannot_ask_is_told_what_is_missing() {
    let endpoint = "http://127.0.0.1:9";
    let without = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let answers = fetched(endpoint, &without, &["aws-sm://a"], 60_000);
    assert_told(
        &answers["aws-sm://a"],
        &["Unconfigured", "no credentials of AWS", "AWS_PROFILE"],
    );
    let answers = fetched(endpoint, &[("AWS_REGION", "")], &["aws-sm://a"], 60_000);
    assert_told(
        &answers["aws-sm://a"],
        &["Unconfigured", "in which region", "AWS_REGION"],
    );
    let answers = fetched(endpoint, &[], &["aws-sm://a"], 1_000);
    assert_told(
        &answers["aws-sm://a"],
        &["Unreachable", "AWS in eu-central-1"],
    );
}

#[tokio::test]
async fn an_endpoint_of_one_service_is_its_own() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.secret("a", "value").await;
    let own = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint.as_str())];
    let answers = fetched(
        "http://127.0.0.1:9",
        &own,
        &["aws-sm://a", "aws-ssm:///a"],
        1_000,
    );
    assert_eq!(answers["aws-sm://a"], Ok("value".into()));
    assert_told(&answers["aws-ssm:///a"], &["Unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_slow_or_break_off_do_not_hold_us() {
    let (silent, _serving) = raw(None).await;
    let answers = fetched(
        &format!("http://{silent}"),
        &[],
        &["aws-sm://a", "aws-ssm:///a"],
        700,
    );
    for answer in answers.values() {
        assert_told(answer, &["TimedOut", "within 0.7 s"]);
    }
    let (broken, _serving) = raw(Some(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Sec",
    ))
    .await;
    let answers = fetched(&format!("http://{broken}"), &[], &["aws-sm://a"], 700);
    assert_told(&answers["aws-sm://a"], &["Unreachable"]);
}
