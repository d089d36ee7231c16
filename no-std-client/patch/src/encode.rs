//! Making patches, and applying them to files. Feature `encode`; for the vendor's machine.
//!
//! - Same input, same bytes.
//! - What is made was decoded by the real decoder, in blocks, before it is returned.
//! - Linear in time but for the suffix array, on long runs of one byte too.
//!
//! Nothing here runs on a device, so a panic costs a build and no device: indexing is allowed.
#![allow(clippy::indexing_slicing, clippy::as_conversions, clippy::arithmetic_side_effects)]

mod apply;
mod bulk;
mod coding;
mod detect;
mod elf;
mod espressif;
mod estimate;
mod files;
pub mod hostile;
mod images;
mod ledger;
mod matches;
mod packed;
mod parse;
mod parts;
mod pieces;
mod range_encoder;

pub use apply::{ApplyError, Info, apply, info, unauthenticated};
pub use files::{Applied, FilesError, apply_files};
pub use packed::{Packed, packed};

use crate::predict::Piece;
use crate::{
    Architecture, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, Chain, Checkpoints, Codec, HEADER_BYTES_MAX, Header, Image,
    LargeState, Layout, Pinned, Profile, Refusal, SmallState, StandardState,
};
use coding::{Coded, STEP, Segment};
use images::Images;
use ledger::Prices;
use matches::Matches;
use parse::Known;
use range_encoder::PRICE_OF_BIT;
use sha2::{Digest as _, Sha256};
use std::{panic::resume_unwind, thread, vec, vec::Vec};

/// Longest image: what the suffix array of both together can count.
pub const IMAGE_BYTES_MAX: usize = 1 << 30;

/// Longest image that is coded with the mixing codec if nothing else is said.
pub const MIXING_BYTES_MAX: usize = 32 << 20;

/// Shortest image that may hold many programs, which bulk tells from each other.
const BULK_BYTES_MIN: usize = 1 << 20;

/// Of images up to this length a search tries several layouts beside each other; each takes some thirty bytes for a byte of the image.
const LAYOUTS_BYTES_MAX: usize = 8 << 20;

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
    /// What the images hold and where they lie when they run. If it is not said, it is what can be [seen](layout); a search tries to
    /// know less, too.
    pub layout: Option<Layout>,
    /// The instructions in the images, for whoever knows them and not the rest of the layout. If it is not said, they are what can be seen:
    /// an image may hold those of another processor, and a decoder that follows only its own refuses such a patch. Where there is a
    /// [`layout`](Self::layout), that counts.
    pub architecture: Option<Architecture>,
    /// How long the encoder looks for the shortest patch.
    pub effort: Effort,
    /// How it is coded. If it is not said: where the profile has bulk, images above [`MIXING_BYTES_MAX`] in bulk, and those from 1 MiB on
    /// in the way that makes the shorter patch; all others by mixing.
    pub codec: Option<Codec>,
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
            layout: None,
            architecture: None,
            effort: Effort::Quick,
            codec: None,
        }
    }

    /// The codec that is tried for images of this length, and others.
    const fn codecs(&self, bytes: usize) -> (Codec, &'static [Codec]) {
        match (self.profile, self.codec) {
            (_, Some(codec)) => (codec, &[]),
            (Profile::Large, None) if bytes > MIXING_BYTES_MAX => (Codec::Bulk, &[]),
            (Profile::Large, None) if bytes >= BULK_BYTES_MIN => (Codec::Bulk, &[Codec::Mixing]),
            (Profile::Small | Profile::Standard | Profile::Large, None) => (Codec::Mixing, &[]),
        }
    }
}

/// How long the encoder looks for the shortest patch with the mixing codec. Whatever is chosen, the same input gives the same bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Effort {
    /// The new image is parted by what things usually cost, and coded. For whoever waits.
    Quick,
    /// It is parted again and again, each time with the prices that the coder met the last time, up to 8 MiB also with fewer addresses
    /// followed and without them, and the shortest patch is kept. For what is built once and downloaded by many.
    Search,
}

impl Effort {
    /// How often the new image is parted and coded.
    const fn rounds(self) -> u8 {
        match self {
            Self::Quick => 1,
            Self::Search => 5,
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
    /// The block size or the checkpoint unit is out of range, or the profile does not follow the instructions.
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
    encode_watched(old, new, options, &|_| {})
}

/// What an encoder is doing.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Looks for what is the same in both images.
    Searching,
    /// Codes a plan; with the mixing codec several, one after the other.
    Coding {
        /// Which one, from 1.
        round: u8,
        /// How many there will be.
        rounds: u8,
    },
    /// Decodes what was made.
    Proving,
}

/// The same, and says what it is doing each time that this changes: for a kernel or a file system that takes a while.
pub fn encode_watched(
    old: Option<&[u8]>,
    new: &[u8],
    options: &Options,
    watch: &(dyn Fn(Step) + Sync),
) -> Result<Encoded, EncodeError> {
    let old = old.unwrap_or(&[]);
    let bytes = old.len().max(new.len());
    if bytes > IMAGE_BYTES_MAX {
        return Err(EncodeError::TooLong {
            bytes,
            bytes_max: IMAGE_BYTES_MAX,
        });
    }
    let (first, others) = options.codecs(bytes);
    let images = [image(old), image(new)];
    // Before anything that takes long.
    let header = |codec| header(codec, images, options).map_err(EncodeError::Options);
    let first = header(first)?;
    let others: Vec<Header> = others.iter().map(|codec| header(*codec)).collect::<Result<_, _>>()?;
    let mut encoded = unproven(first, old, new, options, watch).map_err(EncodeError::Options)?;
    for header in others {
        let other = unproven(header, old, new, options, watch).map_err(EncodeError::Options)?;
        if other.bytes.len() < encoded.bytes.len() {
            encoded = other;
        }
    }
    watch(Step::Proving);
    match apply((!old.is_empty()).then_some(old), &encoded.bytes, encoded.pinned) {
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

/// The patch with this header, but for what only coding shows.
fn unproven(
    mut header: Header,
    old: &[u8],
    new: &[u8],
    options: &Options,
    watch: &(dyn Fn(Step) + Sync),
) -> Result<Encoded, Refusal> {
    let coded = match header.codec {
        Codec::Mixing => {
            let (layout, code) = shortest(old, new, options, watch);
            header.checkpoints = checkpoints(new.len() as u32, &code.prices, options)?;
            header.layout = layout;
            code.bytes
        }
        Codec::Bulk => {
            let seen = || detect::layout(options.architecture, old, new);
            let layout = options.layout.unwrap_or_else(seen);
            bulk::code(old, new, layout, watch)
        }
    };
    let (bytes, pinned) = chained(&header, &coded);
    Ok(Encoded { bytes, pinned, header })
}

fn header(codec: Codec, [source, result]: [Image; 2], options: &Options) -> Result<Header, Refusal> {
    let block_bytes = options.block_bytes;
    if !block_bytes.is_power_of_two() || !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&block_bytes) {
        return Err(Refusal::BlockSize { block_bytes });
    }
    if codec == Codec::Bulk && options.profile != Profile::Large {
        return Err(Refusal::UnknownCodec { codec: codec.code() });
    }
    if !options.checkpoint_unit.is_power_of_two() {
        return Err(Refusal::Checkpoints);
    }
    let told = options.layout.map(|layout| layout.architecture);
    if let Some(architecture) = told.or(options.architecture)
        && !options.profile.follows(architecture)
    {
        let profile = options.profile;
        return Err(Refusal::ArchitectureOfHosts { architecture, profile });
    }
    Ok(Header {
        codec,
        profile: options.profile,
        source,
        result,
        block_bytes,
        checkpoints: match codec {
            Codec::Mixing => checkpoints(result.length, &[], options)?,
            Codec::Bulk => Checkpoints::new(20, &[], result.length)?,
        },
        layout: Layout::UNKNOWN,
    })
}

/// What receiving and decoding a byte of the patch takes, in bytes of the result that are only copied.
const PATCH_BYTE_COST: u64 = 16;

/// Checkpoints that part evenly what it takes to come there again: the bytes of the result, and those of the patch. `prices` are what
/// everything in front of each step cost; without them each byte of the result costs the same.
fn checkpoints(length: u32, prices: &[u64], options: &Options) -> Result<Checkpoints, Refusal> {
    let unit = options.checkpoint_unit;
    // Positions have 16 bits, so a long image has a coarser unit.
    let unit = unit.max((length >> 16).next_power_of_two());
    let parts =
        u64::from(length / options.checkpoint_distance.max(unit)).min(options.profile.checkpoints_max() as u64 + 1);
    let cost = |unit_index: u32| {
        let position = unit_index as usize * unit as usize;
        let price = prices.get(position / STEP).or(prices.last()).copied().unwrap_or(0);
        position as u64 + price * PATCH_BYTE_COST / (8 * u64::from(PRICE_OF_BIT))
    };
    let count = length.div_ceil(unit.max(1));
    let all = cost(count);
    let mut units: Vec<u16> = Vec::new();
    let (mut unit_index, last) = (0, count.saturating_sub(1));
    for part in 1..parts {
        // One unit at least, and one for each that follows.
        unit_index += 1;
        let end = u64::from(last).saturating_sub(parts - 1 - part);
        while u64::from(unit_index) < end && cost(unit_index) * parts < all * part {
            unit_index += 1;
        }
        if unit_index <= last {
            units.push(unit_index as u16);
        }
    }
    Checkpoints::new(unit.trailing_zeros() as u8, &units, length)
}

/// What both images hold, as far as can be seen.
pub fn layout(old: &[u8], new: &[u8]) -> Layout {
    detect::layout(None, old, new)
}

/// What may be taken for known of the images, the likeliest first.
fn layouts(old: &[u8], new: &[u8], options: &Options) -> Vec<Layout> {
    if let Some(layout) = options.layout {
        return vec![layout];
    }
    // Only what is copied from an old image has addresses to follow.
    if old.is_empty() {
        return vec![Layout::UNKNOWN];
    }
    let seen = detect::layout(options.architecture, old, new);
    // What the profile follows of it.
    let architecture = match options.profile.follows(seen.architecture) {
        true => seen.architecture,
        false => Architecture::Unknown,
    };
    let seen = Layout { architecture, ..seen };
    if options.effort == Effort::Quick || old.len().max(new.len()) > LAYOUTS_BYTES_MAX {
        return vec![seen];
    }
    // Ranges take room in the header; and a map may know less of pointers than the words that were learned: a small one, or where
    // what is pointed at could have come from anywhere, as variables that are all zero in a file.
    let mut layouts = vec![seen, Layout { bases: None, ..seen }, Layout::UNKNOWN];
    let code = seen.bases.and_then(|bases| detect::bases_of_code(bases, old, new));
    layouts.extend(code.map(|code| Layout {
        bases: Some(code),
        ..seen
    }));
    layouts
}

/// The shortest code, and what was taken for known to make it.
fn shortest(old: &[u8], new: &[u8], options: &Options, watch: &(dyn Fn(Step) + Sync)) -> (Layout, Code) {
    watch(Step::Searching);
    let (layouts, matches) = thread::scope(|scope| {
        let matches = scope.spawn(|| Matches::find(old, new));
        let layouts = layouts(old, new, options);
        (layouts, matches.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let rounds = options.effort.rounds();
    let codes = thread::scope(|scope| {
        let threads = layouts
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(at, layout)| !layouts[..*at].contains(layout))
            .map(|(_, layout)| {
                let images = Images::new(old, new, &matches, *layout, options.profile);
                (
                    *layout,
                    scope.spawn(move || shortest_of(&images, options.profile, rounds, &|_| {})),
                )
            });
        let threads: Vec<_> = threads.collect();
        let images = Images::new(old, new, &matches, layouts[0], options.profile);
        let first = (layouts[0], shortest_of(&images, options.profile, rounds, watch));
        let others = threads.into_iter().map(|(layout, thread)| {
            let code = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            (layout, code)
        });
        let codes: Vec<_> = [first].into_iter().chain(others).collect();
        codes
    });
    let shortest = codes
        .into_iter()
        .min_by_key(|(layout, code)| layout.header_bytes() + code.bytes.len());
    shortest.unwrap_or((Layout::UNKNOWN, Code::default()))
}

/// Coded bytes, and what everything in front of each step of the result cost.
#[derive(Default)]
struct Code {
    bytes: Vec<u8>,
    prices: Vec<u64>,
}

/// Tries ways to part the new image into copies and literals, and keeps the shortest code.
fn shortest_of(images: &Images<'_>, profile: Profile, rounds: u8, watch: &dyn Fn(Step)) -> Code {
    let estimated = estimate::literals(images.new);
    let (mut literals, mut events) = (estimated.clone(), Prices::usual());
    let mut known = Known::of(&images.matches.in_a_row(), Vec::new());
    let mut pieces = Vec::new();
    let mut best: Option<Code> = None;
    for round in 1..=rounds {
        watch(Step::Coding { round, rounds });
        let copies = parse::parse(images, &known, &literals, &events);
        if round == 1 {
            pieces = pieces::wanted(pieces, &copies, &pieces::foreseen(images, &copies), pieces_max(profile));
        }
        let coded = code(profile, images, &copies, &pieces);
        if round < rounds {
            pieces = pieces::wanted(pieces, &copies, &coded.astray, pieces_max(profile));
            literals = literal_prices(&estimated, &coded.literals);
            known = Known::of(&copies, coded.words);
            events = coded.events;
        }
        if best.as_ref().is_none_or(|best| coded.bytes.len() < best.bytes.len()) {
            best = Some(Code {
                bytes: coded.bytes,
                prices: coded.prices,
            });
        }
    }
    best.unwrap_or_default()
}

/// What each byte would cost as a literal: what it did cost, or what was estimated, times what the others cost more than that.
fn literal_prices(estimated: &[u32], coded: &[Option<u32>]) -> Vec<u32> {
    let pairs = || estimated.iter().zip(coded);
    let both = pairs().filter_map(|(then, now)| Some((u64::from(*then), u64::from((*now)?))));
    let (then, now) = both.fold((1, 1), |(then, now), (one, other)| (then + one, now + other));
    let scaled = |price: u32| (u64::from(price) * now.max(then) / then) as u32;
    pairs()
        .map(|(estimated, coded)| coded.unwrap_or_else(|| scaled(*estimated)))
        .collect()
}

const fn pieces_max(profile: Profile) -> usize {
    match profile {
        Profile::Small => SmallState::PIECES_MAX,
        Profile::Standard => StandardState::PIECES_MAX,
        Profile::Large => LargeState::PIECES_MAX,
    }
}

fn code(profile: Profile, images: &Images<'_>, copies: &[Segment], pieces: &[Piece]) -> Coded {
    match profile {
        Profile::Small => SmallState::code(images, copies, pieces),
        Profile::Standard => StandardState::code(images, copies, pieces),
        Profile::Large => LargeState::code(images, copies, pieces),
    }
}

/// Puts the header in front, and cuts the file into blocks.
fn chained(header: &Header, coded: &[u8]) -> (Vec<u8>, Pinned) {
    let mut start = [0; HEADER_BYTES_MAX];
    let header_bytes = header.emit(&mut start);
    blocks(&[&start[..header_bytes], coded].concat(), header.block_bytes)
}

/// A payload as blocks, made last one first, since each names the hash of the next.
fn blocks(payload: &[u8], block_bytes: u32) -> (Vec<u8>, Pinned) {
    let piece_bytes = Chain::payload_bytes(block_bytes) as usize;
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut rest = payload;
    while rest.len() > block_bytes as usize {
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
        block_bytes,
        length: bytes.len() as u32,
    };
    (bytes, pinned)
}

#[cfg(test)]
mod tests {
    use super::{BULK_BYTES_MIN, Codec, MIXING_BYTES_MAX, Options, Profile, STEP, checkpoints};
    use std::vec::Vec;

    #[test]
    fn checkpoints_stand_where_the_patch_is_dear() {
        let options = Options {
            checkpoint_unit: 1 << 12,
            checkpoint_distance: 1 << 14,
            ..Options::of(Profile::Small)
        };
        let placed = |prices: &[u64]| {
            let placed = checkpoints(80 << 10, prices, &options);
            placed.map(|placed| placed.positions().map(|position| position >> 10).collect::<Vec<u32>>())
        };
        // Each byte as dear as the other.
        assert_eq!(placed(&[]), Ok(std::vec![16, 32, 48, 64]));
        let even: Vec<u64> = (0..80).map(|step| step * STEP as u64).collect();
        assert_eq!(placed(&even), Ok(std::vec![16, 32, 48, 64]));
        // The last quarter comes byte by byte in the patch.
        let dear: Vec<u64> = (0..80_u64)
            .map(|step| step.saturating_sub(60) * (STEP as u64 * 512))
            .collect();
        assert_eq!(placed(&dear), Ok(std::vec![64, 68, 72, 76]));
    }

    #[test]
    fn both_codecs_are_tried_where_either_may_be_shorter() {
        let codecs = |profile, bytes| Options::of(profile).codecs(bytes);
        let none: &[Codec] = &[];
        let both = (Codec::Bulk, &[Codec::Mixing][..]);
        assert_eq!(codecs(Profile::Large, BULK_BYTES_MIN - 1), (Codec::Mixing, none));
        assert_eq!(codecs(Profile::Large, BULK_BYTES_MIN), both);
        assert_eq!(codecs(Profile::Large, MIXING_BYTES_MAX), both);
        assert_eq!(codecs(Profile::Large, MIXING_BYTES_MAX + 1), (Codec::Bulk, none));
        assert_eq!(codecs(Profile::Standard, MIXING_BYTES_MAX + 1), (Codec::Mixing, none));
        let told = Options {
            codec: Some(Codec::Mixing),
            ..Options::of(Profile::Large)
        };
        assert_eq!(told.codecs(MIXING_BYTES_MAX + 1), (Codec::Mixing, none));
    }
}
