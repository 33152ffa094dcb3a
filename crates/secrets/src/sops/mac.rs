//! The code over all values of a file: SHA-512 of what they are, in their order.

use sha2::{Digest, Sha512};

use super::tree::{Node, Value};

/// SHA-256 of `sops`: where the code begins when it is only over what is encrypted, so that it is another one.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// The code as the file holds it, in upper-case hexadecimal digits. Comments are not in it.
pub(super) fn of<L>(
    tree: &Node<L>,
    only_encrypted: bool,
    value: impl Fn(&L) -> &Value,
    is_encrypted: impl Fn(&[String]) -> bool,
) -> String {
    let mut hash = Sha512::new();
    if only_encrypted {
        hash.update(ONLY_ENCRYPTED);
    }
    let mut each = |leaf: &L, path: &[String], comment: bool| {
        if !comment && (!only_encrypted || is_encrypted(path)) {
            hash.update(&*value(leaf).plain());
        }
        Ok::<(), std::convert::Infallible>(())
    };
    let Ok(_) = tree.map(&mut Vec::new(), &mut each);
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_what_it_is_said_to_be() {
        let hash: [u8; 32] = sha2::Sha256::digest(b"sops").into();
        assert_eq!(hash, ONLY_ENCRYPTED);
    }
}
