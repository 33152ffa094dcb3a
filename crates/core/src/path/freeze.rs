//! Whether a freeze holds at an instant, and until when, in the zone it is written in.

use jiff::{
    Timestamp, ToSpan,
    civil::{DateTime, Weekday},
    tz::TimeZone,
};

use crate::{
    Time,
    manifest::{Freeze, FreezeWindow},
};

/// When the freeze that holds at `now` ends; `None` when it does not hold.
///
/// Civil times are read in the freeze's zone, so that a window stays at its wall-clock time when the clocks change.
pub fn frozen_until(freeze: &Freeze, now: Time) -> Option<Time> {
    // A valid manifest names known zones; an unknown one is read as UTC rather than forgotten.
    let zone = TimeZone::get(&freeze.zone).unwrap_or(TimeZone::UTC);
    let now = now.timestamp();
    match &freeze.window {
        FreezeWindow::Once { from, until } => within(*from, *until, &zone, now),
        FreezeWindow::Weekly {
            from_day,
            from,
            until_day,
            until,
        } => {
            let today = now.to_zoned(zone.clone()).date();
            let from_day = Weekday::from_monday_one_offset(*from_day).ok()?;
            let until_day = Weekday::from_monday_one_offset(*until_day).ok()?;
            let days = i64::from(from_day.until(until_day));
            // A window of this week or one begun last week may hold now.
            let back = i64::from(from_day.until(today.weekday()));
            [back, back + 7].into_iter().find_map(|back| {
                let start = today.checked_sub(back.days()).ok()?;
                let begin = start.to_datetime(*from);
                let days = if days == 0 && until <= from { 7 } else { days };
                let end = start.checked_add(days.days()).ok()?.to_datetime(*until);
                within(begin, end, &zone, now)
            })
        }
    }
}

fn within(from: DateTime, until: DateTime, zone: &TimeZone, now: Timestamp) -> Option<Time> {
    let from = zone.to_timestamp(from).ok()?;
    let until = zone.to_timestamp(until).ok()?;
    (from <= now && now < until).then(|| Time(until.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn weekend() -> Freeze {
        Freeze {
            name: "weekend".into(),
            reason: None,
            environments: vec![],
            zone: "Europe/Berlin".into(),
            window: FreezeWindow::Weekly {
                from_day: 5,
                from: "16:00".parse().unwrap(),
                until_day: 1,
                until: "08:00".parse().unwrap(),
            },
        }
    }

    #[test]
    fn a_weekly_window_spans_the_weekend() {
        // Friday 2026-11-20 16:00 in Berlin is 15:00 UTC.
        assert_eq!(frozen_until(&weekend(), at("2026-11-20T14:59:59Z")), None);
        let monday = Some(at("2026-11-23T07:00:00Z"));
        assert_eq!(frozen_until(&weekend(), at("2026-11-20T15:00:00Z")), monday);
        assert_eq!(frozen_until(&weekend(), at("2026-11-22T12:00:00Z")), monday);
        assert_eq!(frozen_until(&weekend(), at("2026-11-23T06:59:59Z")), monday);
        assert_eq!(frozen_until(&weekend(), at("2026-11-23T07:00:00Z")), None);
    }

    #[test]
    fn a_window_keeps_its_wall_clock_time_when_the_clocks_change() {
        // Berlin leaves summer time on Sunday 2026-10-25: the window begins at UTC+2 and ends at UTC+1.
        assert_eq!(frozen_until(&weekend(), at("2026-10-23T13:59:59Z")), None);
        assert_eq!(
            frozen_until(&weekend(), at("2026-10-23T14:00:00Z")),
            Some(at("2026-10-26T07:00:00Z"))
        );
    }

    #[test]
    fn a_window_from_and_to_the_same_moment_of_the_week_holds_always() {
        let mut freeze = weekend();
        freeze.window = FreezeWindow::Weekly {
            from_day: 3,
            from: "00:00".parse().unwrap(),
            until_day: 3,
            until: "00:00".parse().unwrap(),
        };
        assert!(frozen_until(&freeze, at("2026-11-20T14:59:59Z")).is_some());
    }

    #[test]
    fn a_single_window() {
        let mut freeze = weekend();
        freeze.window = FreezeWindow::Once {
            from: "2026-12-20T00:00".parse().unwrap(),
            until: "2027-01-03T00:00".parse().unwrap(),
        };
        assert_eq!(frozen_until(&freeze, at("2026-12-19T22:59:59Z")), None);
        assert_eq!(
            frozen_until(&freeze, at("2026-12-25T00:00:00Z")),
            Some(at("2027-01-02T23:00:00Z"))
        );
    }
}
