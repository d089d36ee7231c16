//! The two readings of a repository's files.
//!
//! - [`Strict`] takes files that are canonical as they were sent, in pieces of any size and without heap. What it accepts,
//!   the lenient reading accepts too, with the same meaning, unless it is wrong in what the strict one skips: a SHA-512
//!   beside the SHA-256, or an RSA key that is too short.
//! - `Lenient` (feature `lenient`) takes any spelling, brings it into the canonical form, and needs a heap. It also takes
//!   what the specification leaves open and our own repositories never use: listings without length and digest, sha512,
//!   opaque key ids, names without versions.
//! - A reading is a type. No feature turns one into the other.

use crate::{
    algorithms::{Algorithms, Ed25519, PublicKey},
    error::Flaw,
    list::{Bits, List},
    names::{RoleVersion, TargetName},
    read::{Flawed, Wanted, check_length, digest, hash},
    state::{Exact, Memory, Pinned},
    whose::{Error, Rejected},
};
use arrayvec::ArrayVec;
use core::{fmt::Debug, marker::PhantomData};
use tuffet_wire::{Digest, Document, Hasher, Scalar, Sink, hex};

/// How a session reads files, and which signatures it can check.
pub trait Reading: Parts {}

impl<T: Parts> Reading for T {}

/// What a [`Reading`] is made of. Not for other crates.
pub trait Parts: Copy + Debug + Default + Eq + 'static {
    /// A public key.
    type Key: PublicKey;
    /// Room for what a file lists: `N` items where memory is fixed.
    type List<T: Clone + Debug, const N: usize>: List<T>;
    /// Which keys of a root are meant.
    type Bits: Bits;
    /// The name by which a target is looked up.
    type TargetName: AsRef<str> + Clone + Debug + Eq;
    /// How what was read is remembered. It is the same for all algorithms.
    type Memory: Memory<Listed = Self::Listed>;
    /// What a file above says of another file: its version, and what of its bytes.
    type Listed: Clone + Debug + Eq;
    /// The digests of a listing while it is read.
    type DigestsDraft: Clone + Debug + Default;
    /// The digests of a target, at least one.
    type Digests: Clone + Debug + Eq;
    /// Holds a key id against the key.
    type KeyIdCheck: Clone + Debug + Default + KeyIdCheck;
    /// A file that passes can be made over, as far as it is not the document itself.
    type Opened;

    /// Whether a root must promise consistent snapshots.
    const NEEDS_CONSISTENT_SNAPSHOT: bool;

    /// The id by which a key goes in `keys`, `keyids` and `signatures`.
    fn key_id(text: &str) -> Option<Digest>;

    /// Takes one digest of a listing.
    fn take_digest(draft: &mut Self::DigestsDraft, algorithm: &str, value: Scalar<'_>) -> Result<(), Flawed>;

    /// The digests of a target.
    fn digests(draft: Self::DigestsDraft) -> Result<Self::Digests, Flawed>;

    /// What a listing says of a file.
    fn listed(version: RoleVersion, length: Option<u32>, draft: Self::DigestsDraft) -> Result<Self::Listed, Flawed>;

    /// A listing of exactly these bytes.
    fn exactly(pinned: Pinned) -> Self::Listed;

    /// The version that is listed.
    fn version(listed: &Self::Listed) -> RoleVersion;

    /// The bytes of which a kept copy is as good as a download: those that are listed, or else those that were trusted
    /// before under the listed version.
    fn kept(listed: &Self::Listed, trusted: Option<Pinned>) -> Option<Pinned>;

    /// §5.3.3, §5.4.1, §5.5.1, §5.5.2, §5.6.1, §5.6.2: checks length and digests before anything is parsed. What it hashes goes
    /// into `seen`.
    fn open<D: Document>(
        document: &mut D,
        wanted: &Wanted<'_, Self>,
        seen: &mut Seen,
    ) -> Result<Self::Opened, Error<D::Error>>;

    /// One pass over the canonical form; puts the SHA-256 of the bytes as received into `digest`.
    fn pass<D: Document>(
        document: &mut D,
        opened: &mut Self::Opened,
        wanted: &Wanted<'_, Self>,
        sink: &mut dyn Sink<Refusal = Flawed>,
        digest: &mut Digest,
    ) -> Result<(), Error<D::Error>>;
}

/// The SHA-256 of the bytes that were seen of a file: it is the same in all passes.
#[derive(Debug, Default)]
pub struct Seen {
    is_hashed: bool,
    digest: Digest,
}

impl Seen {
    /// Notes the bytes of a pass; says whether they are those of the passes before it.
    pub fn note(&mut self, digest: &Digest) -> bool {
        if !self.is_hashed {
            self.is_hashed = true;
            self.digest = *digest;
        }
        self.digest == *digest
    }
}

/// Whether a key id is that of its key.
pub trait KeyIdCheck {
    /// Takes canonical bytes of the key object.
    fn update(&mut self, bytes: &[u8]);
    /// Whether this is the id of the object.
    fn is(self, id: &Digest) -> bool;
}

/// §4.2: the SHA-256 of the canonical form of the key object.
impl KeyIdCheck for Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }

    fn is(mut self, id: &Digest) -> bool {
        self.finish() == *id
    }
}

/// Canonical as sent, in one spelling, with `signatures` before `signed`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Strict<A = Ed25519>(PhantomData<A>);

impl<A: Algorithms> Parts for Strict<A> {
    type Key = A::Key;
    type List<T: Clone + Debug, const N: usize> = ArrayVec<T, N>;
    type Bits = u16;
    type TargetName = TargetName;
    type Memory = Exact;
    type Listed = Pinned;
    type DigestsDraft = Option<Digest>;
    type Digests = Digest;
    type KeyIdCheck = Hasher;
    type Opened = ();

    const NEEDS_CONSISTENT_SNAPSHOT: bool = true;

    fn key_id(text: &str) -> Option<Digest> {
        hex::decode(text)
    }

    fn take_digest(draft: &mut Option<Digest>, algorithm: &str, value: Scalar<'_>) -> Result<(), Flawed> {
        if algorithm == "sha256" {
            *draft = Some(digest(value)?);
        }
        Ok(())
    }

    fn digests(draft: Option<Digest>) -> Result<Digest, Flawed> {
        draft.ok_or(Flawed::MISSING)
    }

    /// Length and digest are optional in the specification and required here: they are checked before a byte of the file is
    /// parsed.
    fn listed(version: RoleVersion, length: Option<u32>, draft: Option<Digest>) -> Result<Pinned, Flawed> {
        match (length, draft) {
            (Some(length), Some(digest)) => Ok(Pinned {
                version,
                length,
                digest,
            }),
            _ => Err(Flawed::MISSING),
        }
    }

    fn exactly(pinned: Pinned) -> Pinned {
        pinned
    }

    fn version(listed: &Pinned) -> RoleVersion {
        listed.version
    }

    fn kept(listed: &Pinned, _trusted: Option<Pinned>) -> Option<Pinned> {
        Some(*listed)
    }

    fn open<D: Document>(document: &mut D, wanted: &Wanted<'_, Self>, seen: &mut Seen) -> Result<(), Error<D::Error>> {
        let Wanted { role, listed, .. } = *wanted;
        check_length(document.length(), wanted, listed.map(|listed| listed.length))?;
        let Some(listed) = listed else {
            return Ok(());
        };
        let mut digest = Digest::default();
        hash(document, role, &mut digest)?;
        if digest != listed.digest {
            return Err(wanted.refusals.refuse(Rejected::WrongDigest { role }).into());
        }
        seen.note(&digest);
        Ok(())
    }

    fn pass<D: Document>(
        document: &mut D,
        (): &mut (),
        wanted: &Wanted<'_, Self>,
        sink: &mut dyn Sink<Refusal = Flawed>,
        digest: &mut Digest,
    ) -> Result<(), Error<D::Error>> {
        A::scan(document, wanted.role, wanted.refusals, sink, digest)
    }
}

/// Refuses a root that does not promise consistent snapshots, where that is needed.
pub(crate) fn check_consistent_snapshot<R: Reading>(is_on: bool) -> Result<bool, Flawed> {
    if is_on || !R::NEEDS_CONSISTENT_SNAPSHOT {
        Ok(is_on)
    } else {
        Err(Flawed::Flaw(Flaw::ConsistentSnapshotOff))
    }
}
