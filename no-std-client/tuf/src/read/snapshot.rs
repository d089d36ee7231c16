//! Snapshot: which versions belong together; and what the one before it listed.

use super::{
    Body, Flawed, Inside, Place, Spot, Step,
    meta::{self, MetaDraft},
};
use crate::{
    limits::COMPARED_AT_ONCE,
    list::List,
    names::{RoleName, RoleVersion},
    reading::Reading,
};
use tuffet_wire::{Scalar, hash};

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

/// What a snapshot says about one role, and beside the old snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotContent<R: Reading> {
    pub found: Option<R::Listed>,
    pub regression: Option<Regression>,
}

/// Takes out the entry of one role, and compares all entries with old ones; or, of the old snapshot, takes out its list.
pub(crate) struct SnapshotBody<'a, R: Reading> {
    /// Nobody's: this is the old snapshot.
    wanted: Option<&'a RoleName>,
    old: &'a mut OldFiles<R>,
    draft: MetaDraft<R>,
    has_meta: bool,
    content: SnapshotContent<R>,
}

impl<'a, R: Reading> SnapshotBody<'a, R> {
    /// The new snapshot, for one role, beside the files of the old one.
    pub fn new(wanted: &'a RoleName, old: &'a mut OldFiles<R>) -> Self {
        Self::begun(Some(wanted), old)
    }

    /// The old snapshot, for as many files as there is room for.
    pub fn old(files: &'a mut OldFiles<R>) -> Self {
        Self::begun(None, files)
    }

    fn begun(wanted: Option<&'a RoleName>, old: &'a mut OldFiles<R>) -> Self {
        let content = SnapshotContent {
            found: None,
            regression: None,
        };
        Self {
            wanted,
            old,
            draft: MetaDraft::default(),
            has_meta: false,
            content,
        }
    }

    fn entry(&mut self, name: &str, entry: R::Listed) {
        let offered = R::version(&entry);
        let Some(wanted) = self.wanted else {
            self.old.add(name, offered);
            return;
        };
        let role = name.strip_suffix(".json");
        if role == Some(wanted.as_str()) {
            self.content.found = Some(entry);
        }
        if let Some(trusted) = self.old.find(name, offered) {
            let role = role.and_then(RoleName::new).unwrap_or(RoleName::Snapshot);
            self.content
                .regression
                .get_or_insert(Regression::Lower { role, trusted, offered });
        }
    }
}

impl<R: Reading> Body for SnapshotBody<'_, R> {
    const TYPE: &'static str = "snapshot";
    const PLACES: &'static [&'static [Inside]] = &[&meta::places(Step::Any)];
    type Content = SnapshotContent<R>;

    fn open(&mut self, spot: &Spot<'_>) {
        match spot.place {
            Place::Meta => self.has_meta = true,
            Place::Entry => self.draft = MetaDraft::default(),
            _ => {}
        }
    }

    fn value(&mut self, spot: &Spot<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        self.draft.value(spot, value)
    }

    fn close(&mut self, spot: &Spot<'_>) -> Result<(), Flawed> {
        if spot.place == Place::Entry {
            let entry = core::mem::take(&mut self.draft).finish()?;
            self.entry(spot.name, entry);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<SnapshotContent<R>, Flawed> {
        if !self.has_meta {
            return Err(Flawed::MISSING);
        }
        if self.wanted.is_some() && !self.old.all_listed() {
            self.content.regression.get_or_insert(Regression::Vanished);
        }
        Ok(self.content)
    }
}

fn name_id(name: &str) -> [u8; 16] {
    let digest = hash::sha256(&[name.as_bytes()]);
    let mut id = [0; 16];
    for (place, byte) in id.iter_mut().zip(digest) {
        *place = byte;
    }
    id
}
