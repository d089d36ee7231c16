//! The reading and the algorithms are types: with every feature on, a strict session with ed25519 takes what it takes without.
//!
//! These tests are built with `emit`, `lenient` and `algorithms`, and `use` of their types shows it.

mod repository;

use p256::ecdsa::{DerSignature, SigningKey, signature::Signer as _};
use repository::{
    Device, DeviceOf, Kept, POINTER, Refused, Repository,
    foreign::{Foreign, plain, pretty},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tuffet_tuf::{Ed25519, Error, Every, Flaw, Lenient, Limits, Rejected, Resolution, RoleName, Strict, model::Key};
use tuffet_wire::{Fault, hex::Hex};

/// What a session of this type says of a repository, from its first root on.
fn verdict<R: Kept>(served: &Repository) -> Result<bool, Refused> {
    let mut device = DeviceOf::<R>::of_root(&served.served["1.root.json"], &Limits::DEFAULT)?;
    let found = device.find(served, POINTER)?;
    Ok(matches!(found, Resolution::Found(_)))
}

fn refusal(served: &Repository) -> Rejected {
    match verdict::<Strict<Ed25519>>(served) {
        Err(Error::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    }
}

fn flaw(served: &Repository) -> (RoleName, Flaw) {
    let refused = refusal(served);
    let Rejected::Malformed { role, what, .. } = refused else {
        panic!("{refused:?}")
    };
    (role, what)
}

/// The honest repository with one file in the spelling of others.
fn misspelled(name: &str) -> Repository {
    let mut repository = Repository::new();
    let file: Value = serde_json::from_slice(&repository.served[name]).unwrap();
    repository.serve(name, pretty(&file));
    repository
}

#[test]
fn spelling_of_others_is_refused() {
    for (name, role) in [("1.root.json", RoleName::Root), ("timestamp.json", RoleName::Timestamp)] {
        let served = misspelled(name);
        let expected = (role, Flaw::Spelling(Fault::UnexpectedByte));
        assert_eq!(flaw(&served), expected);
        assert_eq!(verdict::<Strict<Every>>(&served), verdict::<Strict<Ed25519>>(&served));
        assert_eq!(verdict::<Lenient>(&served), Ok(true));
    }
}

#[test]
fn signed_before_signatures_is_refused() {
    let mut repository = Repository::new();
    let file: Value = serde_json::from_slice(&repository.served["timestamp.json"]).unwrap();
    let text = format!(
        "{{\"signed\":{},\"signatures\":{}}}",
        file["signed"], file["signatures"]
    );
    repository.serve("timestamp.json", text.into_bytes());
    let expected = (RoleName::Timestamp, Flaw::Spelling(Fault::KeyOrder));
    assert_eq!(flaw(&repository), expected);
    assert_eq!(verdict::<Lenient>(&repository), Ok(true));
}

#[test]
fn opaque_key_id_is_refused() {
    let mut foreign = Foreign::of(&Repository::new());
    foreign.rename_keys(|id| format!("key {id}"));
    let served = foreign.served(plain);
    assert_eq!(flaw(&served), (RoleName::Root, Flaw::NotHex));
    assert_eq!(verdict::<Lenient>(&served), Ok(true));

    // A digest, but not that of the key.
    let mut foreign = Foreign::of(&Repository::new());
    foreign.rename_keys(|id| Hex(&Sha256::digest(id)).to_string());
    let served = foreign.served(plain);
    assert_eq!(flaw(&served), (RoleName::Root, Flaw::KeyId));
    assert_eq!(verdict::<Lenient>(&served), Ok(true));
}

#[test]
fn listing_of_a_version_alone_is_refused() {
    let served = Foreign::of(&Repository::new()).served(plain);
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::Missing));
    assert_eq!(verdict::<Lenient>(&served), Ok(true));
}

#[test]
fn sha512_alone_is_refused() {
    let mut repository = Repository::new();
    let mut file: Value = serde_json::from_slice(&repository.served["timestamp.json"]).unwrap();
    let hashes = &mut file["signed"]["meta"]["snapshot.json"]["hashes"];
    *hashes = json!({"sha512": "00".repeat(64)});
    let signed = repository::foreign::canonical(&file["signed"]);
    repository.serve("timestamp.json", repository::sign_bytes(&signed, &[10]));
    assert_eq!(flaw(&repository), (RoleName::Timestamp, Flaw::Missing));
}

#[test]
fn names_without_versions_are_refused() {
    let mut repository = Repository::new();
    repository.root.role.consistent_snapshot = false;
    repository.publish_root();
    assert_eq!(flaw(&repository), (RoleName::Root, Flaw::ConsistentSnapshotOff));
}

/// A repository whose timestamp a P-256 key signs, and nobody else.
fn signed_by_p256(keytype: &str, public: &str, signer: &SigningKey) -> Repository {
    let mut repository = Repository::new();
    let public = Key {
        keytype: keytype.to_string(),
        keyval: tuffet_tuf::model::KeyValue {
            public: public.to_string(),
        },
        scheme: "ecdsa-sha2-nistp256".to_string(),
    };
    let id = public.id().unwrap();
    let root = &mut repository.root.role;
    root.keys.insert(id, public);
    root.roles.timestamp.keyids = vec![id];
    repository.publish_root();
    let signed = tuffet_tuf::emit::signed_bytes(&repository.timestamp.role).unwrap();
    let signature: DerSignature = signer.sign(&signed);
    let bytes = signature.as_bytes().to_vec();
    let signature = tuffet_tuf::model::Signature { keyid: id, bytes };
    let file = tuffet_tuf::emit::file(&repository.timestamp.role, &[signature]).unwrap();
    repository.serve("timestamp.json", file);
    repository
}

#[test]
fn ecdsa_counts_only_where_the_type_says_so() {
    let signer = SigningKey::from_slice(&[7; 32]).unwrap();
    let point = Hex(signer.verifying_key().to_sec1_point(false).as_bytes()).to_string();
    for keytype in ["ecdsa", "ecdsa-sha2-nistp256"] {
        let served = signed_by_p256(keytype, &point, &signer);
        let expected = Rejected::TooFewSignatures {
            role: RoleName::Timestamp,
            needed: 1,
            valid: 0,
        };
        assert_eq!(refusal(&served), expected);
        assert_eq!(verdict::<Strict<Every>>(&served), Ok(true));
        assert_eq!(verdict::<Lenient>(&served), Ok(true));
        let forged = signed_by_p256(keytype, &point, &SigningKey::from_slice(&[8; 32]).unwrap());
        assert_eq!(verdict::<Strict<Every>>(&forged), Err(Error::Rejected(expected)));
        assert_eq!(verdict::<Lenient>(&forged), Err(Error::Rejected(expected)));
    }
}

/// A key that only other sessions know is no reason to refuse a root: nobody signs with it here.
#[test]
fn weak_rsa_key_is_unused_by_a_small_device_and_refused_where_it_would_count() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/signatures.json")).unwrap();
    let weak = &vectors["weak"][0];
    let mut repository = Repository::new();
    let weak = Key {
        keytype: "rsa".to_string(),
        keyval: tuffet_tuf::model::KeyValue {
            public: weak["public"].as_str().unwrap().to_string(),
        },
        scheme: "rsassa-pss-sha256".to_string(),
    };
    repository.root.role.keys.insert(weak.id().unwrap(), weak);
    repository.publish_root();
    assert_eq!(verdict::<Strict<Ed25519>>(&repository), Ok(true));
    let role = RoleName::Root;
    let expected = Err(Error::Rejected(Rejected::WeakKey { role }));
    assert_eq!(verdict::<Strict<Every>>(&repository), expected);
    assert_eq!(verdict::<Lenient>(&repository), expected);
}

/// Keys for which anybody signs are refused by every type, in a root and in a delegation.
#[test]
fn small_order_keys_are_refused_in_root_and_delegation() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/signatures.json")).unwrap();
    for public in vectors["small_order"].as_array().unwrap() {
        let public = public.as_str().unwrap();
        let weak = Key::ed25519(&tuffet_wire::hex::decode(public).unwrap());
        let id = weak.id().unwrap();
        let mut in_root = Repository::new();
        in_root.root.role.keys.insert(id, weak.clone());
        in_root.publish_root();
        let mut in_targets = Repository::new();
        let delegations = in_targets.targets.role.delegations.as_mut().unwrap();
        delegations.keys.insert(id, weak);
        delegations.roles[0].keyids.push(id);
        in_targets.publish();
        for (served, role) in [(in_root, RoleName::Root), (in_targets, RoleName::Targets)] {
            let expected = Err(Error::Rejected(Rejected::WeakKey { role }));
            assert_eq!(verdict::<Strict<Ed25519>>(&served), expected, "{public}");
            assert_eq!(verdict::<Strict<Every>>(&served), expected, "{public}");
            assert_eq!(verdict::<Lenient>(&served), expected, "{public}");
        }
    }
}

/// The default of `Session` is the reading of a small device.
#[test]
fn default_is_strict_with_ed25519() {
    let repository = Repository::new();
    let device: DeviceOf<Strict<Ed25519>> = Device::provisioned(&repository);
    let session: tuffet_tuf::Session = device.begin().unwrap();
    let _same: tuffet_tuf::Session<Strict<Ed25519>> = session;
}
