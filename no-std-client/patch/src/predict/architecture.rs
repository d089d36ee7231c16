//! Which instructions an image holds, and where it lies when it runs.

use super::{aarch64, riscv, thumb, xtensa};

/// How the instructions of an image say where they go.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Architecture {
    /// ARM with 64 bits.
    AArch64 = 4,
    /// RISC-V, with 32 or 64 bits.
    RiscV = 2,
    /// Cortex-M, and other ARM in Thumb state.
    Thumb = 1,
    /// Not known, or none of these: no instruction is followed.
    Unknown = 0,
    /// Xtensa, little-endian.
    Xtensa = 3,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 5] = [Self::AArch64, Self::RiscV, Self::Thumb, Self::Unknown, Self::Xtensa];

    /// Its number in a header. That of the unknown one is 0, so that a decoder which knows nothing is all zeros.
    #[allow(clippy::as_conversions, reason = "the numbers are said above")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unknown),
            1 => Some(Self::Thumb),
            2 => Some(Self::RiscV),
            3 => Some(Self::Xtensa),
            4 => Some(Self::AArch64),
            _ => None,
        }
    }

    /// Instructions begin at multiples of this; 1 if they begin anywhere.
    pub(crate) const fn unit(self) -> u32 {
        match self {
            Self::AArch64 => 4,
            Self::RiscV | Self::Thumb | Self::Unknown => 2,
            Self::Xtensa => 1,
        }
    }

    /// Bytes of the instruction that begins so, if they begin anywhere.
    pub(crate) const fn length(self, bytes: u32) -> u32 {
        match self {
            Self::Xtensa => xtensa::length(bytes),
            Self::AArch64 | Self::RiscV | Self::Thumb | Self::Unknown => self.unit(),
        }
    }

    /// Bytes of an instruction that can name a place.
    pub(crate) const fn field_bytes(self) -> u8 {
        match self {
            Self::Xtensa => 3,
            Self::AArch64 | Self::RiscV | Self::Thumb | Self::Unknown => 4,
        }
    }

    /// The place that the instruction at `position` names, if it can be one that does. Both are offsets in the image.
    pub(crate) fn target(self, bytes: u32, position: u32) -> Option<u32> {
        match self {
            Self::AArch64 => aarch64::target(bytes, position),
            Self::RiscV => riscv::target(bytes, position),
            Self::Thumb => thumb::target(bytes, position),
            Self::Unknown => None,
            Self::Xtensa => xtensa::target(bytes, position),
        }
    }

    /// The same instruction at `position`, naming `target`.
    pub(crate) fn with_target(self, bytes: u32, position: u32, target: u32) -> u32 {
        match self {
            Self::AArch64 => aarch64::with_target(bytes, position, target),
            Self::RiscV => riscv::with_target(bytes, position, target),
            Self::Thumb => thumb::with_target(bytes, position, target),
            Self::Unknown => bytes,
            Self::Xtensa => xtensa::with_target(bytes, position, target),
        }
    }

    /// Bits of an address that are no part of the place: in Thumb state the lowest bit of a function's address is set.
    pub(crate) const fn tag(self) -> u32 {
        match self {
            Self::Thumb => 1,
            Self::AArch64 | Self::RiscV | Self::Unknown | Self::Xtensa => 0,
        }
    }
}

/// Addresses of the first bytes of both images; the lower halves, where they have 64 bits.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Bases {
    /// Of the old image.
    pub old: u32,
    /// Of the new image.
    pub new: u32,
}

/// What is known of both images.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The instructions in them.
    pub architecture: Architecture,
    /// Where they lie when they run. Without it no address in a word is followed.
    pub bases: Option<Bases>,
}

impl Layout {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        architecture: Architecture::Unknown,
        bases: None,
    };

    /// Bytes that a header has for it, beside those that every header has.
    pub(crate) const fn header_bytes(&self) -> usize {
        if self.bases.is_some() { 8 } else { 0 }
    }

    /// The place in an old image of `length` bytes whose address this word is.
    pub(crate) fn offset(&self, word: u32, length: u32) -> Option<u32> {
        let offset = word.wrapping_sub(self.bases?.old) & !self.architecture.tag();
        (offset < length).then_some(offset)
    }

    /// The place in the new image whose address this word is, inside or not.
    pub(crate) fn new_offset(&self, word: u32) -> u32 {
        let base = self.bases.map_or(0, |bases| bases.new);
        word.wrapping_sub(base) & !self.architecture.tag()
    }

    /// The address of a place in the new image, as `word` was the one of its place in the old image.
    pub(crate) fn address(&self, offset: u32, word: u32) -> u32 {
        let base = self.bases.map_or(0, |bases| bases.new);
        base.wrapping_add(offset) | word & self.architecture.tag()
    }
}

/// Where an image names places in itself.
#[cfg(feature = "encode")]
pub(crate) struct Names {
    /// For each byte: 0 if it belongs to no such field, else a number for the kind, and its place in the field in the lowest two bits.
    pub(crate) fields: std::vec::Vec<u8>,
    /// For the first byte of each field: the place.
    pub(crate) places: std::vec::Vec<u32>,
}

#[cfg(feature = "encode")]
impl Names {
    pub(crate) fn of(image: &[u8], architecture: Architecture, base: Option<u32>) -> Self {
        let mut names = Self {
            fields: std::vec![0; image.len()],
            places: std::vec![0; image.len()],
        };
        let layout = Layout {
            architecture,
            bases: base.map(|base| Bases { old: base, new: base }),
        };
        let image_bytes = u32::try_from(image.len()).unwrap_or(u32::MAX);
        let mut position = 0_u32;
        let at = |position: u32| usize::try_from(position).unwrap_or(usize::MAX);
        while let Some(bytes) = image.get(at(position)..).and_then(|rest| rest.first_chunk()) {
            let bytes = u32::from_le_bytes(*bytes);
            let pointer = layout.offset(bytes, image_bytes).filter(|_| position.is_multiple_of(4));
            position = match (architecture.target(bytes, position), pointer) {
                (Some(place), _) => names.add(position, 1, architecture.field_bytes(), place),
                (None, Some(place)) => names.add(position, 2, 4, place),
                (None, None) => position.wrapping_add(architecture.length(bytes)),
            };
        }
        names
    }

    /// Adds a field, and says where it ends.
    fn add(&mut self, position: u32, kind: u8, bytes: u8, place: u32) -> u32 {
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        if let Some(first) = self.places.get_mut(at) {
            *first = place;
        }
        let fields = self.fields.iter_mut().skip(at);
        for (field, phase) in fields.zip(0..bytes) {
            *field = kind.wrapping_mul(4) | phase;
        }
        position.wrapping_add(u32::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions as an assembler writes them, where they stand, and what they name.
    const KNOWN: [(Architecture, u32, u32, u32); 12] = [
        // bl, forward and back; b.w.
        (Architecture::Thumb, 0xF800_F000, 0x100, 0x104),
        (Architecture::Thumb, 0xFFFE_F7FF, 0x100, 0x100),
        (Architecture::Thumb, 0xB800_F001, 0x200, 0x1204),
        // jal ra, forward and back.
        (Architecture::RiscV, 0x0080_00EF, 0x40, 0x48),
        (Architecture::RiscV, 0xFF9F_F0EF, 0x40, 0x38),
        (Architecture::RiscV, 0x0000_10EF, 0x40, 0x1040),
        // call0 to the next word; l32r of the word before; j.
        (Architecture::Xtensa, 0x00_0005, 0x13, 0x14),
        (Architecture::Xtensa, 0xFF_FF21, 0x20, 0x1C),
        (Architecture::Xtensa, 0x00_0046, 0x20, 0x25),
        // bl, forward and back; b.
        (Architecture::AArch64, 0x9400_0002, 0x40, 0x48),
        (Architecture::AArch64, 0x97FF_FFFF, 0x40, 0x3C),
        (Architecture::AArch64, 0x1400_0400, 0x40, 0x1040),
    ];

    #[test]
    fn instructions_name_what_an_assembler_says() {
        for (architecture, bytes, position, target) in KNOWN {
            let named = architecture.target(bytes, position);
            assert_eq!(named, Some(target), "{architecture:?} {bytes:08x}");
        }
    }

    #[test]
    fn an_instruction_can_be_moved() {
        for (architecture, bytes, position, target) in KNOWN {
            assert_eq!(architecture.with_target(bytes, position, target), bytes, "{bytes:08x}");
            // Both moved as far: the same instruction. The place moved farther: another one, which names it.
            for farther in [0, 0x80] {
                let (from, to) = (position + 0x1000, target + 0x1000 - farther);
                let moved = architecture.with_target(bytes, from, to);
                assert_eq!(
                    architecture.target(moved, from),
                    Some(to),
                    "{architecture:?} {bytes:08x}"
                );
                assert_eq!(moved == bytes, farther == 0);
            }
        }
    }

    /// What no instruction reaches is another instruction of the same kind, and nothing else happens.
    #[test]
    fn any_bytes_can_be_moved_anywhere() {
        let mut random = 1_u32;
        for _ in 0..20_000 {
            random = random.wrapping_mul(0x915F_77F5).wrapping_add(1);
            for architecture in Architecture::ALL {
                let (position, target) = (random.rotate_left(7) & !3, random.rotate_left(19));
                if architecture.target(random, position).is_some() {
                    let moved = architecture.with_target(random, position, target);
                    assert!(
                        architecture.target(moved, position).is_some(),
                        "{architecture:?} {random:08x}"
                    );
                }
            }
        }
    }

    #[test]
    fn words_inside_an_image_are_places() {
        let layout = Layout {
            architecture: Architecture::Thumb,
            bases: Some(Bases {
                old: 0x0800_0000,
                new: 0x0801_0000,
            }),
        };
        assert_eq!(layout.offset(0x0800_0101, 0x1000), Some(0x100));
        assert_eq!(layout.offset(0x0800_1001, 0x1000), None);
        assert_eq!(layout.offset(0x07FF_FFFF, 0x1000), None);
        assert_eq!(layout.address(0x104, 0x0800_0101), 0x0801_0105);
        assert_eq!(layout.new_offset(0x0801_0105), 0x104);
        assert_eq!(Layout::UNKNOWN.offset(0x100, 0x1000), None);
    }
}
