//! What the value of a key must be.

use serde::{Deserialize, Serialize};

use crate::time::parse_duration;

/// Beginnings of references to secrets that are kept elsewhere.
pub(crate) const REFERENCES: [&str; 6] = [
    "aws-sm://",
    "aws-ssm://",
    "vault://",
    "env://",
    "file://",
    "exec://",
];

/// Whether a text says where a secret is kept.
pub(crate) fn is_reference(text: &str) -> bool {
    REFERENCES.iter().any(|start| text.starts_with(start))
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A port, from 1 to 65535.
    Port,
    /// An address with a scheme.
    Url,
    /// A length of time.
    Duration,
    /// One of a few texts.
    Enum,
    /// An e-mail address.
    Email,
    /// An amount of memory or disk.
    Bytes,
    /// A JSON document.
    Json,
}

impl Type {
    /// All of them, by name.
    pub(crate) const NAMES: [&'static str; 10] = [
        "string", "integer", "boolean", "port", "url", "duration", "enum", "email", "bytes", "json",
    ];

    const ALL: [Type; 10] = [
        Type::String,
        Type::Integer,
        Type::Boolean,
        Type::Port,
        Type::Url,
        Type::Duration,
        Type::Enum,
        Type::Email,
        Type::Bytes,
        Type::Json,
    ];

    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        let at = Type::ALL.iter().position(|one| *one == self);
        Type::NAMES[at.unwrap_or_default()]
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Type> {
        let at = Type::NAMES.iter().position(|one| *one == name)?;
        Type::ALL.get(at).copied()
    }

    /// Whether the text is one; otherwise what it should be, in words that do not hold the text: it may be a secret.
    pub fn check(self, text: &str, allowed: &[String]) -> Result<(), String> {
        let good = match self {
            Type::String => true,
            Type::Integer => text.parse::<i64>().is_ok(),
            Type::Boolean => ["true", "false"].contains(&text),
            Type::Port => text.parse::<u16>().is_ok_and(|port| port != 0) && is_digits(text),
            Type::Url => is_url(text),
            Type::Duration => parse_duration(text).is_ok(),
            Type::Enum => allowed.iter().any(|one| one == text),
            Type::Email => is_email(text),
            Type::Bytes => bytes(text).is_some(),
            Type::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
        };
        if good {
            return Ok(());
        }
        Err(match self {
            Type::String => "a text".into(),
            Type::Integer => "a whole number".into(),
            Type::Boolean => "`true` or `false`".into(),
            Type::Port => "a port, from 1 to 65535".into(),
            Type::Url => "an address with a scheme, such as https://acme.test".into(),
            Type::Duration => "a length of time, such as 20s or 1h 30m".into(),
            Type::Enum => format!("one of {}", allowed.join(", ")),
            Type::Email => "an e-mail address".into(),
            Type::Bytes => "an amount of bytes, such as 512, 64KiB or 1.5GB".into(),
            Type::Json => "a JSON document".into(),
        })
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One with `://`: what has none, such as `localhost:80`, reads as a scheme and was not meant as one.
fn is_url(text: &str) -> bool {
    let is_clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    is_clean && text.contains("://") && url::Url::parse(text).is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else {
        return false;
    };
    let is_clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    is_clean
        && !user.is_empty()
        && !user.contains('@')
        && !host.is_empty()
        && !host.starts_with('.')
}

/// The number of bytes: a number and a unit, of powers of 1000 (kB, MB, GB, TB) or of 1024 (KiB, MiB, GiB, TiB).
fn bytes(text: &str) -> Option<f64> {
    let is_unit = |c: char| c.is_ascii_alphabetic();
    let (number, unit) = match text.find(is_unit) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let number = number.trim_end();
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && number.starts_with(|c: char| c.is_ascii_digit());
    let count = number.parse::<f64>().ok().filter(|_| is_number)? * factor;
    // Half a byte is none.
    (count.fract() == 0.0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(kind: Type, text: &str) -> bool {
        kind.check(text, &["debug".into(), "info".into()]).is_ok()
    }

    #[test]
    fn each_type_takes_what_it_is() {
        let good = [
            (Type::String, ""),
            (Type::Integer, "-3"),
            (Type::Boolean, "false"),
            (Type::Port, "8080"),
            (
                Type::Url,
                "postgres://user:pw@db.acme.test:5432/main?sslmode=require",
            ),
            (Type::Url, "sqlite:///var/lib/a.db"),
            (Type::Duration, "1h 30m"),
            (Type::Enum, "info"),
            (Type::Email, "dana@acme.test"),
            (Type::Bytes, "512"),
            (Type::Bytes, "64 KiB"),
            (Type::Bytes, "1.5GB"),
            (Type::Json, "{\"a\": [1]}"),
        ];
        for (kind, text) in good {
            assert!(is(kind, text), "{kind} {text}");
            assert_eq!(Type::named(kind.name()), Some(kind));
        }
        let bad = [
            (Type::Integer, "3.5"),
            (Type::Integer, ""),
            (Type::Boolean, "yes"),
            (Type::Port, "0"),
            (Type::Port, "65536"),
            (Type::Port, "+80"),
            (Type::Url, "acme.test"),
            (Type::Url, "localhost:80"),
            (Type::Url, "https://a b"),
            (Type::Duration, "soon"),
            (Type::Enum, "Info"),
            (Type::Email, "dana"),
            (Type::Email, "a@b@c"),
            (Type::Bytes, "1.5"),
            (Type::Bytes, "1e3"),
            (Type::Bytes, "-1"),
            (Type::Bytes, "KiB"),
            (Type::Json, "{a: 1}"),
            (Type::Json, ""),
        ];
        for (kind, text) in bad {
            let why = kind.check(text, &["info".into()]).expect_err(text);
            assert_ne!(why, "");
        }
    }
}
