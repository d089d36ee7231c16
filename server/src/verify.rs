//! Looking at a whole repository as a stranger would.

use serde::Serialize;
use tuffet_keys_tool::root::RootFile;
use tuffet_wire::UnixSeconds;

use crate::{
    check::{self, Depth},
    error::{Error, Refused},
    opinion::{self, Scope},
    repository::{Published, Repository, Source},
};

/// What was found good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verified {
    /// Version of the newest root.
    pub root_version: u64,
    /// Version of the timestamp.
    pub timestamp_version: u64,
    /// When the first of timestamp, snapshot, targets and delegated roles expires.
    pub expires_first: UnixSeconds,
    /// Ids of the products.
    pub products: Vec<String>,
    /// Target files, all of them read.
    pub targets: usize,
    /// Length of these in bytes.
    pub targets_bytes: u64,
}

/// The repository holds the very root which devices are given.
pub fn check_root(repository: &Repository, root: &RootFile) -> Result<(), Error> {
    let name = format!("{}.root.json", root.root().version);
    if repository.metadata(&name)? == Some(root.bytes()?) {
        return Ok(());
    }
    Err(Refused::OtherRoot { name }.into())
}

/// Verifies everything: both verifiers from the first root on, our own rules, and every file against its digest.
///
/// `root` is the root which devices are given: the repository has to hold the very same file.
pub fn verify(repository: &Repository, root: &RootFile, now: UnixSeconds) -> Result<Verified, Error> {
    check_root(repository, root)?;
    let published = Published::load(repository)?;
    let names: Vec<String> = published
        .delegated
        .values()
        .flat_map(|file| file.role.targets.keys().cloned())
        .collect();
    opinion::both(repository, &published, Scope::All(&names), now)?;
    check::repository(repository, &published, Depth::All)?;
    let delegated = published.delegated.values();
    let expires = delegated.clone().map(|file| file.role.expires);
    let online = [
        published.timestamp.role.expires,
        published.snapshot.role.expires,
        published.targets.role.expires,
    ];
    Ok(Verified {
        root_version: published.root.role.version,
        timestamp_version: published.timestamp.role.version,
        expires_first: expires.chain(online).min().unwrap_or(published.root.role.expires),
        products: published.products(),
        targets: names.len(),
        targets_bytes: delegated
            .flat_map(|file| file.role.targets.values())
            .map(|target| target.length)
            .sum(),
    })
}
