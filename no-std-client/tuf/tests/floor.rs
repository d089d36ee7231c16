//! Time without a clock: what raises the floor, what resets it, and what never does.

mod repository;

use repository::{Device, POINTER, ROLLOUT, Repository, SIGNED_AT, days, delegation, key_map, role_keys};
use tuffet_tuf::{ClockPolicy, Error, Rejected, Resolution, RoleName, TargetName, model::Delegations};

/// A device without a clock.
fn clockless(repository: &Repository) -> Device {
    Device {
        clock: ClockPolicy::FloorOnly,
        ..Device::provisioned(repository)
    }
}

#[test]
fn floor_rises_to_the_newest_signing_time_of_a_complete_cycle() {
    let mut repository = Repository::new();
    let mut device = clockless(&repository);
    assert_eq!(device.trusted.floor, SIGNED_AT);
    repository.timestamp.role.signed_at = days(2);
    repository.publish();
    device.update(&repository).unwrap();
    assert_eq!(device.trusted.floor, days(2));

    // It never falls: an older signing time in a newer file says nothing.
    repository.timestamp.role.signed_at = days(1);
    repository.publish();
    device.update(&repository).unwrap();
    assert_eq!(device.trusted.floor, days(2));
}

#[test]
fn floor_is_what_a_device_without_a_clock_goes_by() {
    let mut repository = Repository::new();
    repository.timestamp.role.signed_at = days(2);
    repository.publish();
    let mut device = clockless(&repository);
    device.update(&repository).unwrap();

    // A frozen repository: as newest as before, but what was learned shows that a file is over.
    repository.snapshot.role.expires = days(2);
    repository.publish_snapshot();
    let expected = Rejected::Expired {
        role: RoleName::Snapshot,
        expires: days(2),
        started_at: days(2),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn stolen_online_key_cannot_push_the_floor_past_an_offline_expiry() {
    let mut repository = Repository::new();
    repository.timestamp.role.signed_at = days(5000);
    repository.timestamp.role.expires = days(6000);
    repository.snapshot.role.expires = days(6000);
    repository.publish();
    let mut device = clockless(&repository);
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    // The product role lives 180 days, which is the shortest of root, targets and product.
    assert_eq!(device.trusted.floor, days(180).saturating_sub(1));
    // The device is not locked out.
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
}

#[test]
fn refused_cycle_does_not_raise_the_floor() {
    let mut repository = Repository::new();
    let mut device = clockless(&repository);
    repository.timestamp.role.signed_at = days(2);
    repository.delegated.get_mut("p").unwrap().signers = vec![30];
    repository.publish();
    assert!(device.update(&repository).is_err());
    assert_eq!(device.trusted.floor, SIGNED_AT);
    // The timestamp was rightly signed and is remembered; its time counts once a cycle is complete.
    assert_eq!(device.trusted.timestamp.unwrap().file.signed_at, days(2));
    repository.delegated.get_mut("p").unwrap().signers = vec![30, 31];
    repository.publish();
    device.update(&repository).unwrap();
    assert_eq!(device.trusted.floor, days(2));
}

#[test]
fn root_that_replaces_keys_sets_the_floor_to_its_own_signing_time() {
    for (replaced, resets) in [
        ("timestamp", true),
        ("snapshot", true),
        ("targets", true),
        ("root", false),
    ] {
        let mut repository = Repository::new();
        repository.timestamp.role.signed_at = days(5000);
        repository.timestamp.role.expires = days(6000);
        repository.publish();
        let mut device = clockless(&repository);
        device.update(&repository).unwrap();
        let poisoned = device.trusted.floor;
        assert_eq!(poisoned, days(180).saturating_sub(1));

        repository.rotate_root(|root| {
            let all = &[1, 2, 3, 4, 10, 11, 12, 20, 21, 22];
            root.role.keys = key_map(all);
            root.role.signed_at = days(10);
            let roles = &mut root.role.roles;
            match replaced {
                "timestamp" => roles.timestamp = role_keys(&[12], 1),
                "snapshot" => roles.snapshot = role_keys(&[12], 1),
                "targets" => roles.targets = role_keys(&[20, 22], 2),
                _ => roles.root = role_keys(&[1, 2, 4], 2),
            }
        });
        let session = device.begin().unwrap();
        let tuffet_tuf::Request::Fetch(_) = session.request() else {
            panic!()
        };
        // The walk alone: the rest of the repository still has the old signatures.
        let _refused_or_not = device.run(&repository, session);
        let expected = if resets { days(10) } else { poisoned };
        assert_eq!(device.trusted.floor, expected, "{replaced}");
    }
}

#[test]
fn reset_floor_counts_in_the_same_cycle() {
    let mut repository = Repository::new();
    repository.timestamp.role.signed_at = days(5000);
    repository.timestamp.role.expires = days(6000);
    repository.publish();
    let mut device = clockless(&repository);
    device.update(&repository).unwrap();

    // The stolen timestamp key is replaced; the new timestamp lives three days, far before the poisoned floor.
    repository.rotate_root(|root| {
        root.role.keys = key_map(&[1, 2, 3, 11, 12, 20, 21]);
        root.role.roles.timestamp = role_keys(&[12], 1);
        root.role.signed_at = days(10);
    });
    repository.timestamp.signers = vec![12];
    repository.sign_at(days(10));
    repository.publish();
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.floor, days(10));
}

#[test]
fn targets_that_replace_product_keys_set_the_floor() {
    let mut repository = Repository::new();
    let product = &mut repository.delegated.get_mut("p").unwrap().role;
    (product.signed_at, product.expires) = (days(5000), days(6000));
    repository.publish();
    let mut device = clockless(&repository);
    device.update(&repository).unwrap();
    let poisoned = device.trusted.floor;
    assert_eq!(poisoned, days(365).saturating_sub(1));

    // New product keys; only the online roles have to live past the poisoned floor to get there.
    repository.sign_at(days(20));
    repository.targets.role.expires = days(400);
    for name in ["p", "p_files"] {
        repository.delegated.get_mut(name).unwrap().signers = vec![32, 33];
    }
    let delegations = repository.targets.role.delegations.as_mut().unwrap();
    delegations.keys = key_map(&[32, 33, 40]);
    for role in &mut delegations.roles[..2] {
        role.keyids = role_keys(&[32, 33], 2).keyids;
    }
    repository.timestamp.role.expires = days(370);
    repository.snapshot.role.expires = days(370);
    repository.publish();
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.floor, days(20));
}

#[test]
fn same_product_keys_do_not_reset_the_floor() {
    let mut repository = Repository::new();
    repository.timestamp.role.signed_at = days(2);
    repository.publish();
    let mut device = clockless(&repository);
    device.update(&repository).unwrap();
    let delegations = repository.targets.role.delegations.as_mut().unwrap();
    delegations.roles[0].keyids.reverse();
    delegations.roles[0].threshold = 1;
    repository.publish();
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.floor, days(2));
    assert!(repository.served.contains_key("1.p.json") && POINTER.starts_with("p_"));
}

#[test]
fn clock_that_is_later_than_the_floor_counts() {
    let repository = Repository::new();
    let mut device = clockless(&repository);
    device.update(&repository).unwrap();
    device.clock = ClockPolicy::Trusted { now: days(700) };
    let expected = Rejected::Expired {
        role: RoleName::Timestamp,
        expires: days(3),
        started_at: days(700),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
    // And it is never remembered.
    assert_eq!(device.trusted.floor, SIGNED_AT);
}

#[test]
fn replaced_rollout_key_does_not_reset_the_floor() {
    let mut repository = Repository::new();
    let mut device = clockless(&repository);
    let with_rollout = |device: &mut Device, repository: &Repository| {
        let session = device.begin().unwrap();
        let session = device.run(repository, session).unwrap();
        let session = session.search(TargetName::new(ROLLOUT).unwrap()).unwrap();
        let session = device.run(repository, session).unwrap();
        assert!(matches!(session.resolution(), Some(Resolution::Found(_))));
    };
    repository.timestamp.role.signed_at = days(2);
    repository.publish();
    with_rollout(&mut device, &repository);
    assert_eq!(device.trusted.floor, days(2));

    repository.delegated.get_mut("p_rollout").unwrap().signers = vec![41];
    let delegations = repository.targets.role.delegations.as_mut().unwrap();
    delegations.keys = key_map(&[30, 31, 41]);
    delegations.roles[2].keyids = role_keys(&[41], 1).keyids;
    repository.publish();
    with_rollout(&mut device, &repository);
    assert_eq!(device.trusted.floor, days(2));
}

#[test]
fn delegated_role_that_replaces_keys_below_it_does_not_reset_the_floor() {
    // The product role delegates its pointer to a role below it, and later to other keys.
    let mut repository = Repository::new();
    let listed = std::mem::take(&mut repository.delegated.get_mut("p").unwrap().role.targets);
    let mut below = repository.delegated["p_rollout"].clone();
    below.role.targets = listed;
    repository.delegated.insert("below".to_string(), below);
    let delegate_to = |repository: &mut Repository, number: u8| {
        let roles = vec![delegation("below", &[number], 1, &["p_*.release"])];
        let product = &mut repository.delegated.get_mut("p").unwrap().role;
        product.delegations = Some(Delegations {
            keys: key_map(&[number]),
            roles,
        });
        repository.delegated.get_mut("below").unwrap().signers = vec![number];
        repository.publish();
    };
    repository.timestamp.role.signed_at = days(2);
    delegate_to(&mut repository, 50);
    let mut device = clockless(&repository);
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.floor, days(2));

    // Whoever stole the product's keys must not turn the time back with them.
    delegate_to(&mut repository, 51);
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.floor, days(2));
    // Not even within a cycle, where it would bring an expired file back to life.
    repository.delegated.get_mut("below").unwrap().role.expires = days(2);
    delegate_to(&mut repository, 52);
    let role = RoleName::new("below").unwrap();
    let expected = Rejected::Expired {
        role,
        expires: days(2),
        started_at: days(2),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}
