//! Secrets of AWS, by its own libraries: who we are, where, and what their errors mean. The libraries look for region,
//! credentials and endpoints where AWS's command line does, in the environment of the process and in `~/.aws`.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::sync::OnceCell;

use super::{
    Kind, ProviderError, Source,
    error::innermost,
    fetch::Fetched,
    retry::{Deadline, retried},
};

mod parameter_store;
mod secrets_manager;

const WHO: &str =
    "sign in to AWS, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const WHERE: &str =
    "set AWS_REGION, or write the region behind the reference: `?region=eu-central-1`";

/// AWS, whose configuration is looked for when it is first asked.
#[derive(Default)]
pub(super) struct Aws(OnceCell<SdkConfig>);

/// What is asked of one service in one region, with one call if that can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    service: Service,
    region: Option<String>,
    sources: Vec<Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Service {
    Parameters,
    Secrets,
    /// A parameter of one version: an answer to many need not say which of its versions is which.
    Parameter,
    /// A secret that is not asked for together with others: those calls know current versions only.
    Secret,
}

impl Service {
    /// How many one call may ask for.
    fn most(self) -> usize {
        match self {
            Service::Parameters => 10,
            Service::Secrets => 20,
            Service::Parameter | Service::Secret => 1,
        }
    }
}

/// Whether AWS keeps it.
pub(super) fn keeps(source: &Source) -> bool {
    matches!(
        source,
        Source::SecretsManager { .. } | Source::ParameterStore { .. }
    )
}

/// As few calls as can be.
pub(super) fn batches(sources: BTreeSet<Source>) -> Vec<Batch> {
    let mut groups: BTreeMap<(Service, Option<String>), Vec<Source>> = BTreeMap::new();
    for source in sources {
        let (service, region) = match &source {
            Source::ParameterStore { name, region } if parameter_store::is_of_a_version(name) => {
                (Service::Parameter, region)
            }
            Source::ParameterStore { region, .. } => (Service::Parameters, region),
            Source::SecretsManager {
                region,
                version: None,
                ..
            } => (Service::Secrets, region),
            Source::SecretsManager { region, .. } => (Service::Secret, region),
            _ => continue,
        };
        groups
            .entry((service, region.clone()))
            .or_default()
            .push(source);
    }
    let cut = |((service, region), sources): ((Service, Option<String>), Vec<Source>)| {
        let chunks: Vec<Vec<Source>> = sources
            .chunks(service.most())
            .map(<[Source]>::to_vec)
            .collect();
        chunks.into_iter().map(move |sources| Batch {
            service,
            region: region.clone(),
            sources,
        })
    };
    groups.into_iter().flat_map(cut).collect()
}

impl Aws {
    /// Asks for all of a batch at once, and for one after the other where that is not granted: the right to ask for
    /// many is a right of its own, and one that we may not read spoils the others.
    pub(super) async fn fetch(&self, batch: Batch, deadline: Deadline) -> Vec<(Source, Fetched)> {
        let Batch {
            service,
            region,
            sources,
        } = batch;
        let region = region.as_deref();
        let together = retried(deadline, || self.ask(service, region, &sources)).await;
        let answers = match together {
            Ok(answers) => answers,
            Err(error) => {
                let alone =
                    sources.len() > 1 && matches!(error.kind(), Kind::Denied | Kind::Malformed);
                let answer = (!alone).then_some(Err(error));
                vec![answer; sources.len()]
            }
        };
        let mut fetched = Vec::with_capacity(sources.len());
        for (source, answer) in sources.into_iter().zip(answers) {
            let answer = match answer {
                Some(answer) => answer,
                None => self.alone(service, region, &source, deadline).await,
            };
            fetched.push((source, answer));
        }
        fetched
    }

    async fn alone(
        &self,
        service: Service,
        region: Option<&str>,
        source: &Source,
        deadline: Deadline,
    ) -> Fetched {
        let sources = std::slice::from_ref(source);
        let answers = retried(deadline, || self.ask(service, region, sources)).await?;
        let answer = answers.into_iter().next().flatten();
        answer.unwrap_or_else(|| Err(ProviderError::malformed("AWS answers with something else")))
    }

    /// One call. `None` is what the answer says nothing of.
    async fn ask(
        &self,
        service: Service,
        region: Option<&str>,
        sources: &[Source],
    ) -> Result<Vec<Option<Fetched>>, ProviderError> {
        let config = self.config(region).await?;
        match service {
            Service::Parameters | Service::Parameter => {
                parameter_store::ask(&config, sources).await
            }
            Service::Secrets | Service::Secret => secrets_manager::ask(&config, sources).await,
        }
    }

    async fn config(&self, region: Option<&str>) -> Result<SdkConfig, ProviderError> {
        let config = self.0.get_or_init(load).await;
        let config = match region {
            Some(region) => {
                let region = Region::new(region.to_owned());
                config.clone().into_builder().region(region).build()
            }
            None => config.clone(),
        };
        match config.region() {
            Some(region) if !region.as_ref().is_empty() => Ok(config),
            _ => Err(ProviderError::unconfigured(
                "it is not said in which region of AWS",
                WHERE,
            )),
        }
    }
}

async fn load() -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        // We ask again ourselves, and by the clock of the whole fetch.
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// The region that was asked, as an error tells it.
fn region(config: &SdkConfig) -> &str {
    config.region().map(Region::as_ref).unwrap_or_default()
}

/// What an error of AWS means.
fn trouble<E>(error: &SdkError<E, HttpResponse>, config: &SdkConfig) -> ProviderError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let region = region(config);
    let busy = |why: &str| ProviderError::unreachable(format!("AWS in {region}: {why}"));
    // The libraries look for credentials before they put a request together, which they can from any reference.
    let nobody = || ProviderError::unconfigured("no credentials of AWS were found that work", WHO);
    match error {
        SdkError::ServiceError(context) => match context.err().code() {
            Some(code) => coded(code, context.err().message(), region),
            None => answered(context.raw(), region),
        },
        // What is no answer of the service may be one of what stands before it.
        SdkError::ResponseError(context) => answered(context.raw(), region),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) if error.is_io() || error.is_timeout() => busy(&innermost(error)),
            _ => nobody(),
        },
        SdkError::ConstructionFailure(_) => nobody(),
        SdkError::TimeoutError(_) => busy("it takes too long"),
        _ => busy("nobody knows why"),
    }
}

/// What an answer means of which only the status can be read.
fn answered(response: &HttpResponse, region: &str) -> ProviderError {
    match response.status().as_u16() {
        status @ (401 | 403) => {
            ProviderError::denied(format!("AWS does not take our credentials: {status}"))
                .with_help(WHO)
        }
        status => {
            let why = "which broke off, or was none of AWS";
            ProviderError::unreachable(format!(
                "AWS in {region}: there was an answer ({status}), {why}"
            ))
        }
    }
}

/// What a code of AWS means. Its message is told only where it names rights: elsewhere it may repeat what was signed.
fn coded(code: &str, message: Option<&str>, region: &str) -> ProviderError {
    match code {
        "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => {
            missing(region)
        }
        "AccessDeniedException" | "AccessDenied" => {
            let words = message.unwrap_or("access is denied");
            ProviderError::denied(format!("AWS refuses it: {words}"))
        }
        "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDeniedException" => {
            ProviderError::denied(format!("AWS cannot decrypt it for us: {code}"))
                .with_help("ask for the right to use the key it is encrypted with: `kms:Decrypt`")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure" => {
            ProviderError::denied(format!("AWS does not take our credentials: {code}"))
                .with_help(WHO)
        }
        // A secret that waits to be deleted.
        "InvalidRequestException" => {
            ProviderError::not_found("AWS has no value of it: the secret is marked as deleted")
                .with_help("restore the secret, or make a new one")
        }
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "InternalServiceError"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => {
            ProviderError::unreachable(format!("AWS in {region}: {code}"))
        }
        code => ProviderError::malformed(format!("AWS answers {code}"))
            .with_help("look at the name in the reference, and at what is stored there"),
    }
}

fn missing(region: &str) -> ProviderError {
    ProviderError::not_found(format!("AWS has none of that name or version in {region}"))
        .with_help("look at the name, at the region, and at whose account the credentials are of")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Reference;

    fn sources(texts: impl IntoIterator<Item = String>) -> BTreeSet<Source> {
        let parse = |text: String| text.parse::<Reference>().unwrap().source().clone();
        texts.into_iter().map(parse).collect()
    }

    #[test]
    fn one_call_asks_for_many_of_a_region() {
        let parameters = (0..25).map(|number| format!("aws-ssm:///p{number}"));
        let elsewhere = (0..3).map(|number| format!("aws-ssm:///p{number}?region=x-1"));
        let secrets = (0..21).map(|number| format!("aws-sm://s{number}"));
        let previous = (0..2).map(|number| format!("aws-sm://s{number}?version=AWSPREVIOUS"));
        let versions = (1..3).map(|number| format!("aws-ssm:///p1:{number}"));
        let all = parameters
            .chain(versions)
            .chain(elsewhere)
            .chain(secrets)
            .chain(previous);
        let sizes: Vec<usize> = batches(sources(all))
            .iter()
            .map(|batch| batch.sources.len())
            .collect();
        assert_eq!(sizes, [10, 10, 5, 3, 20, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_message_is_told_only_where_it_names_rights() {
        let message = Some("User x may not\nAuthorization: hunter2");
        let denied = coded("AccessDeniedException", message, "eu-west-1");
        assert_eq!(
            denied.to_string(),
            "be let in: AWS refuses it: User x may not"
        );
        for code in [
            "InvalidSignatureException",
            "ValidationException",
            "ThrottlingException",
            "Other",
        ] {
            let error = coded(code, Some("hunter2"), "eu-west-1");
            assert!(!format!("{error:?}").contains("hunter2"), "{error}");
        }
        assert!(coded("ThrottlingException", None, "x").is_retryable());
    }
}
