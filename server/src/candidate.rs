//! The next state of a repository, complete but nowhere served: new files over the folder as it is.

use std::{collections::BTreeMap, path::PathBuf};

use tuffet_tuf::model::MetaFile;
use tuffet_wire::UnixSeconds;

use crate::{
    error::{Error, Refused},
    online::OnlineKeys,
    opinion::Scope,
    repository::{Published, Repository, Source, TIMESTAMP_FILE, free_version, hashed_name},
    roles::Lifetimes,
    storage::{self, Content, Disk, Facts, StorageError},
};

/// New files over a repository.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    repository: Repository,
    /// In the order in which they are written; the timestamp is apart because it comes last.
    metadata: BTreeMap<String, Vec<u8>>,
    timestamp: Vec<u8>,
    /// New target files, by hashed name.
    targets: BTreeMap<String, (PathBuf, Facts)>,
    /// Target names of these.
    new_names: Vec<String>,
    /// Roles whose files are new.
    new_roles: Vec<String>,
}

/// What a candidate changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// A root that is not published yet, with its version.
    pub root: Option<(u64, Vec<u8>)>,
    /// New role files: version and bytes by role name.
    pub roles: BTreeMap<String, (u64, Vec<u8>)>,
    /// New target files: where they are, by target name.
    pub targets: BTreeMap<String, (PathBuf, Facts)>,
}

/// With what, and when, a candidate's online roles are signed.
#[derive(Clone, Copy)]
pub(crate) struct Online<'a> {
    pub keys: &'a OnlineKeys,
    pub lifetimes: &'a Lifetimes,
    pub now: UnixSeconds,
}

impl Candidate {
    /// Puts a change over what is published (`None` for a new repository), under a new snapshot and timestamp.
    ///
    /// Besides `timestamp.json`, no name of a metadata file gets other content than a publication that was cut has left there.
    /// Nobody names such a file yet, but a client may have guessed it, and a cache between may keep it for a year.
    pub fn new(
        repository: &Repository,
        published: Option<&Published>,
        root: &tuffet_tuf::model::Root,
        change: Change,
        online: Online<'_>,
    ) -> Result<Self, Error> {
        let mut meta = published
            .map(|published| published.snapshot.role.meta.clone())
            .unwrap_or_default();
        let new_roles = change.roles.keys().cloned().collect();
        let mut metadata = BTreeMap::new();
        if let Some((version, bytes)) = change.root {
            metadata.insert(format!("{version}.root.json"), bytes);
        }
        for (role, (version, bytes)) in change.roles {
            meta.insert(format!("{role}.json"), MetaFile::of(version, &bytes));
            metadata.insert(format!("{version}.{role}.json"), bytes);
        }
        for (name, bytes) in &metadata {
            if repository.metadata(name)?.is_some_and(|there| there != *bytes) {
                return Err(Refused::NameTaken { file: name.clone() }.into());
            }
        }
        let served = published.map_or(0, |published| published.snapshot.role.version);
        let version = free_version(repository.path(), "snapshot", served)?;
        let snapshot = online
            .keys
            .snapshot(root, version, meta, online.lifetimes, online.now)?;
        let pinned = MetaFile::of(version, &snapshot);
        metadata.insert(format!("{version}.snapshot.json"), snapshot);
        let timestamp = signed_timestamp(published, root, pinned, online)?;
        let new_names = change.targets.keys().cloned().collect();
        let hashed =
            |(name, (path, facts)): (String, (PathBuf, Facts))| (hashed_name(&facts.digest, &name), (path, facts));
        let targets = change.targets.into_iter().map(hashed).collect();
        Ok(Self {
            repository: repository.clone(),
            metadata,
            timestamp,
            targets,
            new_names,
            new_roles,
        })
    }

    /// The same snapshot under a new timestamp.
    pub fn new_timestamp(repository: &Repository, published: &Published, online: Online<'_>) -> Result<Self, Error> {
        let pinned = published.timestamp.role.meta.snapshot.clone();
        let timestamp = signed_timestamp(Some(published), &published.root.role, pinned, online)?;
        Ok(Self {
            repository: repository.clone(),
            metadata: BTreeMap::new(),
            timestamp,
            targets: BTreeMap::new(),
            new_names: Vec::new(),
            new_roles: Vec::new(),
        })
    }

    /// What of it is new.
    pub fn scope(&self) -> Scope<'_> {
        Scope::Change {
            roles: &self.new_roles,
            names: &self.new_names,
        }
    }

    /// Writes it. Until the timestamp is in place, the last step, readers see the old state and find every file of it; from then
    /// on they see the new one. A cut anywhere leaves at most files which nobody names yet.
    pub fn write(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let (metadata, targets) = (self.repository.metadata_folder(), self.repository.targets_folder());
        // A copy made by a tool that keeps no empty folders may lack it.
        std::fs::create_dir_all(&targets).map_err(StorageError::not_written(&targets))?;
        storage::sweep(disk, &targets)?;
        storage::sweep(disk, &metadata)?;
        for (name, (path, facts)) in &self.targets {
            let place = targets.join(name);
            // There from an earlier attempt, or because an older release had the same file.
            if place.is_file() && Facts::of_file(&place)? == *facts {
                continue;
            }
            let content = Content::CopyOf {
                path: path.clone(),
                facts: *facts,
            };
            storage::replace(disk, &place, &content)?;
        }
        for (name, bytes) in &self.metadata {
            storage::replace(disk, &metadata.join(name), &Content::Bytes(bytes.clone()))?;
        }
        let timestamp = Content::Bytes(self.timestamp.clone());
        storage::make_public(disk, &metadata.join(TIMESTAMP_FILE), &timestamp)
    }
}

impl Source for Candidate {
    fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        if name == TIMESTAMP_FILE {
            return Ok(Some(self.timestamp.clone()));
        }
        match self.metadata.get(name) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.repository.metadata(name),
        }
    }

    fn target(&self, name: &str) -> Option<PathBuf> {
        match self.targets.get(name) {
            Some((path, _)) => Some(path.clone()),
            None => self.repository.target(name),
        }
    }
}

fn signed_timestamp(
    published: Option<&Published>,
    root: &tuffet_tuf::model::Root,
    pinned: MetaFile,
    online: Online<'_>,
) -> Result<Vec<u8>, Error> {
    let version = published.map_or(0, |published| published.timestamp.role.version) + 1;
    online
        .keys
        .timestamp(root, version, pinned, online.lifetimes, online.now)
}
