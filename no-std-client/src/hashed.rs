//! A document that is hashed while it is parsed: one reading, so nothing can change between check and use.

use sha2::{Digest as _, Sha256};
use tuffet_wire::{Digest, Document};

/// A document whose bytes are hashed in the order in which a parser asks for them.
pub struct Hashed<'d, D> {
    document: &'d mut D,
    hasher: Sha256,
    hashed: u32,
}

impl<'d, D: Document> Hashed<'d, D> {
    /// Wraps a document.
    pub fn new(document: &'d mut D) -> Self {
        Self {
            document,
            hasher: hasher(),
            hashed: 0,
        }
    }

    /// Reads what the parser left, and says whether the whole document has this digest.
    #[inline(never)]
    pub fn is(mut self, digest: &Digest) -> Result<bool, D::Error> {
        while self.hashed < self.document.length() {
            let offset = self.hashed;
            if self.chunk(offset)?.is_empty() {
                break;
            }
        }
        Ok(self.hasher.finalize().as_slice() == digest)
    }
}

/// A hash of nothing yet, made in one place: inlined, it costs more than its call.
#[inline(never)]
pub fn hasher() -> Sha256 {
    Sha256::new()
}

impl<D: Document> Document for Hashed<'_, D> {
    type Error = D::Error;

    fn length(&self) -> u32 {
        self.document.length()
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], D::Error> {
        let chunk = self.document.chunk(offset)?;
        // A parser reads front to back, once. A byte that was read out of order would not be covered by the digest, so
        // the digest of such a reading is left wrong, and the document refused.
        if offset == self.hashed {
            self.hasher.update(chunk);
            self.hashed = self
                .hashed
                .saturating_add(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
        } else {
            self.hasher.update(b"read out of order");
        }
        Ok(chunk)
    }
}
