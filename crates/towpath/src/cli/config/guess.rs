//! What a key is that nobody declared yet: guessed from its name and a value, for somebody to look at.

use towpath_core::config::Type;

/// Parts of names that secrets have.
const SECRET_WORDS: [&str; 10] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "DSN",
    "APIKEY",
    "PRIVATE",
    "SALT",
];

/// Whether a key is likely a secret. Rather one too many: what is no secret is made none with a word.
pub fn is_secret(key: &str, value: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let is_key = key
        .split('_')
        .any(|part| part.ends_with("KEY") || part.ends_with("KEYS"));
    is_key
        || SECRET_WORDS.iter().any(|word| key.contains(word))
        || has_password(value)
        || value.starts_with("-----BEGIN ")
}

/// Whether a value is an address with a password in it.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest[..end].rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| {
        user.split_once(':')
            .is_some_and(|(_, word)| !word.is_empty())
    })
}

/// What a key's values are, as far as one tells.
pub fn value_type(key: &str, value: &str) -> Type {
    let is = |kind: Type| kind.check(value, &[]).is_ok();
    let is_plain_number = value
        .parse::<i64>()
        .is_ok_and(|number| number.to_string() == value);
    let is_port = key.to_ascii_uppercase().ends_with("PORT");
    match value {
        _ if is_port && is(Type::Port) => Type::Port,
        _ if is_plain_number => Type::Integer,
        _ if is(Type::Boolean) => Type::Boolean,
        _ if is(Type::Url) => Type::Url,
        _ if is(Type::Email) && value.contains('.') => Type::Email,
        _ if value.starts_with(['{', '[']) && is(Type::Json) => Type::Json,
        _ => Type::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_their_names_and_values() {
        for (key, value) in [
            ("SESSION_KEY", "x"),
            ("session_secret", "x"),
            ("GITHUB_TOKEN", "x"),
            ("DB_PASSWORD", "x"),
            ("SENTRY_DSN", "https://a.test"),
            ("DATABASE_URL", "postgres://user:pw@db.test/main"),
            ("CERTIFICATE", "-----BEGIN PRIVATE KEY-----"),
        ] {
            assert!(is_secret(key, value), "{key}");
        }
        for (key, value) in [
            ("LOG_LEVEL", "debug"),
            ("PUBLIC_URL", "https://a.test/x:y@z"),
            ("DATABASE_URL", "postgres://user@db.test/main"),
            ("KEYBOARD", "de"),
        ] {
            assert!(!is_secret(key, value), "{key}");
        }
    }

    #[test]
    fn types_are_guessed_from_what_is_there() {
        for (key, value, kind) in [
            ("METRICS_PORT", "9090", Type::Port),
            ("WORKERS", "4", Type::Integer),
            ("ZIP", "01234", Type::String),
            ("DEBUG", "true", Type::Boolean),
            ("PUBLIC_URL", "https://a.test", Type::Url),
            ("SENDER", "dana@acme.test", Type::Email),
            ("RULES", "{\"a\": 1}", Type::Json),
            ("NAME", "", Type::String),
        ] {
            assert_eq!(value_type(key, value), kind, "{key}");
        }
    }
}
