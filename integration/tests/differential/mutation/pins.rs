//! How snapshot and timestamp pin other files.

use crate::case::Files;
use crate::repository::{File, Repository, chance, one_of, put};
use serde_json::{Value, json};
use tuffet_integration::nor::Random;

pub(super) fn meta_of(file: &mut File) -> Option<&mut serde_json::Map<String, Value>> {
    file.signed.get_mut("meta")?.as_object_mut()
}

/// Changes how a file is pinned.
fn change_pin(pin: &mut Value, random: &mut Random) -> String {
    let kind = random.below(12);
    let (version, length) = (
        pin["version"].as_u64().unwrap_or(1),
        pin["length"].as_u64().unwrap_or(1),
    );
    let fields = pin.as_object_mut().expect("a pin");
    match kind {
        0 => drop(fields.insert("version".to_owned(), json!(version.saturating_add(1)))),
        1 => drop(fields.insert("version".to_owned(), json!(version.saturating_sub(1)))),
        2 => drop(fields.insert("length".to_owned(), json!(length.saturating_add(1)))),
        3 => drop(fields.insert("length".to_owned(), json!(length.saturating_sub(1)))),
        4 => drop(fields.insert("length".to_owned(), json!(0))),
        5 => drop(fields.insert("hashes".to_owned(), json!({"sha256": "0".repeat(64)}))),
        6 => drop(fields.remove("hashes")),
        7 => drop(fields.remove("length")),
        8 => fields.retain(|name, _| name == "version"),
        9 => put(pin, &["hashes", "sha512"], json!("0".repeat(128))),
        10 => drop(fields.remove("version")),
        _ => drop(fields.insert("hashes".to_owned(), json!({}))),
    }
    format!("kind {kind}")
}

pub(super) fn snapshot_pin(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let Some(meta) = meta_of(&mut repository.snapshot).filter(|meta| !meta.is_empty()) else {
        return "no pins".to_owned();
    };
    let names: Vec<String> = meta.keys().cloned().collect();
    let name = one_of(random, &names);
    let said = match meta.get_mut(name).filter(|pin| pin.is_object()) {
        Some(pin) => change_pin(pin, random),
        None => "no pin".to_owned(),
    };
    format!("{name}, {said}")
}

pub(super) fn snapshot_entry_gone(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let Some(meta) = meta_of(&mut repository.snapshot).filter(|meta| !meta.is_empty()) else {
        return "no pins".to_owned();
    };
    let names: Vec<String> = meta.keys().cloned().collect();
    let name = one_of(random, &names).clone();
    let pin = meta.remove(&name).unwrap_or_default();
    if chance(random, 20) {
        meta.insert("elsewhere.json".to_owned(), pin);
    }
    name
}

pub(super) fn timestamp_pin(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    match repository.timestamp.signed.pointer_mut("/meta/snapshot.json") {
        Some(pin) => change_pin(pin, random),
        None => "no pin".to_owned(),
    }
}

pub(super) fn timestamp_meta(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let Some(meta) = repository.timestamp.signed.get_mut("meta") else {
        return "no pins".to_owned();
    };
    let pin = meta["snapshot.json"].clone();
    *meta = match random.below(3) {
        0 => json!({"snapshot.json": pin, "targets.json": pin}),
        1 => json!({}),
        _ => json!({"snapshot.json": pin, "x-note": {"version": 1}}),
    };
    meta.as_object().map_or(0, serde_json::Map::len).to_string() + " entries"
}
