//! Reading a file: one pass that takes out what its role needs.
//!
//! - Length and digests, where they are known, are checked before a byte of the file is parsed.
//! - Every pass is hashed, and all passes over one file must agree.
//! - Known fields have to be there and be of the right kind, which a table says for each role; unknown fields are skipped, as
//!   the specification asks.
//! - What comes out is a claim. `signatures` makes it a proof.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a reader names the places that it takes something out of; the others are not its own"
)]

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
    whose::{Error, Refusals, Refused, Rejected, Whose},
};
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Container, Digest, Document, Path, Scalar, ScanError, Scanner, Sink, Text, UnixSeconds, hash};

use known::Kind;
pub(crate) use known::{Inside, Place, Spot, Step};

/// What one role takes out of its file. It is told of its places only, and each holds what it must.
pub(crate) trait Body {
    /// The value of `_type`.
    const TYPE: &'static str;
    /// Tables of the places that it takes something out of, below [`Place::Signed`].
    const PLACES: &'static [&'static [Inside]];
    /// What was taken out.
    type Content;

    /// The key of [`Step::Wanted`], for who wants one: any text is one, the empty one, too.
    fn wanted(&self) -> Option<&str> {
        None
    }

    fn open(&mut self, _spot: &Spot<'_>) {}

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed>;

    fn close(&mut self, _spot: &Spot<'_>) -> Result<(), Flawed> {
        Ok(())
    }

    /// The bytes of the file in canonical form, in between.
    fn canonical(&mut self, _bytes: &[u8]) {}

    fn finish(self) -> Result<Self::Content, Flawed>;
}

/// A [`Body`] while its file is read. The code that reads exists once for all roles, as it costs a device most of its flash.
trait Fields {
    fn spot<'a>(&self, path: &Path<'a>) -> Spot<'a>;
    fn kind(&self) -> &'static str;
    fn open_field(&mut self, spot: &Spot<'_>);
    fn take_value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed>;
    fn close_field(&mut self, spot: &Spot<'_>) -> Result<(), Flawed>;
    fn canonical_bytes(&mut self, bytes: &[u8]);
}

impl<B: Body> Fields for B {
    fn spot<'a>(&self, path: &Path<'a>) -> Spot<'a> {
        Spot::of(path, B::PLACES, self.wanted())
    }

    fn kind(&self) -> &'static str {
        B::TYPE
    }

    fn open_field(&mut self, spot: &Spot<'_>) {
        self.open(spot);
    }

    fn take_value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        self.value(spot, value)
    }

    fn close_field(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        self.close(spot)
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
pub struct Wanted<'a, R: Reading> {
    pub role: Whose,
    pub bytes_max: u32,
    /// What the file above says of it.
    pub listed: Option<R::Listed>,
    /// Where a refusal goes.
    pub refusals: &'a Refusals,
}

impl<'a, R: Reading> Wanted<'a, R> {
    /// A file that nothing is known about.
    pub fn unlisted(refusals: &'a Refusals, role: Whose, bytes_max: u32) -> Self {
        Self {
            role,
            bytes_max,
            listed: None,
            refusals,
        }
    }

    /// Exactly the bytes that were verified before.
    pub fn exactly(refusals: &'a Refusals, role: Whose, bytes_max: u32, pinned: Pinned) -> Self {
        Self {
            role,
            bytes_max,
            listed: Some(R::exactly(pinned)),
            refusals,
        }
    }
}

/// A file that was received. Nothing is read out of it before its length and digests were found to be as listed, and nothing
/// else is believed of it yet.
pub(crate) struct Received<'d, R: Reading, D: Document> {
    document: &'d mut D,
    wanted: Wanted<'d, R>,
    /// What is left of the check, with the SHA-256 of the bytes that were seen so far; nothing before the first reading.
    opened: Option<Opening<R::Opened>>,
}

impl<'d, R: Reading, D: Document> Received<'d, R, D> {
    pub fn new(document: &'d mut D, wanted: Wanted<'d, R>) -> Self {
        Self {
            document,
            wanted,
            opened: None,
        }
    }

    pub fn role(&self) -> Whose {
        self.wanted.role
    }

    /// Keeps a refusal of it.
    pub fn refuse(&self, rejected: Rejected) -> Refused {
        self.wanted.refusals.refuse(rejected)
    }

    /// Shows the file to `sink`, and makes sure that it is the one that was seen before.
    #[inline(never)]
    pub fn pass(&mut self, sink: &mut dyn Sink<Refusal = Flawed>) -> Result<Digest, Error<D::Error>> {
        let Opening { opened, digest: seen } = match &mut self.opened {
            Some(opened) => opened,
            before => before.insert(R::open(self.document, &self.wanted)?),
        };
        let digest = R::pass(self.document, opened, &self.wanted, sink)?;
        if *seen.get_or_insert(digest) == digest {
            Ok(digest)
        } else {
            Err(Error::UnstableDocument { role: self.wanted.role })
        }
    }

    /// Takes out what `body` is for.
    pub fn read<B: Body>(&mut self, mut body: B) -> Result<(FileFacts, B::Content), Error<D::Error>> {
        let facts = self.read_fields(&mut body)?;
        let content = body.finish();
        let content = content.map_err(|flawed| self.refuse(flawed.rejected(self.role(), facts.length)))?;
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
        let (version, expires, signed_at) =
            finished.map_err(|flawed| self.refuse(flawed.rejected(self.role(), self.document.length())))?;
        Ok(FileFacts {
            version,
            length: self.document.length(),
            digest,
            expires,
            signed_at,
        })
    }
}

/// §5.3.3, §5.4.1, §5.5.1, §5.6.1: never more than the limit, and exactly the length that is listed.
pub(crate) fn check_length<R: Reading>(
    length: u32,
    wanted: &Wanted<'_, R>,
    listed: Option<u32>,
) -> Result<(), Refused> {
    let (role, bytes_max) = (wanted.role, wanted.bytes_max);
    let rejected = match listed {
        _ if length > bytes_max => Rejected::TooLong {
            role,
            length,
            bytes_max,
        },
        Some(expected) if expected != length => Rejected::WrongLength {
            role,
            expected,
            offered: length,
        },
        _ => return Ok(()),
    };
    Err(wanted.refusals.refuse(rejected))
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
    let mut hasher = Sha256::new();
    feed(document, role, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok(hash::finish(&mut hasher))
}

/// One strict pass; gives the digest of the bytes that it saw.
#[inline(never)]
pub(crate) fn scan<const TEXT: usize, D: Document>(
    document: &mut D,
    role: Whose,
    refusals: &Refusals,
    sink: &mut dyn Sink<Refusal = Flawed>,
) -> Result<Digest, Error<D::Error>> {
    let mut scanner = Scanner::<TEXT>::with_room();
    let mut hasher = Sha256::new();
    feed(document, role, |chunk| {
        hasher.update(chunk);
        let scanned = scanner.push(chunk, sink);
        scanned.map_err(|error| refusals.refuse(rejected(role, error)).into())
    })?;
    let finished = scanner.finish();
    finished.map_err(|error| refusals.refuse(rejected(role, error)))?;
    Ok(hash::finish(&mut hasher))
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
        let spot = self.fields.spot(path);
        match spot.place.kind() {
            Kind::Container(known) if known == kind => {}
            Kind::Container(_) | Kind::Value => return Err(Flawed::WRONG_KIND),
            Kind::Free => return Ok(()),
        }
        self.has_signed |= spot.place == Place::Signed;
        self.fields.open_field(&spot);
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let spot = self.fields.spot(path);
        if let Kind::Container(_) = spot.place.kind() {
            return Err(Flawed::WRONG_KIND);
        }
        match spot.place {
            Place::SignatureKeyid => return self.signature(key_id::<R>(value)?),
            Place::Type => {
                // The type decides what all other fields mean, and it is their first.
                self.header.has_type = true;
                if text(value)? != self.fields.kind() {
                    return Err(Flawed::Flaw(Flaw::WrongType));
                }
            }
            Place::Expires => self.header.expires = Some(time(value)?),
            Place::SpecVersion => {
                self.header.has_spec_version = true;
                if !text(value)?.starts_with("1.") {
                    return Err(Flawed::Flaw(Flaw::UnknownSpecVersion));
                }
            }
            Place::FileVersion => self.header.version = Some(version(value)?),
            Place::SignedAt => self.header.signed_at = time(value)?,
            Place::SignatureField | Place::Unknown => {}
            _ => return self.fields.take_value(&spot, value),
        }
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        let spot = self.fields.spot(path);
        self.fields.close_field(&spot)
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
