//! What a device remembers between sessions.
//!
//! - Versions only go up, except where a root rotates keys and the fast-forward that a thief signed is forgotten.
//! - Facts are remembered, not files: a kept file is used again only while its digest is the one remembered here.
//! - The encoded form has no checksum; the caller's record around it has one. It is specified with that record, in
//!   `docs/spec/trusted-state.md`.
//!
//! Layout version 1, all numbers little-endian:
//!
//! ```text
//! offset  bytes  field
//!      0      1  layout version, 1
//!      1      8  floor, seconds since 1970
//!      9     60  root facts
//!     69      1  1 if timestamp and its pinned snapshot follow, else 0 and 104 zero bytes
//!     70     60  timestamp facts
//!    130     44  snapshot that the timestamp names: version (8), length (4), digest (32)
//!    174      1  1 if snapshot facts follow, else 0 and 60 zero bytes
//!    175     60  snapshot facts
//!    235      1  1 if targets facts follow, else 0 and 60 zero bytes
//!    236     60  targets facts
//!    296  2*141  delegated roles: length of the name (1; 0 if the rest is zero), name (64, zero-filled),
//!                facts (60), signers (16)
//!
//! facts: version (8), length (4), digest (32), expires (8), signed at (8)
//! ```

use crate::{
    limits::DELEGATED_KEPT_MAX,
    names::{DelegatedName, ROLE_NAME_BYTES_MAX, RoleVersion},
    read,
    reading::Parts,
    whose::{Error, Whose},
};
use core::fmt::Debug;
use tuffet_wire::{
    Digest, Document, UnixSeconds,
    record::{Comparer, Output, Reader, Writer},
};

/// Exactly which file: its version, its length and its bytes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Pinned {
    /// The version that stands in it.
    pub version: RoleVersion,
    /// Length in bytes.
    pub length: u32,
    /// SHA-256 of all its bytes.
    pub digest: Digest,
}

impl Pinned {
    /// Whether a document is this file; what a shell asks of a kept copy before it offers it.
    pub fn matches<D: Document>(&self, document: &mut D) -> Result<bool, D::Error> {
        if document.length() != self.length {
            return Ok(false);
        }
        // Whose file it is only matters to errors, and none of them leaves this function.
        let mut digest = Digest::default();
        match read::hash(document, Whose::Root, &mut digest) {
            Ok(()) => Ok(digest == self.digest),
            Err(Error::Storage(error)) => Err(error),
            Err(Error::DamagedStore { .. } | Error::Misuse(_) | Error::Refused(_) | Error::UnstableDocument { .. }) => {
                Ok(false)
            }
        }
    }
}

/// What is remembered of a verified metadata file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct FileFacts {
    /// Its version.
    pub version: RoleVersion,
    /// Its length in bytes.
    pub length: u32,
    /// SHA-256 of all its bytes.
    pub digest: Digest,
    /// When it stops being valid.
    pub expires: UnixSeconds,
    /// When it was signed, by the signer's clock; zero if it does not say.
    pub signed_at: UnixSeconds,
}

impl FileFacts {
    /// Of no file.
    pub(crate) const NONE: Self = Self {
        version: RoleVersion::FIRST,
        length: 0,
        digest: [0; 32],
        expires: UnixSeconds::ZERO,
        signed_at: UnixSeconds::ZERO,
    };

    /// The part that names the file exactly.
    pub const fn pinned(&self) -> Pinned {
        Pinned {
            version: self.version,
            length: self.length,
            digest: self.digest,
        }
    }
}

/// How a session remembers. Not for other crates.
pub trait Memory: Copy + Debug + Default + Eq + 'static {
    /// What a timestamp says of the snapshot.
    type Listed: Clone + Debug + Eq;
    /// Room for delegated roles.
    type Delegated: AsRef<[Option<DelegatedFacts>]> + AsMut<[Option<DelegatedFacts>]> + Clone + Debug + Default + Eq;
}

/// In fixed room, with the exact bytes of every listed file.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Exact;

impl Memory for Exact {
    type Listed = Pinned;
    type Delegated = [Option<DelegatedFacts>; DELEGATED_KEPT_MAX];
}

/// What is remembered of the newest timestamp.
#[derive(Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct TimestampFacts<M: Memory = Exact> {
    /// What it says of the snapshot.
    pub snapshot: M::Listed,
    /// The timestamp itself.
    pub file: FileFacts,
}

impl Copy for TimestampFacts {}

/// What is remembered of a delegated role.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct DelegatedFacts {
    /// Its name.
    pub role: DelegatedName,
    /// Its newest verified file.
    pub file: FileFacts,
    /// The keys it was verified with.
    pub signers: SignersId,
}

/// A fingerprint of a set of keys, to notice that it was replaced.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct SignersId(pub [u8; 16]);

/// Everything a device has to remember of a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedState<M: Memory = Exact> {
    /// The newest root. Its file is kept too.
    pub root: FileFacts,
    /// The newest timestamp.
    pub timestamp: Option<TimestampFacts<M>>,
    /// The newest snapshot. Its file is kept too: the next one is compared with it.
    pub snapshot: Option<FileFacts>,
    /// The newest top-level targets.
    pub targets: Option<FileFacts>,
    /// The delegated roles visited last.
    pub delegated: M::Delegated,
    /// A time that has certainly passed. Only signed times raise it, never a local clock.
    pub floor: UnixSeconds,
}

impl Copy for TrustedState {}

/// What a session of this reading remembers.
pub type Trusted<R> = TrustedState<<R as Parts>::Memory>;

impl<M: Memory> TrustedState<M> {
    /// What a device that trusts only this root remembers.
    pub(crate) fn of_root(root: FileFacts) -> Self {
        let floor = below(root.signed_at, &[root.expires]);
        Self {
            root,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: M::Delegated::default(),
            floor,
        }
    }

    /// What is remembered of a delegated role of this name.
    pub fn delegated(&self, role: &str) -> Option<&DelegatedFacts> {
        let known = self.delegated.as_ref().iter().flatten();
        known.into_iter().find(|facts| facts.role.as_str() == role)
    }

    /// Remembers a delegated role, newest first; the one not visited for longest makes room. Says whether that changed
    /// anything.
    pub(crate) fn remember(&mut self, role: &DelegatedName, file: &FileFacts, signers: SignersId) -> bool {
        let places = self.delegated.as_mut();
        let is_free = |place: &Option<DelegatedFacts>| place.as_ref().is_none_or(|facts| facts.role == *role);
        let last = places.len().saturating_sub(1);
        let before = places.iter().position(is_free).unwrap_or(last);
        for at in (1..=before).rev() {
            let (newer, older) = places.split_at_mut(at);
            if let (Some(from), Some(to)) = (newer.last(), older.first_mut()) {
                *to = *from;
            }
        }
        let Some(place) = places.first_mut() else {
            return false;
        };
        let new = Some(DelegatedFacts {
            role: *role,
            file: *file,
            signers,
        });
        replace(place, new) || before > 0
    }
}

/// Puts a value in place; says whether it is another one.
pub(crate) fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let is_changed = *place != value;
    *place = value;
    is_changed
}

impl TrustedState {
    /// Length of the encoded form in bytes.
    pub const ENCODED_BYTES: usize = ENCODED_BYTES;
}

const ENCODED_BYTES: usize = 578;

impl TrustedState {
    /// The encoded form, as drawn in the module's docs.
    pub fn encode(&self) -> [u8; ENCODED_BYTES] {
        let mut bytes = [0; ENCODED_BYTES];
        self.encode_into(&mut Writer::new(&mut bytes));
        bytes
    }

    /// The same, field by field.
    #[inline(never)]
    pub fn encode_into(&self, out: &mut dyn Output) {
        out.put(&[LAYOUT]);
        put_time(out, self.floor);
        put_facts(out, &self.root);
        match &self.timestamp {
            Some(timestamp) => {
                out.put(&[1]);
                put_facts(out, &timestamp.file);
                put_pinned(out, &timestamp.snapshot);
            }
            None => out.skip(105),
        }
        put_optional_facts(out, self.snapshot.as_ref());
        put_optional_facts(out, self.targets.as_ref());
        for facts in &self.delegated {
            put_delegated(out, facts.as_ref());
        }
    }

    /// Reads the encoded form; the inverse of [`encode`](Self::encode), and nothing else is accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadState> {
        let mut state = Self::nothing();
        state.decode_in_place(bytes)?;
        Ok(state)
    }

    /// What trusts no root: room for a state that is read in place.
    pub fn nothing() -> Self {
        Self::of_root(FileFacts::NONE)
    }

    /// [`decode`](Self::decode) for a small part, which has no room to move a state. After an error this one is of no use.
    #[inline(never)]
    pub fn decode_in_place(&mut self, bytes: &[u8]) -> Result<(), BadState> {
        check_layout(bytes, LAYOUT, ENCODED_BYTES)?;
        let mut input = Reader::new(bytes);
        let [_] = input.take();
        self.floor = take_time(&mut input);
        take_facts(&mut input, &mut self.root);
        let is_there = input.take() == [1];
        let timestamp = self.timestamp.insert(TimestampFacts {
            file: FileFacts::NONE,
            snapshot: FileFacts::NONE.pinned(),
        });
        take_facts(&mut input, &mut timestamp.file);
        take_pinned(&mut input, &mut timestamp.snapshot);
        if !is_there {
            self.timestamp = None;
        }
        take_optional_facts(&mut input, &mut self.snapshot);
        take_optional_facts(&mut input, &mut self.targets);
        for place in &mut self.delegated {
            take_delegated(&mut input, place);
        }
        // Whatever is never written comes out as something else.
        let mut same = Comparer::new(bytes);
        self.encode_into(&mut same);
        if same.is_whole() {
            Ok(())
        } else {
            Err(BadState::BadField)
        }
    }
}

/// The latest time that is not after `time` and before every one of `expires`.
pub(crate) fn below(time: UnixSeconds, expires: &[UnixSeconds]) -> UnixSeconds {
    expires
        .iter()
        .fold(time, |time, expires| time.min(expires.saturating_sub(1)))
}

/// Why bytes are not an encoded state.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadState {
    /// A field holds a value that is never written.
    BadField,
    /// Written by another version of this software.
    UnknownLayout {
        /// Its layout version.
        found: u8,
    },
    /// Too short or too long.
    WrongLength,
}

const LAYOUT: u8 = 1;

/// Whether a record has this layout and its length.
pub(crate) fn check_layout(bytes: &[u8], layout: u8, length: usize) -> Result<(), BadState> {
    match bytes.first() {
        Some(found) if *found != layout => Err(BadState::UnknownLayout { found: *found }),
        Some(_) if bytes.len() == length => Ok(()),
        Some(_) | None => Err(BadState::WrongLength),
    }
}

pub(crate) fn put_time(out: &mut dyn Output, time: UnixSeconds) {
    out.put(&time.as_secs().to_le_bytes());
}

pub(crate) fn put_pinned(out: &mut dyn Output, pinned: &Pinned) {
    out.put(&pinned.version.as_u64().to_le_bytes());
    out.put(&pinned.length.to_le_bytes());
    out.put(&pinned.digest);
}

#[inline(never)]
pub(crate) fn put_facts(out: &mut dyn Output, facts: &FileFacts) {
    put_pinned(out, &facts.pinned());
    put_time(out, facts.expires);
    put_time(out, facts.signed_at);
}

pub(crate) fn put_optional_facts(out: &mut dyn Output, facts: Option<&FileFacts>) {
    match facts {
        Some(facts) => {
            out.put(&[1]);
            put_facts(out, facts);
        }
        None => out.skip(61),
    }
}

pub(crate) fn put_delegated(out: &mut dyn Output, facts: Option<&DelegatedFacts>) {
    let Some(facts) = facts else {
        out.skip(141);
        return;
    };
    let name = facts.role.as_str();
    // Invariant: a name has at most 64 bytes.
    out.put(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    out.put(name.as_bytes());
    out.skip(ROLE_NAME_BYTES_MAX.saturating_sub(name.len()));
    put_facts(out, &facts.file);
    out.put(&facts.signers.0);
}

pub(crate) fn take_time(input: &mut Reader<'_>) -> UnixSeconds {
    UnixSeconds::new(u64::from_le_bytes(input.take()))
}

/// A version of zero, which is never written, reads as the first one.
pub(crate) fn take_version(input: &mut Reader<'_>) -> RoleVersion {
    RoleVersion::new(u64::from_le_bytes(input.take())).unwrap_or(RoleVersion::FIRST)
}

fn take_pinned(input: &mut Reader<'_>, pinned: &mut Pinned) {
    pinned.version = take_version(input);
    pinned.length = u32::from_le_bytes(input.take());
    input.fill(&mut pinned.digest);
}

#[inline(never)]
pub(crate) fn take_facts(input: &mut Reader<'_>, facts: &mut FileFacts) {
    facts.version = take_version(input);
    facts.length = u32::from_le_bytes(input.take());
    input.fill(&mut facts.digest);
    facts.expires = take_time(input);
    facts.signed_at = take_time(input);
}

#[inline(never)]
pub(crate) fn take_optional_facts(input: &mut Reader<'_>, place: &mut Option<FileFacts>) {
    let is_there = input.take() == [1];
    take_facts(input, place.insert(FileFacts::NONE));
    if !is_there {
        *place = None;
    }
}

#[inline(never)]
pub(crate) fn take_delegated(input: &mut Reader<'_>, place: &mut Option<DelegatedFacts>) {
    let [length] = input.take();
    let name: [u8; ROLE_NAME_BYTES_MAX] = input.take();
    let name = name.get(..usize::from(length)).unwrap_or_default();
    let role = core::str::from_utf8(name).ok().and_then(DelegatedName::new);
    // Without a name there is nobody whose facts these are, but they are passed all the same.
    let facts = place.insert(DelegatedFacts {
        role: role.unwrap_or(DelegatedName::NOBODY),
        file: FileFacts::NONE,
        signers: SignersId([0; 16]),
    });
    take_facts(input, &mut facts.file);
    input.fill(&mut facts.signers.0);
    if role.is_none() {
        *place = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn facts(number: u8) -> FileFacts {
        FileFacts {
            version: RoleVersion::new(u64::from(number)).unwrap(),
            length: 1000 + u32::from(number),
            digest: [number; 32],
            expires: UnixSeconds::new(2_000_000_000 + u64::from(number)),
            signed_at: UnixSeconds::new(1_700_000_000 + u64::from(number)),
        }
    }

    fn remember(state: &mut TrustedState, name: &str, number: u8) -> bool {
        let role = DelegatedName::new(name).unwrap();
        state.remember(&role, &facts(number), SignersId([number; 16]))
    }

    fn full() -> TrustedState {
        let mut state = <TrustedState>::of_root(facts(1));
        state.timestamp = Some(TimestampFacts {
            file: facts(2),
            snapshot: facts(3).pinned(),
        });
        state.snapshot = Some(facts(3));
        state.targets = Some(facts(4));
        remember(&mut state, "p", 5);
        remember(&mut state, &"x".repeat(ROLE_NAME_BYTES_MAX), 6);
        state
    }

    #[test]
    fn encoded_state_round_trips() {
        for state in [full(), <TrustedState>::of_root(facts(1))] {
            let bytes = state.encode();
            assert_eq!(<TrustedState>::decode(&bytes), Ok(state));
        }
        // The last byte of the layout is written: the drawn offsets and ENCODED_BYTES agree.
        let mut state = full();
        for name in ["a", "b", "c", "d"] {
            remember(&mut state, name, 0xee);
        }
        assert_eq!(state.encode()[TrustedState::ENCODED_BYTES - 1], 0xee);
        assert_eq!(state.encode()[TrustedState::ENCODED_BYTES - 141], 1);
    }

    #[test]
    fn damaged_state_is_refused_or_reads_as_written() {
        let bytes = full().encode();
        let mut newer = bytes;
        newer[0] = 2;
        assert_eq!(
            <TrustedState>::decode(&newer),
            Err(BadState::UnknownLayout { found: 2 })
        );
        assert_eq!(
            <TrustedState>::decode(&bytes[..bytes.len() - 1]),
            Err(BadState::WrongLength)
        );
        for place in 0..bytes.len() {
            let mut edited = bytes;
            edited[place] ^= 0x81;
            if let Ok(state) = <TrustedState>::decode(&edited) {
                assert_eq!(state.encode(), edited, "byte {place} has two spellings");
            }
        }
    }

    #[test]
    fn remembering_keeps_the_newest_and_never_a_role_twice() {
        let mut state = <TrustedState>::of_root(facts(1));
        let mut changes = std::vec::Vec::new();
        for name in ["a", "b", "b", "c", "b"] {
            changes.push(remember(&mut state, name, 7));
        }
        // What stands in front and is the same is no change.
        assert_eq!(changes, [true, true, false, true, true]);
        let names: std::vec::Vec<_> = state.delegated.iter().flatten().map(|facts| facts.role).collect();
        let expected = ["b", "c"].map(|name| DelegatedName::new(name).unwrap());
        assert_eq!(names, expected);
        assert!(remember(&mut state, "b", 8) && !remember(&mut state, "b", 8));
    }

    #[test]
    fn floor_stays_below_every_expiry() {
        let time = UnixSeconds::new;
        assert_eq!(below(time(10), &[time(20), time(11)]), time(10));
        assert_eq!(below(time(10), &[time(20), time(10)]), time(9));
        assert_eq!(below(time(10), &[time(5)]), time(4));
    }

    #[test]
    fn pinned_matches_only_its_bytes() {
        let pinned = Pinned {
            version: facts(1).version,
            length: 3,
            digest: Sha256::digest(b"abc").into(),
        };
        assert_eq!(pinned.matches(&mut &b"abc"[..]), Ok(true));
        assert_eq!(pinned.matches(&mut &b"abd"[..]), Ok(false));
        assert_eq!(pinned.matches(&mut &b"abcd"[..]), Ok(false));
        assert_eq!(pinned.matches(&mut &b"ab"[..]), Ok(false));
    }
}
