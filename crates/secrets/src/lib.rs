//! Secrets: files in the SOPS format, dotenv files, stores elsewhere, and what keeps values out of sight. A library of
//! its own: it knows no manifest and no path.

pub mod audit;
pub mod dotenv;
pub mod provider;
pub mod redact;
pub mod sops;
