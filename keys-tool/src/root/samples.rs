//! Roots and keys for the tests of this module.

use super::{RolePlan, RootPlan, Spare};
use crate::{KeyRole, KeySource as _, SecretKey};
use tuffet_wire::UnixSeconds;

/// The time at which these tests happen.
pub const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

/// The secret keys of a repository.
pub struct Keys {
    /// Three holders.
    pub root: [SecretKey; 3],
    /// The one who delegates.
    pub targets: SecretKey,
    /// Online.
    pub snapshot: SecretKey,
    /// Online.
    pub timestamp: SecretKey,
}

impl Keys {
    /// New ones.
    pub fn new() -> Self {
        let key = |role| SecretKey::generate(role).unwrap();
        Self {
            root: [key(KeyRole::Root), key(KeyRole::Root), key(KeyRole::Root)],
            targets: key(KeyRole::Targets),
            snapshot: key(KeyRole::Snapshot),
            timestamp: key(KeyRole::Timestamp),
        }
    }

    /// A root that two of the three holders have to sign.
    pub fn plan(&self) -> RootPlan {
        RootPlan {
            root: role(2, &[&self.root[0], &self.root[1], &self.root[2]]),
            targets: role(1, &[&self.targets]),
            snapshot: role(1, &[&self.snapshot]),
            timestamp: role(1, &[&self.timestamp]),
            signed_at: NOW,
            expires: NOW.saturating_add_days(730),
            spare: Spare::Required,
        }
    }
}

/// A role that these keys sign.
pub fn role(threshold: u32, keys: &[&SecretKey]) -> RolePlan {
    RolePlan {
        keys: keys.iter().map(|key| key.public_key().clone()).collect(),
        threshold,
    }
}
