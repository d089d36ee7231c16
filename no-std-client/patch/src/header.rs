//! The container: what stands before the coded bytes.
//!
//! ```text
//! bytes    field                 range
//! 0..4     magic                 "TUFP"
//! 4        format version        1
//! 5        codec                 0 mixing, 1 bulk (large only)
//! 6        profile               0 small, 1 standard, 2 large
//! 7        architecture          0 unknown, 1 Thumb, 2 RISC-V, 3 Xtensa, 4 AArch64, 5 x86-64 (these two: large only),
//!                                6 Xtensa, big-endian; bit 7: ranges stand at the end; in bulk 0
//! 8..12    length of the source  little-endian; 0: the patch makes the result from nothing
//! 12..44   digest of the source  SHA-256; zero if and only if the length is 0
//! 44..48   length of the result  little-endian
//! 48..80   digest of the result  SHA-256; zero if and only if the length is 0
//! 80       block size            exponent of two, 8..=16
//! 81       checkpoint unit       exponent of two, 10..=24
//! 82       checkpoints           0..=16, in small 0..=8, in bulk 0
//! 83..     their positions       2 bytes each, little-endian, in checkpoint units: strictly ascending, above 0, inside the result
//! then     ranges                if bit 7 of the architecture says so: how many of the source, less 1 (bits 0..=3), and of the result (4..=7);
//!                                then each one's start and base, little-endian, 4 bytes each, but of the first one of an image only the base
//! ```
//!
//! - `parse` refuses what has no meaning, so that `emit` is its inverse.
//! - Nothing here is secret or trusted by itself: the chain authenticates it, and the caller's own lengths and digests are
//!   compared with it.

use crate::{Architecture, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, Bases, Digest, Layout, Profile, RANGES_MAX, Refusal};
use core::num::NonZeroU8;

const MAGIC: [u8; 4] = *b"TUFP";
pub(crate) const VERSION: u8 = 1;
/// The bit of the architecture which says that ranges stand at the end.
const HAS_BASES: u8 = 0x80;

/// Most checkpoints of a patch in any profile: see [`Profile::checkpoints_max`].
pub const CHECKPOINTS_MAX: usize = 16;

/// Bytes of a header without checkpoints and ranges.
pub const HEADER_BYTES_MIN: usize = 83;

/// Bytes of a header with all checkpoints and ranges.
pub const HEADER_BYTES_MAX: usize = HEADER_BYTES_MIN + 2 * CHECKPOINTS_MAX + 1 + 2 * (8 * RANGES_MAX - 4);

const UNIT_LOG2_MIN: u8 = 10;
const UNIT_LOG2_MAX: u8 = 24;

/// An image by its contents.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Bytes.
    pub length: u32,
    /// SHA-256 of all of them.
    pub digest: Digest,
}

impl Image {
    /// No image: what a patch from nothing starts from.
    pub const NOTHING: Self = Self {
        length: 0,
        digest: [0; 32],
    };

    const fn check(&self) -> Result<(), Refusal> {
        let mut zero = true;
        let mut rest: &[u8] = &self.digest;
        while let Some((byte, others)) = rest.split_first() {
            zero = zero && *byte == 0;
            rest = others;
        }
        if zero == (self.length == 0) {
            Ok(())
        } else {
            Err(Refusal::ImageWithoutMeaning)
        }
    }
}

/// Where the decoder can be saved: positions in the result.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Checkpoints {
    unit_log2: u8,
    count: u8,
    /// In units; what is behind `count` is 0.
    positions: [u16; CHECKPOINTS_MAX],
}

impl Checkpoints {
    /// At most [`CHECKPOINTS_MAX`] positions in units of `1 << unit_log2` bytes.
    pub fn new(unit_log2: u8, units: &[u16], result_length: u32) -> Result<Self, Refusal> {
        let mut positions = [0; CHECKPOINTS_MAX];
        positions
            .get_mut(..units.len())
            .ok_or(Refusal::Checkpoints)?
            .copy_from_slice(units);
        let count = u8::try_from(units.len()).map_err(|_| Refusal::Checkpoints)?;
        let checkpoints = Self {
            unit_log2,
            count,
            positions,
        };
        let known = (UNIT_LOG2_MIN..=UNIT_LOG2_MAX).contains(&unit_log2);
        let mut last = 0_u64;
        let ascending = units.iter().all(|unit| {
            let position = checkpoints.bytes(*unit);
            let ascends = last < position && position < u64::from(result_length);
            last = position;
            ascends
        });
        if known && ascending {
            Ok(checkpoints)
        } else {
            Err(Refusal::Checkpoints)
        }
    }

    /// The positions, ascending, in bytes of the result.
    pub fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        let units = self.positions.iter().take(usize::from(self.count));
        units.filter_map(|unit| u32::try_from(self.bytes(*unit)).ok())
    }

    fn bytes(&self, unit: u16) -> u64 {
        u64::from(unit).wrapping_shl(u32::from(self.unit_log2))
    }
}

/// How the bytes behind the header are coded.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Codec {
    /// Byte by byte, each bit with a mixture of many guesses: for firmware and single programs, in any profile.
    Mixing,
    /// A plan in front, and then what differs: for images of many programs and for long ones, in the large profile. See [`BulkState`](crate::BulkState).
    Bulk,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 2] = [Self::Mixing, Self::Bulk];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Mixing => 0,
            Self::Bulk => 1,
        }
    }

    const fn from_code(code: u8, profile: Profile) -> Option<Self> {
        match (code, profile) {
            (0, _) => Some(Self::Mixing),
            (1, Profile::Large) => Some(Self::Bulk),
            _ => None,
        }
    }
}

/// What a patch says about itself. A decoder keeps the layout elsewhere, where it follows addresses, and here nothing.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Header<L = Layout> {
    /// How it is coded.
    pub codec: Codec,
    /// Profile it was made for.
    pub profile: Profile,
    /// Image it starts from.
    pub source: Image,
    /// Image it makes.
    pub result: Image,
    /// Bytes of every block but the last.
    pub block_bytes: u32,
    /// Where the decoder can be saved.
    pub checkpoints: Checkpoints,
    /// Where the images lie when they run.
    pub layout: L,
}

impl<L> Header<L> {
    /// The same with another layout.
    pub(crate) fn with_layout<M>(&self, layout: M) -> Header<M> {
        Header {
            codec: self.codec,
            profile: self.profile,
            source: self.source,
            result: self.result,
            block_bytes: self.block_bytes,
            checkpoints: self.checkpoints,
            layout,
        }
    }
}

impl Header {
    /// Reads a header. Returns it with the bytes behind it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        let mut layout = Layout::UNKNOWN;
        let (header, rest) = Self::parts(bytes, &mut layout)?;
        Ok((header.with_layout(layout), rest))
    }

    /// The same, with the layout apart, which is worth nothing if this is refused.
    pub(crate) fn parts<'b>(bytes: &'b [u8], layout: &mut Layout) -> Result<(Header<()>, &'b [u8]), Refusal> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut fields = Fields(bytes);
        let short = Refusal::TooShort { length };
        if fields.take().ok_or(short)? != MAGIC {
            return Err(Refusal::WrongMagic);
        }
        let [version, codec, profile, code] = fields.take().ok_or(short)?;
        if version != VERSION {
            return Err(Refusal::UnknownVersion { version });
        }
        let unknown = Refusal::UnknownArchitecture { architecture: code };
        let architecture = Architecture::from_code(code & !HAS_BASES).ok_or(unknown)?;
        let profile = Profile::from_code(profile).ok_or(Refusal::UnknownProfile { profile })?;
        let codec = Codec::from_code(codec, profile).ok_or(Refusal::UnknownCodec { codec })?;
        let source = fields.image().ok_or(short)?;
        source.check()?;
        let result = fields.image().ok_or(short)?;
        result.check()?;
        let [block_log2, unit_log2, count] = fields.take().ok_or(short)?;
        let block_bytes = 1_u32.checked_shl(u32::from(block_log2)).unwrap_or(0);
        if !(BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&block_bytes) {
            return Err(Refusal::BlockSize { block_bytes });
        }
        // Bulk says in its plan what lies where.
        if codec == Codec::Bulk && code != 0 {
            return Err(unknown);
        }
        if codec == Codec::Bulk && count != 0 {
            return Err(Refusal::Checkpoints);
        }
        let mut units = [0; CHECKPOINTS_MAX];
        let count = usize::from(count);
        let listed = units.get_mut(..count).ok_or(Refusal::Checkpoints)?;
        if count > profile.checkpoints_max() {
            return Err(Refusal::Checkpoints);
        }
        for unit in listed.iter_mut() {
            *unit = u16::from_le_bytes(fields.take().ok_or(short)?);
        }
        layout.architecture = architecture;
        layout.bases = None;
        if code & HAS_BASES != 0 {
            let bases = layout.bases.insert(Bases::whole(0, 0));
            fields.bases(bases).ok_or(short)?;
            if !bases.old.are_inside(source.length) || !bases.new.are_inside(result.length) {
                return Err(Refusal::Ranges);
            }
        }
        if !profile.follows(architecture) {
            return Err(Refusal::ArchitectureOfHosts { architecture, profile });
        }
        let header = Header {
            codec,
            profile,
            source,
            result,
            block_bytes,
            checkpoints: Checkpoints::new(unit_log2, listed, result.length)?,
            layout: (),
        };
        Ok((header, fields.0))
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn bytes(&self) -> usize {
        HEADER_BYTES_MIN
            .saturating_add(usize::from(self.checkpoints.count).saturating_mul(2))
            .saturating_add(self.layout.header_bytes())
    }

    /// Writes the header and says how long it is.
    pub fn emit(&self, bytes: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let mut target = bytes.iter_mut();
        let mut put = |field: &[u8]| {
            for (value, byte) in field.iter().zip(target.by_ref()) {
                *byte = *value;
            }
        };
        put(&MAGIC);
        let has_bases = if self.layout.bases.is_some() { HAS_BASES } else { 0 };
        let architecture = self.layout.architecture.code() | has_bases;
        put(&[VERSION, self.codec.code(), self.profile.code(), architecture]);
        for image in [self.source, self.result] {
            put(&image.length.to_le_bytes());
            put(&image.digest);
        }
        // Invariant: an exponent of a 32-bit number is below 256.
        put(&[u8::try_from(self.block_bytes.trailing_zeros()).unwrap_or(0)]);
        put(&[self.checkpoints.unit_log2, self.checkpoints.count]);
        for unit in self
            .checkpoints
            .positions
            .iter()
            .take(usize::from(self.checkpoints.count))
        {
            put(&unit.to_le_bytes());
        }
        if let Some(bases) = self.layout.bases {
            let others = [&bases.old, &bases.new].map(|ranges| ranges.count().wrapping_sub(1));
            let [old, new] = others;
            put(&[old | new.wrapping_shl(4)]);
            for range in bases.old.known().iter().chain(bases.new.known()) {
                if range.start > 0 {
                    put(&range.start.to_le_bytes());
                }
                put(&range.base.to_le_bytes());
            }
        }
        self.bytes()
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn image(&mut self) -> Option<Image> {
        Some(Image {
            length: u32::from_le_bytes(self.take()?),
            digest: self.take()?,
        })
    }

    /// The ranges of both images.
    fn bases(&mut self, bases: &mut Bases) -> Option<()> {
        let [counts] = self.take()?;
        let count = |others: u8| NonZeroU8::MIN.saturating_add(others);
        let counts = [count(counts & 15), count(counts.wrapping_shr(4))];
        for (ranges, count) in [&mut bases.old, &mut bases.new].into_iter().zip(counts) {
            ranges.read(count, || self.take().map(u32::from_le_bytes))?;
        }
        Some(())
    }
}
