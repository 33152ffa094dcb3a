//! Mail servers, on aiosmtpd: with TLS after a greeting, from the first byte on, and without.

use std::{fs, process::Command, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinSet};
use towpath_probe::{Finding, Health, Settings};

use crate::{
    certificates::{Authority, told},
    place::PYTHON,
    rig::{Server, ask, ask_with, assert_found, free_port, packages, subject},
    web::{Web, answer},
};

/// A server that takes one user, and those who trust it.
struct Mail {
    _server: Server,
    _directory: tempfile::TempDir,
    authority: Authority,
    port: u16,
}

const PASSWORD: &str = "open sesame";

impl Mail {
    async fn start(tls: &str, days: i64) -> Option<Mail> {
        let python = packages(&PYTHON)?.join("bin/python");
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let pair = authority.files(directory.path(), &["127.0.0.1"], days);
        let script = directory.path().join("smtp_server.py");
        fs::write(&script, include_str!("../stand-ins/python/smtp.py")).unwrap();
        let port = free_port();
        let mut command = Command::new(python);
        command
            .arg(script)
            .args([&port.to_string(), "me", PASSWORD, tls])
            .args([&pair.certificate, &pair.key]);
        let mut server = Server::start(directory.path(), "smtp", &mut command);
        server.listening("the mail server", port).await;
        Some(Mail {
            _server: server,
            _directory: directory,
            authority,
            port,
        })
    }

    fn at(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn ask(&self, scheme: &str, credentials: &[(&str, &str)]) -> Finding {
        let endpoint = format!("{scheme}{}", self.at());
        let subject = subject("smtp", "", &endpoint, credentials);
        ask_with(self.authority.settings(), &subject).await
    }
}

const GOOD: &[(&str, &str)] = &[("SMTP_USERNAME", "me"), ("SMTP_PASSWORD", PASSWORD)];
const WRONG: &[(&str, &str)] = &[("SMTP_USERNAME", "me"), ("SMTP_PASSWORD", "abracadabra")];

#[tokio::test]
async fn a_server_with_starttls_takes_the_password_or_not() {
    let Some(mail) = Mail::start("starttls", 90).await else {
        return;
    };
    let at = mail.at();
    let finding = mail.ask("", &[]).await;
    assert_found(&finding, Health::Green, &format!("{at} greets us over TLS"));
    assert_eq!(finding.facts["tls"], "true");
    assert_eq!(finding.facts["expires"], told(90));
    let finding = mail.ask("smtp://", GOOD).await;
    let reason = format!("{at} greets us over TLS, and takes the user and the password");
    assert_found(&finding, Health::Green, &reason);
    let finding = mail.ask("smtp://", WRONG).await;
    assert_eq!(finding.health, Health::Red, "{finding:?}");
    // The server repeats what was said to it, as it is and as it was sent.
    let reason = format!("{at} refuses the user or the password: 535 5.7.8 no such login: *** ***");
    assert_eq!(finding.reason, reason);

    let stranger = subject("smtp", "", &at, GOOD);
    let finding = ask_with(Authority::new().settings(), &stranger).await;
    let reason = "is not to be trusted: nobody who is trusted here has signed it";
    assert_found(
        &finding,
        Health::Red,
        &format!("the certificate of {at} {reason}"),
    );
}

#[tokio::test]
async fn a_server_may_speak_tls_from_the_first_byte_on() {
    let Some(mail) = Mail::start("first", 5).await else {
        return;
    };
    let finding = mail.ask("smtps://", GOOD).await;
    assert_eq!(finding.health, Health::Amber, "{finding:?}");
    let reason = format!("but its certificate expires on {}, in 4 days", told(5));
    assert!(finding.reason.ends_with(&reason), "{finding:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_given_passwords_on_this_machine_only() {
    let Some(mail) = Mail::start("none", 90).await else {
        return;
    };
    let finding = mail.ask("", GOOD).await;
    let reason = format!(
        "{} greets us without TLS, and takes the user and the password",
        mail.at()
    );
    assert_found(&finding, Health::Green, &reason);
    assert_eq!(finding.facts["tls"], "false");
}

#[tokio::test]
async fn a_server_without_tls_elsewhere_is_not_given_the_password() {
    let Some(mail) = Mail::start("none", 90).await else {
        return;
    };
    // An old way to write 127.0.0.1, which the system knows and we do not take for this machine.
    let endpoint = format!("127.1:{}", mail.port);
    let finding = ask(&subject("smtp", "", &endpoint, GOOD)).await;
    let reason =
        "greets us, but offers no TLS: the password was not sent, as anybody could read it";
    assert_found(&finding, Health::Amber, &format!("{endpoint} {reason}"));
}

/// A server that says this and hangs up.
async fn greeting(text: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    (at, serving)
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_red() {
    let (at, _serving) = greeting("554 5.3.2 not today\r\n").await;
    let finding = ask(&subject("smtp", "", &at, &[])).await;
    let reason = format!("{at} does not want to speak with us: 554 5.3.2 not today");
    assert_found(&finding, Health::Red, &reason);
    let (at, _serving) = greeting("SSH-2.0-OpenSSH_9.2\r\n").await;
    let finding = ask(&subject("smtp", "", &at, &[])).await;
    assert_found(
        &finding,
        Health::Red,
        &format!("what answers at {at} is no mail server"),
    );
}

#[tokio::test]
async fn a_server_that_waits_for_us_to_speak_is_red() {
    let web = Web::start(|_| answer(200, "welcome")).await;
    let settings = Settings {
        timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let finding = ask_with(settings, &subject("smtp", "", &web.at(), &[])).await;
    let reason = format!("{} did not answer within 0.3 seconds", web.at());
    assert_found(&finding, Health::Red, &reason);
}
