//! Which keys a role has, and how many of them have to sign.

use crate::case::Files;
use crate::repository::{File, Repository, chance, one_of, put};
use serde_json::{Value, json};
use tuffet_integration::nor::Random;
use tuffet_integration::simulator::keys::{Key, Signer, WEAK_PUBLIC, key_id, key_object};

/// Where the key table and the key lists of a file stand: a top-level role of a root, or a delegation.
pub(super) fn key_places(file: &File) -> Option<(&'static str, Vec<String>)> {
    if file.signed.get("roles").is_some() {
        let roles = ["root", "timestamp", "snapshot", "targets"];
        return Some(("/keys", roles.iter().map(|role| format!("/roles/{role}")).collect()));
    }
    let roles = file.signed.pointer("/delegations/roles")?.as_array()?;
    let places = (0..roles.len()).map(|index| format!("/delegations/roles/{index}"));
    Some(("/delegations/keys", places.collect()))
}

/// A part of a file; nothing, if an earlier change took it away.
fn part<'a>(signed: &'a mut Value, place: &str) -> &'a mut Value {
    if signed.pointer(place).is_none() {
        put(signed, &["x-nothing"], json!({}));
        return signed
            .pointer_mut("/x-nothing")
            .unwrap_or_else(|| unreachable!("signed is an object"));
    }
    signed
        .pointer_mut(place)
        .unwrap_or_else(|| unreachable!("it was there"))
}

/// Changes the keys of one role, in a root or in a file that delegates. The role's own file is signed as it says.
fn change_keys(
    repository: &mut Repository,
    random: &mut Random,
    change: impl FnOnce(&mut Value, &str, &str, &mut Random, &mut Vec<Signer>) -> String,
) -> String {
    let mut holders = vec!["root".to_owned()];
    let delegators = repository
        .delegated
        .iter()
        .filter(|(_, file)| key_places(file).is_some());
    holders.extend(delegators.map(|(role, _)| role.clone()));
    if key_places(&repository.targets).is_some() {
        holders.push("targets".to_owned());
        holders.push("targets".to_owned());
    }
    let holder = one_of(random, &holders).clone();
    if holder == "root" {
        let version = repository.root.version().saturating_add(1);
        repository.root.set_version(version);
    }
    let Some((table, places)) = key_places(repository.file(&holder)).filter(|(_, places)| !places.is_empty()) else {
        return "no keys".to_owned();
    };
    let place = one_of(random, &places).clone();
    let name = match place.strip_prefix("/roles/") {
        Some(role) => role.to_owned(),
        None => {
            let name = repository.file(&holder).signed.pointer(&format!("{place}/name"));
            name.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
    };
    let known = repository.delegated.contains_key(&name) || place.starts_with("/roles/");
    let mut signers = if known {
        repository.file(&name).signers.clone()
    } else {
        Vec::new()
    };
    let said = change(
        &mut repository.file(&holder).signed,
        table,
        &place,
        random,
        &mut signers,
    );
    if known {
        repository.file(&name).signers = signers;
    }
    if holder == "root" {
        repository.publish_root(random);
    }
    format!("{name} in {holder}, {said}")
}

pub(super) fn threshold(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_keys(repository, random, |signed, _, place, random, _| {
        let threshold = one_of(
            random,
            &[json!(0), json!(1), json!(2), json!(4), json!(100_000), json!(-1)],
        )
        .clone();
        put(part(signed, place), &["threshold"], threshold.clone());
        threshold.to_string()
    })
}

pub(super) fn key_under_two_ids(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let key = Key::of("a key with two names");
    change_keys(repository, random, |signed, table, place, random, signers| {
        // A field of its own gives the second object another hash, so that both ids are right.
        let mut second = key.object();
        let is_hash = chance(random, 50);
        let id = if is_hash {
            second["x-second"] = json!(true);
            key_id(&second)
        } else {
            "5".repeat(64)
        };
        put(part(signed, table), &[&key.id()], key.object());
        put(part(signed, table), &[&id], second);
        let role = part(signed, place);
        put(role, &["keyids"], json!([key.id(), id]));
        put(role, &["threshold"], json!(2));
        *signers = vec![key.signer(), key.signer_as(&id)];
        format!("right ids: {is_hash}")
    })
}

pub(super) fn key_id_not_its_hash(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_keys(repository, random, |signed, table, place, random, signers| {
        let role = part(signed, place);
        let old = role["keyids"][0].as_str().unwrap_or_default().to_owned();
        let new = match random.below(4) {
            0 => "5".repeat(64),
            1 => old.to_uppercase(),
            2 => "key-1".to_owned(),
            _ => "55".to_owned(),
        };
        if let Some(first) = role.pointer_mut("/keyids/0") {
            *first = json!(new);
        }
        let keys = part(signed, table);
        if let Some(object) = keys.get(&old).cloned() {
            put(keys, &[&new], object);
        }
        for signer in signers.iter_mut().filter(|signer| signer.key_id == old) {
            signer.key_id.clone_from(&new);
        }
        new
    })
}

pub(super) fn key_of_another_kind(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_keys(repository, random, |signed, table, place, random, _| {
        let object = one_of(
            random,
            &[
                json!({"keytype": "ecdsa", "keyval": {"public": "04"}, "scheme": "ecdsa-sha2-nistp256"}),
                json!({"keytype": "later", "keyval": {"public": "00"}, "scheme": "later"}),
                json!({"keytype": "ed25519", "keyval": {"public": "00"}, "scheme": "ed25519"}),
                json!({"keytype": "ed25519", "keyval": {"public": "ff".repeat(32)}, "scheme": "ed25519"}),
                json!({"keytype": "ed25519", "keyval": {"public": "11".repeat(32)}, "scheme": "ed25519ph"}),
                json!({"keytype": "ed25519", "keyval": {}, "scheme": "ed25519"}),
            ],
        )
        .clone();
        let id = key_id(&object);
        put(part(signed, table), &[&id], object.clone());
        // Beside the others, so that the role can still be signed.
        if let Some(ids) = part(signed, place).get_mut("keyids").and_then(Value::as_array_mut) {
            ids.push(json!(id));
        }
        object.to_string()
    })
}

pub(super) fn weak_key(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_keys(repository, random, |signed, table, place, random, signers| {
        let object = key_object(WEAK_PUBLIC);
        let id = key_id(&object);
        put(part(signed, table), &[&id], object);
        let role = part(signed, place);
        if chance(random, 50) {
            *signers = vec![Signer::weak()];
            put(role, &["keyids"], json!([id]));
            put(role, &["threshold"], json!(1));
            "alone".to_owned()
        } else {
            if let Some(ids) = role.get_mut("keyids").and_then(Value::as_array_mut) {
                ids.push(json!(id));
            }
            "beside others".to_owned()
        }
    })
}

pub(super) fn key_id_listed_twice(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_keys(repository, random, |signed, _, place, random, signers| {
        let role = part(signed, place);
        let first = role["keyids"][0].clone();
        put(role, &["keyids"], json!([first, first]));
        if chance(random, 50) {
            put(role, &["threshold"], json!(2));
        }
        signers.retain(|signer| json!(signer.key_id) == first);
        role["threshold"].to_string()
    })
}
