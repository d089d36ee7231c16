//! The same verdict on the same meaning: the strict reading and the lenient one on files of every kind of fault.

mod repository;

use proptest::{collection::vec, prelude::*};
use repository::{
    DeviceOf, POINTER, ROLLOUT, Repository,
    agreement::{Pair, first_root_verdicts, same_refusal},
    days,
    foreign::{Foreign, canonical, plain, pretty, spelled},
    key_map, role_keys, sign_bytes, signed_part, targets_of,
};
use serde_json::{Value, json};
use tuffet_tuf::{ClockPolicy, Error, Lenient, Limits, Resolution, emit, model::MetaFile};

/// The files that are edited, and who signs them.
const FILES: [(&str, &[u8]); 5] = [
    ("timestamp", &[10]),
    ("snapshot", &[11]),
    ("targets", &[20, 21]),
    ("p", &[30, 31]),
    ("root", &[1, 2]),
];

/// What is put in the place of a value, or beside it.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3u64).prop_map(Value::from),
        Just(Value::from(-1)),
        Just(Value::from(tuffet_wire::INTEGER_MAX)),
        Just(Value::from(tuffet_wire::INTEGER_MAX + 1)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(["p", 7])),
        Just(json!({"sha256": "0".repeat(64)})),
        "[a-z_*.?é\"\\\\\n-]{0,12}".prop_map(Value::from),
        Just(Value::from("x".repeat(300))),
        (2020..2040u32).prop_map(|year| Value::from(format!("{year}-01-01T00:00:00Z"))),
        any::<[u8; 32]>().prop_map(|bytes| Value::from(tuffet_wire::hex::Hex(&bytes).to_string())),
    ]
}

/// One change of what a role says: the steps to a place in it, and what happens there.
#[derive(Clone, Debug)]
struct Edit {
    file: usize,
    steps: Vec<usize>,
    kind: u8,
    value: Value,
}

fn edit() -> impl Strategy<Value = Edit> {
    (0..FILES.len(), vec(0..12usize, 1..6), 0..4u8, value()).prop_map(|(file, steps, kind, value)| Edit {
        file,
        steps,
        kind,
        value,
    })
}

impl Edit {
    fn apply(&self, value: &mut Value) {
        let mut place = value;
        for step in &self.steps {
            let count = match &*place {
                Value::Array(items) => items.len(),
                Value::Object(fields) => fields.len(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
            };
            if count == 0 {
                break;
            }
            place = match place {
                Value::Array(items) => &mut items[step % count],
                Value::Object(fields) => fields.values_mut().nth(step % count).unwrap(),
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
            };
        }
        match (self.kind, place) {
            (0, Value::Object(fields)) => {
                let name = fields.keys().next().cloned();
                name.and_then(|name| fields.remove(&name));
            }
            (1, Value::Object(fields)) => {
                fields.insert("x-other".to_string(), self.value.clone());
            }
            (0, Value::Array(items)) => drop(items.pop()),
            (1, Value::Array(items)) => items.push(self.value.clone()),
            (2, Value::Array(items)) => items.extend(items.first().cloned()),
            (_, place) => *place = self.value.clone(),
        }
    }

    /// Signs what the role says now, and lists it above.
    fn publish(&self, repository: &mut Repository) {
        let (role, signers) = FILES[self.file];
        if role == "root" {
            repository.rotate_root(|_| ());
        }
        let version = match role {
            "root" => repository.root.role.version,
            "snapshot" => repository.snapshot.role.version,
            _ => 1,
        };
        let name = match role {
            "timestamp" => "timestamp.json".to_string(),
            role => format!("{version}.{role}.json"),
        };
        let mut signed = serde_json::from_slice(&signed_part(&repository.served[&name]).unwrap()).unwrap();
        self.apply(&mut signed);
        // What our writer does not write is spelled as it would, but for that.
        let file = match tuffet_wire::emit::wire(&signed) {
            Ok(wire) => {
                let mut file = sign_bytes(&canonical(&signed), signers);
                file.truncate(file.len() - canonical(&signed).len() - 1);
                [file, wire, b"}".to_vec()].concat()
            }
            Err(_) => sign_bytes(&plain(&signed), signers),
        };
        let meta = MetaFile::of(version, &file);
        repository.serve(name, file);
        match role {
            "root" | "timestamp" => {}
            "snapshot" => {
                repository.timestamp.role.meta.snapshot = meta;
                repository.publish_timestamp();
            }
            role => {
                repository.snapshot.role.meta.insert(format!("{role}.json"), meta);
                repository.publish_snapshot();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn readings_agree_on_every_edit(
        edits in vec(edit(), 1..3),
        updates_first in any::<bool>(),
        now in 0..400u32,
        name in prop_oneof![Just(POINTER), Just(ROLLOUT), Just("p_other")],
    ) {
        let mut repository = Repository::new();
        let mut pair = Pair::provisioned(&repository);
        if updates_first {
            let (strict, lenient) = pair.find(&repository, name);
            prop_assert!(strict.is_ok() && lenient.is_ok());
        }
        pair.strict.clock = ClockPolicy::Trusted { now: days(now % 4 * now) };
        for edit in &edits {
            edit.publish(&mut repository);
        }
        let _verdicts = pair.find(&repository, name);
    }

    #[test]
    fn readings_agree_on_every_edited_first_root(edit in edit()) {
        let mut repository = Repository::new();
        let edit = Edit { file: 4, ..edit };
        edit.publish(&mut repository);
        let _verdicts = first_root_verdicts(&repository.served["2.root.json"]);
    }

    /// Bytes changed under the signatures of thieves of all keys.
    #[test]
    fn readings_agree_on_edited_bytes(
        file in 0..4usize,
        places in vec((any::<u16>(), 0..3u8, any::<u8>()), 1..4),
    ) {
        let mut repository = Repository::new();
        let (role, signers) = FILES[file];
        let name = match role {
            "timestamp" => "timestamp.json".to_string(),
            role => format!("1.{role}.json"),
        };
        let mut signed = signed_part(&repository.served[&name]).unwrap();
        for (place, kind, byte) in places {
            let place = usize::from(place) % signed.len();
            match kind {
                0 => signed[place] = byte,
                1 => drop(signed.remove(place)),
                _ => signed.insert(place, byte),
            }
        }
        let file = sign_bytes(&signed, signers);
        let meta = MetaFile::of(1, &file);
        repository.serve(name, file);
        match role {
            "timestamp" => {}
            "snapshot" => {
                repository.timestamp.role.meta.snapshot = meta;
                repository.publish_timestamp();
            }
            role => {
                repository.snapshot.role.meta.insert(format!("{role}.json"), meta);
                repository.publish_snapshot();
            }
        }
        let _verdicts = Pair::provisioned(&repository).find(&repository, POINTER);
    }

    /// Rotations, signers that are missing, versions, lives and times: the whole life of a repository.
    #[test]
    fn readings_agree_on_every_life(
        steps in vec((0..10u8, any::<u8>()), 1..12),
    ) {
        let mut repository = Repository::new();
        let mut pair = Pair::provisioned(&repository);
        for (step, number) in steps {
            match step {
                0 | 1 => drop(pair.find(&repository, [POINTER, ROLLOUT][usize::from(number) % 2])),
                2 => repository.rotate_root(|root| {
                    let number = 10 + number % 3;
                    root.role.keys.extend(key_map(&[number]));
                    root.role.roles.timestamp = role_keys(&[number], 1);
                }),
                3 => repository.timestamp.signers = vec![10 + number % 3],
                4 => repository.delegated.get_mut("p").unwrap().role.version = u64::from(number) + 1,
                5 => {
                    let role = repository.delegated.get_mut("p").unwrap();
                    role.role.targets.extend(targets_of(&["p_other"]).targets);
                    role.signers = [vec![30, 31], vec![30], vec![30, 30]][usize::from(number) % 3].clone();
                }
                6 => repository.publish(),
                7 => repository.publish_timestamp(),
                8 => repository.timestamp.role.expires = days(u32::from(number)),
                _ => pair.strict.clock = match number {
                    0..50 => ClockPolicy::FloorOnly,
                    now => ClockPolicy::Trusted { now: days(u32::from(now) / 50) },
                },
            }
        }
        let _verdicts = pair.find(&repository, POINTER);
    }

    /// Versions alone are listed, so nothing pins the bytes: then the spelling does not matter.
    #[test]
    fn spelling_does_not_matter_to_the_lenient_reading(edits in vec(edit(), 0..3), seed in any::<u64>()) {
        let mut foreign = Foreign::of(&Repository::new());
        for edit in &edits {
            let name = match FILES[edit.file].0 {
                "timestamp" => "timestamp.json".to_string(),
                role => format!("1.{role}.json"),
            };
            edit.apply(foreign.signed(&name));
        }
        let verdict = |served: &Repository| {
            let mut device = DeviceOf::<Lenient>::of_root(&served.served["1.root.json"], &Limits::LARGE)?;
            let found = device.update(served)?;
            let facts = [device.trusted.snapshot, device.trusted.targets];
            Ok::<_, repository::Refused>((found, facts.map(|file| file.map(|file| (file.version, file.expires)))))
        };
        let expected = verdict(&foreign.served(plain));
        for other in [
            foreign.served(pretty),
            foreign.served(|value| spelled(value, seed)),
            foreign.served(canonical_or_plain),
        ] {
            match (&expected, &verdict(&other)) {
                (Ok(expected), Ok(other)) => prop_assert_eq!(expected, other),
                (Err(expected), Err(other)) => prop_assert!(same_refusal(expected, other), "{expected:?} {other:?}"),
                (expected, other) => prop_assert!(false, "{expected:?} {other:?}"),
            }
        }
    }
}

/// The canonical form, where it is a document.
fn canonical_or_plain(value: &Value) -> Vec<u8> {
    let canonical = canonical(value);
    match serde_json::from_slice::<Value>(&canonical) {
        Ok(_) => canonical,
        Err(_) => plain(value),
    }
}

/// The properties do reach what they are about: an honest repository is found in every spelling, by both readings.
#[test]
fn honest_files_are_found() {
    let repository = Repository::new();
    let (strict, lenient) = Pair::provisioned(&repository).find(&repository, POINTER);
    assert!(matches!(strict, Ok(Resolution::Found(_))) && matches!(lenient, Ok(Resolution::Found(_))));
    let foreign = Foreign::of(&repository);
    for seed in 0..50 {
        let served = foreign.served(|value| spelled(value, seed));
        let mut device = DeviceOf::<Lenient>::provisioned(&served);
        let Ok(Resolution::Found(found)) = device.update(&served) else {
            panic!("seed {seed}: {:?}", device.update(&served))
        };
        assert_eq!(found.length(), POINTER.len() as u64);
    }
}

/// The second writer of the canonical form agrees with ours.
#[test]
fn canonical_forms_agree() {
    let repository = Repository::new();
    let value: Value = serde_json::from_slice(&repository.served["1.targets.json"]).unwrap();
    let expected = emit::signed_bytes(&repository.targets.role).unwrap();
    assert_eq!(canonical(&value["signed"]), expected);
    let odd = json!({"b": ["\n\"\\/é", 0], "a": {"": null}});
    assert_eq!(canonical(&odd), tuffet_wire::emit::canonical(&odd).unwrap());
    let spelled: Value = serde_json::from_slice(&spelled(&odd, 7)).unwrap();
    assert_eq!(spelled, odd);
}

/// A digest of a second kind is looked at by the lenient reading only, and then it has to be right.
#[test]
fn second_digest_is_where_only_the_lenient_reading_refuses() {
    let mut repository = Repository::new();
    let mut snapshot: Value =
        serde_json::from_slice(&signed_part(&repository.served["1.snapshot.json"]).unwrap()).unwrap();
    snapshot["meta"]["targets.json"]["hashes"]["sha512"] = "0".repeat(128).into();
    let file = sign_bytes(&canonical(&snapshot), &[11]);
    repository.timestamp.role.meta.snapshot = MetaFile::of(1, &file);
    repository.serve("1.snapshot.json", file);
    repository.publish_timestamp();
    let (strict, lenient) = Pair::provisioned(&repository).find(&repository, POINTER);
    assert!(matches!(strict, Ok(Resolution::Found(_))));
    let role = tuffet_tuf::RoleName::Targets;
    assert_eq!(
        lenient,
        Err(Error::Rejected(tuffet_tuf::Rejected::WrongDigest { role }))
    );
}
