//! Secrets that are kept elsewhere, by reference: what a reference is, and who fetches what it means. A file per place
//! where secrets are kept.
//!
//! | written | kept |
//! |---|---|
//! | `aws-sm://NAME-or-ARN[?version=AWSPREVIOUS][&region=eu-central-1][#field]` | AWS Secrets Manager |
//! | `aws-ssm:///path/name[?region=eu-central-1][#field]` | parameters of AWS Systems Manager |
//! | `vault://MOUNT/PATH[?version=2]#field` | HashiCorp Vault or OpenBao, key-value store |
//! | `env://NAME[#field]` | a variable of the environment |
//! | `file://path[#field]` | a file; a relative path stays within the base directory |
//! | `exec://program[?arg=a&arg=b][#field]` | what a program prints; no shell is involved |
//!
//! Who writes a reference is trusted like who writes code: an absolute path may lead anywhere, and a program is run. A
//! relative path belongs to the repository, and neither `..` nor a symbolic link leads a file's out of it.
//!
//! A letter that means something here (`%`, `?`, `#`, behind `?` also `&` and `=`, in a field also `.`) is written as
//! in URLs, such as `%3F`. A slash in Vault's mount is written `%2F`.

#[cfg(feature = "aws")]
mod aws;
mod environment;
mod error;
mod exec;
mod fetch;
mod field;
mod file;
mod reference;
mod retry;
mod settings;
mod trust;
mod vault;
mod written;

pub use error::{Kind, ProviderError};
pub use fetch::Providers;
pub use field::Field;
pub use reference::{Reference, ReferenceError, Source, Version};
pub use settings::{Environment, Settings};

/// The most that a value may be, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// Whether a text is a reference, or what is wrong with it. Asks nobody and looks at nothing.
pub fn check(text: &str) -> Result<(), String> {
    match text.parse::<Reference>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Text that came from elsewhere, without the one line ending that files and programs put behind it.
fn value(bytes: Vec<u8>) -> Result<secrecy::SecretString, ProviderError> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        drop(zeroize::Zeroizing::new(error.into_bytes()));
        ProviderError::malformed("it is not text in UTF-8")
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests;
