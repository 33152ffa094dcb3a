//! The head of an answer as it comes from an instance (RFC 9112 §4, §6.3): parsed, rid of hop-by-hop fields, and the
//! length of the body made out.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{CONTENT_LENGTH, UPGRADE},
};
use hyper::ext::ReasonPhrase;

use super::{
    ask::{digits, tokens},
    chunks::Chunks,
};

/// How many fields a head may have.
const MOST_FIELDS: usize = 128;
/// How long a head may be.
pub(super) const MOST_HEAD: usize = 64 * 1024;

/// What an instance sent cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// How much of a body is to come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Known(u64),
    /// Chunks, up to one of length zero.
    Chunked(Chunks),
    /// All bytes up to the end of the connection.
    UntilClose,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Told {
    /// The status.
    pub(super) status: StatusCode,
    /// What it is called there, when that is unusual.
    pub(super) reason: Option<ReasonPhrase>,
    /// The fields that concern the client.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) length: Length,
    /// Whether the connection can carry another request afterwards.
    pub(super) keeps: bool,
}

/// Takes the head of an answer from the start of `buffer`, once all of it is there. `without_body`: the request was a
/// `HEAD`. Interim answers are passed over.
pub(super) fn take(buffer: &mut BytesMut, without_body: bool) -> Result<Option<Told>, Malformed> {
    loop {
        let Some(raw) = parse(buffer)? else {
            return match buffer.len() > MOST_HEAD {
                true => Err(Malformed("the head of the answer is too long")),
                false => Ok(None),
            };
        };
        let head = buffer.split_to(raw.length).freeze();
        let interim = raw.status.is_informational();
        if !interim || raw.status == StatusCode::SWITCHING_PROTOCOLS {
            return raw.into_told(&head, without_body).map(Some);
        }
    }
}

/// A parsed head whose values are still positions.
struct Raw {
    length: usize,
    status: StatusCode,
    version: Version,
    reason: Option<ReasonPhrase>,
    fields: Vec<(HeaderName, usize, usize)>,
}

fn parse(buffer: &[u8]) -> Result<Option<Raw>, Malformed> {
    let malformed = |_| Malformed("the head of the answer is malformed");
    let mut space = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut head, buffer, &mut space)
        .map_err(malformed)?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let code = head.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| Malformed("the status is none"))?;
    let reason = head.reason.unwrap_or_default();
    let reason = match status.canonical_reason() {
        Some(usual) if usual == reason => None,
        _ if reason.is_empty() => None,
        _ => ReasonPhrase::try_from(reason.as_bytes()).ok(),
    };
    let mut fields = Vec::with_capacity(head.headers.len());
    for field in &*head.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| Malformed("a field of the answer is malformed"))?;
        // The value is a part of the buffer: where it starts is all that has to be kept.
        let start = field.value.as_ptr() as usize - buffer.as_ptr() as usize;
        fields.push((name, start, start + field.value.len()));
    }
    Ok(Some(Raw {
        length,
        status,
        version: match head.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        },
        reason,
        fields,
    }))
}

impl Raw {
    fn into_told(self, head: &Bytes, without_body: bool) -> Result<Told, Malformed> {
        let mut headers = HeaderMap::with_capacity(self.fields.len());
        let mut connection = Connection::default();
        let mut coding = None;
        let mut length = None;
        for (name, start, end) in self.fields {
            let value = HeaderValue::from_maybe_shared(head.slice(start..end))
                .map_err(|_| Malformed("a field of the answer is malformed"))?;
            match name.as_str() {
                "connection" => connection.read(&value),
                "keep-alive" | "proxy-connection" => {}
                "upgrade" if self.status != StatusCode::SWITCHING_PROTOCOLS => {}
                "transfer-encoding" => {
                    let last = tokens(&value).last().unwrap_or_default();
                    coding = Some(last.eq_ignore_ascii_case("chunked"));
                    if value.as_bytes().len() != last.len() || coding == Some(false) {
                        return Err(Malformed("the transfer coding is not understood"));
                    }
                }
                "content-length" => {
                    let told = digits(value.as_bytes()).ok_or(UNCLEAR)?;
                    if length.is_some_and(|length| length != told) {
                        return Err(UNCLEAR);
                    }
                    if length.replace(told).is_none() {
                        headers.append(name, value);
                    }
                }
                _ => {
                    headers.append(name, value);
                }
            }
        }
        for name in &connection.dropped {
            headers.remove(name);
        }
        if coding.is_some() {
            // The coding decides. Whoever sends both is not to be trusted with another request.
            headers.remove(CONTENT_LENGTH);
        }
        let bodiless = without_body
            || self.status.is_informational()
            || self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED;
        let keeps = match self.version {
            Version::HTTP_11 => !connection.closes,
            _ => connection.keeps && !connection.closes,
        };
        Ok(Told {
            status: self.status,
            reason: self.reason,
            keeps: keeps && !(coding.is_some() && length.is_some()),
            length: match (coding, length) {
                _ if bodiless => Length::Known(0),
                (Some(_), _) => Length::Chunked(Chunks::default()),
                (None, Some(length)) => Length::Known(length),
                (None, None) => Length::UntilClose,
            },
            headers,
        })
    }
}

const UNCLEAR: Malformed = Malformed("the length of the answer is unclear");

#[derive(Default)]
struct Connection {
    closes: bool,
    keeps: bool,
    dropped: Vec<HeaderName>,
}

impl Connection {
    fn read(&mut self, value: &HeaderValue) {
        for token in tokens(value) {
            if token.eq_ignore_ascii_case("close") {
                self.closes = true;
            } else if token.eq_ignore_ascii_case("keep-alive") {
                self.keeps = true;
            } else if let Ok(name) = HeaderName::from_bytes(token.as_bytes())
                && name != UPGRADE
                && name != CONTENT_LENGTH
            {
                self.dropped.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<Option<Told>, Malformed> {
        take(&mut BytesMut::from(text), false)
    }

    fn length(text: &str) -> Result<(Length, bool), Malformed> {
        told(text).map(|told| {
            let told = told.expect("it is whole");
            (told.length, told.keeps)
        })
    }

    #[test]
    fn the_length_is_made_out() {
        let chunked = || Length::Chunked(Chunks::default());
        for (head, expected) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                (Length::Known(5), true),
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", (Length::UntilClose, true)),
            (
                "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
                (Length::Known(0), true),
            ),
            (
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
                (Length::Known(0), true),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n",
                (chunked(), true),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
                (chunked(), false),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
                (Length::Known(5), true),
            ),
            (
                "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 0\r\n\r\n",
                (Length::Known(0), false),
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
                (Length::Known(0), false),
            ),
            (
                "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
                (Length::Known(0), true),
            ),
        ] {
            assert_eq!(length(head), Ok(expected), "{head:?}");
        }
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for head in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
        ] {
            assert!(told(head).is_err(), "{head:?}");
        }
    }

    #[test]
    fn half_a_head_is_waited_for_and_one_without_end_is_not() {
        let head = "HTTP/1.1 200 Fine\r\na: b\r\nconnection: c\r\nc: d\r\n\r\n";
        for end in 0..head.len() {
            assert!(told(&head[..end]).unwrap().is_none(), "{end}");
        }
        let whole = told(head).unwrap().unwrap();
        assert_eq!(whole.reason.unwrap().as_bytes(), b"Fine");
        assert_eq!(whole.headers["a"], "b");
        assert_eq!(whole.headers.len(), 1);
        let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MOST_HEAD));
        assert!(told(&endless).is_err());
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
                    HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let mut buffer = BytesMut::from(text);
        let told = take(&mut buffer, false).unwrap().unwrap();
        assert_eq!(told.status, StatusCode::OK);
        assert!(!told.headers.contains_key("link"));
        assert_eq!(buffer, "ok");
        assert!(
            take(&mut BytesMut::from(&text[..60]), false)
                .unwrap()
                .is_none()
        );
    }
}
