//! The head of a request on its way to an instance, as bytes: hop-by-hop fields are left out, `X-Forwarded-*` are added
//! (RFC 9110 §7.6.1), and how long the body is cannot be misread (RFC 9112 §6).

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
    header::{CONTENT_LENGTH, COOKIE, HOST, TRAILER},
    request::Parts,
};

/// Who is on the other end of a connection.
#[derive(Debug)]
pub(super) struct Client {
    address: String,
    /// Whether it may say for whom it speaks: it runs on this machine, as what terminates TLS does.
    trusted: bool,
    /// Where it connected to.
    listener: SocketAddr,
}

impl Client {
    /// The client at `address`, connected to `listener`.
    pub(super) fn new(address: IpAddr, listener: SocketAddr) -> Self {
        let address = address.to_canonical();
        Self {
            address: address.to_string(),
            trusted: address.is_loopback(),
            listener,
        }
    }
}

/// A request that no instance gets to see, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) &'static str);

const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;

/// How an instance knows where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// There is none.
    Empty,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// What a request's head says about how it is to be passed on.
#[derive(Debug)]
pub(super) struct Ask {
    /// Whether it asks for another protocol.
    pub(super) upgrades: bool,
    /// How its body is framed.
    pub(super) coding: Coding,
    /// The fields that may come behind its body.
    pub(super) trailers: Vec<HeaderName>,
    /// What its `Connection` names.
    dropped: Vec<HeaderName>,
    takes_trailers: bool,
    names_length: bool,
    is_forwarded: bool,
    names_host: bool,
    names_protocol: bool,
}

impl Ask {
    /// Looks a request over.
    pub(super) fn new(parts: &Parts, has_body: bool, client: &Client) -> Result<Self, Refused> {
        if parts.method == Method::CONNECT {
            let reason = "this is not a forward proxy\n";
            return Err(Refused(StatusCode::METHOD_NOT_ALLOWED, reason));
        }
        let mut ask = Self {
            upgrades: false,
            coding: Coding::Empty,
            trailers: Vec::new(),
            dropped: Vec::new(),
            takes_trailers: false,
            names_length: false,
            is_forwarded: false,
            names_host: false,
            names_protocol: false,
        };
        let mut hosts = 0;
        let mut length = None;
        let mut chunked = false;
        let mut upgrade = false;
        let mut wants_upgrade = false;
        for (name, value) in &parts.headers {
            match name.as_str() {
                "host" => hosts += 1,
                "connection" => {
                    for token in tokens(value) {
                        wants_upgrade |= token.eq_ignore_ascii_case("upgrade");
                        ask.dropped.extend(droppable(token));
                    }
                }
                "upgrade" => upgrade = true,
                "te" => {
                    ask.takes_trailers |=
                        tokens(value).any(|token| token.eq_ignore_ascii_case("trailers"));
                }
                "transfer-encoding" => {
                    // Any other coding would reach the instance without its name.
                    if chunked || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                        let reason = "the only transfer coding understood is chunked\n";
                        return Err(Refused(StatusCode::NOT_IMPLEMENTED, reason));
                    }
                    chunked = true;
                }
                "content-length" => {
                    let told = digits(value.as_bytes());
                    if told.is_none() || length.is_some_and(|length| Some(length) != told) {
                        return Err(Refused(BAD_REQUEST, "the length of the body is unclear\n"));
                    }
                    length = told;
                }
                "trailer" => ask.trailers.extend(
                    tokens(value).filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok()),
                ),
                "x-forwarded-for" => ask.is_forwarded = true,
                "x-forwarded-host" => ask.names_host = client.trusted,
                "x-forwarded-proto" => ask.names_protocol = client.trusted,
                _ => {}
            }
        }
        check_hosts(parts, hosts)?;
        ask.upgrades = upgrade && wants_upgrade && parts.version == Version::HTTP_11;
        ask.coding = match (has_body, chunked, length) {
            (false, _, _) => Coding::Empty,
            (true, false, Some(length)) => Coding::Length(length),
            (true, _, _) => Coding::Chunked,
        };
        ask.names_length = length.is_some() && !chunked;
        Ok(ask)
    }

    /// Writes the head.
    pub(super) fn write(&self, parts: &Parts, client: &Client, to: &mut Vec<u8>) {
        to.extend_from_slice(parts.method.as_str().as_bytes());
        to.push(b' ');
        let target = parts.uri.path_and_query();
        to.extend_from_slice(target.map_or("/", |target| target.as_str()).as_bytes());
        to.extend_from_slice(b" HTTP/1.1\r\n");
        let host = Host::of(parts, client);
        field(to, "host", host.as_bytes());
        for (name, value) in &parts.headers {
            if !self.is_left_out(name, client) {
                field(to, name.as_str(), value.as_bytes());
            }
        }
        if parts.headers.contains_key(COOKIE) {
            // HTTP/2 may split cookies over several fields, HTTP/1.1 may not (RFC 9113 §8.2.3).
            joined(to, "cookie", &parts.headers, b"; ", None);
        }
        self.write_framing(parts, to);
        if self.is_forwarded {
            let address = Some(client.address.as_bytes());
            joined(to, "x-forwarded-for", &parts.headers, b", ", address);
        } else {
            field(to, "x-forwarded-for", client.address.as_bytes());
        }
        if !self.names_protocol {
            field(to, "x-forwarded-proto", b"http");
        }
        if !self.names_host {
            field(to, "x-forwarded-host", host.as_bytes());
        }
        to.extend_from_slice(b"\r\n");
    }

    fn write_framing(&self, parts: &Parts, to: &mut Vec<u8>) {
        if self.upgrades
            && let Some(protocol) = parts.headers.get(http::header::UPGRADE)
        {
            field(to, "connection", b"upgrade");
            field(to, "upgrade", protocol.as_bytes());
        }
        if self.takes_trailers {
            field(to, "te", b"trailers");
        }
        match self.coding {
            Coding::Chunked => field(to, "transfer-encoding", b"chunked"),
            Coding::Length(_) => {
                if let Some(length) = parts.headers.get(CONTENT_LENGTH) {
                    field(to, "content-length", length.as_bytes());
                }
            }
            Coding::Empty if self.names_length || expects_body(&parts.method) => {
                field(to, "content-length", b"0");
            }
            Coding::Empty => {}
        }
    }

    /// Whether a field concerns only the client's connection, or is written in another way.
    fn is_left_out(&self, name: &HeaderName, client: &Client) -> bool {
        match name.as_str() {
            "host" | "connection" | "keep-alive" | "proxy-connection" | "te" | "upgrade"
            | "transfer-encoding" | "content-length" | "cookie" | "x-forwarded-for" => true,
            // Answered here, as soon as the body is asked for.
            "expect" => true,
            // What a client on another machine says of itself is not passed on as fact.
            "forwarded" | "x-forwarded-host" | "x-forwarded-proto" => !client.trusted,
            _ => !self.dropped.is_empty() && self.dropped.contains(name),
        }
    }
}

/// A field that a `Connection` may take away. Without some the message would mean something else.
fn droppable(token: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(token.as_bytes())
        .ok()
        .filter(|name| name != HOST && name != CONTENT_LENGTH && name != COOKIE && name != TRAILER)
}

/// Exactly one host, or none from those that know of none (RFC 9112 §3.2).
fn check_hosts(parts: &Parts, hosts: usize) -> Result<(), Refused> {
    match hosts {
        _ if parts.uri.authority().is_some() => Ok(()),
        1 => Ok(()),
        0 if parts.version == Version::HTTP_10 => Ok(()),
        0 => Err(Refused(BAD_REQUEST, "the request names no host\n")),
        _ => Err(Refused(BAD_REQUEST, "the request names several hosts\n")),
    }
}

/// Where the name of the host is.
enum Host<'a> {
    Given(&'a [u8]),
    Own(String),
}

impl<'a> Host<'a> {
    fn of(parts: &'a Parts, client: &Client) -> Self {
        if let Some(authority) = parts.uri.authority() {
            // Who the user is does not belong into it.
            let host = authority.as_str().rsplit('@').next().unwrap_or_default();
            return Self::Given(host.as_bytes());
        }
        match parts.headers.get(HOST) {
            Some(host) => Self::Given(host.as_bytes()),
            None => Self::Own(client.listener.to_string()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Given(host) => host,
            Self::Own(host) => host.as_bytes(),
        }
    }
}

/// Whether a request without a body has to say so.
fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// The parts of a list.
pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value
        .to_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// A number and nothing else.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    match text.iter().all(u8::is_ascii_digit) {
        true => std::str::from_utf8(text).ok()?.parse().ok(),
        false => None,
    }
}

fn field(to: &mut Vec<u8>, name: &str, value: &[u8]) {
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

/// Writes all values of a field, and one more, as one.
fn joined(to: &mut Vec<u8>, name: &str, headers: &HeaderMap, between: &[u8], more: Option<&[u8]>) {
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b": ");
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    for (position, value) in values.chain(more).enumerate() {
        if position > 0 {
            to.extend_from_slice(between);
        }
        to.extend_from_slice(value);
    }
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn far_client() -> Client {
        Client::new(
            "203.0.113.9".parse().unwrap(),
            "192.0.2.1:80".parse().unwrap(),
        )
    }

    fn written(parts: &Parts, has_body: bool, client: &Client) -> String {
        let ask = Ask::new(parts, has_body, client).unwrap();
        let mut bytes = Vec::new();
        ask.write(parts, client, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_client_elsewhere_cannot_pose_as_another() {
        let parts = parts(
            "GET",
            "/a?b",
            &[
                ("host", "a.test"),
                ("x-forwarded-for", "10.0.0.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "admin.test"),
                ("forwarded", "for=10.0.0.1"),
                ("accept", "*/*"),
            ],
        );
        assert_eq!(
            written(&parts, false, &far_client()),
            "GET /a?b HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\n\
             x-forwarded-for: 10.0.0.1, 203.0.113.9\r\nx-forwarded-proto: http\r\n\
             x-forwarded-host: a.test\r\n\r\n"
        );
    }

    #[test]
    fn a_connection_cannot_take_away_what_gives_a_message_its_meaning() {
        let fields = [
            ("host", "a"),
            ("connection", "host, content-length, cookie, x-a"),
            ("content-length", "3"),
            ("cookie", "c=1"),
            ("x-a", "gone"),
        ];
        let head = written(&parts("POST", "/", &fields), true, &far_client());
        for kept in ["host: a\r\n", "content-length: 3\r\n", "cookie: c=1\r\n"] {
            assert_eq!(
                head.matches(kept).count(),
                1 + usize::from(kept == "host: a\r\n")
            );
        }
        assert!(!head.contains("gone"), "{head}");
    }

    #[test]
    fn the_length_is_told_once() {
        let host = ("host", "a");
        let coding = |has_body, fields: &[(&str, &str)]| {
            let parts = parts("POST", "/", fields);
            Ask::new(&parts, has_body, &far_client()).map(|ask| ask.coding)
        };
        let length = ("content-length", "7");
        let chunked = ("transfer-encoding", "Chunked");
        assert_eq!(coding(false, &[host]), Ok(Coding::Empty));
        assert_eq!(coding(true, &[host]), Ok(Coding::Chunked));
        assert_eq!(coding(true, &[host, length]), Ok(Coding::Length(7)));
        assert_eq!(coding(true, &[host, length, length]), Ok(Coding::Length(7)));
        assert_eq!(coding(true, &[host, length, chunked]), Ok(Coding::Chunked));
        for refused in [
            &[host, length, ("content-length", "8")],
            &[host, chunked, chunked],
            &[host, host, ("transfer-encoding", "gzip, chunked")],
        ] {
            assert!(coding(true, refused).is_err(), "{refused:?}");
        }
        let head = written(
            &parts("POST", "/", &[host, length, chunked]),
            true,
            &far_client(),
        );
        assert!(!head.contains("content-length"), "{head}");
        let head = written(&parts("POST", "/", &[host]), false, &far_client());
        assert!(head.contains("content-length: 0\r\n"), "{head}");
    }

    #[test]
    fn the_host_is_the_one_in_the_target() {
        let parts = parts("GET", "http://me@real.test:81", &[("host", "other.test")]);
        let head = written(&parts, false, &far_client());
        assert!(
            head.starts_with("GET / HTTP/1.1\r\nhost: real.test:81\r\n"),
            "{head}"
        );
        assert!(!head.contains("other"), "{head}");
    }
}
