//! What every root has to fulfil before a holder signs it.

use super::refusal::{Refusal, TopLevelRole};
use crate::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use tuffet_tuf::{
    limits::ROOT_KEYS_MAX,
    model::{KeyId, RoleKeys, Root},
};
use tuffet_wire::UnixSeconds;

/// Ten years. Nobody keeps a key safe for longer, and a root that lives longer can hardly be replaced.
const DAYS_MAX: u32 = 3650;
/// 2026-01-01T00:00:00Z, before the first release of this tool: a clock that says less was never set.
const EARLIEST: UnixSeconds = UnixSeconds::new(1_767_225_600);
/// How far two machines' clocks may be apart.
const SKEW_DAYS: u32 = 1;

/// Refuses a root that cannot be signed, trusts a key too much, or is out of its time.
pub fn check(root: &Root, now: UnixSeconds) -> Result<(), Refusal> {
    if !root.consistent_snapshot {
        return Err(Refusal::SnapshotsNotConsistent);
    }
    if root.keys.len() > ROOT_KEYS_MAX {
        return Err(Refusal::TooManyKeys { keys: root.keys.len() });
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
    if now < EARLIEST {
        return Err(Refusal::ClockNotSet { now });
    }
    if root.signed_at > now.saturating_add_days(SKEW_DAYS) {
        return Err(Refusal::WrittenLater {
            signed_at: root.signed_at,
            now,
        });
    }
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

#[cfg(test)]
mod tests {
    use super::super::{
        RootFile,
        samples::{Keys, NOW},
    };
    use super::*;
    use crate::{KeyRole, KeySource as _, SecretKey, public_key::UnusableKey};
    use tuffet_tuf::model::Key;

    fn sound_root(keys: &Keys) -> Root {
        RootFile::create(&keys.plan()).unwrap().root().clone()
    }

    /// What is said to a root that was sound until a hostile or careless writer got at it.
    fn refusal_after(fault: impl FnOnce(&mut Root, &Keys)) -> Refusal {
        let keys = Keys::new();
        let mut root = sound_root(&keys);
        fault(&mut root, &keys);
        match check(&root, NOW) {
            Err(refusal) => refusal,
            Ok(()) => panic!("accepted: {root:?}"),
        }
    }

    #[test]
    fn thresholds_that_nobody_or_everybody_reaches() {
        assert!(matches!(
            refusal_after(|root, _| root.roles.root.threshold = 0),
            Refusal::ThresholdZero {
                role: TopLevelRole::Root
            }
        ));
        assert!(matches!(
            refusal_after(|root, _| root.roles.timestamp.threshold = 0),
            Refusal::ThresholdZero {
                role: TopLevelRole::Timestamp
            }
        ));
        assert!(matches!(
            refusal_after(|root, _| root.roles.root.threshold = 4),
            Refusal::ThresholdUnreachable {
                role: TopLevelRole::Root,
                threshold: 4,
                keys: 3
            }
        ));
        assert!(matches!(
            refusal_after(|root, _| root.roles.targets.keyids.clear()),
            Refusal::ThresholdUnreachable {
                role: TopLevelRole::Targets,
                threshold: 1,
                keys: 0
            }
        ));
    }

    #[test]
    fn keys_that_do_not_stand_for_one_holder_each() {
        assert!(matches!(
            refusal_after(|root, _| root.roles.root.keyids[1] = root.roles.root.keyids[0]),
            Refusal::KeyTwice {
                role: TopLevelRole::Root,
                ..
            }
        ));
        assert!(matches!(
            refusal_after(|root, keys| drop(root.keys.remove(&keys.snapshot.public_key().id()))),
            Refusal::KeyNotListed {
                role: TopLevelRole::Snapshot,
                ..
            }
        ));
        let under_another_id = |root: &mut Root, keys: &Keys| {
            let other = keys.timestamp.public_key().key().clone();
            root.keys.insert(keys.snapshot.public_key().id(), other);
        };
        assert!(matches!(refusal_after(under_another_id), Refusal::KeyMisnamed { .. }));
        let weak = |root: &mut Root, _: &Keys| {
            let mut neutral = [0; 32];
            neutral[0] = 1;
            let weak = Key::ed25519(&neutral);
            root.keys.insert(weak.id().unwrap(), weak);
        };
        assert!(matches!(
            refusal_after(weak),
            Refusal::KeyUnusable {
                why: UnusableKey::Weak,
                ..
            }
        ));
        let one_too_many = |root: &mut Root, _: &Keys| {
            for _ in root.keys.len()..=ROOT_KEYS_MAX {
                let key = SecretKey::generate(KeyRole::Root).unwrap();
                root.keys.insert(key.public_key().id(), key.public_key().key().clone());
            }
        };
        assert!(matches!(
            refusal_after(one_too_many),
            Refusal::TooManyKeys { keys } if keys == ROOT_KEYS_MAX + 1
        ));
    }

    #[test]
    fn keys_that_stand_for_two_roles() {
        assert!(matches!(
            refusal_after(|root, keys| root.roles.targets.keyids.push(keys.root[0].public_key().id())),
            Refusal::KeyInTwoRoles {
                first: TopLevelRole::Root,
                second: TopLevelRole::Targets,
                ..
            }
        ));
        assert!(matches!(
            refusal_after(|root, keys| root.roles.timestamp.keyids.push(keys.targets.public_key().id())),
            Refusal::KeyInTwoRoles {
                first: TopLevelRole::Targets,
                second: TopLevelRole::Timestamp,
                ..
            }
        ));
    }

    #[test]
    fn times_that_are_out_of_range() {
        assert!(matches!(
            refusal_after(|root, _| root.expires = NOW),
            Refusal::Expired { now: NOW, expires: NOW }
        ));
        assert!(matches!(
            refusal_after(|root, _| root.expires = NOW.saturating_add_days(3650).saturating_add(1)),
            Refusal::ExpiresTooLate { .. }
        ));
        assert!(matches!(
            refusal_after(|root, _| root.signed_at = NOW.saturating_add_days(1).saturating_add(1)),
            Refusal::WrittenLater { now: NOW, .. }
        ));
    }

    #[test]
    fn snapshots_that_are_not_consistent() {
        assert!(matches!(
            refusal_after(|root, _| root.consistent_snapshot = false),
            Refusal::SnapshotsNotConsistent
        ));
    }

    #[test]
    fn ten_years_a_day_of_skew_and_one_online_key_are_accepted() {
        let keys = Keys::new();
        let mut root = sound_root(&keys);
        root.expires = NOW.saturating_add_days(3650);
        root.signed_at = NOW.saturating_add_days(1);
        root.roles.timestamp.keyids = root.roles.snapshot.keyids.clone();
        check(&root, NOW).unwrap();
    }

    #[test]
    fn clock_that_was_never_set_is_noticed() {
        let mut root = sound_root(&Keys::new());
        root.signed_at = UnixSeconds::ZERO;
        let now = UnixSeconds::new(3600);
        assert!(matches!(check(&root, now), Err(Refusal::ClockNotSet { now: said }) if said == now));
    }
}
