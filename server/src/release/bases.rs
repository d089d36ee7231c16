//! The images that devices may run, as the listed documents name them, and which of these a new one gets patches from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use tuffet_release::{FileRef, Id, ImageEntry, Version};
use tuffet_tuf::model::{Hashes, Target, Targets};
use tuffet_wire::Digest;

use super::image;
use crate::{
    check::{self, Depth},
    error::{Error, Refused},
    product::Bases,
    repository::Source,
    storage::Facts,
};

/// Ending of the name of a listed document.
pub(crate) const DOCUMENT_ENDING: &str = ".document";

/// Every image of a product that a document in its files role names.
#[derive(Debug, Default)]
pub(crate) struct History {
    releases: BTreeMap<Version, Vec<ImageEntry>>,
}

/// An image from which a patch may start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'h> {
    pub version: Version,
    pub image: &'h ImageEntry,
}

impl History {
    /// Reads all documents that the files role of a product lists.
    pub fn load(source: &dyn Source, files: &Targets) -> Result<Self, Error> {
        let mut history = Self::default();
        for (name, target) in &files.targets {
            if !name.ends_with(DOCUMENT_ENDING) {
                continue;
            }
            let document = check::document(source, name, target)?;
            let images = history.releases.entry(document.version).or_default();
            for image in document.components.into_iter().flat_map(|component| component.images) {
                // Another attempt names the same images.
                let known = |there: &ImageEntry| (there.hardware, there.digest) == (image.hardware, image.digest);
                if !images.iter().any(known) {
                    images.push(image);
                }
            }
        }
        Ok(history)
    }

    /// The image with this digest.
    pub fn image(&self, digest: &Digest) -> Option<&ImageEntry> {
        self.releases.values().flatten().find(|image| image.digest == *digest)
    }

    /// What a new version for one kind of hardware gets patches from: the versions that are named, and besides them up to
    /// `bases.count` others: those that are offered, in the order given, then the newest older ones. A version whose images are
    /// all known already does not count.
    pub fn choose(&self, bases: &Bases, new: &NewImages<'_>, offered: &[Version]) -> Vec<Base<'_>> {
        let mut choice = Choice {
            history: self,
            new,
            versions: BTreeSet::new(),
            digests: BTreeSet::new(),
            chosen: Vec::new(),
        };
        for version in &bases.versions {
            choice.take(*version);
        }
        let older = self.releases.range(..new.version).rev().map(|(version, _)| *version);
        let mut left = bases.count;
        for version in offered.iter().copied().chain(older) {
            if left == 0 {
                break;
            }
            if choice.take(version) {
                left -= 1;
            }
        }
        choice.chosen
    }

    /// Named versions that are not the new one, and that no document is about.
    pub fn unknown(&self, bases: &Bases, new: Version) -> Option<Version> {
        let unknown = |version: &&Version| **version != new && !self.releases.contains_key(version);
        bases.versions.iter().find(unknown).copied()
    }
}

/// The images of a new release for one kind of hardware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewImages<'a> {
    pub version: Version,
    pub hardware: Id,
    pub digests: &'a [Digest],
}

struct Choice<'h, 'n> {
    history: &'h History,
    new: &'n NewImages<'n>,
    versions: BTreeSet<Version>,
    digests: BTreeSet<Digest>,
    chosen: Vec<Base<'h>>,
}

impl Choice<'_, '_> {
    /// Whether that gave another image to start from.
    fn take(&mut self, version: Version) -> bool {
        // A device that runs the new version has nothing to update.
        if version == self.new.version || !self.versions.insert(version) {
            return false;
        }
        let before = self.chosen.len();
        for image in self.history.releases.get(&version).into_iter().flatten() {
            let useful = self.new.digests.iter().any(|new| *new != image.digest);
            if image.hardware == self.new.hardware && useful && self.digests.insert(image.digest) {
                self.chosen.push(Base { version, image });
            }
        }
        self.chosen.len() > before
    }
}

/// Reads the image of a published full file; both must be what the document says.
pub(crate) fn read(source: &dyn Source, image: &ImageEntry) -> Result<Vec<u8>, Error> {
    let path = file(source, &image.file)?;
    let expected = Facts {
        length: u64::from(image.length),
        digest: image.digest,
    };
    let absent = || Refused::file_differs(image.file.name.as_str(), &image.file.digest);
    Ok(image::unpack(&path, expected)?.ok_or_else(absent)?)
}

/// Where a file that a document names is, after all of it was compared with its digest.
pub(crate) fn file(source: &dyn Source, file: &FileRef) -> Result<PathBuf, Error> {
    let target = Target {
        custom: None,
        hashes: Hashes { sha256: file.digest },
        length: u64::from(file.length),
    };
    check::present(source, file.name.as_str(), &target, Depth::All)
}
