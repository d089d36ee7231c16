//! Which instructions an image holds, and where it lies when it runs.

#[cfg(feature = "encode")]
use super::pairs::{Registers, Search};
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

    /// What the instruction at `address` says of addresses. Those of hosts are read only if `HOSTS`.
    pub(crate) fn read<const HOSTS: bool>(self, bytes: u32, address: u32) -> Instruction {
        let target = match self {
            Self::AArch64 if HOSTS => return aarch64::read(bytes, address),
            Self::RiscV => riscv::target(bytes, address),
            Self::Thumb => thumb::target(bytes, address),
            Self::Xtensa => xtensa::target(bytes, address),
            Self::AArch64 | Self::Unknown => None,
        };
        target.map_or(Instruction::Other { written: None }, Instruction::Place)
    }

    /// The same instruction at `address`, which says `value`: a place, or the upper part of that address, or the lower part.
    pub(crate) fn with<const HOSTS: bool>(self, bytes: u32, address: u32, value: u32) -> u32 {
        match self {
            Self::AArch64 if HOSTS => aarch64::with(bytes, address, value),
            Self::RiscV => riscv::with_target(bytes, address, value),
            Self::Thumb => thumb::with_target(bytes, address, value),
            Self::Xtensa => xtensa::with_target(bytes, address, value),
            Self::AArch64 | Self::Unknown => bytes,
        }
    }

    /// Whether it is one of machines with an operating system.
    pub(crate) const fn is_of_hosts(self) -> bool {
        match self {
            Self::AArch64 => true,
            Self::RiscV | Self::Thumb | Self::Unknown | Self::Xtensa => false,
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

/// What an instruction says of addresses.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Instruction {
    /// It adds to a register, or reads or writes so far behind where it points.
    Lower {
        register: u8,
        value: u32,
        /// The register that it writes.
        written: Option<u8>,
    },
    /// Nothing.
    Other {
        /// The register that it writes, as far as it matters.
        written: Option<u8>,
    },
    /// It names this place.
    Place(u32),
    /// It puts the upper part of an address into a register.
    Upper { register: u8, value: u32 },
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

    /// The address of a place in the old image.
    pub(crate) fn old_address(&self, offset: u32) -> u32 {
        self.bases.map_or(0, |bases| bases.old).wrapping_add(offset)
    }

    /// The address of a place in the new image.
    pub(crate) fn new_address(&self, offset: u32) -> u32 {
        self.bases.map_or(0, |bases| bases.new).wrapping_add(offset)
    }

    /// The place in the old image with this address, inside or not.
    pub(crate) fn old_offset(&self, address: u32) -> u32 {
        address.wrapping_sub(self.old_address(0))
    }

    /// The place in the new image with this address, inside or not.
    pub(crate) fn new_offset(&self, address: u32) -> u32 {
        address.wrapping_sub(self.new_address(0))
    }

    /// The place in an old image of `length` bytes whose address this word is.
    pub(crate) fn pointed(&self, word: u32, length: u32) -> Option<u32> {
        self.bases?;
        let offset = self.old_offset(word) & !self.architecture.tag();
        (offset < length).then_some(offset)
    }

    /// The place in the new image whose address this word is, inside or not.
    pub(crate) fn new_pointed(&self, word: u32) -> u32 {
        self.new_offset(word) & !self.architecture.tag()
    }

    /// The address of a place in the new image, as `word` was the one of its place in the old image.
    pub(crate) fn pointer(&self, offset: u32, word: u32) -> u32 {
        self.new_address(offset) | word & self.architecture.tag()
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
        let mut registers = Registers::ZERO;
        let at = |position: u32| usize::try_from(position).unwrap_or(usize::MAX);
        let four = |position: u32| image.get(at(position)..).and_then(|rest| rest.first_chunk().copied());
        while let Some(bytes) = four(position).map(u32::from_le_bytes) {
            let pointer = layout
                .pointed(bytes, image_bytes)
                .filter(|_| position.is_multiple_of(4));
            let address = layout.old_address(position);
            let mut part = None;
            match architecture.read::<true>(bytes, address) {
                Instruction::Place(place) => {
                    position = names.add(position, 1, architecture.field_bytes(), layout.old_offset(place));
                    continue;
                }
                Instruction::Upper { register, value } => {
                    registers.hold(register, value, value);
                    let mut search = Search::new(position, register, value);
                    while let Some(next) = search.next() {
                        let bytes = four(next).map_or(0, u32::from_le_bytes);
                        search.saw(bytes, architecture.read::<true>(bytes, 0), architecture);
                    }
                    part = search.sum().map(|sum| (3, sum));
                }
                Instruction::Lower {
                    register,
                    value,
                    written,
                } => {
                    part = registers.held(register).map(|held| (4, held.old.wrapping_add(value)));
                    registers.forget(written);
                }
                Instruction::Other { written } => registers.forget(written),
            }
            position = match (part, pointer) {
                (Some((kind, sum)), _) => names.add(position, kind, 4, layout.old_offset(sum)),
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
            let named = architecture.read::<true>(bytes, position);
            assert_eq!(named, Instruction::Place(target), "{architecture:?} {bytes:08x}");
        }
    }

    /// Instructions that make parts of addresses, as an assembler writes them, all at 0x2345_6788.
    const PARTS: [(Architecture, u32, Instruction); 11] = [
        // adrp x0, of this page; x1, of the next; x2, of the one before.
        (Architecture::AArch64, 0x9000_0000, upper(0, 0x2345_6000)),
        (Architecture::AArch64, 0xB000_0001, upper(1, 0x2345_7000)),
        (Architecture::AArch64, 0xF0FF_FFE2, upper(2, 0x2345_5000)),
        // add x0, x0, #0x10; ldr x1, [x0, #8]; str w2, [x3, #4]; ldrb w1, [x0, #1]; ldr q0, [x1, #16].
        (Architecture::AArch64, 0x9100_4000, lower(0, 0x10, Some(0))),
        (Architecture::AArch64, 0xF940_0401, lower(0, 8, Some(1))),
        (Architecture::AArch64, 0xB900_0462, lower(3, 4, None)),
        (Architecture::AArch64, 0x3940_0401, lower(0, 1, Some(1))),
        (Architecture::AArch64, 0x3DC0_0420, lower(1, 16, Some(0))),
        // mov x3, x1; stp x29, x30, [sp, #-16]!; cbz x0.
        (
            Architecture::AArch64,
            0xAA01_03E3,
            Instruction::Other { written: Some(3) },
        ),
        (Architecture::AArch64, 0xA9BF_7BFD, Instruction::Other { written: None }),
        (Architecture::AArch64, 0xB400_0040, Instruction::Other { written: None }),
    ];

    const fn upper(register: u8, value: u32) -> Instruction {
        Instruction::Upper { register, value }
    }

    const fn lower(register: u8, value: u32, written: Option<u8>) -> Instruction {
        Instruction::Lower {
            register,
            value,
            written,
        }
    }

    #[test]
    fn parts_of_addresses_are_what_an_assembler_says() {
        let at = 0x2345_6788;
        for (architecture, bytes, instruction) in PARTS {
            assert_eq!(architecture.read::<true>(bytes, at), instruction, "{bytes:08x}");
            let value = match instruction {
                Instruction::Upper { value, .. } | Instruction::Lower { value, .. } => value,
                Instruction::Other { .. } | Instruction::Place(_) => continue,
            };
            assert_eq!(architecture.with::<true>(bytes, at, value), bytes);
            let (mut farther, wanted) = match instruction {
                Instruction::Upper { .. } => (instruction, value.wrapping_sub(0x0765_4000)),
                Instruction::Lower { .. } | Instruction::Other { .. } | Instruction::Place(_) => {
                    (instruction, value + 0x120)
                }
            };
            if let Instruction::Upper { value, .. } | Instruction::Lower { value, .. } = &mut farther {
                *value = wanted;
            }
            let moved = architecture.with::<true>(bytes, at, wanted);
            assert_eq!(architecture.read::<true>(moved, at), farther, "{bytes:08x} {moved:08x}");
        }
    }

    #[test]
    fn what_hosts_run_is_followed_only_there() {
        for (architecture, bytes, position, _) in KNOWN {
            let is_followed = architecture.read::<false>(bytes, position) != Instruction::Other { written: None };
            assert_eq!(is_followed, !architecture.is_of_hosts());
            assert_eq!(is_followed, crate::Profile::Small.follows(architecture));
        }
    }

    #[test]
    fn an_instruction_can_be_moved() {
        for (architecture, bytes, position, target) in KNOWN {
            assert_eq!(architecture.with::<true>(bytes, position, target), bytes, "{bytes:08x}");
            // Both moved as far: the same instruction. The place moved farther: another one, which names it.
            for farther in [0, 0x80] {
                let (from, to) = (position + 0x1000, target + 0x1000 - farther);
                let moved = architecture.with::<true>(bytes, from, to);
                assert_eq!(
                    architecture.read::<true>(moved, from),
                    Instruction::Place(to),
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
                let moved = architecture.with::<true>(random, position, target);
                let kinds = [random, moved].map(|bytes| match architecture.read::<true>(bytes, position) {
                    Instruction::Lower { register, .. } => (1, register),
                    Instruction::Other { .. } => (0, 0),
                    Instruction::Place(_) => (2, 0),
                    Instruction::Upper { register, .. } => (3, register),
                });
                if kinds[0].0 > 0 {
                    assert_eq!(kinds[0], kinds[1], "{architecture:?} {random:08x}");
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
        assert_eq!(layout.pointed(0x0800_0101, 0x1000), Some(0x100));
        assert_eq!(layout.pointed(0x0800_1001, 0x1000), None);
        assert_eq!(layout.pointed(0x07FF_FFFF, 0x1000), None);
        assert_eq!(layout.pointer(0x104, 0x0800_0101), 0x0801_0105);
        assert_eq!(layout.new_pointed(0x0801_0105), 0x104);
        assert_eq!(Layout::UNKNOWN.pointed(0x100, 0x1000), None);
    }
}
