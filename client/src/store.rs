//! What the device keeps of the repository: the trusted state, the metadata and the targets last seen.
//!
//! - Files are kept byte for byte as received, under their role; every write is atomic and durable.
//! - The trusted state pins the digest of each. A copy that does not have the pinned digest is not used: it is fetched
//!   again. So an edited or torn copy is noticed, costs one download, and never lowers a version.
//! - The trusted state itself carries a digest. If that does not fit, the device says so and stops: without it nothing
//!   would hold the versions up.

use crate::device::DeviceFolder;
use crate::error::{ClientError, StorageError};
use crate::files::{read_if_there, remove_if_there, write_atomically};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::tuf::{FileName, RoleName};
use tuffet_no_std_client::wire::{Digest, hex::Hex};

/// The store in a device folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: DeviceFolder,
}

impl Store {
    /// The store of a device.
    #[must_use]
    pub fn new(folder: &DeviceFolder) -> Self {
        Self { folder: folder.clone() }
    }

    /// Makes the folders of an empty store.
    pub fn create(&self) -> Result<(), ClientError> {
        for name in ["metadata", "targets", "slots"] {
            let path = self.folder.file(name);
            std::fs::create_dir_all(&path).map_err(|error| StorageError::new("make the folder", &path, error))?;
        }
        Ok(())
    }

    /// Reads the trusted state.
    pub fn state(&self) -> Result<DeviceState, ClientError> {
        let path = self.folder.file("state.bin");
        let Some(record) = read_if_there(&path)? else {
            return Err(ClientError::DamagedStore {
                file: path,
                reason: "it is missing".to_owned(),
            });
        };
        DeviceState::decode(&record).map_err(|bad| ClientError::DamagedStore {
            file: path,
            reason: bad.to_string(),
        })
    }

    /// Replaces the trusted state.
    pub fn save_state(&self, state: &DeviceState) -> Result<(), ClientError> {
        Ok(write_atomically(&self.folder.file("state.bin"), &state.encode())?)
    }

    /// The metadata file kept for a role, if there is one, whatever it holds.
    pub fn metadata(&self, role: &RoleName) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(read_if_there(&self.metadata_path(role))?)
    }

    /// Keeps the metadata file of a role.
    pub fn keep_metadata(&self, role: &RoleName, bytes: &[u8]) -> Result<(), ClientError> {
        Ok(write_atomically(&self.metadata_path(role), bytes)?)
    }

    /// A target as kept, if it has this digest.
    pub fn target(&self, name: &str, digest: &Digest) -> Result<Option<Vec<u8>>, ClientError> {
        let kept = read_if_there(&self.target_path(name))?;
        Ok(kept.filter(|bytes| has_digest(bytes, digest)))
    }

    /// Keeps a small target.
    pub fn keep_target(&self, name: &str, bytes: &[u8]) -> Result<(), ClientError> {
        Ok(write_atomically(&self.target_path(name), bytes)?)
    }

    /// The file that holds the part of a download that has come so far.
    pub fn part(&self, digest: &Digest) -> Result<PathBuf, ClientError> {
        let folder = self.folder.file("download");
        std::fs::create_dir_all(&folder).map_err(|error| StorageError::new("make the folder", &folder, error))?;
        Ok(folder.join(part_name(digest)))
    }

    /// Removes the parts of all downloads but these.
    pub fn forget_other_parts(&self, digests: &[Digest]) -> Result<(), ClientError> {
        let folder = self.folder.file("download");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StorageError::new("read", &folder, error).into()),
        };
        let names: Vec<String> = digests.iter().map(part_name).collect();
        for entry in entries {
            let entry = entry.map_err(|error| StorageError::new("read", &folder, error))?;
            if !names.iter().any(|name| entry.file_name() == **name) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }

    fn metadata_path(&self, role: &RoleName) -> PathBuf {
        // The name as served, without a version: percent-encoded, so that no role can name another folder.
        self.folder.file("metadata").join(
            FileName {
                role: *role,
                version: None,
            }
            .to_string(),
        )
    }

    fn target_path(&self, name: &str) -> PathBuf {
        self.folder.file("targets").join(name)
    }
}

fn part_name(digest: &Digest) -> String {
    format!("{}.part", Hex(digest))
}

/// Whether bytes have a digest.
pub fn has_digest(bytes: &[u8], digest: &Digest) -> bool {
    Sha256::digest(bytes).as_slice() == digest
}
