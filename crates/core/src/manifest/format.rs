//! What a text must look like, by what it is for. The parser refuses what does not; the JSON Schema says the same.

use std::net::SocketAddr;

use regex::Regex;

use super::{
    DatabaseEngine, code, link,
    moment::{date, moment, weekly, zone},
    suggest::{list, nearest, quoted},
};
use crate::names::is_name;

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Words for people.
    Prose,
    /// A command line, or anything else that must not be blank.
    Filled,
    /// A name that becomes part of paths and host names.
    Name,
    /// A vendor's name for something, a little freer than a name.
    ResourceName,
    /// A file or directory relative to the repository's root.
    Path,
    /// The path of a request.
    UrlPath,
    /// A web address.
    Link,
    /// An environment variable.
    Variable,
    /// A branch, or a pattern of branches.
    Branch,
    /// An e-mail address.
    Email,
    /// An IP address and a port.
    Address,
    /// A civil date and time.
    Moment,
    /// A civil date.
    Date,
    /// Where a vendor's thing is asked for: an address of whatever kind, without a password.
    Endpoint,
    /// What is accepted, or a pattern of it.
    Difference,
    /// A weekly window.
    Week,
    /// An IANA time zone.
    Zone,
    /// The public key of an age pair.
    Recipient,
    /// A database engine.
    Engine,
    /// A regular expression with a group.
    Pattern,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

/// Why a text does not have its format, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

impl Fault {
    pub(super) fn new(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Fault {
        Fault {
            code,
            message: message.into(),
            help: help.into(),
        }
    }
}

impl Format {
    /// Whether the text has this format.
    pub(super) fn check(self, text: &str) -> Result<(), Fault> {
        if text.contains('\0') {
            return Err(Fault::new(
                code::BAD_TEXT,
                format!("{} has a NUL character", quoted(text)),
                "remove the NUL: no program can be handed such a text",
            ));
        }
        match self {
            Format::Prose => Ok(()),
            Format::Filled => filled(text),
            Format::Name => name(text),
            Format::ResourceName => resource_name(text),
            Format::Path => path(text),
            Format::UrlPath => url_path(text),
            Format::Link => link::check(text),
            Format::Variable => variable(text),
            Format::Branch => branch(text),
            Format::Email => email(text),
            Format::Address => address(text).map(drop),
            Format::Moment => moment(text).map(drop),
            Format::Date => date(text).map(drop),
            Format::Difference => difference(text),
            Format::Endpoint => endpoint(text),
            Format::Week => weekly(text).map(drop),
            Format::Zone => zone(text).map(drop),
            Format::Engine => engine(text),
            Format::Recipient => recipient(text),
            Format::Pattern => pattern(text),
            Format::Choice(words) => choice(text, words),
        }
    }

    /// The regular expression that the JSON Schema gives editors; looser than the check where that is simpler.
    pub(super) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Format::Prose | Format::Zone | Format::Choice(_) | Format::Engine => return None,
            Format::Filled | Format::Difference | Format::Endpoint => r"\S",
            Format::Pattern => r"\(",
            Format::Name => r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
            Format::ResourceName => r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$",
            Format::Path => r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$",
            Format::UrlPath => r"^/\S*$",
            Format::Link => r"^https?://\S+$",
            Format::Variable => r"^[A-Za-z_][A-Za-z0-9_]*$",
            Format::Branch => r"^[^\s~^:?\[\\-][^\s~^:?\[\\]*$",
            Format::Email => r"^[^@\s]+@[^@\s]+$",
            Format::Address => r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$",
            Format::Moment => r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$",
            Format::Date => r"^\d{4}-\d{2}-\d{2}$",
            Format::Recipient => "^age1[02-9ac-hj-np-z]{58}$",
            Format::Week => r"^[A-Za-z]+ \d{2}:\d{2} *- *[A-Za-z]+ \d{2}:\d{2}$",
        })
    }
}

/// Whether a manifest takes the text as a web address.
pub(crate) fn is_link(text: &str) -> bool {
    Format::Link.check(text).is_ok()
}

/// Whether it takes it as an endpoint.
pub(crate) fn is_endpoint(text: &str) -> bool {
    Format::Endpoint.check(text).is_ok()
}

/// Whether it takes it as a branch, or as a pattern of branches.
pub(crate) fn is_branch(text: &str) -> bool {
    Format::Branch.check(text).is_ok()
}

/// Whether it takes it as a variable's name.
pub(crate) fn is_variable(text: &str) -> bool {
    Format::Variable.check(text).is_ok()
}

/// A native age recipient: the prefix and 58 letters of the Bech32 alphabet, a checksum among them.
fn recipient(text: &str) -> Result<(), Fault> {
    let letters = text.strip_prefix("age1").unwrap_or_default();
    let is_letter = |c: char| "023456789acdefghjklmnpqrstuvwxyz".contains(c);
    if letters.len() == 58 && letters.chars().all(is_letter) {
        return Ok(());
    }
    // Never the text itself: it may be the other half of the pair.
    let message = match text.to_uppercase().starts_with("AGE-SECRET-KEY") {
        true => "this is a secret key of age; it must not be in a manifest".to_owned(),
        false => format!("{} is not the public key of an age pair", quoted(text)),
    };
    let help = "write the key that begins with `age1`; `towpath secret keygen` makes a pair, `age-keygen -y FILE` shows a pair's public key";
    Err(Fault::new(code::BAD_RECIPIENT, message, help))
}

fn filled(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(
            code::BAD_TEXT,
            "this text is empty",
            "write something here, or remove the key",
        ));
    }
    Ok(())
}

fn pattern(text: &str) -> Result<(), Fault> {
    let help = "write one as the Rust crate regex reads it, with a group around the names, such as \"-> (\\w+)\"";
    let fault = |why: String| Fault::new(code::BAD_PATTERN, why, help);
    match Regex::new(text) {
        Ok(pattern) if pattern.captures_len() > 1 => Ok(()),
        Ok(_) => Err(fault(format!("{} has no group", quoted(text)))),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(fault(format!("{} is too large", quoted(text))))
        }
        Err(_) => Err(fault(format!(
            "{} is not a regular expression",
            quoted(text)
        ))),
    }
}

/// An endpoint is written on pages, so it holds no password, with a scheme or without.
fn endpoint(text: &str) -> Result<(), Fault> {
    let behind = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => Err(Fault::new(
            code::BAD_LINK,
            "an endpoint must not hold a password",
            "put the whole address into the environment's `config` or a secret, and name its key in this resource's `config`",
        )),
        _ => filled(text),
    }
}

/// Names of differences are short; patterns are tried on each of them.
fn difference(text: &str) -> Result<(), Fault> {
    const MOST: usize = 160;
    if text.len() > MOST {
        return Err(Fault::new(
            code::BAD_TEXT,
            format!("{} names no difference", quoted(text)),
            format!(
                "write it as `towpath parity` or `towpath check` does, in at most {MOST} bytes"
            ),
        ));
    }
    filled(text)
}

fn name(text: &str) -> Result<(), Fault> {
    if is_name(text) {
        return Ok(());
    }
    let rule = "use lower-case letters, digits and hyphens, starting with a letter, at most 40";
    let help = match nearest_name(text) {
        Some(better) => format!("write `{better}`: {rule}"),
        None => rule.to_owned(),
    };
    let message = format!("{} is not a name", quoted(text));
    Err(Fault::new(code::BAD_NAME, message, help))
}

/// The name that a text becomes by lower-casing it and putting hyphens for what is between words.
fn nearest_name(text: &str) -> Option<String> {
    let better = text
        .trim()
        .to_lowercase()
        .replace(['_', ' ', '.', '/'], "-");
    is_name(&better).then_some(better)
}

fn resource_name(text: &str) -> Result<(), Fault> {
    let fine = text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if fine {
        return Ok(());
    }
    Err(Fault::new(
        code::BAD_NAME,
        format!("{} is not a resource's name", quoted(text)),
        "use letters, digits, `-`, `_` and `.`, starting with a letter or digit, at most 60",
    ))
}

fn path(text: &str) -> Result<(), Fault> {
    let fault = |why: &str, help: &str| {
        let message = format!("{} {why}", quoted(text));
        Err(Fault::new(code::BAD_PATH, message, help))
    };
    if text.trim().is_empty() {
        return fault(
            "names no place",
            "name a file or a directory of the repository",
        );
    }
    if text.starts_with(['/', '\\', '~']) || text.as_bytes().get(1) == Some(&b':') {
        let help = "write it relative to the repository's root, such as \"target/release/app\"";
        return fault("is not relative to the repository", help);
    }
    if text.split(['/', '\\']).any(|part| part == "..") {
        return fault("may leave the repository", "write the path without `..`");
    }
    if text.chars().any(char::is_control) {
        return fault("has a control character", "write the path without it");
    }
    Ok(())
}

fn url_path(text: &str) -> Result<(), Fault> {
    if text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(Fault::new(
        code::BAD_URL_PATH,
        format!("{} is not the path of a request", quoted(text)),
        "write the path alone, starting with a slash, such as \"/healthz\"",
    ))
}

fn variable(text: &str) -> Result<(), Fault> {
    let fine = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fine {
        return Ok(());
    }
    Err(Fault::new(
        code::BAD_VARIABLE,
        format!("{} cannot name an environment variable", quoted(text)),
        "use letters, digits and underscores, not starting with a digit, such as \"LOG_LEVEL\"",
    ))
}

/// The rules of git-check-ref-format(1), with `*` allowed as the pattern's wildcard.
fn branch(text: &str) -> Result<(), Fault> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "~^:?[\\".contains(c);
    let fine = !text.is_empty()
        && !text.starts_with(['-', '/'])
        && !text.ends_with(['/', '.'])
        && !text.contains(strange)
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{");
    if fine {
        return Ok(());
    }
    Err(Fault::new(
        code::BAD_BRANCH,
        format!("{} cannot name a branch", quoted(text)),
        "write a branch, such as \"main\", or a pattern, such as \"feature/*\"",
    ))
}

fn email(text: &str) -> Result<(), Fault> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c);
    let fine = text.len() <= 254
        && !text.contains(strange)
        && text
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    if fine {
        return Ok(());
    }
    Err(Fault::new(
        code::BAD_EMAIL,
        format!("{} is not an e-mail address", quoted(text)),
        "name members by their e-mail address, such as \"dana@acme.test\"; groups of people go into `idp_groups`",
    ))
}

/// Reads an address to listen on.
pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    let fault = |help: &str| {
        let message = format!("{} is not an address to listen on", quoted(text));
        Err(Fault::new(code::BAD_ADDRESS, message, help))
    };
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            fault("name a port from 1 to 65535; leave `listen` out for a free one")
        }
        Ok(address) => Ok(address),
        Err(_) if text.starts_with("localhost:") => fault(&format!(
            "write \"127.0.0.1{}\"",
            &text["localhost".len()..]
        )),
        Err(_) => fault("write an IP address and a port, such as \"127.0.0.1:8080\""),
    }
}

fn engine(text: &str) -> Result<(), Fault> {
    let help = match text {
        "postgresql" => "write \"postgres\"",
        "mariadb" => "write \"mysql\": MariaDB is meant as well",
        _ => return choice(text, &DatabaseEngine::ALL.map(DatabaseEngine::as_str)),
    };
    let message = format!("{} is no engine's name here", quoted(text));
    Err(Fault::new(code::BAD_CHOICE, message, help))
}

fn choice(text: &str, words: &[&str]) -> Result<(), Fault> {
    if words.contains(&text) {
        return Ok(());
    }
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("write one of {}", list(words.iter().copied())),
    };
    let message = format!(
        "{} is none of {}",
        quoted(text),
        list(words.iter().copied())
    );
    Err(Fault::new(code::BAD_CHOICE, message, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(format: Format, texts: &[&str]) {
        for text in texts {
            assert!(format.check(text).is_err(), "{format:?} accepts {text:?}");
        }
    }

    fn accepted(format: Format, texts: &[&str]) {
        for text in texts {
            assert_eq!(format.check(text), Ok(()), "{format:?}");
        }
    }

    #[test]
    fn paths_stay_within_the_repository() {
        accepted(
            Format::Path,
            &["target/release/app", ".", "a..b/c", "dist/"],
        );
        refused(
            Format::Path,
            &[
                "",
                " ",
                "/etc/passwd",
                "../x",
                "a/../../x",
                "a\\..\\b",
                "C:\\x",
                "~/x",
                "a\nb",
                "a\0b",
            ],
        );
    }

    #[test]
    fn requests() {
        accepted(Format::UrlPath, &["/", "/healthz?full=1"]);
        refused(
            Format::UrlPath,
            &["", "healthz", "http://a/b", "/a b", "/a\r\nHost: b"],
        );
    }

    #[test]
    fn variables_branches_and_people() {
        accepted(Format::Variable, &["LOG_LEVEL", "_x", "a1"]);
        refused(Format::Variable, &["", "1A", "A-B", "A=B", "É"]);
        accepted(
            Format::Branch,
            &["main", "feature/*", "*", "release-1.2", "ünïcode"],
        );
        refused(
            Format::Branch,
            &["", "-x", "/a", "a/", "a..b", "a b", "a:b", "a//b", "a@{b"],
        );
        accepted(Format::Email, &["dana@acme.test", "dana+x@acme.test"]);
        refused(
            Format::Email,
            &[
                "",
                "dana",
                "@acme.test",
                "dana@",
                "a@b@c",
                "Dana <dana@acme.test>",
            ],
        );
    }

    #[test]
    fn addresses_name_an_ip_and_a_port() {
        accepted(
            Format::Address,
            &["127.0.0.1:8080", "[::1]:80", "0.0.0.0:443"],
        );
        refused(
            Format::Address,
            &[
                "",
                "8080",
                ":8080",
                "127.0.0.1",
                "127.0.0.1:0",
                "1.2.3.4:99999",
            ],
        );
        let help = address("localhost:8080").unwrap_err().help;
        assert_eq!(help, "write \"127.0.0.1:8080\"");
    }

    #[test]
    fn a_name_with_capitals_is_answered_with_a_better_one() {
        let help = Format::Name.check("Pre_Prod").unwrap_err().help;
        assert!(help.starts_with("write `pre-prod`"), "{help}");
    }
}
