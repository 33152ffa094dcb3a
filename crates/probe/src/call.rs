//! One call on a thing: what is asked about, with what, and until when. All that is asked over HTTP goes through here.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, LOCATION},
    tls::TlsInfo,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    Settings, Subject, certificate,
    trouble::{Address, Trouble, innermost},
    trust::Trust,
};

/// For answers of which only the status counts.
pub(crate) const NOTHING: usize = 0;
/// How much is read of an answer whose size nobody foresees.
pub(crate) const LITTLE: usize = 64 * 1024;
/// How much is read of a document that may be long.
pub(crate) const MUCH: usize = 1024 * 1024;

/// One call on a thing.
pub(crate) struct Call<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) settings: &'a Settings,
    pub(crate) trust: &'a Trust,
    /// Follows no redirects: where a credential goes is decided where it is known.
    pub(crate) client: &'a Client,
    pub(crate) deadline: Instant,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) at: Address,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body is all that there was of it.
    pub(crate) whole: bool,
    /// When the server's certificate ends, if it showed one.
    pub(crate) expires: Option<Timestamp>,
}

impl Call<'_> {
    /// The moment that this call takes for now.
    pub(crate) fn now(&self) -> Timestamp {
        (self.settings.now)()
    }

    /// What comes of asking, unless it comes too late.
    pub(crate) async fn within<F: Future>(
        &self,
        at: impl ToString,
        asked: F,
    ) -> Result<F::Output, Trouble> {
        let late = |_| self.late(at.to_string());
        timeout_at(self.deadline, asked).await.map_err(late)
    }

    /// That nothing came in time.
    pub(crate) fn late(&self, at: String) -> Trouble {
        let within = self.settings.timeout;
        Trouble::Late { at, within }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A request to a URL.
    pub(crate) fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        self.client.request(method, url.clone())
    }

    /// Reads what stands at a URL.
    pub(crate) async fn get(&self, url: &Url, limit: usize) -> Result<Reply, Trouble> {
        self.send(url, self.request(Method::GET, url), limit).await
    }

    /// Sends a request, and reads this much of the answer.
    pub(crate) async fn send(
        &self,
        url: &Url,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Reply, Trouble> {
        let at = Address::of(url, 0).unwrap_or_else(|| Address::new("the engine's socket", 0));
        let answer = async {
            let response = request.send().await?;
            read(at.clone(), response, limit).await
        };
        match self.within(&at, answer).await? {
            Ok(reply) => Ok(reply),
            Err(error) => Err(Trouble::of(&at, &error.without_url()).await),
        }
    }
}

async fn read(at: Address, mut response: Response, limit: usize) -> Result<Reply, reqwest::Error> {
    let shown = response.extensions().get::<TlsInfo>();
    let expires = shown
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate::not_after);
    let mut body = Vec::new();
    // Where nothing of it is wanted, nothing is waited for: a page may go on for ever.
    let mut whole = limit == NOTHING;
    while !whole && body.len() <= limit {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => whole = true,
        }
    }
    body.truncate(limit);
    Ok(Reply {
        at,
        status: response.status(),
        headers: response.headers().clone(),
        body,
        whole,
        expires,
    })
}

impl Reply {
    /// The body as JSON, if it is that.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Where it sends us on to.
    pub(crate) fn onward(&self, from: &Url) -> Option<Url> {
        if !self.status.is_redirection() {
            return None;
        }
        let to = self.headers.get(LOCATION)?.to_str().ok()?;
        from.join(to).ok()
    }

    /// What a server says that does not do what we asked, to stand behind "answers": its status, and its own words if
    /// it has any. A body that was cut has none: a secret at its end would be half a secret, which nobody finds.
    pub(crate) fn refusal(&self) -> String {
        let words = self.json().and_then(|body| {
            let of = |key: &str| body.pointer(key)?.as_str().map(str::to_owned);
            [
                "/message",
                "/detail",
                "/error_description",
                "/error/message",
                "/error",
            ]
            .into_iter()
            .find_map(of)
        });
        let status = status(self.status);
        match words {
            Some(words) if self.whole => format!("{status}: {words}"),
            _ => status,
        }
    }
}

/// A status as people know it.
pub(crate) fn status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} ({reason})", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// An error of HTTP in a few words.
pub(crate) fn told(error: reqwest::Error) -> String {
    innermost(&error.without_url()).to_string()
}
