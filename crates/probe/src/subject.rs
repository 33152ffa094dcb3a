//! What is asked about, and how a probe finds its way in it.

use std::{collections::BTreeMap, fmt};

use url::Url;

use crate::{Finding, Secret, scrub::Scrub};

/// A vendor's thing, as the catalogue describes it.
#[derive(Clone, Default)]
pub struct Subject {
    /// What it is: a name or alias in [`KINDS`](crate::KINDS), in any case.
    pub kind: Option<String>,
    /// What the vendor calls it: an account's number, a bucket's name, a domain, an issuer.
    pub id: Option<String>,
    /// Where people look at it.
    pub link: Option<String>,
    /// Where it is asked, instead of the vendor's usual place.
    pub endpoint: Option<String>,
    /// The keys of configuration that belong to it, with their values.
    pub credentials: BTreeMap<String, Secret>,
}

impl fmt::Debug for Subject {
    /// As it may be shown: an endpoint or a link may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scrub = Scrub::of(self);
        let shown = |text: &Option<String>| text.as_deref().map(|text| scrub.text(text));
        f.debug_struct("Subject")
            .field("kind", &self.kind)
            .field("id", &shown(&self.id))
            .field("link", &shown(&self.link))
            .field("endpoint", &shown(&self.endpoint))
            .field("credentials", &self.credentials)
            .finish()
    }
}

impl Subject {
    /// The id, if there is anything in it.
    pub(crate) fn id(&self) -> Option<&str> {
        filled(self.id.as_deref())
    }

    /// The link, if there is anything in it.
    pub(crate) fn link(&self) -> Option<&str> {
        filled(self.link.as_deref())
    }

    /// The endpoint as it is written, if there is anything in it.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        filled(self.endpoint.as_deref())
    }

    /// The credential of a name, or else the only one whose name ends with it, as `PRODUCTION_AWS_REGION` does.
    pub(crate) fn credential(&self, name: &str) -> Option<&str> {
        let filled: Vec<_> = self.filled().collect();
        if let Some((_, value)) = filled.iter().find(|(key, _)| key == name) {
            return Some(value);
        }
        let end = format!("_{name}");
        let mut ending = filled.iter().filter(|(key, _)| key.ends_with(&end));
        match (ending.next(), ending.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The credentials whose names contain one of these words, in the order of the words.
    pub(crate) fn naming(&self, words: &'static [&'static str]) -> impl Iterator<Item = &str> {
        words.iter().flat_map(move |word| {
            self.filled()
                .filter(move |(key, _)| key.contains(word))
                .map(|(_, value)| value)
        })
    }

    /// The endpoint as a URL over HTTP, or the vendor's own.
    pub(crate) fn base(&self, vendors: &str) -> Result<Url, Finding> {
        web_address("endpoint", self.endpoint().unwrap_or(vendors))
    }

    /// Names in upper case, and values that are not empty.
    fn filled(&self) -> impl Iterator<Item = (String, &str)> {
        self.credentials
            .iter()
            .filter_map(|(key, value)| Some((key.to_uppercase(), filled(Some(value.expose()))?)))
    }
}

/// A text as a URL over HTTP; what cannot be one is not asked.
pub(crate) fn web_address(what: &str, text: &str) -> Result<Url, Finding> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Finding::unknown(format!(
            "the {what} `{text}` is not the address of a page; write it with https://"
        ))),
    }
}

/// A text without the spaces around it, unless nothing is left.
fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(credentials: &[(&str, &str)]) -> Subject {
        let credentials = credentials
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.into()));
        Subject {
            credentials: credentials.collect(),
            ..Subject::default()
        }
    }

    #[test]
    fn a_name_is_found_behind_a_prefix_unless_two_have_it() {
        let subject = with(&[("PROD_AWS_REGION", "eu-west-1"), ("OTHER", "x")]);
        assert_eq!(subject.credential("AWS_REGION"), Some("eu-west-1"));
        let subject = with(&[("A_AWS_REGION", "a"), ("B_AWS_REGION", "b")]);
        assert_eq!(subject.credential("AWS_REGION"), None);
        let subject = with(&[("A_AWS_REGION", "a"), ("aws_region", "b")]);
        assert_eq!(subject.credential("AWS_REGION"), Some("b"));
        let subject = with(&[("AWS_REGION", " ")]);
        assert_eq!(subject.credential("AWS_REGION"), None);
    }

    #[test]
    fn nothing_secret_is_shown_of_it() {
        let mut subject = with(&[("A_KEY", "open sesame")]);
        subject.endpoint = Some("https://me:abracadabra@example.test".into());
        let shown = format!("{subject:?}");
        assert!(shown.contains("https://***@example.test"), "{shown}");
        assert!(
            !shown.contains("sesame") && !shown.contains("abracadabra"),
            "{shown}"
        );
    }

    #[test]
    fn words_come_in_their_own_order() {
        let subject = with(&[("A_TOKEN", "token"), ("B_KEY", "key"), ("C", "c")]);
        let found: Vec<_> = subject.naming(&["KEY", "TOKEN"]).collect();
        assert_eq!(found, ["key", "token"]);
    }

    #[test]
    fn an_endpoint_is_a_page() {
        let mut subject = with(&[]);
        assert!(subject.base("https://api.example.test").is_ok());
        for wrong in ["example.test", "ftp://example.test", "data:text/plain,x"] {
            subject.endpoint = Some(wrong.into());
            let reason = subject.base("https://api.example.test").unwrap_err().reason;
            assert!(reason.contains("write it with https://"), "{reason}");
        }
    }
}
