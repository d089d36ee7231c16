//! Timestamp and snapshot: which version of another file is the newest, and what the snapshot before it listed.

use super::{Body, Completion, Flawed, Inside, Place, Spot, Step, integer, version};
use crate::{
    error::Flaw,
    limits::COMPARED_AT_ONCE,
    list::List,
    names::{RoleName, RoleVersion, SNAPSHOT},
    reading::Reading,
    signatures::Claimed,
};
use tuffet_wire::{Scalar, sha256};

/// The places of entries of this key.
const fn places(file: Step) -> [Inside; 6] {
    [
        (Place::Signed, Step::Meta, Place::Meta),
        (Place::Meta, file, Place::Entry),
        (Place::Entry, Step::Hashes, Place::Hashes),
        (Place::Entry, Step::Length, Place::Length),
        (Place::Entry, Step::Version, Place::Version),
        (Place::Hashes, Step::Any, Place::Hash),
    ]
}

const ALL_FILES: [Inside; 6] = places(Step::Any);
const SNAPSHOT_FILE: [Inside; 6] = places(Step::SnapshotFile);

/// An entry while it is read: version, length and digests of another file.
#[derive(Clone, Debug, Default)]
struct MetaDraft<R: Reading> {
    version: Option<RoleVersion>,
    length: Option<u32>,
    digests: R::DigestsDraft,
}

/// Some of the files that the old snapshot listed, to be found again in the new one.
///
/// However many it listed, the memory is the same: a long list is compared in several readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct OldFiles<R: Reading> {
    files: R::List<OldFile, COMPARED_AT_ONCE>,
    /// How many of them the new snapshot lists.
    found: usize,
    /// How many files of the old snapshot come before these.
    start: u32,
    /// How many files the old snapshot lists, as far as it was read.
    listed: u32,
}

#[derive(Copy, Clone, Debug)]
struct OldFile {
    /// Half a SHA-256 of the name: to make another name pass for it takes 2^128 tries.
    name: [u8; 16],
    version: RoleVersion,
}

impl<R: Reading> OldFiles<R> {
    /// None so far, from this position in the old snapshot on.
    pub fn from(start: u32) -> Self {
        Self {
            files: R::List::default(),
            found: 0,
            start,
            listed: 0,
        }
    }

    /// Where the next reading has to start, if these were not all.
    pub fn next_start(&self) -> Option<u32> {
        let end = self
            .start
            .saturating_add(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        (end < self.listed).then_some(end)
    }

    fn add(&mut self, name: &str, version: RoleVersion) {
        if self.listed >= self.start {
            // A full list is no error: the rest comes with the next reading.
            let _full = self.files.try_push(OldFile {
                name: name_id(name),
                version,
            });
        }
        self.listed = self.listed.saturating_add(1);
    }

    /// Notes that the new snapshot lists a file; gives the old version if it was higher.
    fn find(&mut self, name: &str, offered: RoleVersion) -> Option<RoleVersion> {
        let name = name_id(name);
        let file = self.files.iter().find(|file| file.name == name)?;
        // A file lists no name twice, so this one was not found before.
        self.found = self.found.saturating_add(1);
        (offered < file.version).then_some(file.version)
    }

    fn all_listed(&self) -> bool {
        self.files.len() == self.found
    }
}

/// What is wrong with a new snapshot beside the old one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Regression {
    Lower {
        role: RoleName,
        trusted: RoleVersion,
        offered: RoleVersion,
    },
    Vanished,
}

/// What such a file says about one role, and beside the old snapshot.
#[derive(Clone, Debug)]
pub(crate) struct MetaContent<R: Reading> {
    pub found: Option<R::Listed>,
    pub regression: Option<Regression>,
}

impl<R: Reading> MetaContent<R> {
    /// Nothing yet.
    pub fn claimed() -> Claimed<Self> {
        Claimed::new(Self {
            found: None,
            regression: None,
        })
    }
}

/// Which file it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The snapshot until now: its list is taken out.
    OldSnapshot,
    Snapshot,
    Timestamp,
}

/// Takes out the entry of one role, and compares all entries with old ones; or, of the old snapshot, takes out its list.
pub(crate) struct MetaBody<'a, R: Reading> {
    kind: Kind,
    wanted: &'a str,
    /// Of the old snapshot, if there is one to look at.
    old: Option<&'a mut OldFiles<R>>,
    draft: MetaDraft<R>,
    has_meta: bool,
    content: &'a mut Claimed<MetaContent<R>>,
}

impl<'a, R: Reading> MetaBody<'a, R> {
    /// The timestamp, for what it says of the snapshot.
    pub fn timestamp(content: &'a mut Claimed<MetaContent<R>>) -> Self {
        Self::begun(Kind::Timestamp, SNAPSHOT, None, content)
    }

    /// The new snapshot, for one role, beside the files of the old one.
    pub fn snapshot(
        wanted: &'a str,
        old: Option<&'a mut OldFiles<R>>,
        content: &'a mut Claimed<MetaContent<R>>,
    ) -> Self {
        Self::begun(Kind::Snapshot, wanted, old, content)
    }

    /// The old snapshot, for as many files as there is room for.
    pub fn old_snapshot(files: &'a mut OldFiles<R>, nothing: &'a mut Claimed<MetaContent<R>>) -> Self {
        Self::begun(Kind::OldSnapshot, SNAPSHOT, Some(files), nothing)
    }

    fn begun(
        kind: Kind,
        wanted: &'a str,
        old: Option<&'a mut OldFiles<R>>,
        content: &'a mut Claimed<MetaContent<R>>,
    ) -> Self {
        Self {
            kind,
            wanted,
            old,
            draft: MetaDraft::default(),
            has_meta: false,
            content,
        }
    }

    fn entry(&mut self, name: &str) -> Result<(), Flawed> {
        let MetaDraft {
            version,
            length,
            digests,
        } = core::mem::take(&mut self.draft);
        let offered = version.ok_or(Flawed::MISSING)?;
        let entry = R::listed(offered, length, digests)?;
        let content = self.content.content_mut();
        let role = name.strip_suffix(".json");
        if role == Some(self.wanted) {
            content.found = Some(entry);
        }
        let Some(old) = &mut self.old else {
            return Ok(());
        };
        if self.kind == Kind::OldSnapshot {
            old.add(name, offered);
        } else if let Some(trusted) = old.find(name, offered)
            && content.regression.is_none()
        {
            let role = role.and_then(RoleName::new).unwrap_or(RoleName::Snapshot);
            content.regression = Some(Regression::Lower { role, trusted, offered });
        }
        Ok(())
    }
}

impl<R: Reading> Body for MetaBody<'_, R> {
    fn kind(&self) -> &'static str {
        match self.kind {
            Kind::OldSnapshot | Kind::Snapshot => "snapshot",
            Kind::Timestamp => "timestamp",
        }
    }

    fn places(&self) -> &'static [&'static [Inside]] {
        match self.kind {
            Kind::OldSnapshot | Kind::Snapshot => &[&ALL_FILES],
            // Other entries are nobody's.
            Kind::Timestamp => &[&SNAPSHOT_FILE],
        }
    }

    fn open(&mut self, spot: &Spot<'_>) {
        match spot.place {
            Place::Meta => self.has_meta = true,
            Place::Entry => self.draft = MetaDraft::default(),
            _ => {}
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let draft = &mut self.draft;
        match spot.place {
            Place::Hash => R::take_digest(&mut draft.digests, spot.name, value)?,
            Place::Length => {
                let length = u32::try_from(integer(value)?);
                draft.length = Some(length.map_err(|_| Flawed::Flaw(Flaw::WrongKind))?);
            }
            Place::Version => draft.version = Some(version(value)?),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        match (spot.place, self.kind) {
            (Place::Entry, Kind::Timestamp) => self.entry("snapshot.json"),
            (Place::Entry, _) => self.entry(spot.name),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Completion, Flawed> {
        let content = self.content.content_mut();
        let is_whole = match self.kind {
            Kind::OldSnapshot | Kind::Snapshot => self.has_meta,
            Kind::Timestamp => content.found.is_some(),
        };
        if !is_whole {
            return Err(Flawed::MISSING);
        }
        let old = self.old.as_ref();
        if self.kind == Kind::Snapshot && old.is_some_and(|old| !old.all_listed()) {
            content.regression.get_or_insert(Regression::Vanished);
        }
        Ok(Completion::Done)
    }
}

fn name_id(name: &str) -> [u8; 16] {
    // Invariant: a digest has more than sixteen bytes.
    *sha256(&[name.as_bytes()]).first_chunk().unwrap_or(&[0; 16])
}
