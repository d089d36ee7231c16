//! The walk from root to root.

mod repository;

use repository::{Device, Repository, days, key, key_map, role_keys, sign, signature};
use tuffet_tuf::{
    Error, Flaw, Limits, Rejected, Request, Resolution, RoleName, RoleVersion, TrustedState, emit, first_root,
};

fn version(number: u64) -> RoleVersion {
    RoleVersion::new(number).unwrap()
}

#[test]
fn roots_are_walked_one_by_one_and_each_is_stored() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    // Version 2 replaces key 1 by key 4, version 3 signs with the new pair only.
    repository.rotate_root(|root| {
        root.role.keys = key_map(&[2, 3, 4, 10, 11, 20, 21]);
        root.role.roles.root = role_keys(&[2, 3, 4], 2);
        root.signers = vec![3, 4];
    });
    repository.root.signers = vec![3, 4];
    repository.rotate_root(|_| {});
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(
        device.requests[..4],
        ["2.root.json", "3.root.json", "4.root.json", "timestamp.json"]
    );
    assert_eq!(device.trusted.root.version, version(3));
    assert_eq!(device.root, repository.served["3.root.json"]);

    // A root that only the replaced keys sign leads nowhere.
    repository.root.role.version = 4;
    let file = sign(&repository.root.role, &[1, 2]);
    repository.serve("4.root.json", file);
    let expected = Rejected::TooFewSignatures {
        role: RoleName::Root,
        needed: 2,
        valid: 1,
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn long_walk_pauses_and_goes_on_in_the_next_run() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.limits = Limits {
        root_files_per_run_max: 2,
        ..Limits::DEFAULT
    };
    for _ in 0..3 {
        repository.rotate_root(|_| {});
    }
    let session = device.begin().unwrap();
    let session = device.run(&repository, session).unwrap();
    assert_eq!(session.request(), Request::Paused);
    assert!(session.resolution().is_none());
    assert_eq!(device.trusted.root.version, version(3));
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.root.version, version(4));
}

#[test]
fn root_needs_the_old_and_the_new_threshold() {
    let mut repository = Repository::new();
    repository.root.role.version = 2;
    repository.root.role.keys = key_map(&[1, 2, 3, 4, 5, 10, 11, 20, 21]);
    repository.root.role.roles.root = role_keys(&[3, 4, 5], 2);
    for (signers, valid) in [
        (&[1u8, 2][..], 0),
        (&[4, 5], 0),
        (&[3, 4], 1),
        (&[1, 2, 4], 1),
        (&[3], 1),
    ] {
        let mut served = repository.clone();
        served.serve("2.root.json", sign(&repository.root.role, signers));
        let mut device = Device::provisioned(&repository);
        let before = device.trusted;
        let expected = Rejected::TooFewSignatures {
            role: RoleName::Root,
            needed: 2,
            valid,
        };
        assert_eq!(device.update(&served), Err(Error::Rejected(expected)), "{signers:?}");
        assert_eq!(device.trusted, before);
    }
    for signers in [&[1u8, 2, 4, 5][..], &[1, 3, 4]] {
        let mut served = repository.clone();
        served.serve("2.root.json", sign(&repository.root.role, signers));
        let mut device = Device::provisioned(&repository);
        assert!(device.update(&served).is_ok(), "{signers:?}");
    }
}

#[test]
fn root_skips_a_version() {
    let mut repository = Repository::new();
    repository.root.role.version = 3;
    let file = repository.root.file();
    repository.serve("2.root.json", file);
    let mut device = Device::provisioned(&repository);
    let expected = Rejected::WrongVersion {
        role: RoleName::Root,
        expected: version(2),
        offered: version(3),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));

    let first = repository.served["1.root.json"].clone();
    repository.serve("2.root.json", first);
    let expected = Rejected::WrongVersion {
        role: RoleName::Root,
        expected: version(2),
        offered: version(1),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn newest_root_must_be_valid_and_older_ones_need_not() {
    let mut repository = Repository::new();
    repository.rotate_root(|root| root.role.expires = days(1));
    let mut device = Device::provisioned(&repository);
    let expected = Rejected::Expired {
        role: RoleName::Root,
        expires: days(1),
        started_at: days(1),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
    // It is trusted all the same, and stored: the next one must follow it.
    assert_eq!(device.trusted.root.version, version(2));

    repository.rotate_root(|root| root.role.expires = days(2));
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
}

#[test]
fn replaced_timestamp_key_recovers_from_a_fast_forward() {
    let mut repository = Repository::new();
    repository.timestamp.role.version = 1_000_000;
    repository.snapshot.role.version = 1_000_000;
    repository.delegated.get_mut("p_files").unwrap().role.version = 1_000_000;
    repository.publish();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let snapshot_file = device.snapshot.clone();

    // The same keys: going back is a rollback.
    let mut honest = Repository::new();
    let refusal = device.update(&honest);
    assert!(matches!(
        refusal,
        Err(Error::Rejected(Rejected::Rollback {
            role: RoleName::Timestamp,
            ..
        }))
    ));

    honest.timestamp.signers = vec![12];
    honest.rotate_root(|root| {
        root.role.keys = key_map(&[1, 2, 3, 11, 12, 20, 21]);
        root.role.roles.timestamp = role_keys(&[12], 1);
    });
    honest.publish_timestamp();
    assert!(matches!(device.update(&honest), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted.timestamp.unwrap().file.version, version(2));
    assert_ne!(device.snapshot, snapshot_file);
}

#[test]
fn roots_that_keep_the_online_keys_keep_timestamp_and_snapshot() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    repository.rotate_root(|root| {
        root.role.keys = key_map(&[1, 2, 3, 10, 11, 22, 23]);
        root.role.roles.targets = role_keys(&[22, 23], 2);
    });
    // An old timestamp is still a rollback, though the targets keys were replaced.
    repository.timestamp.role.version = 0;
    repository.publish_timestamp();
    device.trusted.timestamp.as_mut().unwrap().file.version = version(9);
    let refusal = device.update(&repository);
    assert!(matches!(
        refusal,
        Err(Error::Rejected(Rejected::Rollback {
            role: RoleName::Timestamp,
            ..
        }))
    ));
}

#[test]
fn same_key_signs_twice() {
    let mut repository = Repository::new();
    repository.root.role.version = 2;
    let twice = [signature(&repository.root.role, 1), signature(&repository.root.role, 1)];
    let file = emit::file(&repository.root.role, &twice).unwrap();
    repository.serve("2.root.json", file);
    let mut device = Device::provisioned(&repository);
    let expected = Rejected::DuplicateSignature { role: RoleName::Root };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn key_id_is_the_digest_of_its_key() {
    let mut repository = Repository::new();
    let root = &mut repository.root.role;
    root.keys.insert(tuffet_tuf::model::KeyId([0xaa; 32]), key(1).1);
    let file = repository.root.file();
    let refused = first_root(&mut &file[..], &Limits::DEFAULT);
    let Err(Error::Rejected(Rejected::Malformed { role, what, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((role, what), (RoleName::Root, Flaw::KeyId));
}

#[test]
fn role_that_names_a_key_twice_needs_as_many_keys() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    repository.rotate_root(|root| {
        root.role.roles.timestamp.keyids = vec![key(10).0, key(10).0];
        root.role.roles.timestamp.threshold = 2;
    });
    let expected = Rejected::TooFewSignatures {
        role: RoleName::Timestamp,
        needed: 2,
        valid: 1,
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn root_that_strands_a_role_is_followed_and_mended_by_the_next() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    let before = repository.root.role.roles.targets.clone();
    repository.rotate_root(|root| root.role.roles.targets.threshold = 3);
    let Err(Error::Rejected(Rejected::TooFewSignatures { role, needed: 3, .. })) = device.update(&repository) else {
        panic!("nobody can sign targets");
    };
    assert_eq!(role, RoleName::Targets);
    assert_eq!(device.trusted.root.version, version(2));
    repository.rotate_root(|root| root.role.roles.targets = before);
    assert!(device.update(&repository).is_ok());
}

#[test]
fn bad_signature_of_a_listed_key_counts_for_nothing_and_stops_nothing() {
    let mut repository = Repository::new();
    repository.root.role.version = 2;
    let root = &repository.root.role;
    let mut bad = signature(root, 1);
    bad.bytes[0] ^= 1;
    let mut short = signature(root, 2);
    short.bytes.truncate(63);
    let only_bad = emit::file(root, &[bad.clone(), short.clone()]).unwrap();
    let good = emit::file(root, &[bad, signature(root, 2), signature(root, 3)]).unwrap();
    let mut device = Device::provisioned(&repository);
    repository.serve("2.root.json", only_bad);
    let expected = Rejected::TooFewSignatures {
        role: RoleName::Root,
        needed: 2,
        valid: 0,
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
    repository.serve("2.root.json", good);
    assert!(device.update(&repository).is_ok());
}

#[test]
fn keys_of_other_kinds_are_unused() {
    let mut repository = Repository::new();
    let mut rsa = key(1).1;
    rsa.keytype = "rsa".to_string();
    rsa.scheme = "rsassa-pss-sha256".to_string();
    rsa.keyval.public = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        "A".repeat(400)
    );
    let id = rsa.id().unwrap();
    let root = &mut repository.root.role;
    root.keys.insert(id, rsa);
    root.roles.root.keyids.push(id);
    let file = repository.root.file();
    assert!(first_root(&mut &file[..], &Limits::DEFAULT).is_ok());
}

#[test]
fn weak_keys_are_refused() {
    // The neutral element, a point of order eight, and no point at all.
    for public in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ] {
        let mut repository = Repository::new();
        let mut weak = key(1).1;
        weak.keyval.public = public.to_string();
        repository.root.role.keys.insert(weak.id().unwrap(), weak);
        let file = repository.root.file();
        let expected = Rejected::WeakKey { role: RoleName::Root };
        assert_eq!(
            first_root(&mut &file[..], &Limits::DEFAULT),
            Err(Error::Rejected(expected)),
            "{public}"
        );
    }
}

#[test]
fn root_without_consistent_snapshots() {
    let mut repository = Repository::new();
    repository.root.role.consistent_snapshot = false;
    let file = repository.root.file();
    let refusal = first_root(&mut &file[..], &Limits::DEFAULT).unwrap_err();
    let Error::Rejected(Rejected::Malformed {
        role: RoleName::Root,
        what,
        ..
    }) = refusal
    else {
        panic!("{refusal:?}")
    };
    assert_eq!(what, Flaw::ConsistentSnapshotOff);
}

#[test]
fn root_signed_by_too_few_of_its_own_keys_is_no_first_root() {
    let repository = Repository::new();
    for signers in [&[1u8][..], &[], &[1, 10], &[10, 11]] {
        let file = sign(&repository.root.role, signers);
        let valid = u16::from(signers.contains(&1));
        let expected = Rejected::TooFewSignatures {
            role: RoleName::Root,
            needed: 2,
            valid,
        };
        assert_eq!(
            first_root(&mut &file[..], &Limits::DEFAULT),
            Err(Error::Rejected(expected)),
            "{signers:?}"
        );
    }
}

#[test]
fn kept_root_must_be_the_one_that_is_remembered() {
    let repository = Repository::new();
    let good = Device::provisioned(&repository);
    let damaged = Error::DamagedStore { role: RoleName::Root };

    let mut device = good.clone();
    device.root = sign(&repository.root.role, &[2, 3]);
    assert_eq!(device.begin().unwrap_err(), damaged);
    device.root = Vec::new();
    assert_eq!(device.begin().unwrap_err(), damaged);

    let mut device = good.clone();
    device.trusted.root.version = version(2);
    assert_eq!(device.begin().unwrap_err(), damaged);
    let mut device = good;
    device.trusted.root.expires = days(9999);
    assert_eq!(device.begin().unwrap_err(), damaged);
}

#[test]
fn first_root_is_all_that_a_new_device_trusts() {
    let repository = Repository::new();
    let TrustedState {
        timestamp,
        snapshot,
        targets,
        delegated,
        floor,
        ..
    } = Device::provisioned(&repository).trusted;
    assert!(timestamp.is_none() && snapshot.is_none() && targets.is_none() && delegated == [None; 2]);
    assert_eq!(floor, repository::SIGNED_AT);
}
