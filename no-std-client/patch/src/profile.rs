//! What a device can spend on a patch.

use crate::Architecture;

/// What a device can spend on a patch. It fixes the size of the decoder's tables, so it is part of the format.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Profile {
    /// A microcontroller with some 16 KiB of RAM: state of at most 8 KiB.
    Small,
    /// A microcontroller with more: state of at most 32 KiB.
    Standard,
    /// A machine with an operating system.
    Large,
}

impl Profile {
    /// Every profile, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Standard, Self::Large];

    /// Default size of a block of the chain. Every block but the last ends with a hash of 32 bytes, and one block stands in RAM
    /// while it is authenticated; so this trades RAM for patch bytes: 1 KiB costs 3.2 %, 4 KiB 0.8 %, 64 KiB 0.05 %. Patches of real firmware for the small
    /// profile are 2.3 to 2.7 % shorter with 4 KiB; but a part with 16 KiB of RAM has not these 3 KiB beside the state.
    pub const fn block_bytes(self) -> u32 {
        match self {
            Self::Small => 1 << 10,
            Self::Standard => 1 << 12,
            Self::Large => 1 << 16,
        }
    }

    /// Most checkpoints of a patch. Whoever keeps one writes most of a decoder's state to flash: where pages are small and wear counts,
    /// there are fewer.
    pub const fn checkpoints_max(self) -> usize {
        match self {
            Self::Small => 8,
            Self::Standard | Self::Large => 16,
        }
    }

    /// Whether its decoder follows these instructions. Those of machines with an operating system are left to the largest one, so that
    /// a microcontroller has no code for them.
    pub const fn follows(self, architecture: Architecture) -> bool {
        match self {
            Self::Small | Self::Standard => !architecture.is_of_hosts(),
            Self::Large => true,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Small => 0,
            Self::Standard => 1,
            Self::Large => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Small),
            1 => Some(Self::Standard),
            2 => Some(Self::Large),
            _ => None,
        }
    }
}
