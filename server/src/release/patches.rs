//! Patches of a new release: made from its bases, proven by the decoder of the devices, and kept when they are worth it.
//!
//! - A patch that is not shorter than what a device takes without it is left out.
//! - A patch that was released before stays byte for byte as it is, whatever the encoder makes of the same images today.
//! - Two images are in memory at a time.

use std::{collections::BTreeMap, fs, path::Path};

use tuffet_release::{Address, FileRef, Id, ImageEntry, Name, PATCHES_MAX, PatchEntry, Version, names};
use tuffet_tuf::model::Target;
use tuffet_wire::Digest;

use super::bases::{self, Base};
use crate::{
    check::{self, Depth},
    delta::{
        Architecture, Effort, EncodeError, Options, Packed, Pinned, apply, encode_with, in_documents, info, packed,
        unauthenticated,
    },
    error::{Error, Refused},
    product::{Product, Profile},
    repository::Source,
    storage::{Content, Facts, RealDisk, StorageError, replace},
};

/// What became of one patch that a release can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PatchReport {
    /// The hardware of the image that it makes.
    pub hardware: Id,
    /// Where that image has to lie.
    pub address: Address,
    /// Version that it starts from. `None`: from nothing.
    pub base: Option<Version>,
    /// Where the image that it starts from has to lie; `None`: from nothing.
    pub base_address: Option<Address>,
    /// Its name.
    pub name: Name,
    /// What became of it.
    pub fate: Fate,
    /// What of the image is compressed or encrypted already, if that is why the patch is as long as it is.
    pub packed: Option<Packed>,
}

/// What became of a patch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It was made, and the release lists it.
    Made {
        /// Its length in bytes.
        bytes: u32,
    },
    /// It was released before, and the release lists it again.
    Kept {
        /// Its length in bytes.
        bytes: u32,
    },
    /// It is left out, because a device is better off without it.
    NotShorter {
        /// The length it would have, in bytes.
        bytes: u32,
        /// Bytes that a device takes without it.
        full_bytes: u32,
    },
    /// It is left out, because an image is too long for the encoder. The full image is there.
    ImageTooLong {
        /// Length of the longer image in bytes.
        bytes: usize,
        /// Longest image in bytes.
        bytes_max: usize,
    },
}

/// The patches of one release.
pub(crate) struct Patches<'a> {
    pub source: &'a dyn Source,
    /// What the files role lists of earlier releases.
    pub listed: &'a BTreeMap<String, Target>,
    pub product: Id,
    pub version: Version,
    pub profile: Profile,
    /// The instructions in the images, if the product says it.
    pub instructions: Option<Architecture>,
    /// Folder of the new target files.
    pub folder: &'a Path,
    pub report: &'a mut dyn FnMut(&PatchReport),
    /// Those that were looked at, by name: the same image for two kinds of hardware needs them once.
    looked_at: BTreeMap<String, LookedAt>,
    /// Files that were written.
    written: Vec<(Name, Facts)>,
}

#[derive(Clone)]
struct LookedAt {
    result: Digest,
    source: Option<Digest>,
    fate: Fate,
    entry: Option<PatchEntry>,
}

/// What one patch is made of.
struct Pair<'a> {
    name: Name,
    old: Option<&'a [u8]>,
    source: Option<Digest>,
    new: &'a [u8],
    result: Digest,
}

impl<'a> Patches<'a> {
    pub fn begin(
        source: &'a dyn Source,
        listed: &'a BTreeMap<String, Target>,
        product: &Product,
        version: Version,
        folder: &'a Path,
        report: &'a mut dyn FnMut(&PatchReport),
    ) -> Self {
        Self {
            source,
            listed,
            product: product.id,
            version,
            profile: product.profile,
            instructions: product.instructions,
            folder,
            report,
            looked_at: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// Makes the patches to an image and lists them in its entry.
    pub fn make(&mut self, entry: &mut ImageEntry, image: &[u8], bases: &[Base<'_>]) -> Result<(), Error> {
        let from_nothing = match self.profile {
            // These unpack the full file.
            Profile::Linux => false,
            Profile::Small | Profile::Standard => true,
        };
        let bases: Vec<&Base<'_>> = bases.iter().filter(|base| base.image.digest != entry.digest).collect();
        let count = bases.len() + usize::from(from_nothing);
        if u32::try_from(count).map_or(true, |count| count > PATCHES_MAX) {
            let hardware = entry.hardware;
            return Err(Refused::TooManyPatches { hardware, count }.into());
        }
        let mut full_bytes = entry.file.length;
        if from_nothing {
            // It is the full image, whatever its length.
            let whole = self.one(entry, image, None, u32::MAX)?;
            full_bytes = whole.as_ref().map_or(full_bytes, |whole| whole.file.length);
            entry.patches.extend(whole);
        }
        for base in bases {
            let patch = self.one(entry, image, Some(base), full_bytes)?;
            entry.patches.extend(patch);
        }
        entry.patches.sort_by_key(|patch| patch.source);
        Ok(())
    }

    /// The files that are new.
    pub fn written(self) -> Vec<(Name, Facts)> {
        self.written
    }

    fn one(
        &mut self,
        entry: &ImageEntry,
        image: &[u8],
        base: Option<&Base<'_>>,
        full_bytes: u32,
    ) -> Result<Option<PatchEntry>, Error> {
        let (source, result) = (base.map(|base| base.image.digest), entry.digest);
        let name = names::patch(&self.product, &self.version, &result, source.as_ref());
        let there = match self.looked_at.get(name.as_str()) {
            Some(there) if (there.result, there.source) == (result, source) => there.clone(),
            // Two pairs of images whose digests begin alike.
            Some(_) => return Err(taken(&name)),
            None => {
                let old = base.map(|base| bases::read(self.source, base.image)).transpose()?;
                let (old, new) = (old.as_deref(), image);
                let pair = Pair {
                    name,
                    old,
                    source,
                    new,
                    result,
                };
                let (fate, entry) = match self.listed.get(name.as_str()) {
                    Some(listed) => self.same(&pair, listed)?,
                    None => self.fresh(&pair, full_bytes)?,
                };
                let looked_at = LookedAt {
                    result,
                    source,
                    fate,
                    entry,
                };
                self.looked_at.insert(name.to_string(), looked_at.clone());
                looked_at
            }
        };
        let packed = match there.fate {
            Fate::Made { bytes } | Fate::NotShorter { bytes, .. } if source.is_some() => packed_in(image, bytes),
            Fate::Made { .. } | Fate::NotShorter { .. } | Fate::Kept { .. } | Fate::ImageTooLong { .. } => None,
        };
        (self.report)(&PatchReport {
            hardware: entry.hardware,
            address: entry.address,
            base: base.map(|base| base.version),
            base_address: base.map(|base| base.image.address),
            name,
            fate: there.fate,
            packed,
        });
        Ok(there.entry)
    }

    /// The patch that was released under this name, if it is one between the same images.
    fn same(&self, pair: &Pair<'_>, listed: &Target) -> Result<(Fate, Option<PatchEntry>), Error> {
        // A listed file that is lost or damaged says nothing about the patch that it was.
        let path = check::present(self.source, pair.name.as_str(), listed, Depth::All)?;
        let bytes = fs::read(&path).map_err(StorageError::not_read(&path))?;
        let header = info(&bytes).map_err(|_| taken(&pair.name))?.header;
        // Its digest was just compared with the signed one, which authenticates the first block too.
        let pinned = unauthenticated(&bytes).map_err(|_| taken(&pair.name))?;
        let same = header.profile == self.profile.patches() && header.result.digest == pair.result;
        let image = if same {
            apply(pair.old, &bytes, pinned).ok()
        } else {
            None
        };
        if image.as_deref() != Some(pair.new) {
            return Err(taken(&pair.name));
        }
        let entry = self.entry(pair, pinned, listed.hashes.sha256);
        Ok((Fate::Kept { bytes: pinned.length }, Some(entry)))
    }

    fn fresh(&mut self, pair: &Pair<'_>, full_bytes: u32) -> Result<(Fate, Option<PatchEntry>), Error> {
        // Made once, and downloaded by all devices: each byte is worth the search.
        let options = Options {
            effort: Effort::Search,
            architecture: self.instructions,
            ..Options::of(self.profile.patches())
        };
        let encoded = match encode_with(pair.old, pair.new, &options) {
            Ok(encoded) => encoded,
            Err(EncodeError::TooLong { bytes, bytes_max }) if pair.old.is_some() => {
                return Ok((Fate::ImageTooLong { bytes, bytes_max }, None));
            }
            Err(error) => {
                let name = pair.name.to_string();
                return Err(Refused::PatchNotMade { name, error }.into());
            }
        };
        let bytes = encoded.pinned.length;
        if bytes >= full_bytes {
            return Ok((Fate::NotShorter { bytes, full_bytes }, None));
        }
        let facts = Facts::of(&encoded.bytes);
        let path = self.folder.join(pair.name.as_str());
        replace(&RealDisk, &path, &Content::Bytes(encoded.bytes))?;
        self.written.push((pair.name, facts));
        Ok((
            Fate::Made { bytes },
            Some(self.entry(pair, encoded.pinned, facts.digest)),
        ))
    }

    fn entry(&self, pair: &Pair<'_>, pinned: Pinned, digest: Digest) -> PatchEntry {
        PatchEntry {
            block_bytes: pinned.block_bytes,
            file: FileRef {
                digest,
                length: pinned.length,
                name: pair.name,
            },
            head: pinned.head,
            profile: in_documents(self.profile.patches()),
            source: pair.source,
        }
    }
}

/// What of an image explains a patch of so many bytes.
fn packed_in(image: &[u8], bytes: u32) -> Option<Packed> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    packed(image).filter(|packed| packed.explains(bytes))
}

fn taken(name: &Name) -> Error {
    Refused::PatchNameTaken { name: name.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Vendor, id};

    fn image(number: u8) -> ImageEntry {
        ImageEntry {
            address: Address::Any,
            digest: [number; 32],
            file: FileRef {
                digest: [number; 32],
                length: 1,
                name: names::image(&id("lamp"), &Version::ZERO, &id("c3"), Address::Any),
            },
            hardware: id("c3"),
            length: 1,
            patches: Vec::new(),
        }
    }

    #[test]
    fn more_patches_than_devices_read_are_refused_before_one_is_made() {
        let mut vendor = Vendor::without_product();
        vendor.product.profile = Profile::Small;
        let images: Vec<ImageEntry> = (1..=16).map(image).collect();
        let base = |image| Base {
            version: Version::ZERO,
            image,
        };
        let bases: Vec<Base<'_>> = images.iter().map(base).collect();
        let (listed, mut report) = (BTreeMap::new(), |_: &PatchReport| panic!("none is made"));
        let mut patches = Patches::begin(
            &vendor.repository,
            &listed,
            &vendor.product,
            Version::ZERO,
            vendor.folder.path(),
            &mut report,
        );
        let refused = patches.make(&mut image(17), b"x", &bases);
        // The one from nothing is the seventeenth.
        assert!(
            matches!(refused, Err(Error::Refused(Refused::TooManyPatches { count: 17, .. }))),
            "{refused:?}"
        );
    }
}
