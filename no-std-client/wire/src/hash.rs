//! SHA-256, once: what pads and ends a hash is long, and inlined where it is called it would stand in small firmware many times.

use crate::Digest;
use sha2::{Digest as _, Sha256};

/// The digest of these pieces, one behind the other.
#[inline(never)]
pub fn sha256(pieces: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for piece in pieces {
        take(&mut hasher, piece);
    }
    finish(&mut hasher)
}

/// Takes more bytes.
#[inline(never)]
pub fn take(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(bytes);
}

/// The digest of what the hasher took. After that it has taken nothing.
#[inline(never)]
pub fn finish(hasher: &mut Sha256) -> Digest {
    hasher.finalize_reset().into()
}
