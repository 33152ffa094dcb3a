//! Secrets in variables of the environment.

use super::{Environment, ProviderError, fetch::Fetched};

pub(super) fn fetch(environment: &Environment, name: &str) -> Fetched {
    let missing = || {
        ProviderError::not_found(format!("the environment has no variable {name}"))
            .with_help("set the variable for whoever runs this")
    };
    let value = environment.get(name).ok_or_else(missing)?;
    let text = value.to_str();
    let text = text.ok_or_else(|| ProviderError::malformed("the variable is not text in UTF-8"))?;
    Ok(text.into())
}
