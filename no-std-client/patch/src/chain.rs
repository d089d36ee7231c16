//! Blocks chained by hashes: no byte is decoded before it was authenticated.
//!
//! ```text
//! block 0                   block 1                         last block
//! +------------+---------+  +------------+---------+        +---------------+
//! | payload    | SHA-256 |  | payload    | SHA-256 |  ...   | payload       |
//! | size - 32  | of 1    |  | size - 32  | of 2    |        | 1..=size      |
//! +------------+---------+  +------------+---------+        +---------------+
//! ```
//!
//! - The *head* is the SHA-256 of block 0. Head, block size and total length come from outside ([`Pinned`]), from a signed
//!   document; nothing of the chain is believed from the file itself.
//! - A block is hashed once, whole, hash field included, in the caller's buffer. Only then are its bytes [`Authenticated`].
//! - The number of blocks and the length of each follow from the total length, so a missing, an extra and a short block have a
//!   name of their own. A damaged block, a swapped one, and one of another patch are the same thing: a wrong hash.
//! - A refused block moves nothing: it can be fetched again.

use crate::Refusal;
use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub type Digest = [u8; 32];

/// Bytes of the hash at the end of every block but the last.
const LINK_BYTES: u32 = 32;

/// The digest of what the hasher took. After that it has taken nothing. Not inlined: what ends a hash is long.
#[inline(never)]
pub(crate) fn finish(hasher: &mut Sha256) -> Digest {
    hasher.finalize_reset().into()
}

/// Smallest block: one that holds a header and something more.
pub const BLOCK_BYTES_MIN: u32 = 256;

/// Largest block.
pub const BLOCK_BYTES_MAX: u32 = 1 << 16;

/// What a signed document says about a patch file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Pinned {
    /// SHA-256 of the first block.
    pub head: Digest,
    /// Bytes of every block but the last: a power of two from [`BLOCK_BYTES_MIN`] to [`BLOCK_BYTES_MAX`].
    pub block_bytes: u32,
    /// Bytes of the whole file.
    pub length: u32,
}

impl Pinned {
    /// Refuses a block size that is out of range and an empty file.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let block_bytes = self.block_bytes;
        if !block_bytes.is_power_of_two() || !matches!(block_bytes, BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX) {
            return Err(Refusal::BlockSize { block_bytes });
        }
        if self.length == 0 {
            return Err(Refusal::TooShort { length: 0 });
        }
        Ok(())
    }

    /// Whether a chain can stand in front of the block with this index and hash, of whose payload so much was taken.
    pub(crate) fn can_stand(&self, index: u32, next: &Digest, taken: u32) -> bool {
        if self.check().is_err() {
            return false;
        }
        // Invariant: a block of the file begins inside of it.
        let left = self.length.wrapping_sub(index.wrapping_mul(self.block_bytes));
        let payload_bytes = match left > self.block_bytes {
            true => self.block_bytes.saturating_sub(LINK_BYTES),
            false => left,
        };
        index < self.blocks() && taken <= payload_bytes && (index > 0 || *next == self.head)
    }

    /// Number of blocks in the file. By hand, since a part without a divider has no other use for a division. Only of what was
    /// checked.
    const fn blocks(&self) -> u32 {
        let mut last = self.length.wrapping_sub(1);
        let mut block_bytes = self.block_bytes;
        while block_bytes > 1 {
            last = last.wrapping_shr(1);
            block_bytes = block_bytes.wrapping_shr(1);
        }
        last.wrapping_add(1)
    }
}

/// Where a block stands in the file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BlockRange {
    /// First byte.
    pub offset: u32,
    /// Number of bytes.
    pub length: u32,
}

/// The bytes of a block whose hash was right.
///
/// There is one way to get it, [`Chain::authenticate`]:
///
/// ```compile_fail
/// let forged = tuffet_patch::Authenticated { head: [0; 32], index: 0, payload: b"anything" };
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Authenticated<'b> {
    head: Digest,
    index: u32,
    payload: &'b [u8],
}

impl<'b> Authenticated<'b> {
    /// Which block of the file it is.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The head of the chain it belongs to.
    pub const fn head(&self) -> &Digest {
        &self.head
    }

    /// What the block carries, without the hash of the next one.
    pub const fn payload(&self) -> &'b [u8] {
        self.payload
    }
}

/// A place in a chain: which block comes next, and its hash.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    pinned: Pinned,
    /// Index of the next block; the number of blocks when none is left.
    index: u32,
    /// Hash of the next block.
    next: Digest,
}

impl Chain {
    /// The start of a chain. Refuses a block size that is out of range and an empty file.
    pub fn new(pinned: Pinned) -> Result<Self, Refusal> {
        pinned.check()?;
        Ok(Self::at(&pinned, 0, &pinned.head))
    }

    /// A place in the middle, as a checkpoint kept it, if it [can stand there](Pinned::can_stand).
    pub(crate) const fn at(pinned: &Pinned, index: u32, next: &Digest) -> Self {
        Self {
            pinned: *pinned,
            index,
            next: *next,
        }
    }

    /// What was given from outside.
    pub const fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    /// Hash of the next block.
    pub(crate) const fn next_digest(&self) -> &Digest {
        &self.next
    }

    /// Number of blocks in the file.
    pub const fn blocks(&self) -> u32 {
        self.pinned.blocks()
    }

    /// Index of the next block, or the number of blocks.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The block that must come next.
    pub fn next_block(&self) -> Option<BlockRange> {
        // Invariant: a block of the file begins inside of it, so nothing wraps.
        let offset = self.index.wrapping_mul(self.pinned.block_bytes);
        let left = self.pinned.length.wrapping_sub(offset);
        let length = left.min(self.pinned.block_bytes);
        (self.index < self.blocks()).then_some(BlockRange { offset, length })
    }

    /// Hashes a block. If it is the one that must come next, its bytes may be used and the chain moves on; else nothing changes.
    pub fn authenticate<'b>(&mut self, block: &'b [u8]) -> Result<Authenticated<'b>, Refusal> {
        let range = self.next_block().ok_or(Refusal::ExtraBlock)?;
        let index = self.index;
        if usize::try_from(range.length) != Ok(block.len()) {
            return Err(Refusal::BlockLength {
                index,
                expected: range.length,
                offered: block.len(),
            });
        }
        let mut hasher = Sha256::new();
        hasher.update(block);
        if finish(&mut hasher) != self.next {
            return Err(Refusal::WrongBlock { index });
        }
        let following = index.saturating_add(1);
        let mut payload = block;
        if following < self.blocks() {
            // Invariant: not the last block, so it has `block_bytes` bytes, which is more than a hash.
            let (rest, link) = block.split_last_chunk().ok_or(Refusal::WrongBlock { index })?;
            payload = rest;
            self.next = *link;
        }
        self.index = following;
        Ok(Authenticated {
            head: self.pinned.head,
            index,
            payload,
        })
    }

    /// Ends the chain. Refuses when a block is missing.
    pub fn finish(self) -> Result<(), Refusal> {
        match self.next_block() {
            Some(_) => Err(Refusal::LastBlockMissing { index: self.index }),
            None => Ok(()),
        }
    }

    /// Bytes of payload in a block that is not the last.
    #[cfg(feature = "encode")]
    pub(crate) fn payload_bytes(block_bytes: u32) -> u32 {
        block_bytes.saturating_sub(LINK_BYTES)
    }
}
