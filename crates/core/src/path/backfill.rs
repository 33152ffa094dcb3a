//! How far a migration has come that is run over ranges of a key, as the journal is told now and then.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{names::DatabaseName, time::human};

/// How far a backfill has come. What counts for going on is in the database, with each range; this is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The database.
    pub database: DatabaseName,
    /// The migration, by its version and name.
    pub migration: String,
    /// How many rows it has been over.
    pub rows: u64,
    /// How many rows there were when it began.
    pub total: u64,
    /// How many were changed.
    pub changed: u64,
    /// How long it takes from here as fast as it was, in milliseconds; where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    /// Why it rests, and what lets it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

impl Backfill {
    /// How much of it is done, in percent. Rows that came since may make it more than there were.
    pub fn percent(&self) -> u64 {
        match self.total {
            0 => 100,
            total => (self.rows.saturating_mul(100) / total).min(100),
        }
    }
}

impl fmt::Display for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (migration, rows, total) = (&self.migration, self.rows, self.total);
        write!(
            f,
            "{migration}: {rows} of {total} rows ({} %)",
            self.percent()
        )?;
        match (&self.paused, self.left_ms) {
            (Some(why), _) => write!(f, ", paused: {why}"),
            (None, Some(ms)) => write!(f, ", {} left", human(Duration::from_millis(ms))),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_far_it_is() {
        let mut backfill = Backfill {
            database: "main".parse().unwrap(),
            migration: "7 (tones)".into(),
            rows: 299,
            total: 1000,
            changed: 40,
            left_ms: None,
            paused: None,
        };
        assert_eq!(backfill.to_string(), "7 (tones): 299 of 1000 rows (29 %)");
        backfill.left_ms = Some(90_000);
        assert_eq!(
            backfill.to_string(),
            "7 (tones): 299 of 1000 rows (29 %), 1m 30s left"
        );
        backfill.paused = Some("held".into());
        backfill.rows = u64::MAX;
        let told = backfill.to_string();
        assert!(told.ends_with("rows (100 %), paused: held"), "{told}");
        backfill.total = 0;
        assert_eq!(backfill.percent(), 100);
    }
}
