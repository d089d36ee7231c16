//! The publisher's own rules: what TUF does not know, but every device and every reader relies on.
//!
//! - Only roles of this design exist, each once, with its own patterns and keys of its own.
//! - Every listed file is there with its length. Pointers name release documents that say the same as the pointer.
//! - The pointers and `PRODUCT_files` agree on every file of a release.

use std::{collections::BTreeSet, path::PathBuf};

use tuffet_release::{FileRef, Id, ReleaseDocument, RolloutFile, SupportStatement, names};
use tuffet_tuf::model::{Hashes, Target, Targets};
use tuffet_wire::hex::Hex;

use crate::{
    error::{Error, Refused},
    release::image,
    repository::{Published, Source, hashed_name},
    roles::{Kind, PRODUCTS_MAX, TargetsRole, bytes_max},
    storage::{self, Facts},
};

/// How much of the files is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Depth<'a> {
    /// Every file; every image is unpacked.
    All,
    /// These target names; of the others only that they are there.
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
    let wrong = || Refused::FileDiffers {
        name: name.to_owned(),
        digest: Hex(&target.hashes.sha256).to_string(),
    };
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
        if !images.clone().any(|image| image.hardware.as_str() == hardware) {
            return Err(differs("hardware").into());
        }
        let listed_as_document = published
            .role(&TargetsRole::of(product, Kind::Files))
            .is_some_and(|files| {
                files
                    .role
                    .targets
                    .iter()
                    .any(|(other, entry)| other.ends_with(".document") && entry.hashes == target.hashes)
            });
        if !listed_as_document {
            return Err(differs("document, which PRODUCT_files does not list").into());
        }
        support_statement(source, product, name, &document)?;
        if let Some(sbom) = &document.sbom {
            agreed(published, product, name, sbom)?;
        }
        images.try_for_each(|image| {
            let file = agreed(published, product, name, &image.file)?;
            if !depth.reads(image.file.name.as_str()) {
                return Ok(());
            }
            let hashed = hashed_name(&file.hashes.sha256, image.file.name.as_str());
            let unpacked = source
                .target(&hashed)
                .map(|path| image::unpacked(&path, u64::from(image.length)))
                .transpose()?;
            let expected = Facts {
                length: u64::from(image.length),
                digest: image.digest,
            };
            if unpacked == Some(expected) {
                Ok(())
            } else {
                Err(Error::from(differs("image")))
            }
        })?;
    }
    Ok(())
}

/// The entry of `PRODUCT_files` for a file that a release document names.
fn agreed<'p>(published: &'p Published, product: &Id, pointer: &str, file: &FileRef) -> Result<&'p Target, Refused> {
    let entry = published.target(&TargetsRole::of(product, Kind::Files), file.name.as_str());
    let agrees = |entry: &&Target| entry.length == u64::from(file.length) && entry.hashes.sha256 == file.digest;
    entry.filter(agrees).ok_or_else(|| Refused::FilesDisagree {
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
    let wrong = || Refused::FileDiffers {
        name: name.to_owned(),
        digest: Hex(&target.hashes.sha256).to_string(),
    };
    let path = source
        .target(&hashed_name(&target.hashes.sha256, name))
        .ok_or_else(wrong)?;
    let bytes = storage::read(&path, bytes_max)?;
    if Facts::of(&bytes).digest != target.hashes.sha256 {
        return Err(wrong().into());
    }
    Ok(bytes)
}
