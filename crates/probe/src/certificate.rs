//! When a certificate ends, and what that means.
//!
//! Only what is asked for is read of it: X.509 is RFC 5280 §4.1, its encoding DER, ITU-T X.690. Whether the
//! certificate is good was the business of the TLS library before.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::Health;

/// From how many days on before its end a certificate is worth a look.
const SOON: i64 = 14;

/// Why a certificate that ends then makes a thing less than green.
pub(crate) fn judge(ends: Timestamp, now: Timestamp) -> Option<(Health, String)> {
    let left = ends.duration_since(now).as_secs();
    let days = left.div_euclid(24 * 60 * 60);
    let day = day(ends);
    match days {
        _ if left <= 0 => Some((Health::Red, format!("its certificate expired on {day}"))),
        0 => Some((
            Health::Amber,
            format!("its certificate expires on {day}, within a day"),
        )),
        1 => Some((
            Health::Amber,
            format!("its certificate expires on {day}, in a day"),
        )),
        2..SOON => Some((
            Health::Amber,
            format!("its certificate expires on {day}, in {days} days"),
        )),
        _ => None,
    }
}

/// A moment's day in UTC, as people and machines both read it.
pub(crate) fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// The end of a certificate's validity.
pub(crate) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(whole, SEQUENCE)?;
    // The version stands in a context-specific tag, and may be left out.
    if let Some((_, rest)) = element(fields, 0xa0) {
        fields = rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        // The serial number, the algorithm of the signature, the issuer.
        fields = element(fields, tag)?.1;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, rest) = time(validity)?;
    Some(time(rest)?.0)
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;

/// The content of the element that stands first, if it has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // The long form: how many bytes of length follow. Four are more than a certificate needs.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0_usize, |sum, &byte| (sum << 8) | usize::from(byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The time that stands first, and what follows it.
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, short) = match element(bytes, UTC_TIME) {
        Some((text, rest)) => (text, rest, true),
        None => {
            let (text, rest) = element(bytes, GENERALIZED_TIME)?;
            (text, rest, false)
        }
    };
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match short {
        // RFC 5280 §4.1.2.5.1: years of two digits are those from 1950 to 2049.
        true if text.get(..2)? >= "50" => format!("19{text}"),
        true => format!("20{text}"),
        false => text.to_owned(),
    };
    let moment = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    Some((moment.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["example.test".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 3, 9);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for year in [2026, 2049, 2050, 9999] {
            let found = not_after(&certificate(year)).map(day);
            assert_eq!(found, Some(format!("{year}-03-09")));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(2026);
        // The validity ends well before byte 200; anything that is cut before has none.
        for length in 0..100 {
            assert_eq!(not_after(&whole[..length]), None);
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(not_after(&[0x30, 0x80]), None);
    }

    #[test]
    fn the_last_two_weeks_are_amber() {
        let now = at("2026-03-01T12:00:00Z");
        let judged = |ends| judge(at(ends), now);
        assert_eq!(judged("2026-03-15T12:00:00Z"), None);
        let (health, reason) = judged("2026-03-15T11:59:59Z").unwrap();
        assert_eq!(health, Health::Amber);
        assert_eq!(reason, "its certificate expires on 2026-03-15, in 13 days");
        assert!(
            judged("2026-03-02T11:00:00Z")
                .unwrap()
                .1
                .ends_with("within a day")
        );
        let (health, reason) = judged("2026-03-01T12:00:00Z").unwrap();
        assert_eq!(health, Health::Red);
        assert_eq!(reason, "its certificate expired on 2026-03-01");
    }
}
