//! What every kind says of servers that are not there, and of subjects that say too little.

use std::time::Duration;

use tokio::net::TcpListener;
use towpath_probe::{Health, KINDS, Kind, Settings, Subject};

use crate::rig::{ask, ask_with, assert_found, free_port, subject};

/// A subject of each kind that is asked at a server.
fn subjects(server: &str) -> Vec<Subject> {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
        ("API_KEY", "open-sesame"),
    ];
    let asked = KINDS.iter().filter_map(|known| {
        let scheme = match known.kind {
            Kind::Sqlite => return None,
            Kind::Docker => "tcp",
            Kind::Mysql => "mysql",
            Kind::Postgres => "postgres",
            Kind::Smtp => "smtp",
            _ => "http",
        };
        let endpoint = format!("{scheme}://{server}");
        Some(subject(known.name, "4711", &endpoint, &keys))
    });
    asked.collect()
}

#[tokio::test]
async fn nobody_there_is_red() {
    let at = format!("127.0.0.1:{}", free_port());
    let reason = format!("{at} refuses the connection: nothing listens there");
    for subject in subjects(&at) {
        assert_found(&ask(&subject).await, Health::Red, &reason);
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_red() {
    // RFC 6761 §6.4: `invalid` has no names.
    let reason = "there is no host named towpath.invalid";
    for subject in subjects("towpath.invalid:4711") {
        assert_found(&ask(&subject).await, Health::Red, reason);
    }
}

#[tokio::test]
async fn somebody_who_says_nothing_is_red() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let settings = Settings {
        timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let reason = format!("{at} did not answer within 0.1 seconds");
    for subject in subjects(&at) {
        let finding = ask_with(settings.clone(), &subject).await;
        assert_found(&finding, Health::Red, &reason);
    }
}

#[tokio::test]
async fn somebody_who_hangs_up_is_red() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let hanging_up = tokio::spawn(async move {
        loop {
            drop(listener.accept().await);
        }
    });
    for subject in subjects(&at) {
        let finding = ask(&subject).await;
        assert_eq!(finding.health, Health::Red, "{subject:?}: {finding:?}");
        assert!(finding.reason.contains(&at), "{finding:?}");
    }
    hanging_up.abort();
}

#[tokio::test]
async fn who_says_too_little_is_told_what_to_write() {
    // A Docker engine has a place of its own on every machine.
    for known in KINDS.iter().filter(|known| known.kind != Kind::Docker) {
        let kind = Some(known.name.to_uppercase());
        let subject = Subject {
            kind,
            ..Subject::default()
        };
        let finding = ask(&subject).await;
        assert_eq!(finding.health, Health::Unknown, "{finding:?}");
        let way = ["write ", "set "]
            .iter()
            .any(|way| finding.reason.contains(way));
        assert!(way, "{finding:?}");
    }
}
