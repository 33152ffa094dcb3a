//! What becomes of a message's head on its way through: hop-by-hop fields go, `X-Forwarded-*` come (RFC 9110 §7.6.1).

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, TE, TRANSFER_ENCODING, UPGRADE,
    },
    request, response,
    uri::PathAndQuery,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who is on the other end of a connection.
#[derive(Debug)]
pub(super) struct Client {
    /// The client's address as a header value.
    address: HeaderValue,
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
            trusted: address.is_loopback(),
            address: HeaderValue::from_maybe_shared(address.to_string())
                .expect("an address is visible ASCII"),
            listener,
        }
    }
}

/// A request that no instance gets to see, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) &'static str);

/// Rewrites the head of a request for an instance. Tells whether it asks for an upgrade.
pub(super) fn to_instance(
    parts: &mut request::Parts,
    has_body: bool,
    client: &Client,
) -> Result<bool, Refused> {
    if parts.method == Method::CONNECT {
        return Err(Refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "this is not a forward proxy\n",
        ));
    }
    name_host(parts, client)?;
    let upgrades = parts.version == Version::HTTP_11 && wants_upgrade(&parts.headers);
    let upgrade = upgrades.then(|| parts.headers.remove(UPGRADE)).flatten();
    let trailers = parts.headers.get_all(TE).iter().any(names_trailers);
    let chunked = transfer_coding(&parts.headers)?;

    drop_hop_by_hop(&mut parts.headers);
    parts.headers.remove(TE);
    // Answered here, as soon as the instance starts to read the body.
    parts.headers.remove(EXPECT);
    if let Some(protocol) = upgrade {
        parts.headers.insert(UPGRADE, protocol);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if trailers {
        parts
            .headers
            .insert(TE, HeaderValue::from_static("trailers"));
    }
    if has_body && (chunked || !parts.headers.contains_key(CONTENT_LENGTH)) {
        parts
            .headers
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if parts.version == Version::HTTP_2 {
        join_cookies(&mut parts.headers);
    }
    speak_for(&mut parts.headers, client);
    parts.version = Version::HTTP_11;
    Ok(upgrades)
}

/// Rewrites the head of an answer for the client.
pub(super) fn to_client(parts: &mut response::Parts) {
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = parts.headers.remove(UPGRADE);
        drop_hop_by_hop(&mut parts.headers);
        if let Some(protocol) = protocol {
            parts.headers.insert(UPGRADE, protocol);
        }
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else {
        drop_hop_by_hop(&mut parts.headers);
    }
    parts.version = Version::HTTP_11;
}

/// Sees to it that there is exactly one `Host`, and that the target is in origin form (RFC 9112 §3.2).
fn name_host(parts: &mut request::Parts, client: &Client) -> Result<(), Refused> {
    if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|_| Refused(StatusCode::BAD_REQUEST, "the host is malformed\n"))?;
        parts.headers.insert(HOST, host);
        let mut uri = http::uri::Parts::default();
        uri.path_and_query = Some(match parts.uri.path_and_query() {
            Some(path) if !path.as_str().is_empty() => path.clone(),
            _ => PathAndQuery::from_static("/"),
        });
        parts.uri = Uri::from_parts(uri)
            .map_err(|_| Refused(StatusCode::BAD_REQUEST, "the target is malformed\n"))?;
        return Ok(());
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => Ok(()),
        (None, _) if parts.version == Version::HTTP_10 => {
            let host = HeaderValue::from_maybe_shared(client.listener.to_string())
                .expect("an address is visible ASCII");
            parts.headers.insert(HOST, host);
            Ok(())
        }
        (None, _) => Err(Refused(
            StatusCode::BAD_REQUEST,
            "the request names no host\n",
        )),
        (Some(_), Some(_)) => Err(Refused(
            StatusCode::BAD_REQUEST,
            "the request names several hosts\n",
        )),
    }
}

/// Whether the body is chunked. Any other coding would reach the instance without its name, and is refused.
fn transfer_coding(headers: &HeaderMap) -> Result<bool, Refused> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Refused(
            StatusCode::NOT_IMPLEMENTED,
            "the only transfer coding understood is chunked\n",
        )),
    }
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers
            .get_all(CONNECTION)
            .iter()
            .any(|value| tokens(value).any(|token| token.eq_ignore_ascii_case("upgrade")))
}

fn names_trailers(value: &HeaderValue) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case("trailers"))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value
        .to_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Removes what concerns only the connection that it came on.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(tokens)
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            // Without these the message would mean something else.
            .filter(|name| name != HOST && name != CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    headers.remove(UPGRADE);
}

/// HTTP/2 may split cookies over several fields, HTTP/1.1 may not (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let mut joined = first.as_bytes().to_vec();
        for cookie in std::iter::once(second).chain(cookies) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(joined) {
            headers.insert(COOKIE, value);
        }
    }
}

/// Tells the instance who the client is. What a client on another machine says of itself is not passed on as fact.
fn speak_for(headers: &mut HeaderMap, client: &Client) {
    let address = if headers.contains_key(FORWARDED_FOR) {
        let mut chain = Vec::new();
        for earlier in headers.get_all(FORWARDED_FOR) {
            chain.extend_from_slice(earlier.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(client.address.as_bytes());
        HeaderValue::from_maybe_shared(chain).unwrap_or_else(|_| client.address.clone())
    } else {
        client.address.clone()
    };
    headers.insert(FORWARDED_FOR, address);
    if !client.trusted {
        headers.remove(FORWARDED);
    }
    if !(client.trusted && headers.contains_key(FORWARDED_PROTO)) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    if !(client.trusted && headers.contains_key(FORWARDED_HOST))
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(FORWARDED_HOST, host);
    }
}
