//! Public keys and which of them sign for a role.

use crate::{
    algorithms::{KeyField, PublicKey as _},
    error::Flaw,
    list::Bits as _,
    read::{Flawed, Inside, Place, Step},
    reading::{KeyIdCheck as _, Parts, Reading},
    state::SignersId,
    whose::{Refusals, Refused, Rejected, Whose},
};
use tuffet_wire::{Digest, Hasher, Scalar, Text};

/// A key as a file names it. Keys of kinds that this session cannot check are not kept: nobody can sign with them here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownKey<R: Reading> {
    pub id: Digest,
    pub public: R::Key,
}

/// Which keys of a table sign for a role, and how many have to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signers<R: Reading> {
    pub members: R::Bits,
    pub threshold: u16,
}

/// The keys and the threshold that a file's signatures are held against.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Authority<'a, R: Reading> {
    pub table: &'a [KnownKey<R>],
    pub signers: Signers<R>,
}

impl<'a, R: Reading> Authority<'a, R> {
    /// The role's keys with their positions. A public key that goes by two ids comes twice; see [`Counted`].
    pub fn members(self) -> impl Iterator<Item = (usize, &'a KnownKey<R>)> {
        let members = self.signers.members;
        let keys = self.table.iter().enumerate();
        keys.filter(move |(position, _)| members.contains(*position))
    }

    /// The role's keys, each public key once.
    pub fn keys(self) -> impl Iterator<Item = &'a KnownKey<R>> {
        let mut counted = Counted::default();
        self.members()
            .filter(move |(position, key)| counted.add(self, *position, key))
            .map(|(_, key)| key)
    }

    /// Whether another role or file gives the same keys.
    pub fn same_keys(self, other: Authority<'_, R>) -> bool {
        self.has_keys_of(other) && other.has_keys_of(self)
    }

    #[inline(never)]
    fn has_keys_of(self, other: Authority<'_, R>) -> bool {
        let is_mine = |key: &KnownKey<R>| self.members().any(|(_, mine)| mine.public == key.public);
        other.members().all(|(_, key)| is_mine(key))
    }

    /// The fingerprint of the set of keys. A table is in the order of the file, which is the order of the key ids, so the
    /// same keys give the same fingerprint.
    pub fn id(self) -> SignersId {
        let mut hash = Hasher::new();
        for key in self.keys() {
            key.public.identify(&mut hash);
        }
        // Invariant: a digest has more than sixteen bytes.
        SignersId(*hash.finish().first_chunk().unwrap_or(&[0; 16]))
    }
}

/// Which keys of an authority were counted: each public key once, whatever ids it goes by.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Counted<R: Reading> {
    bits: R::Bits,
    keys: u16,
}

impl<R: Reading> Default for Counted<R> {
    fn default() -> Self {
        Self {
            bits: R::Bits::default(),
            keys: 0,
        }
    }
}

impl<R: Reading> Counted<R> {
    /// Counts a key; says whether it was not counted before.
    pub fn add(&mut self, authority: Authority<'_, R>, position: usize, key: &KnownKey<R>) -> bool {
        let is_counted = |(other_position, other): (usize, &KnownKey<R>)| {
            self.bits.contains(other_position) && other.public == key.public
        };
        if authority.members().any(is_counted) {
            return false;
        }
        self.bits.insert(position);
        self.keys = self.keys.saturating_add(1);
        true
    }

    /// How many different keys were counted.
    pub fn keys(&self) -> u16 {
        self.keys
    }
}

/// Refuses keys that are no keys, and those for which anybody can make signatures.
#[inline(never)]
pub(crate) fn check_strength<R: Reading>(
    refusals: &Refusals,
    role: Whose,
    keys: &[KnownKey<R>],
) -> Result<(), Refused> {
    if keys.iter().any(|key| key.public.is_weak()) {
        return Err(refusals.refuse(Rejected::WeakKey { role }));
    }
    Ok(())
}

/// A key object while it is read.
#[derive(Clone, Debug, Default)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct KeyDraft<R: Reading> {
    has_keytype: bool,
    has_scheme: bool,
    has_public: bool,
    key: <<R as Parts>::Key as crate::algorithms::PublicKey>::Draft,
    /// Nothing outside of a key object.
    id: Option<R::KeyIdCheck>,
}

/// The places of key objects.
pub(crate) const PLACES: &[Inside] = &[
    (Place::Keys, Step::Any, Place::Key),
    (Place::Key, Step::Keytype, Place::Keytype),
    (Place::Key, Step::Keyval, Place::Keyval),
    (Place::Key, Step::Scheme, Place::Scheme),
    (Place::Keyval, Step::Public, Place::Public),
];

impl<R: Reading> KeyDraft<R> {
    /// Before the first byte of a key object.
    pub fn begun() -> Self {
        Self {
            id: Some(R::KeyIdCheck::default()),
            ..Self::default()
        }
    }

    /// Takes canonical bytes of the file.
    pub fn canonical(&mut self, bytes: &[u8]) {
        if let Some(id) = &mut self.id {
            id.update(bytes);
        }
    }

    /// Takes a value of the key object.
    #[allow(clippy::wildcard_enum_match_arm, reason = "what is not of a key")]
    pub fn value(&mut self, place: Place, value: Scalar<'_>) -> Result<(), Flawed> {
        let (field, has_field) = match place {
            Place::Keytype => (KeyField::KeyType, &mut self.has_keytype),
            Place::Scheme => (KeyField::Scheme, &mut self.has_scheme),
            Place::Public => (KeyField::Public, &mut self.has_public),
            _ => return Ok(()),
        };
        *has_field = true;
        match value {
            Scalar::String(Text::Whole(text)) => R::Key::take(&mut self.key, field, Some(text)),
            Scalar::String(Text::TooLong) => R::Key::take(&mut self.key, field, None),
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Negative | Scalar::Null => return Err(Flawed::WRONG_KIND),
        }
        Ok(())
    }

    /// The complete key with the id that it goes by; nothing for a key of another kind.
    pub fn finish(self, id: &str) -> Result<Option<KnownKey<R>>, Flawed> {
        let id = R::key_id(id).ok_or(Flawed::NOT_HEX)?;
        if !(self.has_keytype && self.has_scheme && self.has_public) {
            return Err(Flawed::MISSING);
        }
        if self.id.is_some_and(|check| !check.is(&id)) {
            return Err(Flawed::Flaw(Flaw::KeyId));
        }
        let public = R::Key::finish(&self.key)?;
        Ok(public.map(|public| KnownKey { id, public }))
    }
}
