//! Why a patch was not decoded.

use crate::{Architecture, Profile};

/// Why decoding stopped, grouped by who must act. `O` and `N` are the errors of the two flash drivers.
///
/// After any error but [`Error::Refused`] from [`authenticate`](crate::State::authenticate), the state decodes no more: begin
/// again, or resume from a checkpoint.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<O, N> {
    /// The slots do not fit the work: the firmware's flash map is wrong, or the image is too large for it.
    Geometry(Geometry),
    /// The caller broke the protocol of [`State`](crate::State).
    Misuse(Misuse),
    /// The flash of the new image failed.
    New(N),
    /// The flash of the old image failed.
    Old(O),
    /// The patch is not what it must be.
    Refused(Refusal),
}

/// What is wrong with the slots.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Geometry {
    /// The checkpoint that was taken up was made for a slot with smaller erase units.
    CheckpointNotErasable {
        /// Bytes of the result in front of it.
        position: u32,
        /// Erase unit in bytes.
        erase_bytes: usize,
    },
    /// The read or write unit of the new slot does not divide the decoder's buffer, or there is no erase unit.
    NewUnits {
        /// Read unit in bytes.
        read_bytes: usize,
        /// Write unit in bytes.
        write_bytes: usize,
        /// Erase unit in bytes.
        erase_bytes: usize,
    },
    /// The read unit of the old slot does not divide the decoder's read buffer.
    OldUnits {
        /// Read unit in bytes.
        read_bytes: usize,
    },
    /// The new image, rounded up to whole erase units, does not fit its slot.
    ResultTooLong {
        /// Bytes of the new image.
        result_bytes: u32,
        /// Bytes of the slot.
        slot_bytes: usize,
    },
    /// The old slot is shorter than the old image.
    SourceTooLong {
        /// Bytes of the old image.
        source_bytes: u32,
        /// Bytes of the slot.
        slot_bytes: usize,
    },
}

/// How the caller broke the protocol.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misuse {
    /// The block is not the one at hand: it was authenticated for another chain or used up before.
    BlockNotAtHand {
        /// Index of the block at hand, if one is.
        expected: Option<u32>,
        /// Index of the block offered.
        offered: u32,
    },
    /// Nothing was begun, or the work ended, well or badly.
    NotRunning,
}

/// What is wrong with a patch.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The profile does not follow these instructions.
    ArchitectureOfHosts {
        /// The instructions.
        architecture: Architecture,
        /// The profile.
        profile: Profile,
    },
    /// A block does not have the length that follows from the total length.
    BlockLength {
        /// Index of the block.
        index: u32,
        /// Bytes it must have.
        expected: u32,
        /// Bytes offered.
        offered: usize,
    },
    /// The block size is no power of two between 256 bytes and 64 KiB.
    BlockSize {
        /// What was given.
        block_bytes: u32,
    },
    /// The block size in the header is not the one from outside.
    BlockSizeMismatch {
        /// Size from outside.
        pinned: u32,
        /// Size in the header.
        header: u32,
    },
    /// Checkpoints are not strictly ascending inside the result, or too many.
    Checkpoints,
    /// A copy from the new image begins where nothing was written yet.
    CopyAhead {
        /// Where in the new image.
        position: u32,
        /// How far back.
        distance: u32,
    },
    /// A copy begins outside the old image.
    CopyOutsideSource {
        /// Where in the old image.
        offset: u32,
        /// Bytes of the old image.
        source_bytes: u32,
    },
    /// A block was offered after the last one.
    ExtraBlock,
    /// The result is complete, but the patch goes on.
    ExtraBytes,
    /// An image is said to be empty and has a digest, or is not and has none.
    ImageWithoutMeaning,
    /// The chain ends early.
    LastBlockMissing {
        /// Index of the block that must come.
        index: u32,
    },
    /// The ranges of an image are too many or not strictly ascending inside of it, or the first one does not begin with it.
    Ranges,
    /// The patch brings more pieces of a map than there is room for.
    Pieces {
        /// How many.
        pieces: u32,
        /// Most.
        pieces_max: u32,
    },
    /// A piece that is copied begins in front of the last one, or ends behind the result.
    CoverOutside {
        /// Where it begins.
        offset: u32,
        /// Bytes of the result.
        result_bytes: u32,
    },
    /// A program begins in front of the last one, or ends behind its image.
    SegmentOutside {
        /// Where it begins.
        offset: u32,
        /// Bytes of the image.
        image_bytes: u32,
    },
    /// The file from outside is shorter than a header.
    TooShort {
        /// Bytes it has.
        length: u32,
    },
    /// The patch ends before the result is complete.
    Truncated,
    /// The codec is not known.
    UnknownCodec {
        /// Its number.
        codec: u8,
    },
    /// The architecture is not known.
    UnknownArchitecture {
        /// Its number.
        architecture: u8,
    },
    /// The profile is not known.
    UnknownProfile {
        /// Its number.
        profile: u8,
    },
    /// The layout version is not known.
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// The bytes are not those that the block before, or the head from outside, names: the block is damaged, stands in the wrong
    /// place, or is of another patch.
    WrongBlock {
        /// Index of the block.
        index: u32,
    },
    /// The file does not begin as a patch does.
    WrongMagic,
    /// The patch was made for another profile than this decoder's.
    WrongProfile {
        /// Profile of the decoder.
        decoder: Profile,
        /// Profile of the patch.
        patch: Profile,
    },
    /// The patch makes another image than the one wanted.
    WrongResult,
    /// The patch starts from another image than the one that is there.
    WrongSource,
}

impl Error<core::convert::Infallible, core::convert::Infallible> {
    /// The same error among those of a decoder that also uses flash.
    pub const fn with_flash<O, N>(self) -> Error<O, N> {
        match self {
            Self::Geometry(geometry) => Error::Geometry(geometry),
            Self::Misuse(misuse) => Error::Misuse(misuse),
            Self::New(never) | Self::Old(never) => match never {},
            Self::Refused(refusal) => Error::Refused(refusal),
        }
    }
}

impl<O, N> From<Refusal> for Error<O, N> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<O, N> From<Misuse> for Error<O, N> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl<O, N> From<Geometry> for Error<O, N> {
    fn from(geometry: Geometry) -> Self {
        Self::Geometry(geometry)
    }
}
