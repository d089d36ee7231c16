//! Reading a file: one pass that takes out what its role needs.
//!
//! - Length and digests, where they are known, are checked before a byte of the file is parsed.
//! - Every pass is hashed, and all passes over one file must agree.
//! - Known fields have to be there and be of the right kind, which a table says for each role; unknown fields are skipped, as
//!   the specification asks.
//! - What comes out is a claim, written where it stays. `signatures` makes it a proof.

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
pub(crate) mod targets;

use crate::{
    error::{Flaw, Limit},
    limits::SIGNATURES_MAX,
    list::List as _,
    names::RoleVersion,
    reading::{Reading, Seen},
    signatures::Claim,
    state::FileFacts,
    whose::{Error, Refusals, Refused, Rejected, Whose},
};
use tuffet_wire::{Container, Digest, Document, Hasher, Path, Scalar, ScanError, Scanner, Sink, Text, UnixSeconds};

use known::Kind;
pub(crate) use known::{Inside, Place, Spot, Step};

/// What one role takes out of its file. It is told of its places only, and each holds what it must.
///
/// The code that reads exists once for all roles, as it costs a device most of its flash.
pub(crate) trait Body {
    /// The value of `_type`.
    fn kind(&self) -> &'static str;

    /// Tables of the places that it takes something out of, below [`Place::Signed`].
    fn places(&self) -> &'static [&'static [Inside]];

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

    /// After a reading: whether everything was there, and whether it takes one more to take out the rest.
    fn finish(&mut self) -> Result<Completion, Flawed>;
}

/// What a reading came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// Everything was taken out.
    Done,
    /// There was no room for all at once, or no knowing yet: the same file is read again.
    OnceMore,
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
    pub listed: Option<&'a R::Listed>,
    /// Where a refusal goes.
    pub refusals: &'a Refusals,
}

/// A file that was received. Nothing is read out of it before its length and digests were found to be as listed, and nothing
/// else is believed of it yet.
pub(crate) struct Received<'d, R: Reading, D: Document> {
    document: &'d mut D,
    wanted: Wanted<'d, R>,
    /// What is left of the check; nothing before the first reading.
    opened: Option<R::Opened>,
    seen: Seen,
}

impl<'d, R: Reading, D: Document> Received<'d, R, D> {
    pub fn new(document: &'d mut D, wanted: Wanted<'d, R>) -> Self {
        Self {
            document,
            wanted,
            opened: None,
            seen: Seen::default(),
        }
    }

    pub fn role(&self) -> Whose {
        self.wanted.role
    }

    /// Keeps a refusal of it.
    pub fn refuse(&self, rejected: Rejected) -> Refused {
        self.wanted.refusals.refuse(rejected)
    }

    /// Shows the file to `sink`, and makes sure that it is the one that was seen before; its SHA-256 goes into `digest`.
    #[inline(never)]
    pub fn pass(&mut self, sink: &mut dyn Sink<Refusal = Flawed>, digest: &mut Digest) -> Result<(), Error<D::Error>> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            before => before.insert(R::open(self.document, &self.wanted, &mut self.seen)?),
        };
        R::pass(self.document, opened, &self.wanted, sink, digest)?;
        if self.seen.note(digest) {
            Ok(())
        } else {
            Err(Error::UnstableDocument { role: self.wanted.role })
        }
    }

    /// Takes out what `body` is for, in as many readings as that takes.
    pub fn read(&mut self, claim: &mut Claim, body: &mut dyn Body) -> Result<(), Error<D::Error>> {
        loop {
            let flawed = match self.read_once(claim.facts_mut(), body)? {
                Ok(()) => match body.finish() {
                    Ok(Completion::Done) => return Ok(()),
                    Ok(Completion::OnceMore) => continue,
                    Err(flawed) => flawed,
                },
                Err(flawed) => flawed,
            };
            let rejected = flawed.rejected(self.role(), self.document.length());
            return Err(self.refuse(rejected).into());
        }
    }

    #[inline(never)]
    fn read_once(&mut self, facts: &mut FileFacts, body: &mut dyn Body) -> Result<Result<(), Flawed>, Error<D::Error>> {
        let mut envelope = Envelope::<R> {
            body,
            header: Header::default(),
            facts,
            signatures: R::List::default(),
        };
        let mut digest = Digest::default();
        self.pass(&mut envelope, &mut digest)?;
        envelope.facts.digest = digest;
        envelope.facts.length = self.document.length();
        Ok(envelope.header.finish())
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
pub(crate) fn hash<D: Document>(document: &mut D, role: Whose, digest: &mut Digest) -> Result<(), Error<D::Error>> {
    let mut hash = Hasher::new();
    feed(document, role, |chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    *digest = hash.finish();
    Ok(())
}

/// One strict pass; the digest of the bytes that it saw goes into `digest`.
#[inline(never)]
pub(crate) fn scan<const TEXT: usize, D: Document>(
    document: &mut D,
    role: Whose,
    refusals: &Refusals,
    sink: &mut dyn Sink<Refusal = Flawed>,
    digest: &mut Digest,
) -> Result<(), Error<D::Error>> {
    let mut scanner = Scanner::<TEXT>::with_room();
    let mut hash = Hasher::new();
    feed(document, role, |chunk| {
        hash.update(chunk);
        let scanned = scanner.push(chunk, sink);
        scanned.map_err(|error| refusals.refuse(rejected(role, error)).into())
    })?;
    let finished = scanner.finish();
    finished.map_err(|error| refusals.refuse(rejected(role, error)))?;
    *digest = hash.finish();
    Ok(())
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
    body: &'b mut dyn Body,
    header: Header,
    facts: &'b mut FileFacts,
    /// The beginnings of all key ids in `signatures`.
    ///
    /// Eight bytes are enough: two ids that share them lead to a refusal, never to a signature counted twice.
    signatures: R::List<[u8; 8], SIGNATURES_MAX>,
}

impl<R: Reading> Sink for Envelope<'_, R> {
    type Refusal = Flawed;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), Flawed> {
        let spot = self.spot(path);
        match spot.place.kind() {
            Kind::Container(known) if known == kind => {}
            Kind::Container(_) | Kind::Value => return Err(Flawed::WRONG_KIND),
            Kind::Free => return Ok(()),
        }
        if spot.place == Place::Signed {
            self.header.has_signed = true;
            // The one field that a file may leave out.
            self.facts.signed_at = UnixSeconds::ZERO;
        }
        self.body.open(&spot);
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let spot = self.spot(path);
        if let Kind::Container(_) = spot.place.kind() {
            return Err(Flawed::WRONG_KIND);
        }
        match spot.place {
            Place::SignatureKeyid => {
                let mut id = Digest::default();
                key_id::<R>(value, &mut id)?;
                return self.signature(&id);
            }
            Place::Type => {
                // The type decides what all other fields mean, and it is their first.
                self.header.has_type = true;
                if text(value)? != self.body.kind() {
                    return Err(Flawed::Flaw(Flaw::WrongType));
                }
            }
            Place::Expires => {
                self.header.has_expires = true;
                self.facts.expires = time(value)?;
            }
            Place::SpecVersion => {
                self.header.has_spec_version = true;
                if !text(value)?.starts_with("1.") {
                    return Err(Flawed::Flaw(Flaw::UnknownSpecVersion));
                }
            }
            Place::FileVersion => {
                self.header.has_version = true;
                self.facts.version = version(value)?;
            }
            Place::SignedAt => self.facts.signed_at = time(value)?,
            Place::SignatureField | Place::SignatureSig | Place::Unknown => {}
            _ => return self.body.value(&spot, value),
        }
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        let spot = self.spot(path);
        self.body.close(&spot)
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.body.canonical(bytes);
    }
}

impl<R: Reading> Envelope<'_, R> {
    fn spot<'p>(&self, path: &Path<'p>) -> Spot<'p> {
        Spot::of(path, self.body.places(), self.body.wanted())
    }

    fn signature(&mut self, id: &Digest) -> Result<(), Flawed> {
        let beginning = *id.first_chunk().ok_or(Flawed::NOT_HEX)?;
        if self.signatures.contains(&beginning) {
            return Err(Flawed::DuplicateSignature);
        }
        self.signatures
            .try_push(beginning)
            .map_err(|_| Flawed::Limit(Limit::Signatures))
    }
}

/// Which of the fields were there that every file has.
#[derive(Default)]
struct Header {
    has_expires: bool,
    has_signed: bool,
    has_spec_version: bool,
    has_type: bool,
    has_version: bool,
}

impl Header {
    fn finish(&self) -> Result<(), Flawed> {
        if self.has_signed && self.has_expires && self.has_spec_version && self.has_type && self.has_version {
            Ok(())
        } else {
            Err(Flawed::MISSING)
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
pub(crate) fn key_id<R: Reading>(value: Scalar<'_>, id: &mut Digest) -> Result<(), Flawed> {
    *id = R::key_id(text(value)?).ok_or(Flawed::NOT_HEX)?;
    Ok(())
}

/// §5.3.4 and the like: a threshold that at least one signature is needed for.
pub(crate) fn threshold(value: Scalar<'_>) -> Result<u16, Flawed> {
    u16::try_from(integer(value)?)
        .ok()
        .filter(|threshold| *threshold > 0)
        .ok_or(Flawed::Flaw(Flaw::Threshold))
}
