//! The roles of a repository: names, patterns, lifetimes and limits.
//!
//! Every product has three delegated roles with disjoint patterns, so that one product cannot sign for another and the
//! operator of a rollout cannot sign a release:
//!
//! | role | signed by | signs |
//! | --- | --- | --- |
//! | `PRODUCT` | the product's keys, m of n | `PRODUCT_*.release`: the pointers that devices look up |
//! | `PRODUCT_files` | the same | `PRODUCT_*.zst`, `.patch`, `.json`, `.document`: for other TUF clients, and for ten years |
//! | `PRODUCT_rollout` | the operator's key | `PRODUCT_*.rollout`; terminating |

use std::collections::BTreeMap;

use tuffet_keys_tool::PublicKey;
use tuffet_release::Id;
use tuffet_tuf::model::{DelegatedRole, Delegations, Key, KeyId, RoleKeys};

/// Products in one repository: the snapshot has to fit the RAM of the smallest device, 4 KiB, with three roles for each.
pub const PRODUCTS_MAX: usize = 6;

/// For how many days each kind of metadata is valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Top-level targets.
    pub targets_days: u32,
    /// `PRODUCT` and `PRODUCT_files`.
    pub product_days: u32,
    /// `PRODUCT_rollout`.
    pub rollout_days: u32,
    /// Snapshot.
    pub snapshot_days: u32,
    /// Timestamp.
    pub timestamp_days: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            targets_days: 365,
            product_days: 180,
            rollout_days: 30,
            snapshot_days: 7,
            timestamp_days: 3,
        }
    }
}

/// Longest files that a small device takes, in bytes; the publisher refuses to make longer ones.
pub mod bytes_max {
    use tuffet_release::{DOCUMENT_BYTES_MAX, ROLLOUT_BYTES_MAX, SUPPORT_BYTES_MAX};
    use tuffet_tuf::Limits;

    const DEVICE: Limits = Limits::DEFAULT;

    /// Root.
    pub const ROOT: u64 = DEVICE.root_bytes_max as u64;
    /// Timestamp.
    pub const TIMESTAMP: u64 = DEVICE.timestamp_bytes_max as u64;
    /// Snapshot.
    pub const SNAPSHOT: u64 = DEVICE.snapshot_bytes_max as u64;
    /// Top-level targets.
    pub const TARGETS: u64 = DEVICE.targets_bytes_max as u64;
    /// `PRODUCT` and `PRODUCT_rollout`.
    pub const PRODUCT: u64 = DEVICE.delegated_bytes_max as u64;
    /// `PRODUCT_files`, which no small device reads. Ten years of weekly releases are below 1 MiB.
    pub const FILES: u64 = 4 * 1024 * 1024;
    /// A release document.
    pub const DOCUMENT: u64 = DOCUMENT_BYTES_MAX as u64;
    /// A rollout file.
    pub const ROLLOUT: u64 = ROLLOUT_BYTES_MAX as u64;
    /// A support statement.
    pub const SUPPORT: u64 = SUPPORT_BYTES_MAX as u64;
}

/// Which of a repository's signed lists a role name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `targets`: only delegates.
    Targets,
    /// `PRODUCT`.
    Pointers,
    /// `PRODUCT_files`.
    Files,
    /// `PRODUCT_rollout`.
    Rollout,
}

/// A role whose file holds targets: its name taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetsRole {
    kind: Kind,
    name: String,
    product: Option<Id>,
}

impl TargetsRole {
    /// The top-level role.
    pub fn top() -> Self {
        Self {
            kind: Kind::Targets,
            name: "targets".to_owned(),
            product: None,
        }
    }

    /// A role of a product.
    pub fn of(product: &Id, kind: Kind) -> Self {
        let name = match kind {
            Kind::Targets => return Self::top(),
            Kind::Pointers => product.to_string(),
            Kind::Files => format!("{product}_files"),
            Kind::Rollout => format!("{product}_rollout"),
        };
        Self {
            kind,
            name,
            product: Some(*product),
        }
    }

    /// Reads a role name. `None` means that no repository of this design has such a role.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "targets" {
            return Some(Self::top());
        }
        let (id, kind) = match name.split_once('_') {
            None => (name, Kind::Pointers),
            Some((id, "files")) => (id, Kind::Files),
            Some((id, "rollout")) => (id, Kind::Rollout),
            Some(_) => return None,
        };
        Some(Self::of(&Id::parse(id).ok()?, kind))
    }

    /// The role's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose role it is, if it is a product's.
    pub fn product(&self) -> Option<&Id> {
        self.product.as_ref()
    }

    /// Glob patterns of the names it may sign.
    pub fn patterns(&self) -> Vec<String> {
        let Some(product) = &self.product else {
            return Vec::new();
        };
        self.suffixes()
            .iter()
            .map(|suffix| format!("{product}_*{suffix}"))
            .collect()
    }

    /// Whether the role may sign this target name.
    pub fn may_sign(&self, target: &str) -> bool {
        let own = |product: &Id| {
            target
                .strip_prefix(product.as_str())
                .and_then(|rest| rest.strip_prefix('_'))
        };
        let Some(rest) = self.product.as_ref().and_then(own) else {
            return false;
        };
        self.suffixes().iter().any(|suffix| rest.ends_with(suffix))
    }

    /// Longest file of this role, in bytes.
    pub fn bytes_max(&self) -> u64 {
        match self.kind {
            Kind::Targets => bytes_max::TARGETS,
            Kind::Pointers | Kind::Rollout => bytes_max::PRODUCT,
            Kind::Files => bytes_max::FILES,
        }
    }

    /// For how many days a new file of this role is valid.
    pub fn days(&self, lifetimes: &Lifetimes) -> u32 {
        match self.kind {
            Kind::Targets => lifetimes.targets_days,
            Kind::Pointers | Kind::Files => lifetimes.product_days,
            Kind::Rollout => lifetimes.rollout_days,
        }
    }

    fn suffixes(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Targets => &[],
            Kind::Pointers => &[".release"],
            Kind::Files => &[".zst", ".patch", ".json", ".document"],
            Kind::Rollout => &[".rollout"],
        }
    }
}

/// Who signs for a product.
#[derive(Clone, Debug)]
pub struct ProductKeys {
    keys: Vec<PublicKey>,
    threshold: u32,
    rollout: Vec<PublicKey>,
}

/// Keys that cannot sign for a product as asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadKeys {
    /// The same key would count for two holders.
    #[error("a key is given twice; every holder needs a key of their own")]
    KeyTwice,
    /// No rollout key.
    #[error("a product needs a key for its rollouts; make one with `tuffet-keys generate --role PRODUCT_rollout`")]
    NoRolloutKey,
    /// The operator's key could sign releases.
    #[error("a rollout key is also a product key; who steers a rollout must not be able to sign a release")]
    RolloutKeySignsReleases,
    /// Zero, or more than there are keys.
    #[error("{threshold} signatures cannot be asked of {keys} keys")]
    Threshold {
        /// What was asked for.
        threshold: u32,
        /// Keys given.
        keys: usize,
    },
}

impl ProductKeys {
    /// `threshold` of `keys` sign releases; one of `rollout` signs rollouts.
    pub fn new(keys: Vec<PublicKey>, threshold: u32, rollout: Vec<PublicKey>) -> Result<Self, BadKeys> {
        if threshold == 0 || usize::try_from(threshold).map_or(true, |threshold| threshold > keys.len()) {
            return Err(BadKeys::Threshold {
                threshold,
                keys: keys.len(),
            });
        }
        if rollout.is_empty() {
            return Err(BadKeys::NoRolloutKey);
        }
        if keys
            .iter()
            .any(|key| rollout.iter().any(|other| other.id() == key.id()))
        {
            return Err(BadKeys::RolloutKeySignsReleases);
        }
        for group in [&keys, &rollout] {
            let mut ids: Vec<KeyId> = group.iter().map(PublicKey::id).collect();
            ids.sort_unstable();
            ids.dedup();
            if ids.len() != group.len() {
                return Err(BadKeys::KeyTwice);
            }
        }
        Ok(Self {
            keys,
            threshold,
            rollout,
        })
    }

    /// How many product keys have to sign.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The product's three delegations, added to those of a targets file.
    pub(crate) fn delegate(&self, product: &Id, delegations: &mut Delegations) {
        for (kind, keys, threshold) in [
            (Kind::Pointers, &self.keys, self.threshold),
            (Kind::Files, &self.keys, self.threshold),
            (Kind::Rollout, &self.rollout, 1),
        ] {
            let role = TargetsRole::of(product, kind);
            delegations.roles.push(DelegatedRole {
                keyids: keys.iter().map(PublicKey::id).collect(),
                name: role.name().to_owned(),
                path_hash_prefixes: None,
                paths: Some(role.patterns()),
                terminating: kind == Kind::Rollout,
                threshold,
            });
            delegations
                .keys
                .extend(keys.iter().map(|key| (key.id(), key.key().clone())));
        }
    }
}

/// Whose signatures count for a role, and how many are needed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signers {
    /// The keys that may sign.
    pub keys: BTreeMap<KeyId, Key>,
    /// How many different ones have to.
    pub threshold: u32,
}

impl Signers {
    /// Of a top-level role, out of a root.
    pub(crate) fn top(role: &RoleKeys, keys: &BTreeMap<KeyId, Key>) -> Self {
        Self::pick(&role.keyids, role.threshold, keys)
    }

    /// Of a delegated role, out of a targets file.
    pub(crate) fn delegated(role: &DelegatedRole, delegations: &Delegations) -> Self {
        Self::pick(&role.keyids, role.threshold, &delegations.keys)
    }

    fn pick(ids: &[KeyId], threshold: u32, keys: &BTreeMap<KeyId, Key>) -> Self {
        let keys = ids
            .iter()
            .filter_map(|id| keys.get(id).map(|key| (*id, key.clone())))
            .collect();
        Self { keys, threshold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_inverses() {
        for name in ["targets", "lamp", "lamp_files", "lamp_rollout", "lamp-2_files"] {
            assert_eq!(TargetsRole::parse(name).unwrap().name(), name);
        }
        for name in [
            "",
            "root",
            "snapshot",
            "timestamp",
            "Lamp",
            "lamp_",
            "_files",
            "lamp_other",
            "lamp_files_rollout",
            "root_files",
        ] {
            assert_eq!(TargetsRole::parse(name), None, "{name}");
        }
    }

    #[test]
    fn every_name_has_one_signer() {
        let signers = |target: &str| -> Vec<String> {
            [
                "targets",
                "lamp",
                "lamp_files",
                "lamp_rollout",
                "lamp-2",
                "lamp-2_files",
                "lamp-2_rollout",
            ]
            .into_iter()
            .filter(|role| TargetsRole::parse(role).unwrap().may_sign(target))
            .map(str::to_owned)
            .collect()
        };
        assert_eq!(signers("lamp_c3_stable.release"), ["lamp"]);
        assert_eq!(signers("lamp-2_c3_stable.release"), ["lamp-2"]);
        assert_eq!(signers("lamp_1.0.0_c3.zst"), ["lamp_files"]);
        assert_eq!(signers("lamp_support.json"), ["lamp_files"]);
        assert_eq!(signers("lamp_c3_stable.rollout"), ["lamp_rollout"]);
        for target in [
            "lamp.release",
            "lam_c3_stable.release",
            "lampx_c3.release",
            "other_c3.release",
            "lamp_c3.exe",
            "",
        ] {
            assert!(signers(target).is_empty(), "{target}");
        }
    }

    #[test]
    fn patterns_say_what_may_be_signed() {
        let files = TargetsRole::parse("lamp_files").unwrap();
        assert_eq!(
            files.patterns(),
            ["lamp_*.zst", "lamp_*.patch", "lamp_*.json", "lamp_*.document"]
        );
    }
}
