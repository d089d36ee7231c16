//! Targets: what a role says about one target name, and to whom it delegates that name.

use super::{Body, Completion, Flawed, Inside, Place, Spot, Step, boolean, integer, key_id, text, threshold};
use crate::{
    error::{Flaw, Limit},
    limits::{DELEGATIONS_MAX, NAMES_AT_ONCE},
    list::List,
    names::DelegatedName,
    patterns,
    reading::Reading,
    signatures::Claimed,
    target::Custom,
};
use tuffet_wire::{Digest, Scalar, sha256};

/// The places of one target and of all delegations. What is in a key matters only to who needs it.
pub(crate) const DELEGATIONS: &[Inside] = &[
    (Place::Signed, Step::Targets, Place::Targets),
    (Place::Targets, Step::Wanted, Place::Entry),
    (Place::Entry, Step::Custom, Place::Custom),
    (Place::Entry, Step::Hashes, Place::Hashes),
    (Place::Entry, Step::Length, Place::Length),
    (Place::Custom, Step::Any, Place::Fact),
    (Place::Hashes, Step::Any, Place::Hash),
    (Place::Signed, Step::Delegations, Place::Delegations),
    (Place::Delegations, Step::Keys, Place::Keys),
    (Place::Delegations, Step::Roles, Place::DelegatedRoles),
    (Place::DelegatedRoles, Step::Item, Place::Role),
    (Place::Role, Step::Keyids, Place::Keyids),
    (Place::Role, Step::Name, Place::Name),
    (Place::Role, Step::PathHashPrefixes, Place::PathHashPrefixes),
    (Place::Role, Step::Paths, Place::Paths),
    (Place::Role, Step::Terminating, Place::Terminating),
    (Place::Role, Step::Threshold, Place::Threshold),
    (Place::Keyids, Step::Item, Place::Keyid),
    (Place::PathHashPrefixes, Step::Item, Place::PathHashPrefix),
    (Place::Paths, Step::Item, Place::PathPattern),
];

/// What a targets file says about one name.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct TargetsContent<R: Reading> {
    pub is_terminated: bool,
    /// Positions of the delegations that cover the name, in order, up to and with the first terminating one.
    pub matches: R::List<u16, DELEGATIONS_MAX>,
    pub entry: Option<Entry<R>>,
}

impl<R: Reading> TargetsContent<R> {
    /// Nothing yet.
    pub fn claimed() -> Claimed<Self> {
        Claimed::new(Self {
            entry: None,
            matches: R::List::default(),
            is_terminated: false,
        })
    }
}

/// What a targets file says about one target.
#[derive(Clone, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct Entry<R: Reading> {
    pub length: u64,
    pub digests: R::Digests,
    pub custom: Custom,
}

/// Takes out the entry and the matching delegations of one name, and makes sure that every role name is there once: in further
/// readings, if one has no room for all names.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct TargetsBody<'a, R: Reading> {
    role: DelegationDraft,
    has_targets: bool,
    content: &'a mut Claimed<TargetsContent<R>>,
    wanted: &'a str,
    entry: Option<EntryDraft<R>>,
    wanted_digest: Digest,
    names: RoleNames<R>,
}

#[derive(Clone, Default)]
struct EntryDraft<R: Reading> {
    length: Option<u64>,
    digests: R::DigestsDraft,
    custom: Custom,
}

/// A delegation while it is read.
#[derive(Copy, Clone, Default)]
struct DelegationDraft {
    has_keyids: bool,
    has_name: bool,
    has_paths: bool,
    has_prefixes: bool,
    has_threshold: bool,
    is_match: bool,
    is_terminating: Option<bool>,
}

impl<'a, R: Reading> TargetsBody<'a, R> {
    pub fn new(wanted: &'a str, content: &'a mut Claimed<TargetsContent<R>>) -> Self {
        Self {
            wanted,
            wanted_digest: sha256(&[wanted.as_bytes()]),
            has_targets: false,
            entry: None,
            role: DelegationDraft::default(),
            names: RoleNames::default(),
            content,
        }
    }

    /// §5.6.7: the delegation just read, if it covers the name and none before it ended the list.
    fn add_role(&mut self, position: u32) -> Result<(), Flawed> {
        let role = core::mem::take(&mut self.role);
        let Some(is_terminating) = role.is_terminating else {
            return Err(Flawed::MISSING);
        };
        if !(role.has_keyids && role.has_name && role.has_threshold) {
            return Err(Flawed::MISSING);
        }
        if role.has_paths == role.has_prefixes {
            return Err(Flawed::Flaw(Flaw::PathsOrPrefixes));
        }
        let content = self.content.content_mut();
        // Later readings are for the names alone.
        if role.is_match && !content.is_terminated && self.names.is_first_reading() {
            let full = Flawed::Limit(Limit::Delegations);
            let position = u16::try_from(position).map_err(|_| full)?;
            content.matches.try_push(position).map_err(|_| full)?;
            content.is_terminated = is_terminating;
        }
        Ok(())
    }
}

impl<R: Reading> Body for TargetsBody<'_, R> {
    fn kind(&self) -> &'static str {
        "targets"
    }

    fn places(&self) -> &'static [&'static [Inside]] {
        &[DELEGATIONS]
    }

    fn wanted(&self) -> Option<&str> {
        Some(self.wanted)
    }

    fn open(&mut self, spot: &Spot<'_>) {
        match spot.place {
            Place::Targets => self.has_targets = true,
            Place::Entry => self.entry = Some(EntryDraft::default()),
            Place::Role => self.role = DelegationDraft::default(),
            Place::Keyids => self.role.has_keyids = true,
            Place::Paths => self.role.has_paths = true,
            Place::PathHashPrefixes => self.role.has_prefixes = true,
            _ => {}
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match (spot.place, &mut self.entry) {
            (Place::Fact, Some(entry)) => entry.custom.set(spot.name, value),
            (Place::Hash, Some(entry)) => R::take_digest(&mut entry.digests, spot.name, value)?,
            (Place::Length, Some(entry)) => entry.length = Some(integer(value)?),
            (Place::Keyid, _) => {
                key_id::<R>(value, &mut Digest::default())?;
            }
            (Place::Name, _) => {
                let name = text(value)?;
                DelegatedName::new(name).ok_or(Flawed::Flaw(Flaw::RoleName))?;
                self.role.has_name = true;
                // Invariant: a name stands in an item of the list of roles.
                self.names.add(spot.position.unwrap_or(0), name)?;
            }
            (Place::PathPattern, _) => {
                self.role.is_match |= patterns::glob_matches(text(value)?, self.wanted);
            }
            (Place::PathHashPrefix, _) => {
                self.role.is_match |= patterns::hash_matches(text(value)?, &self.wanted_digest);
            }
            (Place::Terminating, _) => self.role.is_terminating = Some(boolean(value)?),
            (Place::Threshold, _) => {
                threshold(value)?;
                self.role.has_threshold = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        match (spot.place, spot.position) {
            (Place::Role, Some(position)) => self.add_role(position),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Completion, Flawed> {
        if !self.has_targets {
            return Err(Flawed::MISSING);
        }
        if let Some(entry) = self.entry.take() {
            self.content.content_mut().entry = Some(Entry {
                length: entry.length.ok_or(Flawed::MISSING)?,
                digests: R::digests(entry.digests)?,
                custom: entry.custom,
            });
        }
        Ok(self.names.go_on())
    }
}

/// Some role names of a list, compared with all that come later.
#[derive(Default)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct RoleNames<R: Reading> {
    /// Where the kept names begin.
    start: u32,
    listed: u32,
    /// Eight bytes of the SHA-256 of each: two names that share them lead to a refusal, never to a name read twice.
    kept: R::List<[u8; 8], NAMES_AT_ONCE>,
}

impl<R: Reading> RoleNames<R> {
    fn is_first_reading(&self) -> bool {
        self.start == 0
    }

    /// §5.6.3: refuses a name that was kept before.
    fn add(&mut self, position: u32, name: &str) -> Result<(), Flawed> {
        self.listed = position.saturating_add(1);
        if position < self.start {
            return Ok(());
        }
        let id = name_id(name);
        if self.kept.contains(&id) {
            return Err(Flawed::DuplicateDelegation);
        }
        // A full list is no error: the rest comes with the next reading.
        let _full = self.kept.try_push(id);
        Ok(())
    }

    /// After a reading: with the names that it had no room for, if there are any.
    fn go_on(&mut self) -> Completion {
        let kept = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        let end = self.start.saturating_add(kept);
        if end >= self.listed {
            return Completion::Done;
        }
        self.start = end;
        self.kept.truncate(0);
        Completion::OnceMore
    }
}

/// A short stand-in for a role name.
pub(crate) fn name_id(name: &str) -> [u8; 8] {
    // Invariant: a digest has more than eight bytes.
    *sha256(&[name.as_bytes()]).first_chunk().unwrap_or(&[0; 8])
}
