//! Secrets of HashiCorp Vault and OpenBao: the key-value stores of version 2 and version 1, over HTTP. Where and as whom
//! is said by `VAULT_ADDR`, `VAULT_TOKEN` or `~/.vault-token`, `VAULT_NAMESPACE` and `VAULT_CACERT`, as for their own
//! command line. Formats: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2> and `…/kv-v1`.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use reqwest::{Client, Response, StatusCode, Url, header::HeaderValue, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::{
    Environment, LARGEST, ProviderError,
    error::{innermost, line},
    fetch::Fetched,
    trust::trust,
};

/// Where Vault is by itself.
const USUAL: &str = "https://127.0.0.1:8200";
const WHERE: &str =
    "set VAULT_ADDR to the address of Vault, such as https://vault.example.com:8200";
const WHO: &str = "set VAULT_TOKEN, or sign in with `vault login`";

/// Vault, which is got to know when it is first asked.
pub(super) struct Vault {
    environment: Environment,
    server: OnceCell<Server>,
    /// What kind of store each mount is; looked up once however many ask.
    stores: Mutex<BTreeMap<String, Arc<OnceCell<Store>>>>,
}

/// One server, and who we are to it.
struct Server {
    client: Client,
    address: Url,
    token: SecretString,
    namespace: Option<HeaderValue>,
}

/// A kind of key-value store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    /// It keeps no versions.
    One,
    /// It keeps versions.
    Two,
    /// We may not know. Most are of version 2.
    Unsaid,
}

/// What a server answers, as far as it is read.
struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

#[derive(Deserialize)]
struct Mount {
    options: Option<BTreeMap<String, String>>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Complaint {
    errors: Vec<String>,
}

impl Vault {
    pub(super) fn new(environment: Environment) -> Self {
        Vault {
            environment,
            server: OnceCell::new(),
            stores: Mutex::default(),
        }
    }

    /// The whole secret, as JSON.
    pub(super) async fn fetch(&self, mount: &str, path: &str, version: Option<u64>) -> Fetched {
        let server = self
            .server
            .get_or_try_init(async || Server::of(&self.environment))
            .await?;
        match self.store(server, mount).await? {
            Store::One => server.one(mount, path, version).await,
            Store::Two => server.two(mount, path, version).await,
            Store::Unsaid => match server.two(mount, path, version).await {
                Err(error) if error.kind() == super::Kind::NotFound && version.is_none() => {
                    server.one(mount, path, version).await.map_err(|_| error)
                }
                answer => answer,
            },
        }
    }

    async fn store(&self, server: &Server, mount: &str) -> Result<Store, ProviderError> {
        let cell = Arc::clone(
            self.stores
                .lock()
                .await
                .entry(mount.to_owned())
                .or_default(),
        );
        cell.get_or_try_init(|| server.store(mount)).await.copied()
    }
}

impl Server {
    fn of(environment: &Environment) -> Result<Server, ProviderError> {
        let written = environment.text("VAULT_ADDR").unwrap_or(USUAL);
        let address = Url::parse(written).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
        });
        let address = address
            .ok_or_else(|| ProviderError::unconfigured("VAULT_ADDR is no address", WHERE))?;
        let namespace = environment
            .text("VAULT_NAMESPACE")
            .map(HeaderValue::from_str);
        let namespace = namespace.transpose().map_err(|_| {
            ProviderError::unconfigured("VAULT_NAMESPACE is no namespace", "look at its letters")
        })?;
        let client = Client::builder()
            .tls_backend_preconfigured(trust(environment.text("VAULT_CACERT").map(Path::new))?)
            // The token would go along to wherever we were sent.
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("towpath/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ProviderError::unconfigured(innermost(&error), WHERE))?;
        let token = token(environment)?;
        Ok(Server {
            client,
            address,
            token,
            namespace,
        })
    }

    /// What kind of store a mount is. Everybody may ask who may read anything in it.
    async fn store(&self, mount: &str) -> Result<Store, ProviderError> {
        let answer = self
            .get(&["sys", "internal", "ui", "mounts"], mount, "", None)
            .await?;
        let data: Option<Data<'_>> = serde_json::from_slice(&answer.body).ok();
        let told = data.and_then(|data| serde_json::from_str::<Mount>(data.data?.get()).ok());
        let Some(told) = told.filter(|_| answer.status == StatusCode::OK) else {
            return Ok(Store::Unsaid);
        };
        let version = told
            .options
            .as_ref()
            .and_then(|options| options.get("version"));
        match (told.kind.as_deref(), version.map(String::as_str)) {
            (_, Some("2")) => Ok(Store::Two),
            (Some("kv" | "generic"), _) => Ok(Store::One),
            (Some(kind), _) => Err(ProviderError::malformed(format!(
                "`{mount}` is of the kind {kind}"
            ))
            .with_help("name the mount of a key-value store")),
            (None, _) => Ok(Store::Unsaid),
        }
    }

    async fn one(&self, mount: &str, path: &str, version: Option<u64>) -> Fetched {
        if version.is_some() {
            return Err(
                ProviderError::not_found(format!("`{mount}` keeps no versions"))
                    .with_help("leave `version` out, or use a key-value store of version 2"),
            );
        }
        let answer = self.get(&[], mount, path, None).await?;
        let body = answer.good(&self.token)?;
        let data: Data<'_> = serde_json::from_slice(&body).map_err(|_| foreign())?;
        Ok(data.data.ok_or_else(foreign)?.get().into())
    }

    async fn two(&self, mount: &str, path: &str, version: Option<u64>) -> Fetched {
        let answer = self
            .get(&[], mount, &format!("data/{path}"), version)
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(answer.gone());
        }
        let body = answer.good(&self.token)?;
        let data: Data<'_> = serde_json::from_slice(&body).map_err(|_| foreign())?;
        let inner = data.data.ok_or_else(foreign)?;
        let inner: Versioned<'_> = serde_json::from_str(inner.get()).map_err(|_| foreign())?;
        Ok(inner.data.ok_or_else(foreign)?.get().into())
    }

    /// Reads what stands at a path; every part of it is one part of the address.
    async fn get(
        &self,
        before: &[&str],
        mount: &str,
        path: &str,
        version: Option<u64>,
    ) -> Result<Answer, ProviderError> {
        let mut url = self.address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .push("v1")
                .extend(before)
                .extend(mount.split('/'));
            segments.extend(path.split('/').filter(|part| !part.is_empty()));
        }
        if let Some(version) = version {
            url.query_pairs_mut()
                .append_pair("version", &version.to_string());
        }
        let token = HeaderValue::from_str(self.token.expose_secret());
        let mut token = token
            .map_err(|_| ProviderError::unconfigured("the token of Vault is no token", WHO))?;
        token.set_sensitive(true);
        let mut request = self
            .client
            .get(url)
            .header("X-Vault-Token", token)
            .header("X-Vault-Request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let response = request.send().await.map_err(|error| self.away(error))?;
        self.read(response).await
    }

    async fn read(&self, mut response: Response) -> Result<Answer, ProviderError> {
        let status = response.status();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(|error| self.away(error))? {
            if body.len() + piece.len() > LARGEST {
                return Err(ProviderError::malformed(
                    "Vault answers with more than 1 MiB",
                ));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body })
    }

    /// Why nobody answered, with the host and nothing else of the address.
    fn away(&self, error: reqwest::Error) -> ProviderError {
        let host = self.address.host_str().unwrap_or_default();
        let port = self.address.port_or_known_default().unwrap_or_default();
        let why = innermost(&error.without_url());
        ProviderError::unreachable(format!("{host}:{port}: {why}")).with_help(WHERE)
    }
}

/// Who we are to Vault.
fn token(environment: &Environment) -> Result<SecretString, ProviderError> {
    let said = environment.text("VAULT_TOKEN").map(str::trim);
    if let Some(token) = said.filter(|token| !token.is_empty()) {
        return Ok(token.into());
    }
    let kept = environment.home().map(|home| home.join(".vault-token"));
    let read = kept
        .and_then(|path| fs::read_to_string(path).ok())
        .map(Zeroizing::new);
    match read.as_deref().map(|token| token.trim()) {
        Some(token) if !token.is_empty() => Ok(token.into()),
        _ => Err(ProviderError::unconfigured(
            "there is no token of Vault",
            WHO,
        )),
    }
}

impl Answer {
    /// The body of an answer that has what was asked for.
    fn good(self, token: &SecretString) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let status = self.status.as_u16();
        match status {
            200 => Ok(self.body),
            404 => Err(missing()),
            401 | 403 => Err(ProviderError::denied(format!(
                "Vault refuses it: {}",
                self.words(token)
            ))
            .with_help(
                "sign in again with `vault login`, or ask for a policy that may read this path",
            )),
            300..=399 => Err(
                ProviderError::unreachable("Vault sends us on to another server")
                    .with_help("set VAULT_ADDR to the address of the active server"),
            ),
            412 | 429 | 472 | 473 | 500.. => Err(ProviderError::unreachable(format!(
                "Vault answers {status}: {}",
                self.words(token)
            ))
            .with_help("look at `vault status`: it may be sealed, or starting")),
            _ => Err(ProviderError::malformed(format!(
                "Vault answers {status}: {}",
                self.words(token)
            ))
            .with_help("look at the mount and the path, and at VAULT_NAMESPACE")),
        }
    }

    /// What Vault says itself, without our token, should it be repeated there.
    fn words(&self, token: &SecretString) -> String {
        let complaint: Option<Complaint> = serde_json::from_slice(&self.body).ok();
        let words = complaint.and_then(|complaint| complaint.errors.into_iter().next());
        let words = words.unwrap_or_else(|| "it does not say why".to_owned());
        line(&words.replace(token.expose_secret(), "***"))
    }

    /// Why a version is not there: such an answer says whether it was, and was deleted.
    fn gone(&self) -> ProviderError {
        let data: Option<Data<'_>> = serde_json::from_slice(&self.body).ok();
        let inner =
            data.and_then(|data| serde_json::from_str::<Versioned<'_>>(data.data?.get()).ok());
        match inner.and_then(|inner| inner.metadata) {
            Some(metadata) if metadata.destroyed => {
                ProviderError::not_found("this version was destroyed")
                    .with_help("name another version, or write a new one")
            }
            Some(metadata) if !metadata.deletion_time.is_empty() => {
                ProviderError::not_found("this version was deleted")
                    .with_help("bring it back with `vault kv undelete`, or write a new one")
            }
            _ => missing(),
        }
    }
}

fn missing() -> ProviderError {
    ProviderError::not_found("Vault has no such secret, or none of this version")
        .with_help("look at the mount and the path, and at VAULT_NAMESPACE")
}

fn foreign() -> ProviderError {
    ProviderError::malformed("the answer is not one of a key-value store").with_help(WHERE)
}
