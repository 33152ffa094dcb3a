//! A mail server: whether it greets us, speaks TLS, and takes the user and the password. No mail is sent.

use std::net::IpAddr;

use lettre::transport::smtp::{
    self,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
    extension::ClientId,
};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    Finding, Secret, Subject,
    call::Call,
    certificate,
    trouble::{Address, Trouble},
};

/// Where mail is handed in, RFC 6409 and RFC 8314.
const SUBMISSION: u16 = 587;
const SUBMISSION_OVER_TLS: u16 = 465;

/// A mail server and who we are to it.
#[derive(Debug)]
struct Server {
    at: Address,
    /// Whether TLS is there from the first byte on, rather than after `STARTTLS`.
    tls: bool,
    login: Option<(String, Secret)>,
}

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let server = server(call.subject)?;
    let at = server.at.clone();
    match call.within(&at, dialogue(call, &server)).await? {
        Ok(finding) => Ok(finding),
        Err(error) => Err(failed(&at, &error).await),
    }
}

/// What is said with the server, from its greeting to our leave.
async fn dialogue(call: &Call<'_>, server: &Server) -> Result<Finding, smtp::Error> {
    let at = &server.at;
    let us = ClientId::default();
    let tls = tls(call, at)?;
    let first = server.tls.then(|| tls.clone());
    let place = (at.name(), at.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(place, Some(call.left()), &us, first, None).await?;
    if connection.can_starttls() {
        connection.starttls(tls, &us).await?;
    }
    let encrypted = connection.is_encrypted();
    let greeting = connection.server_info().name().to_owned();
    let offers_login = connection
        .server_info()
        .get_auth_mechanism(DEFAULT_MECHANISMS);
    let expires = match encrypted {
        true => certificate::not_after(&connection.peer_certificate()?),
        false => None,
    };
    let over = if encrypted { "over TLS" } else { "without TLS" };
    let finding = match &server.login {
        Some(_) if !encrypted && !is_here(at) => Finding::amber(format!(
            "{at} greets us, but offers no TLS: the password was not sent, as anybody could read it"
        )),
        Some(_) if offers_login.is_none() => Finding::red(format!(
            "{at} greets us {over}, but takes no user and password"
        )),
        Some((user, password)) => {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            match connection.auth(DEFAULT_MECHANISMS, &login).await {
                Ok(_) => Finding::green(format!(
                    "{at} greets us {over}, and takes the user and the password"
                )),
                Err(error) if error.is_permanent() => Finding::red(format!(
                    "{at} refuses the user or the password: {}",
                    words(&error)
                )),
                Err(error) => return Err(error),
            }
        }
        None => Finding::green(format!("{at} greets us {over}")),
    };
    // All that was to be seen has been seen: how it takes our leave changes nothing.
    connection.abort().await;
    let finding = finding.fact("server", greeting).fact("tls", encrypted);
    Ok(finding.certificate(expires, call.now()))
}

fn tls(call: &Call<'_>, at: &Address) -> Result<TlsParameters, smtp::Error> {
    let mut tls =
        TlsParameters::builder(at.name().to_owned()).certificate_store(CertificateStore::None);
    for root in &call.trust.roots {
        tls = tls.add_root_certificate(Certificate::from_der(root.to_vec())?);
    }
    tls.build()
}

/// What an error in the dialogue says of the server.
async fn failed(at: &Address, error: &smtp::Error) -> Finding {
    match error.status() {
        Some(_) => Finding::red(format!(
            "{at} does not want to speak with us: {}",
            words(error)
        )),
        None if error.is_response() => {
            Finding::red(format!("what answers at {at} is no mail server"))
        }
        None => Trouble::of(at, error).await.into(),
    }
}

/// What the server said, with its code.
fn words(error: &smtp::Error) -> String {
    let code = error.status().map(|code| code.to_string());
    let words = std::error::Error::source(error).map(ToString::to_string);
    let parts: Vec<String> = [code, words].into_iter().flatten().collect();
    parts.join(" ")
}

/// Whether it is on this machine, where nobody listens in.
fn is_here(at: &Address) -> bool {
    at.host == "localhost" || at.name().parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// The server that a subject is: an endpoint, a URL or a host among the credentials, an id with a port.
fn server(subject: &Subject) -> Result<Server, Finding> {
    let url = subject
        .naming(&["URL", "DSN"])
        .find(|url| url.starts_with("smtp"));
    let host = ["SMTP_HOST", "MAIL_HOST", "SMTP_SERVER"];
    let host = host.into_iter().find_map(|name| subject.credential(name));
    let id = subject.id().filter(|id| id.contains(':'));
    let Some(written) = subject.endpoint().or(url).or(host).or(id) else {
        return Err(Finding::unknown(
            "its address is not known; write host:port as endpoint, or set an smtp:// URL or SMTP_HOST",
        ));
    };
    let wrong = || {
        Finding::unknown(format!(
            "`{written}` is no mail server's address; write host:port as endpoint"
        ))
    };
    let url = match written.contains("://") {
        true => Url::parse(written),
        false => Url::parse(&format!("smtp://{written}")),
    };
    let url = url.map_err(|_| wrong())?;
    let scheme = match url.scheme() {
        "smtp" | "submission" => SUBMISSION,
        "smtps" | "submissions" | "smtp+ssl" => SUBMISSION_OVER_TLS,
        _ => return Err(wrong()),
    };
    let port = ["SMTP_PORT", "MAIL_PORT"];
    let port = port
        .into_iter()
        .find_map(|name| subject.credential(name)?.parse().ok());
    let at = Address::of(&url, port.unwrap_or(scheme)).ok_or_else(wrong)?;
    let tls = scheme == SUBMISSION_OVER_TLS || at.port == SUBMISSION_OVER_TLS;
    let login = login(subject, &url);
    Ok(Server { at, tls, login })
}

/// The user and the password: of the URL, or among the credentials.
fn login(subject: &Subject, url: &Url) -> Option<(String, Secret)> {
    let meant = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if let Some(password) = url.password() {
        return Some((meant(url.username()), meant(password).into()));
    }
    let user = subject.naming(&["USER", "LOGIN"]).next()?;
    let password = subject.naming(&["PASS"]).next()?;
    Some((user.to_owned(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(endpoint: Option<&str>, credentials: &[(&str, &str)]) -> Result<String, String> {
        let credentials = credentials.iter();
        let subject = Subject {
            endpoint: endpoint.map(str::to_owned),
            credentials: credentials
                .map(|&(key, value)| (key.to_owned(), value.into()))
                .collect(),
            ..Subject::default()
        };
        let told = |server: Server| {
            let login = server
                .login
                .map(|(user, password)| format!(" {user}/{}", password.expose()));
            let tls = if server.tls { " tls" } else { "" };
            format!("{}{tls}{}", server.at, login.unwrap_or_default())
        };
        server(&subject).map(told).map_err(|stopped| stopped.reason)
    }

    #[test]
    fn a_server_is_named_in_several_ways() {
        let host = ("SMTP_HOST", "mail.test");
        let port = ("SMTP_PORT", "2525");
        let user = ("SMTP_USERNAME", "me");
        let password = ("SMTP_PASSWORD", "secret");
        let url = ("SMTP_URL", "smtp://me%40a.test:p%2Fw@mail.test");
        let of_credentials = |credentials: &[(&str, &str)]| of(None, credentials).unwrap();
        assert_eq!(of(Some("mail.test"), &[]).unwrap(), "mail.test:587");
        assert_eq!(of(Some("mail.test:25"), &[]).unwrap(), "mail.test:25");
        assert_eq!(of(Some("mail.test:465"), &[]).unwrap(), "mail.test:465 tls");
        assert_eq!(
            of(Some("smtps://mail.test"), &[]).unwrap(),
            "mail.test:465 tls"
        );
        assert_eq!(of_credentials(&[host]), "mail.test:587");
        assert_eq!(
            of_credentials(&[host, port, user, password]),
            "mail.test:2525 me/secret"
        );
        assert_eq!(of_credentials(&[url]), "mail.test:587 me@a.test/p/w");
    }

    #[test]
    fn only_this_machine_is_here() {
        for (host, here) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("mail.test", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_here(&Address::new(host, 25)), here, "{host}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_asked() {
        assert!(of(None, &[]).is_err());
        assert!(of(Some("https://mail.test"), &[]).is_err());
        assert!(of(Some("mail test"), &[]).is_err());
    }
}
