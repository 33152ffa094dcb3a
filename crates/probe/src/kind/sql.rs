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
