//! One delegation of a targets file: who may sign for the role, and how many have to.

use super::{
    Body, Field, Flawed,
    Segment::{Index, Key},
    key_id, text, threshold,
};
use crate::{
    error::{Flaw, Limit},
    keys::{Authority, KeyDraft, KnownKey, Signers},
    limits::ROLE_KEYS_MAX,
    names::DelegatedName,
};
use arrayvec::ArrayVec;
use tuffet_wire::{Container, Digest, Scalar, hex};

/// A delegation as its delegator signed it.
#[derive(Clone, Debug)]
pub(crate) struct Delegation {
    pub role: DelegatedName,
    table: ArrayVec<KnownKey, ROLE_KEYS_MAX>,
    threshold: u16,
}

impl Delegation {
    pub fn new(role: DelegatedName, table: ArrayVec<KnownKey, ROLE_KEYS_MAX>, threshold: u16) -> Self {
        Self { role, table, threshold }
    }

    pub fn authority(&self) -> Authority<'_> {
        // Every key of the table was named by this delegation.
        Authority {
            table: &self.table,
            signers: Signers {
                members: u16::MAX,
                threshold: self.threshold,
            },
        }
    }

    pub fn table(&self) -> &[KnownKey] {
        &self.table
    }
}

/// A delegation before its keys are looked up: they stand before it in the file.
#[derive(Clone, Debug)]
pub(crate) struct DelegationIds {
    pub role: DelegatedName,
    pub ids: ArrayVec<Digest, ROLE_KEYS_MAX>,
    pub threshold: u16,
}

/// Takes out the delegation at one position.
pub(crate) struct DelegationBody {
    position: u32,
    role: Option<DelegatedName>,
    ids: ArrayVec<Digest, ROLE_KEYS_MAX>,
    threshold: Option<u16>,
}

impl DelegationBody {
    pub fn at(position: u16) -> Self {
        Self {
            position: u32::from(position),
            role: None,
            ids: ArrayVec::new(),
            threshold: None,
        }
    }
}

impl Body for DelegationBody {
    const TYPE: &'static str = "targets";
    type Content = DelegationIds;

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let [Key("delegations"), Key("roles"), Index(position), field @ ..] = path else {
            return Ok(());
        };
        if *position != self.position {
            return Ok(());
        }
        match field {
            [Key("keyids"), Index(_)] => {
                let id = key_id(value)?;
                if !self.ids.contains(&id) {
                    self.ids.try_push(id).map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
                }
            }
            [Key("name")] => {
                self.role = Some(DelegatedName::new(text(value)?).ok_or(Flawed::Flaw(Flaw::RoleName))?);
            }
            [Key("threshold")] => self.threshold = Some(threshold(value)?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<DelegationIds, Flawed> {
        match (self.role, self.threshold) {
            (Some(role), Some(threshold)) => Ok(DelegationIds {
                role,
                ids: self.ids,
                threshold,
            }),
            _ => Err(Flawed::MISSING),
        }
    }
}

/// Takes out the usable keys among some ids.
pub(crate) struct KeysBody<'a> {
    ids: &'a [Digest],
    table: ArrayVec<KnownKey, ROLE_KEYS_MAX>,
    key: KeyDraft,
}

impl<'a> KeysBody<'a> {
    pub fn new(ids: &'a [Digest]) -> Self {
        Self {
            ids,
            table: ArrayVec::new(),
            key: KeyDraft::default(),
        }
    }
}

impl Body for KeysBody<'_> {
    const TYPE: &'static str = "targets";
    type Content = ArrayVec<KnownKey, ROLE_KEYS_MAX>;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        let [Key("delegations"), Key("keys"), Key(_), inner @ ..] = path else {
            return Ok(());
        };
        if inner.is_empty() {
            self.key = KeyDraft::default();
        }
        KeyDraft::open(inner, kind)
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key("delegations"), Key("keys"), Key(_), inner @ ..] => self.key.value(inner, value),
            _ => Ok(()),
        }
    }

    fn close(&mut self, path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        if let [Key("delegations"), Key("keys"), Key(id)] = path {
            let id = hex::decode(id).ok_or(Flawed::NOT_HEX)?;
            if let Some(public) = self.key.finish()?
                && self.ids.contains(&id)
            {
                // Ids differ within the file, so there are at most as many as were asked for.
                self.table
                    .try_push(KnownKey { id, public })
                    .map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Self::Content, Flawed> {
        Ok(self.table)
    }
}
