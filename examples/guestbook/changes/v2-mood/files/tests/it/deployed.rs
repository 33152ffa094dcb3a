//! What must hold of a deployed instance. It is signed in the course of it, so it is run before production, not there.

use std::{env, process, time::SystemTime};

use crate::{client, instance::Instance};

/// The instance that the test is about.
struct Subject {
    url: String,
    _own: Option<Instance>,
}

/// The deployed instance, or where none is named one of our own.
fn subject(test: &str) -> Subject {
    match env::var("TOWPATH_URL") {
        Ok(url) => Subject { url, _own: None },
        Err(_) => {
            let own = Instance::start(test);
            Subject {
                url: own.url.clone(),
                _own: Some(own),
            }
        }
    }
}

/// A name that no test before has signed with.
fn fresh_name() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    format!("Test {}-{}", process::id(), since.as_nanos())
}

#[test]
fn it_is_healthy() {
    let subject = subject("healthy");
    let answer = client::get(&subject.url, "/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[test]
fn it_is_the_release_under_test() {
    let subject = subject("release");
    let page = client::get(&subject.url, "/");
    assert_eq!(page.status, 200);
    match (env::var("TOWPATH_URL"), env::var("TOWPATH_RELEASE")) {
        (Ok(_), Ok(release)) => {
            let shown = format!("release <b>{release}</b>");
            assert!(page.body.contains(&shown), "{release} is not what answers");
        }
        _ => assert!(page.body.contains("<footer>")),
    }
}

#[test]
fn a_signature_can_be_read_back_and_is_escaped() {
    let subject = subject("signature");
    let name = fresh_name();
    let message = "<script>alert(\"hello\")</script> & a\nsecond line";
    let fields = [("name", name.as_str()), ("message", message)];
    let answer = client::post(&subject.url, "/entries", &fields);
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/"));

    let page = client::get(&subject.url, "/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&name));
    assert!(!page.body.contains("<script>"));
    let escaped = "&lt;script&gt;alert(&quot;hello&quot;)&lt;/script&gt; &amp; a\nsecond line";
    assert!(page.body.contains(escaped));

    let json = client::get(&subject.url, "/api/entries");
    assert_eq!(json.header("content-type"), Some("application/json"));
    let expected = format!(
        r#""name":"{name}","message":"<script>alert(\"hello\")</script> & a\nsecond line""#
    );
    assert!(json.body.contains(&expected), "{}", json.body);

    let feed = client::get(&subject.url, "/feed.xml");
    assert_eq!(feed.status, 200);
    assert!(feed.body.contains(&format!("<name>{name}</name>")));
    assert!(feed.body.contains(escaped));
}

#[test]
fn a_mood_is_shown_and_nobody_has_to_say() {
    let subject = subject("mood");
    for (mood, shown) in [
        ("merry", "\"mood\":\"merry\""),
        ("", "\"mood\":null"),
        ("furious", "\"mood\":null"),
    ] {
        let name = fresh_name();
        let fields = [
            ("name", name.as_str()),
            ("message", "hello"),
            ("mood", mood),
        ];
        let answer = client::post(&subject.url, "/entries", &fields);
        assert_eq!(answer.status, 303);
        let json = client::get(&subject.url, "/api/entries").body;
        let expected = format!(r#""name":"{name}","message":"hello",{shown}"#);
        assert!(json.contains(&expected), "{json}");
    }
    let page = client::get(&subject.url, "/").body;
    assert!(page.contains("<span class=\"mood merry\">merry</span>"));
}

#[test]
fn a_bad_draft_is_not_signed_and_not_lost() {
    let subject = subject("draft");
    let name = fresh_name();
    let long = "x".repeat(501);
    for message in ["", " \r\n ", &long] {
        let fields = [("name", name.as_str()), ("message", message)];
        let answer = client::post(&subject.url, "/entries", &fields);
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(&format!("value=\"{name}\"")));
        assert!(answer.body.contains("id=\"message-complaint\""));
    }
    let page = client::get(&subject.url, "/");
    assert!(!page.body.contains(&name));
}

#[test]
fn what_is_not_there_is_said_so() {
    let subject = subject("missing");
    let answer = client::get(&subject.url, "/no-such-page");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("No such mooring"));
    assert_eq!(client::get(&subject.url, "/entries").status, 405);
}

#[test]
fn the_page_finds_its_style() {
    let subject = subject("style");
    let page = client::get(&subject.url, "/").body;
    let (_, rest) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let (path, _) = rest.split_once('"').unwrap();
    let style = client::get(&subject.url, path);
    assert_eq!(style.status, 200);
    let media_type = style.header("content-type");
    assert_eq!(media_type, Some("text/css; charset=utf-8"));
}
