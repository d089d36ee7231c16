//! From a signed proposal to what is served.
//!
//! - Signatures are counted against the keys which the repository names, not those which the proposal names.
//! - Our rules, our own verifier and a second one accept the whole candidate before one byte of it is written.
//! - Everything happens under the folder's lock; the timestamp is written last.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tuffet_tuf::{
    emit::{File, file},
    model::{MetaFile, Targets},
};
use tuffet_wire::UnixSeconds;

use crate::{
    candidate::{Candidate, Change, Online},
    check::{self, Depth},
    error::{Error, Refused},
    online::{OnlineKeys, within},
    opinion,
    proposal::Proposal,
    repository::{Published, Repository, Source, delegated_signers, free_version, hashed_name, parse},
    roles::{Kind, Lifetimes, Signers, TargetsRole},
    signing::{Counted, NotEmitted},
    storage::{Disk, Facts, FolderLock, RealDisk, StorageError},
};

/// How long a command waits for another writer. Re-signing takes milliseconds, copying a large release may take a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a publication ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is served from now on.
    Published {
        /// Version of the new timestamp.
        timestamp_version: u64,
    },
    /// It was served already; no file was written.
    WasPublished,
}

/// Publishes a proposal that has all its signatures.
pub fn publish(
    repository: &Repository,
    proposal: &Proposal,
    keys: &OnlineKeys,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Outcome, Error> {
    publish_on(&RealDisk, repository, proposal, Online { keys, lifetimes, now })
}

pub(crate) fn publish_on(
    disk: &dyn Disk,
    repository: &Repository,
    proposal: &Proposal,
    online: Online<'_>,
) -> Result<Outcome, Error> {
    let _lock = FolderLock::take(repository.path(), PATIENCE)?;
    let published = Published::load(repository)?;
    if published.has(proposal) {
        repository.confirm(disk)?;
        return Ok(Outcome::WasPublished);
    }
    let change = change_of(repository, proposal, &published)?;
    let candidate = Candidate::new(repository, Some(&published), &published.root.role, change, online)?;
    accept(&candidate, online.now)?;
    candidate.write(disk)?;
    Ok(Outcome::Published {
        timestamp_version: published.timestamp.role.version + 1,
    })
}

/// Our rules and both verifiers.
pub(crate) fn accept(candidate: &Candidate, now: UnixSeconds) -> Result<(), Error> {
    let published = Published::from_source(candidate)?;
    let scope = candidate.scope();
    check::repository(candidate, &published, Depth::Only(scope.names()))?;
    Ok(opinion::both(candidate, &published, scope, now)?)
}

/// The files of a proposal, when it is new, follows what is published and has its signatures.
fn change_of(repository: &Repository, proposal: &Proposal, published: &Published) -> Result<Change, Error> {
    proposal.check_targets()?;
    let targets = proposal.roles().get("targets").map(|file| &file.role);
    let mut change = Change::default();
    let mut missing = Vec::new();
    for (name, new) in proposal.roles() {
        let role = TargetsRole::parse(name).ok_or_else(|| Refused::NoSuchRole { role: name.clone() })?;
        follows(repository, proposal, &role, new, published)?;
        let signers = signers_of(&role, targets, published)?;
        let counted = Counted::of(&new.role, &new.signatures, &signers)?;
        if counted.missing() > 0 {
            missing.push(format!("{name} has {} of {}", counted.count(), signers.threshold));
        }
        let bytes = match left(repository, &role, new, &signers)? {
            Some(bytes) => bytes,
            None => file(&new.role, &counted.signatures()).map_err(NotEmitted)?,
        };
        within(name, &bytes, role.bytes_max())?;
        change.roles.insert(name.clone(), (new.role.version, bytes));
    }
    if !missing.is_empty() {
        return Err(Refused::SignaturesMissing {
            missing: missing.join(", "),
            path: proposal.folder().to_owned(),
        }
        .into());
    }
    for (name, path) in proposal.new_targets() {
        let facts = Facts::of_file(&path)?;
        change.targets.insert(name.to_owned(), (path, facts));
    }
    Ok(change)
}

/// Whether a proposal is what a repository publishes.
pub fn is_published(repository: &Repository, proposal: &Proposal) -> Result<bool, Error> {
    Ok(Published::load(repository)?.has(proposal))
}

/// Whether a proposal still follows what a repository publishes, so that signing it makes sense; and whether the rules of
/// publishing hold for all that is new in it: each new patch is decoded from the image that it starts from.
pub fn check_fits(repository: &Repository, proposal: &Proposal) -> Result<(), Error> {
    let mut published = Published::load(repository)?;
    for (name, new) in proposal.roles() {
        let role = TargetsRole::parse(name).ok_or_else(|| Refused::NoSuchRole { role: name.clone() })?;
        follows(repository, proposal, &role, new, &published)?;
    }
    proposal.check_targets()?;
    published.take_over(proposal);
    let names: Vec<String> = proposal.new_targets().map(|(name, _)| name.to_owned()).collect();
    check::repository(&Proposed::new(repository, proposal), &published, Depth::Only(&names))
}

/// The new target files of a proposal over a repository.
struct Proposed<'a> {
    repository: &'a Repository,
    /// By hashed name.
    targets: BTreeMap<String, PathBuf>,
}

impl<'a> Proposed<'a> {
    fn new(repository: &'a Repository, proposal: &Proposal) -> Self {
        let listed = |name: &str| proposal.roles().values().find_map(|file| file.role.targets.get(name));
        let hashed = |(name, path): (&str, PathBuf)| Some((hashed_name(&listed(name)?.hashes.sha256, name), path));
        Self {
            repository,
            targets: proposal.new_targets().filter_map(hashed).collect(),
        }
    }
}

impl Source for Proposed<'_> {
    fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.repository.metadata(name)
    }

    fn target(&self, name: &str) -> Option<PathBuf> {
        let new = self.targets.get(name).cloned();
        new.or_else(|| self.repository.target(name))
    }
}

/// The very file that the proposal was made for is published: another one, from a proposal that was published in between or
/// in another repository, would be taken back.
fn follows(
    repository: &Repository,
    proposal: &Proposal,
    role: &TargetsRole,
    new: &File<Targets>,
    published: &Published,
) -> Result<(), Error> {
    let (base, there) = (proposal.follows(role.name()), published.pinned(role.name()));
    let version = |file: Option<&MetaFile>| file.map_or(0, |file| file.version);
    let free = free_version(repository.path(), role.name(), version(there))?;
    // Files that a cut has left are skipped, and nothing else is.
    if version(base) != version(there) || new.role.version <= version(there) || new.role.version > free {
        return Err(Refused::Stale {
            role: role.name().to_owned(),
            published: version(there),
            proposed: new.role.version,
        }
        .into());
    }
    if base == there {
        return Ok(());
    }
    Err(Refused::OtherRepository {
        path: proposal.folder().to_owned(),
        role: role.name().to_owned(),
    }
    .into())
}

/// The same content as a publication that was cut has left it, with the signatures of then, if they are enough.
fn left(
    repository: &Repository,
    role: &TargetsRole,
    new: &File<Targets>,
    signers: &Signers,
) -> Result<Option<Vec<u8>>, Error> {
    let name = format!("{}.{}.json", new.role.version, role.name());
    let Some(bytes) = repository.metadata(&name)? else {
        return Ok(None);
    };
    // A damaged one is not taken over; that its name is taken is found later.
    let Ok(old) = parse::<Targets>(&name, &bytes) else {
        return Ok(None);
    };
    let counts = old.role == new.role && Counted::of(&old.role, &old.signatures, signers)?.missing() == 0;
    Ok(counts.then_some(bytes))
}

/// From the new targets file, if the proposal brings one, else from the published one.
fn signers_of(role: &TargetsRole, targets: Option<&Targets>, published: &Published) -> Result<Signers, Refused> {
    let root = &published.root.role;
    let signers = match (role.kind(), targets) {
        (Kind::Targets, _) => Some(Signers::top(&root.roles.targets, &root.keys)),
        (_, Some(targets)) => delegated_signers(targets, role),
        (_, None) => published.signers(role),
    };
    signers.ok_or_else(|| Refused::NoSuchRole {
        role: role.name().to_owned(),
    })
}
