//! The clock: the one place where the application reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

use towpath_core::Time;

/// The instant.
pub fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The day, in UTC: acceptances end with one wherever somebody asks.
pub fn today() -> jiff::civil::Date {
    now().day()
}
