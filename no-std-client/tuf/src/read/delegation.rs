//! One delegation of a targets file: who may sign for the role, and how many have to.

use super::{Body, Completion, Flawed, Inside, Place, Spot, Step, key_id, targets::DELEGATIONS, text, threshold};
use crate::{
    error::{Flaw, Limit},
    keys::{self, Authority, KeyDraft, KnownKey, Signers},
    limits::ROLE_KEYS_MAX,
    list::{Bits as _, List},
    names::{DelegatedName, RoleName},
    reading::Reading,
    signatures::Claimed,
};
use tuffet_wire::{Digest, Scalar};

/// The usable keys of a delegation.
type RoleKeys<R> = <R as crate::reading::Parts>::List<KnownKey<R>, ROLE_KEYS_MAX>;

/// A delegation as its delegator signed it.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct Delegation<R: Reading> {
    threshold: u16,
    pub role: RoleName,
    table: RoleKeys<R>,
}

impl<R: Reading> Delegation<R> {
    /// What root says of the top-level targets; their keys are not here.
    pub fn of_targets() -> Claimed<Self> {
        Claimed::new(Self {
            role: RoleName::Targets,
            table: RoleKeys::<R>::default(),
            threshold: 0,
        })
    }

    pub fn table(&self) -> &[KnownKey<R>] {
        &self.table
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

/// Takes out the delegation at one position: first whom it names, then their keys, which stand before it in the file.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct DelegationBody<'a, R: Reading> {
    /// Whether it is known whose keys are wanted.
    is_named: bool,
    position: u32,
    content: &'a mut Delegation<R>,
    key: KeyDraft<R>,
    ids: R::List<Digest, ROLE_KEYS_MAX>,
}

impl<'a, R: Reading> DelegationBody<'a, R> {
    pub fn at(position: u16, content: &'a mut Claimed<Delegation<R>>) -> Self {
        let content = content.content_mut();
        content.role = RoleName::Targets;
        content.table.truncate(0);
        content.threshold = 0;
        Self {
            position: u32::from(position),
            is_named: false,
            ids: R::List::default(),
            key: KeyDraft::default(),
            content,
        }
    }

    /// A value of the delegation itself.
    fn name(&mut self, place: Place, value: Scalar<'_>) -> Result<(), Flawed> {
        match place {
            Place::Keyid => {
                let mut id = Digest::default();
                key_id::<R>(value, &mut id)?;
                if !self.ids.contains(&id) {
                    self.ids.try_push(id).map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
                }
            }
            Place::Name => {
                let name = DelegatedName::new(text(value)?).ok_or(Flawed::Flaw(Flaw::RoleName))?;
                self.content.role = RoleName::Delegated(name);
            }
            Place::Threshold => self.content.threshold = threshold(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl<R: Reading> Body for DelegationBody<'_, R> {
    fn kind(&self) -> &'static str {
        "targets"
    }

    fn places(&self) -> &'static [&'static [Inside]] {
        if self.is_named {
            &[
                &[
                    (Place::Signed, Step::Delegations, Place::Delegations),
                    (Place::Delegations, Step::Keys, Place::Keys),
                ],
                keys::PLACES,
            ]
        } else {
            &[DELEGATIONS]
        }
    }

    fn open(&mut self, spot: &Spot<'_>) {
        if spot.place == Place::Key {
            self.key = KeyDraft::begun();
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        if self.is_named {
            self.key.value(spot.place, value)
        } else if spot.position == Some(self.position) {
            self.name(spot.place, value)
        } else {
            Ok(())
        }
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        if spot.place == Place::Key
            && let Some(key) = core::mem::take(&mut self.key).finish(spot.name)?
            && self.ids.contains(&key.id)
        {
            // Ids differ within the file, so there are at most as many as were asked for.
            let pushed = self.content.table.try_push(key);
            pushed.map_err(|_| Flawed::Limit(Limit::RoleKeys))?;
        }
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.key.canonical(bytes);
    }

    fn finish(&mut self) -> Result<Completion, Flawed> {
        if self.is_named {
            return Ok(Completion::Done);
        }
        if self.content.threshold == 0 || !matches!(self.content.role, RoleName::Delegated(_)) {
            return Err(Flawed::MISSING);
        }
        self.is_named = true;
        Ok(Completion::OnceMore)
    }
}
