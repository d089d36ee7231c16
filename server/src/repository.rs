//! A repository folder and what it says at one moment.
//!
//! Reading here is not verifying: these are the publisher's own files. Before anything new is served, both opinions
//! verify the result from the first root on (see [`crate::publish`]).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use tuffet_tuf::{
    emit::{File, ParseError, parse_file},
    model::{MetaFile, Role, Root, Snapshot, Target, Targets, Timestamp},
};
use tuffet_wire::{Digest, hex::Hex};

use crate::{
    error::Error,
    proposal::Proposal,
    roles::{Signers, TargetsRole, bytes_max},
    storage::{self, Disk, FolderLock, StorageError},
};

/// The top-level role that only delegates.
pub(crate) const TARGETS: &str = "targets";

/// The file that makes all others public.
pub(crate) const TIMESTAMP_FILE: &str = "timestamp.json";

/// A folder with `metadata` and `targets`.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

/// A repository folder is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A repository is there already.
    #[error("{} is a repository already; choose another folder", path.display())]
    AlreadyThere {
        /// The folder.
        path: PathBuf,
    },
    /// A file in it is not one that this library writes.
    #[error("{file} is damaged: {source}; restore it from a copy of the repository")]
    Damaged {
        /// Name of the file.
        file: String,
        /// What is wrong.
        source: ParseError,
    },
    /// Other things are in the folder.
    #[error("{} holds other files ({found}); give a new or empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// One of them.
        found: String,
    },
    /// No repository there, or `repo init` did not finish.
    #[error("no repository at {}; make one with `cargo xtask repo init`", path.display())]
    NotThere {
        /// The folder.
        path: PathBuf,
    },
    /// A file that others name is not there.
    #[error("{file} is missing; restore it from a copy of the repository")]
    Missing {
        /// Name of the file.
        file: String,
    },
}

impl Repository {
    /// A folder that holds a repository.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.join("metadata/timestamp.json").is_file() {
            return Err(RepositoryError::NotThere { path: path.to_owned() }.into());
        }
        Ok(Self { path: path.to_owned() })
    }

    /// A folder that will hold a repository: new, empty, or left by an attempt that was cut. Nobody else writes to it.
    pub(crate) fn prepare(path: &Path, patience: Duration) -> Result<(Self, FolderLock), Error> {
        // Looked at without the lock first: no lock file is left among other things.
        Self::check_free(path)?;
        std::fs::create_dir_all(path).map_err(StorageError::not_written(path))?;
        let lock = FolderLock::take(path, patience)?;
        Self::check_free(path)?;
        for folder in [path.join("metadata"), path.join("targets")] {
            std::fs::create_dir_all(&folder).map_err(StorageError::not_written(&folder))?;
        }
        Ok((Self { path: path.to_owned() }, lock))
    }

    fn check_free(path: &Path) -> Result<(), Error> {
        if path.join("metadata/timestamp.json").exists() {
            return Err(RepositoryError::AlreadyThere { path: path.to_owned() }.into());
        }
        let ours = |name: &&String| !matches!(name.as_str(), ".lock" | "metadata" | "targets");
        if let Some(found) = storage::names(path)?.iter().find(ours) {
            return Err(RepositoryError::NotEmpty {
                path: path.to_owned(),
                found: found.clone(),
            }
            .into());
        }
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn metadata_folder(&self) -> PathBuf {
        self.path.join("metadata")
    }

    /// Brings what is published to the medium, which an earlier run may not have achieved.
    pub(crate) fn confirm(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        let metadata = self.metadata_folder();
        storage::confirm(disk, &metadata, &metadata.join(TIMESTAMP_FILE))
    }

    pub(crate) fn targets_folder(&self) -> PathBuf {
        self.path.join("targets")
    }
}

/// Where files of a repository come from: the folder itself, or a candidate over it.
pub(crate) trait Source {
    /// A metadata file by its name.
    fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// Where a target file is, by its hashed name.
    fn target(&self, name: &str) -> Option<PathBuf>;
}

impl Source for Repository {
    fn metadata(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        storage::read_optional(&self.metadata_folder().join(name), bytes_max::FILES)
    }

    fn target(&self, name: &str) -> Option<PathBuf> {
        Some(self.targets_folder().join(name)).filter(|path| path.is_file())
    }
}

/// What a repository says at one moment. Read, not verified.
#[derive(Clone, Debug)]
pub struct Published {
    /// The newest root.
    pub root: File<Root>,
    /// The timestamp.
    pub timestamp: File<Timestamp>,
    /// The snapshot that the timestamp names.
    pub snapshot: File<Snapshot>,
    /// The targets file that the snapshot names.
    pub targets: File<Targets>,
    /// The delegated roles that the snapshot names.
    pub delegated: BTreeMap<String, File<Targets>>,
}

impl Published {
    /// Reads what is served now.
    pub fn load(repository: &Repository) -> Result<Self, Error> {
        Self::from_source(repository)
    }

    pub(crate) fn from_source(source: &dyn Source) -> Result<Self, Error> {
        let root = newest_root(source)?;
        let timestamp: File<Timestamp> = parsed(source, TIMESTAMP_FILE)?;
        let pinned = &timestamp.role.meta.snapshot;
        let snapshot: File<Snapshot> = parsed(source, &format!("{}.snapshot.json", pinned.version))?;
        let mut delegated = BTreeMap::new();
        let mut targets = None;
        for (name, meta) in &snapshot.role.meta {
            let role = name.strip_suffix(".json").unwrap_or(name);
            let file: File<Targets> = parsed(source, &format!("{}.{role}.json", meta.version))?;
            if role == TARGETS {
                targets = Some(file);
            } else {
                delegated.insert(role.to_owned(), file);
            }
        }
        let missing = || RepositoryError::Missing {
            file: "the targets entry of the snapshot".to_owned(),
        };
        let targets = targets.ok_or_else(missing)?;
        Ok(Self {
            root,
            timestamp,
            snapshot,
            targets,
            delegated,
        })
    }

    /// The file of a role that holds targets.
    pub fn role(&self, role: &TargetsRole) -> Option<&File<Targets>> {
        if role.name() == TARGETS {
            Some(&self.targets)
        } else {
            self.delegated.get(role.name())
        }
    }

    /// Whether this is what a proposal asks for.
    pub(crate) fn has(&self, proposal: &Proposal) -> bool {
        let same = |(name, new): (&String, &File<Targets>)| {
            let role = TargetsRole::parse(name).and_then(|role| self.role(&role));
            role.is_some_and(|old| old.role == new.role)
        };
        proposal.roles().iter().all(same)
    }

    /// Puts the new files of a proposal in the place of the old ones.
    pub(crate) fn take_over(&mut self, proposal: &Proposal) {
        for (name, file) in proposal.roles() {
            if name == TARGETS {
                self.targets = file.clone();
            } else {
                self.delegated.insert(name.clone(), file.clone());
            }
        }
    }

    /// What the snapshot says of a role's file.
    pub(crate) fn pinned(&self, role: &str) -> Option<&MetaFile> {
        self.snapshot.role.meta.get(&format!("{role}.json"))
    }

    /// The entry of a target name in the role that signs such names.
    pub fn target(&self, role: &TargetsRole, name: &str) -> Option<&Target> {
        self.role(role)?.role.targets.get(name)
    }

    /// Whose signatures count for a role that holds targets, as the delegator's file (or the root) says.
    pub(crate) fn signers(&self, role: &TargetsRole) -> Option<Signers> {
        if role.name() == TARGETS {
            return Some(Signers::top(&self.root.role.roles.targets, &self.root.role.keys));
        }
        delegated_signers(&self.targets.role, role)
    }

    /// Ids of the products, in the order in which they were added.
    pub fn products(&self) -> Vec<String> {
        let delegations = self.targets.role.delegations.iter();
        delegations
            .flat_map(|delegations| &delegations.roles)
            .filter(|role| !role.name.contains('_'))
            .map(|role| role.name.clone())
            .collect()
    }
}

/// Whose signatures count for a delegated role, as a targets file says.
pub(crate) fn delegated_signers(targets: &Targets, role: &TargetsRole) -> Option<Signers> {
    let delegations = targets.delegations.as_ref()?;
    let delegation = delegations
        .roles
        .iter()
        .find(|delegation| delegation.name == role.name())?;
    Some(Signers::delegated(delegation, delegations))
}

/// The next version of a role: above the one that is served (0 for none), and above what a publication that was cut has
/// left. A name never gets other content once it was there, because caches keep it for a year.
pub(crate) fn free_version(path: &Path, role: &str, served: u64) -> Result<u64, StorageError> {
    let ending = format!(".{role}.json");
    let names = storage::names(&path.join("metadata"))?;
    let version = |name: &String| name.strip_suffix(&ending).and_then(|version| version.parse().ok());
    let there: Option<u64> = names.iter().filter_map(version).max();
    Ok(there.unwrap_or(0).max(served).saturating_add(1))
}

/// Name of a target file in the `targets` folder.
pub(crate) fn hashed_name(digest: &Digest, name: &str) -> String {
    format!("{}.{name}", Hex(digest))
}

fn newest_root(source: &dyn Source) -> Result<File<Root>, Error> {
    let mut newest = parsed(source, "1.root.json")?;
    let mut version = 2u64;
    while let Some(bytes) = source.metadata(&format!("{version}.root.json"))? {
        newest = parse(&format!("{version}.root.json"), &bytes)?;
        version += 1;
    }
    Ok(newest)
}

fn parsed<R: Role>(source: &dyn Source, name: &str) -> Result<File<R>, Error> {
    let missing = || RepositoryError::Missing {
        file: format!("metadata/{name}"),
    };
    let bytes = source.metadata(name)?.ok_or_else(missing)?;
    parse(name, &bytes)
}

pub(crate) fn parse<R: Role>(name: &str, bytes: &[u8]) -> Result<File<R>, Error> {
    let damaged = |source| RepositoryError::Damaged {
        file: name.to_owned(),
        source,
    };
    Ok(parse_file(bytes).map_err(damaged)?)
}
