//! What services and commands find in their environment: the manifest's layers, the environment's secret file, stores
//! elsewhere and a developer's own values, put together. Which value wins is decided in `core`; files and stores are
//! asked here.

mod error;
mod gather;
mod identities;

pub use error::ConfigError;
pub use gather::{Gathered, names_in, overrides, place_of, secret_keys, secret_path, shut};
pub use identities::{KEY_VARIABLES, identities, key_file};
