//! The lenient reading: other people's repositories.
//!
//! - Any spelling of a document; see [`tuffet_wire::lenient`]. Hashes and lengths are those of the bytes as received.
//! - What the specification leaves open is taken: listings of a version alone, sha512, key ids that are no digest (TAP 12),
//!   names without versions. What it forbids is refused as in the strict reading.
//! - More room, and still an end to everything: [`ROOM`] times as many items as a device has room for.

use crate::{
    algorithms::{Kinds, every::Every},
    limits::{DELEGATED_KEPT_MAX, ROLE_KEYS_MAX, ROOT_KEYS_MAX},
    list::{Bits, Full, List},
    names::RoleVersion,
    read::{Flawed, Wanted, check_length, digest, feed, rejected},
    reading::{KeyIdCheck, Parts, Seen},
    state::{
        BadState, DelegatedFacts, FileFacts, Memory, Pinned, TimestampFacts, TrustedState, check_layout, put_delegated,
        put_facts, put_optional_facts, put_time, take_delegated, take_facts, take_optional_facts, take_time,
        take_version,
    },
    whose::{Error, Rejected},
};
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::{fmt::Debug, ops::Deref};
use sha2::{Digest as _, Sha256, Sha512};
use tuffet_wire::{
    Digest, Document, Scalar, Sink,
    lenient::Tree,
    record::{Output as _, Reader, Writer},
};

/// How many times the items of a device's session have room here: keys, signatures, delegations.
pub const ROOM: usize = 16;

// A key without a bit would not be found to be counted before.
const _: () = assert!(ROOT_KEYS_MAX * ROOM <= 256 && ROLE_KEYS_MAX * ROOM <= 256);

/// Any spelling, with every algorithm.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Lenient;

/// A list on the heap.
#[derive(Clone, Debug)]
pub struct Roomy<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Default for Roomy<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Deref for Roomy<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Clone + Debug, const N: usize> List<T> for Roomy<T, N> {
    fn try_push(&mut self, item: T) -> Result<(), Full> {
        if self.0.len() >= N.saturating_mul(ROOM) {
            return Err(Full);
        }
        self.0.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }
}

/// 256 bits: one for each key that there is room for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct ManyBits([u64; 4]);

impl ManyBits {
    /// The word that holds a bit, and the bit in it.
    fn place(position: usize) -> (usize, u64) {
        let bit = u32::try_from(position & 63).unwrap_or(0);
        (position >> 6, 1u64.checked_shl(bit).unwrap_or(0))
    }
}

impl Bits for ManyBits {
    const ALL: Self = Self([u64::MAX; 4]);

    fn insert(&mut self, position: usize) {
        let (word, bit) = Self::place(position);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn contains(self, position: usize) -> bool {
        let (word, bit) = Self::place(position);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// The delegated roles visited last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManyDelegated(Vec<Option<DelegatedFacts>>);

impl Default for ManyDelegated {
    fn default() -> Self {
        Self(vec![None; DELEGATED_KEPT_MAX.saturating_mul(ROOM)])
    }
}

impl AsRef<[Option<DelegatedFacts>]> for ManyDelegated {
    fn as_ref(&self) -> &[Option<DelegatedFacts>] {
        &self.0
    }
}

impl AsMut<[Option<DelegatedFacts>]> for ManyDelegated {
    fn as_mut(&mut self) -> &mut [Option<DelegatedFacts>] {
        &mut self.0
    }
}

/// Digests of a file. At least one of a target; of a metadata file perhaps none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// SHA-256.
    pub sha256: Option<Digest>,
    /// SHA-512.
    pub sha512: Option<Box<[u8; 64]>>,
}

impl Hashes {
    /// Whether a file has all these digests.
    #[must_use]
    pub fn are_of(&self, file: &[u8]) -> bool {
        let sha256 = self.sha256.is_none_or(|digest| Sha256::digest(file) == digest);
        let sha512 = self.sha512.as_deref();
        sha256 && sha512.is_none_or(|digest| Sha512::digest(file) == *digest)
    }
}

/// Digests while they are read.
#[derive(Clone, Debug, Default)]
pub struct HashesDraft {
    hashes: Hashes,
    /// Whether any digest was listed, of a kind that is known here or not.
    has_any: bool,
}

impl HashesDraft {
    /// A listing whose digests are all of unknown kinds could not be checked.
    fn finish(self) -> Result<Hashes, Flawed> {
        if self.has_any && self.hashes == Hashes::default() {
            return Err(Flawed::MISSING);
        }
        Ok(self.hashes)
    }
}

/// What a file above says of another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its version.
    pub version: RoleVersion,
    /// Its length in bytes.
    pub length: Option<u32>,
    /// Its digests.
    pub hashes: Hashes,
}

/// A key id is what it says it is.
#[derive(Clone, Debug, Default)]
pub struct Opaque;

impl KeyIdCheck for Opaque {
    fn update(&mut self, _bytes: &[u8]) {}

    fn is(self, _id: &Digest) -> bool {
        true
    }
}

/// A file in memory.
#[derive(Debug)]
pub struct InMemory {
    tree: Tree,
    digest: Digest,
}

/// As it was spelled, for any number of delegated roles.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Spelled;

impl Memory for Spelled {
    type Listed = Listing;
    type Delegated = ManyDelegated;
}

impl Parts for Lenient {
    type Key = <Every as Kinds>::Key;
    type List<T: Clone + Debug, const N: usize> = Roomy<T, N>;
    type Bits = ManyBits;
    type TargetName = String;
    type Memory = Spelled;
    type Listed = Listing;
    type DigestsDraft = HashesDraft;
    type Digests = Hashes;
    type KeyIdCheck = Opaque;
    type Opened = InMemory;

    const NEEDS_CONSISTENT_SNAPSHOT: bool = false;

    /// TAP 12: any text. A digest stands in for it; two texts that share one are beyond anybody's means.
    fn key_id(text: &str) -> Option<Digest> {
        Some(Sha256::digest(text).into())
    }

    fn take_digest(draft: &mut HashesDraft, algorithm: &str, value: Scalar<'_>) -> Result<(), Flawed> {
        draft.has_any = true;
        match algorithm {
            "sha256" => draft.hashes.sha256 = Some(digest(value)?),
            "sha512" => draft.hashes.sha512 = Some(Box::new(digest(value)?)),
            _ => {}
        }
        Ok(())
    }

    fn digests(draft: HashesDraft) -> Result<Hashes, Flawed> {
        if !draft.has_any {
            return Err(Flawed::MISSING);
        }
        draft.finish()
    }

    fn listed(version: RoleVersion, length: Option<u32>, draft: HashesDraft) -> Result<Listing, Flawed> {
        Ok(Listing {
            version,
            length,
            hashes: draft.finish()?,
        })
    }

    fn exactly(pinned: Pinned) -> Listing {
        Listing {
            version: pinned.version,
            length: Some(pinned.length),
            hashes: Hashes {
                sha256: Some(pinned.digest),
                sha512: None,
            },
        }
    }

    fn version(listed: &Listing) -> RoleVersion {
        listed.version
    }

    fn kept(listed: &Listing, trusted: Option<Pinned>) -> Option<Pinned> {
        let fits = |trusted: &Pinned| {
            listed.version == trusted.version
                && listed.length.is_none_or(|length| length == trusted.length)
                && match (listed.hashes.sha256, &listed.hashes.sha512) {
                    (Some(digest), _) => digest == trusted.digest,
                    // Of the trusted bytes this is not remembered.
                    (None, Some(_)) => false,
                    (None, None) => true,
                }
        };
        trusted.filter(fits).or(match (listed.length, listed.hashes.sha256) {
            (Some(length), Some(digest)) => Some(Pinned {
                version: listed.version,
                length,
                digest,
            }),
            _ => None,
        })
    }

    fn open<D: Document>(
        document: &mut D,
        wanted: &Wanted<'_, Self>,
        seen: &mut Seen,
    ) -> Result<InMemory, Error<D::Error>> {
        let Wanted {
            role, listed, refusals, ..
        } = *wanted;
        let length = document.length();
        let listed_length = listed.and_then(|listed| listed.length);
        check_length(length, wanted, listed_length)?;
        let mut bytes = Vec::new();
        feed(document, role, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        if listed.is_some_and(|listed| !listed.hashes.are_of(&bytes)) {
            return Err(refusals.refuse(Rejected::WrongDigest { role }).into());
        }
        let tree = Tree::parse(&bytes).map_err(|error| refusals.refuse(rejected(role, error)))?;
        let digest = Sha256::digest(&bytes).into();
        seen.note(&digest);
        Ok(InMemory { tree, digest })
    }

    fn pass<D: Document>(
        _: &mut D,
        opened: &mut InMemory,
        wanted: &Wanted<'_, Self>,
        sink: &mut dyn Sink<Refusal = Flawed>,
        digest: &mut Digest,
    ) -> Result<(), Error<D::Error>> {
        let walked = opened.tree.walk(sink);
        walked.map_err(|error| wanted.refusals.refuse(rejected(wanted.role, error)))?;
        *digest = opened.digest;
        Ok(())
    }
}

/// The first byte of an encoded state: of this reading, layout version 1.
const LAYOUT: u8 = 0x81;

/// Longest encoded listing in bytes: version, flags, length and both digests.
const LISTING_BYTES: usize = 8 + 1 + 4 + 32 + 64;

/// The encoded form of a state: that of a device's state, except for the first byte and for what is listed of the snapshot:
/// version (8), flags (1; 1: length, 2: SHA-256, 4: SHA-512), length (4), SHA-256 (32), SHA-512 (64), zeros where a flag is not
/// set.
impl TrustedState<Spelled> {
    const BYTES: usize = 1 + 8 + 60 + (1 + 60 + LISTING_BYTES) + 61 + 61 + 141 * DELEGATED_KEPT_MAX * ROOM;

    /// Encodes the state.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; Self::BYTES];
        let mut out = Writer::new(&mut bytes);
        out.put(&[LAYOUT]);
        put_time(&mut out, self.floor);
        put_facts(&mut out, &self.root);
        match &self.timestamp {
            Some(TimestampFacts { file, snapshot }) => {
                out.put(&[1]);
                put_facts(&mut out, file);
                put_listing(&mut out, snapshot);
            }
            None => out.skip(1 + 60 + LISTING_BYTES),
        }
        put_optional_facts(&mut out, self.snapshot.as_ref());
        put_optional_facts(&mut out, self.targets.as_ref());
        for facts in self.delegated.as_ref() {
            put_delegated(&mut out, facts.as_ref());
        }
        bytes
    }

    /// Decodes a state; nothing but what [`to_bytes`](Self::to_bytes) writes is accepted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadState> {
        check_layout(bytes, LAYOUT, Self::BYTES)?;
        let mut input = Reader::new(bytes);
        let [_] = input.take();
        let floor = take_time(&mut input);
        let (mut root, mut file) = (FileFacts::NONE, FileFacts::NONE);
        take_facts(&mut input, &mut root);
        let is_there = input.take() == [1];
        take_facts(&mut input, &mut file);
        let snapshot = take_listing(&mut input);
        let mut state = Self {
            root,
            timestamp: is_there.then_some(TimestampFacts { file, snapshot }),
            snapshot: None,
            targets: None,
            delegated: ManyDelegated::default(),
            floor,
        };
        take_optional_facts(&mut input, &mut state.snapshot);
        take_optional_facts(&mut input, &mut state.targets);
        for place in state.delegated.as_mut() {
            take_delegated(&mut input, place);
        }
        if state.to_bytes() == bytes {
            Ok(state)
        } else {
            Err(BadState::BadField)
        }
    }
}

fn put_listing(out: &mut Writer<'_>, listing: &Listing) {
    let Hashes { sha256, sha512 } = &listing.hashes;
    let flags = u8::from(listing.length.is_some()) | u8::from(sha256.is_some()) << 1 | u8::from(sha512.is_some()) << 2;
    out.put(&listing.version.as_u64().to_le_bytes());
    out.put(&[flags]);
    out.put(&listing.length.unwrap_or_default().to_le_bytes());
    out.put(&sha256.unwrap_or_default());
    out.put(sha512.as_deref().unwrap_or(&[0; 64]));
}

fn take_listing(input: &mut Reader<'_>) -> Listing {
    let version = take_version(input);
    let [flags] = input.take();
    let length = u32::from_le_bytes(input.take());
    let (sha256, sha512) = (input.take(), Box::new(input.take()));
    Listing {
        version,
        length: (flags & 1 != 0).then_some(length),
        hashes: Hashes {
            sha256: (flags & 2 != 0).then_some(sha256),
            sha512: (flags & 4 != 0).then_some(sha512),
        },
    }
}
