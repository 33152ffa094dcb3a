//! Checksums in hexadecimal: SHA-256 for our receipts, SHA-384 for the tables that sqlx keeps.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256, Sha384};

/// SHA-256 of some bytes, as 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-384 of some bytes, as sqlx stores it in `_sqlx_migrations.checksum`.
pub(crate) fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
