//! Who asks: what the client says in the request or in a header. Only the socket takes anybody's word for it.

use axum::http::HeaderMap;
use towpath_core::path::Actor;

use crate::server::error::ApiError;

/// The header that names the person.
const HEADER: &str = "x-towpath-actor";

/// The person that a request names, by e-mail address.
pub(super) fn who(named: Option<&str>, headers: &HeaderMap) -> Result<Actor, ApiError> {
    let header = || headers.get(HEADER).and_then(|value| value.to_str().ok());
    let Some(email) = named.or_else(header).map(str::trim) else {
        return Err(ApiError::malformed(format!(
            "nobody is named: say who asks in `actor`, or in the header {HEADER}"
        )));
    };
    // Never `towpath` itself, which has no address.
    let is_address = email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
        && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_address {
        Ok(Actor::person(email))
    } else {
        Err(ApiError::malformed(format!(
            "{email:?} is not an e-mail address"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_named_by_an_address() {
        let mut headers = HeaderMap::new();
        assert!(who(None, &headers).is_err());
        headers.insert(HEADER, "Lee@acme.test".parse().unwrap());
        assert_eq!(who(None, &headers).unwrap(), Actor::person("lee@acme.test"));
        let named = who(Some("dana@acme.test"), &headers).unwrap();
        assert_eq!(named, Actor::person("dana@acme.test"));
        for bad in ["", "towpath", "@", "a@", "@b", "a b@c", "a@b\n", "a@\u{0}b"] {
            // A line's end is cut off, as from a header.
            assert_eq!(who(Some(bad), &headers).is_err(), bad != "a@b\n", "{bad:?}");
        }
    }
}
