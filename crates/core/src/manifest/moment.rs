//! Dates, weekly windows and time zones, as freezes write them.

use jiff::{civil, tz::TimeZone};

use super::{
    FreezeWindow, code,
    format::Fault,
    suggest::{nearest, quoted},
};

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Reads a civil date and time; a date alone means its first moment.
pub(super) fn moment(text: &str) -> Result<civil::DateTime, Fault> {
    // jiff also reads an annotation such as `[Asia/Tokyo]` and ignores it; here it would mislead.
    let plain = !text.contains('[');
    text.parse().ok().filter(|_| plain).ok_or_else(|| {
        let message = format!("{} is not a date and time", quoted(text));
        let help =
            "write it like \"2026-12-20T00:00\", as the clock shows it in the freeze's `zone`";
        Fault::new(code::BAD_MOMENT, message, help)
    })
}

/// Reads a civil date.
pub(super) fn date(text: &str) -> Result<civil::Date, Fault> {
    // jiff also reads a date with a time, and ignores it.
    let plain = text.len() == "2026-12-20".len();
    text.parse().ok().filter(|_| plain).ok_or_else(|| {
        let message = format!("{} is not a date", quoted(text));
        let help = "write it like \"2026-12-20\"";
        Fault::new(code::BAD_MOMENT, message, help)
    })
}

/// Reads a weekly window, such as `Fri 16:00 - Mon 08:00`.
pub(super) fn weekly(text: &str) -> Result<FreezeWindow, Fault> {
    let fault = |help: &str| {
        let message = format!("{} is not a weekly window", quoted(text));
        Fault::new(code::BAD_WEEK, message, help)
    };
    let (from_day, from, until_day, until) = text
        .split_once('-')
        .and_then(|(from, until)| Some((day_and_time(from)?, day_and_time(until)?)))
        .map(|((from_day, from), (until_day, until))| (from_day, from, until_day, until))
        .ok_or_else(|| fault("write it like \"Fri 16:00 - Mon 08:00\""))?;
    if (from_day, from) == (until_day, until) {
        return Err(fault("end it at another moment than it starts"));
    }
    Ok(FreezeWindow::Weekly {
        from_day,
        from,
        until_day,
        until,
    })
}

/// Reads `Fri 16:00`: the day by its first three letters or in full.
fn day_and_time(text: &str) -> Option<(i8, civil::Time)> {
    let (day, time) = text.trim().split_once(char::is_whitespace)?;
    let day = day.to_lowercase();
    let index = DAYS
        .iter()
        .position(|name| day == *name || day == name[..3])?;
    let (hour, minute) = time.trim().split_once(':')?;
    let number = |digits: &str| -> Option<i8> {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()
    };
    let time = civil::Time::new(number(hour)?, number(minute)?, 0, 0).ok()?;
    Some((i8::try_from(index + 1).ok()?, time))
}

/// Reads an IANA time zone and gives its name as the database writes it.
pub(super) fn zone(text: &str) -> Result<String, Fault> {
    let known = TimeZone::get(text)
        .ok()
        .filter(|zone| !zone.is_unknown())
        .and_then(|zone| zone.iana_name().map(str::to_owned));
    known.ok_or_else(|| {
        let zones: Vec<_> = jiff::tz::db().available().collect();
        let help = match nearest(text, zones.iter().map(|zone| zone.as_str())) {
            Some(zone) => format!("did you mean \"{zone}\"?"),
            None => {
                "write a zone of the IANA database, such as \"Europe/Berlin\" or \"UTC\"".to_owned()
            }
        };
        let message = format!("{} is not a time zone", quoted(text));
        Fault::new(code::BAD_ZONE, message, help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekly_windows() {
        let expected = FreezeWindow::Weekly {
            from_day: 5,
            from: civil::time(16, 0, 0, 0),
            until_day: 1,
            until: civil::time(8, 0, 0, 0),
        };
        assert_eq!(weekly("Fri 16:00 - Mon 08:00"), Ok(expected.clone()));
        assert_eq!(weekly("friday 16:00-MONDAY  08:00"), Ok(expected));
        for bad in [
            "",
            "-",
            "Fri - Mon",
            "Fri 16:00",
            "Fri 24:00 - Mon 08:00",
            "Fri 16 - Mon 8",
            "Fr 16:00 - Mon 08:00",
            "Fri +1:00 - Mon 08:00",
            "Fri 16:00 - Fri 16:00",
            "é 1:0 - é 1:0",
        ] {
            assert!(weekly(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_have_no_zone_of_their_own() {
        assert_eq!(
            moment("2026-12-20T00:00"),
            Ok(civil::date(2026, 12, 20).at(0, 0, 0, 0))
        );
        assert_eq!(
            moment("2026-12-20"),
            Ok(civil::date(2026, 12, 20).at(0, 0, 0, 0))
        );
        assert_eq!(
            moment("2026-12-20 06:30:00"),
            Ok(civil::date(2026, 12, 20).at(6, 30, 0, 0))
        );
        for bad in [
            "",
            "2026-13-01T00:00",
            "2026-12-20T00:00Z",
            "2026-12-20T00:00[Asia/Tokyo]",
            "tomorrow",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert_eq!(zone("UTC"), Ok("UTC".to_owned()));
        assert_eq!(zone("europe/berlin"), Ok("Europe/Berlin".to_owned()));
        assert_eq!(
            zone("Europe/Berlni").unwrap_err().help,
            "did you mean \"Europe/Berlin\"?"
        );
        for bad in [
            "",
            "Mars/Olympus",
            "+02:00",
            "EST5EDT4",
            "Etc/Unknown",
            "../UTC",
        ] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }
}
