//! Patches as files: honest ones, made by the product's encoder, and the blocks and chains around whatever else a file may
//! carry.
//!
//! - The chain is written here once more, so that it can be wrong, and so that a mistake of the encoder cannot hide itself.
//! - Making a patch takes a while. Each is made once in a process.

use super::keys::hex;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tuffet_patch::{Layout, Options, Profile, encode_with};

/// Bytes of every block but the last: few, so that a small patch has some of them.
pub const BLOCK_BYTES: usize = 1_024;
/// Bytes of the hash at the end of every block but the last.
const LINK_BYTES: usize = 32;

/// Where fields stand in the header, which stands in front of everything that the blocks carry.
pub mod header {
    use std::ops::Range;

    /// The length of the source, a little-endian number.
    pub const SOURCE_LENGTH: Range<usize> = 8..12;
    /// The digest of the source.
    pub const SOURCE_DIGEST: Range<usize> = 12..44;
    /// The length of the result, a little-endian number.
    pub const RESULT_LENGTH: Range<usize> = 44..48;
    /// The digest of the result.
    pub const RESULT_DIGEST: Range<usize> = 48..80;
    /// All of it, if it lists no checkpoint.
    pub const BYTES_MIN: usize = 83;
}

/// The file of a patch from an image, or from nothing, to another, with checkpoints not closer than this, or as the profile
/// has them.
///
/// # Panics
///
/// When the encoder refuses to make it.
#[must_use]
pub fn encoded(source: Option<&[u8]>, result: &[u8], profile: Profile) -> Vec<u8> {
    encoded_with(source, result, profile, BLOCK_BYTES, None)
}

/// The same, in blocks of this size, with checkpoints at least so far from each other.
///
/// # Panics
///
/// When the encoder refuses to make it.
#[must_use]
pub fn encoded_with(
    source: Option<&[u8]>,
    result: &[u8],
    profile: Profile,
    block_bytes: usize,
    checkpoint_distance: Option<u32>,
) -> Vec<u8> {
    type Made = BTreeMap<(Option<Vec<u8>>, Vec<u8>, Profile, usize, Option<u32>), Vec<u8>>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    let digest = |image: &[u8]| Sha256::digest(image).to_vec();
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let defaults = Options::of(profile);
        let options = Options {
            block_bytes: block_bytes as u32,
            checkpoint_unit: checkpoint_distance.map_or(defaults.checkpoint_unit, |_| 1 << 10),
            checkpoint_distance: checkpoint_distance.unwrap_or(defaults.checkpoint_distance),
            // Its images are no programs, and nobody measures its patches.
            layout: Some(Layout::UNKNOWN),
            ..defaults
        };
        let patch = encode_with(source, result, &options).expect("the encoder makes a patch of any two images");
        patch.bytes
    };
    made.entry((
        source.map(digest),
        digest(result),
        profile,
        block_bytes,
        checkpoint_distance,
    ))
    .or_insert_with(make)
    .clone()
}

/// What the blocks of a file carry.
#[must_use]
pub fn payload(file: &[u8]) -> Vec<u8> {
    let blocks = file.len().div_ceil(BLOCK_BYTES);
    let carried = |(index, block): (usize, &[u8])| {
        let is_last = index + 1 == blocks;
        let end = if is_last { block.len() } else { BLOCK_BYTES - LINK_BYTES };
        block[..end].to_vec()
    };
    file.chunks(BLOCK_BYTES).enumerate().flat_map(carried).collect()
}

/// A file with a valid chain around any payload: what a stolen release key can make.
#[must_use]
pub fn chained(payload: &[u8], block_bytes: usize) -> Vec<u8> {
    let mut pieces = Vec::new();
    let mut rest = payload;
    while rest.len() > block_bytes {
        let (piece, behind) = rest.split_at(block_bytes - LINK_BYTES);
        pieces.push(piece);
        rest = behind;
    }
    let mut blocks = vec![rest.to_vec()];
    for piece in pieces.into_iter().rev() {
        let following = blocks
            .last()
            .map_or_else(Vec::new, |block| Sha256::digest(block).to_vec());
        blocks.push([piece, &following].concat());
    }
    blocks.into_iter().rev().flatten().collect()
}

/// The head of a chain, as a release document says it.
#[must_use]
pub fn head(file: &[u8], block_bytes: usize) -> String {
    hex(&Sha256::digest(&file[..file.len().min(block_bytes)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The encoder's chain and ours are the same.
    #[test]
    fn chaining_again_gives_the_same_file() {
        let image: Vec<u8> = (0..200_u32)
            .flat_map(|number| Sha256::digest(number.to_le_bytes()))
            .collect();
        let file = encoded(None, &image, Profile::Small);
        assert!(file.len() > 2 * BLOCK_BYTES, "{}", file.len());
        assert_eq!(chained(&payload(&file), BLOCK_BYTES), file);
        assert_eq!(
            payload(&file)[header::RESULT_LENGTH],
            (image.len() as u32).to_le_bytes()
        );
        assert_eq!(payload(&file)[header::RESULT_DIGEST], *Sha256::digest(&image));
        assert_eq!(payload(&file)[header::SOURCE_LENGTH], [0; 4]);
        assert_eq!(payload(&file)[header::SOURCE_DIGEST], [0; 32]);
    }
}
