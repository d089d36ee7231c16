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

use crate::{
    Architecture, BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, Bases, Digest, Layout, Profile, RANGES_MAX, Ranges, Refusal,
};
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

    /// Whether it has a digest if and only if it has bytes.
    fn has_meaning(&self) -> bool {
        (self.length == 0) == self.digest.iter().all(|byte| *byte == 0)
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
    const NONE: Self = Self {
        unit_log2: 0,
        count: 0,
        positions: [0; CHECKPOINTS_MAX],
    };

    /// At most [`CHECKPOINTS_MAX`] positions in units of `1 << unit_log2` bytes.
    pub fn new(unit_log2: u8, units: &[u16], result_length: u32) -> Result<Self, Refusal> {
        let mut checkpoints = Self {
            unit_log2,
            count: u8::try_from(units.len()).map_err(|_| Refusal::Checkpoints)?,
            ..Self::NONE
        };
        checkpoints
            .positions
            .get_mut(..units.len())
            .ok_or(Refusal::Checkpoints)?
            .copy_from_slice(units);
        if checkpoints.are_inside(result_length) {
            Ok(checkpoints)
        } else {
            Err(Refusal::Checkpoints)
        }
    }

    /// Whether they are strictly ascending inside the result, in a unit that there is.
    fn are_inside(&self, result_length: u32) -> bool {
        let mut last = 0;
        let ascends = |unit: &u16| {
            let position = self.bytes(*unit).filter(|position| last < *position);
            last = position.unwrap_or(u32::MAX);
            last < result_length
        };
        matches!(self.unit_log2, UNIT_LOG2_MIN..=UNIT_LOG2_MAX) && self.units().iter().all(ascends)
    }

    /// The positions, ascending, in bytes of the result.
    pub fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        self.units().iter().filter_map(|unit| self.bytes(*unit))
    }

    /// Whether this is one.
    pub(crate) fn has(&self, position: u32) -> bool {
        self.units().iter().any(|unit| self.bytes(*unit) == Some(position))
    }

    /// The positions in units.
    fn units(&self) -> &[u16] {
        self.positions.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// A position in bytes, if 32 bits tell it.
    fn bytes(&self, unit: u16) -> Option<u32> {
        let (unit, log2) = (u32::from(unit), u32::from(self.unit_log2));
        let bytes = unit.wrapping_shl(log2);
        (bytes.wrapping_shr(log2) == unit).then_some(bytes)
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
        let (mut header, mut layout, mut rest) = (Header::BLANK, Layout::UNKNOWN, bytes);
        header.read(&mut rest, &mut layout)?;
        Ok((header.with_layout(layout), rest))
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
        self.emit_with(&self.layout, &mut |byte| {
            if let Some(place) = target.next() {
                *place = byte;
            }
        });
        self.bytes()
    }
}

impl<L> Header<L> {
    /// Writes the header byte by byte, with a layout that is kept elsewhere.
    #[inline(never)]
    pub(crate) fn emit_with(&self, layout: &Layout, put: &mut dyn FnMut(u8)) {
        let has_bases = if layout.bases.is_some() { HAS_BASES } else { 0 };
        let architecture = layout.architecture.code() | has_bases;
        put_all(put, &MAGIC);
        put_all(put, &[VERSION, self.codec.code(), self.profile.code(), architecture]);
        for image in [&self.source, &self.result] {
            put_word(put, image.length);
            put_all(put, &image.digest);
        }
        // By hand, since a part that cannot count zeros has a table for it.
        let mut block_log2 = 0_u8;
        while block_log2 < 32 && self.block_bytes.wrapping_shr(u32::from(block_log2)) & 1 == 0 {
            block_log2 = block_log2.wrapping_add(1);
        }
        put_all(put, &[block_log2, self.checkpoints.unit_log2, self.checkpoints.count]);
        for unit in self.checkpoints.units() {
            put_all(put, &unit.to_le_bytes());
        }
        if let Some(bases) = &layout.bases {
            let [old, new] = [&bases.old, &bases.new].map(|ranges| ranges.count().wrapping_sub(1));
            put(old | new.wrapping_shl(4));
            for ranges in [&bases.old, &bases.new] {
                for range in ranges.known() {
                    if range.start > 0 {
                        put_word(put, range.start);
                    }
                    put_word(put, range.base);
                }
            }
        }
    }
}

#[inline(never)]
fn put_all(put: &mut dyn FnMut(u8), bytes: &[u8]) {
    for byte in bytes {
        put(*byte);
    }
}

#[inline(never)]
fn put_word(put: &mut dyn FnMut(u8), word: u32) {
    put_all(put, &word.to_le_bytes());
}

impl Header<()> {
    /// Nothing, which [`read`](Self::read) makes a header of.
    pub(crate) const BLANK: Self = Self {
        codec: Codec::Mixing,
        profile: Profile::Small,
        source: Image::NOTHING,
        result: Image::NOTHING,
        block_bytes: 0,
        checkpoints: Checkpoints::NONE,
        layout: (),
    };

    /// Reads the header that the bytes begin with, in place, with the layout apart; both are worth nothing if it is refused. Else
    /// what is behind it is left.
    pub(crate) fn read(&mut self, bytes: &mut &[u8], layout: &mut Layout) -> Result<(), Refusal> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let fill = &mut |field: &mut [u8]| {
            let parts = bytes.split_at_checked(field.len());
            if let Some((here, rest)) = parts {
                field.copy_from_slice(here);
                *bytes = rest;
            }
            parts.is_some()
        };
        self.read_from(fill, Refusal::TooShort { length }, layout)
    }

    /// The same from anywhere: `fill` fills a field, and says whether there was enough for it. If not, that is the refusal.
    #[inline(never)]
    pub(crate) fn read_from(
        &mut self,
        fill: &mut dyn FnMut(&mut [u8]) -> bool,
        too_short: Refusal,
        layout: &mut Layout,
    ) -> Result<(), Refusal> {
        let mut fields = Fields {
            fill,
            refusal: too_short,
            is_refused: false,
        };
        match self.read_fields(&mut fields, layout) {
            Some(()) if !fields.is_refused => Ok(()),
            Some(()) | None => Err(fields.refusal),
        }
    }

    /// The same. None if it is refused.
    fn read_fields(&mut self, fields: &mut Fields<'_>, layout: &mut Layout) -> Option<()> {
        if fields.word() != u32::from_le_bytes(MAGIC) {
            return fields.refuse(Refusal::WrongMagic);
        }
        let [version, codec, profile, code] = fields.word().to_le_bytes();
        if version != VERSION {
            return fields.refuse(Refusal::UnknownVersion { version });
        }
        let Some(architecture) = Architecture::from_code(code & !HAS_BASES) else {
            return fields.refuse(Refusal::UnknownArchitecture { architecture: code });
        };
        let Some(profile) = Profile::from_code(profile) else {
            return fields.refuse(Refusal::UnknownProfile { profile });
        };
        let Some(codec) = Codec::from_code(codec, profile) else {
            return fields.refuse(Refusal::UnknownCodec { codec });
        };
        (self.codec, self.profile, layout.architecture) = (codec, profile, architecture);
        fields.image(&mut self.source)?;
        fields.image(&mut self.result)?;
        self.read_units(fields, code)?;
        layout.bases = None;
        if code & HAS_BASES != 0 {
            let bases = layout.bases.insert(Bases::whole(0, 0));
            fields.bases(bases);
            if !bases.old.are_inside(self.source.length) || !bases.new.are_inside(self.result.length) {
                return fields.refuse(Refusal::Ranges);
            }
        }
        if !profile.follows(architecture) {
            return fields.refuse(Refusal::ArchitectureOfHosts { architecture, profile });
        }
        if !self.checkpoints.are_inside(self.result.length) {
            return fields.refuse(Refusal::Checkpoints);
        }
        Some(())
    }

    /// Reads the size of blocks, and where the decoder can be saved. `code` is that of the architecture.
    fn read_units(&mut self, fields: &mut Fields<'_>, code: u8) -> Option<()> {
        let [block_log2, unit_log2, count] = fields.bytes();
        let block_bytes = 1_u32.checked_shl(u32::from(block_log2)).unwrap_or(0);
        if !matches!(block_bytes, BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX) {
            return fields.refuse(Refusal::BlockSize { block_bytes });
        }
        // Bulk says in its plan what lies where.
        if self.codec == Codec::Bulk && code != 0 {
            return fields.refuse(Refusal::UnknownArchitecture { architecture: code });
        }
        if (self.codec == Codec::Bulk && count != 0) || usize::from(count) > self.profile.checkpoints_max() {
            return fields.refuse(Refusal::Checkpoints);
        }
        self.block_bytes = block_bytes;
        let checkpoints = &mut self.checkpoints;
        (checkpoints.unit_log2, checkpoints.count) = (unit_log2, count);
        for unit in checkpoints.positions.iter_mut().take(usize::from(count)) {
            *unit = u16::from_le_bytes(fields.bytes());
        }
        Some(())
    }
}

/// Where fields come from, and why they are refused if they are.
struct Fields<'a> {
    /// Fills a field, if there is enough for it.
    fill: &'a mut dyn FnMut(&mut [u8]) -> bool,
    /// That there is no more, until something else is wrong.
    refusal: Refusal,
    /// Whether there was no more. What is read from then on is zero and means nothing, and no other refusal counts.
    is_refused: bool,
}

impl Fields<'_> {
    /// Refuses what was read. Answers None.
    #[inline(never)]
    fn refuse(&mut self, refusal: Refusal) -> Option<()> {
        if !self.is_refused {
            self.refusal = refusal;
        }
        None
    }

    #[inline(never)]
    fn fill(&mut self, field: &mut [u8]) {
        self.is_refused |= !(self.fill)(field);
    }

    fn bytes<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        self.fill(&mut bytes);
        bytes
    }

    #[inline(never)]
    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    #[inline(never)]
    fn image(&mut self, image: &mut Image) -> Option<()> {
        image.length = self.word();
        self.fill(&mut image.digest);
        match image.has_meaning() {
            true => Some(()),
            false => self.refuse(Refusal::ImageWithoutMeaning),
        }
    }

    /// The ranges of both images.
    fn bases(&mut self, bases: &mut Bases) {
        let [counts] = self.bytes();
        self.ranges(&mut bases.old, counts & 15);
        self.ranges(&mut bases.new, counts.wrapping_shr(4));
    }

    /// The ranges of an image: so many, and the first one.
    #[inline(never)]
    fn ranges(&mut self, ranges: &mut Ranges, others: u8) {
        ranges.read(NonZeroU8::MIN.saturating_add(others), || self.word());
    }
}
