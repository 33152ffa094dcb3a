//! What listens on TCP: it only shows, only by its own names, and says so.

use tokio::io::AsyncWriteExt;
use towpath::engine::Ask;

use super::rig::{PLAIN, World, by_hand, dana, say};

#[tokio::test]
async fn it_shows_where_releases_are() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    server.end_of(number).await;
    for path in [
        "/",
        "/?fragment=1",
        "/?environment=stg",
        "/?before=d1",
        "/deployments/d1",
        "/deployments/d1?fragment=1",
        "/mark.svg",
        "/api/v1/status",
        "/api/v1/deployments",
        "/api/v1/deployments/d1",
        "/api/v1/releases",
        "/api/v1/releases/v1",
        "/api/v1/health",
        "/style.css",
        "/live.js",
    ] {
        let answer = server.see(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let health = server.see("/api/v1/health").await.json();
    assert_eq!(
        (&health["ok"], &health["trouble"]),
        (&true.into(), &().into())
    );
    server.stop().await;
}

#[tokio::test]
async fn it_does_nothing_for_anybody() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let body =
        r#"{"actor":"dana@acme.test","ask":{"ask":"hold","environment":"staging","reason":"x"}}"#;
    let length = body.len();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"] {
        for path in ["/api/v1/asks", "/api/v1/status", "/", "/nothing"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let answer = say(server.tcp().await, request.as_bytes()).await;
            assert_eq!(
                answer.error(),
                (403, "api::read-only".into()),
                "{method} {path}"
            );
        }
    }
    for path in [
        "/api/v1/asks",
        "/api/v1/plan?environment=staging&actor=a@b",
        "/api/v1/observed",
        "/api/v1/journal",
        "/api/v1/journal/verification",
        "/api/v1/deployments/d1/outputs",
        "/api/v1/deployments/d1/output",
        "/api/v1/environments/staging/output",
    ] {
        let answer = server.see(path).await;
        assert_eq!(answer.error(), (403, "api::socket-only".into()), "{path}");
    }
    assert!(
        server.client.status().await.unwrap().environments[0]
            .hold
            .is_none()
    );
    server.stop().await;
}

#[tokio::test]
async fn a_name_that_somebody_made_point_here_is_turned_away() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let port = server.address.port();
    let ask = async |host: &str| {
        let request = format!("GET /api/v1/status HTTP/1.1\r\n{host}\r\n");
        say(server.tcp().await, request.as_bytes()).await
    };
    for host in [
        format!("host: localhost:{port}\r\n"),
        format!("host: 127.0.0.1:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
    ] {
        assert_eq!(ask(&host).await.status, 200, "{host}");
    }
    for host in [
        format!("host: evil.test:{port}\r\n"),
        "host: localhost.evil.test\r\n".into(),
        "host: 10.0.0.1\r\n".into(),
        "host: \r\n".into(),
        String::new(),
    ] {
        assert_eq!(
            ask(&host).await.error(),
            (421, "api::host".into()),
            "{host}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_head_is_as_good_as_a_get() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let request = b"HEAD /api/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let answer = say(server.tcp().await, request).await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    server.stop().await;
}

#[tokio::test]
async fn what_people_wrote_is_text_on_the_page() {
    let world = World::new(PLAIN);
    let hostile = r#"<script>alert(1)</script> <img src=x onerror=alert(2)> "'>&amp;{{ 7*7 }}"#;
    world.commit(hostile);
    let server = world.serve().await;
    let number = server.deploy("staging").await;
    server.end_of(number).await;
    for ask in [
        Ask::Hold {
            environment: "staging".into(),
            reason: hostile.into(),
        },
        Ask::Lock {
            environment: "staging".into(),
            reason: hostile.into(),
            lasting: std::time::Duration::from_secs(60),
        },
    ] {
        server.client.ask(&dana(), None, &ask).await.unwrap();
    }
    for path in ["/", "/?fragment=1", "/deployments/d1"] {
        let page = server.see(path).await.body;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(page.contains("{{ 7*7 }}"), "{page}");
        for never in ["<script>alert", "<img src=x", "onerror=alert(2)>", "\"'>"] {
            assert!(!page.contains(never), "{never} in {page}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_on_a_page_of_its_own() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    for (path, status, words) in [
        ("/deployments/d9", 404, "there is no deployment d9"),
        ("/deployments/%3Cb%3E", 400, "&lt;b&gt;"),
        ("/?environment=moon", 404, "there are staging, production"),
        ("/?before=yesterday", 400, "yesterday"),
        ("/?colour=red", 400, "colour"),
    ] {
        let answer = server.see(path).await;
        assert_eq!(answer.status, status, "{path}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"), "{path}");
        assert!(answer.body.contains(words), "{path}: {}", answer.body);
        assert!(!answer.body.contains("<b>"), "{path}: {}", answer.body);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_history_has_pages() {
    let world = World::new(&by_hand());
    let server = world.serve().await;
    for _ in 0..22 {
        let number = server.deploy("staging").await;
        server.end_of(number).await;
        world.commit("more");
    }
    let newest = server.see("/?environment=stg").await.body;
    assert!(newest.contains(">d22</a>") && !newest.contains(">d2</a>"));
    assert!(newest.contains("environment=staging&amp;before=d3#history"));
    let older = server.see("/?environment=stg&before=d3").await.body;
    assert!(older.contains(">d2</a>") && older.contains(">d1</a>"));
    assert!(!older.contains("&amp;before="));
    server.stop().await;
}

#[tokio::test]
async fn many_who_say_nothing_keep_nobody_out() {
    let world = World::new(PLAIN);
    let server = world.serve().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut stream = server.tcp().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        silent.push(stream);
    }
    assert_eq!(server.see("/api/v1/status").await.status, 200);
    // And they do not keep the server from ending either.
    server.stop().await;
}
