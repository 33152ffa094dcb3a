//! Secrets of AWS Secrets Manager, twenty with a call. What is stored as bytes comes as base64, as AWS's command line
//! prints it.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{
    Client,
    primitives::Blob,
    types::{ApiErrorType, SecretValueEntry},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Fetched, ProviderError, Source, coded, region, trouble};
use crate::provider::Version;

pub(super) async fn ask(
    config: &SdkConfig,
    sources: &[Source],
) -> Result<Vec<Option<Fetched>>, ProviderError> {
    let client = Client::new(config);
    match sources {
        [source] => Ok(vec![Some(Ok(one(&client, config, source).await?))]),
        sources => many(&client, config, sources).await,
    }
}

async fn one(client: &Client, config: &SdkConfig, source: &Source) -> Fetched {
    let (id, version) = parts(source);
    let asked = client.get_secret_value().secret_id(id);
    let asked = match version {
        Some(Version::Stage(stage)) => asked.version_stage(stage),
        Some(Version::Id(id)) => asked.version_id(id),
        None => asked,
    };
    let answer = asked
        .send()
        .await
        .map_err(|error| trouble(&error, config))?;
    value(answer.secret_string(), answer.secret_binary())
}

async fn many(
    client: &Client,
    config: &SdkConfig,
    sources: &[Source],
) -> Result<Vec<Option<Fetched>>, ProviderError> {
    let ids: Vec<String> = sources
        .iter()
        .map(|source| parts(source).0.to_owned())
        .collect();
    let asked = client
        .batch_get_secret_value()
        .set_secret_id_list(Some(ids));
    let answer = asked
        .send()
        .await
        .map_err(|error| trouble(&error, config))?;
    let fetched = |source| {
        let (id, _) = parts(source);
        let value = answer.secret_values().iter().find(|entry| is(entry, id));
        let value = value.map(value_of);
        let refused = answer
            .errors()
            .iter()
            .find(|error| error.secret_id() == Some(id));
        value.or_else(|| refused.map(|error| Err(told(error, config))))
    };
    Ok(sources.iter().map(fetched).collect())
}

fn is(entry: &SecretValueEntry, id: &str) -> bool {
    entry.name() == Some(id) || entry.arn() == Some(id)
}

fn value_of(entry: &SecretValueEntry) -> Fetched {
    value(entry.secret_string(), entry.secret_binary())
}

fn told(error: &ApiErrorType, config: &SdkConfig) -> ProviderError {
    coded(
        error.error_code().unwrap_or_default(),
        error.message(),
        region(config),
    )
}

fn parts(source: &Source) -> (&str, Option<&Version>) {
    match source {
        Source::SecretsManager { id, version, .. } => (id, version.as_ref()),
        _ => unreachable!("only secrets are asked of Secrets Manager"),
    }
}

fn value(text: Option<&str>, bytes: Option<&Blob>) -> Fetched {
    match (text, bytes) {
        (Some(text), _) => Ok(text.into()),
        (None, Some(bytes)) => Ok(STANDARD.encode(bytes).into()),
        (None, None) => Err(ProviderError::not_found("the secret has no value")),
    }
}
