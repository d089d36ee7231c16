//! Every error of this crate in words: what is wrong, and where somebody can act, what to do.
//!
//! - A sentence without capital and full stop, so that a caller can put it behind what it was doing.
//! - Digests are not here: errors do not carry them. A tool that has both files shows them.
//! - Firmware that prints no error pays nothing: the linker drops what is not called.

#[cfg(feature = "encode")]
use crate::{ApplyError, EncodeError, Packed, Step};
use crate::{
    Architecture, BadCheckpoint, Codec, Error, Geometry, Misuse, Profile, Refusal, SnapshotError, header::VERSION,
};
use core::fmt::{self, Display, Formatter, Result};

impl Display for Codec {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Bulk => "bulk",
            Self::Mixing => "mixing",
        })
    }
}

#[cfg(feature = "encode")]
impl Display for Packed {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} bytes of the new image, from {} on, are ", self.bytes, self.first)?;
        match self.format {
            Some(format) => write!(f, "packed already ({format})")?,
            None => f.write_str("packed or encrypted already")?,
        }
        f.write_str(": what changes inside of them no patch follows; pack last, and make patches between images that are not packed")
    }
}

#[cfg(feature = "encode")]
impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Searching => f.write_str("looking for what is the same"),
            Self::Coding { rounds: 1, .. } => f.write_str("coding"),
            Self::Coding { round, rounds } => write!(f, "coding, {round} of {rounds}"),
            Self::Proving => f.write_str("decoding what was made"),
        }
    }
}

impl Display for Profile {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Small => "small",
            Self::Standard => "standard",
            Self::Large => "large",
        })
    }
}

impl Display for Architecture {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::AArch64 => "aarch64",
            Self::RiscV => "riscv",
            Self::Thumb => "thumb",
            Self::Unknown => "unknown",
            Self::X86_64 => "x86_64",
            Self::Xtensa => "xtensa",
            Self::XtensaBig => "xtensa-be",
        })
    }
}

impl<O: Display, N: Display> Display for Error<O, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Geometry(geometry) => geometry.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::New(error) => write!(f, "the flash of the new image failed: {error}"),
            Self::Old(error) => write!(f, "the flash of the old image failed: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl Display for Geometry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::CheckpointNotErasable { position, erase_bytes } => write!(
                f,
                "the checkpoint at {position} is not where an erase unit of {erase_bytes} bytes begins; start over, and make \
                 patches with checkpoints at multiples of the erase unit"
            ),
            Self::NewUnits {
                read_bytes,
                write_bytes,
                erase_bytes,
            } => write!(
                f,
                "the decoder cannot work on the new slot's units: {read_bytes} bytes to read, {write_bytes} to write, \
                 {erase_bytes} to erase; mend the flash driver's sizes, or take a larger profile"
            ),
            Self::OldUnits { read_bytes } => write!(
                f,
                "the decoder cannot read the old slot in units of {read_bytes} bytes; mend the flash driver's sizes"
            ),
            Self::ResultTooLong {
                result_bytes,
                slot_bytes,
            } => write!(
                f,
                "the new image of {result_bytes} bytes does not fit its slot of {slot_bytes} bytes in whole erase units"
            ),
            Self::SourceTooLong {
                source_bytes,
                slot_bytes,
            } => write!(
                f,
                "the old image of {source_bytes} bytes is longer than its slot of {slot_bytes} bytes; mend the flash map"
            ),
        }
    }
}

impl Display for Misuse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::BlockNotAtHand {
                expected: Some(expected),
                offered,
            } => write!(
                f,
                "the decoder was run with block {offered} of a chain while block {expected} of its own is at hand; \
                 this is a bug in the caller"
            ),
            Self::BlockNotAtHand {
                expected: None,
                offered,
            } => write!(
                f,
                "the decoder was run with block {offered} while none is at hand; this is a bug in the caller"
            ),
            Self::NotRunning => f.write_str("the decoder was run without a begin; this is a bug in the caller"),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::ArchitectureOfHosts { architecture, profile } => write!(
                f,
                "a patch of profile {profile} cannot follow instructions of {architecture}; take the large one, or follow none"
            ),
            Self::BlockLength {
                index,
                expected,
                offered,
            } => write!(
                f,
                "block {index} has {offered} bytes instead of {expected}: the patch was cut or is not the pinned one; fetch it again"
            ),
            Self::BlockSize { block_bytes } => write!(
                f,
                "a block of {block_bytes} bytes is not possible; it is a power of two from 256 to 65536"
            ),
            Self::BlockSizeMismatch { pinned, header } => write!(
                f,
                "the patch says that its blocks have {header} bytes, and it is pinned with {pinned}"
            ),
            Self::Ranges => f.write_str("the ranges of an image are too many, or not ascending inside it"),
            Self::Checkpoints => f.write_str("the checkpoints are too many, or not ascending inside the new image"),
            Self::CopyAhead { position, distance } => write!(
                f,
                "the patch copies from {distance} bytes before {position} in the new image, where nothing was written yet"
            ),
            Self::CopyOutsideSource { offset, source_bytes } => write!(
                f,
                "the patch copies from {offset} in an old image of {source_bytes} bytes"
            ),
            Self::CoverOutside { offset, result_bytes } => write!(
                f,
                "a piece at {offset} overlaps the one before it, or ends behind the new image of {result_bytes} bytes"
            ),
            Self::ExtraBlock => f.write_str("bytes follow the last block of the patch; fetch it again"),
            Self::ExtraBytes => f.write_str("the new image is complete and the patch goes on"),
            Self::ImageWithoutMeaning => {
                f.write_str("an image is said to be empty and has a digest, or is not empty and has none")
            }
            Self::LastBlockMissing { index } => {
                write!(f, "the patch ends before block {index}: it was cut; fetch it again")
            }
            Self::Pieces { pieces, pieces_max } => write!(
                f,
                "the patch brings {pieces} pieces of a map of the old image, and there is room for {pieces_max}"
            ),
            Self::SegmentOutside { offset, image_bytes } => write!(
                f,
                "a program at {offset} overlaps the one before it, or ends behind its image of {image_bytes} bytes"
            ),
            Self::TooShort { length } => write!(f, "{length} bytes are too few for the start of a patch"),
            Self::Truncated => {
                f.write_str("the patch ends before the new image is complete: it was cut, or made wrong")
            }
            Self::UnknownCodec { codec } => unknown(f, "codec", *codec),
            Self::UnknownArchitecture { architecture } => unknown(f, "architecture", *architecture),
            Self::UnknownProfile { profile } => unknown(f, "profile", *profile),
            Self::UnknownVersion { version } if *version < VERSION => write!(
                f,
                "the layout version {version} of the patch is older than what is known here; make the patch again"
            ),
            Self::UnknownVersion { version } => unknown(f, "layout version", *version),
            Self::WrongBlock { index: 0 } => f.write_str(
                "block 0 is not the one that the head names: the patch was changed, or the head is of another one",
            ),
            Self::WrongBlock { index } => write!(
                f,
                "block {index} is not the one that the block before names: the patch was changed or cut; fetch it again"
            ),
            Self::WrongMagic => f.write_str("it does not begin as a patch does"),
            Self::WrongProfile { decoder, patch } => {
                write!(
                    f,
                    "the patch is for the {patch} profile and this decoder has the {decoder} one"
                )
            }
            Self::WrongResult => f.write_str("the patch makes another image than the one that is wanted"),
            Self::WrongSource => f.write_str("the patch starts from another image than the one that is there"),
        }
    }
}

/// What a newer tool may know.
fn unknown(f: &mut Formatter<'_>, what: &str, number: u8) -> Result {
    write!(
        f,
        "the {what} {number} of the patch is not known here; a newer version may know it"
    )
}

impl<E: Display> Display for SnapshotError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotAtCheckpoint => {
                f.write_str("the decoder does not stand at a checkpoint, and is not saved elsewhere")
            }
            Self::Storage(error) => write!(f, "the checkpoint could not be written: {error}"),
        }
    }
}

impl<E: Display> Display for BadCheckpoint<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Checksum => f.write_str("the checkpoint was torn or damaged; start over"),
            Self::Impossible => f.write_str("the checkpoint holds a value that no decoder reaches; start over"),
            Self::OtherPatch => f.write_str("the checkpoint is of another patch; start over"),
            Self::OtherProfile => f.write_str("the checkpoint is of another profile; start over"),
            Self::OtherResult => f.write_str("the checkpoint is on the way to another image; start over"),
            Self::OtherSource => f.write_str("the checkpoint started from another image; start over"),
            Self::Storage(error) => write!(f, "the checkpoint could not be read: {error}"),
            Self::UnknownVersion { version } => {
                write!(
                    f,
                    "the layout version {version} of the checkpoint is not known here; start over"
                )
            }
            Self::WrongMagic => f.write_str("there is no checkpoint; start over"),
        }
    }
}

#[cfg(feature = "encode")]
impl Display for ApplyError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Bug(misuse) => write!(f, "this is a bug, please report it: {misuse}"),
            Self::Geometry(geometry) => geometry.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::WrongResult => f.write_str(
                "the patch was followed to its end, and the image that came out has not the digest it promises",
            ),
        }
    }
}

#[cfg(feature = "encode")]
impl Display for EncodeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotProven(error) => write!(
                f,
                "the patch was made and does not lead to the new image; this is a bug, please report it: {error}"
            ),
            Self::Options(refusal) => write!(f, "the options do not fit the format: {refusal}"),
            Self::TooLong { bytes, bytes_max } => {
                write!(
                    f,
                    "an image has {bytes} bytes, and a patch is made for at most {bytes_max}"
                )
            }
        }
    }
}

impl<O: fmt::Debug + Display, N: fmt::Debug + Display> core::error::Error for Error<O, N> {}
impl core::error::Error for Geometry {}
impl core::error::Error for Misuse {}
impl core::error::Error for Refusal {}
impl<E: fmt::Debug + Display> core::error::Error for SnapshotError<E> {}
impl<E: fmt::Debug + Display> core::error::Error for BadCheckpoint<E> {}
#[cfg(feature = "encode")]
impl core::error::Error for ApplyError {}
#[cfg(feature = "encode")]
impl core::error::Error for EncodeError {}
