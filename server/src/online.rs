//! The keys of snapshot and timestamp, and what is signed with them.

use std::{collections::BTreeMap, path::Path};

use tuffet_keys_tool::{KeyRole, KeySource, Passphrase, SecretKey};
use tuffet_tuf::model::{MetaFile, Root, Snapshot, Timestamp, TimestampMeta};
use tuffet_wire::UnixSeconds;

use crate::{
    error::{Error, Refused},
    roles::{Lifetimes, Signers, bytes_max},
    signing::sign_and_emit,
    storage,
};

/// The online keys. They can say what is newest, never what is genuine.
pub struct OnlineKeys {
    snapshot: Vec<Box<dyn KeySource + Send + Sync>>,
    timestamp: Vec<Box<dyn KeySource + Send + Sync>>,
}

impl OnlineKeys {
    /// Takes over keys from wherever they live.
    pub fn new(
        snapshot: Vec<Box<dyn KeySource + Send + Sync>>,
        timestamp: Vec<Box<dyn KeySource + Send + Sync>>,
    ) -> Self {
        Self { snapshot, timestamp }
    }

    /// Opens the key files of a folder that holds only keys for snapshot and timestamp (and rollouts, which are not opened).
    ///
    /// A folder with an offline key is refused: that key has no business on a server.
    pub fn load(folder: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let mut keys = Self::new(Vec::new(), Vec::new());
        for name in storage::names(folder)? {
            // The name only saves the second that opening costs; what counts is the role inside the encrypted file.
            let Some(stem) = name.strip_suffix(".key").filter(|stem| !stem.contains("_rollout-")) else {
                continue;
            };
            let path = folder.join(&name);
            let offline = || Refused::OfflineKeyOnline { path: path.clone() };
            if !stem.starts_with("snapshot") && !stem.starts_with("timestamp") {
                return Err(offline().into());
            }
            let key = SecretKey::load(&path, passphrase)?;
            match key.role() {
                KeyRole::Snapshot => keys.snapshot.push(Box::new(key)),
                KeyRole::Timestamp => keys.timestamp.push(Box::new(key)),
                KeyRole::Rollout(_) => {}
                KeyRole::Root | KeyRole::Targets | KeyRole::Product(_) => return Err(offline().into()),
            }
        }
        if keys.snapshot.is_empty() && keys.timestamp.is_empty() {
            return Err(Refused::NoOnlineKeys {
                path: folder.to_owned(),
            }
            .into());
        }
        Ok(keys)
    }

    /// A signed snapshot over these role files.
    pub(crate) fn snapshot(
        &self,
        root: &Root,
        version: u64,
        meta: BTreeMap<String, MetaFile>,
        lifetimes: &Lifetimes,
        now: UnixSeconds,
    ) -> Result<Vec<u8>, Error> {
        let snapshot = Snapshot {
            expires: now.saturating_add_days(lifetimes.snapshot_days),
            meta,
            version,
            signed_at: now,
        };
        let signers = Signers::top(&root.roles.snapshot, &root.keys);
        let bytes = sign_and_emit(&snapshot, "snapshot", &references(&self.snapshot), &signers)?;
        within("snapshot", &bytes, bytes_max::SNAPSHOT)?;
        Ok(bytes)
    }

    /// A signed timestamp that names this snapshot.
    pub(crate) fn timestamp(
        &self,
        root: &Root,
        version: u64,
        snapshot: MetaFile,
        lifetimes: &Lifetimes,
        now: UnixSeconds,
    ) -> Result<Vec<u8>, Error> {
        let timestamp = Timestamp {
            expires: now.saturating_add_days(lifetimes.timestamp_days),
            meta: TimestampMeta { snapshot },
            version,
            signed_at: now,
        };
        let signers = Signers::top(&root.roles.timestamp, &root.keys);
        let bytes = sign_and_emit(&timestamp, "timestamp", &references(&self.timestamp), &signers)?;
        within("timestamp", &bytes, bytes_max::TIMESTAMP)?;
        Ok(bytes)
    }
}

/// A file that is longer than what the smallest device takes is not published.
pub(crate) fn within(role: &str, bytes: &[u8], bytes_max: u64) -> Result<(), Refused> {
    let length = bytes.len() as u64;
    if length <= bytes_max {
        return Ok(());
    }
    Err(Refused::TooLong {
        file: role.to_owned(),
        length,
        bytes_max,
    })
}

fn references(keys: &[Box<dyn KeySource + Send + Sync>]) -> Vec<&(dyn KeySource + Send + Sync)> {
    keys.iter().map(AsRef::as_ref).collect()
}
