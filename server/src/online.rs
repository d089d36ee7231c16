//! The keys of snapshot and timestamp, and what is signed with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use tuffet_keys_tool::{KeyRole, KeySource, Passphrase};
use tuffet_tuf::model::{MetaFile, Root, Snapshot, Timestamp, TimestampMeta};
use tuffet_wire::UnixSeconds;

use crate::{
    error::{Error, Refused},
    key_folder::KeyFolder,
    roles::{Lifetimes, Signers, bytes_max},
    signing::sign_and_emit,
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

    /// Opens the keys of snapshot and timestamp in a folder of key files. Other keys there are not looked at.
    pub fn load(folder: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        Self::of(&KeyFolder::open(folder)?, folder, passphrase)
    }

    /// The same for a server: a folder with a key that could sign more is refused, because it has no business there.
    /// Keys of rollouts may be there, under the same passphrase: they are opened to see that they are what they are called.
    pub fn load_for_server(folder: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let keys = KeyFolder::open(folder)?;
        keys.check_online(passphrase)?;
        Self::of(&keys, folder, passphrase)
    }

    fn of(keys: &KeyFolder, folder: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let load = |role: KeyRole| -> Result<Vec<Box<dyn KeySource + Send + Sync>>, Error> {
            let keys = keys.secret_keys(&role, passphrase)?;
            Ok(keys.into_iter().map(|key| Box::new(key) as _).collect())
        };
        let keys = Self::new(load(KeyRole::Snapshot)?, load(KeyRole::Timestamp)?);
        if keys.snapshot.is_empty() || keys.timestamp.is_empty() {
            return Err(Refused::NoOnlineKeys {
                path: folder.to_owned(),
            }
            .into());
        }
        Ok(keys)
    }

    /// Whether these keys are the ones that the root names, and enough of them.
    pub fn check(&self, root: &Root) -> Result<(), Error> {
        for (name, role, keys) in [
            ("snapshot", &root.roles.snapshot, &self.snapshot),
            ("timestamp", &root.roles.timestamp, &self.timestamp),
        ] {
            let named: BTreeSet<_> = keys
                .iter()
                .map(|key| key.public_key().id())
                .filter(|id| role.keyids.contains(id))
                .collect();
            let have = u32::try_from(named.len()).unwrap_or(u32::MAX);
            if have < role.threshold {
                return Err(Refused::KeysMissing {
                    role: name,
                    needed: role.threshold,
                    have,
                }
                .into());
            }
        }
        Ok(())
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
