//! Making patches, and applying them to files. Feature `encode`; for the vendor's machine.
//!
//! - Same input, same bytes.
//! - What is made was decoded by the real decoder, in blocks, before it is returned.
//! - Linear in time but for the suffix array, on long runs of one byte too.
//!
//! Nothing here runs on a device, so a panic costs a build and no device: indexing is allowed.
#![allow(clippy::indexing_slicing, clippy::as_conversions, clippy::arithmetic_side_effects)]

mod align;
mod apply;
mod coding;
mod fill;
pub mod hostile;
mod matches;
mod range_encoder;

pub use apply::{ApplyError, Info, apply, info, unauthenticated};

use crate::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, CHECKPOINTS_MAX, Chain, Checkpoints, HEADER_BYTES_MAX, Header, Image, LargeState,
    Pinned, Profile, Refusal, SmallState, StandardState,
};
use coding::{Coded, Segment};
use matches::Matches;
use sha2::{Digest as _, Sha256};
use std::{vec, vec::Vec};

/// Longest image: what the suffix array of both together can count.
pub const IMAGE_BYTES_MAX: usize = 1 << 30;

/// How a patch is made.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// What it is made for.
    pub profile: Profile,
    /// Bytes of every block but the last.
    pub block_bytes: u32,
    /// Checkpoints stand at multiples of this: a power of two from 1 KiB to 16 MiB, at least the erase unit of the device, since
    /// a decoder is saved only where an erase unit begins.
    pub checkpoint_unit: u32,
    /// Checkpoints are not closer than this.
    pub checkpoint_distance: u32,
}

impl Options {
    /// The defaults of a profile.
    pub const fn of(profile: Profile) -> Self {
        let (checkpoint_unit, checkpoint_distance) = match profile {
            Profile::Small | Profile::Standard => (1 << 12, 1 << 13),
            Profile::Large => (1 << 16, 1 << 20),
        };
        Self {
            profile,
            block_bytes: profile.block_bytes(),
            checkpoint_unit,
            checkpoint_distance,
        }
    }
}

/// A finished patch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the release document says about the file.
    pub pinned: Pinned,
    /// What the file says about itself.
    pub header: Header,
}

/// Why no patch was made.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The block size or the checkpoint unit is out of range.
    Options(Refusal),
    /// The patch was made and does not decode to the image. A defect of this crate.
    NotProven(ApplyError),
    /// An image is too long.
    TooLong {
        /// Bytes of the longer image.
        bytes: usize,
        /// Most bytes.
        bytes_max: usize,
    },
}

/// Makes the patch from `old` (or from nothing) to `new` with the defaults of a profile.
pub fn encode(old: Option<&[u8]>, new: &[u8], profile: Profile) -> Result<Encoded, EncodeError> {
    encode_with(old, new, &Options::of(profile))
}

/// Makes the patch from `old` (or from nothing) to `new`.
pub fn encode_with(old: Option<&[u8]>, new: &[u8], options: &Options) -> Result<Encoded, EncodeError> {
    let old = old.unwrap_or(&[]);
    let bytes = old.len().max(new.len());
    if bytes > IMAGE_BYTES_MAX {
        return Err(EncodeError::TooLong {
            bytes,
            bytes_max: IMAGE_BYTES_MAX,
        });
    }
    let header = header(old, new, options).map_err(EncodeError::Options)?;
    let coded = shortest(old, new, options.profile);
    let (bytes, pinned) = chained(&header, &coded);
    let encoded = Encoded { bytes, pinned, header };
    match apply((!old.is_empty()).then_some(old), &encoded.bytes, pinned) {
        Ok(result) if result == new => Ok(encoded),
        Ok(_) => Err(EncodeError::NotProven(ApplyError::WrongResult)),
        Err(error) => Err(EncodeError::NotProven(error)),
    }
}

/// The image with these contents.
pub(crate) fn image(bytes: &[u8]) -> Image {
    if bytes.is_empty() {
        return Image::NOTHING;
    }
    Image {
        length: bytes.len() as u32,
        digest: Sha256::digest(bytes).into(),
    }
}

fn header(old: &[u8], new: &[u8], options: &Options) -> Result<Header, Refusal> {
    let block_bytes = options.block_bytes;
    if !block_bytes.is_power_of_two() || !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&block_bytes) {
        return Err(Refusal::BlockSize { block_bytes });
    }
    if !options.checkpoint_unit.is_power_of_two() {
        return Err(Refusal::Checkpoints);
    }
    Ok(Header {
        profile: options.profile,
        source: image(old),
        result: image(new),
        block_bytes,
        checkpoints: checkpoints(new.len() as u32, options)?,
    })
}

/// Checkpoints that part the result evenly.
fn checkpoints(length: u32, options: &Options) -> Result<Checkpoints, Refusal> {
    let unit = options.checkpoint_unit;
    // Positions have 16 bits, so a long image has a coarser unit.
    let unit = unit.max((length >> 16).next_power_of_two());
    let parts = (length / options.checkpoint_distance.max(unit)).min(CHECKPOINTS_MAX as u32 + 1);
    let mut units: Vec<u16> = (1..parts)
        .map(|part| (u64::from(length) * u64::from(part) / u64::from(parts) / u64::from(unit)) as u16)
        .filter(|unit| *unit > 0)
        .collect();
    units.dedup();
    Checkpoints::new(unit.trailing_zeros() as u8, &units, length)
}

/// How many bytes longer an exact match must be than what the copy before would give, before bsdiff's search takes it.
const THRESHOLDS: [usize; 3] = [8, 14, 24];

/// Tries some ways to part the image into copies and literals, and keeps the shortest code.
fn shortest(old: &[u8], new: &[u8], profile: Profile) -> Vec<u8> {
    let matches = Matches::find(old, new);
    let thresholds = if old.is_empty() {
        &THRESHOLDS[..1]
    } else {
        &THRESHOLDS[..]
    };
    let codes = thresholds.iter().map(|threshold| {
        let copies = align::copies(old, new, &matches, *threshold);
        let rough = code(profile, old, new, &copies);
        let filled = fill::fill(new, &copies, &matches, &rough.prices);
        let better = code(profile, old, new, &filled);
        let prices = literal_prices(rough.prices, &better.prices, &filled);
        let filled = fill::fill(new, &copies, &matches, &prices);
        let best = code(profile, old, new, &filled);
        [rough.bytes, better.bytes, best.bytes]
            .into_iter()
            .min_by_key(Vec::len)
            .unwrap_or_default()
    });
    codes.min_by_key(Vec::len).unwrap_or_default()
}

/// What literals cost: as in the later code where it has them, as in the earlier one where it copies.
fn literal_prices(earlier: Vec<u32>, later: &[u32], copies: &[Segment]) -> Vec<u32> {
    let mut prices = later.to_vec();
    for copy in copies {
        let copied = copy.start..copy.end();
        prices[copied.clone()].copy_from_slice(&earlier[copied]);
    }
    prices
}

fn code(profile: Profile, old: &[u8], new: &[u8], copies: &[Segment]) -> Coded {
    match profile {
        Profile::Small => SmallState::code(old, new, copies),
        Profile::Standard => StandardState::code(old, new, copies),
        Profile::Large => LargeState::code(old, new, copies),
    }
}

/// Puts the header in front and cuts the file into blocks, last one first, since each names the hash of the next.
fn chained(header: &Header, coded: &[u8]) -> (Vec<u8>, Pinned) {
    let mut start = [0; HEADER_BYTES_MAX];
    let header_bytes = header.emit(&mut start);
    let payload = [&start[..header_bytes], coded].concat();
    let block_bytes = header.block_bytes as usize;
    let piece_bytes = Chain::payload_bytes(header.block_bytes) as usize;
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut rest = payload.as_slice();
    while rest.len() > block_bytes {
        let (piece, behind) = rest.split_at(piece_bytes);
        pieces.push(piece);
        rest = behind;
    }
    let mut blocks = vec![rest.to_vec()];
    let mut head = Sha256::digest(rest);
    for piece in pieces.into_iter().rev() {
        let block = [piece, head.as_slice()].concat();
        head = Sha256::digest(&block);
        blocks.push(block);
    }
    blocks.reverse();
    let bytes = blocks.concat();
    let pinned = Pinned {
        head: head.into(),
        block_bytes: header.block_bytes,
        length: bytes.len() as u32,
    };
    (bytes, pinned)
}
