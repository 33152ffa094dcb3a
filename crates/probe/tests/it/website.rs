//! Pages, over HTTPS with certificates of every age, and servers that are not there.

use std::{env, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    task::JoinSet,
};
use towpath_probe::{Finding, Health, Settings, Subject};

use crate::{
    certificates::{Authority, told},
    rig::{ask, ask_with, assert_found},
    web::{Asked, Web, answer},
};

fn page(link: impl Into<String>) -> Subject {
    Subject {
        link: Some(link.into()),
        ..Subject::default()
    }
}

/// What is found of a page whose certificate is for this name and ends in so many days.
async fn certified(name: &str, days: i64) -> (Finding, String) {
    let authority = Authority::new();
    let web = Web::start_tls(authority.tls(&[name], days), |_| answer(200, "hello")).await;
    let finding = ask_with(authority.settings(), &page(web.url("/"))).await;
    (finding, web.at())
}

#[tokio::test]
async fn a_certificate_of_ninety_days_is_green() {
    let (finding, at) = certified("127.0.0.1", 90).await;
    assert_found(&finding, Health::Green, &format!("{at} answers 200 (OK)"));
    assert_eq!(finding.facts["expires"], told(90));
    assert_eq!(finding.facts["status"], "200");
}

#[tokio::test]
async fn a_certificate_of_five_days_is_amber() {
    let (finding, at) = certified("127.0.0.1", 5).await;
    let reason = format!(
        "{at} answers 200 (OK), but its certificate expires on {}, in 4 days",
        told(5)
    );
    assert_found(&finding, Health::Amber, &reason);
}

#[tokio::test]
async fn an_expired_certificate_is_red() {
    let (finding, at) = certified("127.0.0.1", -1).await;
    let reason = format!("the certificate of {at} expired on {}", told(-1));
    assert_found(&finding, Health::Red, &reason);
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_red() {
    let (finding, at) = certified("other.example.test", 90).await;
    let reason = format!("the certificate of {at} is not to be trusted: it is not for 127.0.0.1");
    assert_found(&finding, Health::Red, &reason);
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_red() {
    let (authority, other) = (Authority::new(), Authority::new());
    let web = Web::start_tls(authority.tls(&["127.0.0.1"], 90), |_| answer(200, "")).await;
    let finding = ask_with(other.settings(), &page(web.url("/"))).await;
    let reason = "is not to be trusted: nobody who is trusted here has signed it";
    assert_found(
        &finding,
        Health::Red,
        &format!("the certificate of {} {reason}", web.at()),
    );
}

#[tokio::test]
async fn the_clock_that_we_are_told_decides() {
    let authority = Authority::new();
    let web = Web::start_tls(authority.tls(&["127.0.0.1"], 90), |_| answer(200, "")).await;
    let settings = Settings {
        now: || jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 100),
        ..authority.settings()
    };
    let finding = ask_with(settings, &page(web.url("/"))).await;
    let reason = format!("the certificate of {} expired on {}", web.at(), told(90));
    assert_found(&finding, Health::Red, &reason);
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let web =
        Web::start(|asked: &Asked| answer(asked.path.trim_start_matches('/').parse().unwrap(), ""))
            .await;
    let at = web.at();
    for (status, health, reason) in [
        (204, Health::Green, format!("{at} answers 204 (No Content)")),
        (
            304,
            Health::Green,
            format!("{at} answers 304 (Not Modified)"),
        ),
        (401, Health::Green, format!("{at} asks for a login")),
        (403, Health::Green, format!("{at} asks for a login")),
        (
            404,
            Health::Red,
            format!("there is no such page: {at} answers 404 (Not Found)"),
        ),
        (
            410,
            Health::Red,
            format!("there is no such page: {at} answers 410 (Gone)"),
        ),
        (
            429,
            Health::Amber,
            format!("{at} answers 429 (Too Many Requests)"),
        ),
        (
            503,
            Health::Red,
            format!("{at} is in trouble and answers 503 (Service Unavailable)"),
        ),
    ] {
        let finding = ask(&page(web.url(&format!("/{status}")))).await;
        assert_found(&finding, health, &reason);
    }
}

#[tokio::test]
async fn a_page_may_send_us_on_but_not_for_ever() {
    let web = Web::start(|asked: &Asked| match asked.path.as_str() {
        "/old" => answer(302, "").with("location", "/new?session=1"),
        "/new" => answer(200, ""),
        "/mail" => answer(302, "").with("location", "mailto:me@example.test"),
        _ => answer(307, "").with("location", "/again"),
    })
    .await;
    let finding = ask(&page(web.url("/old"))).await;
    assert_found(
        &finding,
        Health::Green,
        &format!("{} answers 200 (OK)", web.at()),
    );
    assert_eq!(finding.facts["sent-to"], web.url("/new"));
    let finding = ask(&page(web.url("/again"))).await;
    let reason = format!(
        "{} sends us on and on; 5 times are enough",
        web.url("/again")
    );
    assert_found(&finding, Health::Red, &reason);
    let finding = ask(&page(web.url("/mail"))).await;
    assert_eq!(finding.health, Health::Amber);
}

#[tokio::test]
async fn somebody_who_says_nothing_is_red() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let settings = Settings {
        timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    for scheme in ["http", "https"] {
        let finding = ask_with(settings.clone(), &page(format!("{scheme}://{at}/"))).await;
        let reason = format!("{at} did not answer within 0.1 seconds");
        assert_found(&finding, Health::Red, &reason);
    }
}

#[tokio::test]
async fn what_speaks_no_tls_is_red() {
    let web = Web::start(|_| answer(200, "")).await;
    let finding = ask(&page(format!("https://{}/", web.at()))).await;
    assert_eq!(finding.health, Health::Red);
    let reason = format!("{} does not speak TLS as it should: ", web.at());
    assert!(finding.reason.starts_with(&reason), "{finding:?}");
}

#[tokio::test]
async fn an_unknown_kind_is_asked_by_its_link() {
    let web = Web::start(|_| answer(200, "")).await;
    let mut subject = page(web.url("/"));
    subject.kind = Some("vercel".into());
    assert_eq!(ask(&subject).await.health, Health::Green);
    subject.link = None;
    let finding = ask(&subject).await;
    assert_eq!(finding.health, Health::Unknown);
    assert!(finding.reason.contains("`vercel`"), "{finding:?}");
    let finding = ask(&Subject::default()).await;
    let reason = "it has neither a kind nor a link; write one of them";
    assert_found(&finding, Health::Unknown, reason);
}

#[tokio::test]
async fn a_page_that_goes_on_for_ever_is_green() {
    let (at, _serving) = endless("text/event-stream").await;
    let finding = ask(&page(format!("http://{at}/"))).await;
    assert_found(&finding, Health::Green, &format!("{at} answers 200 (OK)"));
}

#[tokio::test]
async fn a_document_that_goes_on_for_ever_is_read_to_a_limit() {
    let (at, _serving) = endless("application/json").await;
    let mut subject = page("");
    subject.kind = Some("oidc".into());
    subject.endpoint = Some(format!("http://{at}"));
    let reason = format!("{at} answers with something that is no discovery document");
    assert_found(&ask(&subject).await, Health::Red, &reason);
}

/// A server that answers with a body without an end.
async fn endless(kind: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert_ne!(stream.read(&mut request).await.unwrap(), 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    });
    (at, serving)
}

/// Tells the test below, run again by itself, what to look at.
const LINK: &str = "TOWPATH_TEST_LINK";

/// The variable is read once for a whole process, so this needs one of its own.
#[tokio::test]
async fn the_authorities_are_those_that_ssl_cert_file_names() {
    if let Ok(link) = env::var(LINK) {
        let finding = ask(&page(link)).await;
        assert_eq!(finding.health, Health::Green, "{finding:?}");
        return;
    }
    let authority = Authority::new();
    let web = Web::start_tls(authority.tls(&["127.0.0.1"], 90), |_| answer(200, "")).await;
    let own = "website::the_authorities_are_those_that_ssl_cert_file_names";
    for (file, good) in [(authority.file(), true), (Authority::new().file(), false)] {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", own])
            .env(LINK, web.url("/"))
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .output();
        let output = child.await.unwrap();
        assert_eq!(output.status.success(), good, "{output:?}");
    }
}
