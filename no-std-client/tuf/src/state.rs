//! What a device remembers between sessions.
//!
//! - Versions only go up, except where a root rotates keys and the fast-forward that a thief signed is forgotten.
//! - Facts are remembered, not files: a kept file is used again only while its digest is the one remembered here.
//! - The encoded form has no checksum; the caller's record around it has one.
//!
//! Layout version 0, all numbers big-endian:
//!
//! ```text
//! offset  bytes  field
//!      0      1  layout version, 0
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
    algorithms::Algorithms,
    names::{DelegatedName, ROLE_NAME_BYTES_MAX, RoleVersion},
    read,
    reading::{Parts, Reading, Strict},
    whose::{Error, Whose},
};
use tuffet_wire::{Digest, Document, UnixSeconds};

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
        match read::hash(document, Whose::Root) {
            Ok(digest) => Ok(digest == self.digest),
            Err(Error::Storage(error)) => Err(error),
            Err(
                Error::DamagedStore { .. } | Error::Misuse(_) | Error::Rejected(_) | Error::UnstableDocument { .. },
            ) => Ok(false),
        }
    }
}

/// What is remembered of a verified metadata file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
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
    /// The part that names the file exactly.
    pub fn pinned(&self) -> Pinned {
        Pinned {
            version: self.version,
            length: self.length,
            digest: self.digest,
        }
    }
}

/// What is remembered of the newest timestamp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimestampFacts<R: Reading = Strict> {
    /// The timestamp itself.
    pub file: FileFacts,
    /// What it says of the snapshot.
    pub snapshot: R::Listed,
}

impl<A: Algorithms> Copy for TimestampFacts<Strict<A>> {}

impl<A: Algorithms> TimestampFacts<Strict<A>> {
    const fn with_algorithms<B: Algorithms>(self) -> TimestampFacts<Strict<B>> {
        let Self { file, snapshot } = self;
        TimestampFacts { file, snapshot }
    }
}

/// What is remembered of a delegated role.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
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
pub struct TrustedState<R: Reading = Strict> {
    /// The newest root. Its file is kept too.
    pub root: FileFacts,
    /// The newest timestamp.
    pub timestamp: Option<TimestampFacts<R>>,
    /// The newest snapshot. Its file is kept too: the next one is compared with it.
    pub snapshot: Option<FileFacts>,
    /// The newest top-level targets.
    pub targets: Option<FileFacts>,
    /// The delegated roles visited last.
    pub delegated: R::Delegated,
    /// A time that has certainly passed. Only signed times raise it, never a local clock.
    pub floor: UnixSeconds,
}

impl<A: Algorithms> Copy for TrustedState<Strict<A>> {}

impl<R: Reading> TrustedState<R> {
    /// What a device that trusts only this root remembers.
    pub(crate) fn of_root(root: FileFacts) -> Self {
        let floor = below(root.signed_at, &[root.expires]);
        Self {
            root,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: R::Delegated::default(),
            floor,
        }
    }

    /// What is remembered of a delegated role.
    pub fn delegated(&self, role: &DelegatedName) -> Option<&DelegatedFacts> {
        let known = self.delegated.as_ref().iter().flatten();
        known.into_iter().find(|facts| facts.role == *role)
    }

    /// Remembers a delegated role, newest first; the one not visited for longest makes room. Says whether that changed
    /// anything.
    pub(crate) fn remember(&mut self, facts: DelegatedFacts) -> bool {
        let mut is_changed = false;
        let mut newer = Some(facts);
        for place in self.delegated.as_mut() {
            is_changed |= *place != newer;
            let older = core::mem::replace(place, newer);
            if older.is_none_or(|older| older.role == facts.role) {
                break;
            }
            newer = older;
        }
        is_changed
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

impl<A: Algorithms> TrustedState<Strict<A>> {
    /// The same facts for a session that checks signatures of other algorithms.
    #[must_use]
    pub fn with_algorithms<B: Algorithms>(&self) -> TrustedState<Strict<B>> {
        let Self {
            root,
            timestamp,
            snapshot,
            targets,
            delegated,
            floor,
        } = *self;
        TrustedState {
            root,
            timestamp: timestamp.map(TimestampFacts::with_algorithms),
            snapshot,
            targets,
            delegated,
            floor,
        }
    }

    /// The encoded form, as drawn in the module's docs.
    pub fn encode(&self) -> [u8; ENCODED_BYTES] {
        let mut bytes = [0; ENCODED_BYTES];
        let mut out = Writer(&mut bytes);
        out.put(&[LAYOUT]);
        out.time(self.floor);
        out.facts(&self.root);
        match &self.timestamp {
            Some(timestamp) => {
                out.put(&[1]);
                out.facts(&timestamp.file);
                out.pinned(&timestamp.snapshot);
            }
            None => out.put(&[0; 105]),
        }
        out.optional_facts(self.snapshot.as_ref());
        out.optional_facts(self.targets.as_ref());
        for facts in &self.delegated {
            out.delegated(facts.as_ref());
        }
        bytes
    }

    /// Reads the encoded form; the inverse of [`encode`](Self::encode), and nothing else is accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadState> {
        let mut input = Reader(bytes);
        let [layout] = input.take()?;
        if layout != LAYOUT {
            return Err(BadState::UnknownLayout { found: layout });
        }
        let floor = input.time()?;
        let root = input.facts()?;
        let timestamp = match input.take::<1>()? {
            [1] => Some(TimestampFacts {
                file: input.facts()?,
                snapshot: input.pinned()?,
            }),
            [0] => input.zeros::<104, _>()?,
            _ => return Err(BadState::BadField),
        };
        let snapshot = input.optional_facts()?;
        let targets = input.optional_facts()?;
        let mut delegated = <Strict<A> as Parts>::Delegated::default();
        for place in &mut delegated {
            *place = input.delegated()?;
        }
        if !input.0.is_empty() {
            return Err(BadState::WrongLength);
        }
        let state = Self {
            root,
            timestamp,
            snapshot,
            targets,
            delegated,
            floor,
        };
        // A name that is shorter than it says, or not zero-filled, would be a second spelling.
        if state.encode() == bytes {
            Ok(state)
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

const LAYOUT: u8 = 0;

pub(crate) struct Writer<'a>(pub &'a mut [u8]);

impl Writer<'_> {
    pub fn put(&mut self, bytes: &[u8]) {
        // Invariant: the lengths put by `encode` add up to ENCODED_BYTES, which the round-trip test checks.
        if let Some((place, rest)) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.0 = rest;
        }
    }

    pub fn time(&mut self, time: UnixSeconds) {
        self.put(&time.as_secs().to_be_bytes());
    }

    fn pinned(&mut self, pinned: &Pinned) {
        self.put(&pinned.version.as_u64().to_be_bytes());
        self.put(&pinned.length.to_be_bytes());
        self.put(&pinned.digest);
    }

    pub fn facts(&mut self, facts: &FileFacts) {
        self.pinned(&facts.pinned());
        self.time(facts.expires);
        self.time(facts.signed_at);
    }

    pub fn optional_facts(&mut self, facts: Option<&FileFacts>) {
        match facts {
            Some(facts) => {
                self.put(&[1]);
                self.facts(facts);
            }
            None => self.put(&[0; 61]),
        }
    }

    pub fn delegated(&mut self, facts: Option<&DelegatedFacts>) {
        let Some(facts) = facts else {
            self.put(&[0; 141]);
            return;
        };
        let mut name = [0; ROLE_NAME_BYTES_MAX];
        for (place, byte) in name.iter_mut().zip(facts.role.as_str().bytes()) {
            *place = byte;
        }
        // Invariant: a name has at most 64 bytes.
        self.put(&[u8::try_from(facts.role.as_str().len()).unwrap_or(u8::MAX)]);
        self.put(&name);
        self.facts(&facts.file);
        self.put(&facts.signers.0);
    }
}

pub(crate) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], BadState> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(BadState::WrongLength)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn zeros<const N: usize, T>(&mut self) -> Result<Option<T>, BadState> {
        if self.take::<N>()? == [0; N] {
            Ok(None)
        } else {
            Err(BadState::BadField)
        }
    }

    pub fn time(&mut self) -> Result<UnixSeconds, BadState> {
        Ok(UnixSeconds::new(u64::from_be_bytes(self.take()?)))
    }

    fn pinned(&mut self) -> Result<Pinned, BadState> {
        let version = RoleVersion::new(u64::from_be_bytes(self.take()?)).ok_or(BadState::BadField)?;
        Ok(Pinned {
            version,
            length: u32::from_be_bytes(self.take()?),
            digest: self.take()?,
        })
    }

    pub fn facts(&mut self) -> Result<FileFacts, BadState> {
        let Pinned {
            version,
            length,
            digest,
        } = self.pinned()?;
        Ok(FileFacts {
            version,
            length,
            digest,
            expires: self.time()?,
            signed_at: self.time()?,
        })
    }

    pub fn optional_facts(&mut self) -> Result<Option<FileFacts>, BadState> {
        match self.take::<1>()? {
            [1] => self.facts().map(Some),
            [0] if self.take::<60>()? == [0; 60] => Ok(None),
            _ => Err(BadState::BadField),
        }
    }

    pub fn delegated(&mut self) -> Result<Option<DelegatedFacts>, BadState> {
        let [length] = self.take()?;
        if length == 0 {
            return if self.take::<140>()? == [0; 140] {
                Ok(None)
            } else {
                Err(BadState::BadField)
            };
        }
        let name: [u8; ROLE_NAME_BYTES_MAX] = self.take()?;
        let name = name
            .get(..usize::from(length))
            .and_then(|name| core::str::from_utf8(name).ok());
        let role = name.and_then(DelegatedName::new).ok_or(BadState::BadField)?;
        Ok(Some(DelegatedFacts {
            role,
            file: self.facts()?,
            signers: SignersId(self.take()?),
        }))
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

    fn delegated(name: &str, number: u8) -> DelegatedFacts {
        let role = DelegatedName::new(name).unwrap();
        DelegatedFacts {
            role,
            file: facts(number),
            signers: SignersId([number; 16]),
        }
    }

    fn full() -> TrustedState {
        let mut state = TrustedState::<Strict>::of_root(facts(1));
        state.timestamp = Some(TimestampFacts {
            file: facts(2),
            snapshot: facts(3).pinned(),
        });
        state.snapshot = Some(facts(3));
        state.targets = Some(facts(4));
        state.remember(delegated("p", 5));
        state.remember(delegated(&"x".repeat(ROLE_NAME_BYTES_MAX), 6));
        state
    }

    #[test]
    fn encoded_state_round_trips() {
        for state in [full(), TrustedState::<Strict>::of_root(facts(1))] {
            let bytes = state.encode();
            assert_eq!(TrustedState::<Strict>::decode(&bytes), Ok(state));
        }
        // The last byte of the layout is written: the drawn offsets and ENCODED_BYTES agree.
        let mut state = full();
        for name in ["a", "b", "c", "d"] {
            state.remember(delegated(name, 0xee));
        }
        assert_eq!(state.encode()[TrustedState::ENCODED_BYTES - 1], 0xee);
        assert_eq!(state.encode()[TrustedState::ENCODED_BYTES - 141], 1);
    }

    #[test]
    fn damaged_state_is_refused_or_reads_as_written() {
        let bytes = full().encode();
        let mut newer = bytes;
        newer[0] = 1;
        assert_eq!(
            TrustedState::<Strict>::decode(&newer),
            Err(BadState::UnknownLayout { found: 1 })
        );
        assert_eq!(
            TrustedState::<Strict>::decode(&bytes[..bytes.len() - 1]),
            Err(BadState::WrongLength)
        );
        for place in 0..bytes.len() {
            let mut edited = bytes;
            edited[place] ^= 0x81;
            if let Ok(state) = TrustedState::<Strict>::decode(&edited) {
                assert_eq!(state.encode(), edited, "byte {place} has two spellings");
            }
        }
    }

    #[test]
    fn remembering_keeps_the_newest_and_never_a_role_twice() {
        let mut state = TrustedState::<Strict>::of_root(facts(1));
        for name in ["a", "b", "b", "c", "b"] {
            state.remember(delegated(name, 7));
        }
        let names: std::vec::Vec<_> = state.delegated.iter().flatten().map(|facts| facts.role).collect();
        let expected = ["b", "c"].map(|name| DelegatedName::new(name).unwrap());
        assert_eq!(names, expected);
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
