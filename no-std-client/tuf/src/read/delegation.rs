//! One delegation of a targets file: who may sign for the role, and how many have to.

use super::{Body, Flawed, Inside, Place, Spot, Step, key_id, targets::DELEGATIONS, text, threshold};
use crate::{
    error::{Flaw, Limit},
    keys::{self, Authority, KeyDraft, KnownKey, Signers},
    limits::ROLE_KEYS_MAX,
    list::{Bits as _, List},
    names::DelegatedName,
    reading::Reading,
};
use tuffet_wire::{Digest, Scalar};

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
}

/// The ids of the keys of a delegation.
pub(crate) type RoleKeyIds<R> = <R as crate::reading::Parts>::List<Digest, ROLE_KEYS_MAX>;

/// A delegation without its keys: they stand before it in the file.
#[derive(Clone, Debug)]
pub(crate) struct DelegationHead {
    pub role: DelegatedName,
    pub threshold: u16,
}

/// Takes out the delegation at one position, and the ids of its keys into their place.
pub(crate) struct DelegationBody<'a, R: Reading> {
    position: u32,
    role: Option<DelegatedName>,
    ids: &'a mut RoleKeyIds<R>,
    threshold: Option<u16>,
}

impl<'a, R: Reading> DelegationBody<'a, R> {
    pub fn at(position: u16, ids: &'a mut RoleKeyIds<R>) -> Self {
        Self {
            position: u32::from(position),
            role: None,
            ids,
            threshold: None,
        }
    }
}

impl<R: Reading> Body for DelegationBody<'_, R> {
    const TYPE: &'static str = "targets";
    const PLACES: &'static [&'static [Inside]] = &[DELEGATIONS];
    type Content = DelegationHead;

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        if spot.position != Some(self.position) {
            return Ok(());
        }
        match spot.place {
            Place::Keyid => {
                let id = key_id::<R>(value)?;
                if !self.ids.contains(&id) {
                    self.ids.try_push(id).map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
                }
            }
            Place::Name => {
                self.role = Some(DelegatedName::new(text(value)?).ok_or(Flawed::Flaw(Flaw::RoleName))?);
            }
            Place::Threshold => self.threshold = Some(threshold(value)?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<DelegationHead, Flawed> {
        match (self.role, self.threshold) {
            (Some(role), Some(threshold)) => Ok(DelegationHead { role, threshold }),
            _ => Err(Flawed::MISSING),
        }
    }
}

/// Takes out the usable keys among some ids, into their place.
pub(crate) struct KeysBody<'a, R: Reading> {
    ids: &'a [Digest],
    table: &'a mut RoleKeys<R>,
    key: KeyDraft<R>,
}

impl<'a, R: Reading> KeysBody<'a, R> {
    pub fn new(ids: &'a [Digest], table: &'a mut RoleKeys<R>) -> Self {
        Self {
            ids,
            table,
            key: KeyDraft::default(),
        }
    }
}

impl<R: Reading> Body for KeysBody<'_, R> {
    const TYPE: &'static str = "targets";
    const PLACES: &'static [&'static [Inside]] = &[
        &[
            (Place::Signed, Step::Delegations, Place::Delegations),
            (Place::Delegations, Step::Keys, Place::Keys),
        ],
        keys::PLACES,
    ];
    type Content = ();

    fn open(&mut self, spot: &Spot<'_>) {
        if spot.place == Place::Key {
            self.key = KeyDraft::begun();
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        self.key.value(spot.place, value)
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        if spot.place == Place::Key
            && let Some(key) = core::mem::take(&mut self.key).finish(spot.name)?
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

    fn finish(self) -> Result<(), Flawed> {
        Ok(())
    }
}
