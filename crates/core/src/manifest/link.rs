//! Web addresses: what a link must look like, by the rules of RFC 3986 for `http` and `https`.

use std::net::Ipv6Addr;

use super::{code, format::Fault, suggest::quoted};

/// Whether people can open it: the form, a host that can exist, a port, and nothing secret in it.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let fault = |message: String, help: &str| Err(Fault::new(code::BAD_LINK, message, help));
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let strange = |c: char| c.is_whitespace() || c.is_control();
    let Some(rest) = rest.filter(|rest| !rest.contains(strange)) else {
        return fault(
            format!("{} is not a web address", quoted(text)),
            "write it in full, starting with https:// or http://",
        );
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    // Not repeated in the message: messages are kept where people's secrets must not be.
    if user.is_some_and(|user| user.contains(':')) {
        return fault(
            "a link must not hold a password".to_owned(),
            "remove what stands before the `@`, and let everybody sign in as themselves",
        );
    }
    let (host, port) = split_port(place);
    if !is_host(host) {
        return fault(
            format!("{} is not a host that can exist", quoted(host)),
            "write the name as it is in the browser, such as \"acme.okta.com\"",
        );
    }
    if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
        return fault(
            format!("{} is not a port", quoted(port.unwrap_or_default())),
            "write a number from 1 to 65535 after the colon, or leave both out",
        );
    }
    Ok(())
}

/// The host, and the port where there is one; the colons of `[::1]` are the host's own.
fn split_port(place: &str) -> (&str, Option<&str>) {
    let after = place.rfind(']').map_or(0, |end| end + 1);
    match place[after..].rfind(':') {
        Some(colon) => {
            let colon = after + colon;
            (&place[..colon], Some(&place[colon + 1..]))
        }
        None => (place, None),
    }
}

/// Whether a host can be found by this name or address: labels of RFC 1034, with the underscores that some have, and with
/// letters of any script, which browsers translate.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || !c.is_ascii())
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_opens_is_a_link() {
        for link in [
            "https://acme.okta.test",
            "http://localhost:3000/x?y=1#z",
            "https://acme.test./path:with@signs",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/",
            "https://dana@acme.test",
            "https://my_bucket.s3.test",
            "https://bücher.test",
        ] {
            assert_eq!(check(link), Ok(()), "{link}");
        }
    }

    #[test]
    fn what_no_browser_opens_is_not() {
        for link in [
            "",
            "-",
            "acme.test",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://acme test",
            "https://a..test",
            "https://.test",
            "https://acme%20corp.test",
            "https://-acme.test",
            "https://acme.test:99999",
            "https://acme.test:0",
            "https://acme.test:",
            "https://acme.test:web",
            "http://[::g]/",
            "http://[::1/",
            "https://@",
            &format!("https://{}.test", "a".repeat(64)),
        ] {
            assert!(check(link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let fault = check("https://dana:hunter2@acme.test").unwrap_err();
        assert!(!fault.message.contains("hunter2") && !fault.help.contains("hunter2"));
    }
}
