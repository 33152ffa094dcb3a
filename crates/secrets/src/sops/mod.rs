//! Secret files in the format of SOPS: YAML, JSON and dotenv, opened by age keys.
//!
//! A file is a tree whose values are encrypted one by one, each bound to its path, with a code over all of them.
//! [`Sealed`] is a file as it lies there: what it says in clear. [`Document`] is an opened one, every value of it
//! authenticated; there is none of a file that is not as it was written. The format: <https://getsops.io/docs/>.

mod cipher;
mod document;
mod dotenv;
mod error;
mod json;
mod keys;
mod mac;
mod metadata;
mod plain;
mod sealed;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use error::SopsError;
pub use keys::{Identities, Recipient, keygen};
pub use plain::plain;
pub use sealed::Sealed;
pub use tree::Value;

/// No secret file is larger.
const MOST_BYTES: usize = 16 << 20;
/// No tree is deeper.
const DEEPEST: usize = 64;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// Dotenv: a line a value.
    Dotenv,
}

impl Format {
    /// By the file's name, as `sops` tells it; YAML where the name says nothing.
    pub fn of_path(path: &std::path::Path) -> Format {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("env") => Format::Dotenv,
            _ if name == ".env" || name.starts_with(".env.") => Format::Dotenv,
            _ => Format::Yaml,
        }
    }
}
