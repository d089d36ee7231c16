//! Root: the keys and thresholds of all top-level roles.

use super::{Body, Field, Flawed, Segment, Segment::Key, boolean, key_id, threshold};
use crate::{
    error::{Flaw, Limit, Rejected},
    keys::{Authority, KeyDraft, KnownKey, Signers},
    limits::ROOT_KEYS_MAX,
    names::RoleName,
};
use arrayvec::ArrayVec;
use tuffet_wire::{Container, Scalar, hex};

/// Whom a root trusts.
#[derive(Clone, Debug)]
pub(crate) struct RootKeys {
    table: ArrayVec<KnownKey, ROOT_KEYS_MAX>,
    root: Signers,
    snapshot: Signers,
    targets: Signers,
    timestamp: Signers,
}

impl RootKeys {
    pub fn root(&self) -> Authority<'_> {
        self.authority(self.root)
    }

    pub fn snapshot(&self) -> Authority<'_> {
        self.authority(self.snapshot)
    }

    pub fn targets(&self) -> Authority<'_> {
        self.authority(self.targets)
    }

    pub fn timestamp(&self) -> Authority<'_> {
        self.authority(self.timestamp)
    }

    pub fn table(&self) -> &[KnownKey] {
        &self.table
    }

    /// A role that its own keys cannot sign would strand every device that follows this root.
    pub fn check_reachable(&self) -> Result<(), Rejected> {
        for (role, authority) in [
            (RoleName::Root, self.root()),
            (RoleName::Snapshot, self.snapshot()),
            (RoleName::Targets, self.targets()),
            (RoleName::Timestamp, self.timestamp()),
        ] {
            let (needed, usable) = (authority.signers.threshold, authority.usable());
            if usable < needed {
                return Err(Rejected::UnreachableThreshold { role, needed, usable });
            }
        }
        Ok(())
    }

    fn authority(&self, signers: Signers) -> Authority<'_> {
        Authority {
            table: &self.table,
            signers,
        }
    }
}

/// Takes out keys and roles. `keys` comes before `roles`, so a role's key ids are known when they come.
#[derive(Default)]
pub(crate) struct RootBody {
    consistent_snapshot: Option<bool>,
    table: ArrayVec<KnownKey, ROOT_KEYS_MAX>,
    key: KeyDraft,
    root: RoleDraft,
    snapshot: RoleDraft,
    targets: RoleDraft,
    timestamp: RoleDraft,
}

#[derive(Copy, Clone, Default)]
struct RoleDraft {
    members: Option<u16>,
    threshold: Option<u16>,
}

impl RoleDraft {
    fn finish(self) -> Result<Signers, Flawed> {
        match (self.members, self.threshold) {
            (Some(members), Some(threshold)) => Ok(Signers { members, threshold }),
            _ => Err(Flawed::MISSING),
        }
    }
}

impl RootBody {
    /// One of the four roles; others are the repository's own and mean nothing here.
    fn role(&mut self, name: &str) -> Option<&mut RoleDraft> {
        match name {
            "root" => Some(&mut self.root),
            "snapshot" => Some(&mut self.snapshot),
            "targets" => Some(&mut self.targets),
            "timestamp" => Some(&mut self.timestamp),
            _ => None,
        }
    }

    /// The bit of a key id. An id of an unusable or missing key has none: nobody can sign with it.
    fn bit(&self, id: &[u8; 32]) -> u16 {
        let position = self.table.iter().position(|key| key.id == *id);
        position
            .and_then(|position| u32::try_from(position).ok())
            .and_then(|p| 1u16.checked_shl(p))
            .unwrap_or(0)
    }
}

impl Body for RootBody {
    const TYPE: &'static str = "root";
    type Content = RootKeys;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([Key("keys"), Key(_)], Container::Object) => {
                self.key = KeyDraft::default();
                Ok(())
            }
            ([Key("roles"), Key(name), Key("keyids")], Container::Array) => {
                if let Some(role) = self.role(name) {
                    role.members = Some(0);
                }
                Ok(())
            }
            ([Key("keys" | "roles")] | [Key("roles"), Key(_)], Container::Object) => Ok(()),
            ([Key("keys"), Key(_), inner @ ..], _) => KeyDraft::open(inner, kind),
            (
                [Key("consistent_snapshot" | "keys" | "roles")]
                | [Key("roles"), Key(_)]
                | [Key("roles"), Key(_), Key("keyids" | "threshold"), ..],
                _,
            ) => Err(Flawed::WRONG_KIND),
            _ => Ok(()),
        }
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key("consistent_snapshot")] => self.consistent_snapshot = Some(boolean(value)?),
            [Key("keys"), Key(_), inner @ ..] if !inner.is_empty() => self.key.value(inner, value)?,
            [Key("roles"), Key(name), Key("keyids"), Segment::Index(_)] => {
                let bit = self.bit(&key_id(value)?);
                if let Some(members) = self.role(name).and_then(|role| role.members.as_mut()) {
                    *members |= bit;
                }
            }
            [Key("roles"), Key(name), Key("threshold")] => {
                let threshold = threshold(value)?;
                if let Some(role) = self.role(name) {
                    role.threshold = Some(threshold);
                }
            }
            [Key("keys" | "roles")] | [Key("keys" | "roles"), Key(_)] | [Key("roles"), Key(_), Key("keyids")] => {
                return Err(Flawed::WRONG_KIND);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        if let [Key("keys"), Key(id)] = path {
            let id = hex::decode(id).ok_or(Flawed::NOT_HEX)?;
            if let Some(public) = self.key.finish()? {
                let full = self.table.try_push(KnownKey { id, public });
                full.map_err(|_| Flawed::Limit(Limit::RootKeys))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<RootKeys, Flawed> {
        match self.consistent_snapshot {
            Some(true) => {}
            Some(false) => return Err(Flawed::Flaw(Flaw::ConsistentSnapshotOff)),
            None => return Err(Flawed::MISSING),
        }
        Ok(RootKeys {
            root: self.root.finish()?,
            snapshot: self.snapshot.finish()?,
            targets: self.targets.finish()?,
            timestamp: self.timestamp.finish()?,
            table: self.table,
        })
    }
}
