//! What holds for every file: writing and reading are inverses, and no damaged file is ever believed.

mod repository;

use proptest::{array::uniform4, collection::vec, option, prelude::*};
use repository::{Device, POINTER, Repository, days, delegation, key_map, sign, targets_of};
use std::collections::BTreeMap;
use tuffet_tuf::{
    Limits, Resolution, emit, first_root,
    model::{
        DelegatedRole, Delegations, Hashes, Key, KeyId, KeyValue, MetaFile, RoleKeys, Root, Signature, Snapshot,
        Target, Targets, Timestamp, TimestampMeta, TopLevelRoles,
    },
};
use tuffet_wire::UnixSeconds;

fn text() -> impl Strategy<Value = String> {
    // Also what JSON has to escape.
    "[a-z0-9._\"\\\\\n\u{1}é-]{1,12}"
}

fn time() -> impl Strategy<Value = UnixSeconds> {
    (0..=UnixSeconds::MAX.as_secs()).prop_map(UnixSeconds::new)
}

fn number() -> impl Strategy<Value = u64> {
    1..=tuffet_wire::INTEGER_MAX
}

fn key_id() -> impl Strategy<Value = KeyId> {
    any::<[u8; 32]>().prop_map(KeyId)
}

fn a_key() -> impl Strategy<Value = Key> {
    (text(), text(), text()).prop_map(|(keytype, public, scheme)| Key {
        keytype,
        keyval: KeyValue { public },
        scheme,
    })
}

fn keys() -> impl Strategy<Value = BTreeMap<KeyId, Key>> {
    vec((key_id(), a_key()), 0..3).prop_map(BTreeMap::from_iter)
}

fn role_keys() -> impl Strategy<Value = RoleKeys> {
    (vec(key_id(), 0..3), any::<u32>()).prop_map(|(keyids, threshold)| RoleKeys { keyids, threshold })
}

fn meta_file() -> impl Strategy<Value = MetaFile> {
    (any::<[u8; 32]>(), number(), number()).prop_map(|(sha256, length, version)| MetaFile {
        hashes: Hashes { sha256 },
        length,
        version,
    })
}

fn root() -> impl Strategy<Value = Root> {
    let roles = (role_keys(), role_keys(), role_keys(), role_keys());
    let roles = roles.prop_map(|(root, snapshot, targets, timestamp)| TopLevelRoles {
        root,
        snapshot,
        targets,
        timestamp,
    });
    (any::<bool>(), time(), keys(), roles, number(), time()).prop_map(
        |(consistent_snapshot, expires, keys, roles, version, signed_at)| Root {
            consistent_snapshot,
            expires,
            keys,
            roles,
            version,
            signed_at,
        },
    )
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (time(), meta_file(), number(), time()).prop_map(|(expires, snapshot, version, signed_at)| Timestamp {
        expires,
        meta: TimestampMeta { snapshot },
        version,
        signed_at,
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (time(), vec((text(), meta_file()), 0..4), number(), time()).prop_map(|(expires, meta, version, signed_at)| {
        Snapshot {
            expires,
            meta: BTreeMap::from_iter(meta),
            version,
            signed_at,
        }
    })
}

fn delegated_role() -> impl Strategy<Value = DelegatedRole> {
    let patterns = || option::of(vec(text(), 0..3));
    (role_keys(), text(), patterns(), patterns(), any::<bool>()).prop_map(
        |(RoleKeys { keyids, threshold }, name, path_hash_prefixes, paths, terminating)| DelegatedRole {
            keyids,
            name,
            path_hash_prefixes,
            paths,
            terminating,
            threshold,
        },
    )
}

fn targets() -> impl Strategy<Value = Targets> {
    let custom = option::of(vec((text(), text()), 0..3)).prop_map(|custom| {
        custom.map(|fields| {
            fields
                .into_iter()
                .map(|(key, value)| (key, serde_json::Value::String(value)))
                .collect::<serde_json::Value>()
        })
    });
    let target = (custom, any::<[u8; 32]>(), number()).prop_map(|(custom, sha256, length)| Target {
        custom,
        hashes: Hashes { sha256 },
        length,
    });
    let delegations = (keys(), vec(delegated_role(), 0..3)).prop_map(|(keys, roles)| Delegations { keys, roles });
    (
        option::of(delegations),
        time(),
        vec((text(), target), 0..3),
        number(),
        time(),
    )
        .prop_map(|(delegations, expires, targets, version, signed_at)| Targets {
            delegations,
            expires,
            targets: BTreeMap::from_iter(targets),
            version,
            signed_at,
        })
}

fn signatures() -> impl Strategy<Value = Vec<Signature>> {
    vec(
        (key_id(), vec(any::<u8>(), 0..70)).prop_map(|(keyid, bytes)| Signature { keyid, bytes }),
        0..4,
    )
}

/// Writing, reading and writing again; and of an edited file, whatever still reads is what was written.
fn check_inverse<R>(role: &R, signatures: &[Signature], edit: (u16, u8)) -> Result<(), TestCaseError>
where
    R: tuffet_tuf::model::Role + PartialEq + std::fmt::Debug,
{
    let mut bytes = emit::file(role, signatures).unwrap();
    let parsed = emit::parse_file::<R>(&bytes).unwrap();
    prop_assert_eq!(&parsed.role, role);
    prop_assert_eq!(&parsed.signatures[..], signatures);
    prop_assert_eq!(emit::type_of(&bytes).unwrap(), R::TYPE);

    let place = usize::from(edit.0) % bytes.len();
    bytes[place] = edit.1;
    if let Ok(parsed) = emit::parse_file::<R>(&bytes) {
        prop_assert_eq!(emit::file(&parsed.role, &parsed.signatures).unwrap(), bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn roots_round_trip(role in root(), signatures in signatures(), edit in any::<(u16, u8)>()) {
        check_inverse(&role, &signatures, edit)?;
    }

    #[test]
    fn timestamps_round_trip(role in timestamp(), signatures in signatures(), edit in any::<(u16, u8)>()) {
        check_inverse(&role, &signatures, edit)?;
    }

    #[test]
    fn snapshots_round_trip(role in snapshot(), signatures in signatures(), edit in any::<(u16, u8)>()) {
        check_inverse(&role, &signatures, edit)?;
    }

    #[test]
    fn targets_round_trip(role in targets(), signatures in signatures(), edit in any::<(u16, u8)>()) {
        check_inverse(&role, &signatures, edit)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The verifier reads what the writer wrote, in pieces of any length.
    #[test]
    fn written_facts_are_the_facts_that_are_read(
        versions in uniform4(1..1u64 << 53),
        lives in uniform4(2..3000u32),
        signed in uniform4(0..400u32),
        length in number(),
        security_version in 0..=tuffet_wire::INTEGER_MAX,
        others in vec("[a-z]{1,8}", 0..6),
        piece in 1..200usize,
    ) {
        let mut repository = Repository::new();
        let product = &mut repository.delegated.get_mut("p").unwrap().role;
        product.version = versions[0];
        product.targets.extend(targets_of(&others.iter().map(String::as_str).collect::<Vec<_>>()).targets);
        let target = product.targets.get_mut(POINTER).unwrap();
        target.length = length;
        target.custom = Some(serde_json::json!({"else": [{"a": null}], "security_version": security_version}));
        (product.expires, product.signed_at) = (days(lives[0]), days(signed[0]));
        let role = &mut repository.targets.role;
        (role.version, role.expires, role.signed_at) = (versions[1], days(lives[1]), days(signed[1]));
        let role = &mut repository.snapshot.role;
        (role.version, role.expires, role.signed_at) = (versions[2] - 1, days(lives[2]), days(signed[2]));
        let role = &mut repository.timestamp.role;
        (role.version, role.expires, role.signed_at) = (versions[3] - 1, days(lives[3]), days(signed[3]));
        repository.publish();

        let mut device = Device::provisioned(&repository);
        device.piece = piece;
        let Ok(Resolution::Found(found)) = device.update(&repository) else { panic!("not found") };
        prop_assert_eq!(found.length(), length);
        prop_assert_eq!(found.digest(), &Hashes::of(POINTER.as_bytes()).sha256);
        prop_assert_eq!(found.custom().security_version(), Some(security_version));
        prop_assert_eq!(found.custom().version(), None);
        let trusted = device.trusted;
        let facts = [
            trusted.delegated[0].unwrap().file,
            trusted.targets.unwrap(),
            trusted.snapshot.unwrap(),
            trusted.timestamp.unwrap().file,
        ];
        for (index, facts) in facts.iter().enumerate() {
            prop_assert_eq!(facts.version.as_u64(), versions[index]);
            prop_assert_eq!(facts.expires, days(lives[index]));
            prop_assert_eq!(facts.signed_at, days(signed[index]));
        }
    }
}

/// Changes every byte of a file, in one of four ways by turns, and expects that `is_believed` never says yes.
fn never_believed(file: &[u8], mut is_believed: impl FnMut(Vec<u8>) -> bool) {
    for place in 0..file.len() {
        let mut damaged = file.to_vec();
        match place % 4 {
            0 => damaged[place] ^= 0x01,
            1 => damaged[place] ^= 0x20,
            2 => damaged[place] ^= 0x80,
            _ => drop(damaged.remove(place)),
        }
        assert!(!is_believed(damaged), "byte {place}");
    }
}

#[test]
fn damaged_first_root_is_never_believed() {
    let repository = Repository::new();
    let file = &repository.served["1.root.json"];
    never_believed(file, |damaged| first_root(&mut &damaged[..], &Limits::DEFAULT).is_ok());
}

#[test]
fn damaged_next_root_is_never_believed() {
    let mut repository = Repository::new();
    repository.root.role.version = 2;
    let file = repository.root.file();
    let device = Device::provisioned(&repository);
    never_believed(&file, |damaged| {
        let mut device = device.clone();
        repository.serve("2.root.json", damaged);
        let _refused = device.update(&repository);
        device.trusted.root.version.as_u64() == 2
    });
}

#[test]
fn damaged_timestamp_is_never_believed() {
    let mut repository = Repository::new();
    let device = Device::provisioned(&repository);
    let file = repository.served["timestamp.json"].clone();
    never_believed(&file, |damaged| {
        let mut device = device.clone();
        repository.serve("timestamp.json", damaged);
        let _refused = device.update(&repository);
        device.trusted.timestamp.is_some()
    });
}

/// The thief of the online keys signs for the damaged file, so that only its own signatures are in the way.
#[test]
fn damaged_files_under_stolen_online_keys_are_never_believed() {
    let clean = {
        let mut repository = Repository::new();
        // Few entries, so that every byte can be tried.
        repository.delegated.retain(|name, _| name == "p");
        repository.snapshot.role.meta.clear();
        let roles = vec![delegation("p", &[30, 31], 2, &["p_*.release"])];
        repository.targets.role.delegations = Some(Delegations {
            keys: key_map(&[30, 31]),
            roles,
        });
        repository.publish();
        repository
    };
    for (name, entry) in [("1.targets.json", "targets.json"), ("1.p.json", "p.json")] {
        let device = Device::provisioned(&clean);
        assert!(device.clone().update(&clean).is_ok());
        let file = clean.served[name].clone();
        never_believed(&file, |damaged| {
            let mut repository = clean.clone();
            repository
                .snapshot
                .role
                .meta
                .insert(entry.to_string(), MetaFile::of(1, &damaged));
            repository.serve(name, damaged);
            repository.publish_snapshot();
            matches!(device.clone().update(&repository), Ok(Resolution::Found(_)))
        });
    }
    let device = Device::provisioned(&clean);
    let version = clean.snapshot.role.version;
    let name = format!("{version}.snapshot.json");
    never_believed(&clean.served[&name].clone(), |damaged| {
        let mut repository = clean.clone();
        repository.timestamp.role.meta.snapshot = MetaFile::of(version, &damaged);
        repository.serve(name.clone(), damaged);
        repository.publish_timestamp();
        let mut device = device.clone();
        let _refused = device.update(&repository);
        device.trusted.snapshot.is_some()
    });
    // The helper does serve what it says: an undamaged file passes.
    assert_eq!(clean.served["1.p.json"], sign(&clean.delegated["p"].role, &[30, 31]));
}
