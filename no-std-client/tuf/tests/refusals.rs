//! What a repository may offer below root, and the exact refusal of each.
//!
//! A row changes a repository that the device has updated from once. Nothing that a refused file said may be kept.

mod repository;

use repository::{Device, POINTER, Refused, Repository, days, delegation, key, key_map, signature};
use std::cell::Cell;
use tuffet_tuf::{
    Answer, ClockPolicy, Error, Flaw, Limit, Rejected, Request, Resolution, RoleName, RoleVersion, emit,
    model::{Delegations, MetaFile, Signature},
};
use tuffet_wire::{Document, Fault};

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn version(number: u64) -> RoleVersion {
    RoleVersion::new(number).unwrap()
}

/// Updates once from the repository as it is, then again after the change; gives what the second update says.
///
/// The timestamp and the snapshot may have been accepted before the refusal; targets and delegated roles may not.
fn second_update(change: impl FnOnce(&mut Repository)) -> Refused {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let before = device.trusted;
    change(&mut repository);
    let refusal = device.update(&repository).unwrap_err();
    assert_eq!(device.trusted.root, before.root);
    assert_eq!(device.trusted.delegated, before.delegated);
    assert_eq!(
        device.trusted.floor, before.floor,
        "a refused cycle proves nothing about the time"
    );
    refusal
}

fn rejected(change: impl FnOnce(&mut Repository)) -> Rejected {
    let refusal = second_update(change);
    let Error::Rejected(rejected) = refusal else {
        panic!("{refusal:?}")
    };
    rejected
}

/// The text of a served file with one replacement.
fn edited(repository: &Repository, name: &str, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(repository.served[name].clone()).unwrap();
    assert!(text.contains(from), "{from} is not in {name}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn timestamp_version_rollback() {
    let mut repository = Repository::new();
    let old = repository.served["timestamp.json"].clone();
    repository.publish_timestamp();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let before = device.trusted;
    repository.serve("timestamp.json", old);
    let expected = Rejected::Rollback {
        role: RoleName::Timestamp,
        trusted: version(2),
        offered: version(1),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
    assert_eq!(device.trusted, before);
    assert_eq!(device.requests, ["2.root.json", "timestamp.json"]);
}

#[test]
fn timestamp_names_an_older_snapshot() {
    let mut repository = Repository::new();
    let old = repository.timestamp.role.meta.snapshot.clone();
    repository.publish_snapshot();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    repository.timestamp.role.meta.snapshot = old;
    repository.publish_timestamp();
    let expected = Rejected::Rollback {
        role: RoleName::Snapshot,
        trusted: version(2),
        offered: version(1),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn timestamp_expired() {
    let refusal = rejected(|repository| {
        repository.timestamp.role.expires = days(1);
        repository.publish_timestamp();
    });
    assert_eq!(
        refusal,
        Rejected::Expired {
            role: RoleName::Timestamp,
            expires: days(1),
            started_at: days(1)
        }
    );
}

#[test]
fn timestamp_of_the_same_version_does_not_outlive_itself() {
    // Frozen: the same timestamp for longer than it may live.
    let repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    device.clock = ClockPolicy::Trusted { now: days(3) };
    let expected = Rejected::Expired {
        role: RoleName::Timestamp,
        expires: days(3),
        started_at: days(3),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
}

#[test]
fn timestamp_absent_or_endless() {
    let refusal = rejected(|repository| drop(repository.served.remove("timestamp.json")));
    assert_eq!(
        refusal,
        Rejected::Absent {
            role: RoleName::Timestamp
        }
    );
    let refusal = rejected(|repository| repository.serve("timestamp.json", vec![b'{'; 1025]));
    assert_eq!(
        refusal,
        Rejected::TooLong {
            role: RoleName::Timestamp,
            length: 1025,
            bytes_max: 1024
        }
    );
}

#[test]
fn timestamp_signed_by_the_snapshot_key() {
    let refusal = rejected(|repository| {
        repository.timestamp.signers = vec![11];
        repository.publish_timestamp();
    });
    assert_eq!(
        refusal,
        Rejected::TooFewSignatures {
            role: RoleName::Timestamp,
            needed: 1,
            valid: 0
        }
    );
}

#[test]
fn timestamp_edited_after_signing() {
    for (from, to) in [("\"version\":2", "\"version\":3"), ("2026-01-04", "2036-01-04")] {
        let refusal = rejected(|repository| {
            repository.publish_timestamp();
            let file = edited(repository, "timestamp.json", from, to);
            repository.serve("timestamp.json", file);
        });
        assert_eq!(
            refusal,
            Rejected::TooFewSignatures {
                role: RoleName::Timestamp,
                needed: 1,
                valid: 0
            }
        );
    }
}

#[test]
fn timestamp_of_another_type() {
    let refusal = rejected(|repository| {
        let bytes = emit::signed_bytes(&repository.timestamp.role).unwrap();
        let text = String::from_utf8(bytes)
            .unwrap()
            .replace("\"timestamp\"", "\"snapshot\"");
        repository.serve(
            "timestamp.json",
            format!("{{\"signatures\":[],\"signed\":{text}}}").into_bytes(),
        );
    });
    assert!(matches!(
        refusal,
        Rejected::Malformed {
            role: RoleName::Timestamp,
            what: Flaw::WrongType,
            ..
        }
    ));
}

#[test]
fn timestamp_spelled_otherwise() {
    let pretty = |from, to| {
        rejected(|repository| {
            let file = edited(repository, "timestamp.json", from, to);
            repository.serve("timestamp.json", file);
        })
    };
    for (from, to, what) in [
        ("\"signed\":{", "\"signed\": {", Flaw::Spelling(Fault::UnexpectedByte)),
        (
            "\"version\":1,\"x",
            "\"version\":1,\"version\":1,\"x",
            Flaw::Spelling(Fault::RepeatedKey),
        ),
        (
            "\"version\":1,\"x",
            "\"version\":1.0,\"x",
            Flaw::Spelling(Fault::NumberForm),
        ),
        ("\"version\":1,\"x", "\"version\":0,\"x", Flaw::NotVersion),
        ("\"version\":1,\"x", "\"version\":\"1\",\"x", Flaw::WrongKind),
        ("\"version\":1,\"x", "\"version\":[1],\"x", Flaw::WrongKind),
        ("2026-01-04T00:00:00Z", "2026-01-04T00:00:00.0Z", Flaw::NotTime),
        (
            "\"spec_version\":\"1.0.0\"",
            "\"spec_version\":\"2.0.0\"",
            Flaw::UnknownSpecVersion,
        ),
        ("\"spec_version\":\"1.0.0\",", "", Flaw::Missing),
        ("\"length\"", "\"lengtH\"", Flaw::Missing),
        ("\"sha256\"", "\"sha512\"", Flaw::Missing),
        ("snapshot.json", "snapshoT.json", Flaw::Missing),
    ] {
        let refusal = pretty(from, to);
        let Rejected::Malformed {
            role: RoleName::Timestamp,
            what: found,
            ..
        } = refusal
        else {
            panic!("{refusal:?}")
        };
        assert_eq!(found, what, "{to}");
    }
}

#[test]
fn signatures_more_than_a_file_may_hold() {
    let refusal = rejected(|repository| {
        repository.root.role.version = 2;
        let root = &repository.root.role;
        let signatures: Vec<Signature> = (100..117).map(|number| signature(root, number)).collect();
        let file = emit::file(root, &signatures).unwrap();
        repository.serve("2.root.json", file);
    });
    assert_eq!(
        refusal,
        Rejected::LimitExceeded {
            role: RoleName::Root,
            limit: Limit::Signatures
        }
    );
}

#[test]
fn snapshot_of_another_version_mixed_in() {
    // Rightly signed files of two moments: the timestamp of the second, the snapshot of the first.
    let refusal = rejected(|repository| {
        repository.publish();
        let old = repository.served["1.snapshot.json"].clone();
        repository.serve("2.snapshot.json", old);
    });
    assert_eq!(
        refusal,
        Rejected::WrongDigest {
            role: RoleName::Snapshot
        }
    );

    // The same, and the timestamp's keys help: the digest is right and the version is not.
    let refusal = rejected(|repository| {
        repository.snapshot.role.version = 2;
        let file = repository.snapshot.file();
        repository.timestamp.role.meta.snapshot = MetaFile::of(3, &file);
        repository.serve("3.snapshot.json", file);
        repository.publish_timestamp();
    });
    assert_eq!(
        refusal,
        Rejected::WrongVersion {
            role: RoleName::Snapshot,
            expected: version(3),
            offered: version(2)
        }
    );
}

#[test]
fn snapshot_truncated_or_extended() {
    let resized = |resize: fn(&mut Vec<u8>)| {
        second_update(|repository| {
            repository.publish();
            resize(repository.served.get_mut("2.snapshot.json").unwrap());
        })
    };
    let file_length = {
        let mut repository = Repository::new();
        repository.publish();
        u32::try_from(repository.served["2.snapshot.json"].len()).unwrap()
    };
    let expected = |offered| {
        Error::Rejected(Rejected::WrongLength {
            role: RoleName::Snapshot,
            expected: file_length,
            offered,
        })
    };
    assert_eq!(resized(|file| file.truncate(file.len() - 1)), expected(file_length - 1));
    assert_eq!(resized(|file| file.push(b' ')), expected(file_length + 1));
    let endless = resized(|file| file.resize(5000, b' '));
    let too_long = Rejected::TooLong {
        role: RoleName::Snapshot,
        length: 5000,
        bytes_max: 4096,
    };
    assert_eq!(endless, Error::Rejected(too_long));
}

#[test]
fn snapshot_leaves_a_role_out_or_takes_it_back() {
    let refusal = rejected(|repository| {
        repository.snapshot.role.meta.remove("p_files.json");
        repository.publish_snapshot();
    });
    assert_eq!(
        refusal,
        Rejected::RoleVanished {
            trusted: version(1),
            offered: version(2)
        }
    );

    let mut repository = Repository::new();
    repository.delegated.get_mut("p_files").unwrap().role.version = 4;
    repository.publish();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let before = device.trusted;
    repository.delegated.get_mut("p_files").unwrap().role.version = 3;
    repository.publish();
    let expected = Rejected::Rollback {
        role: role("p_files"),
        trusted: version(4),
        offered: version(3),
    };
    assert_eq!(device.update(&repository), Err(Error::Rejected(expected)));
    assert_eq!(device.trusted.snapshot, before.snapshot);
}

#[test]
fn snapshot_with_many_roles_is_compared_to_the_last_one() {
    let mut repository = Repository::new();
    for number in 0..60 {
        repository
            .snapshot
            .role
            .meta
            .insert(format!("role{number:02}.json"), MetaFile::of(5, b"role"));
    }
    repository.publish();
    let mut device = Device::provisioned(&repository);
    device.limits.snapshot_bytes_max = 64 * 1024;
    device.update(&repository).unwrap();
    let seen = device;

    // Nothing missing: accepted, in three readings of both snapshots.
    repository
        .snapshot
        .role
        .meta
        .insert("another.json".to_string(), MetaFile::of(1, b"role"));
    repository.publish();
    let mut device = seen.clone();
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    let fetched = device.requests.iter().filter(|name| *name == "3.snapshot.json").count();
    assert_eq!(fetched, 3, "{:?}", device.requests);

    for number in [0, 30, 59] {
        let name = format!("role{number:02}");
        let mut removed = repository.clone();
        removed.snapshot.role.meta.remove(&format!("{name}.json"));
        removed.publish_snapshot();
        let expected = Rejected::RoleVanished {
            trusted: version(2),
            offered: version(4),
        };
        assert_eq!(seen.clone().update(&removed), Err(Error::Rejected(expected)), "{name}");

        let mut lowered = repository.clone();
        lowered
            .snapshot
            .role
            .meta
            .insert(format!("{name}.json"), MetaFile::of(4, b"role"));
        lowered.publish_snapshot();
        let expected = Rejected::Rollback {
            role: role(&name),
            trusted: version(5),
            offered: version(4),
        };
        assert_eq!(seen.clone().update(&lowered), Err(Error::Rejected(expected)), "{name}");
    }
}

#[test]
fn snapshot_kept_and_served_nowhere_any_more() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    repository.publish();
    device.snapshot.clear();
    // A lost store heals while the repository still serves the file,
    assert!(matches!(device.clone().update(&repository), Ok(Resolution::Found(_))));
    // and after that a rollback could not be seen.
    repository.served.remove("1.snapshot.json");
    assert_eq!(
        device.update(&repository),
        Err(Error::DamagedStore {
            role: RoleName::Snapshot
        })
    );
}

#[test]
fn snapshot_expired_or_signed_by_nobody() {
    let refusal = rejected(|repository| {
        repository.snapshot.role.expires = days(1);
        repository.publish_snapshot();
    });
    assert_eq!(
        refusal,
        Rejected::Expired {
            role: RoleName::Snapshot,
            expires: days(1),
            started_at: days(1)
        }
    );
    let refusal = rejected(|repository| {
        repository.snapshot.signers = vec![10];
        repository.publish_snapshot();
    });
    assert_eq!(
        refusal,
        Rejected::TooFewSignatures {
            role: RoleName::Snapshot,
            needed: 1,
            valid: 0
        }
    );
}

#[test]
fn snapshot_does_not_list_targets() {
    let mut repository = Repository::new();
    repository.snapshot.role.meta.remove("targets.json");
    repository.publish_snapshot();
    let expected = Rejected::NotInSnapshot {
        role: RoleName::Targets,
    };
    assert_eq!(
        Device::provisioned(&repository).update(&repository),
        Err(Error::Rejected(expected))
    );
}

#[test]
fn targets_signed_by_one_key_of_two() {
    let refusal = rejected(|repository| {
        repository.targets.signers = vec![20, 30];
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::TooFewSignatures {
            role: RoleName::Targets,
            needed: 2,
            valid: 1
        }
    );
}

#[test]
fn targets_of_another_digest_or_version() {
    let refusal = rejected(|repository| {
        repository.publish();
        let mut file = repository.served["1.targets.json"].clone();
        *file.last_mut().unwrap() = b' ';
        repository.serve("1.targets.json", file);
    });
    assert_eq!(
        refusal,
        Rejected::WrongDigest {
            role: RoleName::Targets
        }
    );
    let refusal = rejected(|repository| {
        let file = repository.targets.file();
        repository
            .snapshot
            .role
            .meta
            .insert("targets.json".to_string(), MetaFile::of(2, &file));
        repository.serve("2.targets.json", file);
        repository.publish_snapshot();
    });
    assert_eq!(
        refusal,
        Rejected::WrongVersion {
            role: RoleName::Targets,
            expected: version(2),
            offered: version(1)
        }
    );
}

#[test]
fn targets_expired() {
    let refusal = rejected(|repository| {
        repository.targets.role.expires = days(1);
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::Expired {
            role: RoleName::Targets,
            expires: days(1),
            started_at: days(1)
        }
    );
}

fn delegations(repository: &mut Repository) -> &mut Delegations {
    repository.targets.role.delegations.as_mut().unwrap()
}

#[test]
fn delegation_that_repeats_a_role_name() {
    // Near, and beyond what one reading compares: so many others before the first of the two, and between them.
    for (before, between) in [(0, 0), (0, 28), (0, 29), (0, 30), (0, 70), (29, 0), (30, 40), (70, 0)] {
        let mut repository = Repository::new();
        let list = &mut delegations(&mut repository).roles;
        for number in 0..before + between {
            list.push(delegation(&format!("other{number}"), &[40], 1, &["other"]));
        }
        list.insert(3 + before, delegation("twice", &[40], 1, &["other"]));
        let mut again = delegation("twice", &[41], 1, &["x"]);
        again.terminating = true;
        list.push(again);
        repository.publish();
        let mut device = Device::provisioned(&repository);
        device.limits.targets_bytes_max = 64 * 1024;
        let expected = Rejected::DuplicateDelegation {
            role: RoleName::Targets,
        };
        assert_eq!(
            device.update(&repository),
            Err(Error::Rejected(expected)),
            "{before} {between}"
        );
        delegations(&mut repository).roles.pop();
        repository.publish();
        assert!(device.update(&repository).is_ok(), "{before} {between}");
    }
}

#[test]
fn delegation_to_a_top_level_name() {
    for name in ["root", "targets", "snapshot", "timestamp", ""] {
        let refusal = rejected(|repository| {
            delegations(repository).roles[1].name = name.to_string();
            repository.publish();
        });
        assert!(matches!(
            refusal,
            Rejected::Malformed {
                role: RoleName::Targets,
                what: Flaw::RoleName,
                ..
            }
        ));
    }
}

#[test]
fn delegation_with_both_or_neither_kind_of_pattern() {
    for change in [
        (|role| role.paths = None) as fn(&mut tuffet_tuf::model::DelegatedRole),
        |role| role.path_hash_prefixes = Some(vec!["00".to_string()]),
    ] {
        let refusal = rejected(|repository| {
            change(&mut delegations(repository).roles[1]);
            repository.publish();
        });
        assert!(matches!(
            refusal,
            Rejected::Malformed {
                role: RoleName::Targets,
                what: Flaw::PathsOrPrefixes,
                ..
            }
        ));
    }
}

#[test]
fn delegation_with_a_threshold_of_zero() {
    let refusal = rejected(|repository| {
        delegations(repository).roles[0].threshold = 0;
        repository.publish();
    });
    assert!(matches!(
        refusal,
        Rejected::Malformed {
            role: RoleName::Targets,
            what: Flaw::Threshold,
            ..
        }
    ));
}

#[test]
fn delegation_with_too_many_or_weak_keys() {
    let refusal = rejected(|repository| {
        let numbers: Vec<u8> = (50..59).collect();
        delegations(repository).keys.extend(key_map(&numbers));
        delegations(repository).roles[0].keyids = numbers.iter().map(|number| key(*number).0).collect();
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::LimitExceeded {
            role: RoleName::Targets,
            limit: Limit::RoleKeys
        }
    );

    let refusal = rejected(|repository| {
        let mut weak = key(30).1;
        weak.keyval.public = format!("01{}", "00".repeat(31));
        let id = weak.id().unwrap();
        delegations(repository).keys.insert(id, weak);
        delegations(repository).roles[0].keyids.push(id);
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::WeakKey {
            role: RoleName::Targets
        }
    );
}

#[test]
fn product_role_expired() {
    let refusal = rejected(|repository| {
        repository.delegated.get_mut("p").unwrap().role.expires = days(1);
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::Expired {
            role: role("p"),
            expires: days(1),
            started_at: days(1)
        }
    );
}

#[test]
fn product_role_of_another_version() {
    let refusal = rejected(|repository| {
        let file = repository.delegated["p"].file();
        repository
            .snapshot
            .role
            .meta
            .insert("p.json".to_string(), MetaFile::of(2, &file));
        repository.serve("2.p.json", file);
        repository.publish_snapshot();
    });
    assert_eq!(
        refusal,
        Rejected::WrongVersion {
            role: role("p"),
            expected: version(2),
            offered: version(1)
        }
    );
}

#[test]
fn product_role_signed_by_one_key_of_two() {
    let refusal = rejected(|repository| {
        repository.delegated.get_mut("p").unwrap().signers = vec![30, 40];
        repository.publish();
    });
    assert_eq!(
        refusal,
        Rejected::TooFewSignatures {
            role: role("p"),
            needed: 2,
            valid: 1
        }
    );
}

#[test]
fn product_role_is_not_in_the_snapshot() {
    let mut repository = Repository::new();
    repository.snapshot.role.meta.remove("p.json");
    repository.publish_snapshot();
    let expected = Rejected::NotInSnapshot { role: role("p") };
    assert_eq!(
        Device::provisioned(&repository).update(&repository),
        Err(Error::Rejected(expected))
    );
}

#[test]
fn product_role_signs_the_name_of_another_product() {
    // `q` lists the pointer of `p`, rightly signed by its own keys. Nobody asks it.
    let mut repository = Repository::new();
    delegations(&mut repository).keys.extend(key_map(&[50]));
    delegations(&mut repository)
        .roles
        .insert(0, delegation("q", &[50], 1, &["q_*.release"]));
    let mut other = repository.delegated["p"].clone();
    other.role.targets.get_mut(POINTER).unwrap().length = 666;
    other.signers = vec![50];
    repository.delegated.insert("q".to_string(), other);
    repository.publish();
    let mut device = Device::provisioned(&repository);
    let Ok(Resolution::Found(target)) = device.update(&repository) else {
        panic!("not found")
    };
    assert_eq!(target.role(), &role("p"));
    assert_ne!(target.length(), 666);
    assert!(!device.requests.contains(&"1.q.json".to_string()));
}

/// Somebody else's `custom` is no reason to refuse a role: here only the signatures are wrong.
#[test]
fn target_entry_without_digest_is_refused_and_a_strange_custom_is_not() {
    for (from, to, flaw) in [
        ("\"sha256\"", "\"sha512\"", Some(Flaw::Missing)),
        ("\"security_version\":7", "\"security_version\":\"7\"", None),
        ("\"version\":\"1.2.3\"", "\"version\":[]", None),
        ("\"class\":\"feature\"", "\"class\":\"feature feature feature\"", None),
    ] {
        let refusal = rejected(|repository| {
            let file = edited(repository, "1.p.json", from, to);
            repository
                .snapshot
                .role
                .meta
                .insert("p.json".to_string(), MetaFile::of(1, &file));
            repository.serve("1.p.json", file);
            repository.publish_snapshot();
        });
        let found = if let Rejected::Malformed { what, .. } = refusal {
            Some(what)
        } else {
            assert_eq!(refusal.name(), "TooFewSignatures");
            None
        };
        assert_eq!(found, flaw, "{to}");
    }
}

/// Gives other bytes from one of its readings on.
struct Changing {
    first: Vec<u8>,
    then: Vec<u8>,
    readings_left: Cell<u32>,
}

impl Document for Changing {
    type Error = std::convert::Infallible;

    fn length(&self) -> u32 {
        self.first.len() as u32
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error> {
        let left = self.readings_left.get();
        self.readings_left.set(left.saturating_sub(1));
        Ok(&if left == 0 { &self.then } else { &self.first }[offset as usize..])
    }
}

#[test]
fn document_that_changes_while_it_is_read() {
    use tuffet_tuf::{Limits, first_root};

    // The same length, another expiry: a file that passes one reading and means another thing in the next.
    let repository = Repository::new();
    let first = repository.served["1.root.json"].clone();
    let mut evil = repository.root.role.clone();
    evil.expires = days(731);
    let then = emit::file(
        &evil,
        &[signature(&repository.root.role, 1), signature(&repository.root.role, 2)],
    )
    .unwrap();
    assert_eq!(first.len(), then.len());
    for readings in 1..3 {
        let readings_left = Cell::new(readings);
        let mut document = Changing {
            first: first.clone(),
            then: then.clone(),
            readings_left,
        };
        let refusal = first_root(&mut document, &Limits::DEFAULT);
        assert_eq!(
            refusal,
            Err(Error::UnstableDocument { role: RoleName::Root }),
            "{readings}"
        );
    }
}

/// The targets are hashed, read twice for more names than fit one reading, read once for each signature, and then hashed and read twice for
/// a delegation and its keys.
#[test]
fn targets_that_change_between_any_two_readings() {
    let mut repository = Repository::new();
    let others = (0..40).map(|number| delegation(&format!("other{number}"), &[40], 1, &["nothing"]));
    repository
        .targets
        .role
        .delegations
        .as_mut()
        .unwrap()
        .roles
        .extend(others);
    repository.publish();
    let first = repository.served["1.targets.json"].clone();
    repository.targets.role.expires = days(366);
    let then = repository.targets.file();
    assert!(first.len() == then.len() && first != then);
    let readings = 8;
    for steady in 1..=readings {
        let device = Device::provisioned(&repository);
        let mut session = device.begin().unwrap();
        let taken = loop {
            let Request::Fetch(fetch) = session.request() else {
                panic!("nothing is asked for")
            };
            let served = repository.served.get(&fetch.file.to_string()).cloned();
            if fetch.file.role == RoleName::Targets {
                let mut targets = Changing {
                    first: first.clone(),
                    then: then.clone(),
                    readings_left: Cell::new(steady),
                };
                break session
                    .receive(Answer::Present(&mut targets))
                    .map(|_| targets.readings_left.get());
            }
            let answer = match &served {
                Some(bytes) => session.receive(Answer::Present(&mut &bytes[..])),
                None => session.receive(Answer::<&[u8]>::Absent),
            };
            session = answer.unwrap().session;
        };
        match &taken {
            Ok(left) => assert_eq!((steady, *left), (readings, 0)),
            Err(Error::UnstableDocument { role } | Error::Rejected(Rejected::WrongDigest { role })) => {
                assert!(steady < readings && *role == RoleName::Targets, "{steady}");
            }
            Err(error) => panic!("{steady}: {error:?}"),
        }
    }
}
