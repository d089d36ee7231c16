//! What goes wrong with a repository: a change to what a file means, to what it is pinned as, or to the bytes served.
//!
//! Whoever changes a meaning has the keys: the file is signed again, and everything above it agrees with it, so that the
//! change is the only fault.

mod delegations;
mod files;
mod keys;
mod pins;
mod served;

use crate::case::Files;
use crate::repository::{EXPIRED, Repository, VALID, one_of, put};
use serde_json::json;
use tuffet_integration::nor::Random;

/// When in the making of a state a change is made.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Stage {
    Meaning,
    SnapshotPins,
    TimestampPins,
    Bytes,
}

type Change = fn(&mut Repository, &mut Random, &[Files]) -> String;

/// All changes: their names stand in the story of a state.
const CHANGES: &[(Stage, &str, Change)] = &[
    (Stage::Meaning, "signatures", files::signatures),
    (Stage::Meaning, "signatures", files::signatures),
    (Stage::Meaning, "version", files::version),
    (Stage::Meaning, "version", files::version),
    (Stage::Meaning, "expired", files::expired),
    (Stage::Meaning, "expires_spelling", files::expires_spelling),
    (Stage::Meaning, "wrong_type", files::wrong_type),
    (Stage::Meaning, "spec_version", files::spec_version),
    (Stage::Meaning, "unknown_field", files::unknown_field),
    (Stage::Meaning, "threshold", keys::threshold),
    (Stage::Meaning, "key_under_two_ids", keys::key_under_two_ids),
    (Stage::Meaning, "key_id_not_its_hash", keys::key_id_not_its_hash),
    (Stage::Meaning, "key_of_another_kind", keys::key_of_another_kind),
    (Stage::Meaning, "weak_key", keys::weak_key),
    (Stage::Meaning, "key_id_listed_twice", keys::key_id_listed_twice),
    (
        Stage::Meaning,
        "role_delegated_twice",
        delegations::role_delegated_twice,
    ),
    (
        Stage::Meaning,
        "role_named_otherwise",
        delegations::role_named_otherwise,
    ),
    (Stage::Meaning, "field_missing", files::field_missing),
    (Stage::Meaning, "field_missing", files::field_missing),
    (Stage::Meaning, "field_of_another_kind", files::field_of_another_kind),
    (Stage::Meaning, "field_of_another_kind", files::field_of_another_kind),
    (
        Stage::Meaning,
        "listed_beyond_delegation",
        delegations::listed_beyond_delegation,
    ),
    (Stage::Meaning, "pattern", delegations::pattern),
    (Stage::Meaning, "target_entry", files::target_entry),
    (Stage::Meaning, "new_delegation", delegations::new_delegation),
    (Stage::Meaning, "cycle", delegations::cycle),
    (Stage::Meaning, "rewritten", files::rewritten),
    (Stage::Meaning, "rewritten", files::rewritten),
    (Stage::Meaning, "key_repeated", files::key_repeated),
    (Stage::Meaning, "role_gone", delegations::role_gone),
    (Stage::SnapshotPins, "snapshot_pin", pins::snapshot_pin),
    (Stage::SnapshotPins, "snapshot_pin", pins::snapshot_pin),
    (Stage::SnapshotPins, "snapshot_entry_gone", pins::snapshot_entry_gone),
    (Stage::TimestampPins, "timestamp_pin", pins::timestamp_pin),
    (Stage::TimestampPins, "timestamp_meta", pins::timestamp_meta),
    (Stage::Bytes, "file_gone", served::file_gone),
    (Stage::Bytes, "file_edited", served::file_edited),
    (Stage::Bytes, "file_replaced", served::file_replaced),
    (Stage::Bytes, "old_file_served", served::old_file_served),
    (Stage::Bytes, "old_file_served", served::old_file_served),
];

/// Publishes a state in which this many things go wrong. Says which.
pub fn publish(repository: &mut Repository, random: &mut Random, before: &[Files], changes: usize) -> Vec<String> {
    let mut chosen: Vec<_> = (0..changes).map(|_| one_of(random, CHANGES)).collect();
    chosen.sort_by_key(|(stage, _, _)| *stage as u8);
    let mut story = Vec::new();
    let mut run = |stage: Stage, repository: &mut Repository, random: &mut Random| {
        for (at, name, change) in &chosen {
            if *at == stage {
                story.push(format!("{name}: {}", change(repository, random, before)));
            }
        }
    };
    run(Stage::Meaning, repository, random);
    repository.publish_roles(random);
    run(Stage::SnapshotPins, repository, random);
    repository.publish_snapshot(random);
    run(Stage::TimestampPins, repository, random);
    repository.publish_timestamp(random);
    run(Stage::Bytes, repository, random);
    story
}

/// Undoes what only one state said: expiry that is over is prolonged, and edits of the bytes end.
pub fn repair(repository: &mut Repository) {
    let delegated = repository.delegated.values_mut();
    let top = [
        &mut repository.root,
        &mut repository.timestamp,
        &mut repository.snapshot,
        &mut repository.targets,
    ];
    for file in top.into_iter().chain(delegated) {
        file.rewrites.clear();
        if file.signed["expires"] == json!(EXPIRED) {
            put(&mut file.signed, &["expires"], json!(VALID));
        }
    }
}
