//! The block by which an image says what it is. It stands right behind the vectors, and the host edits it: one build of the
//! application gives any number of versions, good ones and bad ones.
//!
//! ```text
//! 0     MAGIC (16)
//! 16    version (16): text, filled up with zeros
//! 32    behaviour (4): 0 good, 1 hangs at its start, 2 fails its self test, 3 finds no network chip
//! ```
//!
//! What is new in a version stands behind the program, where the host puts it: a delta has something to bring, and a program
//! that hardly fits its slot carries no room for it.

/// At the beginning of a block.
pub const MAGIC: [u8; 16] = *b"tuffet-image-00\n";

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 36;

/// Where fields stand in a block.
pub mod field {
    use core::ops::Range;

    /// The version, filled up with zeros.
    pub const VERSION: Range<usize> = 16..32;
    /// The behaviour.
    pub const BEHAVIOUR: Range<usize> = 32..36;
}

/// A block.
#[repr(C, align(4))]
pub struct Block([u8; BLOCK_BYTES]);

/// How an image behaves.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Good,
    /// It hangs as soon as it runs.
    Hangs,
    /// It says of itself that it does not work.
    FailsSelfTest,
    /// It does not find its network chip, and so can never be updated.
    FindsNoNetwork,
}

impl Behaviour {
    /// The number in the block.
    pub const fn number(self) -> u32 {
        match self {
            Self::Good => 0,
            Self::Hangs => 1,
            Self::FailsSelfTest => 2,
            Self::FindsNoNetwork => 3,
        }
    }

    const fn of(number: u32) -> Self {
        match number {
            1 => Self::Hangs,
            2 => Self::FailsSelfTest,
            3 => Self::FindsNoNetwork,
            _ => Self::Good,
        }
    }
}

impl Block {
    /// The block that is linked: version 0.0.0, good.
    pub const fn linked() -> Self {
        let mut bytes = [0; BLOCK_BYTES];
        let mut at = 0;
        while at < MAGIC.len() {
            bytes[at] = MAGIC[at];
            at += 1;
        }
        let version = *b"0.0.0";
        at = 0;
        while at < version.len() {
            bytes[field::VERSION.start + at] = version[at];
            at += 1;
        }
        Self(bytes)
    }

    /// The version.
    pub fn version(&self) -> &str {
        let text = &self.0[field::VERSION];
        let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        core::str::from_utf8(&text[..length]).unwrap_or("?")
    }

    /// The behaviour.
    pub fn behaviour(&self) -> Behaviour {
        let mut number = [0; 4];
        number.copy_from_slice(&self.0[field::BEHAVIOUR]);
        Behaviour::of(u32::from_le_bytes(number))
    }
}
