//! What the readers of all documents share: the loop over the file, the errors, and the meaning of single values.

use crate::{Digest, Id, Name, UnixSeconds, Version};
use core::fmt;
use tuffet_wire::{DEPTH_MAX, Document, Fault, Path, Scalar, ScanError, Scanner, Sink, Text, hex};

/// Why a document was not read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ReadError<E> {
    /// It was signed, and yet it is wrong: its author must act.
    Malformed(Malformed),
    /// The place where it is stored failed.
    Storage(E),
    /// It is longer than a device reads.
    TooLong {
        /// The limit in bytes.
        bytes_max: u32,
    },
}

/// What is wrong with a document, and where.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Offset of the byte at which it was seen, in bytes. The length of the document, if it needed all of it to see.
    pub at: u32,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a document.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum What {
    /// A value of the wrong type, or one that its field cannot have.
    BadValue,
    /// Two images for the same hardware and address.
    DuplicateImage,
    /// Two patches from the same image for the same profile.
    DuplicatePatch,
    /// Images are not encrypted in this format: the field must be empty.
    EncryptionNotEmpty,
    /// It is not strict JSON.
    Json(Fault),
    /// There is one slot layout in this format: the field must be empty.
    LayoutNotEmpty,
    /// A field is not there.
    MissingField,
    /// Components, images, patches, stepping stones or waves that do not ascend.
    OutOfOrder,
    /// A release of class security must say what it closes.
    SecurityWithoutAdvisory,
    /// A list is longer than a device reads.
    TooMany,
    /// A field that this format does not have, or an object or list where it has none.
    UnknownField,
    /// A format number of other software.
    UnknownFormat,
    /// A file name that is not one of this product.
    WrongFileName,
    /// A document for something else.
    WrongType,
}

impl What {
    const fn sentence(self) -> &'static str {
        match self {
            Self::BadValue => "a value is of the wrong type or out of its range",
            Self::DuplicateImage => "two images for the same hardware and address",
            Self::DuplicatePatch => "two patches from the same image for the same profile",
            Self::EncryptionNotEmpty => "`encryption` must be empty in this format",
            Self::Json(_) => "not strict canonical JSON",
            Self::LayoutNotEmpty => "`layout` must be empty in this format",
            Self::MissingField => "a field is missing",
            Self::OutOfOrder => "a list does not ascend",
            Self::SecurityWithoutAdvisory => "a security release needs an advisory text",
            Self::TooMany => "a list is too long",
            Self::UnknownField => "a field is unknown to this format",
            Self::UnknownFormat => "the format number is unknown",
            Self::WrongFileName => "a file name is not one of this product",
            Self::WrongType => "the document is of another type",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what.sentence())?;
        if let What::Json(fault) = self.what {
            write!(f, " ({fault:?})")?;
        }
        Ok(())
    }
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::TooLong { bytes_max } => write!(f, "it is longer than {bytes_max} bytes"),
        }
    }
}

/// Shows a whole document to `sink`. Not inlined: the scanner stands once in flash, and only here on the stack.
#[inline(never)]
pub(crate) fn read<D: Document>(
    document: &mut D,
    bytes_max: u32,
    sink: &mut dyn Sink<Refusal = What>,
) -> Result<(), ReadError<D::Error>> {
    let length = document.length();
    if length > bytes_max {
        return Err(ReadError::TooLong { bytes_max });
    }
    let mut scanner = Scanner::new();
    let mut offset = 0_u32;
    while offset < length {
        let chunk = document.chunk(offset).map_err(ReadError::Storage)?;
        let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let chunk = chunk.get(..left).unwrap_or(chunk);
        let chunk_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        if chunk_bytes == 0 {
            // The file shrank under us; the scanner says that it is truncated.
            break;
        }
        scanner.push(chunk, sink).map_err(scan_error)?;
        offset = offset.saturating_add(chunk_bytes);
    }
    scanner.finish().map_err(scan_error)
}

fn scan_error<E>(error: ScanError<What>) -> ReadError<E> {
    ReadError::Malformed(match error {
        ScanError::Malformed { at, fault } => Malformed {
            at,
            what: What::Json(fault),
        },
        ScanError::Refused { at, refusal } => Malformed { at, what: refusal },
    })
}

/// Counts the fields of open objects. Keys are unique and unknown ones are refused, so an object is complete if the number fits.
#[derive(Default)]
pub(crate) struct FieldCounts([u8; DEPTH_MAX]);

impl FieldCounts {
    /// A container begins: it is a field of the one around it, and has none itself.
    pub(crate) fn open(&mut self, path: &Path<'_>) {
        self.value(path);
        if let Some(own) = self.0.get_mut(path.segments().len()) {
            *own = 0;
        }
    }

    /// A value, or a container, is a field of the object around it.
    pub(crate) fn value(&mut self, path: &Path<'_>) {
        let around = path.segments().len().checked_sub(1);
        if let Some(count) = around.and_then(|depth| self.0.get_mut(depth)) {
            *count = count.saturating_add(1);
        }
    }

    /// How many fields the container that closes had.
    pub(crate) fn of(&self, path: &Path<'_>) -> u8 {
        self.0.get(path.segments().len()).copied().unwrap_or_default()
    }
}

/// What single values mean.
pub(crate) trait Meaning<'a> {
    fn text(self) -> Result<&'a str, What>;
    /// Whether it is the empty text, which says that there is nothing.
    fn is_empty(&self) -> bool;
    fn number(self) -> Result<u32, What>;
    fn truth(self) -> Result<bool, What>;
    /// A digest into a place, which holds something else if it is refused.
    fn digest_into(self, place: &mut Digest) -> Result<(), What>;
    fn id(self) -> Result<Id, What>;
    fn name(self) -> Result<Name, What>;
    fn time(self) -> Result<UnixSeconds, What>;
    fn version(self) -> Result<Version, What>;
    /// The field must hold exactly this text, or the document is refused for this reason.
    fn must_be(self, text: &str, otherwise: What) -> Result<(), What>;
    /// The one format there is.
    fn must_be_format_0(self) -> Result<(), What>;
}

impl<'a> Meaning<'a> for Scalar<'a> {
    fn text(self) -> Result<&'a str, What> {
        match self {
            Self::String(Text::Whole(text)) => Ok(text),
            Self::Bool(_) | Self::Integer(_) | Self::Negative | Self::Null | Self::String(Text::TooLong) => {
                Err(What::BadValue)
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Scalar::String(Text::Whole(text)) if text.is_empty())
    }

    fn number(self) -> Result<u32, What> {
        match self {
            Self::Integer(number) => u32::try_from(number).map_err(|_| What::BadValue),
            Self::Bool(_) | Self::Negative | Self::Null | Self::String(_) => Err(What::BadValue),
        }
    }

    fn truth(self) -> Result<bool, What> {
        match self {
            Self::Bool(truth) => Ok(truth),
            Self::Integer(_) | Self::Negative | Self::Null | Self::String(_) => Err(What::BadValue),
        }
    }

    fn digest_into(self, place: &mut Digest) -> Result<(), What> {
        hex::decode_into(self.text()?, place).ok_or(What::BadValue)
    }

    fn id(self) -> Result<Id, What> {
        Id::parse(self.text()?).map_err(|_| What::BadValue)
    }

    fn name(self) -> Result<Name, What> {
        Name::parse(self.text()?).ok_or(What::BadValue)
    }

    fn time(self) -> Result<UnixSeconds, What> {
        UnixSeconds::parse(self.text()?).ok_or(What::BadValue)
    }

    fn version(self) -> Result<Version, What> {
        Version::parse(self.text()?).ok_or(What::BadValue)
    }

    fn must_be(self, text: &str, otherwise: What) -> Result<(), What> {
        if self.text() == Ok(text) {
            Ok(())
        } else {
            Err(otherwise)
        }
    }

    fn must_be_format_0(self) -> Result<(), What> {
        if matches!(self, Self::Integer(0)) {
            Ok(())
        } else {
            Err(What::UnknownFormat)
        }
    }
}

/// Takes what was read.
pub(crate) fn set<T>(place: &mut T, value: Result<T, What>) -> Result<(), What> {
    *place = value?;
    Ok(())
}

// What is read more than once, each in one piece of code.

#[inline(never)]
pub(crate) fn set_id(place: &mut Id, value: Scalar<'_>) -> Result<(), What> {
    set(place, value.id())
}

#[inline(never)]
pub(crate) fn set_number(place: &mut u32, value: Scalar<'_>) -> Result<(), What> {
    set(place, value.number())
}

#[inline(never)]
pub(crate) fn set_positive(place: &mut u32, value: Scalar<'_>) -> Result<(), What> {
    set_number(place, value)?;
    if *place == 0 { Err(What::BadValue) } else { Ok(()) }
}

#[inline(never)]
pub(crate) fn set_version(place: &mut Version, value: Scalar<'_>) -> Result<(), What> {
    set(place, value.version())
}

#[inline(never)]
pub(crate) fn set_time(place: &mut UnixSeconds, value: Scalar<'_>) -> Result<(), What> {
    set(place, value.time())
}

/// What a text is that its field cannot have.
pub(crate) fn parsed<T>(value: Option<T>) -> Result<T, What> {
    value.ok_or(What::BadValue)
}
