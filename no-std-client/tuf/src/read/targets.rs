//! Targets: what a role says about one target name, and to whom it delegates that name.

use super::{
    Body, Field, Flawed, Known,
    Segment::{Index, Key},
    boolean, integer, key_id, text, threshold,
};
use crate::{
    error::{Flaw, Limit},
    limits::{DELEGATIONS_MAX, NAMES_AT_ONCE},
    list::List,
    names::DelegatedName,
    patterns,
    reading::Reading,
    target::Custom,
};
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Container, Digest, Scalar};

/// What a targets file says about one name.
#[derive(Clone, Debug)]
pub(crate) struct TargetsContent<R: Reading> {
    pub entry: Option<Entry<R>>,
    /// Positions of the delegations that cover the name, in order, up to and with the first terminating one.
    pub matches: R::List<u16, DELEGATIONS_MAX>,
    pub is_terminated: bool,
    /// Where the next comparison of role names has to start, if one reading was not enough for all.
    pub more_names: Option<u32>,
}

/// What a targets file says about one target.
#[derive(Clone, Debug)]
pub(crate) struct Entry<R: Reading> {
    pub length: u64,
    pub digests: R::Digests,
    pub custom: Custom,
}

/// Takes out the entry and the matching delegations of one name.
pub(crate) struct TargetsBody<'a, R: Reading> {
    wanted: &'a str,
    wanted_digest: Digest,
    has_targets: bool,
    entry: Option<EntryDraft<R>>,
    role: DelegationDraft,
    matches: R::List<u16, DELEGATIONS_MAX>,
    is_terminated: bool,
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
    pub fn new(wanted: &'a str) -> Self {
        Self {
            wanted,
            wanted_digest: Sha256::digest(wanted).into(),
            has_targets: false,
            entry: None,
            role: DelegationDraft::default(),
            matches: R::List::default(),
            is_terminated: false,
            names: RoleNames::from(0),
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
        if role.is_match && !self.is_terminated {
            let position = u16::try_from(position).map_err(|_| Flawed::Limit(Limit::Delegations))?;
            self.matches
                .try_push(position)
                .map_err(|_| Flawed::Limit(Limit::Delegations))?;
            self.is_terminated = is_terminating;
        }
        Ok(())
    }

    fn role_value(&mut self, position: u32, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key(Known::Keyids, _), Index(_)] => {
                key_id::<R>(value)?;
            }
            [Key(Known::Name, _)] => {
                let name = text(value)?;
                DelegatedName::new(name).ok_or(Flawed::Flaw(Flaw::RoleName))?;
                self.role.has_name = true;
                self.names.add(position, name)?;
            }
            [Key(Known::Paths, _), Index(_)] => {
                self.role.is_match |= patterns::glob_matches(text(value)?, self.wanted);
            }
            [Key(Known::PathHashPrefixes, _), Index(_)] => {
                self.role.is_match |= patterns::hash_matches(text(value)?, &self.wanted_digest);
            }
            [Key(Known::Terminating, _)] => self.role.is_terminating = Some(boolean(value)?),
            [Key(Known::Threshold, _)] => {
                threshold(value)?;
                self.role.has_threshold = true;
            }
            [] | [Key(Known::Keyids | Known::Paths | Known::PathHashPrefixes, _)] => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    fn open_role(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([], Container::Object) => self.role = DelegationDraft::default(),
            ([Key(Known::Keyids, _)], Container::Array) => self.role.has_keyids = true,
            ([Key(Known::Paths, _)], Container::Array) => self.role.has_paths = true,
            ([Key(Known::PathHashPrefixes, _)], Container::Array) => self.role.has_prefixes = true,
            (
                []
                | [
                    Key(
                        Known::Keyids
                        | Known::Name
                        | Known::Paths
                        | Known::PathHashPrefixes
                        | Known::Terminating
                        | Known::Threshold,
                        _,
                    ),
                ]
                | [Key(Known::Keyids | Known::Paths | Known::PathHashPrefixes, _), _],
                _,
            ) => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    fn entry_value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let entry = self.entry.get_or_insert_default();
        match path {
            [Key(Known::Length, _)] => entry.length = Some(integer(value)?),
            [Key(Known::Hashes, _), Key(_, algorithm)] => R::take_digest(&mut entry.digests, algorithm, value)?,
            [Key(Known::Custom, _), Key(_, field)] => entry.custom.set(field, value),
            [] | [Key(Known::Hashes | Known::Custom, _)] => return Err(Flawed::WRONG_KIND),
            _ => {}
        }
        Ok(())
    }

    fn open_entry(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        self.entry.get_or_insert_default();
        match (path, kind) {
            ([] | [Key(Known::Hashes | Known::Custom, _)], Container::Object) => Ok(()),
            ([] | [Key(Known::Hashes | Known::Custom | Known::Length, _)] | [Key(Known::Hashes, _), _], _) => {
                Err(Flawed::WRONG_KIND)
            }
            _ => Ok(()),
        }
    }
}

impl<R: Reading> Body for TargetsBody<'_, R> {
    const TYPE: &'static str = "targets";
    type Content = TargetsContent<R>;

    fn open(&mut self, path: Field<'_>, kind: Container) -> Result<(), Flawed> {
        match (path, kind) {
            ([Key(Known::Targets, _)], Container::Object) => {
                self.has_targets = true;
                Ok(())
            }
            ([Key(Known::Targets, _), Key(_, name), inner @ ..], kind) if *name == self.wanted => {
                self.open_entry(inner, kind)
            }
            ([Key(Known::Delegations, _), Key(Known::Roles, _), Index(_), inner @ ..], kind) => {
                self.open_role(inner, kind)
            }
            (path, kind) => open_delegations(path, kind),
        }
    }

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [Key(Known::Targets, _), Key(_, name), inner @ ..] if *name == self.wanted => {
                self.entry_value(inner, value)
            }
            [
                Key(Known::Delegations, _),
                Key(Known::Roles, _),
                Index(position),
                inner @ ..,
            ] => self.role_value(*position, inner, value),
            [Key(Known::Targets | Known::Delegations, _)]
            | [Key(Known::Delegations, _), Key(Known::Keys | Known::Roles, _)] => Err(Flawed::WRONG_KIND),
            _ => Ok(()),
        }
    }

    fn close(&mut self, path: Field<'_>, _kind: Container) -> Result<(), Flawed> {
        match path {
            [Key(Known::Delegations, _), Key(Known::Roles, _), Index(position)] => self.add_role(*position),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<TargetsContent<R>, Flawed> {
        if !self.has_targets {
            return Err(Flawed::MISSING);
        }
        let entry = match self.entry {
            None => None,
            Some(EntryDraft {
                length: Some(length),
                digests,
                custom,
            }) => Some(Entry {
                length,
                digests: R::digests(digests)?,
                custom,
            }),
            Some(_) => return Err(Flawed::MISSING),
        };
        let more_names = self.names.next_start();
        Ok(TargetsContent {
            entry,
            matches: self.matches,
            is_terminated: self.is_terminated,
            more_names,
        })
    }
}

/// Looks for a role name that occurs twice, beyond the names that the first reading had room for.
pub(crate) struct RoleNamesBody<R: Reading>(RoleNames<R>);

impl<R: Reading> RoleNamesBody<R> {
    pub fn from(start: u32) -> Self {
        Self(RoleNames::from(start))
    }
}

impl<R: Reading> Body for RoleNamesBody<R> {
    const TYPE: &'static str = "targets";
    type Content = Option<u32>;

    fn value(&mut self, path: Field<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        match path {
            [
                Key(Known::Delegations, _),
                Key(Known::Roles, _),
                Index(position),
                Key(Known::Name, _),
            ] => self.0.add(*position, text(value)?),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Option<u32>, Flawed> {
        Ok(self.0.next_start())
    }
}

/// Some role names of a list, compared with all that come later.
struct RoleNames<R: Reading> {
    /// Where the kept names begin.
    start: u32,
    /// Eight bytes of the SHA-256 of each: two names that share them lead to a refusal, never to a name read twice.
    kept: R::List<[u8; 8], NAMES_AT_ONCE>,
    listed: u32,
}

impl<R: Reading> RoleNames<R> {
    fn from(start: u32) -> Self {
        Self {
            start,
            kept: R::List::default(),
            listed: 0,
        }
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

    fn next_start(&self) -> Option<u32> {
        let end = self
            .start
            .saturating_add(u32::try_from(self.kept.len()).unwrap_or(u32::MAX));
        (end < self.listed).then_some(end)
    }
}

/// A short stand-in for a role name.
pub(crate) fn name_id(name: &str) -> [u8; 8] {
    let digest: Digest = Sha256::digest(name).into();
    // Invariant: a digest has more than eight bytes.
    *digest.first_chunk().unwrap_or(&[0; 8])
}

/// The kinds of the containers around delegations.
pub(crate) fn open_delegations(path: Field<'_>, kind: Container) -> Result<(), Flawed> {
    match (path, kind) {
        ([Key(Known::Delegations, _)] | [Key(Known::Delegations, _), Key(Known::Keys, _)], Container::Object)
        | ([Key(Known::Delegations, _), Key(Known::Roles, _)], Container::Array) => Ok(()),
        (
            [Key(Known::Targets | Known::Delegations, _)]
            | [Key(Known::Delegations, _), Key(Known::Keys | Known::Roles, _)],
            _,
        ) => Err(Flawed::WRONG_KIND),
        _ => Ok(()),
    }
}
