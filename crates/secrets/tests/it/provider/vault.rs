//! Key-value stores of Vault, on a server that answers as it is documented. There is none of its own to be had as a
//! package.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use hyper::{Request, body::Bytes};
use serde_json::json;
use towpath_secrets::provider::{Kind, Providers, Settings};

use super::{
    ask, assert_refused,
    keeper::{Answer, Keeper, certificate, raw},
    one, settings,
};

const TOKEN: &str = "hvs.open-sesame";

/// What Vault answers.
fn answer(request: &Request<Bytes>) -> Answer {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if header("x-vault-token") != Some(TOKEN) {
        return errors(
            403,
            "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
        );
    }
    let path = request.uri().path().strip_prefix("/v1/").unwrap();
    if let Some(mount) = path.strip_prefix("sys/internal/ui/mounts/") {
        return kind(mount);
    }
    let version = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("version="));
    let (status, body) = match (path, version) {
        ("kv/data/app", None | Some("2")) => {
            (200, two(json!({"password": "second", "a": {"b": [1.50]}})))
        }
        ("kv/data/app", Some("1")) => (200, two(json!({"password": "first"}))),
        ("kv/data/app", Some("3")) => (404, gone("2026-01-02T03:04:05Z", false)),
        ("kv/data/app", Some("4")) => (404, gone("", true)),
        ("kv/data/a b%2Fc" | "kv/data/a%20b/c", None) => (200, two(json!({"password": "spaced"}))),
        ("hidden/data/app", None) => (200, two(json!({"password": "hidden"}))),
        ("old/app" | "hidden-old/app" | "team/old/app", None) => {
            (200, json!({"data": {"password": "old"}}))
        }
        ("kv/data/ours", None) => (200, two(json!({"password": header("x-vault-namespace")}))),
        ("kv/data/secret", None) => {
            return errors(403, "1 error occurred:\n\t* permission denied\n\n");
        }
        ("kv/data/echo", None) => return errors(400, &format!("what is {TOKEN}?")),
        ("kv/data/huge", None) => (200, two(json!({"password": "x".repeat(2 << 20)}))),
        ("kv/data/foreign", None) => (200, json!(["hunter2"])),
        ("kv/data/sealed", None) => return errors(503, "Vault is sealed"),
        ("kv/data/moved", None) => (307, json!({})),
        (path, None) if path.starts_with("kv/data/together/") => {
            (200, two(json!({"password": path})))
        }
        _ => return errors(404, ""),
    };
    (status, body.to_string())
}

fn errors(status: u16, why: &str) -> Answer {
    let errors = if why.is_empty() {
        json!([])
    } else {
        json!([why])
    };
    (status, json!({ "errors": errors }).to_string())
}

fn kind(mount: &str) -> Answer {
    let data = match mount {
        "kv" => json!({"type": "kv", "path": "kv/", "options": {"version": "2"}}),
        "old" | "team/old" => json!({"type": "kv", "path": "old/", "options": null}),
        "pki" => json!({"type": "pki", "path": "pki/", "options": null}),
        _ => return errors(403, "preflight capability check returned 403"),
    };
    (200, json!({ "data": data }).to_string())
}

fn two(data: serde_json::Value) -> serde_json::Value {
    let metadata = json!({"created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": false, "version": 2});
    json!({"request_id": "x", "lease_id": "", "data": {"data": data, "metadata": metadata}})
}

fn gone(deletion_time: &str, destroyed: bool) -> serde_json::Value {
    json!({"data": {"data": null, "metadata": {"deletion_time": deletion_time, "destroyed": destroyed, "version": 3}}})
}

/// Settings of somebody who may ask a Vault at this address.
fn at(directory: &Path, address: &str) -> Settings {
    settings(
        directory,
        &[("VAULT_ADDR", address), ("VAULT_TOKEN", TOKEN)],
    )
}

async fn vault() -> (Keeper, Settings, tempfile::TempDir) {
    let keeper = Keeper::start(None, answer).await;
    let directory = tempfile::tempdir().unwrap();
    let settings = at(directory.path(), &format!("http://{}", keeper.address));
    (keeper, settings, directory)
}

#[tokio::test]
async fn fields_and_versions_are_found() {
    let (keeper, settings, _directory) = vault().await;
    let references = [
        ("vault://kv/app#password", "second"),
        ("vault://kv/app#a.b.0", "1.5"),
        ("vault://kv/app#a", r#"{"b":[1.5]}"#),
        ("vault://kv/app?version=2#password", "second"),
        ("vault://kv/app#password?version=1", "first"),
        ("vault://kv/a%20b/c#password", "spaced"),
        ("vault://old/app#password", "old"),
        ("vault://team%2Fold/app#password", "old"),
        ("vault://hidden/app#password", "hidden"),
        ("vault://hidden-old/app#password", "old"),
    ];
    let asked: Vec<&str> = references.iter().map(|(reference, _)| *reference).collect();
    let answers = ask(&Providers::new(settings), &asked).await;
    for (reference, value) in references {
        assert_eq!(answers[reference].as_deref().unwrap(), value, "{reference}");
    }
    // Three fields of one secret are one question, and so is what kind of store it is in.
    assert_eq!(
        keeper
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| *asked == "/v1/kv/data/app")
            .count(),
        1
    );
    assert_eq!(keeper.times("/v1/sys/internal/ui/mounts/kv"), 1);
}

#[tokio::test]
async fn what_does_not_come_has_its_reason() {
    let (keeper, settings, _directory) = vault().await;
    let providers = Providers::new(Settings {
        timeout: Duration::from_secs(2),
        ..settings
    });
    let expected = [
        ("vault://kv/none#password", Kind::NotFound, "no such secret"),
        (
            "vault://hidden/none#password",
            Kind::NotFound,
            "no such secret",
        ),
        (
            "vault://old/none#password",
            Kind::NotFound,
            "no such secret",
        ),
        ("vault://kv/app#none", Kind::NotFound, "no field `none`"),
        (
            "vault://kv/app?version=3#password",
            Kind::NotFound,
            "was deleted",
        ),
        (
            "vault://kv/app?version=4#password",
            Kind::NotFound,
            "was destroyed",
        ),
        (
            "vault://kv/app?version=9#password",
            Kind::NotFound,
            "of this version",
        ),
        (
            "vault://old/app?version=1#password",
            Kind::NotFound,
            "keeps no versions",
        ),
        (
            "vault://kv/secret#password",
            Kind::Denied,
            "Vault refuses it",
        ),
        (
            "vault://pki/app#password",
            Kind::Malformed,
            "of the kind pki",
        ),
        ("vault://kv/echo#password", Kind::Malformed, "what is ***?"),
        (
            "vault://kv/huge#password",
            Kind::Malformed,
            "more than 1 MiB",
        ),
        (
            "vault://kv/foreign#password",
            Kind::Malformed,
            "not one of a key-value store",
        ),
        (
            "vault://kv/sealed#password",
            Kind::Unreachable,
            "503: Vault is sealed",
        ),
        (
            "vault://kv/moved#password",
            Kind::Unreachable,
            "another server",
        ),
    ];
    let references: Vec<&str> = expected.iter().map(|(reference, ..)| *reference).collect();
    let answers = ask(&providers, &references).await;
    for (reference, kind, part) in expected {
        assert_refused(&answers[reference], kind, part);
        let shown = format!("{:?}", answers[reference]);
        assert!(
            !shown.contains(TOKEN) && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    assert!(
        keeper.times("/v1/kv/data/sealed") > 1,
        "who cannot just now is asked again"
    );
    assert_eq!(
        keeper.times("/v1/kv/data/secret"),
        1,
        "who refuses is not asked again"
    );
}

#[tokio::test]
async fn who_could_not_at_first_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let keeper = Keeper::start(None, move |request| {
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 2 => errors(500, "internal error"),
            _ => answer(request),
        }
    });
    let keeper = keeper.await;
    let directory = tempfile::tempdir().unwrap();
    let settings = at(directory.path(), &format!("http://{}", keeper.address));
    assert_eq!(
        one(settings, "vault://kv/app#password").await.unwrap(),
        "second"
    );
}

#[tokio::test]
async fn a_token_may_be_a_file_and_a_namespace_is_sent() {
    let (keeper, _, directory) = vault().await;
    let (address, home) = (
        format!("http://{}/", keeper.address),
        directory.path().to_str().unwrap(),
    );
    let variables = [
        ("VAULT_ADDR", address.as_str()),
        ("HOME", home),
        ("VAULT_NAMESPACE", "team/a"),
    ];
    let settings = settings(directory.path(), &variables);
    let without = one(settings.clone(), "vault://kv/ours#password").await;
    assert_refused(&without, Kind::Unconfigured, "no token");
    fs::write(directory.path().join(".vault-token"), "hvs.other\n").unwrap();
    let other = one(settings.clone(), "vault://kv/ours#password").await;
    assert_refused(&other, Kind::Denied, "Vault refuses it");
    fs::write(directory.path().join(".vault-token"), format!("{TOKEN}\n")).unwrap();
    assert_eq!(
        one(settings, "vault://kv/ours#password").await.unwrap(),
        "team/a"
    );
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_authorities_vouch_for() {
    let (tls, _kept, authority) = certificate();
    let keeper = Keeper::start(Some(tls), answer).await;
    let directory = tempfile::tempdir().unwrap();
    let address = format!("https://{}", keeper.address);
    let with = |authority: &str| {
        let variables = [
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_TOKEN", TOKEN),
            ("VAULT_CACERT", authority),
        ];
        Settings {
            timeout: Duration::from_secs(5),
            ..settings(directory.path(), &variables)
        }
    };
    let reference = "vault://kv/app#password";
    assert_eq!(
        one(with(authority.to_str().unwrap()), reference)
            .await
            .unwrap(),
        "second"
    );
    let stranger = one(with(""), reference).await;
    assert_refused(&stranger, Kind::Unreachable, "certificate");
    let none = one(with("/no/such/file.pem"), reference).await;
    assert_refused(&none, Kind::Unconfigured, "/no/such/file.pem");
}

#[tokio::test]
async fn servers_that_are_slow_or_break_off_do_not_hold_us() {
    let directory = tempfile::tempdir().unwrap();
    let soon = |address| Settings {
        timeout: Duration::from_millis(500),
        ..at(directory.path(), &format!("http://{address}"))
    };
    let reference = "vault://kv/app#password";
    let (silent, _serving) = raw(None).await;
    let mut answers = ask(&Providers::new(soon(silent)), &[reference, "env://PATH"]).await;
    assert_refused(
        &answers.remove(reference).unwrap(),
        Kind::TimedOut,
        "within 0.5 s",
    );
    assert!(
        answers["env://PATH"].is_ok(),
        "one that is slow does not spoil the others"
    );
    let (broken, _serving) = raw(Some(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"data\":",
    ))
    .await;
    assert_refused(
        &one(soon(broken), reference).await,
        Kind::Unreachable,
        "127.0.0.1",
    );
    let (other, _serving) = raw(Some(b"SSH-2.0-OpenSSH_9.6\r\n")).await;
    assert_refused(
        &one(soon(other), reference).await,
        Kind::Unreachable,
        "127.0.0.1",
    );
}

#[tokio::test]
async fn who_is_not_asked_with_an_address_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    for address in [
        "vault.example.com:8200",
        "ftp://vault",
        "https://user:hunter2@vault",
        "::",
    ] {
        let answer = one(at(directory.path(), address), "vault://kv/app#password").await;
        assert_refused(&answer, Kind::Unconfigured, "VAULT_ADDR is no address");
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_hundred_are_asked_eight_at_a_time() {
    let (keeper, settings, _directory) = vault().await;
    let references: Vec<String> = (0..104)
        .map(|number| format!("vault://kv/together/{number}#password"))
        .collect();
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let answers = ask(&Providers::new(settings), &references).await;
    for number in 0..104 {
        let value = &answers[&format!("vault://kv/together/{number}#password")];
        assert_eq!(
            value.as_deref().unwrap(),
            format!("kv/data/together/{number}")
        );
    }
    assert_eq!(keeper.gate.most.load(Ordering::SeqCst), 8);
    assert_eq!(keeper.times("/v1/kv/data/together/"), 104);
    assert_eq!(keeper.times("/v1/sys/"), 1);
}
