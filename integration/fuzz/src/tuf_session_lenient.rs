//! The same files for a strict and a lenient device; and the same files in another spelling.
//!
//! The model: the two readings agree, as `agreement` says; and a repository that lists versions alone gets the same verdict
//! in every spelling.

use serde_json::{Map, Value};
use tuffet_tuf::model::MetaFile;
use tuffet_tuf::{ClockPolicy, Lenient};

use super::Script;
use super::repository::agreement::{Pair, same_refusal};
use super::repository::foreign::{Foreign, plain, spelled};
use super::repository::{
    self, DeviceOf, POINTER, ROLLOUT, Repository, days, key_map, role_keys, sign_bytes, signed_part,
};

/// Each update signs and verifies some dozen times.
const STEPS_MAX: usize = 12;

/// The files that are edited: their name without a version, and who signs them.
const FILES: [(&str, &[u8]); 6] = [
    ("root", &[1, 2]),
    ("timestamp", &[10]),
    ("snapshot", &[11]),
    ("targets", &[20, 21]),
    ("p", &[30, 31]),
    ("p_rollout", &[40]),
];

/// The first byte chooses the model, the rest is a script of edits.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    if script.byte().is_multiple_of(2) {
        agree(&mut script);
    } else {
        respell(&mut script);
    }
}

thread_local! {
    /// Signing takes longest, so this is done once.
    static START: (Repository, Pair, Foreign) = {
        let repository = Repository::new();
        let (pair, foreign) = (Pair::provisioned(&repository), Foreign::of(&repository));
        (repository, pair, foreign)
    };
}

fn agree(script: &mut Script<'_>) {
    let (mut repository, mut pair) = START.with(|(repository, pair, _)| (repository.clone(), pair.clone()));
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        match script.byte() % 8 {
            0 => drop(pair.find(&repository, POINTER)),
            1 => drop(pair.find(&repository, ROLLOUT)),
            2 => {
                let now = days(u32::from(script.number() % 800));
                pair.strict.clock = ClockPolicy::Trusted { now };
            }
            3 => {
                let key = 10 + script.byte() % 3;
                repository.rotate_root(|root| {
                    root.role.keys.extend(key_map(&[key]));
                    root.role.roles.timestamp = role_keys(&[key], 1);
                });
                repository.timestamp.signers = vec![key];
                repository.publish_timestamp();
            }
            4 => {
                let index = usize::from(script.byte()) % repository.served.len().max(1);
                let name = repository.served.keys().nth(index).cloned();
                name.and_then(|name| repository.served.remove(&name));
            }
            _ => edit(&mut repository, script),
        }
    }
    let _verdicts = pair.find(&repository, POINTER);
}

/// Changes what is signed of one file, signs it again, and lists it above as it is now.
fn edit(repository: &mut Repository, script: &mut Script<'_>) {
    let (role, signers) = FILES[usize::from(script.byte()) % FILES.len()];
    if role == "root" {
        repository.rotate_root(|_| ());
    }
    let version = match role {
        "root" => repository.root.role.version,
        "snapshot" => repository.snapshot.role.version,
        "targets" => repository.targets.role.version,
        role => repository.delegated.get(role).map_or(1, |signed| signed.role.version),
    };
    let name = match role {
        "timestamp" => "timestamp.json".to_owned(),
        role => format!("{version}.{role}.json"),
    };
    let signed = repository.served.get(&name).and_then(|file| signed_part(file));
    let Some(mut signed) = signed else { return };
    if script.byte().is_multiple_of(4) {
        edit_bytes(&mut signed, script);
    } else if let Ok(mut value) = serde_json::from_slice(&signed) {
        edit_value(&mut value, script);
        // As our writer spells it, or with what it would not write.
        signed = tuffet_wire::emit::wire(&value).unwrap_or_else(|_| plain(&value));
    }
    let file = sign_bytes(&signed, signers);
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

fn edit_bytes(bytes: &mut Vec<u8>, script: &mut Script<'_>) {
    for _ in 0..=script.byte() % 3 {
        let at = usize::from(script.number()) % bytes.len().max(1);
        match script.byte() % 3 {
            0 if at < bytes.len() => bytes[at] = script.byte(),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.insert(at, script.byte()),
        }
    }
}

/// Walks some steps into a value, and changes what stands there.
fn edit_value(value: &mut Value, script: &mut Script<'_>) {
    let mut place = value;
    for _ in 0..script.byte() % 6 {
        let step = usize::from(script.byte());
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
            Value::Object(fields) => fields.values_mut().nth(step % count).expect("there are that many"),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
        };
    }
    match (script.byte() % 4, place) {
        (0, Value::Object(fields)) => {
            let step = usize::from(script.byte()) % fields.len().max(1);
            let name = fields.keys().nth(step).cloned();
            name.and_then(|name| fields.remove(&name));
        }
        (1, Value::Object(fields)) => {
            let step = usize::from(script.byte()) % fields.len().max(1);
            let copied = fields.values().nth(step).cloned().unwrap_or_default();
            let name = any_text(script);
            fields.insert(name, copied);
        }
        (0, Value::Array(items)) => drop(items.pop()),
        (1, Value::Array(items)) => items.extend(items.first().cloned()),
        (_, place) => *place = any_value(script),
    }
}

fn any_value(script: &mut Script<'_>) -> Value {
    match script.byte() % 12 {
        0 => Value::Null,
        1 => Value::Bool(script.byte().is_multiple_of(2)),
        2 => u64::from(script.byte()).into(),
        3 => (-i64::from(script.byte())).into(),
        4 => (tuffet_wire::INTEGER_MAX + u64::from(script.byte() % 2)).into(),
        5 => Value::Array(Vec::new()),
        6 => Value::Object(Map::new()),
        7 => Value::Array(vec![any_text(script).into(), Value::Null]),
        8 => format!("20{:02}-01-01T00:00:00Z", script.byte() % 100).into(),
        9 => "x".repeat(usize::from(script.number() % 600)).into(),
        10 => "0".repeat(64).into(),
        _ => any_text(script).into(),
    }
}

fn any_text(script: &mut Script<'_>) -> String {
    const TEXTS: [&str; 16] = [
        "",
        "*",
        "p",
        "root",
        "sha256",
        "sha512",
        "md5",
        "p_*.release",
        "targets.json",
        "p.json",
        "length",
        "custom",
        "version",
        "1.0",
        "é\u{1f600}",
        "a/b\\\"\n",
    ];
    let choice = usize::from(script.byte());
    match TEXTS.get(choice % 20) {
        Some(text) => (*text).to_owned(),
        None => {
            let count = usize::from(script.byte() % 80);
            String::from_utf8_lossy(script.bytes(count)).into_owned()
        }
    }
}

/// Edits values of a repository that lists versions alone, and reads it in two spellings.
fn respell(script: &mut Script<'_>) {
    let mut foreign = START.with(|(_, _, foreign)| foreign.clone());
    let seed = u64::from(script.number()) << 16 | u64::from(script.number());
    for _ in 0..script.byte() % 3 {
        let index = usize::from(script.byte()) % foreign.files.len();
        if let Some(file) = foreign.files.values_mut().nth(index) {
            edit_value(&mut file["signed"], script);
        }
    }
    let verdict = |served: &Repository| {
        let root = &served.served["1.root.json"];
        let mut limits = tuffet_tuf::Limits::LARGE;
        limits.root_files_per_run_max = 4;
        let mut device = DeviceOf::<Lenient>::of_root(root, &limits)?;
        device.others = Some(std::collections::BTreeMap::new());
        let found = device.update(served)?;
        // Once more: what is kept is as good as what is served.
        let again = device.update(served)?;
        assert_eq!(found, again, "the second cycle says something else");
        assert_eq!(
            device.requests,
            ["2.root.json", "timestamp.json"],
            "what is kept is asked for"
        );
        Ok::<_, repository::Refused>((found, device.trusted.targets.map(|known| known.version)))
    };
    let one = verdict(&foreign.served(plain));
    let other = verdict(&foreign.served(|value| spelled(value, seed)));
    match (&one, &other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other, "the spelling matters"),
        (Err(one), Err(other)) => assert!(same_refusal(one, other), "the spelling matters: {one:?} {other:?}"),
        (one, other) => panic!("the spelling matters: {one:?} {other:?}"),
    }
}
