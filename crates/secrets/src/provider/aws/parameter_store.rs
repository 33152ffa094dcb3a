//! Parameters of AWS Systems Manager, decrypted, ten with a call.

use aws_config::SdkConfig;
use aws_sdk_ssm::{Client, types::Parameter};

use super::{Fetched, ProviderError, Source, missing, region, trouble};

pub(super) async fn ask(
    config: &SdkConfig,
    sources: &[Source],
) -> Result<Vec<Option<Fetched>>, ProviderError> {
    let names: Vec<String> = sources
        .iter()
        .map(|source| name(source).to_owned())
        .collect();
    let answer = Client::new(config)
        .get_parameters()
        .set_names(Some(names))
        .with_decryption(true)
        .send()
        .await
        .map_err(|error| trouble(&error, config))?;
    let value = |source| {
        let found = match answer.parameters() {
            // Whoever asks for one gets that one, however it is called.
            [parameter] if sources.len() == 1 => Some(parameter),
            parameters => parameters
                .iter()
                .find(|parameter| is(parameter, name(source))),
        };
        let value = found.and_then(Parameter::value);
        Some(value.map(Into::into).ok_or_else(|| missing(region(config))))
    };
    Ok(sources.iter().map(value).collect())
}

/// Whether a name or an ARN picks a version, by its number or its label.
pub(super) fn is_of_a_version(name: &str) -> bool {
    match name.strip_prefix("arn:") {
        Some(rest) => rest.matches(':').count() > 4,
        None => name.contains(':'),
    }
}

fn name(source: &Source) -> &str {
    match source {
        Source::ParameterStore { name, .. } => name,
        _ => unreachable!("only parameters are asked of the parameter store"),
    }
}

/// Whether a parameter is the one that was asked for, by name or ARN.
fn is(parameter: &Parameter, wanted: &str) -> bool {
    parameter.name() == Some(wanted) || parameter.arn() == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_behind_a_colon() {
        for plain in ["/a", "a", "arn:aws:ssm:x:1:parameter/a"] {
            assert!(
                !is_of_a_version(plain) && is_of_a_version(&format!("{plain}:2")),
                "{plain}"
            );
        }
    }
}
