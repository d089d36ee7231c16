//! A new repository, a new product in it, and old metadata made valid for longer.

use std::{collections::BTreeMap, path::Path};

use tuffet_keys_tool::{KeySource, root::RootFile};
use tuffet_tuf::model::{Delegations, Targets};
use tuffet_wire::UnixSeconds;

use crate::{
    candidate::{Candidate, Change, Online},
    error::{Error, Refused},
    online::{OnlineKeys, within},
    product::Product,
    proposal::{Draft, Proposal},
    publish::{PATIENCE, accept, check_fits, is_published},
    repository::{Published, Repository, TARGETS, free_version},
    roles::{Kind, Lifetimes, PRODUCTS_MAX, ProductKeys, Signers, TargetsRole, bytes_max},
    signing::sign_and_emit,
    storage::{Disk, RealDisk},
};

/// Makes a repository without products. Can be run again when it was cut.
pub fn init(
    path: &Path,
    root: &RootFile,
    targets_keys: &[&dyn KeySource],
    keys: &OnlineKeys,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Repository, Error> {
    init_on(&RealDisk, path, root, targets_keys, Online { keys, lifetimes, now })
}

pub(crate) fn init_on(
    disk: &dyn Disk,
    path: &Path,
    root: &RootFile,
    targets_keys: &[&dyn KeySource],
    online: Online<'_>,
) -> Result<Repository, Error> {
    if root.root().version != 1 {
        return Err(Refused::NotTheFirstRoot {
            version: root.root().version,
        }
        .into());
    }
    let root_bytes = root.bytes()?;
    within("root", &root_bytes, bytes_max::ROOT)?;
    let targets = Targets {
        delegations: None,
        expires: online.now.saturating_add_days(online.lifetimes.targets_days),
        targets: BTreeMap::new(),
        version: free_version(path, TARGETS, 0)?,
        signed_at: online.now,
    };
    let version = targets.version;
    let signers = Signers::top(&root.root().roles.targets, &root.root().keys);
    let targets = sign_and_emit(&targets, TARGETS, targets_keys, &signers)?;
    let (repository, _lock) = Repository::prepare(path, PATIENCE)?;
    let change = Change {
        root: Some((1, root_bytes)),
        roles: BTreeMap::from([(TARGETS.to_owned(), (version, targets))]),
        targets: BTreeMap::new(),
    };
    let candidate = Candidate::new(&repository, None, root.root(), change, online)?;
    accept(&candidate, online.now)?;
    candidate.write(disk)?;
    Ok(repository)
}

/// Proposes a product: a new targets file that delegates to it, and its three roles, empty.
///
/// The holders of the targets keys, of the product keys and of the rollout key sign.
pub fn propose_product(
    repository: &Repository,
    product: &Product,
    keys: &ProductKeys,
    folder: &Path,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Proposal, Error> {
    let published = Published::load(repository)?;
    let mut targets = published.targets.role.clone();
    let products = published.products();
    if products.iter().any(|other| other == product.id.as_str()) {
        return Err(Refused::ProductThere { product: product.id }.into());
    }
    if products.len() >= PRODUCTS_MAX {
        return Err(Refused::TooManyProducts { there: products.len() }.into());
    }
    if keys.threshold() != product.threshold {
        return Err(Refused::OtherThreshold {
            file: product.threshold,
            given: keys.threshold(),
        }
        .into());
    }
    let delegations = targets.delegations.get_or_insert_with(|| Delegations {
        keys: BTreeMap::new(),
        roles: Vec::new(),
    });
    keys.delegate(&product.id, delegations);
    let mut roles = BTreeMap::new();
    for kind in [Kind::Pointers, Kind::Files, Kind::Rollout] {
        let role = TargetsRole::of(&product.id, kind);
        let signers = crate::repository::delegated_signers(&targets, &role);
        let signers = signers.ok_or_else(|| Refused::NoSuchRole {
            role: role.name().to_owned(),
        })?;
        let new = next(repository, &published, &role, lifetimes, now)?;
        roles.insert(role.name().to_owned(), (new, signers));
    }
    let targets = Targets {
        delegations: targets.delegations,
        ..next(repository, &published, &TargetsRole::top(), lifetimes, now)?
    };
    let root = &published.root.role;
    roles.insert(
        TARGETS.to_owned(),
        (targets, Signers::top(&root.roles.targets, &root.keys)),
    );
    let title = format!("add the product {} ({})", product.id, product.name);
    Draft {
        title,
        published: &published,
        roles,
        targets: BTreeMap::new(),
    }
    .write(folder)
}

/// Proposes the same content of these roles again, valid for longer.
pub fn propose_renewal(
    repository: &Repository,
    roles: &[String],
    folder: &Path,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Proposal, Error> {
    let published = Published::load(repository)?;
    let mut renewed = BTreeMap::new();
    for name in roles {
        let no_such_role = || Refused::NoSuchRole { role: name.clone() };
        let role = TargetsRole::parse(name).ok_or_else(no_such_role)?;
        published.role(&role).ok_or_else(no_such_role)?;
        let signers = published.signers(&role).ok_or_else(no_such_role)?;
        let new = next(repository, &published, &role, lifetimes, now)?;
        renewed.insert(name.clone(), (new, signers));
    }
    if renewed.is_empty() {
        return Err(Refused::NothingToDo.into());
    }
    let title = format!("renew {}", roles.join(", "));
    Draft {
        title,
        published: &published,
        roles: renewed,
        targets: BTreeMap::new(),
    }
    .write(folder)
}

/// A product's proposal that waits in a folder from an earlier run; `None` if none is there.
///
/// Refused when it is about another product, or follows another repository or what this one said before.
pub fn waiting_product(repository: &Repository, product: &Product, folder: &Path) -> Result<Option<Proposal>, Error> {
    if !Proposal::is_at(folder) {
        return Ok(None);
    }
    let proposal = Proposal::open(folder)?;
    if !proposal.roles().contains_key(product.id.as_str()) {
        return Err(Refused::OtherProduct {
            path: folder.to_owned(),
            product: product.id,
        }
        .into());
    }
    // One that was published is no obstacle: publishing it again does nothing.
    if !is_published(repository, &proposal)? {
        check_fits(repository, &proposal)?;
    }
    Ok(Some(proposal))
}

/// The next version of a role with the same content, or an empty first one.
pub(crate) fn next(
    repository: &Repository,
    published: &Published,
    role: &TargetsRole,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Targets, Error> {
    let old = published.role(role).map(|file| &file.role);
    Ok(Targets {
        delegations: old.and_then(|old| old.delegations.clone()),
        expires: now.saturating_add_days(role.days(lifetimes)),
        targets: old.map(|old| old.targets.clone()).unwrap_or_default(),
        version: free_version(repository.path(), role.name(), old.map_or(0, |old| old.version))?,
        signed_at: now,
    })
}
