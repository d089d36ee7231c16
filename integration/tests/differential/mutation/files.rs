//! What any file says, who signs it, and how its bytes are written.

use crate::case::Files;
use crate::repository::{EXPIRED, File, Repository, Rewrite, chance, listing, one_of, put};
use serde_json::{Value, json};
use tuffet_integration::nor::Random;
use tuffet_integration::simulator::keys::Signer;

/// Changes a file. A root is a new one, since a client that has the old one does not ask for it again.
pub(super) fn change_file(
    repository: &mut Repository,
    random: &mut Random,
    role: &str,
    change: impl FnOnce(&mut File, &mut Random) -> String,
) -> String {
    if role == "root" {
        let version = repository.root.version().saturating_add(1);
        repository.root.set_version(version);
    }
    let said = change(repository.file(role), random);
    if role == "root" {
        repository.publish_root(random);
    }
    format!("{role}, {said}")
}

pub(super) fn change_any(
    repository: &mut Repository,
    random: &mut Random,
    change: impl FnOnce(&mut File, &mut Random) -> String,
) -> String {
    let role = repository.any_role(random);
    change_file(repository, random, &role, change)
}

pub(super) fn signatures(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let stranger = repository.stranger();
    change_any(repository, random, |file, random| {
        let signers = &mut file.signers;
        let at = random.below(signers.len().max(1));
        let kind = random.below(9);
        match kind {
            0 if !signers.is_empty() => drop(signers.remove(at)),
            1 => signers.clear(),
            2 if !signers.is_empty() => signers.push(signers[at].clone()),
            3 => signers.reverse(),
            4 => signers.push(stranger.signer()),
            5 if !signers.is_empty() => signers[at] = stranger.signer(),
            6 if !signers.is_empty() => signers[at] = stranger.signer_as(&signers[at].key_id.clone()),
            7 if !signers.is_empty() => signers[at] = Signer::fixed(&signers[at].key_id.clone(), "00"),
            _ if !signers.is_empty() => {
                let id = signers[at].key_id.clone();
                // Before the right one, and under the same id.
                signers.insert(0, Signer::fixed(&id, &"0".repeat(128)));
            }
            _ => {}
        }
        format!("kind {kind}")
    })
}

pub(super) fn version(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let old = file.version();
        let new = *one_of(
            random,
            &[
                old.saturating_add(1),
                old.saturating_sub(1),
                old.saturating_add(1_000),
                0,
                old,
                1 << 40,
                u64::from(u32::MAX),
            ],
        );
        file.set_version(new);
        format!("{old} becomes {new}")
    })
}

pub(super) fn expired(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, _| {
        put(&mut file.signed, &["expires"], json!(EXPIRED));
        "expired".to_owned()
    })
}

pub(super) fn expires_spelling(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let spelling = *one_of(
            random,
            &[
                "2090-01-01T00:00:00.000Z",
                "2090-01-01T00:00:00+00:00",
                "2090-01-01",
                "2090-01-01t00:00:00z",
                "2090-02-30T00:00:00Z",
                "2090-01-01T23:59:60Z",
                "2090-01-01 00:00:00Z",
                "0000-01-01T00:00:00Z",
                "9999-12-31T23:59:59Z",
                "tomorrow",
            ],
        );
        put(&mut file.signed, &["expires"], json!(spelling));
        spelling.to_owned()
    })
}

pub(super) fn wrong_type(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let kind = *one_of(random, &["root", "timestamp", "snapshot", "targets", "Targets", ""]);
        put(&mut file.signed, &["_type"], json!(kind));
        kind.to_owned()
    })
}

pub(super) fn spec_version(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let edition = *one_of(
            random,
            &[
                "1.0", "1", "1.0.34", "1.31", "1.99.99", "2.0.0", "0.9.0", "1.0.0-rc", "1.x", "", "1.0.0.0", "10.0.0",
            ],
        );
        put(&mut file.signed, &["spec_version"], json!(edition));
        edition.to_owned()
    })
}

pub(super) fn unknown_field(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let value = one_of(
            random,
            &[json!("note"), json!(7), json!({"a": [1, null, true]}), json!([])],
        )
        .clone();
        if chance(random, 15) {
            file.beside = Some(value);
            return "beside signed".to_owned();
        }
        let places = places(&file.signed, |value| value.is_object());
        let place = one_of(random, &places).clone();
        if let Some(Value::Object(fields)) = file.signed.pointer_mut(&place) {
            fields.insert("x-note".to_owned(), value);
        }
        place
    })
}

/// The paths of all values of this kind, below `signed`.
fn places(signed: &Value, wanted: fn(&Value) -> bool) -> Vec<String> {
    fn walk(value: &Value, path: &str, wanted: fn(&Value) -> bool, out: &mut Vec<String>) {
        if wanted(value) {
            out.push(path.to_owned());
        }
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    walk(field, &format!("{path}/{key}"), wanted, out);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}/{index}"), wanted, out);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut out = Vec::new();
    walk(signed, "", wanted, &mut out);
    out
}

/// A path that is not the whole; short ones are as likely as the many long ones.
fn draw_place(signed: &Value, random: &mut Random) -> String {
    let mut places = places(signed, |_| true);
    places.retain(|place| !place.is_empty());
    if chance(random, 50) {
        let depth = 1 + random.below(3);
        let shallow: Vec<String> = places
            .iter()
            .filter(|place| place.matches('/').count() <= depth)
            .cloned()
            .collect();
        return one_of(random, &shallow).clone();
    }
    one_of(random, &places).clone()
}

pub(super) fn field_missing(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let place = draw_place(&file.signed, random);
        let (parent, last) = place.rsplit_once('/').expect("a path begins with a slash");
        let last = last.replace("~1", "/").replace("~0", "~");
        match file.signed.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(&last)),
            Some(Value::Array(items)) => drop(items.remove(last.parse().unwrap_or(0))),
            _ => {}
        }
        place
    })
}

pub(super) fn field_of_another_kind(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let place = draw_place(&file.signed, random);
        let value = one_of(
            random,
            &[
                Value::Null,
                json!(true),
                json!(false),
                json!(0),
                json!(1),
                json!(-1),
                json!(u64::MAX),
                json!(""),
                json!("1"),
                json!("text"),
                json!([]),
                json!({}),
                json!(["a"]),
                json!({"a": 1}),
            ],
        )
        .clone();
        let said = format!("{place} becomes {value}");
        if let Some(found) = file.signed.pointer_mut(&place) {
            *found = value;
        }
        said
    })
}

pub(super) fn target_entry(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    let roles: Vec<String> = repository
        .delegated
        .keys()
        .cloned()
        .chain(["targets".to_owned()])
        .collect();
    let role = one_of(random, &roles).clone();
    let file = repository.file(&role);
    let version = file.version();
    let Some(targets) = file.signed.get_mut("targets").and_then(Value::as_object_mut) else {
        return "no targets".to_owned();
    };
    let Some((name, entry)) = targets.iter_mut().next() else {
        let name = if role == "targets" {
            "f1"
        } else {
            return "lists nothing".to_owned();
        };
        targets.insert(name.to_owned(), listing(&role, name, version));
        return "listed".to_owned();
    };
    let kind = random.below(9);
    let sha256 = entry["hashes"]["sha256"].clone();
    match kind {
        0 => put(entry, &["hashes"], json!({"sha512": "00".repeat(64)})),
        1 => put(entry, &["hashes", "sha512"], json!("00".repeat(64))),
        2 => put(
            entry,
            &["hashes", "sha256"],
            json!(sha256.as_str().unwrap_or_default().to_uppercase()),
        ),
        3 => put(entry, &["hashes", "sha256"], json!("00")),
        4 => put(entry, &["hashes"], json!({})),
        5 => put(entry, &["length"], json!(0)),
        6 => put(entry, &["custom"], json!({"version": 1, "more": ["a"]})),
        7 => put(entry, &["custom"], Value::Null),
        _ => put(entry, &["hashes", "later"], json!({"a": 1})),
    }
    format!("{name} of {role}, kind {kind}")
}

pub(super) fn rewritten(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let at = random.below(1 << 16);
        let rewrite = match random.below(4) {
            0 | 1 => Rewrite::Byte {
                at,
                flip: 1 << random.below(8),
            },
            2 => Rewrite::Truncated { at },
            _ => Rewrite::Followed {
                by: one_of::<&str>(random, &["\n", " ", "{}", "\0", "x", ","]),
            },
        };
        let said = format!("{rewrite:?}");
        file.rewrites = vec![rewrite];
        said
    })
}

pub(super) fn key_repeated(repository: &mut Repository, random: &mut Random, _: &[Files]) -> String {
    change_any(repository, random, |file, random| {
        let rewrite = Rewrite::Repeated {
            key: random.below(1 << 16),
            value: one_of::<&str>(
                random,
                &["1", "{}", "[]", "\"\"", "null", "\"2090-01-01T00:00:00Z\"", "2"],
            ),
        };
        let said = format!("{rewrite:?}");
        file.rewrites = vec![rewrite];
        said
    })
}
