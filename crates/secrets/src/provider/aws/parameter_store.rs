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
        let found = answer
            .parameters()
            .iter()
            .find(|parameter| is(parameter, name(source)));
        let value = found.and_then(Parameter::value);
        Some(value.map(Into::into).ok_or_else(|| missing(region(config))))
    };
    Ok(sources.iter().map(value).collect())
}

fn name(source: &Source) -> &str {
    match source {
        Source::ParameterStore { name, .. } => name,
        _ => unreachable!("only parameters are asked of the parameter store"),
    }
}

/// Whether a parameter is the one that was asked for: by name or ARN, with what picks a version behind it, if that was
/// there.
fn is(parameter: &Parameter, wanted: &str) -> bool {
    let selector = parameter.selector().unwrap_or_default();
    let named =
        |name: Option<&str>| name.is_some_and(|name| wanted.strip_prefix(name) == Some(selector));
    named(parameter.name()) || named(parameter.arn())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_known_by_name_or_arn_and_version() {
        let plain = Parameter::builder()
            .name("/a")
            .arn("arn:aws:ssm:x:1:parameter/a");
        let second = plain.clone().selector(":2").build();
        let plain = plain.build();
        assert!(is(&plain, "/a") && is(&plain, "arn:aws:ssm:x:1:parameter/a"));
        assert!(!is(&plain, "/a:2") && !is(&plain, "/ab"));
        assert!(is(&second, "/a:2") && !is(&second, "/a"));
    }
}
