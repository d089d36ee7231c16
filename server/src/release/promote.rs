use std::{collections::BTreeMap, path::Path};

use tuffet_release::{Id, names};
use tuffet_tuf::model::Target;
use tuffet_wire::{UnixSeconds, hex::Hex};

use crate::{
    check,
    create::next,
    error::{Error, Refused},
    product::Product,
    proposal::{Draft, Proposal},
    repository::{Published, Repository, Source, hashed_name},
    roles::{Kind, Lifetimes, TargetsRole},
    storage::{Content, Facts},
};

/// From which channel to which.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// Where the release is now.
    pub from: Id,
    /// Where it shall be too.
    pub to: Id,
    /// For which hardware; empty means every one that has a release on the first channel.
    pub hardware: Vec<Id>,
}

/// Proposes the very same release document under the name of another channel. Only the pointers change.
pub fn propose_promotion(
    repository: &Repository,
    product: &Product,
    promotion: &Promotion,
    folder: &Path,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Proposal, Error> {
    let published = Published::load(repository)?;
    let role = TargetsRole::of(&product.id, Kind::Pointers);
    let no_such_product = || Refused::NoSuchProduct { product: product.id };
    let old = published.role(&role).ok_or_else(no_such_product)?;
    let signers = published.signers(&role).ok_or_else(no_such_product)?;
    if !product.channels.contains(&promotion.to) {
        let known = product.channels.iter().map(Id::to_string).collect();
        return Err(Refused::UnknownChannel {
            channel: promotion.to,
            known,
        }
        .into());
    }
    let mut new = next(repository, &published, &role, lifetimes, now)?;
    let mut files = BTreeMap::new();
    let hardware = if promotion.hardware.is_empty() {
        &product.hardware
    } else {
        &promotion.hardware
    };
    for hardware in hardware {
        let from = names::pointer(&product.id, hardware, &promotion.from).to_string();
        let to = names::pointer(&product.id, hardware, &promotion.to).to_string();
        match old.role.targets.get(&from) {
            Some(target) => {
                if let Some(content) = promoted(repository, target, &from, old.role.targets.get(&to), &to)? {
                    new.targets.insert(to.clone(), target.clone());
                    files.insert(to, Some(content));
                }
            }
            None if promotion.hardware.is_empty() => {}
            None => return Err(Refused::NothingReleased { pointer: from }.into()),
        }
    }
    if files.is_empty() {
        return Err(Refused::NothingToDo.into());
    }
    let title = format!("promote {} from {} to {}", product.id, promotion.from, promotion.to);
    let roles = BTreeMap::from([(role.name().to_owned(), (new, signers))]);
    Draft {
        title,
        published: &published,
        roles,
        targets: files,
    }
    .write(folder)
}

/// The document to offer under the other name too, unless it is there already.
fn promoted(
    repository: &Repository,
    target: &Target,
    from: &str,
    there: Option<&Target>,
    to: &str,
) -> Result<Option<Content>, Error> {
    let document = check::document(repository, from, target)?;
    if let Some(there) = there {
        if there.hashes == target.hashes {
            return Ok(None);
        }
        let newest = check::document(repository, to, there)?.version;
        if document.version <= newest && !document.rollback {
            let (version, pointer) = (document.version, to.to_owned());
            return Err(Refused::VersionNotNewer {
                version,
                newest,
                pointer,
            }
            .into());
        }
    }
    let digest = target.hashes.sha256;
    let absent = || Refused::FileDiffers {
        name: from.to_owned(),
        digest: Hex(&digest).to_string(),
    };
    let path = repository.target(&hashed_name(&digest, from)).ok_or_else(absent)?;
    let facts = Facts {
        length: target.length,
        digest,
    };
    Ok(Some(Content::CopyOf { path, facts }))
}
