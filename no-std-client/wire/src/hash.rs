//! The digest of bytes that lie in memory.

use crate::Digest;
use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of pieces, one behind the other. One function for whoever asks: inlined, each of them would have the hash's
/// beginning and end once more.
#[inline(never)]
pub fn sha256(pieces: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for piece in pieces {
        feed(&mut hash, piece);
    }
    finish(hash)
}

#[inline(never)]
fn feed(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(bytes);
}

/// The digest of what was hashed. As with [`sha256`], one function for all.
#[inline(never)]
pub fn finish(hash: Sha256) -> Digest {
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_message() {
        // FIPS 180-4, the example of one block.
        let abc = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
            0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(sha256(&[b"abc"]), abc);
        assert_eq!(sha256(&[b"a", b"", b"bc"]), abc);
    }
}
