//! Instants and durations as the journal keeps them: whole milliseconds. The clock itself is elsewhere.

use std::{fmt, ops::Add, time::Duration};

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since the Unix epoch, in UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// The instant `span` before this one.
    #[must_use]
    pub fn minus(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(millis(span)))
    }

    /// How long ago `earlier` was; zero when it lies ahead (clocks jump).
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant in the calendar's terms.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The day in UTC.
    pub fn day(self) -> jiff::civil::Date {
        self.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date()
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(millis(span)))
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a duration as people write it in the manifest: `20s`, `10m`, `1h 30m`, `250ms`, `7d`.
///
/// A day is 24 hours and a week seven days; months and years have no fixed length and are refused.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: jiff::Span = text.parse().map_err(|_| bad_duration(text))?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| bad_duration(text))
}

fn bad_duration(text: &str) -> String {
    format!("{text:?} is not a duration: write it like \"250ms\", \"20s\", \"10m\" or \"1h 30m\"")
}

/// Writes a duration for people: `250ms`, `3.2s`, `4m 10s`, `2h 5m`, `3d 4h`.
pub fn human(span: Duration) -> String {
    let ms = span.as_millis();
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{ms}ms"),
        1..=59 if ms % 1000 >= 50 => format!("{:.1}s", span.as_secs_f64()),
        1..=59 => format!("{seconds}s"),
        60..=3599 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..=86_399 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn two(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit} {small}{small_unit}"),
    }
}

/// Durations as whole milliseconds in JSON, for `#[serde(with = "...")]`.
pub mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the duration as a number of milliseconds.
    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads a number of milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in [
            "",
            "10",
            "-3s",
            "soon",
            "1y",
            "2mo",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_written_for_people() {
        let shown = [
            0,
            250,
            1_000,
            3_210,
            59_990,
            250_000,
            7_500_000,
            273_600_000,
        ]
        .map(|ms| human(Duration::from_millis(ms)));
        assert_eq!(
            shown,
            [
                "0ms", "250ms", "1s", "3.2s", "60.0s", "4m 10s", "2h 5m", "3d 4h"
            ]
        );
    }

    #[test]
    fn a_clock_that_jumps_back_never_makes_a_negative_age() {
        assert_eq!(Time(5).since(Time(10)), Duration::ZERO);
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00Z");
    }
}
