//! A Docker engine: whether it answers, and which it is. The calls are those of the Docker Engine API, `/_ping` and
//! `/version`.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::{
    Finding, Subject,
    call::{Call, LITTLE, told},
    prober,
    subject::web_address,
    trouble::Trouble,
};

/// Where an engine is if nobody says so.
const USUAL: &str = "unix:///var/run/docker.sock";

/// Where an engine is.
#[derive(Debug, PartialEq)]
enum Place {
    Socket(String),
    Page(Url),
}

pub(super) async fn ask(call: &Call<'_>) -> Result<Finding, Finding> {
    let place = place(call.subject)?;
    let (client, base, shown) = match &place {
        Place::Page(url) => (call.client.clone(), url.clone(), url.authority().to_owned()),
        Place::Socket(path) => {
            if !std::path::Path::new(path).exists() {
                return Err(Finding::red(format!(
                    "no engine is at {path}: there is no such socket"
                )));
            }
            let client = socket(call, path)?;
            (
                client,
                web_address("engine", "http://localhost/")?,
                path.clone(),
            )
        }
    };
    let call = &Call {
        client: &client,
        ..*call
    };
    let read = async |name: &str| {
        let mut url = base.clone();
        url.set_path(name);
        let reply = call
            .send(&url, call.request(Method::GET, &url), LITTLE)
            .await;
        let reply = reply.map_err(|trouble| match (&place, trouble) {
            (Place::Page(_), trouble) => trouble.into(),
            (Place::Socket(path), Trouble::Refused(_)) => Finding::red(format!(
                "no engine is at {path}: nothing listens on that socket"
            )),
            (Place::Socket(path), trouble) => Finding::red(format!(
                "the engine at {path} does not answer: {}",
                trouble.why()
            )),
        })?;
        match reply.status {
            StatusCode::OK => Ok(reply),
            _ => Err(Finding::red(format!(
                "the engine at {shown} answers {}",
                reply.refusal()
            ))),
        }
    };
    let ping = read("/_ping").await?;
    if ping.text().trim() != "OK" {
        return Err(Finding::red(format!(
            "what answers at {shown} is no Docker engine"
        )));
    }
    let answer = read("/version").await?.json();
    let text = |key: &str| answer.as_ref()?.get(key).and_then(Value::as_str);
    let Some(version) = text("Version") else {
        return Err(Finding::red(format!(
            "what answers at {shown} is no Docker engine"
        )));
    };
    let finding = Finding::green(format!(
        "the engine at {shown} answers; it is version {version}"
    ))
    .fact("version", version)
    .fact_if("api", text("ApiVersion"))
    .fact_if("system", text("Os"))
    .fact_if("architecture", text("Arch"));
    Ok(finding.certificate(ping.expires, call.now()))
}

/// A client that speaks to a socket whatever it is asked.
fn socket(call: &Call<'_>, path: &str) -> Result<Client, Finding> {
    let client = prober::client(call.settings, call.trust).unix_socket(path);
    client
        .build()
        .map_err(|error| Finding::red(format!("the socket {path} cannot be used: {}", told(error))))
}

/// Where the engine is: the endpoint, `DOCKER_HOST`, or the usual place.
fn place(subject: &Subject) -> Result<Place, Finding> {
    let written = subject
        .endpoint()
        .or_else(|| subject.credential("DOCKER_HOST"));
    let written = written.unwrap_or(USUAL);
    if written.starts_with('/') {
        return Ok(Place::Socket(written.to_owned()));
    }
    match written.split_once("://") {
        Some(("unix", path)) => Ok(Place::Socket(path.to_owned())),
        Some(("tcp", rest)) => Ok(Place::Page(web_address(
            "engine",
            &format!("http://{rest}"),
        )?)),
        Some(("http" | "https", _)) => Ok(Place::Page(web_address("engine", written)?)),
        Some(("ssh", _)) => Err(Finding::unknown(
            "an engine behind SSH is not asked from here; write where it listens as endpoint",
        )),
        _ => Err(Finding::unknown(format!(
            "`{written}` is no place of an engine; write unix:///path, tcp://host:port or https://host:port"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_where_docker_would_look_for_it() {
        let mut subject = Subject::default();
        let of = |subject: &Subject| place(subject).map_err(|stopped| stopped.reason);
        assert_eq!(
            of(&subject),
            Ok(Place::Socket("/var/run/docker.sock".into()))
        );
        let host = ("DOCKER_HOST".to_owned(), "tcp://10.0.0.1:2375".into());
        subject.credentials = [host].into();
        let page = Place::Page("http://10.0.0.1:2375/".parse().unwrap());
        assert_eq!(of(&subject), Ok(page));
        subject.endpoint = Some("unix:///run/user/1000/docker.sock".into());
        assert_eq!(
            of(&subject),
            Ok(Place::Socket("/run/user/1000/docker.sock".into()))
        );
        for wrong in [
            "ssh://me@host",
            "host:2375",
            "npipe:////./pipe/docker_engine",
        ] {
            subject.endpoint = Some(wrong.into());
            assert!(of(&subject).unwrap_err().contains("write "), "{wrong}");
        }
    }
}
