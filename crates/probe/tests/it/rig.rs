//! What the tests share: asking, and what must hold of every answer.

use std::time::Duration;

use towpath_probe::{Finding, Health, Prober, Settings, Subject};

pub use crate::server::{Server, free_port, missing, packages, program};

/// Asks with these settings, and checks what must hold of every answer.
pub async fn ask_with(settings: Settings, subject: &Subject) -> Finding {
    let timeout = settings.timeout;
    let finding = Prober::new(settings).unwrap().probe(subject).await;
    assert!(
        finding.took < timeout + Duration::from_secs(5),
        "{finding:?}"
    );
    assert!(!finding.reason.is_empty() && !finding.reason.contains('\n'));
    finding
}

pub async fn ask(subject: &Subject) -> Finding {
    ask_with(Settings::default(), subject).await
}

/// Asserts a finding's health and the words of its reason.
#[track_caller]
pub fn assert_found(finding: &Finding, health: Health, reason: &str) {
    assert_eq!((finding.health, finding.reason.as_str()), (health, reason));
}

/// A subject of a kind with an id and an endpoint, and credentials.
pub fn subject(kind: &str, id: &str, endpoint: &str, credentials: &[(&str, &str)]) -> Subject {
    let credentials = credentials.iter();
    Subject {
        kind: Some(kind.into()),
        id: Some(id.into()),
        link: None,
        endpoint: Some(endpoint.into()),
        credentials: credentials
            .map(|&(key, value)| (key.to_owned(), value.into()))
            .collect(),
    }
}

/// Whether we are root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
