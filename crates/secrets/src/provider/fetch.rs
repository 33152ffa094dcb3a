//! Fetches what references mean: each place is asked once for each secret, several at a time, until the time is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

#[cfg(feature = "aws")]
use super::aws::Aws;
use super::{
    LARGEST, ProviderError, Reference, Settings, Source, environment, exec, file,
    retry::{Deadline, retried},
    vault::Vault,
};

/// What came for one source.
pub(super) type Fetched = Result<SecretString, ProviderError>;

/// Fetches secrets that are kept elsewhere. Cheap to make: whoever is to be asked is got to know when that is needed.
pub struct Providers {
    settings: Settings,
    vault: Vault,
    #[cfg(feature = "aws")]
    aws: Aws,
}

/// What is asked with one call.
enum Job {
    One(Source),
    #[cfg(feature = "aws")]
    Aws(super::aws::Batch),
}

impl Providers {
    /// Nobody is asked yet, and nothing is looked at.
    pub fn new(settings: Settings) -> Self {
        Providers {
            vault: Vault::new(settings.environment.clone()),
            #[cfg(feature = "aws")]
            aws: Aws::default(),
            settings,
        }
    }

    /// Fetches what references mean. Every one of them has an answer, and that within the time of the settings. Two
    /// references that differ in their field only are one question.
    pub async fn fetch(
        &self,
        references: &BTreeSet<Reference>,
    ) -> BTreeMap<Reference, Result<SecretString, ProviderError>> {
        let deadline = Deadline::after(Instant::now(), self.settings.timeout);
        let sources = references.iter().map(|reference| reference.source.clone());
        let asked = stream::iter(jobs(sources.collect()))
            .map(|job| self.run(job, deadline))
            .buffer_unordered(self.settings.concurrency.get());
        let fetched: BTreeMap<Source, Fetched> = asked.flat_map(stream::iter).collect().await;
        let pick = |reference: &Reference| (reference.clone(), picked(reference, &fetched));
        references.iter().map(pick).collect()
    }

    async fn run(&self, job: Job, deadline: Deadline) -> Vec<(Source, Fetched)> {
        match job {
            Job::One(source) => {
                let fetched = retried(deadline, async || self.one(&source).await).await;
                vec![(source, fetched)]
            }
            #[cfg(feature = "aws")]
            Job::Aws(batch) => self.aws.fetch(batch, deadline).await,
        }
    }

    async fn one(&self, source: &Source) -> Fetched {
        let Settings {
            base_directory,
            environment,
            ..
        } = &self.settings;
        match source {
            Source::Environment { name } => environment::fetch(environment, name),
            Source::File { path } => file::fetch(base_directory, path).await,
            Source::Program { program, arguments } => {
                exec::fetch(base_directory, environment, program, arguments).await
            }
            Source::Vault {
                mount,
                path,
                version,
            } => self.vault.fetch(mount, path, *version).await,
            Source::SecretsManager { .. } | Source::ParameterStore { .. } => Err(without_aws()),
        }
    }
}

/// What a build says that has no libraries of AWS. One that has them does not come here.
fn without_aws() -> ProviderError {
    ProviderError::unconfigured(
        "this build cannot ask AWS",
        "use a build with the feature `aws`",
    )
}

/// Who asks for what: AWS for many at once, the others for one at a time.
fn jobs(sources: BTreeSet<Source>) -> Vec<Job> {
    #[cfg(feature = "aws")]
    {
        let (of_aws, others): (BTreeSet<_>, BTreeSet<_>) =
            sources.into_iter().partition(super::aws::keeps);
        let batches = super::aws::batches(of_aws).into_iter().map(Job::Aws);
        batches.chain(others.into_iter().map(Job::One)).collect()
    }
    #[cfg(not(feature = "aws"))]
    sources.into_iter().map(Job::One).collect()
}

/// What a reference means of what its source holds.
fn picked(reference: &Reference, fetched: &BTreeMap<Source, Fetched>) -> Fetched {
    let whole = fetched.get(&reference.source).cloned();
    let whole = whole.expect("every source was asked for")?;
    if whole.expose_secret().len() > LARGEST {
        return Err(ProviderError::malformed("it is larger than 1 MiB"));
    }
    match &reference.field {
        Some(field) => field.of(&whole),
        None => Ok(whole),
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetching_may_move_between_threads() {
        fn may<T: Send>(_: T) {}
        let providers = Providers::new(Settings::default());
        let none = BTreeSet::new();
        may(providers.fetch(&none));
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn a_build_without_aws_says_so() {
        let references = ["aws-sm://a", "aws-ssm:///a"].map(|text| text.parse().unwrap());
        let answers = Providers::new(Settings::default())
            .fetch(&references.into())
            .await;
        for error in answers.into_values().map(Result::unwrap_err) {
            assert_eq!(
                error.to_string(),
                "ask for the value: this build cannot ask AWS"
            );
        }
    }
}
