//! Instants and lengths of time as the page says them: as exact as people need at a glance, and exactly on demand.

use std::time::Duration;

use serde::Serialize;
use towpath_core::{Time, time::human};

/// An instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct When {
    /// For machines, and for who asks for it.
    pub(super) exact: String,
    /// At a glance.
    pub(super) text: String,
}

/// `4 min ago`.
pub(super) fn ago(at: Time, now: Time) -> When {
    let span = now.since(at);
    When {
        exact: exact(at),
        text: match span.as_secs() {
            0..2 => "just now".into(),
            _ => format!("{} ago", rough(span)),
        },
    }
}

/// `4 min`: how long it still is.
pub(super) fn left(until: Time, now: Time) -> When {
    When {
        exact: exact(until),
        text: rough(until.since(now)),
    }
}

/// RFC 3339, in UTC.
pub(super) fn exact(at: Time) -> String {
    at.to_string()
}

/// `2m 5s`.
pub(super) fn took(ms: u64) -> String {
    human(Duration::from_millis(ms))
}

fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The first line of a text, with a mark if it goes on.
pub(super) fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().trim_end();
    match lines.next() {
        Some(_) => format!("{} …", first.trim_end_matches(':')),
        None => first.to_owned(),
    }
}

/// The first ten digits of a commit.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_said_at_a_glance() {
        let now = Time(1_000_000_000_000);
        let said = |seconds: u64| ago(now.minus(Duration::from_secs(seconds)), now).text;
        assert_eq!(
            [0, 3, 61, 3599, 7201, 86_400, 200_000].map(said),
            [
                "just now",
                "3 s ago",
                "1 min ago",
                "59 min ago",
                "2 h ago",
                "24 h ago",
                "2 days ago"
            ]
        );
        // A clock that jumped back.
        assert_eq!(ago(Time(now.0 + 5000), now).text, "just now");
        assert_eq!(left(now, Time(now.0 + 5000)).text, "0 s");
    }

    #[test]
    fn only_the_first_line_is_shown() {
        assert_eq!(first_line("one"), "one");
        assert_eq!(first_line("it failed:\n  because"), "it failed …");
        assert_eq!(first_line(""), "");
    }
}
