//! Other people's repositories, as the lenient reading takes them, and what it still refuses.

mod repository;

use repository::{
    DeviceOf, Kept, POINTER, Refused, Repository, days, delegation,
    foreign::{Foreign, plain, pretty, spelled},
    key, key_map, sign_bytes,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use std::{collections::BTreeMap, convert::Infallible};
use tuffet_tuf::{
    Answer, Error, Flaw, Lenient, Limit, Limits, Rejected, Request, Resolution, RoleName, RoleVersion, Session,
    Trusted, TrustedState, VerifiedTarget, model::MetaFile,
};
use tuffet_wire::{Document, Fault, hex::Hex};

type Device = DeviceOf<Lenient>;

const ALL: [&str; 5] = [
    "1.root.json",
    "timestamp.json",
    "1.snapshot.json",
    "1.targets.json",
    "1.p.json",
];

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn of(repository: &Repository) -> Result<Device, Refused> {
    Device::of_root(&repository.served["1.root.json"], &Limits::LARGE)
}

fn find(repository: &Repository, name: &str) -> Result<Resolution<Lenient>, Refused> {
    of(repository)?.find(repository, name)
}

fn found(repository: &Repository, name: &str) -> VerifiedTarget<Lenient> {
    match find(repository, name) {
        Ok(Resolution::Found(found)) => found,
        other => panic!("{other:?}"),
    }
}

fn rejected(repository: &Repository) -> Rejected {
    match find(repository, POINTER) {
        Err(Error::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    }
}

/// What is wrong with the file that is refused, wherever in it.
fn flaw(repository: &Repository) -> (RoleName, Flaw) {
    let refused = rejected(repository);
    let Rejected::Malformed { role, what, .. } = refused else {
        panic!("{refused:?}")
    };
    (role, what)
}

fn foreign() -> Foreign {
    Foreign::of(&Repository::new())
}

/// A repository after a change of its values.
fn changed(change: impl FnOnce(&mut Foreign)) -> Repository {
    let mut foreign = foreign();
    change(&mut foreign);
    foreign.served(plain)
}

#[test]
fn opaque_key_ids() {
    for (index, id) in ["a key é/\"\\", "ff", "KEY", "0x"].into_iter().enumerate() {
        let served = changed(|foreign| foreign.rename_keys(|old| format!("{id}{}", &old[..8 + index])));
        assert_eq!(found(&served, POINTER).length(), POINTER.len() as u64);
    }
}

#[test]
fn one_key_under_two_ids_counts_once() {
    let mut twice = foreign();
    let root = twice.signed("1.root.json");
    let id = root["roles"]["targets"]["keyids"][0].as_str().unwrap().to_string();
    root["keys"]["the same"] = root["keys"][&id].clone();
    root["roles"]["targets"]["keyids"] = json!([id, "the same"]);
    let number = twice.numbers[&id];
    twice.numbers.insert("the same".to_string(), number);
    let targets = twice.files.get_mut("1.targets.json").unwrap();
    targets["signatures"] = json!([{"keyid": id, "sig": ""}, {"keyid": "the same", "sig": ""}]);
    let expected = Rejected::TooFewSignatures {
        role: RoleName::Targets,
        needed: 2,
        valid: 1,
    };
    assert_eq!(rejected(&twice.served(plain)), expected);
}

#[test]
fn any_spelling() {
    let foreign = foreign();
    found(&foreign.served(pretty), POINTER);
    for seed in 1..20 {
        found(&foreign.served(|value| spelled(value, seed)), POINTER);
    }
}

#[test]
fn unknown_fields_with_numbers_below_zero_and_deep_inside() {
    let mut nested = json!(-7);
    for _ in 0..28 {
        nested = json!([{"é\n": nested}]);
    }
    let served = changed(|foreign| {
        for name in ALL {
            let signed = foreign.signed(name);
            signed["x-other"] =
                json!({"nested": nested, "text": "\u{1}ü😀\u{20000}", "number": -9_007_199_254_740_991i64});
            foreign.files.get_mut(name).unwrap()["x-outside"] = nested.clone();
        }
        foreign.signed("1.p.json")["targets"][POINTER]["custom"]["nested"] = nested.clone();
    });
    assert_eq!(found(&served, POINTER).custom().security_version(), Some(7));
}

#[test]
fn known_field_below_zero() {
    let served = changed(|foreign| foreign.signed("timestamp.json")["version"] = json!(-1));
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::WrongKind));
}

#[test]
fn fraction_in_a_known_and_in_an_unknown_field() {
    for (name, role) in [("timestamp.json", RoleName::Timestamp), ("1.p.json", role("p"))] {
        for (field, value) in [
            ("version", json!(1.0)),
            ("x-other", json!([0.5])),
            ("x-other", json!(1e300)),
        ] {
            let served = changed(|foreign| foreign.signed(name)[field] = value);
            assert_eq!(flaw(&served), (role, Flaw::Spelling(Fault::NumberForm)));
        }
    }
}

#[test]
fn names_outside_of_ascii() {
    let name = "dossier/ü 😀 \u{20000}\"\\.bin";
    let long = "x".repeat(5000);
    let served = changed(|foreign| {
        let signed = foreign.signed("1.targets.json");
        let target = json!({"hashes": {"sha256": "0".repeat(64)}, "length": 5});
        signed["targets"][name] = target.clone();
        signed["targets"][&long] = target.clone();
        signed["targets"][""] = target;
    });
    for name in [name, &long, ""] {
        assert_eq!(found(&served, name).name(), name);
    }
}

#[test]
fn sha512_alone() {
    let digest: [u8; 64] = Sha512::digest(POINTER).into();
    let served = changed(|foreign| {
        foreign.signed("1.p.json")["targets"][POINTER]["hashes"] = json!({"sha512": Hex(&digest).to_string()});
    });
    let found = found(&served, POINTER);
    assert_eq!(found.digests().sha256, None);
    assert_eq!(found.digests().sha512.as_deref(), Some(&digest));
    assert!(found.digests().are_of(POINTER.as_bytes()));
    assert!(!found.digests().are_of(b"something else"));
}

#[test]
fn unknown_digests_beside_a_known_one() {
    let served = changed(|foreign| {
        let hashes = &mut foreign.signed("1.p.json")["targets"][POINTER]["hashes"];
        hashes["blake2b-256"] = "anything".into();
    });
    found(&served, POINTER);
}

#[test]
fn unknown_digests_alone() {
    for hashes in [json!({"md5": "00"}), json!({})] {
        let served = changed(|foreign| foreign.signed("1.p.json")["targets"][POINTER]["hashes"] = hashes);
        assert_eq!(flaw(&served), (role("p"), Flaw::Missing));
    }
    let served = changed(|foreign| foreign.signed("1.p.json")["targets"][POINTER]["hashes"]["sha512"] = "00".into());
    assert_eq!(flaw(&served), (role("p"), Flaw::NotHex));
    let served = changed(|foreign| {
        foreign.signed("timestamp.json")["meta"]["snapshot.json"]["hashes"] = json!({"md5": "00"});
    });
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::Missing));
}

/// The repository with what a listing of `targets` says of the bytes; the file itself is listed as it is served.
fn listing(fields: impl Fn(&[u8]) -> Value) -> Repository {
    let mut foreign = foreign();
    let file = foreign.served(plain).served["1.targets.json"].clone();
    let listing = foreign.signed("1.snapshot.json")["meta"]["targets.json"]
        .as_object_mut()
        .unwrap();
    listing.extend(fields(&file).as_object().unwrap().clone());
    foreign.served(plain)
}

fn hex256(bytes: &[u8]) -> String {
    Hex(&Sha256::digest(bytes)).to_string()
}

fn hex512(bytes: &[u8]) -> String {
    Hex(&Sha512::digest(bytes)).to_string()
}

#[test]
fn every_digest_and_length_that_is_listed_counts() {
    let wrong_digest = Rejected::WrongDigest {
        role: RoleName::Targets,
    };
    let good: [fn(&[u8]) -> Value; 5] = [
        |_| json!({}),
        |_| json!({"hashes": {}}),
        |file| json!({"length": file.len()}),
        |file| json!({"hashes": {"sha512": hex512(file)}}),
        |file| json!({"hashes": {"sha256": hex256(file), "sha512": hex512(file), "md5": "00"}, "length": file.len()}),
    ];
    for fields in good {
        found(&listing(fields), POINTER);
    }
    let bad: [fn(&[u8]) -> Value; 4] = [
        |_| json!({"hashes": {"sha512": hex512(b"")}}),
        |_| json!({"hashes": {"sha256": hex256(b"")}}),
        |file| json!({"hashes": {"sha256": hex256(file), "sha512": hex512(b"")}, "length": file.len()}),
        |file| json!({"hashes": {"sha256": hex256(b""), "sha512": hex512(file)}, "length": file.len()}),
    ];
    for fields in bad {
        assert_eq!(rejected(&listing(fields)), wrong_digest);
    }
    let refused = rejected(&listing(|file| json!({"length": file.len() + 1})));
    assert!(
        matches!(
            refused,
            Rejected::WrongLength {
                role: RoleName::Targets,
                ..
            }
        ),
        "{refused:?}"
    );
}

/// A device that keeps every file.
fn keeping(repository: &Repository) -> Device {
    let mut device = of(repository).unwrap();
    device.others = Some(BTreeMap::new());
    device
}

const NOTHING_NEW: [&str; 2] = ["2.root.json", "timestamp.json"];

#[test]
fn kept_copies_of_listed_versions_are_not_fetched_again() {
    let served = foreign().served(pretty);
    let mut device = keeping(&served);
    let first = device.update(&served).unwrap();
    let all = [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.p.json",
    ];
    assert_eq!(device.requests, all);
    assert_eq!(device.update(&served), Ok(first));
    assert_eq!(device.requests, NOTHING_NEW);

    // A copy that is not the one that was verified is no copy.
    device.others.as_mut().unwrap().get_mut("targets").unwrap().push(b' ');
    device.update(&served).unwrap();
    assert_eq!(device.requests, ["2.root.json", "timestamp.json", "1.targets.json"]);
}

/// A listing of the trusted version alone may be of other bytes, and then what the trusted snapshot listed counts.
#[test]
fn another_snapshot_of_the_trusted_version_is_compared_with_the_trusted_one() {
    let mut device = keeping(&foreign().served(plain));
    device.update(&foreign().served(plain)).unwrap();
    let mut forged = foreign();
    forged.signed("1.snapshot.json")["x"] = json!(1);
    forged.signed("timestamp.json")["version"] = json!(2);
    // The copy is lost, so that the trusted one has to come from the server.
    device.snapshot.clear();
    let refused = device.update(&forged.served(plain));
    let Err(Error::Rejected(Rejected::WrongLength { role, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(role, RoleName::Snapshot);
}

/// More roles than one round compares: every later round is about the bytes of the first, though a version alone is listed.
#[test]
fn long_snapshot_is_one_file_in_every_round() {
    let mut before = Repository::new();
    for number in 0..900 {
        let name = format!("other{number}.json");
        before.snapshot.role.meta.insert(name, MetaFile::of(1, b"other"));
    }
    before.publish();
    let mut after = before.clone();
    after.targets.role.version = 2;
    after.publish();
    let served = |repository| Foreign::of(repository).served(plain);
    let mut device = keeping(&served(&before));
    device.update(&served(&before)).unwrap();

    let (old, new) = (before.snapshot.role.version, after.snapshot.role.version);
    let (old, new) = (format!("{old}.snapshot.json"), format!("{new}.snapshot.json"));
    let after = served(&after);
    let mut session = device.begin().unwrap();
    let mut rounds = Vec::new();
    while let Request::Fetch(fetch) = session.request() {
        let name = fetch.file.to_string();
        let kept = (name == old).then(|| device.snapshot.clone());
        let file = kept.or_else(|| after.served.get(&name).cloned());
        if name == new {
            rounds.push(fetch.pinned.map(|pinned| pinned.digest));
        }
        session = match file {
            Some(file) => session.receive(Answer::Present(&mut &file[..])).unwrap().session,
            None => session.receive(Answer::<&[u8]>::Absent).unwrap().session,
        };
    }
    let first = Sha256::digest(&after.served[&new]).into();
    assert_eq!(rounds.first(), Some(&None));
    assert!(rounds.len() > 2, "{rounds:?}");
    assert!(rounds[1..].iter().all(|pinned| *pinned == Some(first)), "{rounds:?}");
}

#[test]
fn sha512_listing_is_fetched_again_because_nothing_remembers_it() {
    let served = listing(|file| json!({"hashes": {"sha512": hex512(file)}, "length": file.len()}));
    let mut device = keeping(&served);
    device.update(&served).unwrap();
    device.update(&served).unwrap();
    assert_eq!(device.requests, ["2.root.json", "timestamp.json", "1.targets.json"]);
}

#[test]
fn kept_copy_whose_keys_were_replaced_is_downloaded() {
    let mut before = foreign();
    let mut device = keeping(&before.served(plain));
    device.update(&before.served(plain)).unwrap();

    // Other keys sign the very same targets, of the same version; the listing names no bytes.
    let mut root = before.files["1.root.json"].clone();
    root["signed"]["version"] = 2.into();
    let (id, public) = key(50);
    root["signed"]["keys"][id.to_string()] = serde_json::to_value(public).unwrap();
    root["signed"]["roles"]["targets"] = json!({"keyids": [id.to_string()], "threshold": 1});
    before.files.insert("2.root.json".to_string(), root);
    let still_old = before.served(plain);
    let targets = before.files.get_mut("1.targets.json").unwrap();
    targets["signatures"] = json!([{"keyid": id.to_string(), "sig": ""}]);
    let served = before.served(plain);

    let expected = Rejected::TooFewSignatures {
        role: RoleName::Targets,
        needed: 1,
        valid: 0,
    };
    assert_eq!(device.clone().update(&still_old), Err(Error::Rejected(expected)));
    assert!(matches!(device.update(&served), Ok(Resolution::Found(_))));
    assert_eq!(
        device.requests,
        ["2.root.json", "3.root.json", "timestamp.json", "1.targets.json"]
    );
    device.update(&served).unwrap();
    assert_eq!(device.requests, ["3.root.json", "timestamp.json"]);
}

#[test]
fn names_without_versions() {
    let mut foreign = foreign();
    foreign.signed("1.root.json")["consistent_snapshot"] = false.into();
    for role in ["snapshot", "targets", "p"] {
        let file = foreign.files.remove(&format!("1.{role}.json")).unwrap();
        foreign.files.insert(format!("{role}.json"), file);
    }
    let served = foreign.served(pretty);
    let mut device = keeping(&served);
    let session = device.begin().unwrap();
    let session = device.run(&served, session).unwrap();
    assert!(!session.has_consistent_snapshot());
    assert!(matches!(session.resolution(), Some(Resolution::Found(_))));
    let all = [
        "2.root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "p.json",
    ];
    assert_eq!(device.requests, all);

    // The next version stands under the same name; the old snapshot is kept, so it can be compared.
    foreign.signed("timestamp.json")["version"] = 2.into();
    foreign.signed("timestamp.json")["meta"]["snapshot.json"]["version"] = 2.into();
    foreign.signed("snapshot.json")["version"] = 2.into();
    device.update(&foreign.served(pretty)).unwrap();
    assert_eq!(device.requests, ["2.root.json", "timestamp.json", "snapshot.json"]);
    foreign.signed("timestamp.json")["version"] = 3.into();
    let older = {
        foreign.signed("timestamp.json")["meta"]["snapshot.json"]["version"] = 3.into();
        foreign.signed("snapshot.json")["version"] = 3.into();
        foreign.signed("snapshot.json")["meta"]
            .as_object_mut()
            .unwrap()
            .remove("p.json");
        foreign.served(pretty)
    };
    let refused = device.update(&older);
    assert!(
        matches!(refused, Err(Error::Rejected(Rejected::RoleVanished { .. }))),
        "{refused:?}"
    );
}

#[test]
fn duplicate_keys_deep_nesting_and_huge_numbers() {
    let text = |served: &Repository| String::from_utf8(served.served["timestamp.json"].clone()).unwrap();
    let with = |field: &str| {
        let mut served = foreign().served(plain);
        let file = text(&served).replacen("\"version\":1}", &format!("\"version\":1,{field}}}"), 1);
        assert!(file.contains(field));
        served.serve("timestamp.json", file.into_bytes());
        flaw(&served)
    };
    let spelling = |fault| (RoleName::Timestamp, Flaw::Spelling(fault));
    assert_eq!(with(r#""version":1"#), spelling(Fault::RepeatedKey));
    assert_eq!(with(r#""\u0076ersion":2"#), spelling(Fault::RepeatedKey));
    assert_eq!(with(r#""x":{"a":1,"a":1}"#), spelling(Fault::RepeatedKey));
    let deep = format!("\"x\":{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(with(&deep), spelling(Fault::TooDeep));
    assert_eq!(
        with(&format!("\"x\":{}", "9".repeat(9000))),
        spelling(Fault::IntegerTooLarge)
    );
    assert_eq!(with("\"x\":1e99999"), spelling(Fault::NumberForm));
    assert_eq!(with("\"x\":NaN"), spelling(Fault::UnexpectedByte));
}

/// Says that it never ends; nobody may read it.
struct Endless;

impl Document for Endless {
    type Error = Infallible;

    fn length(&self) -> u32 {
        u32::MAX
    }

    fn chunk(&mut self, _offset: u32) -> Result<&[u8], Infallible> {
        panic!("it is too long to be read")
    }
}

#[test]
fn endless_data_is_not_read() {
    let served = foreign().served(plain);
    let device = of(&served).unwrap();
    let mut session = device.begin().unwrap();
    let mut refused = 0;
    while let Request::Fetch(fetch) = session.request() {
        let expected = Error::Rejected(Rejected::TooLong {
            role: fetch.file.role,
            length: u32::MAX,
            bytes_max: fetch.bytes_max,
        });
        assert_eq!(session.clone().take(Answer::Present(&mut Endless)), Err(expected));
        refused += 1;
        let file = served.served.get(&fetch.file.to_string());
        let answer = file.map(Vec::as_slice);
        session
            .take(match answer {
                Some(mut bytes) => {
                    let step = session.clone().receive(Answer::Present(&mut bytes)).unwrap();
                    session = step.session;
                    continue;
                }
                None => Answer::<&[u8]>::Absent,
            })
            .unwrap();
    }
    assert!(refused >= 5, "{refused} of the files");
}

#[test]
fn signatures_without_end() {
    let many = |count: usize| {
        let mut foreign = foreign();
        let root = foreign.files.get_mut("1.root.json").unwrap();
        let signatures = root["signatures"].as_array_mut().unwrap();
        signatures.splice(
            0..0,
            (0..count).map(|number| json!({"keyid": number.to_string(), "sig": "00"})),
        );
        let served = foreign.served(plain);
        of(&served).map(|_| ())
    };
    // The two of the root's own keys come last.
    assert_eq!(many(254), Ok(()));
    let limit = Limit::Signatures;
    let role = RoleName::Root;
    assert_eq!(many(255), Err(Error::Rejected(Rejected::LimitExceeded { role, limit })));
    let Err(Error::Rejected(Rejected::TooLong { bytes_max, .. })) = many(1_000_000) else {
        panic!("it was read")
    };
    assert_eq!(bytes_max, Limits::LARGE.root_bytes_max);
}

#[test]
fn many_keys_in_a_root() {
    let with = |count: u8| {
        let mut foreign = foreign();
        let root = foreign.signed("1.root.json");
        let before = root["keys"].as_object().unwrap().len() as u8;
        for number in 51..=50 + count - before {
            let (id, key) = key(number);
            root["keys"][id.to_string()] = serde_json::to_value(key).unwrap();
            let ids = root["roles"]["root"]["keyids"].as_array_mut().unwrap();
            ids.push(id.to_string().into());
        }
        foreign.served(plain)
    };
    found(&with(17), POINTER);
    found(&with(192), POINTER);
    let limit = Limit::RootKeys;
    let role = RoleName::Root;
    assert_eq!(rejected(&with(193)), Rejected::LimitExceeded { role, limit });
}

/// A repository where `count` roles cover the name, and the last of them lists it.
fn delegating(count: usize, name_of: impl Fn(usize) -> String) -> Repository {
    let mut foreign = foreign();
    let product = foreign.files["1.p.json"].clone();
    let mut empty = product.clone();
    empty["signed"]["targets"] = json!({});
    let mut roles = Vec::new();
    for number in 0..count {
        let name = name_of(number);
        let delegation = delegation(&name, &[30, 31], 2, &["p_*.release"]);
        roles.push(serde_json::to_value(delegation).unwrap());
        foreign.signed("1.snapshot.json")["meta"][format!("{name}.json")] = json!({"version": 1});
        let file = if number + 1 == count { &product } else { &empty };
        let role = role(&name);
        let version = RoleVersion::new(1);
        let served_as = tuffet_tuf::FileName { role, version }.to_string();
        foreign.files.insert(served_as, file.clone());
    }
    let keys = serde_json::to_value(key_map(&[30, 31])).unwrap();
    foreign.signed("1.targets.json")["delegations"] = json!({"keys": keys, "roles": roles});
    foreign.served(pretty)
}

#[test]
fn many_delegations() {
    for count in [14, 32] {
        let served = delegating(count, |number| format!("role-{number}"));
        assert_eq!(found(&served, POINTER).role(), &role(&format!("role-{}", count - 1)));
    }
    // One more than a search visits.
    assert_eq!(
        find(&delegating(33, |number| number.to_string()), POINTER),
        Ok(Resolution::NotFound)
    );
    let limit = Limit::Delegations;
    let role = RoleName::Targets;
    let too_many = delegating(257, |number| number.to_string());
    assert_eq!(rejected(&too_many), Rejected::LimitExceeded { role, limit });
}

#[test]
fn odd_role_names_stay_in_their_folder() {
    let names = [
        "../p",
        "a/b",
        "ü😀 %2F",
        ".",
        "..",
        "con",
        "1.root",
        "timestamp.json",
        "\"\\\n",
        "%00",
    ];
    let served = delegating(names.len(), |number| names[number].to_string());
    let mut device = keeping(&served);
    let Ok(Resolution::Found(found)) = device.update(&served) else {
        panic!("not found")
    };
    assert_eq!(found.role(), &role("%00"));
    let asked: Vec<_> = device.requests.iter().skip(4).map(String::as_str).collect();
    assert_eq!(
        asked,
        [
            "1...%2Fp.json",
            "1.a%2Fb.json",
            "1.%C3%BC%F0%9F%98%80%20%252F.json",
            "1...json",
            "1....json",
            "1.con.json",
            "1.1.root.json",
            "1.timestamp.json.json",
            "1.%22%5C%0A.json",
            "1.%2500.json"
        ]
    );
    device.update(&served).unwrap();
    assert_eq!(device.requests, NOTHING_NEW);
    for name in ["", "root", "targets", &"x".repeat(65)] {
        let mut foreign = foreign();
        foreign.signed("1.targets.json")["delegations"]["roles"][0]["name"] = name.into();
        assert_eq!(flaw(&foreign.served(plain)), (RoleName::Targets, Flaw::RoleName));
    }
}

#[test]
fn role_named_twice() {
    let served = delegating(2, |_| "p".to_string());
    let role = RoleName::Targets;
    assert_eq!(rejected(&served), Rejected::DuplicateDelegation { role });
}

#[test]
fn key_id_twice_in_signatures() {
    let served = changed(|foreign| {
        let file = foreign.files.get_mut("timestamp.json").unwrap();
        let first = file["signatures"][0].clone();
        file["signatures"].as_array_mut().unwrap().push(first);
    });
    let role = RoleName::Timestamp;
    assert_eq!(rejected(&served), Rejected::DuplicateSignature { role });
}

#[test]
fn weak_keys() {
    // The neutral point, for which a signature of nothing holds.
    let weak =
        json!({"keytype": "ed25519", "keyval": {"public": format!("01{}", "00".repeat(31))}, "scheme": "ed25519"});
    let served = changed(|foreign| foreign.signed("1.root.json")["keys"]["weak"] = weak.clone());
    let role = RoleName::Root;
    assert_eq!(
        of(&served).map(|_| ()),
        Err(Error::Rejected(Rejected::WeakKey { role }))
    );
    let served = changed(|foreign| {
        let delegations = &mut foreign.signed("1.targets.json")["delegations"];
        delegations["keys"]["weak"] = weak.clone();
        let ids = delegations["roles"][0]["keyids"].as_array_mut().unwrap();
        ids.push("weak".into());
    });
    let role = RoleName::Targets;
    assert_eq!(rejected(&served), Rejected::WeakKey { role });
}

#[test]
fn unsigned_and_edited_files_are_never_believed() {
    let honest = foreign().served(pretty);
    for name in ALL {
        for (from, to) in [
            ("\"version\": 1", "\"version\": 2"),
            ("2026-", "2027-"),
            ("\"sig\": \"", "\"sig\": \"0"),
        ] {
            let mut served = honest.clone();
            let text = String::from_utf8(served.served[name].clone()).unwrap();
            let edited = text.replace(from, to);
            if edited == text {
                continue;
            }
            served.serve(name, edited.into_bytes());
            let refused = find(&served, POINTER);
            let is_refused = matches!(refused, Err(Error::Rejected(Rejected::TooFewSignatures { .. })));
            assert!(is_refused, "{name} {from}: {refused:?}");
        }
    }
    assert!(matches!(find(&honest, POINTER), Ok(Resolution::Found(_))));
}

#[test]
fn states_round_trip_and_have_one_spelling() {
    let served = foreign().served(plain);
    let mut device = keeping(&served);
    let fresh = device.trusted.clone();
    device.update(&served).unwrap();
    let sha512 = {
        let mut foreign = foreign();
        let file = foreign.served(plain).served["1.snapshot.json"].clone();
        let listing = &mut foreign.signed("timestamp.json")["meta"]["snapshot.json"];
        listing["hashes"] = json!({"sha512": hex512(&file)});
        let served = foreign.served(plain);
        let mut device = of(&served).unwrap();
        device.update(&served).unwrap();
        device.trusted
    };
    for state in [fresh, device.trusted, sha512] {
        let bytes = state.to_bytes();
        assert_eq!(Trusted::<Lenient>::from_bytes(&bytes), Ok(state.clone()));
        for length in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            assert!(Trusted::<Lenient>::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        assert!(Trusted::<Lenient>::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        for place in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut edited = bytes.clone();
                edited[place] ^= mask;
                if let Ok(other) = Trusted::<Lenient>::from_bytes(&edited) {
                    assert!(other != state && other.to_bytes() == edited, "byte {place}");
                }
            }
        }
        // A state of the other reading is none.
        assert!(<TrustedState>::decode(&bytes).is_err());
    }
    let strict = repository::Device::provisioned(&Repository::new()).trusted.encode();
    assert!(Trusted::<Lenient>::from_bytes(&strict).is_err());
}

#[test]
fn timestamp_and_snapshot_never_go_back() {
    let mut foreign = foreign();
    let first = foreign.served(plain);
    for name in ["timestamp.json", "1.snapshot.json"] {
        foreign.signed(name)["version"] = 2.into();
    }
    foreign.signed("timestamp.json")["meta"]["snapshot.json"]["version"] = 2.into();
    let snapshot = foreign.files["1.snapshot.json"].clone();
    foreign.files.insert("2.snapshot.json".to_string(), snapshot);
    let second = foreign.served(pretty);
    let mut device = keeping(&first);
    device.update(&first).unwrap();
    device.update(&second).unwrap();
    let before = device.trusted.clone();
    let version = |number| RoleVersion::new(number).unwrap();
    let expected = Rejected::Rollback {
        role: RoleName::Timestamp,
        trusted: version(2),
        offered: version(1),
    };
    assert_eq!(device.update(&first), Err(Error::Rejected(expected)));
    assert_eq!(device.trusted, before);
    // The same versions in another spelling are nothing new.
    device.update(&foreign.served(plain)).unwrap();
    assert_eq!(device.trusted, before);
}

#[test]
fn expired_files() {
    for (name, role) in [
        ("timestamp.json", RoleName::Timestamp),
        ("1.snapshot.json", RoleName::Snapshot),
        ("1.targets.json", RoleName::Targets),
        ("1.p.json", role("p")),
    ] {
        let served = changed(|foreign| foreign.signed(name)["expires"] = days(1).to_string().into());
        let expected = Rejected::Expired {
            role,
            expires: days(1),
            started_at: days(1),
        };
        assert_eq!(rejected(&served), expected);
    }
}

/// `signed` of a kind that no canonical form helps: what is signed is an array.
#[test]
fn signed_is_no_object() {
    let mut served = foreign().served(plain);
    served.serve("timestamp.json", sign_bytes(b"[]", &[10]));
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::WrongKind));
    served.serve("timestamp.json", b"[]".to_vec());
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::WrongKind));
    served.serve("timestamp.json", Vec::new());
    assert_eq!(flaw(&served), (RoleName::Timestamp, Flaw::Spelling(Fault::Truncated)));
}

/// A session for nothing but the top-level roles.
#[test]
fn refresh_ends_without_a_target() {
    let served = foreign().served(pretty);
    let mut device = keeping(&served);
    let session = Session::refresh(
        &mut &device.root[..],
        device.trusted.clone(),
        device.clock,
        &device.limits,
    );
    let session = device.run(&served, session.unwrap()).unwrap();
    assert_eq!(session.resolution(), Some(&Resolution::NotFound));
    let session = session.search(Lenient::wanted(POINTER)).unwrap();
    let session = device.run(&served, session).unwrap();
    assert!(matches!(session.resolution(), Some(Resolution::Found(_))));
}
