//! Text for people and for markup: escaping, and times as one would say them.

use std::fmt::{self, Write};

/// Writes a text so that it means itself in HTML and XML, as content and within a quoted attribute.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            // All of them are one byte long.
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// How long ago something was, in seconds, as one would say it.
pub struct Ago(pub i64);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (365 * 86_400, "year"),
            (30 * 86_400, "month"),
            (7 * 86_400, "week"),
            (86_400, "day"),
            (3_600, "hour"),
            (60, "minute"),
        ];
        match units.iter().find(|(seconds, _)| self.0 >= *seconds) {
            None => f.write_str("just now"),
            Some((seconds, unit)) => match self.0 / seconds {
                1 => write!(f, "1 {unit} ago"),
                n => write!(f, "{n} {unit}s ago"),
            },
        }
    }
}

/// A number with its thousands apart.
pub struct Grouped(pub i64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_disarmed() {
        assert_eq!(
            Escaped(r#"<a href="x" id='y'>é & ü</a>"#).to_string(),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;é &amp; ü&lt;/a&gt;"
        );
        assert_eq!(Escaped("plain").to_string(), "plain");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, said) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (7_200, "2 hours ago"),
            (86_400 * 6, "6 days ago"),
            (86_400 * 29, "4 weeks ago"),
            (86_400 * 800, "2 years ago"),
        ] {
            assert_eq!(Ago(seconds).to_string(), said);
        }
    }

    #[test]
    fn thousands_are_apart() {
        for (number, said) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(Grouped(number).to_string(), said);
        }
    }
}
