//! Which instructions an image holds.

#[cfg(feature = "encode")]
use super::pairs::{Registers, Search};
#[cfg(feature = "encode")]
use super::{Bases, Layout, Ranges};
use super::{aarch64, riscv, thumb, x86_64, xtensa};
#[cfg(feature = "encode")]
use crate::Profile;

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
    /// x86 with 64 bits.
    X86_64 = 5,
    /// Xtensa, little-endian.
    Xtensa = 3,
    /// Xtensa, big-endian.
    XtensaBig = 6,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 7] = [
        Self::AArch64,
        Self::RiscV,
        Self::Thumb,
        Self::Unknown,
        Self::X86_64,
        Self::Xtensa,
        Self::XtensaBig,
    ];

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
            5 => Some(Self::X86_64),
            6 => Some(Self::XtensaBig),
            _ => None,
        }
    }

    /// Instructions begin at multiples of this; 1 if they begin anywhere.
    pub(crate) const fn unit(self) -> u32 {
        match self {
            Self::AArch64 => 4,
            Self::RiscV | Self::Thumb | Self::Unknown => 2,
            Self::X86_64 | Self::Xtensa | Self::XtensaBig => 1,
        }
    }

    /// Bytes of the instruction that begins so; a unit, if that is not told.
    pub(crate) const fn length(self, bytes: u32) -> u32 {
        match self {
            Self::RiscV => riscv::length(bytes),
            Self::Xtensa => xtensa::length(bytes),
            Self::XtensaBig => xtensa::length(xtensa::from_big(bytes)),
            Self::AArch64 | Self::Thumb | Self::Unknown | Self::X86_64 => self.unit(),
        }
    }

    /// Bytes of an instruction that can name a place.
    pub(crate) const fn field_bytes(self) -> u8 {
        match self {
            Self::Xtensa | Self::XtensaBig => 3,
            Self::AArch64 | Self::RiscV | Self::Thumb | Self::Unknown | Self::X86_64 => 4,
        }
    }

    /// The place that the instruction at `address` names, if it is one that does: of those of microcontrollers, and by itself.
    pub(crate) fn target(self, bytes: u32, address: u32) -> Option<u32> {
        match self {
            Self::RiscV => riscv::target(bytes, address),
            Self::Thumb => thumb::target(bytes, address),
            Self::Xtensa => xtensa::target(bytes, address),
            Self::XtensaBig => xtensa::target(xtensa::from_big(bytes), address),
            Self::AArch64 | Self::Unknown | Self::X86_64 => None,
        }
    }

    /// The same instruction at `address`, naming `target`.
    pub(crate) fn with_target(self, bytes: u32, address: u32, target: u32) -> u32 {
        match self {
            Self::RiscV => riscv::with_target(bytes, address, target),
            Self::Thumb => thumb::with_target(bytes, address, target),
            Self::Xtensa => xtensa::with_target(bytes, address, target),
            Self::XtensaBig => {
                let moved = xtensa::with_target(xtensa::from_big(bytes), address, target);
                xtensa::to_big(moved, bytes)
            }
            Self::AArch64 | Self::Unknown | Self::X86_64 => bytes,
        }
    }

    /// What the instruction at `address` says of addresses, with the bytes `before` it, the nearest one lowest. Those of hosts are read
    /// only if `HOSTS`.
    pub(crate) fn read<const HOSTS: bool>(self, bytes: u32, before: u32, address: u32) -> Instruction {
        let target = match self {
            Self::AArch64 if HOSTS => return aarch64::read(bytes, address),
            Self::X86_64 if HOSTS => x86_64::target(bytes, before, address),
            Self::RiscV => return riscv::read(bytes, address),
            Self::AArch64 | Self::Thumb | Self::Unknown | Self::X86_64 | Self::Xtensa | Self::XtensaBig => {
                self.target(bytes, address)
            }
        };
        Instruction::naming(target)
    }

    /// The same instruction at `address`, which says `value`: a place, or the upper part of that address, or the lower part.
    pub(crate) fn with<const HOSTS: bool>(self, bytes: u32, address: u32, value: u32) -> u32 {
        match self {
            Self::AArch64 if HOSTS => aarch64::with(bytes, address, value),
            Self::X86_64 if HOSTS => x86_64::with_target(address, value),
            Self::RiscV => riscv::with(bytes, address, value),
            Self::AArch64 | Self::Thumb | Self::Unknown | Self::X86_64 | Self::Xtensa | Self::XtensaBig => {
                self.with_target(bytes, address, value)
            }
        }
    }

    /// Whether it is one of machines with an operating system.
    pub(crate) const fn is_of_hosts(self) -> bool {
        match self {
            Self::AArch64 | Self::X86_64 => true,
            Self::RiscV | Self::Thumb | Self::Unknown | Self::Xtensa | Self::XtensaBig => false,
        }
    }

    /// Bytes in front of a field, where it is known that it is one.
    pub(crate) const BEFORE_FIELD: u32 = x86_64::CALL;

    /// A word of data whose bytes stand like this, the first one lowest; and the inverse.
    pub(crate) const fn word(self, bytes: u32) -> u32 {
        match self {
            Self::XtensaBig => bytes.swap_bytes(),
            Self::AArch64 | Self::RiscV | Self::Thumb | Self::Unknown | Self::X86_64 | Self::Xtensa => bytes,
        }
    }

    /// Bits of an address that are no part of the place: in Thumb state the lowest bit of a function's address is set.
    pub(crate) const fn tag(self) -> u32 {
        match self {
            Self::Thumb => 1,
            Self::AArch64 | Self::RiscV | Self::Unknown | Self::X86_64 | Self::Xtensa | Self::XtensaBig => 0,
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

impl Instruction {
    /// One that names this place, or nothing.
    pub(crate) fn naming(target: Option<u32>) -> Self {
        target.map_or(Self::Other { written: None }, Self::Place)
    }
}

/// Where an image names places in itself.
#[cfg(feature = "encode")]
pub(crate) struct Names {
    /// For each byte: 0 if it belongs to no such field, else its number, and its place in the field in the lowest two bits.
    pub(crate) fields: std::vec::Vec<u8>,
    /// For the first byte of each field: the place.
    pub(crate) places: std::vec::Vec<u32>,
}

#[cfg(feature = "encode")]
impl Names {
    pub(crate) fn of(image: &[u8], architecture: Architecture, ranges: Option<Ranges>, profile: Profile) -> Self {
        let mut names = Self {
            fields: std::vec![0; image.len()],
            places: std::vec![0; image.len()],
        };
        let layout = Layout {
            architecture,
            bases: ranges.map(|ranges| Bases {
                old: ranges,
                new: ranges,
            }),
        };
        let image_bytes = u32::try_from(image.len()).unwrap_or(u32::MAX);
        let mut position = 0_u32;
        let mut registers = Registers::ZERO;
        let at = |position: u32| usize::try_from(position).unwrap_or(usize::MAX);
        let four = |position: u32| image.get(at(position)..).and_then(|rest| rest.first_chunk().copied());
        let is_pointer = |position: u32| match architecture.is_of_hosts() {
            true => {
                let upper = four(position.wrapping_add(4)).map(u32::from_le_bytes);
                position.is_multiple_of(8) && upper.is_some_and(Layout::is_upper_half)
            }
            false => position.is_multiple_of(4),
        };
        let numbered = |kind, bytes| Self::number(architecture, kind, bytes);
        while let Some(bytes) = four(position).map(u32::from_le_bytes) {
            let pointer = layout
                .pointed(architecture.word(bytes), image_bytes)
                .filter(|_| is_pointer(position));
            let address = layout.old_address(position);
            let before = position.checked_sub(4).and_then(four).map_or(0, u32::from_be_bytes);
            let mut part = None;
            match architecture.read::<true>(bytes, before, address) {
                Instruction::Place(place) => {
                    let place = layout.old_offset(place);
                    if place < image_bytes {
                        position = names.add(position, numbered(1, bytes), architecture.field_bytes(), place);
                        continue;
                    }
                }
                Instruction::Lower { .. } | Instruction::Upper { .. } if profile == Profile::Small => {}
                Instruction::Upper { register, value } => {
                    registers.forget(Some(register));
                    let mut search = Search::new(position, register, value);
                    while let Some(next) = search.next() {
                        let bytes = four(next).map_or(0, u32::from_le_bytes);
                        search.saw(bytes, architecture.read::<true>(bytes, 0, 0), architecture);
                    }
                    part = search.sum().map(|sum| (3, sum));
                    // As the decoder has it, which learns of a register with the field.
                    if part.is_some() {
                        registers.hold(register, value, value);
                    }
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
            // What lies elsewhere does not move with the image.
            let part = part
                .map(|(kind, sum)| (kind, layout.old_offset(sum)))
                .filter(|(_, place)| *place < image_bytes);
            position = match (part, pointer) {
                (Some((kind, place)), _) => names.add(position, numbered(kind, bytes), 4, place),
                (None, Some(place)) => names.add(position, 2, 4, place),
                (None, None) => position.wrapping_add(architecture.length(bytes)),
            };
        }
        names
    }

    /// The number of an instruction's field, which another one has only if it is of the same kind; and hardly one that differs in
    /// more than what it names, as in a register. Below 64, and not 0.
    fn number(architecture: Architecture, kind: u8, bytes: u32) -> u8 {
        let unused = 32_u32.wrapping_sub(u32::from(architecture.field_bytes()).wrapping_mul(8));
        let rest = architecture.with::<true>(bytes, 0, 0).wrapping_shl(unused);
        let hash = u64::from(rest.wrapping_mul(0x9E37_79B1))
            .wrapping_mul(15)
            .wrapping_shr(32);
        // Those of Thumb have no register, and go the same way whether they link or not.
        if architecture == Architecture::Thumb {
            return kind;
        }
        kind.wrapping_add(u8::try_from(hash).unwrap_or(0).wrapping_mul(4))
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

    const BEFORE: u32 = Architecture::BEFORE_FIELD;

    /// Instructions as an assembler writes them, where they stand, and what they name.
    const KNOWN: [(Architecture, u32, u32, u32); 18] = [
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
        // The same; and call8.
        (Architecture::XtensaBig, 0x00_0050, 0x13, 0x14),
        (Architecture::XtensaBig, 0xFF_FF12, 0x20, 0x1C),
        (Architecture::XtensaBig, 0x01_0060, 0x20, 0x25),
        (Architecture::XtensaBig, 0x01_0058, 0x20, 0x28),
        // bl, forward and back; b.
        (Architecture::AArch64, 0x9400_0002, 0x40, 0x48),
        (Architecture::AArch64, 0x97FF_FFFF, 0x40, 0x3C),
        (Architecture::AArch64, 0x1400_0400, 0x40, 0x1040),
        // call, forward and back: the distance behind the first byte.
        (Architecture::X86_64, 0x0000_0010, 0x41, 0x55),
        (Architecture::X86_64, 0xFFFF_FFFB, 0x41, 0x40),
    ];

    #[test]
    fn instructions_name_what_an_assembler_says() {
        for (architecture, bytes, position, target) in KNOWN {
            let named = architecture.read::<true>(bytes, BEFORE, position);
            assert_eq!(named, Instruction::Place(target), "{architecture:?} {bytes:08x}");
        }
    }

    /// Instructions that make parts of addresses, as an assembler writes them, all at 0x2345_6788.
    const PARTS: [(Architecture, u32, Instruction); 22] = [
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
        // auipc ra, 1; auipc a0, -1; lui a5, 0x3fc80.
        (Architecture::RiscV, 0x0000_1097, upper(1, 0x2345_7788)),
        (Architecture::RiscV, 0xFFFF_F517, upper(10, 0x2345_5788)),
        (Architecture::RiscV, 0x3FC8_07B7, upper(15, 0x3FC8_0000)),
        // jalr 32(ra); addi a0, a0, -16; lw a4, 256(a5); sw a4, -4(a5).
        (Architecture::RiscV, 0x0200_80E7, lower(1, 32, Some(1))),
        (
            Architecture::RiscV,
            0xFF05_0513,
            lower(10, 16_u32.wrapping_neg(), Some(10)),
        ),
        (Architecture::RiscV, 0x1007_A703, lower(15, 256, Some(14))),
        (Architecture::RiscV, 0xFEE7_AE23, lower(15, 4_u32.wrapping_neg(), None)),
        // beq a0, a1; c.li a0, 1; c.lw a3, 4(a2); c.j.
        (Architecture::RiscV, 0x00B5_0463, Instruction::Other { written: None }),
        (Architecture::RiscV, 0x4505, Instruction::Other { written: Some(10) }),
        (Architecture::RiscV, 0x4254, Instruction::Other { written: Some(13) }),
        (Architecture::RiscV, 0xA001, Instruction::Other { written: None }),
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
            assert_eq!(architecture.read::<true>(bytes, BEFORE, at), instruction, "{bytes:08x}");
            let value = match instruction {
                Instruction::Upper { value, .. } | Instruction::Lower { value, .. } => value,
                Instruction::Other { .. } | Instruction::Place(_) => continue,
            };
            assert_eq!(architecture.with::<true>(bytes, at, value), bytes);
            let (mut farther, wanted) = match instruction {
                Instruction::Upper { .. } => (instruction, value.wrapping_sub(0x0765_4000)),
                Instruction::Lower { .. } | Instruction::Other { .. } | Instruction::Place(_) => {
                    (instruction, value.wrapping_add(0x120))
                }
            };
            if let Instruction::Upper { value, .. } | Instruction::Lower { value, .. } = &mut farther {
                *value = wanted;
            }
            let moved = architecture.with::<true>(bytes, at, wanted);
            assert_eq!(
                architecture.read::<true>(moved, BEFORE, at),
                farther,
                "{bytes:08x} {moved:08x}"
            );
        }
    }

    /// x86-64, by what stands in front of a distance.
    #[test]
    fn what_is_in_front_says_that_it_is_a_distance() {
        let read = |before: [u8; 3]| {
            let [first, second, third] = before;
            X86_64.read::<true>(0x10, u32::from_be_bytes([0, first, second, third]), 0x100)
        };
        use Architecture::X86_64;
        // call; jmp; je; jg; lea rax, [rip + _]; mov ecx, [rip + _]; add [rip + _], 1; movaps xmm0, [rip + _].
        for before in [
            [0, 0, 0xE8],
            [0, 0, 0xE9],
            [0, 0x0F, 0x84],
            [0, 0x0F, 0x8F],
            [0x48, 0x8D, 0x05],
            [0, 0x8B, 0x0D],
            [0, 0x83, 0x05],
            [0x0F, 0x28, 0x05],
        ] {
            assert_eq!(read(before), Instruction::Place(0x114), "{before:02x?}");
        }
        // mov eax, imm32; cmp eax, imm32; mov [rsp + _], eax; lea rax, [rbx + _].
        for before in [[0, 0, 0xB8], [0, 0x81, 0xF8], [0x89, 0x84, 0x24], [0x48, 0x8D, 0x83]] {
            assert_eq!(read(before), Instruction::Other { written: None }, "{before:02x?}");
        }
    }

    #[test]
    fn what_hosts_run_is_followed_only_there() {
        for (architecture, bytes, position, _) in KNOWN {
            let is_followed =
                architecture.read::<false>(bytes, BEFORE, position) != Instruction::Other { written: None };
            assert_eq!(is_followed, !architecture.is_of_hosts());
            assert_eq!(is_followed, Profile::Small.follows(architecture));
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
                    architecture.read::<true>(moved, BEFORE, from),
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
                let kinds = [random, moved].map(|bytes| match architecture.read::<true>(bytes, BEFORE, position) {
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
}
