//! What a thief gains with stolen keys, and what not: each line of the design's list is a drill here.
//!
//! A thief who also holds the online keys (timestamp and snapshot) can publish anything else that he can sign.

use super::row::{Outcome, Row};
use super::{AT_DOCUMENT, AT_PRODUCT, AT_SNAPSHOT, IMAGE, INSTALLED, TO_IMAGE};
use crate::simulator::keys::Key;
use crate::simulator::release::POINTER;
use crate::simulator::role::key_table;
use crate::simulator::{PRODUCT_ROLE, Simulator, rollout_key, root_keys, snapshot_key, targets_keys, timestamp_key};
use serde_json::json;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = nothing();
    rows.extend(something());
    rows.extend(everything());
    rows
}

/// The thief's own keys, two of them.
fn own() -> [Key; 2] {
    ["thief 1", "thief 2"].map(Key::of)
}

/// The thief delegates the product to himself, with targets that these keys sign.
fn take_the_product(repository: &mut Simulator, signers: &[Key]) {
    let now = repository.now;
    for key in own() {
        repository.targets.signed["delegations"]["keys"][key.id()] = key.object();
    }
    repository.delegation(PRODUCT_ROLE)["keyids"] = json!(own().map(|key| key.id()));
    repository.targets.revise(2, now);
    repository.targets.sign_with(signers);
    repository.role(PRODUCT_ROLE).sign_with(&own());
    repository.publish();
}

/// The thief gives every role to himself, with a root that the stolen root keys sign.
fn take_the_root(repository: &mut Simulator) {
    repository.stage_root();
    repository.root.signed["keys"] = key_table(&own());
    for role in ["root", "targets", "snapshot", "timestamp"] {
        repository.set_root_keys(role, &own(), 2);
    }
    let [one, two, _] = root_keys();
    repository.root.sign_with([&one, &two, &own()[0], &own()[1]]);
    repository.publish_root();
    repository.timestamp.sign_with(&own());
    repository.snapshot.sign_with(&own());
    take_the_product(repository, &own());
}

fn nothing() -> Vec<Row> {
    let at_targets: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.targets"];
    vec![
        Row::new(
            "thief_of_online_keys_cannot_release",
            "design 3: lifetimes",
            |repository| {
                repository
                    .role(PRODUCT_ROLE)
                    .sign_with(&[timestamp_key(), snapshot_key()]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, &["timestamp", "snapshot"]),
        Row::new(
            "thief_of_online_keys_cannot_delegate",
            "design 3: lifetimes",
            |repository| {
                take_the_product(repository, &[timestamp_key(), snapshot_key()]);
            },
        )
        .refused("TooFewSignatures", at_targets, &["timestamp", "snapshot"]),
        Row::new(
            "thief_of_the_rollout_key_cannot_release",
            "design 3: lifetimes",
            |repository| {
                repository
                    .role(PRODUCT_ROLE)
                    .sign_with(&[rollout_key("lamp"), timestamp_key()]);
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, &["timestamp", "snapshot"]),
        Row::new(
            "thief_of_product_keys_cannot_go_below_the_counter",
            "design 4: counter",
            |repository| {
                repository.release.set_security_version(0);
                repository.release.document["rollback"] = json!(true);
                repository.publish();
            },
        )
        .refused(
            "BelowCounter",
            AT_DOCUMENT,
            &["timestamp", "snapshot", "lamp", "document"],
        ),
        Row::new("thief_of_targets_keys_cannot_write_a_root", "TUF 5.3.4", |repository| {
            repository.stage_root();
            repository.set_root_keys("root", &own(), 2);
            let [one, two] = targets_keys();
            repository.root.sign_with([&one, &two, &own()[0], &own()[1]]);
            repository.publish_root();
            repository.publish();
        })
        .refused("TooFewSignatures", super::AT_ROOT, &[]),
    ]
}

fn something() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_online_keys_freezes",
            "design 3: a freeze up to the product role's expiry",
            |repository| {
                // Everything looks fresh, and nothing is new.
                let now = repository.now;
                *repository = Simulator::healthy(now);
                repository.revise();
                repository.publish();
            },
        )
        .expects(Outcome::UpToDate, AT_SNAPSHOT, &["timestamp", "snapshot"]),
        Row::new(
            "thief_of_product_keys_releases",
            "design 3: any image of that product",
            |repository| {
                repository.publish();
            },
        )
        .release(|repository| repository.release.carry(vec![0xee; 4_096]))
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED),
    ]
}

/// Keys that are kept offline for a reason.
fn everything() -> Vec<Row> {
    vec![
        Row::new(
            "thief_of_targets_keys_releases",
            "design 3: any product",
            |repository| {
                take_the_product(repository, &targets_keys());
            },
        )
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "2.snapshot",
                "2.targets",
                "2.lamp",
                POINTER,
                IMAGE,
            ],
            &[
                "timestamp",
                "snapshot",
                "targets",
                "lamp",
                "document",
                "boot record",
                "spare slot",
            ],
        ),
        Row::new(
            "thief_of_root_keys_owns_everything",
            "design 3: everything",
            take_the_root,
        )
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "3.root",
                "timestamp",
                "2.snapshot",
                "2.targets",
                "2.lamp",
                POINTER,
                IMAGE,
            ],
            &[
                "root",
                "timestamp",
                "snapshot",
                "targets",
                "lamp",
                "document",
                "boot record",
                "spare slot",
            ],
        ),
    ]
}
