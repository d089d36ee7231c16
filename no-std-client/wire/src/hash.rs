//! SHA-256, one copy of it: inlined, everybody who hashes would have its beginning and its end once more.

use crate::Digest;
use sha2::{Digest as _, Sha256};

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Debug)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Of nothing yet.
    #[inline(never)]
    #[must_use]
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    /// Takes the next bytes.
    #[inline(never)]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken. It begins anew.
    #[inline(never)]
    pub fn finish(&mut self) -> Digest {
        self.0.finalize_reset().into()
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// The digest of pieces, one behind the other.
#[inline(never)]
#[must_use]
pub fn sha256(pieces: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_message() {
        // FIPS 180-4, the example of one block.
        let abc = crate::hex::decode("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
        assert_eq!(sha256(&[b"abc"]), abc);
        assert_eq!(sha256(&[b"a", b"", b"bc"]), abc);
        let mut hasher = Hasher::new();
        for _ in 0..2 {
            hasher.update(b"a");
            hasher.update(b"");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), abc);
        }
    }
}
