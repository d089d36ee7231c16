//! Writing the first root.

use super::{Refusal, RootFile, sound};
use crate::{Error, PublicKey};
use std::collections::BTreeMap;
use tuffet_tuf::model::{RoleKeys, Root, TopLevelRoles};
use tuffet_wire::UnixSeconds;

/// The keys of a role, and how many of them have to sign.
#[derive(Clone, Debug)]
pub struct RolePlan {
    /// Keys that may sign.
    pub keys: Vec<PublicKey>,
    /// How many different ones have to.
    pub threshold: u32,
}

/// What the first root should say.
#[derive(Clone, Debug)]
pub struct RootPlan {
    /// Signs who signs what.
    pub root: RolePlan,
    /// Delegates to the products.
    pub targets: RolePlan,
    /// Signs which versions belong together.
    pub snapshot: RolePlan,
    /// Signs which snapshot is the newest.
    pub timestamp: RolePlan,
    /// Now, by the clock of the machine it is written on.
    pub signed_at: UnixSeconds,
    /// When it stops being valid.
    pub expires: UnixSeconds,
    /// Whether one root key may be lost.
    pub spare: Spare,
}

/// Whether a root key has to be left over when the threshold is reached.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Spare {
    /// A repository may not end with one lost key.
    Required,
    /// It may; someone has decided so.
    Waived,
}

impl RootFile {
    /// Writes the first root, version 1, without signatures.
    pub fn create(plan: &RootPlan) -> Result<Self, Error> {
        let roles = [&plan.root, &plan.targets, &plan.snapshot, &plan.timestamp];
        let keys: BTreeMap<_, _> = roles
            .into_iter()
            .flat_map(|role| &role.keys)
            .map(|key| (key.id(), key.key().clone()))
            .collect();
        let root = Root {
            consistent_snapshot: true,
            expires: plan.expires,
            keys,
            roles: TopLevelRoles {
                root: plan.root.role_keys(),
                snapshot: plan.snapshot.role_keys(),
                targets: plan.targets.role_keys(),
                timestamp: plan.timestamp.role_keys(),
            },
            version: 1,
            signed_at: plan.signed_at,
        };
        sound::check(&root, plan.signed_at)?;
        let file = Self {
            root,
            signatures: Vec::new(),
        };
        if plan.spare == Spare::Required && !file.has_spare() {
            return Err(Refusal::NoSpareRootKey {
                keys: plan.root.keys.len(),
            }
            .into());
        }
        Ok(file)
    }

    /// Whether the root role can lose a key and still sign.
    pub fn has_spare(&self) -> bool {
        let RoleKeys { keyids, threshold } = &self.root.roles.root;
        usize::try_from(*threshold).is_ok_and(|threshold| threshold < keyids.len())
    }
}

impl RolePlan {
    fn role_keys(&self) -> RoleKeys {
        let mut keyids: Vec<_> = self.keys.iter().map(PublicKey::id).collect();
        keyids.sort_unstable();
        RoleKeys {
            keyids,
            threshold: self.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Keys, NOW, role};
    use super::*;
    use crate::{KeySource as _, SecretKey};

    fn refusal(plan: &RootPlan) -> Refusal {
        match RootFile::create(plan) {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn first_root_says_what_was_planned() {
        let keys = Keys::new();
        let file = RootFile::create(&keys.plan()).unwrap();
        let root = file.root();
        assert_eq!((root.version, root.consistent_snapshot), (1, true));
        assert_eq!((root.signed_at, root.expires), (NOW, NOW.saturating_add_days(730)));
        assert_eq!(root.keys.len(), 6);
        assert_eq!(root.roles.root.threshold, 2);
        assert_eq!(root.roles.targets.keyids, [keys.targets.public_key().id()]);
        assert!(file.signatures.is_empty());
    }

    #[test]
    fn root_without_a_spare_key_needs_a_decision() {
        let keys = Keys::new();
        for (threshold, holders) in [(3, 3), (1, 1)] {
            let mut plan = keys.plan();
            let holders: Vec<&SecretKey> = keys.root.iter().take(holders).collect();
            plan.root = role(threshold, &holders);
            assert!(matches!(
                refusal(&plan),
                Refusal::NoSpareRootKey { keys } if keys == holders.len()
            ));
            plan.spare = Spare::Waived;
            assert!(!RootFile::create(&plan).unwrap().has_spare());
        }
        assert!(RootFile::create(&keys.plan()).unwrap().has_spare());
    }

    #[test]
    fn same_key_named_twice_is_refused() {
        let keys = Keys::new();
        let mut plan = keys.plan();
        plan.root = role(2, &[&keys.root[0], &keys.root[0], &keys.root[1]]);
        assert!(matches!(refusal(&plan), Refusal::KeyTwice { .. }));
    }
}
