//! A backfill: a migration that is run over ranges of a key, each range in a transaction of its own. What a file declares
//! of it, and how far one has come.

use std::time::Duration;

use serde::Serialize;
use tokio::{sync::watch, time::timeout};

/// How a migration is to be cut into ranges: `batch = 1000, pause = 50ms` beside its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Batches {
    /// How many rows of the table one range has.
    pub rows: u32,
    /// How long it rests between two.
    pub pause: Duration,
}

impl Batches {
    /// The most rows that a range may have.
    pub const MOST: u32 = 100_000;

    /// The rest between two ranges, unless the file says another: long enough for others that wait for the one right to
    /// write that SQLite has.
    pub const PAUSE: Duration = Duration::from_millis(10);

    /// The longest rest.
    pub const LONGEST: Duration = Duration::from_hours(1);

    /// `batch`: a whole number.
    pub(crate) fn rows_of(value: &str) -> Option<u32> {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let rows = digits.then(|| value.parse().ok()).flatten()?;
        (1..=Batches::MOST).contains(&rows).then_some(rows)
    }

    /// `pause`: a whole number with its unit, `ms`, `s` or `m`.
    pub(crate) fn pause_of(value: &str) -> Option<Duration> {
        let end = value.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = value.split_at(end);
        let number: u64 = number.parse().ok()?;
        let pause = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            _ => return None,
        };
        (pause <= Batches::LONGEST).then_some(pause)
    }
}

/// How far a backfill has come; kept with its receipt, in the transaction of each range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batched {
    /// The key up to which it is done, as the database writes it; none at the beginning.
    pub after: Option<String>,
    /// The greatest key that there was when it began, where it ends.
    pub end: String,
    /// How many rows the table had then.
    pub total: u64,
    /// How many rows it has been over.
    pub rows: u64,
    /// How many rows were changed, deleted or added.
    pub changed: u64,
}

impl Batched {
    /// As a receipt keeps it: the keys last, because they may hold anything.
    pub(crate) fn to_text(&self) -> String {
        let after = self
            .after
            .as_deref()
            .map_or(String::new(), |after| format!("{}:{after}", after.len()));
        format!(
            "{} {} {} {after}:{}",
            self.total, self.rows, self.changed, self.end
        )
    }

    /// From what a receipt keeps.
    pub(crate) fn of_text(text: &str) -> Option<Batched> {
        let mut parts = text.splitn(4, ' ');
        let mut number = || -> Option<u64> { parts.next()?.parse().ok() };
        let (total, rows, changed) = (number()?, number()?, number()?);
        let (length, rest) = parts.next()?.split_once(':')?;
        let (after, end) = match length {
            "" => (None, rest),
            length => {
                let (after, end) = rest.split_at_checked(length.parse().ok()?)?;
                (Some(after.to_owned()), end.strip_prefix(':')?)
            }
        };
        Some(Batched {
            after,
            end: end.to_owned(),
            total,
            rows,
            changed,
        })
    }
}

/// A person's wish that a backfill stops after the range that it is at. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Pause(watch::Sender<bool>);

impl Pause {
    /// Wishes it.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody did.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Rests, and no longer than until somebody wishes it.
    pub(crate) async fn rest(&self, lasting: Duration) {
        let mut asked = self.0.subscribe();
        // That the time is over is what it rests for; the sender lives as long as this does.
        let _ = timeout(lasting, asked.wait_for(|asked| *asked)).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pause_has_a_unit_and_an_end() {
        let read = Batches::pause_of;
        assert_eq!(read("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(read("0s"), Some(Duration::ZERO));
        assert_eq!(read("60m"), Some(Batches::LONGEST));
        for bad in [
            "",
            "50",
            "ms",
            "50 ms",
            "-1s",
            "1.5s",
            "61m",
            "2h",
            "99999999999999999999s",
            "999999999999999999m",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_batch_is_a_number_of_rows() {
        assert_eq!(Batches::rows_of("1000"), Some(1000));
        for bad in ["", "0", "-1", "+5", "1e3", "1_000", "100001", "99999999999"] {
            assert_eq!(Batches::rows_of(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_again(
            after: Option<String>,
            end: String,
            total: u64,
            rows: u64,
            changed: u64,
        ) {
            let batched = Batched { after, end, total, rows, changed };
            prop_assert_eq!(Batched::of_text(&batched.to_text()), Some(batched));
        }

        #[test]
        fn what_nobody_wrote_is_not_misread(text: String) {
            if let Some(read) = Batched::of_text(&text) {
                prop_assert_eq!(Batched::of_text(&read.to_text()), Some(read));
            }
        }
    }
}
