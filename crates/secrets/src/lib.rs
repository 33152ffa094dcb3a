//! Secrets: files in the SOPS format, dotenv files, stores elsewhere, and what keeps values out of sight. A library of
//! its own: it knows no manifest and no path.

#[cfg(feature = "whole")]
pub mod audit;
#[cfg(feature = "whole")]
pub mod dotenv;
#[cfg(feature = "whole")]
pub mod file;
pub mod fingerprint;
pub mod hygiene;
#[cfg(feature = "whole")]
pub mod provider;
pub mod redact;
#[cfg(feature = "whole")]
pub mod scan;
#[cfg(feature = "whole")]
pub mod sops;
