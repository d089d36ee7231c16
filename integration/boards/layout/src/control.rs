//! The control block and the trace: what the emulator does not have, in memory beside the flash.
//!
//! ```text
//! control block, little-endian words
//! 0   MAGIC, else the block is not there, and nothing in it counts
//! 4   seconds since 1970, as a battery keeps them; the firmware counts on. 0: there is no clock
//! 12  flash operations since the power came: the host sets it to 0, the firmware counts
//! 16  cut order: the power goes at this operation, counted from 1. 0: it stays
//! 20  how that operation ends: a tear
//! 24  seed of the tear
//! 28  the verdict of the self test: 0 as the image says, 1 passed, 2 failed, 3 not yet known; with 1 to 3 the network does not matter
//! 32  how often the application may look for an update, one more than that; then it stays as it is. 0: it follows its schedule
//!
//! trace
//! 0   number of operations, also of those that found no room
//! 16  from here on, 12 bytes each: kind (1 erase, 2 write), offset, length
//! ```
//!
//! The power goes in the middle of an operation: the driver does a part of it, and then stops the machine through the
//! emulator. What a part leaves lies between what was there and what was to be there, bit by bit.

use crate::memory::{PSRAM_BYTES, TRACE_OFFSET};

/// At the beginning of a control block.
pub const MAGIC: u32 = u32::from_le_bytes(*b"TFCB");

/// Offset of each word in the block.
pub mod word {
    /// [`MAGIC`](super::MAGIC).
    pub const MAGIC: u32 = 0;
    /// The low half of the seconds since 1970.
    pub const SECONDS_LOW: u32 = 4;
    /// The high half.
    pub const SECONDS_HIGH: u32 = 8;
    /// Flash operations since the power came.
    pub const OPERATIONS: u32 = 12;
    /// The operation at which the power goes.
    pub const CUT_OPERATION: u32 = 16;
    /// How it ends.
    pub const CUT_TEAR: u32 = 20;
    /// The seed of the tear.
    pub const CUT_SEED: u32 = 24;
    /// The verdict of the self test.
    pub const SELF_TEST: u32 = 28;
    /// How often the application may look for an update, one more than that.
    pub const CYCLES: u32 = 32;
}

/// Bytes of the block.
pub const CONTROL_BYTES: usize = 36;

/// How an operation ends at which the power goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Nothing of it happened.
    Before,
    /// All of it happened, and nobody hears of it.
    After,
    /// The first units of a write, the first words of an erase: the seed says how many.
    Head,
    /// The last words of an erase; of a write as with [`Head`](Self::Head).
    Tail,
    /// A random subset of the bits that were to change.
    Bits,
}

impl Tear {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Before, Self::After, Self::Head, Self::Tail, Self::Bits];

    /// The number in the block.
    pub const fn number(self) -> u32 {
        match self {
            Self::Before => 0,
            Self::After => 1,
            Self::Head => 2,
            Self::Tail => 3,
            Self::Bits => 4,
        }
    }

    /// The tear of a number. One that nobody knows cuts before the operation.
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::After,
            2 => Self::Head,
            3 => Self::Tail,
            4 => Self::Bits,
            _ => Self::Before,
        }
    }
}

/// The verdict of the self test, if the host gives one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SelfTest {
    /// The image's own.
    OfImage,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It goes on, and the image stays on trial.
    Pending,
}

impl SelfTest {
    /// The number in the block.
    pub const fn number(self) -> u32 {
        match self {
            Self::OfImage => 0,
            Self::Passed => 1,
            Self::Failed => 2,
            Self::Pending => 3,
        }
    }

    /// The verdict of a number.
    pub const fn of(number: u32) -> Self {
        match number {
            1 => Self::Passed,
            2 => Self::Failed,
            3 => Self::Pending,
            _ => Self::OfImage,
        }
    }
}

/// Where the entries of the trace begin, from its own beginning on.
pub const ENTRIES_OFFSET: u32 = 16;
/// Bytes of an entry.
pub const ENTRY_BYTES: u32 = 12;
/// As many entries as there is room for.
pub const ENTRIES_MAX: u32 = (PSRAM_BYTES - TRACE_OFFSET - ENTRIES_OFFSET) / ENTRY_BYTES;

/// The kind of an erase.
pub const ERASE: u32 = 1;
/// The kind of a write.
pub const WRITE: u32 = 2;
