//! Public keys and which of them sign for a role.

use crate::{
    error::Rejected,
    names::RoleName,
    read::{Field, Flawed, Segment::Key},
    state::SignersId,
};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Container, Digest, Scalar, Text, hex};

/// An ed25519 key as a file names it. Keys of other kinds are not kept: nobody can sign with them here.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownKey {
    pub id: Digest,
    pub public: [u8; 32],
}

/// Which keys of a table sign for a role, and how many have to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signers {
    /// One bit for each key of the table, the first key lowest.
    pub members: u16,
    pub threshold: u16,
}

/// The keys and the threshold that a file's signatures are held against.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Authority<'a> {
    pub table: &'a [KnownKey],
    pub signers: Signers,
}

impl<'a> Authority<'a> {
    /// The role's keys with their bits. A public key that goes by two ids comes twice; see [`Counted`].
    pub fn members(self) -> impl Iterator<Item = (u16, &'a KnownKey)> {
        let members = self.signers.members;
        let bits = (0..u16::BITS).filter_map(|position| 1u16.checked_shl(position));
        bits.zip(self.table).filter(move |(bit, _)| members & bit != 0)
    }

    /// The role's keys, each public key once.
    pub fn keys(self) -> impl Iterator<Item = &'a KnownKey> {
        let mut counted = Counted::default();
        self.members()
            .filter(move |(bit, key)| counted.add(self, *bit, key))
            .map(|(_, key)| key)
    }

    /// How many different keys can sign.
    pub fn usable(self) -> u16 {
        u16::try_from(self.keys().count()).unwrap_or(u16::MAX)
    }

    /// Whether another role or file gives the same keys.
    pub fn same_keys(self, other: Authority<'_>) -> bool {
        self.usable() == other.usable()
            && self
                .keys()
                .all(|key| other.keys().any(|theirs| theirs.public == key.public))
    }

    /// The fingerprint of the set of keys. A table is in the order of the file, which is the order of the key ids, so the
    /// same keys give the same fingerprint.
    pub fn id(self) -> SignersId {
        let mut hash = Sha256::new();
        for key in self.keys() {
            hash.update(key.public);
        }
        let digest: Digest = hash.finalize().into();
        let mut id = [0; 16];
        for (place, byte) in id.iter_mut().zip(digest) {
            *place = byte;
        }
        SignersId(id)
    }
}

/// Which keys of an authority were counted: each public key once, whatever ids it goes by.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Counted {
    bits: u16,
    keys: u16,
}

impl Counted {
    /// Counts a key; says whether it was not counted before.
    pub fn add(&mut self, authority: Authority<'_>, bit: u16, key: &KnownKey) -> bool {
        let is_counted =
            |(other_bit, other): (u16, &KnownKey)| self.bits & other_bit != 0 && other.public == key.public;
        if authority.members().any(is_counted) {
            return false;
        }
        self.bits |= bit;
        self.keys = self.keys.saturating_add(1);
        true
    }

    /// How many different keys were counted.
    pub fn keys(&self) -> u16 {
        self.keys
    }
}

/// Refuses keys that are no curve points, and those for which anybody can make signatures.
///
/// `verify_stream` does not look for weak keys, so nothing may verify with a key that did not pass here.
#[inline(never)]
pub(crate) fn check_strength(role: RoleName, keys: &[KnownKey]) -> Result<(), Rejected> {
    for key in keys {
        match VerifyingKey::from_bytes(&key.public) {
            Ok(point) if !point.is_weak() => {}
            _ => return Err(Rejected::WeakKey { role }),
        }
    }
    Ok(())
}

/// A key object while it is read.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct KeyDraft {
    keytype: Option<bool>,
    scheme: Option<bool>,
    public: Option<Option<[u8; 32]>>,
}

impl KeyDraft {
    /// Checks the kind of a container at this path below the key object.
    pub fn open(path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([] | [Key("keyval")], Container::Object) => Ok(()),
            ([] | [Key("keytype" | "keyval" | "scheme")] | [Key("keyval"), Key("public")], _) => {
                Err(Flawed::WRONG_KIND)
            }
            _ => Ok(()),
        }
    }

    /// Takes a value at this path below the key object.
    pub fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key("keytype")] => self.keytype = Some(is_ed25519(value)?),
            [Key("scheme")] => self.scheme = Some(is_ed25519(value)?),
            [Key("keyval"), Key("public")] => {
                let Scalar::String(text) = value else {
                    return Err(Flawed::WRONG_KIND);
                };
                self.public = Some(match text {
                    Text::Whole(text) => hex::decode(text),
                    Text::TooLong => None,
                });
            }
            [] | [Key("keyval")] => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    /// The 32 public bytes of a complete ed25519 key; nothing for a key of another kind.
    pub fn finish(self) -> Result<Option<[u8; 32]>, Flawed> {
        match (self.keytype, self.scheme, self.public) {
            (Some(true), Some(true), Some(Some(public))) => Ok(Some(public)),
            (Some(true), Some(true), Some(None)) => Err(Flawed::NOT_HEX),
            (Some(_), Some(_), Some(_)) => Ok(None),
            _ => Err(Flawed::MISSING),
        }
    }
}

fn is_ed25519(value: Scalar<'_>) -> Result<bool, Flawed> {
    match value {
        Scalar::String(text) => Ok(text == Text::Whole("ed25519")),
        Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Null => Err(Flawed::WRONG_KIND),
    }
}
