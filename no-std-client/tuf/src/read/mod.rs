//! Reading a file: one pass that takes out what its role needs.
//!
//! - Length and digests, where they are known, are checked before a byte of the file is parsed.
//! - Every pass is hashed, and all passes over one file must agree.
//! - Known fields have to be there and be of the right kind; unknown fields are skipped, as the specification asks.
//! - What comes out is a claim. `signatures` makes it a proof.

pub(crate) mod delegation;
#[cfg(test)]
mod hostile;
mod known;
pub(crate) mod meta;
pub(crate) mod root;
pub(crate) mod snapshot;
pub(crate) mod targets;
pub(crate) mod timestamp;

use crate::{
    error::{Flaw, Limit},
    limits::SIGNATURES_MAX,
    list::List as _,
    names::RoleVersion,
    reading::{Opening, Reading},
    state::{FileFacts, Pinned},
    whose::{Error, Rejected, Whose},
};
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Container, Digest, Document, Path, Scalar, ScanError, Scanner, Sink, Text, UnixSeconds};

pub(crate) use known::{Known, Segment};

/// A path, from a role's `signed` on or from further inside.
pub(crate) type Field<'a> = &'a [Segment<'a>];

/// What one role takes out of its file. Paths begin below `signed`.
pub(crate) trait Body {
    /// The value of `_type`.
    const TYPE: &'static str;
    /// What was taken out.
    type Content;

    fn open(&mut self, _path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        Ok(())
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed>;

    fn close(&mut self, _path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        Ok(())
    }

    /// The bytes of the file in canonical form, in between.
    fn canonical(&mut self, _bytes: &[u8]) {}

    fn finish(self) -> Result<Self::Content, Flawed>;
}

/// A [`Body`] while its file is read. The code that reads exists once for all roles, as it costs a device most of its flash.
trait Fields {
    fn kind(&self) -> &'static str;
    fn open_field(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed>;
    fn take_value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed>;
    fn close_field(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed>;
    fn canonical_bytes(&mut self, bytes: &[u8]);
}

impl<B: Body> Fields for B {
    fn kind(&self) -> &'static str {
        B::TYPE
    }

    fn open_field(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        self.open(path, kind)
    }

    fn take_value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        self.value(path, value)
    }

    fn close_field(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        self.close(path, kind)
    }

    fn canonical_bytes(&mut self, bytes: &[u8]) {
        self.canonical(bytes);
    }
}

/// A refusal in the middle of a file, before it is known where.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Flawed {
    Flaw(Flaw),
    DuplicateDelegation,
    DuplicateSignature,
    Limit(Limit),
}

impl Flawed {
    pub const MISSING: Self = Self::Flaw(Flaw::Missing);
    pub const NOT_HEX: Self = Self::Flaw(Flaw::NotHex);
    pub const WRONG_KIND: Self = Self::Flaw(Flaw::WrongKind);

    #[cold]
    #[inline(never)]
    fn rejected(self, role: Whose, at: u32) -> Rejected {
        match self {
            Self::Flaw(what) => Rejected::Malformed { role, at, what },
            Self::DuplicateDelegation => Rejected::DuplicateDelegation { role },
            Self::DuplicateSignature => Rejected::DuplicateSignature { role },
            Self::Limit(limit) => Rejected::LimitExceeded { role, limit },
        }
    }
}

/// Which file is being read, and how much of it at most.
#[derive(Clone, Debug)]
pub struct Wanted<R: Reading> {
    pub role: Whose,
    pub bytes_max: u32,
    /// What the file above says of it.
    pub listed: Option<R::Listed>,
}

impl<R: Reading> Wanted<R> {
    /// A file that nothing is known about.
    pub fn unlisted(role: Whose, bytes_max: u32) -> Self {
        Self {
            role,
            bytes_max,
            listed: None,
        }
    }

    /// Exactly the bytes that were verified before.
    pub fn exactly(role: Whose, bytes_max: u32, pinned: Pinned) -> Self {
        Self {
            role,
            bytes_max,
            listed: Some(R::exactly(pinned)),
        }
    }
}

/// A file whose length and digests are as listed, and of which nothing else is believed yet.
pub(crate) struct Received<'d, R: Reading, D: Document + 'd> {
    role: Whose,
    length: u32,
    opened: R::Opened<'d, D>,
    /// SHA-256 of the bytes that were seen so far.
    digest: Option<Digest>,
}

impl<'d, R: Reading, D: Document + 'd> Received<'d, R, D> {
    pub fn open(document: &'d mut D, wanted: &Wanted<R>) -> Result<Self, Error<D::Error>> {
        let length = document.length();
        let Opening { opened, digest } = R::open(document, wanted)?;
        Ok(Self {
            role: wanted.role,
            length,
            opened,
            digest,
        })
    }

    pub fn role(&self) -> Whose {
        self.role
    }

    /// Shows the file to `sink`, and makes sure that it is the one that was seen before.
    #[inline(never)]
    pub fn pass(&mut self, sink: &mut dyn Sink<Refusal = Flawed>) -> Result<Digest, Error<D::Error>> {
        let digest = R::pass(&mut self.opened, self.role, sink)?;
        if *self.digest.get_or_insert(digest) == digest {
            Ok(digest)
        } else {
            Err(Error::UnstableDocument { role: self.role })
        }
    }

    /// Takes out what `body` is for.
    pub fn read<B: Body>(&mut self, mut body: B) -> Result<(FileFacts, B::Content), Error<D::Error>> {
        let facts = self.read_fields(&mut body)?;
        let content = body.finish();
        let content = content.map_err(|flawed| flawed.rejected(self.role, facts.length))?;
        Ok((facts, content))
    }

    #[inline(never)]
    fn read_fields(&mut self, fields: &mut dyn Fields) -> Result<FileFacts, Error<D::Error>> {
        let mut envelope = Envelope::<R> {
            fields,
            header: Header::default(),
            signatures: R::List::default(),
            has_signed: false,
        };
        let digest = self.pass(&mut envelope)?;
        let finished = if envelope.has_signed {
            envelope.header.finish()
        } else {
            Err(Flawed::MISSING)
        };
        let (version, expires, signed_at) = finished.map_err(|flawed| flawed.rejected(self.role, self.length))?;
        Ok(FileFacts {
            version,
            length: self.length,
            digest,
            expires,
            signed_at,
        })
    }
}

/// §5.3.3, §5.4.1, §5.5.1, §5.6.1: never more than the limit, and exactly the length that is listed.
pub(crate) fn check_length(length: u32, role: Whose, bytes_max: u32, listed: Option<u32>) -> Result<(), Rejected> {
    if length > bytes_max {
        return Err(Rejected::TooLong {
            role,
            length,
            bytes_max,
        });
    }
    match listed {
        Some(expected) if expected != length => Err(Rejected::WrongLength {
            role,
            expected,
            offered: length,
        }),
        _ => Ok(()),
    }
}

/// Hands all bytes of a document to `take`, in order.
pub(crate) fn feed<D: Document>(
    document: &mut D,
    role: Whose,
    mut take: impl FnMut(&[u8]) -> Result<(), Error<D::Error>>,
) -> Result<(), Error<D::Error>> {
    let length = document.length();
    let mut offset = 0u32;
    while let Some(rest) = length.checked_sub(offset).filter(|rest| *rest > 0) {
        let chunk = document.chunk(offset).map_err(Error::Storage)?;
        // A driver may have more in its buffer than belongs to the document.
        let chunk = usize::try_from(rest)
            .ok()
            .and_then(|rest| chunk.get(..rest))
            .unwrap_or(chunk);
        let read = u32::try_from(chunk.len()).unwrap_or(0);
        if read == 0 {
            return Err(Error::UnstableDocument { role });
        }
        take(chunk)?;
        offset = offset.saturating_add(read);
    }
    Ok(())
}

/// The digest of a document, without reading anything out of it.
#[inline(never)]
pub(crate) fn hash<D: Document>(document: &mut D, role: Whose) -> Result<Digest, Error<D::Error>> {
    let mut hash = Sha256::new();
    feed(document, role, |chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

/// One strict pass; gives the digest of the bytes that it saw.
#[inline(never)]
pub(crate) fn scan<const TEXT: usize, D: Document>(
    document: &mut D,
    role: Whose,
    sink: &mut dyn Sink<Refusal = Flawed>,
) -> Result<Digest, Error<D::Error>> {
    let mut scanner = Scanner::<TEXT>::with_room();
    let mut hash = Sha256::new();
    feed(document, role, |chunk| {
        hash.update(chunk);
        let scanned = scanner.push(chunk, sink);
        scanned.map_err(|error| rejected(role, error).into())
    })?;
    scanner.finish().map_err(|error| rejected(role, error))?;
    Ok(hash.finalize().into())
}

/// Why a pass ended, as a refusal of the role's file.
pub(crate) fn rejected(role: Whose, error: ScanError<Flawed>) -> Rejected {
    match error {
        ScanError::Malformed { at, fault } => Rejected::Malformed {
            role,
            at,
            what: Flaw::Spelling(fault),
        },
        ScanError::Refused { at, refusal } => Flawed::rejected(refusal, role, at),
    }
}

/// What every file holds around and beside a role's own fields.
struct Envelope<'b, R: Reading> {
    fields: &'b mut dyn Fields,
    header: Header,
    /// The beginnings of all key ids in `signatures`.
    ///
    /// Eight bytes are enough: two ids that share them lead to a refusal, never to a signature counted twice.
    signatures: R::List<[u8; 8], SIGNATURES_MAX>,
    has_signed: bool,
}

impl<R: Reading> Sink for Envelope<'_, R> {
    type Refusal = Flawed;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), Flawed> {
        use Segment::{Index, Key};
        let steps = known::steps(path);
        match (known::inside(&steps, path), kind) {
            ([] | [Key(Known::Signatures, _), Index(_)], Container::Object)
            | ([Key(Known::Signatures, _)], Container::Array) => Ok(()),
            ([Key(Known::Signed, _)], Container::Object) => {
                self.has_signed = true;
                Ok(())
            }
            (
                [
                    Key(Known::Signed, _),
                    Key(Known::Type | Known::Expires | Known::SpecVersion | Known::Version | Known::SignedAt, _),
                ],
                _,
            )
            | ([] | [Key(Known::Signatures | Known::Signed, _)] | [Key(Known::Signatures, _), ..], _) => {
                Err(Flawed::WRONG_KIND)
            }
            ([Key(Known::Signed, _), inner @ ..], kind) => self.fields.open_field(inner, kind),
            _ => Ok(()),
        }
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        use Segment::{Index, Key};
        let steps = known::steps(path);
        match known::inside(&steps, path) {
            [Key(Known::Signatures, _), Index(_), Key(Known::Keyid, _)] => self.signature(key_id::<R>(value)?),
            [Key(Known::Signatures, _), Index(_), Key(..)] => Ok(()),
            [] | [Key(Known::Signatures | Known::Signed, _)] | [Key(Known::Signatures, _), ..] => {
                Err(Flawed::WRONG_KIND)
            }
            [Key(Known::Signed, _), Key(Known::Type, _)] => {
                // The type decides what all other fields mean, and it is their first.
                self.header.has_type = true;
                if text(value)? == self.fields.kind() {
                    Ok(())
                } else {
                    Err(Flawed::Flaw(Flaw::WrongType))
                }
            }
            [Key(Known::Signed, _), Key(Known::Expires, _)] => time(value).map(|time| self.header.expires = Some(time)),
            [Key(Known::Signed, _), Key(Known::SpecVersion, _)] => {
                self.header.has_spec_version = true;
                let is_known = text(value)?.starts_with("1.");
                if is_known {
                    Ok(())
                } else {
                    Err(Flawed::Flaw(Flaw::UnknownSpecVersion))
                }
            }
            [Key(Known::Signed, _), Key(Known::Version, _)] => {
                version(value).map(|version| self.header.version = Some(version))
            }
            [Key(Known::Signed, _), Key(Known::SignedAt, _)] => time(value).map(|time| self.header.signed_at = time),
            [Key(Known::Signed, _), inner @ ..] => self.fields.take_value(inner, value),
            _ => Ok(()),
        }
    }

    fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), Flawed> {
        let steps = known::steps(path);
        match known::inside(&steps, path) {
            [Segment::Key(Known::Signed, _), inner @ ..] => self.fields.close_field(inner, kind),
            _ => Ok(()),
        }
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.fields.canonical_bytes(bytes);
    }
}

impl<R: Reading> Envelope<'_, R> {
    fn signature(&mut self, id: Digest) -> Result<(), Flawed> {
        let beginning = *id.first_chunk().ok_or(Flawed::NOT_HEX)?;
        if self.signatures.contains(&beginning) {
            return Err(Flawed::DuplicateSignature);
        }
        self.signatures
            .try_push(beginning)
            .map_err(|_| Flawed::Limit(Limit::Signatures))
    }
}

#[derive(Default)]
struct Header {
    has_type: bool,
    has_spec_version: bool,
    version: Option<RoleVersion>,
    expires: Option<UnixSeconds>,
    signed_at: UnixSeconds,
}

impl Header {
    fn finish(self) -> Result<(RoleVersion, UnixSeconds, UnixSeconds), Flawed> {
        match (self.version, self.expires) {
            (Some(version), Some(expires)) if self.has_type && self.has_spec_version => {
                Ok((version, expires, self.signed_at))
            }
            _ => Err(Flawed::MISSING),
        }
    }
}

/// A string that is short enough to be kept.
pub(crate) fn text(value: Scalar<'_>) -> Result<&str, Flawed> {
    match value {
        Scalar::String(Text::Whole(text)) => Ok(text),
        Scalar::String(Text::TooLong) => Err(Flawed::Flaw(Flaw::TextTooLong)),
        Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Negative | Scalar::Null => Err(Flawed::WRONG_KIND),
    }
}

pub(crate) fn integer(value: Scalar<'_>) -> Result<u64, Flawed> {
    match value {
        Scalar::Integer(integer) => Ok(integer),
        Scalar::Bool(_) | Scalar::Negative | Scalar::String(_) | Scalar::Null => Err(Flawed::WRONG_KIND),
    }
}

pub(crate) fn boolean(value: Scalar<'_>) -> Result<bool, Flawed> {
    match value {
        Scalar::Bool(boolean) => Ok(boolean),
        Scalar::Integer(_) | Scalar::Negative | Scalar::String(_) | Scalar::Null => Err(Flawed::WRONG_KIND),
    }
}

pub(crate) fn version(value: Scalar<'_>) -> Result<RoleVersion, Flawed> {
    RoleVersion::new(integer(value)?).ok_or(Flawed::Flaw(Flaw::NotVersion))
}

fn time(value: Scalar<'_>) -> Result<UnixSeconds, Flawed> {
    UnixSeconds::parse(text(value)?).ok_or(Flawed::Flaw(Flaw::NotTime))
}

/// A digest in lowercase hexadecimal digits.
pub(crate) fn digest<const N: usize>(value: Scalar<'_>) -> Result<[u8; N], Flawed> {
    tuffet_wire::hex::decode(text(value)?).ok_or(Flawed::NOT_HEX)
}

/// A key id.
pub(crate) fn key_id<R: Reading>(value: Scalar<'_>) -> Result<Digest, Flawed> {
    R::key_id(text(value)?).ok_or(Flawed::NOT_HEX)
}

/// §5.3.4 and the like: a threshold that at least one signature is needed for.
pub(crate) fn threshold(value: Scalar<'_>) -> Result<u16, Flawed> {
    u16::try_from(integer(value)?)
        .ok()
        .filter(|threshold| *threshold > 0)
        .ok_or(Flawed::Flaw(Flaw::Threshold))
}
