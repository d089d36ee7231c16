//! One delegation of a targets file: who may sign for the role, and how many have to.

use super::{
    Body, Field, Flawed,
    Segment::{Index, Key},
    key_id, text, threshold,
};
use crate::{
    error::{Flaw, Limit},
    keys::{self, Authority, KeyDraft, KnownKey, Signers},
    limits::ROLE_KEYS_MAX,
    list::{Bits as _, List},
    names::DelegatedName,
    reading::Reading,
};
use tuffet_wire::{Container, Digest, Scalar};

/// The usable keys of a delegation.
pub(crate) type RoleKeys<R> = <R as crate::reading::Parts>::List<KnownKey<R>, ROLE_KEYS_MAX>;

/// A delegation as its delegator signed it.
#[derive(Clone, Debug)]
pub(crate) struct Delegation<R: Reading> {
    pub role: DelegatedName,
    table: RoleKeys<R>,
    threshold: u16,
}

impl<R: Reading> Delegation<R> {
    pub fn new(role: DelegatedName, table: RoleKeys<R>, threshold: u16) -> Self {
        Self { role, table, threshold }
    }

    pub fn authority(&self) -> Authority<'_, R> {
        // Every key of the table was named by this delegation.
        Authority {
            table: &self.table,
            signers: Signers {
                members: R::Bits::ALL,
                threshold: self.threshold,
            },
        }
    }

    pub fn table(&self) -> &[KnownKey<R>] {
        &self.table
    }
}

/// A delegation before its keys are looked up: they stand before it in the file.
#[derive(Clone, Debug)]
pub(crate) struct DelegationIds<R: Reading> {
    pub role: DelegatedName,
    pub ids: R::List<Digest, ROLE_KEYS_MAX>,
    pub threshold: u16,
}

/// Takes out the delegation at one position.
pub(crate) struct DelegationBody<R: Reading> {
    position: u32,
    role: Option<DelegatedName>,
    ids: R::List<Digest, ROLE_KEYS_MAX>,
    threshold: Option<u16>,
}

impl<R: Reading> DelegationBody<R> {
    pub fn at(position: u16) -> Self {
        Self {
            position: u32::from(position),
            role: None,
            ids: R::List::default(),
            threshold: None,
        }
    }
}

impl<R: Reading> Body for DelegationBody<R> {
    const TYPE: &'static str = "targets";
    type Content = DelegationIds<R>;

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let [Key("delegations"), Key("roles"), Index(position), field @ ..] = path else {
            return Ok(());
        };
        if *position != self.position {
            return Ok(());
        }
        match field {
            [Key("keyids"), Index(_)] => {
                let id = key_id::<R>(value)?;
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

    fn finish(self) -> Result<DelegationIds<R>, Flawed> {
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
pub(crate) struct KeysBody<'a, R: Reading> {
    ids: &'a [Digest],
    table: RoleKeys<R>,
    key: KeyDraft<R>,
}

impl<'a, R: Reading> KeysBody<'a, R> {
    pub fn new(ids: &'a [Digest]) -> Self {
        Self {
            ids,
            table: R::List::default(),
            key: KeyDraft::default(),
        }
    }
}

impl<R: Reading> Body for KeysBody<'_, R> {
    const TYPE: &'static str = "targets";
    type Content = RoleKeys<R>;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        let [Key("delegations"), Key("keys"), Key(_), inner @ ..] = path else {
            return Ok(());
        };
        if inner.is_empty() {
            self.key = KeyDraft::begun();
        }
        keys::open_key(inner, kind)
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key("delegations"), Key("keys"), Key(_), inner @ ..] => self.key.value(inner, value),
            _ => Ok(()),
        }
    }

    fn close(&mut self, path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        if let [Key("delegations"), Key("keys"), Key(id)] = path
            && let Some(key) = core::mem::take(&mut self.key).finish(id)?
            && self.ids.contains(&key.id)
        {
            // Ids differ within the file, so there are at most as many as were asked for.
            self.table.try_push(key).map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
        }
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.key.canonical(bytes);
    }

    fn finish(self) -> Result<Self::Content, Flawed> {
        Ok(self.table)
    }
}
