//! Root: the keys and thresholds of all top-level roles.

use super::{Body, Completion, Flawed, Inside, Place, Spot, Step, boolean, key_id, threshold};
use crate::{
    error::Limit,
    keys::{self, Authority, KeyDraft, KnownKey, Signers},
    limits::ROOT_KEYS_MAX,
    list::{Bits as _, List as _},
    reading::{Reading, check_consistent_snapshot},
};
use tuffet_wire::{Digest, Scalar};

/// Whom a root trusts.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct RootKeys<R: Reading> {
    /// Whether file names carry versions and digests.
    pub has_consistent_snapshot: bool,
    root: Signers<R>,
    snapshot: Signers<R>,
    targets: Signers<R>,
    timestamp: Signers<R>,
    table: R::List<KnownKey<R>, ROOT_KEYS_MAX>,
}

impl<R: Reading> RootKeys<R> {
    /// Nobody: what a root is read into.
    pub fn none() -> Self {
        let nobody = Signers {
            members: R::Bits::default(),
            threshold: 0,
        };
        Self {
            has_consistent_snapshot: false,
            table: R::List::default(),
            root: nobody,
            snapshot: nobody,
            targets: nobody,
            timestamp: nobody,
        }
    }

    /// These keys instead. The table is copied key by key: there is no room for a third one.
    #[inline(never)]
    pub fn replace_with(&mut self, new: &Self) {
        let Self {
            has_consistent_snapshot,
            table,
            root,
            snapshot,
            targets,
            timestamp,
        } = new;
        self.has_consistent_snapshot = *has_consistent_snapshot;
        self.root = *root;
        self.snapshot = *snapshot;
        self.targets = *targets;
        self.timestamp = *timestamp;
        self.table.truncate(0);
        for key in table.iter() {
            // Invariant: as many as there is room for stood in the other table.
            let _fits = self.table.try_push(key.clone());
        }
    }

    pub fn root(&self) -> Authority<'_, R> {
        self.authority(self.root)
    }

    pub fn snapshot(&self) -> Authority<'_, R> {
        self.authority(self.snapshot)
    }

    pub fn targets(&self) -> Authority<'_, R> {
        self.authority(self.targets)
    }

    pub fn timestamp(&self) -> Authority<'_, R> {
        self.authority(self.timestamp)
    }

    pub fn table(&self) -> &[KnownKey<R>] {
        &self.table
    }

    fn authority(&self, signers: Signers<R>) -> Authority<'_, R> {
        Authority {
            table: &self.table,
            signers,
        }
    }
}

/// Takes out keys and roles. `keys` comes before `roles`, so a role's key ids are known when they come.
///
/// They are written to where they stay: a table of keys is large.
pub(crate) struct RootBody<'k, R: Reading> {
    keys: &'k mut RootKeys<R>,
    consistent_snapshot: Option<bool>,
    key: KeyDraft<R>,
    root: RoleDraft<R>,
    snapshot: RoleDraft<R>,
    targets: RoleDraft<R>,
    timestamp: RoleDraft<R>,
}

#[derive(Copy, Clone, Default)]
struct RoleDraft<R: Reading> {
    members: Option<R::Bits>,
    threshold: Option<u16>,
}

impl<R: Reading> RoleDraft<R> {
    fn finish(self) -> Result<Signers<R>, Flawed> {
        match (self.members, self.threshold) {
            (Some(members), Some(threshold)) => Ok(Signers { members, threshold }),
            _ => Err(Flawed::MISSING),
        }
    }
}

impl<'k, R: Reading> RootBody<'k, R> {
    /// Reads into `keys`, where nobody stood before.
    pub fn new(keys: &'k mut RootKeys<R>) -> Self {
        Self {
            keys,
            consistent_snapshot: None,
            key: KeyDraft::default(),
            root: RoleDraft::default(),
            snapshot: RoleDraft::default(),
            targets: RoleDraft::default(),
            timestamp: RoleDraft::default(),
        }
    }

    /// One of the four roles; others are the repository's own and mean nothing here.
    fn role(&mut self, name: &str) -> Option<&mut RoleDraft<R>> {
        match name {
            "root" => Some(&mut self.root),
            "snapshot" => Some(&mut self.snapshot),
            "targets" => Some(&mut self.targets),
            "timestamp" => Some(&mut self.timestamp),
            _ => None,
        }
    }

    /// Adds a key to a role. An unusable or missing key is no member: nobody can sign with it.
    fn add_member(&mut self, role: &str, id: &Digest) {
        let position = self.keys.table.iter().position(|key| key.id == *id);
        let members = self.role(role).and_then(|role| role.members.as_mut());
        if let (Some(position), Some(members)) = (position, members) {
            members.insert(position);
        }
    }
}

impl<R: Reading> Body for RootBody<'_, R> {
    fn kind(&self) -> &'static str {
        "root"
    }

    fn places(&self) -> &'static [&'static [Inside]] {
        &[
            &[
                (Place::Signed, Step::ConsistentSnapshot, Place::ConsistentSnapshot),
                (Place::Signed, Step::Keys, Place::Keys),
                (Place::Signed, Step::Roles, Place::Roles),
                (Place::Roles, Step::Any, Place::Role),
                (Place::Role, Step::Keyids, Place::Keyids),
                (Place::Role, Step::Threshold, Place::Threshold),
                (Place::Keyids, Step::Item, Place::Keyid),
            ],
            keys::PLACES,
        ]
    }

    fn open(&mut self, spot: &Spot<'_>) {
        match spot.place {
            Place::Key => self.key = KeyDraft::begun(),
            Place::Keyids => {
                if let Some(role) = self.role(spot.name) {
                    role.members.get_or_insert_default();
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match spot.place {
            Place::ConsistentSnapshot => self.consistent_snapshot = Some(boolean(value)?),
            Place::Keyid => {
                let mut id = Digest::default();
                key_id::<R>(value, &mut id)?;
                self.add_member(spot.name, &id);
            }
            Place::Threshold => {
                let threshold = threshold(value)?;
                if let Some(role) = self.role(spot.name) {
                    role.threshold = Some(threshold);
                }
            }
            place => self.key.value(place, value)?,
        }
        Ok(())
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        if spot.place == Place::Key
            && let Some(key) = core::mem::take(&mut self.key).finish(spot.name)?
        {
            let pushed = self.keys.table.try_push(key);
            pushed.map_err(|_| Flawed::Limit(Limit::RootKeys))?;
        }
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.key.canonical(bytes);
    }

    fn finish(&mut self) -> Result<Completion, Flawed> {
        let keys = &mut *self.keys;
        keys.has_consistent_snapshot =
            check_consistent_snapshot::<R>(self.consistent_snapshot.ok_or(Flawed::MISSING)?)?;
        keys.root = self.root.finish()?;
        keys.snapshot = self.snapshot.finish()?;
        keys.targets = self.targets.finish()?;
        keys.timestamp = self.timestamp.finish()?;
        Ok(Completion::Done)
    }
}
