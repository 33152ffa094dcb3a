//! What the databases share: finding the URL, and telling what went wrong.

use url::Url;

use crate::{
    Finding, Subject,
    call::Call,
    trouble::{Address, Trouble, innermost},
};

/// The words in the names of credentials that hold a database's URL.
const WORDS: &[&str] = &["DATABASE_URL", "URL", "DSN"];

/// The URL of a database: the first credential or else the endpoint that has one of these schemes.
pub(super) fn url(subject: &Subject, schemes: &[&str]) -> Result<Url, Finding> {
    let parsed = |text: &str| {
        let url = Url::parse(text).ok()?;
        schemes.contains(&url.scheme()).then_some(url)
    };
    let found = subject.naming(WORDS).find_map(parsed);
    let found = found.or_else(|| subject.endpoint().and_then(parsed));
    found.ok_or_else(|| {
        Finding::unknown(format!(
            "there is no URL to connect to; set one that begins with {}:// in a key whose name contains URL or \
             DSN, or write it as endpoint",
            schemes[0]
        ))
    })
}

/// Whether a connection must be encrypted, to a server that proves who it is: unless the URL says otherwise, or leads to
/// this machine. A password goes nowhere else.
pub(super) fn wants_tls(url: &Url) -> bool {
    let says = url
        .query_pairs()
        .any(|(key, _)| ["sslmode", "ssl-mode", "ssl_mode"].contains(&key.to_lowercase().as_str()));
    let is_here = match url.host() {
        None => true,
        Some(url::Host::Domain(name)) => {
            name.is_empty()
                || name == "localhost"
                || name.starts_with("127.")
                || name.starts_with('%')
        }
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
    };
    !says && !is_here
}

/// Where a database's URL leads.
pub(super) fn address(url: &Url, port: u16) -> Address {
    Address::of(url, port).unwrap_or_else(|| Address::new("localhost", port))
}

/// What comes of asking a database; what it refuses is told by `refused`, from its code and its words.
pub(super) async fn asked<T>(
    call: &Call<'_>,
    at: &Address,
    query: impl Future<Output = Result<T, sqlx::Error>>,
    refused: impl Fn(&str) -> Option<&'static str>,
) -> Result<T, Finding> {
    let error = match call.within(at, query).await? {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    match &error {
        sqlx::Error::Database(told) => {
            let code = told.code().unwrap_or_default();
            let words = told.message();
            let reason = match refused(&code) {
                Some(reason) => format!("{at} {reason}: {words}"),
                None => format!("{at} refuses us: {words}"),
            };
            Err(Finding::red(reason).fact("code", code))
        }
        sqlx::Error::Configuration(why) => Err(Finding::unknown(format!(
            "its URL cannot be used: {}",
            innermost(&**why)
        ))),
        other => Err(Trouble::of(at, other).await.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_in_the_clear() {
        for (url, wants) in [
            ("postgres://u:p@db.example/x", true),
            ("postgres://u:p@10.0.0.1/x", true),
            ("postgres://u:p@db.example/x?sslmode=disable", false),
            ("mysql://u:p@db.example/x?ssl-mode=PREFERRED", false),
            ("postgres://u:p@127.0.0.1:5432/x", false),
            ("postgres://u:p@[::1]/x", false),
            ("mysql://localhost/x", false),
            ("postgres:///x?host=/run/postgresql", false),
        ] {
            assert_eq!(wants_tls(&Url::parse(url).unwrap()), wants, "{url}");
        }
    }
}
