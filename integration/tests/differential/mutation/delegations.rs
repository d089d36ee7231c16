//! Who is delegated what.

use super::keys::key_places;
use super::pins::meta_of;
use crate::case::Files;
use crate::repository::{NAMES, Repository, chance, listing, one_of, put};
use serde_json::{Value, json};
use tuffet_integration::nor::Random;

/// The list of delegations of a random file that has one.
fn change_delegations(
    repository: &mut Repository,
    random: &mut Random,
    change: impl FnOnce(&mut Vec<Value>, &mut Random) -> String,
) -> String {
    let mut holders: Vec<String> = repository.delegated.keys().cloned().collect();
    holders.push("targets".to_owned());
    holders.retain(|role| key_places(repository.file(role)).is_some());
    if holders.is_empty() {
        return "no delegations".to_owned();
    }
    let holder = one_of(random, &holders).clone();
    let roles = repository.file(&holder).signed.pointer_mut("/delegations/roles");
    match roles.and_then(Value::as_array_mut).filter(|roles| !roles.is_empty()) {
        Some(roles) => format!("{holder}, {}", change(roles, random)),
        None => "no delegations".to_owned(),
    }
}

fn without(value: &mut Value, field: &str) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove(field);
    }
}

pub(super) fn role_delegated_twice(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_delegations(repository, random, |roles, random| {
        let mut second = one_of(random, roles).clone();
        if chance(random, 50) {
            put(&mut second, &["paths"], json!(["*", "*/*"]));
            without(&mut second, "path_hash_prefixes");
        }
        if chance(random, 30) {
            put(&mut second, &["keyids"], json!([]));
        }
        let name = second["name"].to_string();
        roles.insert(random.below(roles.len() + 1), second);
        name
    })
}

pub(super) fn role_named_otherwise(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_delegations(repository, random, |roles, random| {
        let at = random.below(roles.len());
        let name = match random.below(8) {
            0 => "targets".to_owned(),
            1 => "root".to_owned(),
            2 => "snapshot".to_owned(),
            3 => "timestamp".to_owned(),
            4 => String::new(),
            5 => "no-such-role".to_owned(),
            6 => "..".to_owned(),
            _ => "n".repeat(65),
        };
        put(&mut roles[at], &["name"], json!(name));
        name
    })
}

pub(super) fn listed_beyond_delegation(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let roles: Vec<String> = repository.delegated.keys().cloned().collect();
    if roles.is_empty() {
        return "no roles".to_owned();
    }
    let role = one_of(random, &roles).clone();
    let name = *one_of(random, &NAMES);
    let file = repository.file(&role);
    let entry = listing(&role, name, file.version());
    put(&mut file.signed, &["targets", name], entry);
    format!("{role} lists {name}")
}

pub(super) fn pattern(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_delegations(repository, random, |roles, random| {
        let at = random.below(roles.len());
        let patterns = [
            "**", "[fg]*", "[!f]*", "dir/*", "*/*", "dir/*/*", "{f1,f2}", "", "/f1", "dir*", "f1/", "[", "F1", "\\f1",
            "***",
        ];
        let pattern = *one_of(random, &patterns);
        let field = if chance(random, 80) {
            "paths"
        } else {
            "path_hash_prefixes"
        };
        without(&mut roles[at], "paths");
        without(&mut roles[at], "path_hash_prefixes");
        put(&mut roles[at], &[field], json!([pattern]));
        if chance(random, 10) {
            put(&mut roles[at], &["path_hash_prefixes"], json!(["0"]));
        }
        format!("{field}: {pattern}")
    })
}

pub(super) fn new_delegation(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let roles: Vec<String> = repository.delegated.keys().cloned().collect();
    if roles.is_empty() {
        return "no roles".to_owned();
    }
    let role = one_of(random, &roles).clone();
    repository.delegate(random, None, &role);
    format!("targets delegates to {role} once more")
}

pub(super) fn cycle(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let roles: Vec<String> = repository.delegated.keys().cloned().collect();
    if roles.is_empty() {
        return "no roles".to_owned();
    }
    let (parent, role) = (one_of(random, &roles).clone(), one_of(random, &roles).clone());
    let before = repository.file(&role).signed["targets"].clone();
    repository.delegate(random, Some(&parent), &role);
    put(&mut repository.file(&role).signed, &["targets"], before);
    format!("{parent} delegates to {role}")
}

pub(super) fn role_gone(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let Some(role) = repository.delegated.keys().nth(random.below(4)).cloned() else {
        return "no such role".to_owned();
    };
    repository.delegated.remove(&role);
    if let Some(meta) = meta_of(&mut repository.snapshot) {
        meta.remove(&format!("{role}.json"));
    }
    format!("{role}, and its entry in the snapshot")
}
