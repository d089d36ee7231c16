//! The publisher's own rules: what TUF does not know, but every device and every reader relies on.
//!
//! - Only roles of this design exist, each once, with its own patterns and keys of its own.
//! - Every listed file is there with its length. Pointers name release documents that say the same as the pointer.
//! - The pointers and `PRODUCT_files` agree on every file of a release.
//! - Images and patches are what the release document says: an image is unpacked, a patch decoded.

mod patches;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use tuffet_release::{FileRef, Id, ImageEntry, PatchEntry, ReleaseDocument, RolloutFile, SupportStatement, names};
use tuffet_tuf::model::{Hashes, Target, Targets};
use tuffet_wire::Digest;

pub use patches::PatchFault;

use crate::{
    error::{Error, Refused},
    proposal::Proposal,
    release::{
        bases::{self, DOCUMENT_ENDING, History},
        image,
    },
    repository::{Published, Source, hashed_name},
    roles::{Kind, PRODUCTS_MAX, TargetsRole, bytes_max},
    storage::{self, Facts},
};

/// How much of the files is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Depth<'a> {
    /// Every file; every image is unpacked, every patch decoded.
    All,
    /// These target names, which are new, and what a new document says; of the others only that they are there.
    Only(&'a [String]),
}

impl Depth<'_> {
    fn reads(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|new| new == name),
        }
    }
}

/// All rules.
pub(crate) fn repository(source: &dyn Source, published: &Published, depth: Depth<'_>) -> Result<(), Error> {
    delegations(published)?;
    for (role, file) in &published.delegated {
        let role = TargetsRole::parse(role).ok_or_else(|| Refused::NoSuchRole { role: role.clone() })?;
        for (name, target) in &file.role.targets {
            if !role.may_sign(name) {
                return Err(Refused::ForeignName {
                    role: role.name().to_owned(),
                    name: name.clone(),
                }
                .into());
            }
            present(source, name, target, depth)?;
        }
        let Some(product) = role.product() else { continue };
        match role.kind() {
            Kind::Pointers => pointers(source, published, product, &file.role, depth)?,
            Kind::Rollout => rollouts(source, &file.role)?,
            Kind::Files | Kind::Targets => {}
        }
    }
    Ok(())
}

/// The top-level role delegates to complete products and does nothing else.
fn delegations(published: &Published) -> Result<(), Refused> {
    let targets = &published.targets.role;
    if let Some(name) = targets.targets.keys().next() {
        return Err(Refused::ForeignName {
            role: "targets".to_owned(),
            name: name.clone(),
        });
    }
    let Some(delegations) = &targets.delegations else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    for delegation in &delegations.roles {
        let no_such_role = || Refused::NoSuchRole {
            role: delegation.name.clone(),
        };
        if !seen.insert(delegation.name.as_str()) {
            return Err(Refused::RoleTwice {
                role: delegation.name.clone(),
            });
        }
        let role = TargetsRole::parse(&delegation.name).ok_or_else(no_such_role)?;
        let patterns = delegation.paths.as_ref().ok_or_else(no_such_role)?;
        if *patterns != role.patterns() || delegation.terminating != (role.kind() == Kind::Rollout) {
            return Err(Refused::ForeignPatterns {
                role: delegation.name.clone(),
            });
        }
        if !published.delegated.contains_key(role.name()) {
            return Err(no_such_role());
        }
    }
    let products = published.products().len();
    if products > PRODUCTS_MAX {
        return Err(Refused::TooManyProducts { there: products });
    }
    // A role nobody delegates to is dead weight in every snapshot.
    match published.delegated.keys().find(|role| !seen.contains(role.as_str())) {
        Some(role) => Err(Refused::NoSuchRole { role: role.clone() }),
        None => Ok(()),
    }
}

/// The file is there, as long as it should be; its content too, as far as asked. Returns where it is.
pub(crate) fn present(source: &dyn Source, name: &str, target: &Target, depth: Depth<'_>) -> Result<PathBuf, Error> {
    let wrong = || Refused::file_differs(name, &target.hashes.sha256);
    let path = source
        .target(&hashed_name(&target.hashes.sha256, name))
        .ok_or_else(wrong)?;
    let length = std::fs::metadata(&path)
        .map_err(storage::StorageError::not_read(&path))?
        .len();
    if length != target.length {
        return Err(wrong().into());
    }
    if depth.reads(name) && Facts::of_file(&path)?.digest != target.hashes.sha256 {
        return Err(wrong().into());
    }
    Ok(path)
}

fn pointers(
    source: &dyn Source,
    published: &Published,
    product: &Id,
    role: &Targets,
    depth: Depth<'_>,
) -> Result<(), Error> {
    // A product that never released anything needs no files.
    if role.targets.is_empty() {
        return Ok(());
    }
    let no_such_role = || Refused::NoSuchRole {
        role: TargetsRole::of(product, Kind::Files).name().to_owned(),
    };
    let files = published.role(&TargetsRole::of(product, Kind::Files));
    let mut contents = Contents {
        source,
        files: &files.ok_or_else(no_such_role)?.role,
        depth,
        history: None,
        looked_at: BTreeSet::new(),
    };
    for (name, target) in &role.targets {
        let document = document(source, name, target)?;
        let differs = |fact| Refused::PointerDiffers {
            pointer: name.clone(),
            fact,
        };
        if document.product != *product {
            return Err(differs("product").into());
        }
        if target.custom.as_ref() != Some(&pointer_facts(&document)) {
            return Err(differs("version, security version or class").into());
        }
        let hardware = pointer_hardware(product, name).ok_or_else(|| differs("name"))?;
        let mut images = document.components.iter().flat_map(|component| &component.images);
        if !images.any(|image| image.hardware.as_str() == hardware) {
            return Err(differs("hardware").into());
        }
        support_statement(source, product, name, &document)?;
        contents.check(name, &target.hashes.sha256, &document)?;
    }
    contents.new_documents(product)
}

/// What the documents of a product lead to.
struct Contents<'a> {
    source: &'a dyn Source,
    /// What `PRODUCT_files` lists.
    files: &'a Targets,
    depth: Depth<'a>,
    /// Read when the first patch needs the image that it starts from.
    history: Option<History>,
    /// Digests of the documents that were looked at: several pointers name the same one.
    looked_at: BTreeSet<Digest>,
}

impl Contents<'_> {
    fn check(&mut self, pointer: &str, digest: &Digest, document: &ReleaseDocument) -> Result<(), Error> {
        if !self.looked_at.insert(*digest) {
            return Ok(());
        }
        let files = self.files.targets.iter();
        let own =
            |(name, entry): &(&String, &Target)| name.ends_with(DOCUMENT_ENDING) && entry.hashes.sha256 == *digest;
        let own_names: Vec<&String> = files.filter(own).map(|(name, _)| name).collect();
        if own_names.is_empty() {
            return Err(Refused::PointerDiffers {
                pointer: pointer.to_owned(),
                fact: "document, which PRODUCT_files does not list",
            }
            .into());
        }
        // What a new document says of old files is new too.
        let is_new = own_names.iter().any(|name| self.depth.reads(name));
        if let Some(sbom) = &document.sbom {
            agreed(self.files, pointer, sbom)?;
        }
        for image in document.components.iter().flat_map(|component| &component.images) {
            agreed(self.files, pointer, &image.file)?;
            if is_new || self.depth.reads(image.file.name.as_str()) {
                self.image(pointer, image)?;
            }
            for patch in &image.patches {
                agreed(self.files, pointer, &patch.file)?;
                if is_new || self.depth.reads(patch.file.name.as_str()) {
                    self.patch(pointer, image, patch)?;
                }
            }
        }
        Ok(())
    }

    /// A new document is where later releases look for bases, also one that no pointer names.
    fn new_documents(&mut self, product: &Id) -> Result<(), Error> {
        let Depth::Only(new) = self.depth else { return Ok(()) };
        for name in new.iter().filter(|name| name.ends_with(DOCUMENT_ENDING)) {
            let Some(target) = self.files.targets.get(name) else {
                continue;
            };
            let document = document(self.source, name, target)?;
            if document.product != *product {
                return Err(Refused::PointerDiffers {
                    pointer: name.clone(),
                    fact: "product",
                }
                .into());
            }
            self.check(name, &target.hashes.sha256, &document)?;
        }
        Ok(())
    }

    fn image(&self, pointer: &str, image: &ImageEntry) -> Result<(), Error> {
        let path = self
            .source
            .target(&hashed_name(&image.file.digest, image.file.name.as_str()));
        let unpacked = path
            .map(|path| image::unpacked(&path, u64::from(image.length)))
            .transpose()?;
        let expected = Facts {
            length: u64::from(image.length),
            digest: image.digest,
        };
        if unpacked == Some(expected) {
            return Ok(());
        }
        Err(Refused::PointerDiffers {
            pointer: pointer.to_owned(),
            fact: "image",
        }
        .into())
    }

    fn patch(&mut self, pointer: &str, image: &ImageEntry, patch: &PatchEntry) -> Result<(), Error> {
        let wrong = |fault| patch_differs(pointer, patch, fault);
        let path = bases::file(self.source, &patch.file)?;
        let bytes = storage::read(&path, u64::from(patch.file.length))?;
        let authentic = patches::authenticate(bytes, patch, image).map_err(wrong)?;
        let Some(digest) = &patch.source else {
            return Ok(authentic.decode(None).map_err(wrong)?);
        };
        let history = match &mut self.history {
            Some(history) => history,
            empty => empty.insert(History::load(self.source, self.files)?),
        };
        let listed = |base: &&ImageEntry| agreed(self.files, pointer, &base.file).is_ok();
        match (history.image(digest).filter(listed), self.depth) {
            (Some(base), _) => {
                let base = bases::read(self.source, base)?;
                Ok(authentic.decode(Some(&base)).map_err(wrong)?)
            }
            (None, Depth::Only(_)) => Err(wrong(PatchFault::NoSource).into()),
            // It was decoded before it was published, and its chain fixes its bytes. A vendor may drop old images, while devices
            // that still run one go on using the patch.
            (None, Depth::All) => Ok(()),
        }
    }
}

fn patch_differs(document: &str, patch: &PatchEntry, fault: PatchFault) -> Refused {
    Refused::PatchDiffers {
        document: document.to_owned(),
        patch: patch.file.name.to_string(),
        fault,
    }
}

/// What a holder can say about the patches of a proposal without the repository: each new one is what its document says, and one
/// from nothing makes its image. Those from older images are decoded where the repository is.
pub(crate) fn proposed_patches(proposal: &Proposal) -> Result<(), Error> {
    let files_role = |name: &String| TargetsRole::parse(name).is_some_and(|role| role.kind() == Kind::Files);
    if !proposal.roles().keys().any(files_role) {
        // A promotion brings an old document, and none of its files.
        return Ok(());
    }
    let new: BTreeMap<&str, PathBuf> = proposal.new_targets().collect();
    let mut looked_at = BTreeSet::new();
    for (name, path) in &new {
        if !name.ends_with(DOCUMENT_ENDING) && !name.ends_with(".release") {
            continue;
        }
        let bytes = storage::read(path, bytes_max::DOCUMENT)?;
        if !looked_at.insert(Facts::of(&bytes).digest) {
            continue;
        }
        let document = ReleaseDocument::parse(&bytes).map_err(|error| Refused::BadDocument {
            name: (*name).to_owned(),
            error,
        })?;
        let files = proposal
            .roles()
            .get(TargetsRole::of(&document.product, Kind::Files).name());
        let Some(files) = files else { continue };
        for image in document.components.iter().flat_map(|component| &component.images) {
            for patch in &image.patches {
                agreed(&files.role, name, &patch.file)?;
                let Some(path) = new.get(patch.file.name.as_str()) else {
                    continue;
                };
                let wrong = |fault| patch_differs(name, patch, fault);
                let bytes = storage::read(path, u64::from(patch.file.length))?;
                let authentic = patches::authenticate(bytes, patch, image).map_err(wrong)?;
                if patch.source.is_none() {
                    authentic.decode(None).map_err(wrong)?;
                }
            }
        }
    }
    Ok(())
}

/// `PRODUCT_files` lists the very file that a release document names.
fn agreed(files: &Targets, pointer: &str, file: &FileRef) -> Result<(), Refused> {
    let entry = files.targets.get(file.name.as_str());
    if entry.is_some_and(|entry| entry.length == u64::from(file.length) && entry.hashes.sha256 == file.digest) {
        return Ok(());
    }
    Err(Refused::FilesDisagree {
        pointer: pointer.to_owned(),
        file: file.name.to_string(),
    })
}

/// `PRODUCT_files` lists the newest statement. An older release may name an older one, which is still there under its digest.
fn support_statement(
    source: &dyn Source,
    product: &Id,
    pointer: &str,
    document: &ReleaseDocument,
) -> Result<(), Error> {
    let file = &document.support.file;
    let entry = Target {
        custom: None,
        hashes: Hashes { sha256: file.digest },
        length: u64::from(file.length),
    };
    let bytes = read(source, names::support(product).as_str(), &entry, bytes_max::SUPPORT)?;
    let statement = SupportStatement::parse(&bytes);
    let statement = statement.map_err(|error| Refused::BadDocument {
        name: names::support(product).to_string(),
        error,
    })?;
    if statement.product == *product && statement.end == document.support.end {
        return Ok(());
    }
    Err(Refused::PointerDiffers {
        pointer: pointer.to_owned(),
        fact: "support end",
    }
    .into())
}

fn rollouts(source: &dyn Source, role: &Targets) -> Result<(), Error> {
    for (name, target) in &role.targets {
        let bytes = read(source, name, target, bytes_max::ROLLOUT)?;
        RolloutFile::parse(&bytes).map_err(|error| Refused::BadDocument {
            name: name.clone(),
            error,
        })?;
    }
    Ok(())
}

/// Reads the release document that a pointer names.
pub(crate) fn document(source: &dyn Source, name: &str, target: &Target) -> Result<ReleaseDocument, Error> {
    let bytes = read(source, name, target, bytes_max::DOCUMENT)?;
    Ok(ReleaseDocument::parse(&bytes).map_err(|error| Refused::BadDocument {
        name: name.to_owned(),
        error,
    })?)
}

/// What the entry of a pointer says besides the digest: all that a poll must know.
pub(crate) fn pointer_facts(document: &ReleaseDocument) -> serde_json::Value {
    serde_json::json!({
        "class": document.class.as_str(),
        "security_version": document.security_version,
        "version": document.version.to_string(),
    })
}

/// `HARDWARE` of `PRODUCT_HARDWARE_CHANNEL.release`.
fn pointer_hardware<'n>(product: &Id, name: &'n str) -> Option<&'n str> {
    let rest = name
        .strip_prefix(product.as_str())?
        .strip_prefix('_')?
        .strip_suffix(".release")?;
    let (hardware, channel) = rest.split_once('_')?;
    (Id::parse(hardware).is_ok() && Id::parse(channel).is_ok()).then_some(hardware)
}

fn read(source: &dyn Source, name: &str, target: &Target, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let wrong = || Refused::file_differs(name, &target.hashes.sha256);
    let path = source
        .target(&hashed_name(&target.hashes.sha256, name))
        .ok_or_else(wrong)?;
    let bytes = storage::read(&path, bytes_max)?;
    if Facts::of(&bytes).digest != target.hashes.sha256 {
        return Err(wrong().into());
    }
    Ok(bytes)
}
