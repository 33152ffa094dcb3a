//! Secrets that are kept elsewhere, fetched from where they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use secrecy::ExposeSecret;
use towpath_secrets::provider::{Environment, Kind, ProviderError, Providers, Reference, Settings};

#[cfg(feature = "aws")]
mod aws;
mod exec;
mod keeper;
mod local;
mod vault;

/// What came for each reference, by how it was written.
type Answers = BTreeMap<String, Result<String, ProviderError>>;

/// Fetches all of these at once.
async fn ask(providers: &Providers, references: &[&str]) -> Answers {
    let parsed: Vec<(String, Reference)> = references
        .iter()
        .map(|text| ((*text).to_owned(), text.parse().unwrap()))
        .collect();
    let all: BTreeSet<Reference> = parsed.iter().map(|(_, parsed)| parsed.clone()).collect();
    let fetched = providers.fetch(&all).await;
    assert_eq!(fetched.len(), all.len(), "every reference has an answer");
    let told = |parsed: &Reference| match &fetched[parsed] {
        Ok(value) => Ok(value.expose_secret().to_owned()),
        Err(error) => Err(error.clone()),
    };
    parsed
        .into_iter()
        .map(|(text, parsed)| (text, told(&parsed)))
        .collect()
}

/// What came for one reference.
async fn one(settings: Settings, reference: &str) -> Result<String, ProviderError> {
    let mut answers = ask(&Providers::new(settings), &[reference]).await;
    answers.remove(reference).unwrap()
}

/// Settings with these variables and this directory, and time enough.
fn settings(directory: &Path, variables: &[(&str, &str)]) -> Settings {
    let path = std::env::var("PATH").unwrap();
    let variables = variables.iter().copied().chain([("PATH", path.as_str())]);
    Settings {
        base_directory: directory.to_owned(),
        environment: variables.collect::<Environment>(),
        timeout: Duration::from_secs(60),
        ..Settings::default()
    }
}

/// Asserts why a value did not come.
#[track_caller]
fn assert_refused(answer: &Result<String, ProviderError>, kind: Kind, part: &str) {
    let error = answer.as_ref().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert!(!error.help().is_empty());
}
