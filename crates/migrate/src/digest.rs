//! Checksums: SHA-256 for our receipts; for the tables that other tools keep, SHA-384 (sqlx), SipHash (refinery) and
//! CRC-32 (Flyway).

use sha2::{Digest as _, Sha256, Sha384};

/// SHA-256 of some bytes, as 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-384 of some bytes, as sqlx stores it in `_sqlx_migrations.checksum`.
pub(crate) fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}

/// SipHash-1-3 with a key of zeros (Aumasson and Bernstein, <https://www.aumasson.jp/siphash/siphash.pdf>).
pub(crate) fn siphash13(bytes: &[u8]) -> u64 {
    let mut state: [u64; 4] = [
        0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        compress(&mut state, word, 0);
    }
    // The last word has the length's lowest byte on top.
    compress(&mut state, words.remainder(), (bytes.len() as u64) << 56);
    state[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn compress(state: &mut [u64; 4], bytes: &[u8], top: u64) {
    let word = bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
        | top;
    state[3] ^= word;
    round(state);
    state[0] ^= word;
}

fn round([v0, v1, v2, v3]: &mut [u64; 4]) {
    *v0 = v0.wrapping_add(*v1);
    *v2 = v2.wrapping_add(*v3);
    *v1 = v1.rotate_left(13) ^ *v0;
    *v3 = v3.rotate_left(16) ^ *v2;
    *v0 = v0.rotate_left(32);
    *v2 = v2.wrapping_add(*v1);
    *v0 = v0.wrapping_add(*v3);
    *v1 = v1.rotate_left(17) ^ *v2;
    *v3 = v3.rotate_left(21) ^ *v0;
    *v2 = v2.rotate_left(32);
}

/// CRC-32 of several stretches of bytes, one after the other (ISO 3309, as `java.util.zip.CRC32` has it).
pub(crate) fn crc32<'a>(stretches: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let bytes = stretches.into_iter().flatten();
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            crc >> 1 ^ carry
        })
    })
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| DIGITS[usize::from(half)]).collect()
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher as _};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn crc32_has_its_check_value() {
        assert_eq!(crc32([b"1234".as_slice(), b"56789"]), 0xcbf4_3926);
    }

    proptest! {
        // The standard library's hasher is the same function, though it does not promise to stay so.
        #[test]
        fn siphash_is_that_of_the_standard_library(bytes in vec(any::<u8>(), 0..40)) {
            let mut hasher = DefaultHasher::new();
            hasher.write(&bytes);
            prop_assert_eq!(siphash13(&bytes), hasher.finish());
        }
    }
}
