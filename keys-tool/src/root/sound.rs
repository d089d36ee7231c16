//! What every root has to fulfil before a holder signs it.

use super::refusal::{Refusal, TopLevelRole};
use crate::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use tuffet_tuf::model::{KeyId, RoleKeys, Root};
use tuffet_wire::UnixSeconds;

/// Ten years. Nobody keeps a key safe for longer, and a root that lives longer can hardly be replaced.
const DAYS_MAX: u32 = 3650;

/// Refuses a root that cannot be signed, trusts a key too much, or is out of its time.
pub fn check(root: &Root, now: UnixSeconds) -> Result<(), Refusal> {
    if !root.consistent_snapshot {
        return Err(Refusal::SnapshotsNotConsistent);
    }
    for (id, key) in &root.keys {
        let usable = PublicKey::from_key(key.clone()).map_err(|why| Refusal::KeyUnusable { key: *id, why })?;
        if usable.id() != *id {
            return Err(Refusal::KeyMisnamed { key: *id });
        }
    }
    for role in TopLevelRole::ALL {
        check_role(root, role)?;
    }
    check_separation(root)?;
    check_time(root, now)
}

/// The keys of a role.
pub const fn keys_of(root: &Root, role: TopLevelRole) -> &RoleKeys {
    match role {
        TopLevelRole::Root => &root.roles.root,
        TopLevelRole::Snapshot => &root.roles.snapshot,
        TopLevelRole::Targets => &root.roles.targets,
        TopLevelRole::Timestamp => &root.roles.timestamp,
    }
}

fn check_role(root: &Root, role: TopLevelRole) -> Result<(), Refusal> {
    let RoleKeys { keyids, threshold } = keys_of(root, role);
    let mut seen = BTreeSet::new();
    for key in keyids {
        if !seen.insert(*key) {
            return Err(Refusal::KeyTwice { key: *key, role });
        }
        if !root.keys.contains_key(key) {
            return Err(Refusal::KeyNotListed { key: *key, role });
        }
    }
    if *threshold == 0 {
        return Err(Refusal::ThresholdZero { role });
    }
    if usize::try_from(*threshold).is_ok_and(|threshold| threshold <= keyids.len()) {
        return Ok(());
    }
    Err(Refusal::ThresholdUnreachable {
        role,
        threshold: *threshold,
        keys: keyids.len(),
    })
}

/// A key that stands for two roles gives both to one thief. Snapshot and timestamp may share one: both are signed online,
/// by the same process.
fn check_separation(root: &Root) -> Result<(), Refusal> {
    let mut owner: BTreeMap<KeyId, TopLevelRole> = BTreeMap::new();
    for second in TopLevelRole::ALL {
        for key in &keys_of(root, second).keyids {
            if let Some(first) = owner.insert(*key, second)
                && (first, second) != (TopLevelRole::Snapshot, TopLevelRole::Timestamp)
            {
                return Err(Refusal::KeyInTwoRoles {
                    key: *key,
                    first,
                    second,
                });
            }
        }
    }
    Ok(())
}

fn check_time(root: &Root, now: UnixSeconds) -> Result<(), Refusal> {
    if root.expires <= now {
        return Err(Refusal::Expired {
            expires: root.expires,
            now,
        });
    }
    let latest = now.saturating_add_days(DAYS_MAX);
    if root.expires > latest {
        return Err(Refusal::ExpiresTooLate {
            expires: root.expires,
            latest,
        });
    }
    Ok(())
}
